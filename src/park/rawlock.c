/* SPDX-License-Identifier: MIT */
/** @file
 *  Raw lock.
 *
 *  Purpose     Mutual exclusion for the library's own short sections.
 *  State       One word, see the card in the header.
 *  Protocol    Take with one CAS. After a short spin mark the word 2 with a swap and sleep while it
 *              is 2; whoever takes it that way keeps the 2, since others may sleep still. Release
 *              swaps in 0 and wakes one sleeper if it took out a 2.
 *  Rejected    Queueing: sections are a few dozen instructions, a queue would cost more. */
#include "park/rawlock.h"

#include "platform/atomic.h"
#include "platform/cpu.h"
#include "platform/futex.h"

enum { FREE, HELD, SLEPT_ON };

#define SPINS 100

static void acquire_slow(th_rawlock *lock)
{
    for (int i = 0; i < th_spin_limit(SPINS); i++) {
        uint32_t free_word = FREE;
        /* relaxed: only decides whether to try; pairs: th_rawlock_release */
        if (th_load_rlx(&lock->word) == FREE && th_cas_acq(&lock->word, &free_word, HELD))
            return;
        th_pause();
    }
    /* pairs: th_rawlock_release */
    while (th_swap_acq(&lock->word, SLEPT_ON) != FREE)
        th_futex_wait(&lock->word, SLEPT_ON, THRUM_FOREVER);
}

void th_rawlock_acquire(th_rawlock *lock)
{
    uint32_t free_word = FREE;
    /* pairs: th_rawlock_release */
    if (!th_cas_acq(&lock->word, &free_word, HELD))
        acquire_slow(lock);
}

void th_rawlock_release(th_rawlock *lock)
{
    /* pairs: th_rawlock_acquire */
    if (th_swap_rel(&lock->word, FREE) == SLEPT_ON)
        th_futex_wake(&lock->word);
}
