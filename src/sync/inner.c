/* SPDX-License-Identifier: MIT */
/** @file
 *  Inner lock.
 *
 *  Purpose     The contended half of the lock that objects have inside them.
 *  State       A thrum_lock; the word's card is in sync/ownable.h. */
#include "sync/inner.h"

#include "sync/ownable.h"

static th_ownable ownable_of(thrum_lock *lock)
{
    return (th_ownable){TH_WAIT_LOCK, lock, &lock->word, &lock->site};
}

void th_inner_acquire_slow(thrum_lock *lock)
{
    th_ownable ownable = ownable_of(lock);
    th_ownable_acquire_inside(&ownable, th_self_to_release());
}

void th_inner_release_slow(thrum_lock *lock)
{
    th_ownable ownable = ownable_of(lock);
    th_ownable_release(&ownable, th_self_to_release());
}
