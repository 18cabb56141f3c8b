/* SPDX-License-Identifier: MIT */
/** @file
 *  The dear half of an asymmetric fence. */
#ifndef TH_PLATFORM_FENCE_H
#define TH_PLATFORM_FENCE_H

#include <stdbool.h>

/** Whether th_fence_others may be called. Constant. */
bool th_can_fence_others(void);

/** Every other thread goes through a full memory barrier at some moment of this call: what it
 *  stored before, the caller sees afterwards; what the caller stored before, it sees from then on.
 *  So the other threads need only keep their own accesses in order (th_fence_signal). Takes
 *  microseconds if they are running. */
void th_fence_others(void);

#endif
