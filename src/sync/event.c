/* SPDX-License-Identifier: MIT */
/** @file
 *  Event.
 *
 *  Purpose     threading.Event.
 *  State       Card of `state`:
 *                  SET      the flag. Set by thrum_event_set, cleared by thrum_event_clear.
 *                  WAITERS  somebody may be queued; then SET is clear. Set under the bucket lock by
 *                           who queues; cleared under it by a set, or by the last waiter whose
 *                           deadline passes.
 *  Protocol    While nobody is queued, set and clear are one CAS. With waiters, a set takes them
 *              all out of the queue under the bucket lock and lets them go with its answer, so a
 *              clear that follows takes nothing back. Those who come after the clear queue after
 *              it.
 *  Who frees   A set touches the event last when it stores SET, before anyone is let go.
 *  Rejected    Waking all by looking at the flag again (a clear in between would be seen): Python
 *              promises that they wake. */
#include "thrum/event.h"

#include "park/park.h"
#include "park/signal.h"
#include "platform/atomic.h"
#include "sync/misuse.h"

_Static_assert(sizeof(thrum_event) == 8, "the event's size is part of the ABI");

enum { SET = 1, WAITERS = 2 };

extern inline bool thrum_event_is_set(const thrum_event *event);

static void set_and_wake(thrum_event *event)
{
    th_wake_list wake = {.first = NULL};
    uintptr_t key = (uintptr_t)event;
    th_bucket *bucket = th_bucket_lock(key);
    for (th_waiter *waiter; (waiter = th_bucket_first(bucket, key)) != NULL;)
        th_wake_list_take(&wake, bucket, waiter, 0);
    th_store_rel(&event->state, SET); /* pairs: thrum_event_is_set, thrum_event_wait_until */
    th_wake_list_grant(&wake);
    th_bucket_unlock(bucket);
    th_wake_list_resume(&wake);
}

static void set(void *object, uint64_t unused)
{
    (void)unused;
    thrum_event *event = object;
    uint32_t state = th_load_rlx(&event->state); /* relaxed: the CAS looks again */
    while ((state & WAITERS) == 0) {
        /* pairs: thrum_event_is_set, mark_waiting; also when it is set already */
        if (th_cas_rel(&event->state, &state, SET))
            return;
    }
    set_and_wake(event);
}

void thrum_event_set(thrum_event *event)
{
    if (event == NULL) {
        th_misuse(event, TH_CALLER, "set of an event that is NULL");
        return;
    }
    th_signal_run(set, event, 0);
}

static void clear(void *object, uint64_t unused)
{
    (void)unused;
    thrum_event *event = object;
    th_and_rlx(&event->state, ~(uint32_t)SET); /* relaxed: a clear publishes nothing */
}

/** In a handler it is put off behind a set that has been. */
void thrum_event_clear(thrum_event *event)
{
    if (event == NULL) {
        th_misuse(event, TH_CALLER, "clear of an event that is NULL");
        return;
    }
    th_signal_run(clear, event, 0);
}

static void withdrawn(th_waiter *waiter, th_bucket *bucket)
{
    thrum_event *event = (thrum_event *)waiter->key;
    if (th_bucket_first(bucket, waiter->key) == NULL)
        th_and_rlx(&event->state, ~(uint32_t)WAITERS); /* relaxed: under the bucket lock */
}

/** Under the bucket lock: false if the event is set; else it now says that somebody is queued. */
static bool mark_waiting(thrum_event *event)
{
    uint32_t state = th_load_acq(&event->state); /* pairs: thrum_event_set */
    while ((state & SET) == 0) {
        /* relaxed: set looks for waiters under the bucket lock */
        if (th_cas_rlx(&event->state, &state, state | WAITERS))
            return true;
    }
    (void)th_load_acq(&event->state); /* pairs: thrum_event_set */
    return false;
}

int thrum_event_wait_until(thrum_event *event, thrum_time deadline)
{
    if (event == NULL)
        return THRUM_EINVAL;
    th_context *self = th_self();
    if (thrum_event_is_set(event))
        return 0;
    if (deadline != THRUM_FOREVER && thrum_now() >= deadline)
        return THRUM_ETIMEDOUT;
    th_waiter waiter = th_waiter_of(self, TH_WAIT_PLAIN, event, deadline);
    waiter.withdrawn = withdrawn;
    th_bucket *bucket = th_bucket_lock((uintptr_t)event);
    bool waiting = mark_waiting(event);
    if (waiting)
        th_bucket_append(bucket, &waiter, (uintptr_t)event);
    th_bucket_unlock(bucket);
    bool is_set = !waiting || th_park(&waiter, deadline);
    th_self(); /* an abandoned thread stops here */
    return is_set ? 0 : THRUM_ETIMEDOUT;
}

int thrum_event_wait(thrum_event *event)
{
    return thrum_event_wait_until(event, THRUM_FOREVER);
}
