/* SPDX-License-Identifier: MIT */
/** @file
 *  Two threads take turns under one lock and condition. */
#include <pthread.h>

#include "harness.h"
#include "thrum/condition.h"

#define ROUNDS 50000

static int turn;
static thrum_lock lock;
static thrum_condition changed;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t glibc_changed = PTHREAD_COND_INITIALIZER;

static void take_turn(int me)
{
    thrum_lock_acquire(&lock);
    while (turn != me)
        thrum_condition_wait(&changed, &lock);
    turn = !me;
    thrum_condition_notify(&changed, 1);
    thrum_lock_release(&lock);
}

static void glibc_take_turn(int me)
{
    pthread_mutex_lock(&mutex);
    while (turn != me)
        pthread_cond_wait(&glibc_changed, &mutex);
    turn = !me;
    pthread_cond_signal(&glibc_changed);
    pthread_mutex_unlock(&mutex);
}

static void *thrum_partner(void *arg)
{
    bench_place(1);
    for (int i = 0; i < ROUNDS; i++) {
        take_turn(1);
    }
    return arg;
}

static double thrum_round(void)
{
    pthread_t partner;
    bench_place(0);
    double started = bench_now();
    if (pthread_create(&partner, NULL, thrum_partner, NULL) != 0)
        bench_wrong("no more threads");
    for (int i = 0; i < ROUNDS; i++) {
        take_turn(0);
    }
    pthread_join(partner, NULL);
    return ROUNDS / (bench_now() - started) / 1e3;
}

static void *glibc_partner(void *arg)
{
    bench_place(1);
    for (int i = 0; i < ROUNDS; i++) {
        glibc_take_turn(1);
    }
    return arg;
}

static double glibc_round(void)
{
    pthread_t partner;
    bench_place(0);
    double started = bench_now();
    if (pthread_create(&partner, NULL, glibc_partner, NULL) != 0)
        bench_wrong("no more threads");
    for (int i = 0; i < ROUNDS; i++) {
        glibc_take_turn(0);
    }
    pthread_join(partner, NULL);
    return ROUNDS / (bench_now() - started) / 1e3;
}

static const bench_contender contenders[] = {{"thrum", thrum_round}, {"glibc", glibc_round}};

BENCH_MAIN("condition ping-pong", "thousand round trips per s", BENCH_HIGHER_IS_BETTER, contenders)
