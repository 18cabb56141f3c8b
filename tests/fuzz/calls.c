/* SPDX-License-Identifier: MIT */
/** @file
 *  Calls.
 *
 *  Purpose     Make the calls of a program. This is the only file here that the explorer observes.
 *  Guarded     What only its holder releases guards a plain variable, which every holder changes:
 *              the explorer sees a race if two hold it, or if a memory order is too weak. */
#include "calls.h"

#include "model.h"
#include "record.h"
#include "thrum/barrier.h"
#include "thrum/condition.h"
#include "thrum/event.h"
#include "thrum/lock.h"
#include "thrum/once.h"
#include "thrum/rlock.h"
#include "thrum/semaphore.h"
#include "thrum/status.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define SOON_S 0.002
#define LATE_S 0.004

typedef union any_object {
    thrum_lock lock;
    thrum_rlock rlock;
    thrum_condition condition;
    thrum_semaphore semaphore;
    thrum_event event;
    thrum_barrier barrier;
    thrum_once once;
} any_object;

static any_object objects[PROGRAM_OBJECTS];
static unsigned visits[PROGRAM_OBJECTS];
static bool is_finishing;

static void begin(const program_call *what, step_kind step, int64_t argument)
{
    record_begin(what, what->object, &step, 1, argument);
}

static thrum_time deadline_of(const program_call *what)
{
    switch (what->deadline) {
    case DEADLINE_SOON: return thrum_after(SOON_S);
    case DEADLINE_LATE: return thrum_after(LATE_S);
    case DEADLINE_PAST: return what->bare ? INT64_MIN : thrum_now() - 1;
    default: return THRUM_FOREVER;
    }
}

/** A status that says that a deadline has passed is right. */
static int checked(int status, thrum_time deadline)
{
    model_assert(status != THRUM_ETIMEDOUT || thrum_now() >= deadline);
    return status;
}

static const program_object *description(unsigned number)
{
    return &record_program()->objects[number];
}

static bool is_rlock(unsigned number)
{
    return description(number)->kind == KIND_RLOCK;
}

/* ---- lock, rlock ---- */

static void visit(unsigned number)
{
    if (is_rlock(number) || description(number)->guarded)
        visits[number]++;
}

static void acquire(const program_call *what, unsigned number)
{
    const step_kind step = STEP_ACQUIRE;
    record_begin(what, number, &step, 1, 0);
    if (is_rlock(number))
        thrum_rlock_acquire(&objects[number].rlock);
    else
        thrum_lock_acquire(&objects[number].lock);
    record_end(0);
    record_holds(number, 1);
    visit(number);
}

static int acquire_some_way(const program_call *what)
{
    thrum_lock *lock = &objects[what->object].lock;
    thrum_rlock *rlock = &objects[what->object].rlock;
    bool again = is_rlock(what->object);
    if (what->verb == VERB_TRY_ACQUIRE)
        return (again ? thrum_rlock_try_acquire(rlock) : thrum_lock_try_acquire(lock))
                   ? 0
                   : THRUM_ETIMEDOUT;
    thrum_time deadline = deadline_of(what);
    return checked(again ? thrum_rlock_acquire_until(rlock, deadline)
                         : thrum_lock_acquire_until(lock, deadline),
                   deadline);
}

static void try_to_acquire(const program_call *what)
{
    begin(what, STEP_ACQUIRE, 0);
    int status = acquire_some_way(what);
    record_end(status);
    if (status != 0)
        return;
    record_holds(what->object, 1);
    visit(what->object);
}

static int release_some_way(const program_call *what, unsigned number)
{
    if (what->verb == VERB_RELEASE_CHECKED)
        return is_rlock(number) ? thrum_rlock_release_checked(&objects[number].rlock)
                                : thrum_lock_release_checked(&objects[number].lock);
    if (is_rlock(number))
        thrum_rlock_release(&objects[number].rlock);
    else
        thrum_lock_release(&objects[number].lock);
    return record_take_misuse() ? THRUM_EPERM : 0;
}

static void release(const program_call *what, unsigned number)
{
    const step_kind step = STEP_RELEASE;
    bool held = record_held(number) > 0;
    if (description(number)->guarded && !is_rlock(number) && !held)
        return;
    if (held) {
        visit(number);
        record_holds(number, -1);
    }
    record_begin(what, number, &step, 1, 0);
    int status = release_some_way(what, number);
    record_end(status);
    if (is_rlock(number))
        model_assert((status == 0) == held);
}

static void ask_lock(const program_call *what)
{
    const thrum_lock *lock = &objects[what->object].lock;
    const thrum_rlock *rlock = &objects[what->object].rlock;
    if (what->verb == VERB_IS_OWNED) {
        model_assert(thrum_rlock_is_owned(rlock) == (record_held(what->object) > 0));
        return;
    }
    begin(what, what->verb == VERB_COUNT ? STEP_COUNT : STEP_LOCKED, 0);
    if (what->verb == VERB_COUNT)
        record_end(thrum_rlock_count(rlock));
    else
        record_end(is_rlock(what->object) ? thrum_rlock_locked(rlock) : thrum_lock_locked(lock));
}

static void call_lock(const program_call *what)
{
    switch (what->verb) {
    case VERB_ACQUIRE: acquire(what, what->object); break;
    case VERB_TRY_ACQUIRE:
    case VERB_ACQUIRE_UNTIL: try_to_acquire(what); break;
    case VERB_RELEASE:
    case VERB_RELEASE_CHECKED: release(what, what->object); break;
    default: ask_lock(what);
    }
}

/* ---- condition ---- */

static int wait_until(const program_call *what, thrum_time deadline)
{
    thrum_condition *condition = &objects[what->object].condition;
    unsigned lock = description(what->object)->lock;
    return is_rlock(lock) ? thrum_condition_wait_until(condition, &objects[lock].rlock, deadline)
                          : thrum_condition_wait_until(condition, &objects[lock].lock, deadline);
}

static void wait_on_condition(const program_call *what)
{
    static const step_kind steps[] = {STEP_QUEUE, STEP_LET_GO, STEP_LEAVE, STEP_TAKE_BACK};
    thrum_time deadline = what->verb == VERB_WAIT ? THRUM_FOREVER : deadline_of(what);
    record_begin(what, what->object, steps, LENGTH(steps), 0);
    record_end(checked(wait_until(what, deadline), deadline));
    visit(description(what->object)->lock);
}

/** Without owning the rlock. */
static void wait_in_vain(const program_call *what)
{
    begin(what, STEP_WAIT_REFUSED, 0);
    record_end(wait_until(what, THRUM_FOREVER));
}

static void notify(const program_call *what)
{
    thrum_condition *condition = &objects[what->object].condition;
    begin(what, STEP_NOTIFY, what->verb == VERB_NOTIFY ? (int64_t)what->n : INT64_MAX);
    if (what->verb == VERB_NOTIFY)
        thrum_condition_notify(condition, what->n);
    else
        thrum_condition_notify_all(condition);
    record_end(0);
}

static void call_condition(const program_call *what)
{
    unsigned lock = description(what->object)->lock;
    bool held = record_held(lock) > 0;
    bool waits = program_waits(what->verb);
    if (waits && what->bare && !held && is_rlock(lock)) {
        wait_in_vain(what);
        return;
    }
    bool takes = !held && (waits || !what->bare);
    if (takes)
        acquire(what, lock);
    if (waits)
        wait_on_condition(what);
    else
        notify(what);
    if (takes)
        release(what, lock);
}

/* ---- semaphore, event, barrier, once ---- */

static void take_permit(const program_call *what)
{
    thrum_semaphore *semaphore = &objects[what->object].semaphore;
    begin(what, STEP_TAKE_PERMIT, 0);
    if (what->verb == VERB_TRY_ACQUIRE) {
        record_end(thrum_semaphore_try_acquire(semaphore) ? 0 : THRUM_ETIMEDOUT);
    } else if (what->verb == VERB_ACQUIRE) {
        record_end(thrum_semaphore_acquire(semaphore));
    } else {
        thrum_time deadline = deadline_of(what);
        record_end(checked(thrum_semaphore_acquire_until(semaphore, deadline), deadline));
    }
}

static void call_semaphore(const program_call *what)
{
    thrum_semaphore *semaphore = &objects[what->object].semaphore;
    if (what->verb == VERB_RELEASE) {
        begin(what, STEP_GIVE_PERMITS, what->n);
        record_end(thrum_semaphore_release(semaphore, what->n));
    } else if (what->verb == VERB_VALUE) {
        begin(what, STEP_VALUE, 0);
        record_end(thrum_semaphore_value(semaphore));
    } else {
        take_permit(what);
    }
}

static void wait_for_event(const program_call *what)
{
    static const step_kind steps[] = {STEP_EVENT_QUEUE, STEP_EVENT_LEAVE};
    thrum_event *event = &objects[what->object].event;
    thrum_time deadline = what->verb == VERB_WAIT ? THRUM_FOREVER : deadline_of(what);
    record_begin(what, what->object, steps, LENGTH(steps), 0);
    record_end(checked(what->verb == VERB_WAIT ? thrum_event_wait(event)
                                               : thrum_event_wait_until(event, deadline),
                       deadline));
}

static void call_event(const program_call *what)
{
    thrum_event *event = &objects[what->object].event;
    if (program_waits(what->verb)) {
        wait_for_event(what);
    } else if (what->verb == VERB_IS_SET) {
        begin(what, STEP_IS_SET, 0);
        record_end(thrum_event_is_set(event));
    } else if (what->verb == VERB_SET) {
        begin(what, STEP_SET, 0);
        thrum_event_set(event);
        record_end(0);
    } else {
        begin(what, STEP_CLEAR, 0);
        thrum_event_clear(event);
        record_end(0);
    }
}

static void wait_at_barrier(const program_call *what)
{
    static const step_kind steps[] = {STEP_ARRIVE, STEP_DEPART};
    thrum_barrier *barrier = &objects[what->object].barrier;
    thrum_time deadline = what->verb == VERB_WAIT ? THRUM_FOREVER : deadline_of(what);
    record_begin(what, what->object, steps, LENGTH(steps), 0);
    record_end(what->verb == VERB_WAIT ? thrum_barrier_wait(barrier)
                                       : thrum_barrier_wait_until(barrier, deadline));
}

static void call_barrier(const program_call *what)
{
    thrum_barrier *barrier = &objects[what->object].barrier;
    switch (what->verb) {
    case VERB_ABORT:
        begin(what, STEP_ABORT, 0);
        thrum_barrier_abort(barrier);
        record_end(0);
        break;
    case VERB_RESET:
        begin(what, STEP_RESET, 0);
        thrum_barrier_reset(barrier);
        record_end(0);
        break;
    case VERB_N_WAITING:
        begin(what, STEP_N_WAITING, 0);
        record_end(thrum_barrier_n_waiting(barrier));
        break;
    case VERB_IS_BROKEN:
        begin(what, STEP_IS_BROKEN, 0);
        record_end(thrum_barrier_is_broken(barrier));
        break;
    default: wait_at_barrier(what);
    }
}

typedef struct once_run {
    unsigned *runs;
    bool mine;
} once_run;

/** What a once runs: with a step in it, so that others may come meanwhile. */
static void count_run(void *arg)
{
    once_run *run = arg;
    (void)thrum_now();
    ++*run->runs;
    run->mine = true;
}

static void call_once(const program_call *what)
{
    once_run run = {&visits[what->object], false};
    begin(what, STEP_RUN, 0);
    thrum_once_run(&objects[what->object].once, count_run, &run);
    record_end(run.mine);
    model_assert(visits[what->object] == 1);
}

/* ---- without an object ---- */

static int misuse_with_status(unsigned number)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    thrum_condition condition = THRUM_CONDITION_INIT;
    switch (number) {
    case 0: return thrum_lock_acquire_until(NULL, THRUM_FOREVER);
    case 1: return thrum_lock_release_checked(NULL);
    case 2: return thrum_rlock_acquire_until(NULL, 0);
    case 3: return thrum_rlock_release_checked(NULL);
    case 4: return thrum_condition_wait(NULL, &lock);
    case 5: return thrum_condition_wait(&condition, (thrum_lock *)NULL);
    case 6: return thrum_condition_wait(&condition, (thrum_rlock *)NULL);
    case 7: return thrum_semaphore_acquire(NULL);
    case 8: return thrum_semaphore_release(NULL, 1);
    case 9: return thrum_event_wait(NULL);
    case 10: return thrum_barrier_wait(NULL);
    default: return thrum_barrier_init(NULL, 1, NULL, NULL);
    }
}

/** Where no status can say so, the handler is called, and nothing is done. */
static void misuse_with_handler(unsigned number)
{
    switch (number) {
    case 0: thrum_lock_acquire(NULL); break;
    case 1: thrum_lock_release(NULL); break;
    case 2: model_assert(!thrum_lock_try_acquire(NULL)); break;
    case 3: thrum_rlock_acquire(NULL); break;
    case 4: thrum_rlock_release(NULL); break;
    case 5: model_assert(!thrum_rlock_try_acquire(NULL)); break;
    case 6: thrum_condition_notify(NULL, 1); break;
    case 7: thrum_condition_notify_all(NULL); break;
    case 8: model_assert(!thrum_semaphore_try_acquire(NULL)); break;
    case 9: thrum_event_set(NULL); break;
    case 10: thrum_event_clear(NULL); break;
    case 11: thrum_barrier_reset(NULL); break;
    case 12: thrum_barrier_abort(NULL); break;
    default: thrum_once_run(NULL, count_run, NULL); break;
    }
}

static void misuse(const program_call *what)
{
    if (what->n % 2 == 0) {
        model_assert(misuse_with_status(what->n / 2 % 12) == THRUM_EINVAL);
        return;
    }
    misuse_with_handler(what->n / 2 % 14);
    model_assert(record_take_misuse());
}

static void pause_for(const program_call *what)
{
    thrum_time until = deadline_of(what);
    model_assert(thrum_sleep_until(until) == 0);
    model_assert(thrum_now() >= until);
}

/* ---- a program ---- */

static void perform(const program_call *what)
{
    if (what->verb == VERB_MISUSE) {
        misuse(what);
        return;
    }
    if (what->verb == VERB_PAUSE) {
        pause_for(what);
        return;
    }
    switch (description(what->object)->kind) {
    case KIND_LOCK:
    case KIND_RLOCK: call_lock(what); break;
    case KIND_CONDITION: call_condition(what); break;
    case KIND_SEMAPHORE: call_semaphore(what); break;
    case KIND_EVENT: call_event(what); break;
    case KIND_BARRIER: call_barrier(what); break;
    default: call_once(what);
    }
}

static void misused(const char *what, const void *object)
{
    (void)what;
    record_misuse(object);
}

void calls_setup(void)
{
    record_start();
    thrum_set_misuse_handler(misused);
    for (unsigned i = 0; i < record_program()->object_count; i++) {
        const program_object *one = description(i);
        if (one->kind == KIND_SEMAPHORE)
            thrum_semaphore_init(&objects[i].semaphore, one->value, one->bounded);
        else if (one->kind == KIND_BARRIER)
            model_assert(thrum_barrier_init(&objects[i].barrier, one->value, NULL, NULL) == 0);
    }
}

void calls_thread(void)
{
    program_call next;
    while (record_next(&next))
        perform(&next);
}

/** What an object says of itself at the end goes into its history. */
static void look_at(unsigned number)
{
    program_call what = {.object = (uint8_t)number};
    switch (description(number)->kind) {
    case KIND_LOCK:
    case KIND_RLOCK: ask_lock(&what); break;
    case KIND_SEMAPHORE:
        what.verb = VERB_VALUE;
        call_semaphore(&what);
        break;
    case KIND_EVENT:
        what.verb = VERB_IS_SET;
        call_event(&what);
        break;
    case KIND_BARRIER:
        what.verb = VERB_N_WAITING;
        call_barrier(&what);
        what.verb = VERB_IS_BROKEN;
        call_barrier(&what);
        break;
    default: break;
    }
}

void calls_finish(void)
{
    if (is_finishing)
        model_fail("an object cannot be looked at: somebody sleeps with a lock of thrum's own");
    is_finishing = true;
    for (unsigned i = 0; i < record_program()->object_count; i++)
        look_at(i);
    record_check();
}
