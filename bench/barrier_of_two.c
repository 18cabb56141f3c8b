/* SPDX-License-Identifier: MIT */
/** @file
 *  Two threads meet at a barrier. */
#include <pthread.h>

#include "harness.h"
#include "thrum/barrier.h"

#define ROUNDS 50000

static thrum_barrier barrier = THRUM_BARRIER(2);
static pthread_barrier_t glibc_barrier;

static void *thrum_partner(void *arg)
{
    bench_place(1);
    for (int i = 0; i < ROUNDS; i++) {
        if (thrum_barrier_wait(&barrier) < 0)
            bench_wrong("the barrier broke");
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
        if (thrum_barrier_wait(&barrier) < 0)
            bench_wrong("the barrier broke");
    }
    pthread_join(partner, NULL);
    return ROUNDS / (bench_now() - started) / 1e3;
}

static void *glibc_partner(void *arg)
{
    bench_place(1);
    for (int i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&glibc_barrier);
    }
    return arg;
}

static double glibc_round(void)
{
    pthread_t partner;
    pthread_barrier_init(&glibc_barrier, NULL, 2);
    bench_place(0);
    double started = bench_now();
    if (pthread_create(&partner, NULL, glibc_partner, NULL) != 0)
        bench_wrong("no more threads");
    for (int i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&glibc_barrier);
    }
    pthread_join(partner, NULL);
    return ROUNDS / (bench_now() - started) / 1e3;
}

static const bench_contender contenders[] = {{"thrum", thrum_round}, {"glibc", glibc_round}};

BENCH_MAIN("barrier of two", "thousand cycles per s", BENCH_HIGHER_IS_BETTER, contenders)
