/* SPDX-License-Identifier: MIT */
/** @file
 *  Give way: before one sleeps, let others of this processor run for a moment.
 *
 *  Where the one that is waited for shares the processor it then does its part at once, and nobody
 *  has to sleep, nor be woken by a system call (docs/performance.md: barriers and ping-pongs).
 *  Where it runs elsewhere, or does not run, this is some system calls in vain: so it is tried, and
 *  tried ever more rarely while it does not pay. */
#ifndef TH_PARK_GIVE_WAY_H
#define TH_PARK_GIVE_WAY_H

#include "platform/backoff.h"
#include "platform/cpu.h"
#include "thrum/time.h"

#define TH_GIVE_WAY_TIMES th_limit(3, 0)
/** Who comes back later than this had better slept: the processor has much else to do. */
#define TH_GIVE_WAY_NS_MAX 200000

/** True if `is_over(arg)`. */
static inline bool th_give_way(th_backoff *yields, bool (*is_over)(const void *arg),
                               const void *arg)
{
    if (TH_GIVE_WAY_TIMES == 0 || !th_backoff_tries(yields))
        return false;
    thrum_time began = thrum_now();
    bool paid = false;
    for (int i = 0; i < TH_GIVE_WAY_TIMES && !paid; i++) {
        th_yield();
        paid = is_over(arg);
    }
    th_backoff_tell(yields, paid && thrum_now() - began < TH_GIVE_WAY_NS_MAX);
    return paid;
}

#endif
