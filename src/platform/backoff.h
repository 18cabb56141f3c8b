/* SPDX-License-Identifier: MIT */
/** @file
 *  Backoff: whether to try again what costs something and may be in vain. What has paid is tried
 *  each time; what has not is left out once, then three times, seven, and so on. */
#ifndef TH_PLATFORM_BACKOFF_H
#define TH_PLATFORM_BACKOFF_H

#include <stdbool.h>

#include "platform/atomic.h"

#define TH_BACKOFF_MOST 255

/** Zeroed, the first try is now. All relaxed: they tune, nothing depends on them, so threads may
 *  share one. */
typedef struct th_backoff {
    uint32_t skips; /**< how often it has been left out since the last try */
    uint32_t retry; /**< how often it is to be left out */
} th_backoff;

/** Whether to try now; counts it as left out if not. */
static inline bool th_backoff_tries(th_backoff *backoff)
{
    uint32_t skips = th_load_rlx(&backoff->skips);        /* relaxed: see above */
    bool tries = skips >= th_load_rlx(&backoff->retry);   /* relaxed: likewise */
    th_store_rlx(&backoff->skips, tries ? 0 : skips + 1); /* relaxed: likewise */
    return tries;
}

/** What came of a try. */
static inline void th_backoff_tell(th_backoff *backoff, bool paid)
{
    uint32_t retry = th_load_rlx(&backoff->retry); /* relaxed: see above */
    if (paid)
        th_store_rlx(&backoff->retry, 0); /* relaxed: likewise */
    else if (retry < TH_BACKOFF_MOST)
        th_store_rlx(&backoff->retry, retry * 2 + 1); /* relaxed: likewise */
}

#endif
