/* SPDX-License-Identifier: MIT */
/** @file
 *  thrum's contender of maps, large and small. */
#ifndef THRUM_BENCH_MAP_H
#define THRUM_BENCH_MAP_H

#include "frames.h"
#include "thrum/executor.h"

static thrum_executor *executor;

static void map(const uintptr_t *inputs, uintptr_t *outputs, long n)
{
    bench_check(thrum_executor_map(executor, bench_map_target, (void *const *)inputs, (size_t)n,
                                   (void **)outputs) == 0,
                "a map failed");
}

/** A round of so many maps of n items each. */
static double map_round(long n, long maps)
{
    executor = thrum_executor_new(.max_workers = BENCH_WORKERS);
    double figure = bench_map(map, n, maps);
    thrum_executor_free(executor);
    return figure;
}

#endif
