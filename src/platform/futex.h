/* SPDX-License-Identifier: MIT */
/** @file
 *  Futex: the kernel's sleep on a word. */
#ifndef TH_PLATFORM_FUTEX_H
#define TH_PLATFORM_FUTEX_H

#include <stdint.h>

#include "thrum/time.h"

/** Sleep while `*word == expected`, until `deadline` at most. May return at any time: the caller
 *  re-checks its word and the clock. errno is kept. */
void th_futex_wait(const uint32_t *word, uint32_t expected, thrum_time deadline);

/** Wake one sleeper on `word`. The word may be gone already: then nobody sleeps on it, and another
 *  user of the address is woken for nothing. errno is kept. */
void th_futex_wake(const uint32_t *word);

/** The same with the kernel at the other end, whose wake-ups are not private to the process. */
void th_futex_wait_shared(const uint32_t *word, uint32_t expected, thrum_time deadline);
void th_futex_wake_shared(const uint32_t *word);

#endif
