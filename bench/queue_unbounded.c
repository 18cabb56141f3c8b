/* SPDX-License-Identifier: MIT */
/** @file
 *  Pointers through an unbounded queue: N producers, N consumers. */
#include "queue.h"

static double thrum_round(void)
{
    return queue_round(0, produce, consume);
}

static const bench_contender contenders[] = {{"thrum", thrum_round}};

BENCH_VARIANTS(BENCH_SIDES)
BENCH_MAIN("unbounded queue, N producers and N consumers", "million items per s",
           BENCH_HIGHER_IS_BETTER, contenders)
