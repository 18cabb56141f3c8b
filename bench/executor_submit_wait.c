/* SPDX-License-Identifier: MIT */
/** @file
 *  Submit one task, wait for its result, and again; two workers. */
#include "frames.h"
#include "thrum/executor.h"
#include "thrum/future.h"

static thrum_executor *executor;

static void *same(void *arg)
{
    return arg;
}

static uintptr_t one(uintptr_t i)
{
    thrum_future *future;
    void *result;
    bench_check(thrum_executor_submit(executor, same, (void *)i, &future) == 0, "a submit failed");
    bench_check(thrum_future_result(future, &result) == 0, "a task failed");
    thrum_future_free(future);
    return (uintptr_t)result;
}

static double thrum_round(void)
{
    executor = thrum_executor_new(.max_workers = BENCH_WORKERS);
    double figure = bench_submit_wait(one);
    thrum_executor_free(executor);
    return figure;
}

static const bench_contender contenders[] = {{"thrum", thrum_round}};

BENCH_VARIANTS(BENCH_PLACED)
BENCH_MAIN("executor, submit one task and wait for its result", "us per task",
           BENCH_LOWER_IS_BETTER, contenders)
