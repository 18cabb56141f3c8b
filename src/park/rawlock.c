/* SPDX-License-Identifier: MIT */
/** @file
 *  Raw lock.
 *
 *  Purpose     Mutual exclusion for the library's own short sections.
 *  State       One word, see the card in the header.
 *  Protocol    Take with one CAS. After a short spin mark the word SLEPT_ON with a swap and sleep
 *              while it is that; whoever takes it that way keeps the mark, since others may sleep
 *              still. Release frees a word without the mark by a restartable sequence, whose store
 *              may wipe out a mark that has just been set: so who sets the first restarts such
 *              releases before it sleeps. Else it swaps, and wakes one if it took out a mark.
 *  Rejected    Queueing: sections are a few dozen instructions, a queue would cost more. */
#include "park/rawlock.h"

#include "platform/atomic.h"
#include "platform/cpu.h"
#include "platform/futex.h"
#include "platform/restart.h"
#include "thrum/restartable.h"

/** HELD is an owner to thrum_private_free_word; SLEPT_ON is a word that it leaves alone. */
enum { FREE = 0, HELD = 2, SLEPT_ON = 6 };

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
    uint32_t before;
    /* pairs: th_rawlock_release */
    while ((before = th_swap_acq(&lock->word, SLEPT_ON)) != FREE) {
        if (before == HELD)
            th_restart_others();
        th_futex_wait(&lock->word, SLEPT_ON, THRUM_FOREVER);
    }
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
    if (thrum_private_free_word(&lock->word, HELD))
        return;
    /* pairs: th_rawlock_acquire */
    if (th_swap_rel(&lock->word, FREE) == SLEPT_ON)
        th_futex_wake(&lock->word);
}
