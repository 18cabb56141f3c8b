/* SPDX-License-Identifier: MIT */
/** @file
 *  Ten thousand maps of a thousand small items each. */
#include "map.h"

static double thrum_round(void)
{
    return map_round(BENCH_MAP_SMALL, BENCH_MAPS_SMALL);
}

static const bench_contender contenders[] = {{"thrum", thrum_round}};

BENCH_MAIN("10,000 maps of 1,000 small items", "ns per item", BENCH_LOWER_IS_BETTER, contenders)
