/* SPDX-License-Identifier: MIT */
/** @file
 *  A million tasks with a future each; all results are read. */
#include <stdlib.h>

#include "frames.h"
#include "thrum/executor.h"
#include "thrum/future.h"

static void *same(void *arg)
{
    return arg;
}

static uint64_t run(long n, int workers)
{
    thrum_executor *executor = thrum_executor_new(.max_workers = (unsigned)workers);
    thrum_future **futures = calloc((size_t)n, sizeof *futures);
    bench_check(futures != NULL, "no memory");
    for (long i = 0; i < n; i++)
        bench_check(thrum_executor_submit(executor, same, (void *)(i + 1), &futures[i]) == 0,
                    "a submit failed");
    uint64_t sum = 0;
    for (long i = 0; i < n; i++) {
        void *result;
        bench_check(thrum_future_result(futures[i], &result) == 0, "a task failed");
        sum += (uintptr_t)result;
        thrum_future_free(futures[i]);
    }
    free(futures);
    thrum_executor_free(executor);
    return sum;
}

static double thrum_round(void)
{
    return bench_futures(run);
}

static const bench_contender contenders[] = {{"thrum", thrum_round}};

BENCH_MAIN("executor, a million tasks with futures, results read", "ns per task",
           BENCH_LOWER_IS_BETTER, contenders)
