/* SPDX-License-Identifier: MIT */
/** @file
 *  Condition.
 *
 *  Purpose     threading.Condition: FIFO, each waiter woken by one notification, none by accident.
 *  State       `waiters`, card: 1 while somebody may be queued, else 0. Set under the bucket lock
 *              by who queues; cleared under it by whoever finds or leaves the queue empty. A
 *              waiter sets it while it still holds the lock, so a notifier that takes the lock
 *              later sees it.
 *  Protocol    wait: queue, release the lock, park, take the lock again. notify: with both bucket
 *              locks, of the condition and of the lock, move the oldest waiters to the queue of the
 *              lock, whose releases wake them one by one; only when the lock is free the first of
 *              them is woken, to be the one that releases next. So notify_all makes at most one
 *              system call, and the woken do not run into a lock that is held.
 *  Deadlines   A moved waiter has been notified: when its deadline passes in the queue of the lock
 *              it leaves that queue, competes like anyone else, and returns 0. A waiter that left
 *              the condition's queue by itself cannot have been notified. No notification is lost.
 *  Who frees   A notifier touches the condition last when it clears `waiters`, before anyone is let
 *              go or moved; it touches the lock only while a waiter of it is in a queue it holds.
 *  Rejected    Waking all at once: they would queue for the lock a moment later. */
#include "thrum/condition.h"

#include "platform/atomic.h"
#include "sync/misuse.h"
#include "sync/ownable.h"
#include "thrum/status.h"

_Static_assert(sizeof(thrum_condition) == 8, "the condition's size is part of the ABI");

/** A waiter and the lock it will take again. */
typedef struct sleeper {
    th_waiter waiter; /**< first: a waiter in the queue of a condition is a sleeper */
    const th_ownable *lock;
} sleeper;

static const th_ownable *lock_of(const th_waiter *waiter)
{
    return ((const sleeper *)(const void *)waiter)->lock;
}

static void set_waiters(thrum_condition *condition, uint32_t waiters)
{
    th_store_rlx(&condition->waiters, waiters); /* relaxed: under the bucket lock, or the lock */
}

static void withdrawn(th_waiter *waiter, th_bucket *bucket)
{
    if (!waiter->moved && th_bucket_first(bucket, waiter->key) == NULL)
        set_waiters((thrum_condition *)waiter->key, 0);
}

/** Wait, with the lock released meanwhile; the caller has checked that it is held. */
static int wait_until(thrum_condition *condition, const th_ownable *lock, th_context *self,
                      thrum_time deadline)
{
    const char *site = th_load_rlx(lock->site); /* relaxed: a note for reports */
    sleeper caller = {th_waiter_of(self, TH_WAIT_PLAIN, condition, deadline), lock};
    caller.waiter.withdrawn = withdrawn;
    th_bucket *bucket = th_bucket_lock((uintptr_t)condition);
    set_waiters(condition, 1);
    th_bucket_append(bucket, &caller.waiter, (uintptr_t)condition);
    th_bucket_unlock(bucket);

    th_ownable_release(lock, self);
    bool granted = th_park(&caller.waiter, deadline);
    th_ownable_reacquire(lock, self, site, granted ? caller.waiter.token : (uint32_t)TH_TRY);
    return granted || caller.waiter.moved ? 0 : THRUM_ETIMEDOUT;
}

int thrum_condition_wait_lock(thrum_condition *condition, thrum_lock *lock, thrum_time deadline)
{
    if (condition == NULL || lock == NULL)
        return THRUM_EINVAL;
    th_context *self = th_self();
    if (!thrum_lock_locked(lock))
        return THRUM_EPERM;
    th_ownable ownable = {TH_WAIT_LOCK, lock, &lock->word, &lock->site};
    return wait_until(condition, &ownable, self, deadline);
}

int thrum_condition_wait_rlock(thrum_condition *condition, thrum_rlock *lock, thrum_time deadline)
{
    if (condition == NULL || lock == NULL)
        return THRUM_EINVAL;
    th_context *self = th_self();
    unsigned count = thrum_rlock_count(lock);
    if (count == 0)
        return THRUM_EPERM;
    th_ownable ownable = {TH_WAIT_RLOCK, lock, &lock->word, &lock->site};
    int status = wait_until(condition, &ownable, self, deadline);
    th_store_rlx(&lock->count, count); /* relaxed: the owner's own */
    return status;
}

int thrum_condition_wait_for_lock(thrum_condition *condition, thrum_lock *lock,
                                  bool (*predicate)(void *), void *arg, thrum_time deadline)
{
    if (condition == NULL || lock == NULL || predicate == NULL)
        return THRUM_EINVAL;
    if (!thrum_lock_locked(lock))
        return THRUM_EPERM;
    int status = 0;
    while (!predicate(arg)) {
        if (status != 0)
            return status;
        status = thrum_condition_wait_lock(condition, lock, deadline);
    }
    return 0;
}

int thrum_condition_wait_for_rlock(thrum_condition *condition, thrum_rlock *lock,
                                   bool (*predicate)(void *), void *arg, thrum_time deadline)
{
    if (condition == NULL || lock == NULL || predicate == NULL)
        return THRUM_EINVAL;
    if (!thrum_rlock_is_owned(lock))
        return THRUM_EPERM;
    int status = 0;
    while (!predicate(arg)) {
        if (status != 0)
            return status;
        status = thrum_condition_wait_rlock(condition, lock, deadline);
    }
    return 0;
}

/** From now on the waiter waits for its lock. */
static void move_to_lock(th_bucket *from, th_bucket *to, th_waiter *waiter)
{
    const th_ownable *lock = lock_of(waiter);
    waiter->kind = lock->kind;
    waiter->object = lock->object;
    waiter->owner_word = lock->word;
    waiter->held_site = lock->site;
    th_bucket_move(from, to, waiter, (uintptr_t)lock->object);
}

/** Under both bucket locks: notify up to `n` waiters of `key` that wait with the lock `object`;
 *  returns how many. Stops at the first that waits with another lock. */
static size_t notify_waiters_of(th_bucket *from, th_bucket *to, uintptr_t key, const void *object,
                                size_t n, th_wake_list *wake)
{
    size_t notified = 0;
    bool expected = false;
    for (; notified < n; notified++) {
        th_waiter *oldest = th_bucket_first(from, key);
        if (oldest == NULL || lock_of(oldest)->object != object)
            break;
        if (expected || th_ownable_expect_waiters(lock_of(oldest), to))
            move_to_lock(from, to, oldest);
        else
            th_wake_list_take(wake, from, oldest, TH_WOKEN);
        expected = true;
    }
    return notified;
}

/** The lock of the oldest waiter, or NULL if nobody is queued; then `waiters` is put right. */
static const void *oldest_lock(thrum_condition *condition)
{
    uintptr_t key = (uintptr_t)condition;
    th_bucket *bucket = th_bucket_lock(key);
    th_waiter *oldest = th_bucket_first(bucket, key);
    const void *object = oldest != NULL ? lock_of(oldest)->object : NULL;
    if (oldest == NULL)
        set_waiters(condition, 0);
    th_bucket_unlock(bucket);
    return object;
}

static void notify(thrum_condition *condition, size_t n)
{
    uintptr_t key = (uintptr_t)condition;
    /* relaxed: a waiter sets it before it releases the lock, under which this thread then is */
    while (n > 0 && th_load_rlx(&condition->waiters) != 0) {
        const void *object = oldest_lock(condition);
        if (object == NULL)
            return;
        th_wake_list wake = {.first = NULL};
        th_bucket *from, *to;
        th_bucket_lock_two(key, (uintptr_t)object, &from, &to);
        n -= notify_waiters_of(from, to, key, object, n, &wake);
        bool empty = th_bucket_first(from, key) == NULL;
        if (empty)
            set_waiters(condition, 0);
        th_wake_list_grant(&wake);
        th_bucket_unlock_two(from, to);
        th_wake_list_resume(&wake);
        if (empty)
            return;
    }
}

void thrum_condition_notify(thrum_condition *condition, size_t n)
{
    if (condition == NULL)
        th_misuse(condition, TH_CALLER, "notify of a condition that is NULL");
    else
        notify(condition, n);
}

void thrum_condition_notify_all(thrum_condition *condition)
{
    if (condition == NULL)
        th_misuse(condition, TH_CALLER, "notify of a condition that is NULL");
    else
        notify(condition, SIZE_MAX);
}
