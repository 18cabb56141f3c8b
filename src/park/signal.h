/* SPDX-License-Identifier: MIT */
/** @file
 *  Signals: what lets thrum_event_set and thrum_semaphore_release run in a handler that has
 *  interrupted its own thread inside a bucket lock. */
#ifndef TH_PARK_SIGNAL_H
#define TH_PARK_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

/** Before the first and after the last bucket lock of a section; sections may nest. */
void th_signal_enter(void);
void th_signal_leave(void);

/** Whether the caller is in a section, or is a handler that has interrupted one. */
bool th_signal_is_inside(void);

/** Do `operation(object, amount)` now; or, if the caller is a signal handler that has interrupted
 *  its own thread inside a section, as soon as that section ends. Async-signal-safe. */
void th_signal_run(void (*operation)(void *object, uint64_t amount), void *object, uint64_t amount);

#endif
