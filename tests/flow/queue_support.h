/* SPDX-License-Identifier: MIT */
/** @file
 *  What the tests of queues share: items that are numbers, queues of every order, what is asked in
 *  every way there is, threads that make one call, items that are destroyed, and a crowd. */
#ifndef THRUM_TEST_FLOW_QUEUE_SUPPORT_H
#define THRUM_TEST_FLOW_QUEUE_SUPPORT_H

#include <string.h>

#include "../sync/support.h"
#include "flow/queue_wait.h"
#include "thrum/queue.h"

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

static inline void put_number(thrum_queue *queue, intptr_t number)
{
    CHECK_STATUS(thrum_queue_put(queue, item_of(number)), 0);
}

static inline intptr_t get_number(thrum_queue *queue)
{
    void *item = NULL;
    CHECK_STATUS(thrum_queue_get(queue, &item), 0);
    return number_of(item);
}

/** Put first, first + 1, ... */
static inline void put_numbers(thrum_queue *queue, intptr_t first, int n)
{
    for (int i = 0; i < n; i++)
        put_number(queue, first + i);
}

/** Get first, first + 1, ..., and from a LIFO queue the other way round. */
static inline void expect_numbers(thrum_queue *queue, intptr_t first, int n)
{
    for (int i = 0; i < n; i++)
        CHECK_EQ(get_number(queue), queue->order == THRUM_LIFO ? first + n - 1 - i : first + i);
}

/* ---- what ends, asked in every way ---- */

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
    CHECK_STATUS(thrum_queue_put_until(queue, item, THRUM_FOREVER), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_put_many(queue, &item, 1, &n), THRUM_ESHUTDOWN);
    CHECK_EQ(n, 0);
}

/** Nothing comes out any more. */
static inline void check_ended(thrum_queue *queue)
{
    size_t n = 7;
    void *item = &n;
    CHECK(thrum_queue_empty(queue));
    CHECK(!thrum_queue_full(queue));
    CHECK_EQ(thrum_queue_qsize(queue), 0);
    CHECK_STATUS(thrum_queue_get(queue, &item), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_try_get(queue, &item), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_get_until(queue, &item, 0), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_get_until(queue, &item, thrum_after(1)), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_get_until(queue, &item, THRUM_FOREVER), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_get_many(queue, &item, 1, &n), THRUM_ESHUTDOWN);
    CHECK_EQ(n, 0);
    CHECK_PTR(item, &n);
}

/* ---- calls in threads ---- */

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

/** A call that a thread of its own makes, and what came of it. */
typedef struct call {
    thrum_queue *queue;
    thrum_time deadline;
    void *item; /**< to be put, or got */
    void **items;
    size_t n, moved; /**< of put_many, get_many */
    int status;
    test_thread thread;
} call;

static inline void *call_put(void *arg)
{
    call *one = arg;
    one->status = thrum_queue_put_until(one->queue, one->item, one->deadline);
    return NULL;
}

static inline void *call_get(void *arg)
{
    call *one = arg;
    one->status = thrum_queue_get_until(one->queue, &one->item, one->deadline);
    return NULL;
}

static inline void *call_put_many(void *arg)
{
    call *one = arg;
    one->status =
        thrum_queue_put_many_until(one->queue, one->items, one->n, &one->moved, one->deadline);
    return NULL;
}

static inline void *call_get_many(void *arg)
{
    call *one = arg;
    one->status =
        thrum_queue_get_many_until(one->queue, one->items, one->n, &one->moved, one->deadline);
    return NULL;
}

static inline void *call_join(void *arg)
{
    call *one = arg;
    one->status = thrum_queue_join_until(one->queue, one->deadline);
    return NULL;
}

static inline void start_call(call *one, void *(*fn)(void *), thrum_queue *queue, intptr_t number,
                              thrum_time deadline)
{
    one->queue = queue;
    one->item = item_of(number);
    one->deadline = deadline;
    one->status = 1;
    test_spawn(&one->thread, fn, one);
}

/** Let `n` threads make the call, one after the other; return when all sleep at `place`. Puts put
 *  100, 101, ... */
static inline void start_calls(call *calls, int n, void *(*fn)(void *), thrum_queue *queue,
                               const void *place)
{
    int before = waiters_on(place);
    for (int i = 0; i < n; i++) {
        start_call(&calls[i], fn, queue, 100 + i, THRUM_FOREVER);
        await_waiters(place, before + i + 1);
    }
}

static inline int end_call(call *one)
{
    test_join(&one->thread);
    return one->status;
}

static inline void end_calls(call *calls, int n, int status)
{
    for (int i = 0; i < n; i++)
        CHECK_STATUS(end_call(&calls[i]), status);
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

/* ---- a crowd ---- */

enum { SIDE_MAX = 8, EACH = 2000, BATCH = 7 };

/** Producers put EACH numbers each, consumers get them, in all ways there are. */
typedef struct crowd {
    thrum_queue *queue;
    group producers, consumers;
    int producer_count;
    int next_producer, next_consumer;
    int put[SIDE_MAX];        /**< how many went in, of each producer: the first so many */
    int got[SIDE_MAX * EACH]; /**< how often each number came */
} crowd;

static inline thrum_time in_a_moment(int i)
{
    return thrum_now() + 1000 * (i % 100);
}

/** Put up to `most` items, in one of the ways; says how many went in. */
static inline int put_somehow(thrum_queue *queue, void **items, int most, int way, int *status)
{
    size_t n = 1;
    switch (way % 5) {
    case 0: *status = thrum_queue_try_put(queue, items[0]); break;
    case 1: *status = thrum_queue_put_until(queue, items[0], in_a_moment(way)); break;
    case 2:
        *status = thrum_queue_put_many_until(queue, items, (size_t)most, &n, in_a_moment(way));
        return (int)n;
    case 3: *status = thrum_queue_put_many(queue, items, (size_t)most, &n); return (int)n;
    default: *status = thrum_queue_put(queue, items[0]); break;
    }
    return *status == 0 ? 1 : 0;
}

static inline void *produce(void *arg)
{
    crowd *all = arg;
    int own = bump(&all->next_producer) - 1;
    int put = 0, status = 0;
    for (int way = own; put < EACH && status != THRUM_ESHUTDOWN; way++) {
        void *items[BATCH];
        int most = EACH - put < BATCH ? EACH - put : BATCH;
        fill_items(items, (size_t)most, own * EACH + put);
        put += put_somehow(all->queue, items, most, way, &status);
        CHECK(status == 0 || status == THRUM_EFULL || status == THRUM_ETIMEDOUT ||
              status == THRUM_ESHUTDOWN);
        if (status == THRUM_EFULL)
            sched_yield();
    }
    all->put[own] = put;
    return NULL;
}

static inline int get_somehow(thrum_queue *queue, void **items, int way, int *status)
{
    size_t n = 1;
    switch (way % 5) {
    case 0: *status = thrum_queue_try_get(queue, items); break;
    case 1: *status = thrum_queue_get_until(queue, items, in_a_moment(way)); break;
    case 2:
        *status = thrum_queue_get_many_until(queue, items, BATCH, &n, in_a_moment(way));
        return (int)n;
    case 3: *status = thrum_queue_get_many(queue, items, BATCH, &n); return (int)n;
    default: *status = thrum_queue_get(queue, items); break;
    }
    return *status == 0 ? 1 : 0;
}

/** From a FIFO queue each consumer gets those of a producer in their order. */
static inline void note_got(crowd *all, const void *item, int *last)
{
    int number = (int)number_of(item);
    CHECK(number >= 0 && number < all->producer_count * EACH);
    bump(&all->got[number]);
    if (all->queue->order == THRUM_FIFO)
        CHECK_GT(number, last[number / EACH]);
    last[number / EACH] = number;
    CHECK_STATUS(thrum_queue_task_done(all->queue), 0);
}

static inline void *consume(void *arg)
{
    crowd *all = arg;
    int way = bump(&all->next_consumer), status = 0;
    int last[SIDE_MAX];
    memset(last, 0xff, sizeof last);
    for (; status != THRUM_ESHUTDOWN; way++) {
        void *items[BATCH];
        int n = get_somehow(all->queue, items, way, &status);
        CHECK(status == 0 || status == THRUM_EEMPTY || status == THRUM_ETIMEDOUT ||
              status == THRUM_ESHUTDOWN);
        if (status == THRUM_EEMPTY)
            sched_yield();
        for (int i = 0; i < n; i++)
            note_got(all, items[i], last);
    }
    return NULL;
}

static inline void crowd_start(crowd *all, thrum_queue *queue, int producers, int consumers)
{
    memset(all, 0, sizeof *all);
    all->queue = queue;
    all->producer_count = producers;
    group_start(&all->producers, producers, produce, all);
    group_start(&all->consumers, consumers, consume, all);
}

/** Everything that went in has come out once; nothing else has. */
static inline void expect_conserved(crowd *all)
{
    for (int producer = 0; producer < all->producer_count; producer++)
        for (int i = 0; i < EACH; i++)
            CHECK_EQ(all->got[producer * EACH + i], i < all->put[producer]);
}

#endif
