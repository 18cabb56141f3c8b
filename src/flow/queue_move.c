/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: put and get.
 *
 *  Purpose     Move items through an end: one by one, or many under one acquisition of the lock.
 *  Protocol    Put: under the putting end's lock, see that there is room, store the item, count it,
 *              wake a getter if one sleeps. Get is the same at the other end. Each end keeps the
 *              other's count as it last saw it, and looks again only when that says full, or empty.
 *              Who finds nothing to do waits as queue_wait.c tells, and tries again.
 *  Stopping    An abandoned thread stops where it begins, or when it has slept: never between a
 *              wake-up it owes and passing it on, nor with an item that nobody else will see. */
#include "flow/queue_array.h"
#include "flow/queue_ends.h"
#include "flow/queue_fifo.h"
#include "flow/queue_wait.h"

#define LONG_AGO INT64_MIN

/* ---- ends ---- */

static inline void advance(th_queue_end *end, uint64_t count, size_t n)
{
    th_store_rel(&end->count, count + n); /* pairs: th_queue_count, room_for, items_for */
}

/** Release an end that has moved, and wake who sleeps there. */
static inline void release_moved(th_queue_end *end, uint32_t me)
{
    th_context *woken = NULL;
    if (__builtin_expect(end->sleepers == TH_SLEEPERS_QUEUED, 0))
        woken = th_queue_wake(end);
    th_inner_release(end->lock, me);
    if (__builtin_expect(woken != NULL, 0))
        th_context_resume(woken);
}

/* ---- put ---- */

/** Under the putting end's lock: for how many of `n` items there is room after `count` puts. */
static inline size_t room_for(thrum_queue *queue, uint64_t count, size_t n)
{
    size_t maxsize = queue->maxsize;
    if (maxsize == 0)
        return n;
    size_t room = maxsize - (size_t)(count - queue->put.seen);
    if (room < n) {
        queue->put.seen = th_load_acq(&queue->get.count); /* pairs: advance */
        room = maxsize - (size_t)(count - queue->put.seen);
    }
    return room < n ? room : n;
}

static inline size_t store(thrum_queue *queue, uint64_t count, void *const *items, size_t n)
{
    if (queue->order == THRUM_FIFO)
        return th_fifo_store(queue, items, n);
    return th_array_store(queue, (size_t)(count - th_queue_count_here(&queue->get)), items, n);
}

/** Put those of `n` items for which there is room: 0, ESHUTDOWN, ENOMEM. */
static inline int put_some(thrum_queue *queue, uint32_t me, void *const *items, size_t n,
                           size_t *ret_put)
{
    th_queue_end *put = &queue->put;
    *ret_put = 0;
    th_inner_acquire(put->lock, me);
    if (put->is_shut) {
        th_inner_release(put->lock, me);
        return THRUM_ESHUTDOWN;
    }
    uint64_t count = th_queue_count_here(put);
    size_t room = room_for(queue, count, n);
    size_t stored = room > 0 ? store(queue, count, items, room) : 0;
    if (stored > 0) {
        advance(put, count, stored);
        release_moved(put, me);
    } else {
        th_inner_release(put->lock, me);
    }
    *ret_put = stored;
    return stored < room ? THRUM_ENOMEM : 0;
}

static __attribute__((noinline)) int put_waiting(thrum_queue *queue, void *const *items, size_t n,
                                                 size_t *ret_put, thrum_time deadline, int late)
{
    th_queue_wait wait = {.queue = queue,
                          .own = &queue->put,
                          .other = &queue->get,
                          .deadline = deadline,
                          .late = late,
                          .me = th_inner_me()};
    int status = 0;
    while (status == 0) {
        size_t put;
        status = put_some(queue, wait.me, items + *ret_put, n - *ret_put, &put);
        *ret_put += put;
        if (status != 0 || *ret_put == n)
            break;
        if (put > 0)
            th_queue_pass_on(&wait);
        status = th_queue_wait_for(&wait);
    }
    th_queue_pass_on(&wait);
    return status;
}

static inline int put_one(thrum_queue *queue, void *item, thrum_time deadline, int late)
{
    if (queue == NULL)
        return THRUM_EINVAL;
    size_t put;
    int status = put_some(queue, th_inner_me(), &item, 1, &put);
    if (status != 0 || put == 1)
        return status;
    return put_waiting(queue, &item, 1, &put, deadline, late);
}

int thrum_queue_put(thrum_queue *queue, void *item)
{
    return put_one(queue, item, THRUM_FOREVER, THRUM_ETIMEDOUT);
}

int thrum_queue_put_until(thrum_queue *queue, void *item, thrum_time deadline)
{
    return put_one(queue, item, deadline, THRUM_ETIMEDOUT);
}

int thrum_queue_try_put(thrum_queue *queue, void *item)
{
    return put_one(queue, item, LONG_AGO, THRUM_EFULL);
}

int thrum_queue_put_many_until(thrum_queue *queue, void *const *items, size_t n, size_t *ret_put,
                               thrum_time deadline)
{
    size_t put = 0;
    int status = THRUM_EINVAL;
    if (queue != NULL && items != NULL && n != 0)
        status = put_waiting(queue, items, n, &put, deadline, THRUM_ETIMEDOUT);
    if (ret_put != NULL)
        *ret_put = put;
    return status;
}

int thrum_queue_put_many(thrum_queue *queue, void *const *items, size_t n, size_t *ret_put)
{
    return thrum_queue_put_many_until(queue, items, n, ret_put, THRUM_FOREVER);
}

/* ---- get ---- */

/** Under the getting end's lock: how many of `n` items are there after `count` gets. */
static inline size_t items_for(thrum_queue *queue, uint64_t count, size_t n)
{
    size_t held = (size_t)(queue->get.seen - count);
    if (held < n) {
        queue->get.seen = th_load_acq(&queue->put.count); /* pairs: advance */
        held = (size_t)(queue->get.seen - count);
    }
    return held < n ? held : n;
}

static inline void take(thrum_queue *queue, uint64_t count, void **items, size_t n)
{
    if (queue->order == THRUM_FIFO)
        th_fifo_take(queue, items, n);
    else
        th_array_take(queue, (size_t)(th_queue_count_here(&queue->put) - count), items, n);
}

/** Get those of `n` items that are there: 0, ESHUTDOWN. */
static inline int get_some(thrum_queue *queue, uint32_t me, void **items, size_t n, size_t *ret_got)
{
    th_queue_end *get = &queue->get;
    int status = 0;
    th_inner_acquire(get->lock, me);
    uint64_t count = th_queue_count_here(get);
    size_t held = items_for(queue, count, n);
    if (held > 0) {
        take(queue, count, items, held);
        advance(get, count, held);
        release_moved(get, me);
    } else {
        status = get->is_shut ? THRUM_ESHUTDOWN : 0;
        th_inner_release(get->lock, me);
    }
    *ret_got = held;
    return status;
}

static __attribute__((noinline)) int get_waiting(thrum_queue *queue, void **items, size_t n,
                                                 size_t *ret_got, thrum_time deadline, int late)
{
    th_queue_wait wait = {.queue = queue,
                          .own = &queue->get,
                          .other = &queue->put,
                          .deadline = deadline,
                          .late = late,
                          .me = th_inner_me()};
    int status = 0;
    while (status == 0) {
        status = get_some(queue, wait.me, items, n, ret_got);
        if (status != 0 || *ret_got > 0)
            break;
        status = th_queue_wait_for(&wait);
    }
    th_queue_pass_on(&wait);
    return status;
}

static inline int get_one(thrum_queue *queue, void **ret_item, thrum_time deadline, int late)
{
    if (queue == NULL)
        return THRUM_EINVAL;
    void *item;
    size_t got;
    int status = get_some(queue, th_inner_me(), &item, 1, &got);
    if (status == 0 && got == 0)
        status = get_waiting(queue, &item, 1, &got, deadline, late);
    if (status == 0 && ret_item != NULL)
        *ret_item = item;
    return status;
}

int thrum_queue_get(thrum_queue *queue, void **ret_item)
{
    return get_one(queue, ret_item, THRUM_FOREVER, THRUM_ETIMEDOUT);
}

int thrum_queue_get_until(thrum_queue *queue, void **ret_item, thrum_time deadline)
{
    return get_one(queue, ret_item, deadline, THRUM_ETIMEDOUT);
}

int thrum_queue_try_get(thrum_queue *queue, void **ret_item)
{
    return get_one(queue, ret_item, LONG_AGO, THRUM_EEMPTY);
}

int thrum_queue_get_many_until(thrum_queue *queue, void **items, size_t max, size_t *ret_got,
                               thrum_time deadline)
{
    size_t got = 0;
    int status = THRUM_EINVAL;
    if (queue != NULL && items != NULL && max != 0)
        status = get_waiting(queue, items, max, &got, deadline, THRUM_ETIMEDOUT);
    if (ret_got != NULL)
        *ret_got = got;
    return status;
}

int thrum_queue_get_many(thrum_queue *queue, void **items, size_t max, size_t *ret_got)
{
    return thrum_queue_get_many_until(queue, items, max, ret_got, THRUM_FOREVER);
}
