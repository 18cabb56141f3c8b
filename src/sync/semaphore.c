/* SPDX-License-Identifier: MIT */
/** @file
 *  Semaphore.
 *
 *  Purpose     threading.Semaphore and BoundedSemaphore.
 *  State       Card of `state`:
 *                  bit 0      WAITERS: somebody may be queued; then there are no permits. Set under
 *                             the bucket lock by who queues; cleared under it by a release that
 *                             empties the queue, or by the last waiter whose deadline passes.
 *                  bits 1-32  permits. Down by a taker's CAS, up by a releaser's, while nobody is
 *                             queued; changed under the bucket lock otherwise.
 *  Protocol    While nobody is queued, acquire and release are one CAS each. With waiters, a
 *              release gives its permits to the oldest of them, under the bucket lock, and adds
 *              what is left over. A permit is subtracted by being given, so a waiter whose
 *              deadline passes has nothing to undo.
 *  Who frees   A release touches the semaphore last in the CAS or store that settles the permits,
 *              before anyone is let go.
 *  Rejected    A count below zero for waiters: a timed-out waiter would have to put it right again,
 *              in a race with the release that meant it. */
#include "thrum/semaphore.h"

#include "park/park.h"
#include "park/signal.h"
#include "platform/atomic.h"
#include "sync/misuse.h"
#include "thrum/with.h"

_Static_assert(sizeof(thrum_semaphore) == 16, "the semaphore's size is part of the ABI");

#define WAITERS ((uint64_t)1)
#define PERMIT ((uint64_t)2)

static uint64_t permits_of(uint64_t state)
{
    return state / PERMIT;
}

void thrum_semaphore_init(thrum_semaphore *semaphore, unsigned value, bool bounded)
{
    if (semaphore == NULL) {
        th_misuse(semaphore, TH_CALLER, "init of a semaphore that is NULL");
        return;
    }
    *semaphore = (thrum_semaphore){value * PERMIT, value, bounded};
}

static bool take(thrum_semaphore *semaphore)
{
    uint64_t state = th_load_rlx(&semaphore->state); /* relaxed: the CAS looks again */
    while (permits_of(state) > 0) {
        /* pairs: thrum_semaphore_release */
        if (th_cas_acq(&semaphore->state, &state, state - PERMIT))
            return true;
    }
    return false;
}

/** Under the bucket lock: take a permit after all, or say in the state that somebody is queued. */
static bool take_or_mark(thrum_semaphore *semaphore)
{
    uint64_t state = th_load_rlx(&semaphore->state); /* relaxed: the CAS looks again */
    for (;;) {
        bool taken = permits_of(state) > 0;
        /* pairs: thrum_semaphore_release */
        if (th_cas_acq(&semaphore->state, &state, taken ? state - PERMIT : state | WAITERS))
            return taken;
    }
}

static void withdrawn(th_waiter *waiter, th_bucket *bucket)
{
    thrum_semaphore *semaphore = (thrum_semaphore *)waiter->key;
    if (th_bucket_first(bucket, waiter->key) == NULL)
        th_and_rlx(&semaphore->state, ~WAITERS); /* relaxed: under the bucket lock */
}

int thrum_semaphore_acquire_until(thrum_semaphore *semaphore, thrum_time deadline)
{
    if (semaphore == NULL)
        return THRUM_EINVAL;
    th_context *self = th_self();
    if (take(semaphore))
        return 0;
    if (deadline != THRUM_FOREVER && thrum_now() >= deadline)
        return THRUM_ETIMEDOUT;
    th_waiter waiter = th_waiter_of(self, TH_WAIT_PLAIN, semaphore, deadline);
    waiter.withdrawn = withdrawn;
    th_bucket *bucket = th_bucket_lock((uintptr_t)semaphore);
    bool taken = take_or_mark(semaphore);
    if (!taken)
        th_bucket_append(bucket, &waiter, (uintptr_t)semaphore);
    th_bucket_unlock(bucket);
    if (!taken)
        taken = th_park(&waiter, deadline);
    if (taken && th_must_stop(self))
        thrum_semaphore_release(semaphore, 1);
    th_self(); /* an abandoned thread stops here */
    return taken ? 0 : THRUM_ETIMEDOUT;
}

int thrum_semaphore_acquire(thrum_semaphore *semaphore)
{
    return thrum_semaphore_acquire_until(semaphore, THRUM_FOREVER);
}

bool thrum_semaphore_try_acquire(thrum_semaphore *semaphore)
{
    if (semaphore == NULL) {
        th_misuse(semaphore, TH_CALLER, "acquire of a semaphore that is NULL");
        return false;
    }
    return take(semaphore);
}

static bool fits(const thrum_semaphore *semaphore, uint64_t state, uint64_t n)
{
    uint64_t most = semaphore->bounded != 0 ? semaphore->limit : UINT32_MAX;
    return permits_of(state) + n <= most;
}

/** Add `n` permits if nobody is queued: 1 done, 0 somebody is queued, or THRUM_EOVERFLOW. */
static int add(thrum_semaphore *semaphore, uint64_t n)
{
    uint64_t state = th_load_rlx(&semaphore->state); /* relaxed: the CAS looks again */
    do {
        if (!fits(semaphore, state, n))
            return THRUM_EOVERFLOW;
        if ((state & WAITERS) != 0)
            return 0;
        /* pairs: take, take_or_mark */
    } while (!th_cas_rel(&semaphore->state, &state, state + n * PERMIT));
    return 1;
}

/** Give `n` permits with somebody queued, or who was: 0 or THRUM_EOVERFLOW. */
static int give(thrum_semaphore *semaphore, uint64_t n)
{
    th_wake_list wake = {.first = NULL};
    uintptr_t key = (uintptr_t)semaphore;
    th_bucket *bucket = th_bucket_lock(key);
    int added = add(semaphore, n);
    if (added == 0) {
        th_waiter *waiter = th_bucket_first(bucket, key);
        for (; waiter != NULL && n > 0; waiter = th_bucket_first(bucket, key), n--)
            th_wake_list_take(&wake, bucket, waiter, 0);
        /* pairs: take, take_or_mark; from here on the semaphore may be gone */
        th_store_rel(&semaphore->state, waiter != NULL ? WAITERS : n * PERMIT);
        th_wake_list_grant(&wake);
    }
    th_bucket_unlock(bucket);
    th_wake_list_resume(&wake);
    return added < 0 ? added : 0;
}

/** A handler's release that was put off; if it no longer fits there is nobody left to tell. */
static void give_later(void *object, uint64_t n)
{
    (void)give(object, n);
}

int thrum_semaphore_release(thrum_semaphore *semaphore, unsigned n)
{
    if (semaphore == NULL || n == 0)
        return THRUM_EINVAL;
    int added = add(semaphore, n);
    if (added != 0)
        return added < 0 ? added : 0;
    if (!th_signal_is_inside())
        return give(semaphore, n);
    th_signal_run(give_later, semaphore, n);
    return 0;
}

unsigned thrum_semaphore_value(const thrum_semaphore *semaphore)
{
    /* relaxed: stale as soon as it is told */
    return semaphore == NULL ? 0 : (unsigned)permits_of(th_load_rlx(&semaphore->state));
}

void thrum_hold_release_semaphore(void *semaphore)
{
    if (thrum_semaphore_release(semaphore, 1) != 0)
        th_misuse(semaphore, TH_CALLER, "release of BoundedSemaphore %p beyond its bound",
                  semaphore);
}
