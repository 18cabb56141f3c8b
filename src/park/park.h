/* SPDX-License-Identifier: MIT */
/** @file
 *  Park: the one place where the library sleeps on an object. */
#ifndef TH_PARK_PARK_H
#define TH_PARK_PARK_H

#include "park/table.h"

/** Wait until the queued waiter is granted (true; see `token`) or `deadline` has passed (false; it
 *  has left the queue). */
bool th_park(th_waiter *waiter, thrum_time deadline);

/** Sleep until somebody resumes the caller (th_context_resume), `deadline` at most; it may be for
 *  less. For who is not looked for in the table. Does not stop an abandoned thread. */
void th_doze(th_context *self, thrum_time deadline);

/** Tell whoever listens (deadlock reports) that the queued waiter is about to sleep. Call it before
 *  th_park, without bucket locks, where an owner is known. */
void th_announce_wait(const th_waiter *waiter);

/** Show deadlock walks that the caller waits by other means than th_park: from begin to end it
 *  stands in the queue of a key that nobody wakes. */
void th_wait_elsewhere_begin(th_waiter *waiter, uintptr_t key);
void th_wait_elsewhere_end(th_waiter *waiter);

#endif
