/* SPDX-License-Identifier: MIT */
/** @file
 *  Pace: how many pieces of work to take at once. Short ones go by the handful, so that taking
 *  costs little; long ones one by one, so that none waits behind another while somebody is idle. */
#ifndef TH_FLOW_PACE_H
#define TH_FLOW_PACE_H

#include "thrum/time.h"

/** Zeroed, it begins with one. */
typedef struct th_pace {
    uint32_t count;   /**< how many were allowed the last time */
    thrum_time since; /**< when that was */
} th_pace;

/** Handfuls that take less than QUICK grow eightfold, at less than QUICK / 16, or twofold; one that
 *  takes more than SLOW is the last. So the next is not expected to take more than 2 QUICK. */
#define TH_PACE_QUICK_NS 20000
#define TH_PACE_SLOW_NS 100000

/** How many to take now, `most` at most. Call it each time something is to be taken. */
static inline uint32_t th_pace_next(th_pace *pace, uint32_t most)
{
    thrum_time now = thrum_now();
    thrum_time took = now - pace->since;
    pace->since = now;
    if (pace->count == 0 || took > TH_PACE_SLOW_NS)
        pace->count = 1;
    else if (took < TH_PACE_QUICK_NS && pace->count < most)
        pace->count *= took < TH_PACE_QUICK_NS / 16 ? 8 : 2;
    return pace->count < most ? pace->count : most;
}

#endif
