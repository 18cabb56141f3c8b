/* SPDX-License-Identifier: MIT */
/** @file
 *  Chaos: what the backend of that name does before every atomic operation, and to every wait. In
 *  all other backends nothing is left of it.
 *
 *  THRUM_CHAOS_SEED (1) chooses the decisions, THRUM_CHAOS_RATE (20) of a thousand points are
 *  disturbed, and with THRUM_CHAOS_VERBOSE a line says both at start. A thread's decisions follow
 *  from the seed and from how many threads came to a first point before it. */
#ifndef TH_PLATFORM_CHAOS_H
#define TH_PLATFORM_CHAOS_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/backend.h"
#include "thrum/time.h"

/** What happens at a point. A delay gives way again and again but does not sleep, so that a thread
 *  that the system calls asleep still is one that waits. */
typedef enum th_chaos_act {
    TH_CHAOS_NOTHING,
    TH_CHAOS_YIELD,
    TH_CHAOS_SPIN,
    TH_CHAOS_DELAY,
} th_chaos_act;

/** The next number of a stream: any state is good, and each has a cycle of 2^64 (splitmix64). */
static inline uint64_t th_chaos_next(uint64_t *stream)
{
    uint64_t z = *stream += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/** The stream of the thread that is the `number`th to come to a point. Never 0. */
static inline uint64_t th_chaos_stream(uint64_t seed, uint32_t number)
{
    uint64_t mixed = seed;
    mixed = th_chaos_next(&mixed) + number;
    return th_chaos_next(&mixed) | 1;
}

/** What to do at a point, if `rate` of a thousand are disturbed. */
static inline th_chaos_act th_chaos_choose(uint64_t *stream, uint32_t rate)
{
    uint64_t number = th_chaos_next(stream);
    if (number % 1000 >= rate)
        return TH_CHAOS_NOTHING;
    uint64_t kind = (number >> 32) % 16;
    return kind < 8 ? TH_CHAOS_YIELD : kind < 14 ? TH_CHAOS_SPIN : TH_CHAOS_DELAY;
}

#if defined(TH_BACKEND_CHAOS)

/** Whether a wait is to return at once; otherwise its deadline may have become a near one. */
bool th_chaos_cuts_wait(thrum_time *deadline);

/** Often give way, to the thread that has just been made for one. */
void th_chaos_after_create(void);

#else

static inline bool th_chaos_cuts_wait(thrum_time *deadline)
{
    (void)deadline;
    return false;
}

static inline void th_chaos_after_create(void)
{
}

#endif

#endif
