/* SPDX-License-Identifier: MIT */
/** @file
 *  Clock.
 *
 *  Purpose     thrum_now, thrum_after and th_wall_clock_ns: the only readers of the clocks.
 *  Invariants  An instant is never negative, and no arithmetic here overflows: a sum past the end
 *              of the clock is THRUM_FOREVER. */
#include "platform/clock.h"

#include <time.h>

#include "thrum/time.h"

#define NS_PER_S 1000000000

thrum_time thrum_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (thrum_time)now.tv_sec * NS_PER_S + now.tv_nsec;
}

thrum_time thrum_after(double seconds)
{
    thrum_time now = thrum_now();
    if (!(seconds > 0)) /* NaN too */
        return now;
    double ns = seconds * NS_PER_S;
    if (ns >= (double)(THRUM_FOREVER - now))
        return THRUM_FOREVER;
    return now + (thrum_time)ns;
}

int64_t th_wall_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}
