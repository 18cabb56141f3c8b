/* SPDX-License-Identifier: MIT */
/** @file
 *  A million empty tasks, submitted from outside, no futures. */
#include "frames.h"
#include "thrum/executor.h"

static void *empty(void *arg)
{
    bench_task_ran();
    return arg;
}

static void run(long n, int workers)
{
    thrum_executor *executor = thrum_executor_new(.max_workers = (unsigned)workers);
    for (long i = 0; i < n; i++)
        bench_check(thrum_executor_submit(executor, empty, NULL, NULL) == 0, "a submit failed");
    thrum_executor_free(executor);
}

static double thrum_round(void)
{
    return bench_executor(run);
}

static const bench_contender contenders[] = {{"thrum", thrum_round}};

BENCH_VARIANTS(BENCH_WORKER_COUNTS)
BENCH_MAIN("executor, a million empty tasks", "ns per task", BENCH_LOWER_IS_BETTER, contenders)
