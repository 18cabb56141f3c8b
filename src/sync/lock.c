/* SPDX-License-Identifier: MIT */
/** @file
 *  Lock.
 *
 *  Purpose     threading.Lock: the statuses and misuse around sync/ownable.c.
 *  State       The word's card is in sync/ownable.h. */
#include "thrum/lock.h"

#include "platform/atomic.h"
#include "sync/misuse.h"
#include "sync/ownable.h"
#include "thrum/with.h"

_Static_assert(sizeof(thrum_lock) == 16, "the lock's size is part of the ABI");

#if defined(THRUM_PRIVATE_RESTARTABLE) && !defined(TH_BACKEND_MODEL)
extern inline bool thrum_private_store_free(uint32_t *word, uint32_t me, uint64_t *sequence);
#endif
extern inline bool thrum_private_free_word(uint32_t *word, uint32_t me);
extern inline uint32_t thrum_private_me(void);
extern inline void thrum_lock_acquire_at(thrum_lock *lock, const char *site);
extern inline void thrum_lock_release(thrum_lock *lock);

static th_ownable ownable_of(thrum_lock *lock)
{
    return (th_ownable){TH_WAIT_LOCK, lock, &lock->word, &lock->site};
}

void thrum_lock_acquire_slow(thrum_lock *lock, const char *site)
{
    if (lock == NULL) {
        th_misuse(lock, TH_CALLER, "acquire of a lock that is NULL");
        return;
    }
    th_ownable ownable = ownable_of(lock);
    th_ownable_acquire(&ownable, th_self(), site, THRUM_FOREVER);
}

void(thrum_lock_acquire)(thrum_lock *lock)
{
    thrum_lock_acquire_at(lock, NULL);
}

int thrum_lock_acquire_until(thrum_lock *lock, thrum_time deadline)
{
    if (lock == NULL)
        return THRUM_EINVAL;
    th_ownable ownable = ownable_of(lock);
    return th_ownable_acquire(&ownable, th_self(), NULL, deadline);
}

bool thrum_lock_try_acquire(thrum_lock *lock)
{
    if (lock == NULL) {
        th_misuse(lock, TH_CALLER, "acquire of a lock that is NULL");
        return false;
    }
    th_ownable ownable = ownable_of(lock);
    if (!th_ownable_try(&ownable, th_self()))
        return false;
    th_store_rlx(&lock->site, NULL); /* relaxed: a note for reports */
    return true;
}

int thrum_lock_release_checked(thrum_lock *lock)
{
    if (lock == NULL)
        return THRUM_EINVAL;
    th_ownable ownable = ownable_of(lock);
    bool released = th_ownable_release(&ownable, th_self_to_release());
    th_self(); /* an abandoned thread stops here */
    return released ? 0 : THRUM_EPERM;
}

void thrum_lock_release_slow(thrum_lock *lock)
{
    if (lock == NULL)
        th_misuse(lock, TH_CALLER, "release of a lock that is NULL");
    else if (thrum_lock_release_checked(lock) != 0)
        th_misuse(lock, TH_CALLER, "release of Lock %p, which nobody holds", (void *)lock);
}

bool thrum_lock_locked(const thrum_lock *lock)
{
    /* relaxed: stale as soon as it is told */
    return lock != NULL && th_owner_of(th_load_rlx(&lock->word)) != 0;
}

void thrum_hold_release_lock(void *lock)
{
    thrum_lock_release(lock);
}
