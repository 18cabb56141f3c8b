/* SPDX-License-Identifier: MIT */
/** @file
 *  The processor: how to wait a moment without leaving it, and how many there are. */
#ifndef TH_PLATFORM_CPU_H
#define TH_PLATFORM_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/backend.h"

/** Assumed size of what two processors must not share. */
#define TH_CACHE_LINE 64

/** Tell the processor that this is a spin loop. Its length differs tenfold between processors, so
 *  spin loops are bounded in th_pauses_per_us, not in rounds. */
#if defined(TH_BACKEND_MODEL)
void th_pause(void);
#else
static inline void th_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb" ::: "memory");
#else
    __asm__ __volatile__("" ::: "memory");
#endif
}
#endif

/** Let others run on this processor first, if there are any: the kernel decides. */
void th_yield(void);

/** How often a spin loop that would go round `rounds` times does: in a model, where nothing takes
 *  time, to look once more is as good as a hundred times. */
#define th_spin_limit(rounds) th_limit((rounds), (rounds) < 1 ? (rounds) : 1)

/** Whether a thread that is woken may be long in coming. In a model it is not, unless that says so:
 *  time passes there when nothing else can happen, which would hide that a wake-up is missing. */
#if defined(TH_BACKEND_MODEL)
bool th_wakes_may_be_late(void);
#else
static inline bool th_wakes_may_be_late(void)
{
    return true;
}
#endif

/** How many th_pause calls take about a microsecond; measured once at start, at least 1. */
uint32_t th_pauses_per_us(void);

/** Whether this process may run on more than one processor; asked of the kernel once at start. */
int th_has_many_cpus(void);

/** How many processors this process may run on; asked of the kernel once at start, at least 1. */
unsigned th_cpu_count(void);

#endif
