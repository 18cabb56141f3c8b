/* SPDX-License-Identifier: MIT */
/** @file
 *  RLock.
 *
 *  Purpose     threading.RLock: an ownable whose owner counts.
 *  State       The word's card is in sync/ownable.h. `count` is written by the owner only: 1 when
 *              it takes the word, up and down while it holds it; it means nothing while the word is
 *              free. Others read it only in thrum_rlock_release's fast path, where the word
 *              decides. */
#include "thrum/rlock.h"

#include "platform/atomic.h"
#include "platform/probe.h"
#include "sync/misuse.h"
#include "sync/ownable.h"
#include "thrum/with.h"

_Static_assert(sizeof(thrum_rlock) == 16, "the rlock's size is part of the ABI");

#define NAME_BYTES 128

extern inline void thrum_rlock_acquire_at(thrum_rlock *lock, const char *site);
extern inline void thrum_rlock_release(thrum_rlock *lock);

static th_ownable ownable_of(thrum_rlock *lock)
{
    return (th_ownable){TH_WAIT_RLOCK, lock, &lock->word, &lock->site};
}

static bool owns(const thrum_rlock *lock, const th_context *self)
{
    /* relaxed: only the caller itself can make it the caller's, or end that */
    return th_owner_of(th_load_rlx(&lock->word)) == self->self;
}

static void set_count(thrum_rlock *lock, uint32_t count)
{
    th_store_rlx(&lock->count, count); /* relaxed: the owner's own */
}

static int acquire(thrum_rlock *lock, const char *site, thrum_time deadline)
{
    th_context *self = th_self();
    if (owns(lock, self)) {
        uint32_t count = th_load_rlx(&lock->count); /* relaxed: the owner's own */
        if (count == UINT32_MAX)
            return THRUM_EOVERFLOW;
        set_count(lock, count + 1);
        return 0;
    }
    th_ownable ownable = ownable_of(lock);
    int status = th_ownable_acquire(&ownable, self, site, deadline);
    if (status == 0)
        set_count(lock, 1);
    return status;
}

void thrum_rlock_acquire_slow(thrum_rlock *lock, const char *site)
{
    if (lock == NULL)
        th_misuse(lock, TH_CALLER, "acquire of an rlock that is NULL");
    else if (acquire(lock, site, THRUM_FOREVER) == THRUM_EOVERFLOW)
        th_misuse(lock, TH_CALLER, "acquire of RLock %p, held 2^32-1 times already", (void *)lock);
}

void(thrum_rlock_acquire)(thrum_rlock *lock)
{
    thrum_rlock_acquire_at(lock, NULL);
}

int thrum_rlock_acquire_until(thrum_rlock *lock, thrum_time deadline)
{
    return lock == NULL ? THRUM_EINVAL : acquire(lock, NULL, deadline);
}

bool thrum_rlock_try_acquire(thrum_rlock *lock)
{
    if (lock == NULL) {
        th_misuse(lock, TH_CALLER, "acquire of an rlock that is NULL");
        return false;
    }
    return acquire(lock, NULL, 0) == 0;
}

int thrum_rlock_release_checked(thrum_rlock *lock)
{
    if (lock == NULL)
        return THRUM_EINVAL;
    th_context *self = th_self_to_release();
    if (!owns(lock, self))
        return THRUM_EPERM;
    uint32_t count = th_load_rlx(&lock->count); /* relaxed: the owner's own */
    if (count > 1) {
        set_count(lock, count - 1);
        return 0;
    }
    th_ownable ownable = ownable_of(lock);
    th_ownable_release(&ownable, self);
    th_self(); /* an abandoned thread stops here */
    return 0;
}

void thrum_rlock_release_slow(thrum_rlock *lock)
{
    const void *caller = TH_CALLER;
    if (lock == NULL) {
        th_misuse(lock, caller, "release of an rlock that is NULL");
        return;
    }
    if (thrum_rlock_release_checked(lock) == 0)
        return;
    char owner[NAME_BYTES] = "nobody";
    uint32_t word = th_load_rlx(&lock->word); /* relaxed: for the message */
    if (th_owner_of(word) != 0 && th_probe_describe_thread != NULL)
        th_probe_describe_thread(th_owner_of(word), owner, sizeof owner);
    th_misuse(lock, caller, "release of RLock %p, which is owned by %s", (void *)lock, owner);
}

bool thrum_rlock_locked(const thrum_rlock *lock)
{
    /* relaxed: stale as soon as it is told */
    return lock != NULL && th_owner_of(th_load_rlx(&lock->word)) != 0;
}

bool thrum_rlock_is_owned(const thrum_rlock *lock)
{
    return lock != NULL && owns(lock, th_self());
}

unsigned thrum_rlock_count(const thrum_rlock *lock)
{
    /* relaxed: the owner's own */
    return thrum_rlock_is_owned(lock) ? th_load_rlx(&lock->count) : 0;
}

void thrum_hold_release_rlock(void *lock)
{
    thrum_rlock_release(lock);
}
