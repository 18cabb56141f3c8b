/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: task_done and join.
 *
 *  Purpose     Wait until all that was put has been dealt with.
 *  State       The word `done` (card in queue_ends.h). Unfinished is what the putting end has
 *              counted, less that.
 *  Protocol    A task_done is one CAS. It reads the putting end's count before, so it cannot miss
 *              that it makes the last item done: later puts only add to what is unfinished. With
 *              JOINERS set the last one does it under the bucket lock, and lets all joiners go. A
 *              joiner sets JOINERS under the bucket lock while something is unfinished.
 *  Who frees   The CAS is the last access to the queue, also with joiners: it clears JOINERS, and
 *              they are queued in park's table.
 *  Rejected    A count of the unfinished: every put would write a third line. */
#include "flow/queue_done.h"

#include "park/park.h"

enum { JOINERS = 1, DONE = 2 };

size_t th_queue_make_done(thrum_queue *queue, size_t n)
{
    th_wake_list wake = {.first = NULL};
    uintptr_t key = (uintptr_t)&queue->done;
    th_bucket *bucket = NULL;
    for (;;) {
        uint64_t done = th_load_acq(&queue->done); /* pairs: itself: the count is not older */
        uint64_t left = th_queue_count(&queue->put) - done / DONE;
        n = n < left ? n : (size_t)left;
        bool ends = n == left && (done & JOINERS) != 0;
        if (n == 0)
            break;
        if (ends && bucket == NULL) {
            bucket = th_bucket_lock(key);
            continue;
        }
        /* pairs: thrum_queue_join_until; from here on the queue may be gone */
        if (!th_cas_rel(&queue->done, &done, (done + n * DONE) & ~(uint64_t)(ends ? JOINERS : 0)))
            continue;
        for (th_waiter *waiter; ends && (waiter = th_bucket_first(bucket, key)) != NULL;)
            th_wake_list_take(&wake, bucket, waiter, 0);
        th_wake_list_grant(&wake);
        break;
    }
    if (bucket != NULL)
        th_bucket_unlock(bucket);
    th_wake_list_resume(&wake);
    return n;
}

int thrum_queue_task_done(thrum_queue *queue)
{
    if (queue == NULL)
        return THRUM_EINVAL;
    th_inner_me(); /* an abandoned thread stops here */
    return th_queue_make_done(queue, 1) == 1 ? 0 : THRUM_EOVERFLOW;
}

static void joiner_withdrawn(th_waiter *waiter, th_bucket *bucket)
{
    uint64_t *done = (uint64_t *)waiter->key;
    if (th_bucket_first(bucket, waiter->key) == NULL)
        th_and_rlx(done, ~(uint64_t)JOINERS); /* relaxed: under the bucket lock */
}

static bool is_all_done(const thrum_queue *queue, uint64_t done)
{
    return done / DONE == th_queue_count(&queue->put);
}

/** Under the bucket lock: all is done after all (true), or JOINERS is set. */
static bool all_done_or_mark(thrum_queue *queue)
{
    uint64_t done = th_load_acq(&queue->done); /* pairs: th_queue_make_done */
    for (;;) {
        if (is_all_done(queue, done))
            return true;
        /* pairs: th_queue_make_done */
        if (th_cas_acq_rel(&queue->done, &done, done | JOINERS))
            return false;
    }
}

int thrum_queue_join_until(thrum_queue *queue, thrum_time deadline)
{
    if (queue == NULL)
        return THRUM_EINVAL;
    th_context *self = th_self();
    if (is_all_done(queue, th_load_acq(&queue->done))) /* pairs: th_queue_make_done */
        return 0;
    if (deadline != THRUM_FOREVER && thrum_now() >= deadline)
        return THRUM_ETIMEDOUT;
    uintptr_t key = (uintptr_t)&queue->done;
    th_waiter waiter = th_waiter_of(self, TH_WAIT_PLAIN, queue, deadline);
    waiter.withdrawn = joiner_withdrawn;
    th_bucket *bucket = th_bucket_lock(key);
    bool all_done = all_done_or_mark(queue);
    if (!all_done)
        th_bucket_append(bucket, &waiter, key);
    th_bucket_unlock(bucket);
    if (!all_done)
        all_done = th_park(&waiter, deadline);
    th_self(); /* an abandoned thread stops here */
    return all_done ? 0 : THRUM_ETIMEDOUT;
}

int thrum_queue_join(thrum_queue *queue)
{
    return thrum_queue_join_until(queue, THRUM_FOREVER);
}
