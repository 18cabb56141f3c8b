/* SPDX-License-Identifier: MIT */
/** @file
 *  One thread makes a future, completes it, asks ten times for the result and frees it. */
#include "future.h"

#include "harness.h"
#include "thrum/future.h"

enum { FUTURES = 200000, ASKED = 10 };

static double thrum_round(void)
{
    double started = bench_now();
    for (int i = 0; i < FUTURES; i++) {
        void *result = NULL;
        thrum_future *future = thrum_future_new();
        thrum_future_set_result(future, future);
        for (int j = 0; j < ASKED; j++)
            thrum_future_result(future, &result);
        if (result != future)
            bench_wrong("another result");
        thrum_future_free(future);
    }
    return (bench_now() - started) * 1e9 / FUTURES;
}

static double glibc_round(void)
{
    double started = bench_now();
    for (int i = 0; i < FUTURES; i++) {
        void *result = NULL;
        glibc_future *future = glibc_future_new();
        glibc_future_set(future, future);
        for (int j = 0; j < ASKED; j++)
            result = glibc_future_get(future);
        if (result != future)
            bench_wrong("another result");
        glibc_future_free(future);
    }
    return (bench_now() - started) * 1e9 / FUTURES;
}

static const bench_contender contenders[] = {{"thrum", thrum_round}, {"glibc", glibc_round}};
BENCH_MAIN("future made, completed, asked ten times, freed", "ns", BENCH_LOWER_IS_BETTER,
           contenders)
