/* SPDX-License-Identifier: MIT */
/** @file
 *  Models that the mutation gate (tools/mutate.py) asked for: faults no other model notices. */
#include <setjmp.h>
#include <string.h>
#include <unwind.h>

#include "model_kit.h"
#include "park/context.h"
#include "platform/atomic.h"
#include "thread/record.h"
#include "thread/shutdown.h"
#include "thrum/barrier.h"
#include "thrum/condition.h"
#include "thrum/event.h"
#include "thrum/local.h"
#include "thrum/lock.h"
#include "thrum/once.h"
#include "thrum/semaphore.h"
#include "thrum/thread.h"

/* ---- handlers are published with what they read ---- */

static int written_by_first, written_by_second;

static void read_first(const char *what, const void *object)
{
    (void)what;
    (void)object;
    model_assert(written_by_first == 1);
}

static void read_second(const char *what, const void *object)
{
    (void)what;
    (void)object;
    model_assert(written_by_second == 1);
}

static void ignore_misuse(const char *what, const void *object)
{
    (void)what;
    (void)object;
}

static void ignore_all(void)
{
    (void)thrum_set_misuse_handler(ignore_misuse);
}

/** The handler before is the caller's to call: what it needs has been written. */
static void set_first(void)
{
    written_by_first = 1;
    if (thrum_set_misuse_handler(read_first) == read_second)
        read_second(NULL, NULL);
}

static void set_second(void)
{
    written_by_second = 1;
    if (thrum_set_misuse_handler(read_second) == read_first)
        read_first(NULL, NULL);
}

static void misuse(void)
{
    thrum_lock_release(NULL);
}

MODEL(gate, misuse_handler, .what = "what was written before a misuse handler was set, it reads",
      .setup = ignore_all, .threads = {set_first, misuse, set_second}, .stale_reads = 1,
      .preemptions = 2)

static void hook_first(const thrum_thread *thread, const thrum_error *error)
{
    (void)thread;
    (void)error;
    model_assert(written_by_first == 1);
}

static void hook_second(const thrum_thread *thread, const thrum_error *error)
{
    (void)thread;
    (void)error;
    model_assert(written_by_second == 1);
}

static void set_first_hook(void)
{
    written_by_first = 1;
    if (thrum_set_excepthook(hook_first) == hook_second)
        hook_second(NULL, NULL);
}

static void set_second_hook(void)
{
    written_by_second = 1;
    if (thrum_set_excepthook(hook_second) == hook_first)
        hook_first(NULL, NULL);
}

MODEL(gate, excepthooks, .what = "written before an excepthook was set, read by who replaces it",
      .threads = {set_first_hook, set_second_hook}, .stale_reads = 1)

/* ---- reports say who waits for what ---- */

static thrum_lock a, b;

static void take(thrum_lock *first, const char *first_site, thrum_lock *second,
                 const char *second_site)
{
    thrum_lock_acquire_at(first, first_site);
    thrum_lock_acquire_at(second, second_site);
    thrum_lock_release(second);
    thrum_lock_release(first);
}

static void take_ab(void)
{
    take(&a, "a", &b, "b of the first");
}

static void take_ba(void)
{
    take(&b, "b", &a, "a of the second");
}

static void queue_for_a(void)
{
    thrum_lock_acquire_at(&a, "the queue's head");
    thrum_lock_release(&a);
}

static void not_of_the_head(void)
{
    const char *said = model_stderr();
    bool is_said = strstr(said, "deadlock:") != NULL;
    model_assert(strstr(said, "the queue's head") == NULL);
    model_assert(!is_said || strstr(said, "a of the second") != NULL);
}

MODEL(gate, reports_its_own, .what = "a report names the place of each waiter, not of its queue",
      .threads = {take_ab, queue_for_a, take_ba}, .finish = not_of_the_head, .may_deadlock = true,
      .reports_deadlocks = true, .preemptions = 2)

static thrum_condition condition;
static bool is_notified;

static void wait_inside_b(void)
{
    thrum_lock_acquire(&b);
    thrum_lock_acquire(&a);
    if (!is_notified)
        model_assert(thrum_condition_wait(&condition, &a) == 0);
    thrum_lock_release(&a);
    thrum_lock_release(&b);
}

static void notify_and_want_b(void)
{
    thrum_lock_acquire(&a);
    is_notified = true;
    thrum_condition_notify(&condition, 1);
    thrum_lock_acquire(&b);
    thrum_lock_release(&b);
    thrum_lock_release(&a);
}

static void stuck_is_reported_once(void)
{
    bool is_stuck = model_is_asleep(0) && model_is_asleep(1);
    bool is_said = strstr(model_stderr(), "deadlock:") != NULL;
    model_assert(is_said == is_stuck);
}

MODEL(gate, reports_notified, .what = "a notified waiter waits for its lock, and reports know it",
      .threads = {wait_inside_b, notify_and_want_b}, .finish = stuck_is_reported_once,
      .may_deadlock = true, .reports_deadlocks = true, .preemptions = 2)

/* ---- what came before a deadline is no reason to have missed it ---- */

static thrum_event event;
static thrum_time deadline, set_at;
static int status;

static void make_deadline(void)
{
    deadline = kit_soon();
}

static void wait_until_deadline(void)
{
    status = thrum_event_wait_until(&event, deadline);
}

static void set_and_look_at_clock(void)
{
    thrum_event_set(&event);
    set_at = thrum_now();
}

static void late_only_if_set_late(void)
{
    model_assert(status == 0 || set_at >= deadline);
}

MODEL(gate, set_in_time,
      .what = "who waits for an event that is set in time is told so, however late",
      .setup = make_deadline, .threads = {wait_until_deadline, set_and_look_at_clock},
      .finish = late_only_if_set_late, .ticks = 1)

/* ---- an action that forks ---- */

static thrum_barrier barrier;
static th_context *contexts[2];
static bool is_child;

static int fork_in_action(void *unused)
{
    (void)unused;
    is_child = model_fork() == 0;
    return 0;
}

static void make_forking_barrier(void)
{
    model_assert(thrum_barrier_init(&barrier, 2, fork_in_action, NULL) == 0);
}

/** In the child, who waited in the parent is left alone: its stack may be another's. */
static void pass_and_look_at_other(void)
{
    unsigned other = 1 - model_thread();
    contexts[model_thread()] = th_self();
    model_assert(thrum_barrier_wait(&barrier) >= 0);
    if (is_child) /* relaxed: no other thread exists */
        model_assert(th_load_rlx(&contexts[other]->parker.permit) != 1);
}

MODEL(gate, forks_in_action, .what = "the child of a barrier's action wakes nobody of its parent",
      .setup = make_forking_barrier, .threads = {pass_and_look_at_other, pass_and_look_at_other},
      .preemptions = 2)

/* ---- who is stopped has nothing of others ---- */

static thrum_semaphore semaphore;

static void *take_lock(void *unused)
{
    thrum_lock_acquire(&a);
    thrum_lock_release(&a);
    return unused;
}

static void *take_permit(void *unused)
{
    model_assert(thrum_semaphore_acquire(&semaphore) == 0);
    model_assert(thrum_semaphore_release(&semaphore, 1) == 0);
    return unused;
}

static void hold_lock_at_end(void)
{
    thrum_lock_acquire(&a);
    kit_end_beside(take_lock, THRUM_DAEMON);
    thrum_lock_release(&a);
    thrum_lock_acquire(&a);
    thrum_lock_release(&a);
}

static void hold_permit_at_end(void)
{
    kit_end_beside(take_permit, THRUM_DAEMON);
    model_assert(thrum_semaphore_release(&semaphore, 1) == 0);
    model_assert(thrum_semaphore_acquire(&semaphore) == 0);
    model_assert(thrum_semaphore_release(&semaphore, 1) == 0);
}

MODEL(gate, stops_without_lock,
      .what = "a daemon is granted a lock after the end, and passes it on",
      .threads = {hold_lock_at_end}, .may_leak = true, .preemptions = 2)
MODEL(gate, stops_without_permit, .what = "the same with a permit", .threads = {hold_permit_at_end},
      .may_leak = true, .preemptions = 2)

/* ---- a once that is left ---- */

static thrum_once once;
static int begun;
static jmp_buf outside[2];

/** Unwind as pthread_exit does, up to the frame that `place` stands in. */
static _Unwind_Reason_Code stop_outside(int version, _Unwind_Action actions,
                                        _Unwind_Exception_Class class,
                                        struct _Unwind_Exception *exception,
                                        struct _Unwind_Context *context, void *place)
{
    (void)version;
    (void)actions;
    (void)class;
    (void)exception;
    if (_Unwind_GetCFA(context) >= (uintptr_t)place)
        longjmp(outside[model_thread()], 1);
    return _URC_NO_REASON;
}

static void leave_at_first(void *place)
{
    static struct _Unwind_Exception exception;
    if (begun++ == 0)
        _Unwind_ForcedUnwind(&exception, stop_outside, place);
}

static void run_or_leave(void)
{
    char place = 0;
    if (setjmp(outside[model_thread()]) == 0)
        thrum_once_run(&once, leave_at_first, &place);
}

static void run_to_the_end(void)
{
    model_assert(begun == 1 || begun == 2);
}

MODEL(gate, leaves_once, .what = "who runs a once again reads what the run that was left wrote",
      .threads = {run_or_leave, run_or_leave}, .finish = run_to_the_end, .stale_reads = 1,
      .preemptions = 2)

/* ---- locals that share a place ---- */

#define LOCALS 12

static thrum_local locals[LOCALS];
static int values[LOCALS];

/** Some two of so many have the same place in a map of eight, so that one is found past the other;
 *  which is known only to the map. */
static void free_one_of_two(void)
{
    for (int i = 0; i < LOCALS; i++) /* each gets its number */
        model_assert(thrum_local_set(&locals[i], NULL) == 0);
    unsigned gone = model_choose(LOCALS), kept = model_choose(LOCALS);
    if (gone == kept)
        return;
    model_assert(thrum_local_set(&locals[gone], &values[gone]) == 0);
    model_assert(thrum_local_set(&locals[kept], &values[kept]) == 0);
    if (model_choose(2) == 0)
        thrum_local_free(&locals[gone]);
    else
        model_assert(thrum_local_set(&locals[gone], NULL) == 0);
    model_assert(thrum_local_get(&locals[gone]) == NULL);
    model_assert(thrum_local_get(&locals[kept]) == &values[kept]);
}

MODEL(gate, finds_locals, .what = "a value that is taken out hides no other",
      .threads = {free_one_of_two}, .may_leak = true)

/* ---- handles that go early ---- */

static thrum_thread *own;

static void *free_own_handle(void *unused)
{
    thrum_thread_free(own);
    return unused;
}

static void start_what_frees_itself(void)
{
    own = thrum_thread_new(free_own_handle, NULL);
    model_assert(own != NULL);
    model_assert(thrum_thread_start(own) == 0);
}

MODEL(gate, frees_itself,
      .what = "a thread frees its handle and ends while its starter still starts it",
      .threads = {start_what_frees_itself}, .preemptions = 2)

/* ---- the end, seen by others ---- */

static thrum_event never;

static void *wait_for_ever(void *unused)
{
    thrum_event_wait(&never);
    return unused;
}

static void make_daemon(void)
{
    own = thrum_thread_new(wait_for_ever, NULL, .daemon = THRUM_DAEMON);
    model_assert(own != NULL);
}

/** Who sees that the program has ended for a daemon sees that the daemon has been told. */
static void look_whether_stopped(void)
{
    int refused = thrum_thread_start(own);
    model_assert(refused == 0 || refused == THRUM_ESHUTDOWN);
    if (refused == 0 && th_shutdown_abandons(own))
        model_assert(th_shutdown_has_stopped(own));
}

static void end_program(void)
{
    (void)thrum_shutdown();
}

MODEL(gate, stopped_is_seen,
      .what = "who sees the end sees that daemons have been told, on weak memory",
      .setup = make_daemon, .threads = {look_whether_stopped, end_program}, .abandons = true,
      .may_leak = true, .stale_reads = 1, .preemptions = 2)

/* ---- a fork beside a start ---- */

static void make_thread(void)
{
    own = thrum_thread_new(kit_end_at_once, NULL);
    model_assert(own != NULL);
}

static void start_and_join(void)
{
    model_assert(thrum_thread_start(own) == 0);
    model_assert(thrum_thread_join(own) == 0);
}

/** In the child a thread has not been started, or it has ended. */
static void fork_beside_start(void)
{
    if (model_fork() != 0)
        return;
    uint32_t state = th_record_state(own);
    model_assert(state == TH_NEW || state == TH_FINISHED);
}

MODEL(gate, forks_beside_start, .what = "in a child no thread stays between its start and its end",
      .setup = make_thread, .threads = {fork_beside_start, start_and_join}, .may_leak = true,
      .preemptions = 2)

/* ---- handlers that leave more than there is room for ---- */

#define LEFT_AT_ONCE 9

static thrum_event events[LEFT_AT_ONCE], last_event;
static bool has_left, has_left_last;

static void leave_last(void)
{
    has_left_last = true;
    thrum_event_set(&last_event);
}

static void leave_many(void)
{
    has_left = true;
    model_interrupt(leave_last);
    for (int i = 0; i < LEFT_AT_ONCE; i++)
        thrum_event_set(&events[i]);
}

static void wait_and_be_interrupted(void)
{
    model_interrupt(leave_many);
    (void)thrum_event_wait_until(&event, kit_soon());
    model_interrupt(NULL);
    for (int i = 0; i < LEFT_AT_ONCE; i++)
        model_assert(thrum_event_is_set(&events[i]) == has_left);
    model_assert(thrum_event_is_set(&last_event) == has_left_last);
}

MODEL(gate, leaves_many,
      .what = "a handler interrupts another that needs memory for what it leaves",
      .threads = {wait_and_be_interrupted}, .preemptions = 2)
