/* SPDX-License-Identifier: MIT */
/** @file
 *  A million timers are started, all pending at once, then cancelled. */
#include <stdlib.h>

#include "frames.h"
#include "thrum/timer.h"

static void *never(void *arg)
{
    bench_wrong("a cancelled timer fired");
    return arg;
}

static void cycle(long n)
{
    thrum_timer **timers = calloc((size_t)n, sizeof *timers);
    bench_check(timers != NULL, "no memory");
    for (long i = 0; i < n; i++) {
        timers[i] = thrum_timer_new(BENCH_TIMER_S(i), never, NULL);
        bench_check(thrum_timer_start(timers[i]) == 0, "a start failed");
    }
    for (long i = 0; i < n; i++) {
        bench_check(thrum_timer_cancel(timers[i]), "a timer could not be cancelled");
        thrum_timer_free(timers[i]);
    }
    free(timers);
}

static double thrum_round(void)
{
    return bench_timers(cycle);
}

static const bench_contender contenders[] = {{"thrum", thrum_round}};

BENCH_MAIN("a million timers started and cancelled", "ns per timer", BENCH_LOWER_IS_BETTER,
           contenders)
