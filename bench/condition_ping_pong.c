/* SPDX-License-Identifier: MIT */
/** @file
 *  Two threads take turns under one lock and condition. */
#include <pthread.h>

#include "frames.h"
#include "thrum/condition.h"

static int turn;
static thrum_lock lock;
static thrum_condition changed;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t glibc_changed = PTHREAD_COND_INITIALIZER;

static void thrum_turn(int me)
{
    thrum_lock_acquire(&lock);
    while (turn != me)
        bench_check(thrum_condition_wait(&changed, &lock) == 0, "a wait failed");
    turn = !me;
    thrum_condition_notify(&changed, 1);
    thrum_lock_release(&lock);
}

static void glibc_turn(int me)
{
    pthread_mutex_lock(&mutex);
    while (turn != me)
        pthread_cond_wait(&glibc_changed, &mutex);
    turn = !me;
    pthread_cond_signal(&glibc_changed);
    pthread_mutex_unlock(&mutex);
}

static double thrum_round(void)
{
    return bench_two(thrum_turn);
}

static double glibc_round(void)
{
    return bench_two(glibc_turn);
}

static const bench_contender contenders[] = {{"thrum", thrum_round}, {"glibc", glibc_round}};

BENCH_VARIANTS(BENCH_PLACED)
BENCH_MAIN("condition ping-pong", "thousand round trips per s", BENCH_HIGHER_IS_BETTER, contenders)
