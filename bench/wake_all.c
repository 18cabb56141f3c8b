/* SPDX-License-Identifier: MIT */
/** @file
 *  Wake 32 sleepers at once: what it costs the thread that wakes them. Peers wake those who
 *  wait for a condition: one at a time, as its lock becomes free. An event lets all run at once. */
#include "frames.h"
#include "peers/glibc_mutex.h"
#include "thrum/condition.h"
#include "thrum/event.h"

static thrum_event event;
static thrum_lock lock;
static thrum_condition changed;
static int woken; /* so many wakes so far; under the lock */

static void event_sleeper(int wake)
{
    (void)wake;
    bench_check(thrum_event_wait(&event) == 0, "a wait failed");
}

static void event_wake(int wake)
{
    (void)wake;
    thrum_event_set(&event);
}

static void event_reset(int wake)
{
    (void)wake;
    thrum_event_clear(&event);
}

static void condition_sleeper(int wake)
{
    thrum_lock_acquire(&lock);
    while (woken <= wake)
        bench_check(thrum_condition_wait(&changed, &lock) == 0, "a wait failed");
    thrum_lock_release(&lock);
}

static void condition_wake(int wake)
{
    thrum_lock_acquire(&lock);
    woken = wake + 1;
    thrum_condition_notify_all(&changed);
    thrum_lock_release(&lock);
}

static double event_round(void)
{
    return bench_wake_all(event_sleeper, event_wake, event_reset);
}

static double condition_round(void)
{
    woken = 0;
    return bench_wake_all(condition_sleeper, condition_wake, NULL);
}

static const bench_contender contenders[] = {
    {"thrum", condition_round}, {"thrum event", event_round}, {"glibc", peer_wake_all}};

BENCH_MAIN("wake 32 sleepers", "us in the waker", BENCH_LOWER_IS_BETTER, contenders)
