/* SPDX-License-Identifier: MIT */
/** @file
 *  How late ten thousand timers fire that are spread over a second. */
#include "frames.h"
#include "thrum/timer.h"

static double due[BENCH_LATE_TIMERS], fired[BENCH_LATE_TIMERS];

static void *fire(void *arg)
{
    *(double *)arg = bench_now();
    return NULL;
}

static double thrum_round(void)
{
    static thrum_timer *timers[BENCH_LATE_TIMERS];
    for (int i = 0; i < BENCH_LATE_TIMERS; i++) {
        due[i] = bench_now() + bench_due(i);
        timers[i] = thrum_timer_new(bench_due(i), fire, &fired[i]);
        bench_check(thrum_timer_start(timers[i]) == 0, "a start failed");
    }
    for (int i = 0; i < BENCH_LATE_TIMERS; i++) {
        bench_check(thrum_timer_join(timers[i]) == 0, "a join failed");
        thrum_timer_free(timers[i]);
    }
    return bench_lateness(due, fired);
}

static const bench_contender contenders[] = {{"thrum", thrum_round}};

BENCH_MAIN("lateness of 10,000 timers, median", "us", BENCH_LOWER_IS_BETTER, contenders)
