/* SPDX-License-Identifier: MIT */
/** @file
 *  Two threads wait for each other's futures in turn. */
#include "future.h"

#include "harness.h"
#include "thrum/future.h"

enum { ROUNDS = 20000 };

static thrum_future *there[ROUNDS], *back[ROUNDS];
static glibc_future *glibc_there[ROUNDS], *glibc_back[ROUNDS];

static void *thrum_partner(void *arg)
{
    bench_place(1);
    for (int i = 0; i < ROUNDS; i++) {
        thrum_future_result(there[i], NULL);
        thrum_future_set_result(back[i], NULL);
    }
    return arg;
}

static double thrum_round(void)
{
    pthread_t partner;
    bench_place(0);
    for (int i = 0; i < ROUNDS; i++) {
        there[i] = thrum_future_new();
        back[i] = thrum_future_new();
    }
    double started = bench_now();
    if (pthread_create(&partner, NULL, thrum_partner, NULL) != 0)
        bench_wrong("no more threads");
    for (int i = 0; i < ROUNDS; i++) {
        thrum_future_set_result(there[i], NULL);
        thrum_future_result(back[i], NULL);
    }
    pthread_join(partner, NULL);
    double seconds = bench_now() - started;
    for (int i = 0; i < ROUNDS; i++) {
        thrum_future_free(there[i]);
        thrum_future_free(back[i]);
    }
    return ROUNDS / seconds / 1e3;
}

static void *glibc_partner(void *arg)
{
    bench_place(1);
    for (int i = 0; i < ROUNDS; i++) {
        glibc_future_get(glibc_there[i]);
        glibc_future_set(glibc_back[i], NULL);
    }
    return arg;
}

static double glibc_round(void)
{
    pthread_t partner;
    bench_place(0);
    for (int i = 0; i < ROUNDS; i++) {
        glibc_there[i] = glibc_future_new();
        glibc_back[i] = glibc_future_new();
    }
    double started = bench_now();
    if (pthread_create(&partner, NULL, glibc_partner, NULL) != 0)
        bench_wrong("no more threads");
    for (int i = 0; i < ROUNDS; i++) {
        glibc_future_set(glibc_there[i], NULL);
        glibc_future_get(glibc_back[i]);
    }
    pthread_join(partner, NULL);
    double seconds = bench_now() - started;
    for (int i = 0; i < ROUNDS; i++) {
        glibc_future_free(glibc_there[i]);
        glibc_future_free(glibc_back[i]);
    }
    return ROUNDS / seconds / 1e3;
}

static const bench_contender contenders[] = {{"thrum", thrum_round}, {"glibc", glibc_round}};
BENCH_VARIANTS(BENCH_PLACED)
BENCH_MAIN("two threads wait for each other's futures", "thousand rounds per s",
           BENCH_HIGHER_IS_BETTER, contenders)
