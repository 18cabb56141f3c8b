/* SPDX-License-Identifier: MIT */
/** @file
 *  Ten thousand maps of a thousand small items each. */
#include "frames.h"
#include "thrum/executor.h"

static thrum_executor *executor;

static void *item(void *arg)
{
    return (void *)bench_map_item((uintptr_t)arg);
}

static void map(const uintptr_t *inputs, uintptr_t *outputs, long n)
{
    bench_check(
        thrum_executor_map(executor, item, (void *const *)inputs, (size_t)n, (void **)outputs) == 0,
        "a map failed");
}

static double thrum_round(void)
{
    executor = thrum_executor_new(.max_workers = BENCH_WORKERS);
    double figure = bench_map(map, BENCH_MAP_SMALL, BENCH_MAPS_SMALL);
    thrum_executor_free(executor);
    return figure;
}

static const bench_contender contenders[] = {{"thrum", thrum_round}};

BENCH_MAIN("10,000 maps of 1,000 small items", "ns per item", BENCH_LOWER_IS_BETTER, contenders)
