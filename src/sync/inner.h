/* SPDX-License-Identifier: MIT */
/** @file
 *  Inner lock: a thrum_lock inside an object of the library. It neither looks for misuse nor stops
 *  an abandoned thread, who may owe others a wake-up: the object's functions stop it where it owes
 *  nothing. Inlined, like the lock's own fast paths. */
#ifndef TH_SYNC_INNER_H
#define TH_SYNC_INNER_H

#include "park/context.h"
#include "platform/atomic.h"
#include "thrum/lock.h"

void th_inner_acquire_slow(thrum_lock *lock);
void th_inner_release_slow(thrum_lock *lock);

/** The calling thread's owner word, as the functions below want it. The first call of a thread
 *  binds it; an abandoned thread stops here. */
static inline uint32_t th_inner_me(void)
{
    uint32_t me = thrum_private_me();
    return me != 0 ? me : th_self()->self;
}

static inline void th_inner_acquire(thrum_lock *lock, uint32_t me)
{
    uint32_t word = th_load_rlx(&lock->word); /* relaxed: the CAS looks again */
    /* pairs: th_inner_release */
    if ((word & ~THRUM_PRIVATE_QUEUED) != 0 || !th_cas_acq(&lock->word, &word, word | me))
        th_inner_acquire_slow(lock);
}

/** The lock may be freed by its next holder while this call is still returning. */
static inline void th_inner_release(thrum_lock *lock, uint32_t me)
{
    if (!thrum_private_free_word(&lock->word, me))
        th_inner_release_slow(lock);
}

#endif
