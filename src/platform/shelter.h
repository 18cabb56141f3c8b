/* SPDX-License-Identifier: MIT */
/** @file
 *  Shelter: what must not strike a thread that writes while it holds a lock. */
#ifndef TH_PLATFORM_SHELTER_H
#define TH_PLATFORM_SHELTER_H

#include <signal.h>

/** How it was outside. */
typedef struct th_shelter {
    sigset_t blocked; /**< signals, by the program */
    sigset_t pending; /**< signals that came before, if some of ours were blocked */
    int cancel_state;
} th_shelter;

/** Hold back the signals by which the system says what write returns as well, since a reader that
 *  left or a file too large is no reason to die, and cancellation, since a cancelled thread would
 *  keep its lock. */
void th_shelter_enter(th_shelter *outside);

/** Go back, after a write that failed with `error`, or 0: takes away the signal that it raised. */
void th_shelter_leave(const th_shelter *outside, int error);

#endif
