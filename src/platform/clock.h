/* SPDX-License-Identifier: MIT */
/** @file
 *  Clock: the time of day. Instants to wait for are those of thrum/time.h, which clock.c makes. */
#ifndef TH_PLATFORM_CLOCK_H
#define TH_PLATFORM_CLOCK_H

#include <stdint.h>

/** Nanoseconds since 1970 by the wall clock, which may be set back. */
int64_t th_wall_clock_ns(void);

#endif
