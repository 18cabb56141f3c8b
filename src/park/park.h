/* SPDX-License-Identifier: MIT */
/** @file
 *  Park: the one place where the library sleeps on an object. */
#ifndef TH_PARK_PARK_H
#define TH_PARK_PARK_H

#include <pthread.h>

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

/** Whether th_park_until_ended may be called: the kernel tells the ends of threads, and the context
 *  sleeps as a thread of the kernel does. */
bool th_can_park_until_ended(const th_context *self);

/** Wait until an OS thread has ended (true), which nobody collects meanwhile. Whenever the caller
 *  wakes before, it asks `gives_up`, with whether `deadline` has passed; false: that said so. The
 *  waiter, in no queue yet, stands in that of `key`, which nobody wakes: deadlock walks see it. */
bool th_park_until_ended(th_waiter *waiter, uintptr_t key, pthread_t os_thread, thrum_time deadline,
                         bool (*gives_up)(void *arg, bool is_late), void *arg);

#endif
