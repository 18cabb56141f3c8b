/* SPDX-License-Identifier: MIT */
/** @file
 *  The end of an OS thread, as the kernel tells it. */
#ifndef TH_PLATFORM_ENDING_H
#define TH_PLATFORM_ENDING_H

#include <pthread.h>
#include <stdbool.h>

#include "thrum/time.h"

/** Whether it is known where the kernel tells it; if not, the others may not be called. */
bool th_endings_are_told(void);

/** Wait until `thread` has ended (true), then th_thread_reap is no wait. False: not yet, at
 *  `deadline`, because of th_ending_rouse, or for nothing. Nobody collects the thread meanwhile. */
bool th_ending_await(pthread_t thread, thrum_time deadline);

/** Have th_ending_await return to who sleeps in it for `thread`; not to who is about to sleep. */
void th_ending_rouse(pthread_t thread);

#endif
