/* SPDX-License-Identifier: MIT */
/** @file
 *  One thread puts an item and gets it again; in a process that has had several threads. */
#include "frames.h"
#include "thrum/queue.h"

static thrum_queue *queue;

static void pairs(long n)
{
    for (long i = 0; i < n; i++) {
        void *item;
        bench_check(thrum_queue_put(queue, queue) == 0, "a put failed");
        bench_check(thrum_queue_get(queue, &item) == 0 && item == queue, "a get failed");
    }
}

static double thrum_round(void)
{
    queue = thrum_queue_new(BENCH_QUEUE_SIZE);
    double figure = bench_uncontended(pairs);
    thrum_queue_free(queue);
    return figure;
}

static const bench_contender contenders[] = {{"thrum", thrum_round}};

BENCH_MAIN("queue, put and get by one thread", "ns per pair", BENCH_LOWER_IS_BETTER, contenders)
