/* SPDX-License-Identifier: MIT */
/** @file
 *  Wake 32 sleepers at once: what it costs the thread that wakes them. */
#include <pthread.h>

#include "harness.h"
#include "thrum/barrier.h"
#include "thrum/event.h"
#include "thrum/time.h"

#define SLEEPERS 32
#define WAKES 20
#define SETTLE_S 0.003

static thrum_event event;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int generation;
static thrum_barrier round_over = THRUM_BARRIER(SLEEPERS + 1);

static void *thrum_sleeper(void *arg)
{
    for (int i = 0; i < WAKES; i++) {
        thrum_event_wait(&event);
        if (thrum_barrier_wait(&round_over) < 0 || thrum_barrier_wait(&round_over) < 0)
            bench_wrong("the barrier broke");
    }
    return arg;
}

static void *glibc_sleeper(void *arg)
{
    for (int i = 0; i < WAKES; i++) {
        pthread_mutex_lock(&mutex);
        while (generation == i)
            pthread_cond_wait(&changed, &mutex);
        pthread_mutex_unlock(&mutex);
        if (thrum_barrier_wait(&round_over) < 0 || thrum_barrier_wait(&round_over) < 0)
            bench_wrong("the barrier broke");
    }
    return arg;
}

static void wake_thrum(void)
{
    thrum_event_set(&event);
}

static void wake_glibc(void)
{
    pthread_mutex_lock(&mutex);
    generation++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

/** Mean microseconds of one wake call. Everybody sleeps again before the next. */
static double wakes(void *(*sleeper)(void *), void (*wake)(void))
{
    pthread_t sleepers[SLEEPERS];
    double spent = 0;
    generation = 0;
    for (int i = 0; i < SLEEPERS; i++)
        if (pthread_create(&sleepers[i], NULL, sleeper, NULL) != 0)
            bench_wrong("no more threads");
    for (int i = 0; i < WAKES; i++) {
        thrum_sleep(SETTLE_S);
        double started = bench_now();
        wake();
        spent += bench_now() - started;
        if (thrum_barrier_wait(&round_over) < 0)
            bench_wrong("the barrier broke");
        thrum_event_clear(&event);
        if (thrum_barrier_wait(&round_over) < 0)
            bench_wrong("the barrier broke");
    }
    for (int i = 0; i < SLEEPERS; i++)
        pthread_join(sleepers[i], NULL);
    return spent / WAKES * 1e6;
}

static double thrum_round(void)
{
    return wakes(thrum_sleeper, wake_thrum);
}

static double glibc_round(void)
{
    return wakes(glibc_sleeper, wake_glibc);
}

static const bench_contender contenders[] = {{"thrum event", thrum_round},
                                             {"glibc condition", glibc_round}};

BENCH_MAIN("wake 32 sleepers", "us in the waker", BENCH_LOWER_IS_BETTER, contenders)
