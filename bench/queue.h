/* SPDX-License-Identifier: MIT */
/** @file
 *  thrum's contender of the queue that N producers fill and N consumers empty. */
#ifndef THRUM_BENCH_QUEUE_H
#define THRUM_BENCH_QUEUE_H

#include "frames.h"
#include "thrum/queue.h"

static thrum_queue *queue;

static inline void produce(int index, uintptr_t first, long n)
{
    (void)index;
    for (long i = 0; i < n; i++)
        bench_check(thrum_queue_put(queue, (void *)(first + (uintptr_t)i)) == 0, "a put failed");
}

static inline uint64_t consume(int index, long n)
{
    (void)index;
    uint64_t sum = 0;
    for (long i = 0; i < n; i++) {
        void *item;
        bench_check(thrum_queue_get(queue, &item) == 0, "a get failed");
        sum += (uintptr_t)item;
    }
    return sum;
}

/** A round through `queue`, which is of this size then: 0 is without limit. */
static inline double queue_round(size_t maxsize, bench_producer producer, bench_consumer consumer)
{
    queue = thrum_queue_new(maxsize);
    double figure = bench_queue(producer, consumer);
    thrum_queue_free(queue);
    return figure;
}

#endif
