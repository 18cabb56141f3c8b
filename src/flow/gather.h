/* SPDX-License-Identifier: MIT */
/** @file
 *  Gather: before one takes what another thread has begun to hand over, let more come.
 *
 *  Who takes each item the moment it is there makes the cache lines of the counts, the cells and
 *  the locks travel for each of them, and both threads run at the pace of that. Who waits for a
 *  microsecond finds a hundred items and needs the lines once. It pays only if the other runs on
 *  another processor, and hands over item after item without waiting for an answer: so it is tried,
 *  and tried ever more rarely while it is in vain. */
#ifndef TH_FLOW_GATHER_H
#define TH_FLOW_GATHER_H

#include "platform/backoff.h"
#include "platform/cpu.h"

#define TH_GATHER_MOMENTS 2 /* of a microsecond each */
#define TH_GATHER_LEAST 8   /* so much must come in one, or the other is slow */

/** Wait for a moment, and for one more if `amount(from)` has grown enough in it. */
static inline void th_gather(th_backoff *gathers, uint64_t (*amount)(const void *from),
                             const void *from)
{
    if (!th_has_many_cpus() || !th_backoff_tries(gathers))
        return;
    bool paid = false, goes_on = true;
    uint64_t before = amount(from);
    for (int i = 0; i < TH_GATHER_MOMENTS && goes_on; i++) {
        for (uint32_t j = 0; j < th_spin_limit(th_pauses_per_us()); j++)
            th_pause();
        uint64_t after = amount(from);
        goes_on = after >= before + TH_GATHER_LEAST;
        paid = paid || goes_on;
        before = after;
    }
    th_backoff_tell(gathers, paid);
}

#endif
