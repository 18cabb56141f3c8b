/* SPDX-License-Identifier: MIT */
/** @file
 *  Once.
 *
 *  Purpose     Run a function one time.
 *  State       Card of `state`:
 *                  0                 not run
 *                  OWNER             being run by that thread (bits 4-31, its owner word)
 *                  OWNER | WAITERS   and somebody may be queued; set under the bucket lock
 *                  DONE              has run; final
 *              0 to OWNER by the runner's CAS, OWNER to DONE (or back to 0, if the function left by
 *              pthread_exit or cancellation) by the runner, under the bucket lock if WAITERS is
 *              set.
 *  Who frees   The runner touches the once last with the store of DONE, before anyone is let go. */
#include "thrum/once.h"

#include "park/park.h"
#include "platform/atomic.h"
#include "platform/thread.h"
#include "sync/misuse.h"

_Static_assert(sizeof(thrum_once) == 8, "the once's size is part of the ABI");

enum { NOT_RUN = 0, WAITERS = 1, DONE = THRUM_PRIVATE_ONCE_DONE };

extern inline void thrum_once_run(thrum_once *once, void (*fn)(void *), void *arg);

/** End a run: the next state, and everybody told to look again. */
static void end_run(thrum_once *once, uint32_t owner, uint32_t next)
{
    uint32_t expected = owner;
    /* pairs: thrum_once_run, thrum_once_run_slow */
    if (th_cas_rel(&once->state, &expected, next))
        return;
    th_wake_list wake = {.first = NULL};
    uintptr_t key = (uintptr_t)once;
    th_bucket *bucket = th_bucket_lock(key);
    for (th_waiter *waiter; (waiter = th_bucket_first(bucket, key)) != NULL;)
        th_wake_list_take(&wake, bucket, waiter, 0);
    th_store_rel(&once->state, next); /* pairs: thrum_once_run, thrum_once_run_slow */
    th_wake_list_grant(&wake);
    th_bucket_unlock(bucket);
    th_wake_list_resume(&wake);
}

typedef struct run {
    thrum_once *once;
    uint32_t owner;
} run;

static void run_was_left(void *arg)
{
    const run *left = arg;
    end_run(left->once, left->owner, NOT_RUN);
}

static void run_it(thrum_once *once, uint32_t owner, void (*fn)(void *), void *arg)
{
    run this_run = {once, owner};
    th_cleanup_push(run_was_left, &this_run);
    if (fn != NULL)
        fn(arg);
    th_cleanup_pop(0);
    end_run(once, owner, DONE);
}

/** Wait for the end of the run by `owner`. */
static void wait_for_run(thrum_once *once, th_context *self, uint32_t owner)
{
    th_waiter waiter = th_waiter_of(self, TH_WAIT_ONCE, once, THRUM_FOREVER);
    waiter.owner = owner;
    uint32_t running = owner;
    th_bucket *bucket = th_bucket_lock((uintptr_t)once);
    /* relaxed: the runner looks for waiters under the bucket lock */
    bool waiting =
        th_cas_rlx(&once->state, &running, owner | WAITERS) || running == (owner | WAITERS);
    if (waiting)
        th_bucket_append(bucket, &waiter, (uintptr_t)once);
    th_bucket_unlock(bucket);
    if (!waiting)
        return;
    th_announce_wait(&waiter);
    th_park(&waiter, THRUM_FOREVER);
    th_self(); /* an abandoned thread stops here */
}

void thrum_once_run_slow(thrum_once *once, void (*fn)(void *), void *arg)
{
    if (once == NULL) {
        th_misuse(once, TH_CALLER, "run of a once that is NULL");
        return;
    }
    th_context *self = th_self();
    for (;;) {
        uint32_t state = NOT_RUN;
        /* pairs: end_run */
        if (th_cas_acq(&once->state, &state, self->self)) {
            run_it(once, self->self, fn, arg);
            return;
        }
        if (th_load_acq(&once->state) == DONE) /* pairs: end_run */
            return;
        uint32_t owner = state & TH_OWNER_MASK;
        if (owner == self->self) {
            th_misuse(once, TH_CALLER, "run of Once %p from inside itself", (void *)once);
            return;
        }
        if (owner != 0)
            wait_for_run(once, self, owner);
    }
}
