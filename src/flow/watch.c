/* SPDX-License-Identifier: MIT */
/** @file
 *  Watch.
 *
 *  Purpose     Tell those who wait for a future that it is done: who sleeps on it, groups that wait
 *              for several (wait.c), callbacks.
 *  State       Two flags in the future's word, see the card in flow/future.h; the table's queue
 *              under the future's address; the future's list of watches, under its `lock`.
 *  Protocol    Who is about to sleep or to list says so in the word, by CAS while it is not final,
 *              under the lock concerned. Who completes looks for them if its own CAS saw the flag:
 *              it wakes sleepers under the bucket lock, takes the watches off the list under
 *              `lock`, telling those of groups, and then, holding nothing, calls callbacks in the
 *              order in which they were added.
 *  Why nobody is missed
 *              If the completer's CAS saw the flag, it takes the lock after who set it has let go,
 *              and finds them; if not, who would set it finds a final phase.
 *  Invariants  Each watch is told once, or taken off the list. No user code runs under a lock.
 *  Rejected    A lock-free list: waits that time out would leave their watches behind. */
#include "flow/watch.h"

#include "park/park.h"
#include "platform/atomic.h"
#include "platform/memory.h"
#include "thread/failure.h"

/** A watch of the program's: `callback(future, arg)`. */
typedef struct callback_watch {
    th_watch watch;
    void (*callback)(thrum_future *future, void *arg);
    void *arg;
} callback_watch;

/** Under the lock that goes with the flag: say that somebody waits; false if the future is done. */
static bool mark(thrum_future *future, uint32_t flag)
{
    uint32_t state = th_load_rlx(&future->state); /* relaxed: loaded again if it is final */
    while (!th_task_is_final(state)) {
        if ((state & flag) != 0)
            return true;
        /* relaxed: who concludes looks for us under the same lock */
        if (th_cas_rlx(&future->state, &state, state | flag))
            return true;
    }
    (void)th_load_acq(&future->state); /* pairs: conclude, complete, leave_pending, cancel */
    return false;
}

/* ---- sleepers ---- */

bool th_future_sleep(thrum_future *future, thrum_time deadline)
{
    uintptr_t key = (uintptr_t)future;
    th_waiter waiter = th_waiter_of(th_self(), TH_WAIT_PLAIN, future, deadline);
    th_bucket *bucket = th_bucket_lock(key);
    bool waiting = mark(future, TH_TASK_SLEPT_ON);
    if (waiting)
        th_bucket_append(bucket, &waiter, key);
    th_bucket_unlock(bucket);
    return !waiting || th_park(&waiter, deadline);
}

static void wake_sleepers(thrum_future *future)
{
    th_wake_list wake = {.first = NULL};
    uintptr_t key = (uintptr_t)future;
    th_bucket *bucket = th_bucket_lock(key);
    for (th_waiter *waiter; (waiter = th_bucket_first(bucket, key)) != NULL;)
        th_wake_list_take(&wake, bucket, waiter, 0);
    th_wake_list_grant(&wake);
    th_bucket_unlock(bucket);
    th_wake_list_resume(&wake);
}

/* ---- the list ---- */

static void append(thrum_future *future, th_watch *watch)
{
    th_watch *first = future->watches != NULL ? future->watches : watch;
    if (first == watch) {
        watch->previous = watch;
        future->watches = watch;
    }
    watch->next = first;
    watch->previous = first->previous;
    first->previous->next = watch;
    first->previous = watch;
    watch->is_listed = true;
}

bool th_future_watch(thrum_future *future, th_watch *watch)
{
    th_rawlock_acquire(&future->lock);
    bool waiting = mark(future, TH_TASK_WATCHED);
    if (waiting)
        append(future, watch);
    th_rawlock_release(&future->lock);
    return waiting;
}

bool th_future_calls_back(thrum_future *future)
{
    bool found = false;
    /* relaxed: one that is listed only now may find its caller counted as free */
    if ((th_load_rlx(&future->state) & TH_TASK_WATCHED) == 0)
        return false;
    th_rawlock_acquire(&future->lock);
    const th_watch *first = future->watches;
    for (const th_watch *watch = first; watch != NULL && !found;) {
        found = watch->tell == NULL;
        watch = watch->next != first ? watch->next : NULL;
    }
    th_rawlock_release(&future->lock);
    return found;
}

void th_future_unwatch(thrum_future *future, th_watch *watch)
{
    th_rawlock_acquire(&future->lock);
    if (watch->is_listed) {
        watch->previous->next = watch->next;
        watch->next->previous = watch->previous;
        if (future->watches == watch)
            future->watches = watch->next != watch ? watch->next : NULL;
        watch->is_listed = false;
    }
    th_rawlock_release(&future->lock);
}

/** Take all watches off the list and tell those of groups. Returns the callbacks. */
static th_watch *tell_groups(thrum_future *future)
{
    th_watch *callbacks = NULL, **end = &callbacks;
    th_rawlock_acquire(&future->lock);
    th_watch *first = future->watches;
    future->watches = NULL;
    if (first != NULL)
        first->previous->next = NULL;
    for (th_watch *watch = first, *next; watch != NULL; watch = next) {
        next = watch->next;
        watch->is_listed = false;
        if (watch->tell != NULL) {
            watch->tell(watch, future);
            continue;
        }
        *end = watch;
        end = &watch->next;
    }
    *end = NULL;
    th_rawlock_release(&future->lock);
    return callbacks;
}

void th_watches_forget(thrum_future *future)
{
    if (future->watches != NULL)
        future->watches->previous->next = NULL;
    for (th_watch *watch = future->watches, *next; watch != NULL; watch = next) {
        next = watch->next;
        if (watch->tell == NULL) /* else a group's that a fork has left behind */
            th_free(watch);
    }
    future->watches = NULL;
}

/* ---- callbacks ---- */

static void call(thrum_future *future, void (*callback)(thrum_future *, void *), void *arg)
{
    th_failure failure = {.has_failed = false};
    th_failure *before = th_failure_exchange(&failure);
    callback(future, arg);
    th_failure_exchange(before);
    if (failure.has_failed)
        th_failure_tell(&failure);
    th_failure_clear(&failure);
}

void th_future_announce(thrum_future *future, uint32_t state)
{
    if ((state & TH_TASK_SLEPT_ON) != 0)
        wake_sleepers(future);
    if ((state & TH_TASK_WATCHED) == 0)
        return;
    for (th_watch *watch = tell_groups(future), *next; watch != NULL; watch = next) {
        next = watch->next;
        callback_watch *one = (callback_watch *)watch;
        call(future, one->callback, one->arg);
        th_free(one);
    }
}

int thrum_future_add_done_callback(thrum_future *future,
                                   void (*callback)(thrum_future *future, void *arg), void *arg)
{
    if (future == NULL || callback == NULL)
        return THRUM_EINVAL;
    th_self(); /* an abandoned thread stops here */
    if (!thrum_future_is_done(future)) {
        callback_watch *one = th_alloc(sizeof *one);
        if (one == NULL)
            return THRUM_ENOMEM;
        *one = (callback_watch){.callback = callback, .arg = arg};
        if (th_future_watch(future, &one->watch))
            return 0;
        th_free(one);
    }
    call(future, callback, arg);
    return 0;
}
