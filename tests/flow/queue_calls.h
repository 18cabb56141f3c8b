/* SPDX-License-Identifier: MIT */
/** @file
 *  What the queue's tests share: items that are numbers, queues of each order, who sleeps where,
 *  threads that make one call. */
#ifndef THRUM_TEST_QUEUE_CALLS_H
#define THRUM_TEST_QUEUE_CALLS_H

#include <stdint.h>
#include <string.h>

#include "../sync/support.h"
#include "flow/queue_ends.h"

/* ---- items ---- */

static inline void *item_of(intptr_t number)
{
    return (void *)number;
}

static inline intptr_t number_of(const void *item)
{
    return (intptr_t)item;
}

static inline int by_number(const void *a, const void *b)
{
    return (number_of(a) > number_of(b)) - (number_of(a) < number_of(b));
}

/** Items first, first + 1, ... */
static inline void fill_items(void **items, size_t n, intptr_t first)
{
    for (size_t i = 0; i < n; i++)
        items[i] = item_of(first + (intptr_t)i);
}

/* ---- queues ---- */

#define FOR_EACH_ORDER(order_)                                                                     \
    for (enum thrum_queue_order order_ = THRUM_FIFO; order_ <= THRUM_PRIORITY; (order_)++)

/** Each in turn. */
static inline enum thrum_queue_order order_of_round(int round)
{
    return (enum thrum_queue_order)(round % 3);
}

static inline thrum_queue *queue_in(enum thrum_queue_order order, size_t maxsize)
{
    return HAVE(thrum_queue_new(maxsize, .order = order, .compare = by_number));
}

static inline void put_number(thrum_queue *queue, intptr_t number)
{
    CHECK_STATUS(thrum_queue_try_put(queue, item_of(number)), 0);
}

static inline intptr_t get_number(thrum_queue *queue)
{
    void *item = NULL;
    CHECK_STATUS(thrum_queue_try_get(queue, &item), 0);
    return number_of(item);
}

/** Put first, first + 1, ... */
static inline void put_numbers(thrum_queue *queue, intptr_t first, int n)
{
    for (int i = 0; i < n; i++)
        put_number(queue, first + i);
}

/** Get first, first + 1, ..., and in a LIFO queue the other way round. */
static inline void expect_numbers(thrum_queue *queue, enum thrum_queue_order order, intptr_t first,
                                  int n)
{
    for (int i = 0; i < n; i++)
        CHECK_EQ(get_number(queue), order == THRUM_LIFO ? first + n - 1 - i : first + i);
}

/* ---- who sleeps ---- */

/** The addresses on which those who get, put and join are queued. */
static inline const void *getters_of(const thrum_queue *queue)
{
    return &queue->put.sleepers;
}

static inline const void *putters_of(const thrum_queue *queue)
{
    return &queue->get.sleepers;
}

static inline const void *joiners_of(const thrum_queue *queue)
{
    return &queue->done;
}

/* ---- calls in threads ---- */

/** A call that a thread makes, and what came of it. */
typedef struct call {
    thrum_queue *queue;
    thrum_time deadline;
    void *item; /**< to be put, or got */
    void **items;
    size_t n, moved; /**< of put_many, get_many */
    int status;
    int *returned; /**< counts those that have returned */
    test_thread thread;
} call;

static inline void note_return(call *one, int status)
{
    one->status = status;
    if (one->returned != NULL)
        bump(one->returned);
}

static inline void *call_get(void *arg)
{
    call *one = arg;
    note_return(one, thrum_queue_get_until(one->queue, &one->item, one->deadline));
    return NULL;
}

static inline void *call_put(void *arg)
{
    call *one = arg;
    note_return(one, thrum_queue_put_until(one->queue, one->item, one->deadline));
    return NULL;
}

static inline void *call_get_many(void *arg)
{
    call *one = arg;
    note_return(one, thrum_queue_get_many_until(one->queue, one->items, one->n, &one->moved,
                                                one->deadline));
    return NULL;
}

static inline void *call_put_many(void *arg)
{
    call *one = arg;
    note_return(one, thrum_queue_put_many_until(one->queue, one->items, one->n, &one->moved,
                                                one->deadline));
    return NULL;
}

static inline void *call_join(void *arg)
{
    call *one = arg;
    note_return(one, thrum_queue_join_until(one->queue, one->deadline));
    return NULL;
}

/** Let `n` threads make the call, one after the other; return when all sleep at `place`. Puts put
 *  100, 101, ... */
static inline void start_calls(call *calls, int n, void *(*fn)(void *), thrum_queue *queue,
                               const void *place)
{
    int before = waiters_on(place);
    for (int i = 0; i < n; i++) {
        calls[i].queue = queue;
        calls[i].deadline = THRUM_FOREVER;
        calls[i].item = item_of(100 + i);
        calls[i].status = 1;
        test_spawn(&calls[i].thread, fn, &calls[i]);
        await_waiters(place, before + i + 1);
    }
}

static inline void end_calls(call *calls, int n, int status)
{
    for (int i = 0; i < n; i++) {
        test_join(&calls[i].thread);
        CHECK_STATUS(calls[i].status, status);
    }
}

/* ---- destroyed items ---- */

#define DESTROYED_MAX 4096

static int destroyed[DESTROYED_MAX]; /**< how often each number was */
static int destroyed_count;

static inline void destroy_number(void *item)
{
    CHECK(number_of(item) >= 0 && number_of(item) < DESTROYED_MAX);
    bump(&destroyed[number_of(item)]);
    bump(&destroyed_count);
}

/** Exactly first, first + 1, ... have been destroyed since the last such check. */
static inline void expect_destroyed(intptr_t first, int n)
{
    CHECK_EQ(count_of(&destroyed_count), n);
    for (int i = 0; i < n; i++)
        CHECK_EQ(count_of(&destroyed[first + i]), 1);
    memset(destroyed, 0, sizeof destroyed);
    destroyed_count = 0;
}

#endif
