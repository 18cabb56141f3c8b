/* SPDX-License-Identifier: MIT */
/** @file
 *  One thread makes a future, completes it, asks ten times for the result and frees it. */
#include "frames.h"
#include "thrum/future.h"

static uintptr_t one(uintptr_t i)
{
    uintptr_t sum = 0;
    thrum_future *future = thrum_future_new();
    bench_check(thrum_future_set_result(future, (void *)i) == 0, "a result was not taken");
    for (int j = 0; j < BENCH_ASKED; j++) {
        void *result;
        bench_check(thrum_future_result(future, &result) == 0, "there was no result");
        sum += (uintptr_t)result;
    }
    thrum_future_free(future);
    return sum;
}

static double thrum_round(void)
{
    return bench_futures_by_hand(one);
}

static const bench_contender contenders[] = {{"thrum", thrum_round}};

BENCH_MAIN("future made, completed, asked ten times, freed", "ns", BENCH_LOWER_IS_BETTER,
           contenders)
