/* SPDX-License-Identifier: MIT */
/** @file
 *  Pointers through a bounded queue of 1024: N producers, N consumers. */
#include "queue.h"

static double thrum_round(void)
{
    return queue_round(BENCH_QUEUE_SIZE, produce, consume);
}

static const bench_contender contenders[] = {{"thrum", thrum_round}};

BENCH_VARIANTS(BENCH_SIDES)
BENCH_MAIN("bounded queue of 1024, N producers and N consumers", "million items per s",
           BENCH_HIGHER_IS_BETTER, contenders)
