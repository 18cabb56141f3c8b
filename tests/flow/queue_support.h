/* SPDX-License-Identifier: MIT */
/** @file
 *  What the tests of queues share: items that are numbers, queues of every order, threads that are
 *  queued at an end, and what is asked in every way there is. */
#ifndef THRUM_TEST_FLOW_QUEUE_SUPPORT_H
#define THRUM_TEST_FLOW_QUEUE_SUPPORT_H

#include "../sync/support.h"
#include "flow/queue_wait.h"
#include "thrum/queue.h"

static inline void *item_of(uintptr_t number)
{
    return (void *)number;
}

static inline uintptr_t number_of(const void *item)
{
    return (uintptr_t)item;
}

static inline int by_number(const void *a, const void *b)
{
    return (number_of(a) > number_of(b)) - (number_of(a) < number_of(b));
}

static const enum thrum_queue_order orders[] = {THRUM_FIFO, THRUM_LIFO, THRUM_PRIORITY};

static inline thrum_queue *new_queue(size_t maxsize, enum thrum_queue_order order)
{
    return HAVE(thrum_queue_new(maxsize, .order = order, .compare = by_number));
}

/** Run the block with `queue_`, an empty one of each order in turn. */
#define WITH_EACH_ORDER(queue_, maxsize_)                                                          \
    for (size_t order_index = 0; order_index < LENGTH(orders); order_index++)                      \
        for (thrum_queue *queue_ = new_queue((maxsize_), orders[order_index]); queue_ != NULL;     \
             thrum_queue_free(queue_), queue_ = NULL)

static inline void put_number(thrum_queue *queue, uintptr_t number)
{
    CHECK_STATUS(thrum_queue_put(queue, item_of(number)), 0);
}

static inline uintptr_t get_number(thrum_queue *queue)
{
    void *item = NULL;
    CHECK_STATUS(thrum_queue_get(queue, &item), 0);
    return number_of(item);
}

static inline void fill(thrum_queue *queue, size_t n)
{
    for (size_t i = 1; i <= n; i++)
        put_number(queue, i);
}

static inline void drain(thrum_queue *queue)
{
    while (thrum_queue_try_get(queue, NULL) == 0)
        continue;
}

/** A further item is refused in every way that ends. */
static inline void check_full(thrum_queue *queue)
{
    size_t n = 7;
    void *item = item_of(99);
    size_t size = thrum_queue_qsize(queue);
    CHECK(thrum_queue_full(queue));
    CHECK_STATUS(thrum_queue_try_put(queue, item), THRUM_EFULL);
    CHECK_STATUS(thrum_queue_put_until(queue, item, soon()), THRUM_ETIMEDOUT);
    for (size_t i = 0; i < LENGTH(past_deadlines); i++)
        CHECK_STATUS(thrum_queue_put_until(queue, item, past_deadlines[i]), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_queue_put_many_until(queue, &item, 1, &n, soon()), THRUM_ETIMEDOUT);
    CHECK_EQ(n, 0);
    CHECK_EQ(thrum_queue_qsize(queue), size);
}

/** There is nothing to be got in any way that ends. */
static inline void check_empty(thrum_queue *queue)
{
    size_t n = 7;
    void *item = &n;
    CHECK(thrum_queue_empty(queue));
    CHECK_EQ(thrum_queue_qsize(queue), 0);
    CHECK_STATUS(thrum_queue_try_get(queue, &item), THRUM_EEMPTY);
    CHECK_STATUS(thrum_queue_get_until(queue, &item, soon()), THRUM_ETIMEDOUT);
    for (size_t i = 0; i < LENGTH(past_deadlines); i++)
        CHECK_STATUS(thrum_queue_get_until(queue, &item, past_deadlines[i]), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_queue_get_many_until(queue, &item, 1, &n, soon()), THRUM_ETIMEDOUT);
    CHECK_EQ(n, 0);
    CHECK_PTR(item, &n);
}

/** Nothing goes in any more. */
static inline void check_refuses(thrum_queue *queue)
{
    size_t n = 7;
    void *item = item_of(99);
    CHECK_STATUS(thrum_queue_put(queue, item), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_try_put(queue, item), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_put_until(queue, item, 0), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_put_many(queue, &item, 1, &n), THRUM_ESHUTDOWN);
    CHECK_EQ(n, 0);
}

/** Nothing comes out any more. */
static inline void check_ended(thrum_queue *queue)
{
    size_t n = 7;
    void *item = &n;
    CHECK(thrum_queue_empty(queue));
    CHECK_STATUS(thrum_queue_get(queue, &item), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_try_get(queue, &item), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_get_until(queue, &item, 0), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_get_until(queue, &item, thrum_after(1)), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_get_many(queue, &item, 1, &n), THRUM_ESHUTDOWN);
    CHECK_EQ(n, 0);
    CHECK_PTR(item, &n);
}

/* ---- threads at an end ---- */

/** Return when exactly so many getters, putters, joiners are queued. */
#define await_getters(queue_, n_) await_waiters(&(queue_)->put.sleepers, (n_))
#define await_putters(queue_, n_) await_waiters(&(queue_)->get.sleepers, (n_))
#define await_joiners(queue_, n_) await_waiters(&(queue_)->done, (n_))

/** A call in a thread of its own, and what came of it. */
typedef struct call {
    thrum_queue *queue;
    thrum_time deadline;
    void *item;
    int status;
    test_thread thread;
} call;

static inline void *do_put(void *arg)
{
    call *one = arg;
    one->status = thrum_queue_put_until(one->queue, one->item, one->deadline);
    return NULL;
}

static inline void *do_get(void *arg)
{
    call *one = arg;
    one->status = thrum_queue_get_until(one->queue, &one->item, one->deadline);
    return NULL;
}

static inline void *do_join(void *arg)
{
    call *one = arg;
    one->status = thrum_queue_join_until(one->queue, one->deadline);
    return NULL;
}

static inline void *do_get_and_done(void *arg)
{
    do_get(arg);
    call *one = arg;
    if (one->status == 0)
        one->status = thrum_queue_task_done(one->queue);
    return NULL;
}

static inline void start_call(call *one, void *(*what)(void *), thrum_queue *queue,
                              uintptr_t number, thrum_time deadline)
{
    one->queue = queue;
    one->item = item_of(number);
    one->deadline = deadline;
    one->status = 1;
    test_spawn(&one->thread, what, one);
}

static inline int end_call(call *one)
{
    test_join(&one->thread);
    return one->status;
}

#endif
