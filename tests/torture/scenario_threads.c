/* SPDX-License-Identifier: MIT */
/** @file
 *  Scenarios: thread, local, thousands. */
#include <stdlib.h>
#include <string.h>

#include "torture.h"

/* ---- thread ---- */

#define BATCH 8

static uint64_t begun, ran;

static void thread_setup(unsigned workers)
{
    (void)workers;
    begun = ran = 0;
}

static void *live_briefly(void *arg)
{
    __atomic_add_fetch(&ran, 1, __ATOMIC_RELAXED);
    *(unsigned *)arg += 1; /* seen by who joins, and the start is seen here */
    return arg;
}

static void *join_it(void *thread)
{
    torture_expect(thrum_thread_join(thread), false);
    return NULL;
}

/** Start it; the system may be short of threads for a while. */
static bool start(thrum_thread *thread)
{
    int status = thread == NULL ? THRUM_ENOMEM : thrum_thread_start(thread);
    if (status == THRUM_EAGAIN || status == THRUM_ENOMEM) {
        thrum_sleep(0.001);
        return false;
    }
    return torture_expect(status, false);
}

/** Join in one of the ways there are: with patience, with deadlines, beside another joiner. */
static void join(thrum_thread *thread, worker *me)
{
    uint32_t way = torture_random(me, 8);
    thrum_thread *other = NULL;
    if (way == 0)
        other = thrum_spawn(join_it, thread, .stack_bytes = torture_stack_bytes());
    int status = THRUM_ETIMEDOUT;
    while (way <= 3 && status == THRUM_ETIMEDOUT)
        status = thrum_thread_join_until(thread, torture_soon(me));
    torture_expect(way <= 3 ? status : thrum_thread_join(thread), false);
    if (thrum_thread_is_alive(thread))
        torture_count(OVERLAP, 1);
    if (other != NULL) {
        torture_expect(thrum_thread_join(other), false);
        thrum_thread_free(other);
    }
}

static bool thread_step(worker *me)
{
    thrum_thread *threads[BATCH];
    unsigned marks[BATCH];
    unsigned count = 1 + torture_random(me, BATCH), started = 0;
    for (unsigned i = 0; i < count; i++) {
        marks[started] = 0;
        threads[started] =
            thrum_thread_new(live_briefly, &marks[started], .stack_bytes = torture_stack_bytes());
        if (start(threads[started]))
            started++;
        else
            thrum_thread_free(threads[started]);
    }
    __atomic_add_fetch(&begun, started, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < started; i++) {
        join(threads[i], me);
        if (marks[i] != 1 || thrum_thread_result(threads[i]) != &marks[i])
            torture_count(LOST, 1);
        thrum_thread_free(threads[i]);
    }
    return !torture_stopping();
}

static void thread_check(void)
{
    torture_conserve(begun, ran);
}

const scenario scenario_thread = {
    .name = "thread",
    .proves = "every thread that is started runs once, and is joined by all who want to",
    .setup = thread_setup,
    .step = thread_step,
    .check = thread_check,
    .least = 1,
    .in_mixed = true,
    .starts = true,
};

/* ---- local ---- */

typedef struct value {
    uint64_t owner; /* the ident of the thread whose value this is */
    uint64_t serial;
} value;

static uint64_t created, destroyed;

static void *create_value(void)
{
    value *it = calloc(1, sizeof *it);
    if (it == NULL)
        return NULL;
    it->owner = thrum_get_ident();
    it->serial = __atomic_add_fetch(&created, 1, __ATOMIC_RELAXED);
    return it;
}

static void destroy_value(void *it)
{
    memset(it, 0xa5, sizeof(value));
    __atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED);
    free(it);
}

static thrum_local everybodys;

static void local_setup(unsigned workers)
{
    (void)workers;
    everybodys = (thrum_local)THRUM_LOCAL(create_value, destroy_value);
    created = destroyed = 0;
}

static void use_local(thrum_local *local)
{
    value *mine = thrum_local_get(local);
    if (mine == NULL || mine->owner != thrum_get_ident())
        torture_count(OVERLAP, 1);
    if (thrum_local_get(local) != mine)
        torture_count(LOST, 1);
}

static void *use_in_a_thread(void *arg)
{
    use_local(&everybodys);
    use_local(arg);
    value *another = create_value();
    if (another != NULL)
        torture_expect(thrum_local_set(&everybodys, another), false);
    use_local(&everybodys);
    return NULL;
}

static bool local_step(worker *me)
{
    thrum_local passing = THRUM_LOCAL(create_value, destroy_value);
    use_local(&everybodys);
    use_local(&passing);
    thrum_thread *thread = NULL;
    if (torture_random(me, 4) == 0)
        thread = thrum_spawn(use_in_a_thread, &passing, .stack_bytes = torture_stack_bytes());
    if (thread != NULL)
        torture_expect(thrum_thread_join(thread), false);
    thrum_thread_free(thread);
    thrum_local_free(&passing);
    return !torture_stopping();
}

static void local_check(void)
{
    torture_conserve(created, destroyed); /* all threads have been joined */
}

const scenario scenario_local = {
    .name = "local",
    .proves = "every thread has its own value, which is destroyed once, before a join returns",
    .setup = local_setup,
    .step = local_step,
    .check = local_check,
    .least = 1,
    .in_mixed = true,
    .starts = true,
};

/* ---- thousands: one worker and a crowd that it wakes in one call ---- */

#define CROWD 2000
#define GATES 4

static thrum_thread *crowd[CROWD];
static struct {
    thrum_event event[2];
    thrum_lock lock;
    thrum_condition condition;
    thrum_semaphore semaphore, back;
    thrum_barrier barrier;
    uint64_t round; /* under the lock */
    bool last;
    unsigned size, in; /* in: how many have seen the round */
} gate;

static void wait_at_condition(uint64_t round)
{
    THRUM_HOLD(&gate.lock);
    while (gate.round < round)
        torture_expect(thrum_condition_wait(&gate.condition, &gate.lock), false);
    if (gate.round != round)
        torture_count(DOUBLED, 1);
}

/** Rounds come as event, condition, semaphore, barrier. Each of the crowd says when it is through;
 *  at the event, two take turns, for one is set while the next round begins. */
static void *stand_in_the_crowd(void *unused)
{
    for (uint64_t round = 1;; round++) {
        switch (round % GATES) {
        case 1: torture_expect(thrum_event_wait(&gate.event[round / GATES % 2]), false); break;
        case 2: wait_at_condition(round); break;
        case 3: torture_expect(thrum_semaphore_acquire(&gate.semaphore), false); break;
        default:
            if (thrum_barrier_wait(&gate.barrier) < 0)
                torture_count(UNEXPECTED_STATUS, 1);
        }
        __atomic_add_fetch(&gate.in, 1, __ATOMIC_RELAXED);
        bool last = gate.last;
        torture_expect(thrum_semaphore_release(&gate.back, 1), false);
        if (last)
            return unused;
    }
}

static void thousands_setup(unsigned workers)
{
    (void)workers;
    unsigned size = torture_scale(CROWD);
    memset(&gate, 0, sizeof gate);
    while (gate.size < size) {
        crowd[gate.size] = thrum_spawn(stand_in_the_crowd, NULL, .name = "crowd",
                                       .stack_bytes = torture_stack_bytes());
        if (crowd[gate.size] == NULL)
            break; /* the system has no more */
        gate.size++;
    }
    /* Nobody is at the barrier before the first rounds are over. */
    torture_expect(thrum_barrier_init(&gate.barrier, gate.size + 1, NULL, NULL), false);
}

static void open_gate(uint64_t round)
{
    switch (round % GATES) {
    case 1:
        thrum_event_clear(&gate.event[1 - round / GATES % 2]);
        thrum_event_set(&gate.event[round / GATES % 2]);
        break;
    case 2:
        thrum_with (&gate.lock) {
            gate.round = round;
            thrum_condition_notify_all(&gate.condition);
        }
        break;
    case 3: torture_expect(thrum_semaphore_release(&gate.semaphore, gate.size), false); break;
    default:
        if (thrum_barrier_wait(&gate.barrier) < 0)
            torture_count(UNEXPECTED_STATUS, 1);
    }
}

static bool thousands_step(worker *me)
{
    uint64_t round = ++me->own[0];
    bool last = torture_stopping();
    if (torture_random(me, 2) == 0)
        thrum_sleep(0.001); /* let them all fall asleep, or not */
    gate.in = 0;
    gate.last = last;
    open_gate(round);
    for (unsigned i = 0; i < gate.size; i++)
        torture_expect(thrum_semaphore_acquire(&gate.back), false);
    torture_conserve(gate.size, __atomic_load_n(&gate.in, __ATOMIC_RELAXED));
    return !last;
}

static void thousands_check(void)
{
    for (unsigned i = 0; i < gate.size; i++) {
        torture_expect(thrum_thread_join(crowd[i]), false);
        thrum_thread_free(crowd[i]);
    }
    if (thrum_semaphore_value(&gate.semaphore) != 0 || thrum_semaphore_value(&gate.back) != 0)
        torture_count(DOUBLED, 1);
}

const scenario scenario_thousands = {
    .name = "thousands",
    .proves = "2000 threads that wait on one object are all woken, each once",
    .setup = thousands_setup,
    .step = thousands_step,
    .check = thousands_check,
    .least = 1,
    .most = 1,
    .starts = true,
};
