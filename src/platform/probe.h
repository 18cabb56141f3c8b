/* SPDX-License-Identifier: MIT */
/** @file
 *  Probes: places where a layer above may listen. They cost a load on a slow path while nobody
 *  does. `observe` attaches to them; nothing below knows it. */
#ifndef TH_PLATFORM_PROBE_H
#define TH_PLATFORM_PROBE_H

#include <stddef.h>
#include <stdint.h>

struct th_waiter;

/** Called by a thread that has queued itself for a wait without a deadline on something that has an
 *  owner, before it sleeps. NULL: nobody listens. Set before main by a constructor, or by tests. */
extern void (*th_probe_blocked)(const struct th_waiter *waiter);

/** Called instead of sleeping on a wait for oneself that a status answers (join of the current
 *  thread, a once inside itself). `what` is a whole line. */
extern void (*th_probe_self_wait)(const char *what, const void *object);

/** Writes who owns `owner` ("NAME" and number) into `buffer`, returns how many bytes; NULL: nobody
 *  knows names. */
extern size_t (*th_probe_describe_thread)(uint32_t owner, char *buffer, size_t bytes);

#endif
