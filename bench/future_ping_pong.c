/* SPDX-License-Identifier: MIT */
/** @file
 *  Two threads wait for each other's futures in turn. */
#include "frames.h"
#include "thrum/future.h"

static void *make(void)
{
    thrum_future *future = thrum_future_new();
    bench_check(future != NULL, "no memory");
    return future;
}

static void complete(void *future, uintptr_t result)
{
    bench_check(thrum_future_set_result(future, (void *)result) == 0, "a result was not taken");
}

static uintptr_t ask(void *future)
{
    void *result;
    bench_check(thrum_future_result(future, &result) == 0, "there was no result");
    return (uintptr_t)result;
}

static void drop(void *future)
{
    thrum_future_free(future);
}

static double thrum_round(void)
{
    return bench_future_turns(make, complete, ask, drop);
}

static const bench_contender contenders[] = {{"thrum", thrum_round}};

BENCH_VARIANTS(BENCH_PLACED)
BENCH_MAIN("two threads wait for each other's futures", "thousand rounds per s",
           BENCH_HIGHER_IS_BETTER, contenders)
