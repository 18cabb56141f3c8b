/* SPDX-License-Identifier: MIT */
/** @file
 *  Ownable: what lock and rlock share, a word that says who owns it. */
#ifndef TH_SYNC_OWNABLE_H
#define TH_SYNC_OWNABLE_H

#include "park/park.h"
#include "thrum/lock.h"

/** Card of the word. 0 is free and nobody queued. The inlined fast paths (thrum/lock.h) take and
 *  release a word in which no bit but QUEUED and the owner is set; all else is for ownable.c.
 *      bits 4-31 OWNER    the holder's owner word, 0 when free. From 0 by the taker's CAS, or by a
 *                         releaser that hands over; to 0 by the releaser's CAS, or, while no flag
 *                         but QUEUED is set, by its restartable sequence (thrum/restartable.h).
 *      QUEUED             somebody may be queued. Set under the bucket lock by who queues or moves;
 *                         cleared under it by a releaser that empties the queue. Legal to be set in
 *                         vain; illegal to be clear while somebody is queued. Who sets it, or any
 *                         other flag, in a word that another holds sees whether it stays
 *                         (marks_stay).
 *      WAKE               the next release must wake one who is queued. Clear, with QUEUED set,
 *                         while a waiter that has been woken is on its way: then releases wake
 *                         nobody else. Set under the bucket lock by who queues first or again, and
 *                         by the woken waiter when it takes the lock or gives up; cleared by the
 *                         release that wakes. Legal to be set too early (one wake-up too many);
 *                         illegal to be clear for ever while somebody is queued and nobody on its
 *                         way.
 *      HANDOFF            the oldest waiter has waited for more than TH_TURN_NS: the next release
 *                         gives it the lock. Implies WAKE. Set and cleared with it.
 *      FOREIGN            some thread has released it that did not acquire it, or has tried: the
 *                         lock is used as a signal, "owner" means nothing, deadlock walks pass it
 *                         by. Never cleared. Set in a held word, under the bucket lock, before it
 *                         is released so, for then the owner, if it releases at the same time, sees
 *                         it. */
enum {
    TH_QUEUED = THRUM_PRIVATE_QUEUED,
    TH_WAKE = 2,
    TH_HANDOFF = 4,
    TH_FOREIGN = 8,
};

/** How long others may overtake a waiter before it is handed the lock. */
#define TH_TURN_NS 1000000

/** What a waker tells a waiter for an ownable. */
enum {
    TH_TRY = 0,   /**< compete like anyone else */
    TH_WOKEN = 1, /**< compete; until you have, releases wake nobody: set WAKE afterwards */
    TH_OWNED = 2, /**< the lock is yours already */
};

/** A lock or rlock, as the functions here see it. */
typedef struct th_ownable {
    th_wait_kind kind;
    const void *object;
    uint32_t *word;
    const char **site;
} th_ownable;

static inline uint32_t th_owner_of(uint32_t word)
{
    return word & TH_OWNER_MASK;
}

/** Take the lock if it is free at this moment. */
bool th_ownable_try(const th_ownable *lock, const th_context *self);

/** Take the lock: 0, or THRUM_ETIMEDOUT. `site` is where, for reports. */
int th_ownable_acquire(const th_ownable *lock, th_context *self, const char *site,
                       thrum_time deadline);

/** Take the lock however long it takes, and without stopping an abandoned thread. */
void th_ownable_acquire_inside(const th_ownable *lock, th_context *self);

/** Take the lock again after a condition's wait that ended with `token`. */
void th_ownable_reacquire(const th_ownable *lock, th_context *self, const char *site,
                          uint32_t token);

/** Release the lock, whoever holds it; false if nobody does. Nothing of the lock is touched after
 *  the store that frees it. */
bool th_ownable_release(const th_ownable *lock, const th_context *self);

/** Under the lock of `bucket`, the bucket of a lock to whose queue waiters are to be moved: true if
 *  a release, or a waiter on its way, will wake them; false if the lock is free: then the caller
 *  must grant TH_WOKEN to one of them, and may move the others. QUEUED is set either way. */
bool th_ownable_expect_waiters(const th_ownable *lock, th_bucket *bucket);

#endif
