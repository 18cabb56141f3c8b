/* SPDX-License-Identifier: MIT */
/** @file
 *  Restartable sequences: what the release of a lock is made of, see thrum/restartable.h. */
#ifndef TH_PLATFORM_RESTART_H
#define TH_PLATFORM_RESTART_H

#include <stdint.h>

/** Where the kernel learns which sequence the calling thread is in, or NULL: there are none. */
uint64_t *th_restart_sequence(void);

/** Every other thread that is in a sequence now will leave it undone, and has gone through a full
 *  memory barrier: what it stored before, the caller sees; what the caller stored before, it will
 *  see. Takes microseconds if the others are running; nothing, and does nothing, where there are no
 *  sequences. */
void th_restart_others(void);

#endif
