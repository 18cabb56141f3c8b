/* SPDX-License-Identifier: MIT */
/** @file
 *  Wake 32 sleepers at once: what it costs the thread that wakes them. */
#include <pthread.h>

#include "frames.h"
#include "thrum/condition.h"
#include "thrum/event.h"

static thrum_event event;
static thrum_lock lock;
static thrum_condition thrum_changed;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int woken; /* so many wakes so far; under the locks */

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
        bench_check(thrum_condition_wait(&thrum_changed, &lock) == 0, "a wait failed");
    thrum_lock_release(&lock);
}

static void condition_wake(int wake)
{
    thrum_lock_acquire(&lock);
    woken = wake + 1;
    thrum_condition_notify_all(&thrum_changed);
    thrum_lock_release(&lock);
}

static void glibc_sleeper(int wake)
{
    pthread_mutex_lock(&mutex);
    while (woken <= wake)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

static void glibc_wake(int wake)
{
    pthread_mutex_lock(&mutex);
    woken = wake + 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
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

static double glibc_round(void)
{
    woken = 0;
    return bench_wake_all(glibc_sleeper, glibc_wake, NULL);
}

static const bench_contender contenders[] = {
    {"thrum", event_round}, {"thrum condition", condition_round}, {"glibc", glibc_round}};

BENCH_MAIN("wake 32 sleepers", "us in the waker", BENCH_LOWER_IS_BETTER, contenders)
