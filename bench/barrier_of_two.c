/* SPDX-License-Identifier: MIT */
/** @file
 *  Two threads meet at a barrier. */
#include <pthread.h>

#include "frames.h"
#include "thrum/barrier.h"

static thrum_barrier barrier = THRUM_BARRIER(2);
static pthread_barrier_t glibc_barrier;

static void thrum_turn(int me)
{
    (void)me;
    bench_check(thrum_barrier_wait(&barrier) >= 0, "the barrier broke");
}

static void glibc_turn(int me)
{
    (void)me;
    pthread_barrier_wait(&glibc_barrier);
}

static double thrum_round(void)
{
    return bench_two(thrum_turn);
}

static double glibc_round(void)
{
    pthread_barrier_init(&glibc_barrier, NULL, 2);
    return bench_two(glibc_turn);
}

static const bench_contender contenders[] = {{"thrum", thrum_round}, {"glibc", glibc_round}};

BENCH_VARIANTS(BENCH_PLACED)
BENCH_MAIN("barrier of two", "thousand cycles per s", BENCH_HIGHER_IS_BETTER, contenders)
