/* SPDX-License-Identifier: MIT */
/** @file
 *  Raw lock: a word that park itself and the layers' registries lock. Below sync, so park never
 *  needs sync. Held for a few instructions only; not fair, not recursive, no owner, no deadline. */
#ifndef TH_PARK_RAWLOCK_H
#define TH_PARK_RAWLOCK_H

#include <stdint.h>

/** Card of `word`: 0 free; 1 held; 2 held and somebody may sleep on it. Free to held by the taker's
 *  CAS or swap, held to free by the holder's swap. Zeroed is free. */
typedef struct th_rawlock {
    uint32_t word;
} th_rawlock;

void th_rawlock_acquire(th_rawlock *lock);
void th_rawlock_release(th_rawlock *lock);

#endif
