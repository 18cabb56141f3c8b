/* SPDX-License-Identifier: MIT */
/** @file
 *  One map of a million small items. */
#include "map.h"

static double thrum_round(void)
{
    return map_round(BENCH_MAP_LARGE, BENCH_MAPS_LARGE);
}

static const bench_contender contenders[] = {{"thrum", thrum_round}};

BENCH_MAIN("map of a million small items", "ns per item", BENCH_LOWER_IS_BETTER, contenders)
