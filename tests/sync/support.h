/* SPDX-License-Identifier: MIT */
/** @file
 *  What the tests of objects share: who waits on an object, groups of threads, counters, recorded
 *  misuse, and signals that interrupt a sleeping thread. */
#ifndef THRUM_TEST_SYNC_SUPPORT_H
#define THRUM_TEST_SYNC_SUPPORT_H

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "park/table.h"
#include "platform/atomic.h"
#include "runner.h"
#include "thrum/status.h"
#include "thrum/time.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* ---- counters that any thread may touch ---- */

/** Add one; returns the new value. */
static inline int bump(int *counter)
{
    return __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

static inline int count_of(const int *counter)
{
    return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

static inline void set_count_of(int *counter, int value)
{
    __atomic_store_n(counter, value, __ATOMIC_SEQ_CST);
}

/** Return when `everyone` have come; a meeting point that is not thrum's. */
static inline void meet(int *met, int everyone)
{
    bump(met);
    while (count_of(met) < everyone)
        sched_yield();
}

typedef struct counter_goal {
    const int *counter;
    int goal;
} counter_goal;

static inline bool has_reached(void *arg)
{
    const counter_goal *wanted = arg;
    return count_of(wanted->counter) >= wanted->goal;
}

/** Return when the counter is at least `goal_`; the case fails if that does not come. */
#define await_count(counter_, goal_)                                                               \
    test_wait_until(has_reached, &((counter_goal){(counter_), (goal_)}))

/* ---- who waits ---- */

/** How many threads are queued on an object at this moment. */
static inline int waiters_on(const void *object)
{
    int count = 0;
    th_bucket *bucket = th_bucket_lock((uintptr_t)object);
    for (const th_waiter *waiter = bucket->first; waiter != NULL; waiter = waiter->next)
        count += th_load_rlx(&waiter->key) == (uintptr_t)object;
    th_bucket_unlock(bucket);
    return count;
}

typedef struct waiters_goal {
    const void *object;
    int goal;
} waiters_goal;

static inline bool has_waiters(void *arg)
{
    const waiters_goal *wanted = arg;
    return waiters_on(wanted->object) == wanted->goal;
}

/** Return when exactly `goal_` threads are queued on the object. */
#define await_waiters(object_, goal_)                                                              \
    test_wait_until(has_waiters, &((waiters_goal){(object_), (goal_)}))

/* ---- groups of threads ---- */

#define GROUP_MAX 128

typedef struct group {
    test_thread threads[GROUP_MAX];
    int size;
} group;

static inline void group_add(group *all, void *(*fn)(void *), void *arg)
{
    CHECK_LT(all->size, GROUP_MAX);
    test_spawn(&all->threads[all->size++], fn, arg);
}

static inline void group_start(group *all, int size, void *(*fn)(void *), void *arg)
{
    all->size = 0;
    while (all->size < size)
        group_add(all, fn, arg);
}

static inline void group_join(group *all)
{
    while (all->size > 0)
        test_join(&all->threads[--all->size]);
}

/** Start `n` threads one by one, so that they are queued on the object in their order. */
static inline void group_queue(group *all, int n, void *(*fn)(void *), void *arg,
                               const void *object)
{
    int before = waiters_on(object);
    all->size = 0;
    while (all->size < n) {
        group_add(all, fn, arg);
        await_waiters(object, before + all->size);
    }
}

/* ---- misuse ---- */

static int misuse_count;
static char misuse_what[1024];
static const void *misuse_object;

static inline void record_misuse(const char *what, const void *object)
{
    snprintf(misuse_what, sizeof misuse_what, "%s", what);
    misuse_object = object;
    misuse_count++;
}

/** Check that running the statement is misuse of `object_`, described with the words `part_`. */
#define CHECK_MISUSE(statement_, object_, part_)                                                   \
    do {                                                                                           \
        misuse_count = 0;                                                                          \
        thrum_misuse_handler test_before = thrum_set_misuse_handler(record_misuse);                \
        statement_;                                                                                \
        CHECK(thrum_set_misuse_handler(test_before) == record_misuse);                             \
        CHECK_EQ(misuse_count, 1);                                                                 \
        CHECK_PTR(misuse_object, (object_));                                                       \
        CHECK_CONTAINS(misuse_what, (part_));                                                      \
    } while (0)

/* ---- signals ---- */

static inline void ignore_signal(int number)
{
    (void)number;
}

/** Have the handler called for the signal, which then interrupts system calls. */
static inline void handle_signal(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    CHECK_EQ(sigaction(number, &action, NULL), 0);
}

/** Interrupt a sleeping thread again and again, each time when it is asleep again. */
static inline void interrupt_sleep(test_thread *thread, int times)
{
    handle_signal(SIGUSR1, ignore_signal);
    for (int i = 0; i < times; i++) {
        test_wait_asleep(thread->tid);
        CHECK_EQ(pthread_kill(thread->handle, SIGUSR1), 0);
    }
    test_wait_asleep(thread->tid);
}

/* ---- deadlines ---- */

/** An instant soon enough to wait for, late enough to fall asleep before it. */
static inline thrum_time soon(void)
{
    return thrum_after(0.005);
}

/** Return when a thread is queued on the object, or when its deadline has passed: a slow machine
 *  may not have queued it by then. */
static inline void await_waiter_until(const void *object, thrum_time deadline)
{
    while (waiters_on(object) == 0 && thrum_now() < deadline)
        sched_yield();
}

/** Deadlines that have passed, in every way one can. */
static const thrum_time past_deadlines[] = {0, 1, -1, INT64_MIN, INT64_MIN + 1};

/** Deadlines that do not come while a test runs. */
static const thrum_time far_deadlines[] = {THRUM_FOREVER, THRUM_FOREVER - 1,
                                           THRUM_FOREVER - 1000000000, INT64_C(1) << 62};

#endif
