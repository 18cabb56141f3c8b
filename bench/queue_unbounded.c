/* SPDX-License-Identifier: MIT */
/** @file
 *  Pointers through an unbounded queue: N producers, N consumers. */
#include "frames.h"
#include "thrum/queue.h"

static thrum_queue *queue;

static void produce(int index, uintptr_t first, long n)
{
    (void)index;
    for (long i = 0; i < n; i++)
        bench_check(thrum_queue_put(queue, (void *)(first + (uintptr_t)i)) == 0, "a put failed");
}

static uint64_t consume(int index, long n)
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

static double thrum_round(void)
{
    queue = thrum_queue_new(0);
    double figure = bench_queue(produce, consume);
    thrum_queue_free(queue);
    return figure;
}

static const bench_contender contenders[] = {{"thrum", thrum_round}};

BENCH_VARIANTS(BENCH_SIDES)
BENCH_MAIN("unbounded queue, N producers and N consumers", "million items per s",
           BENCH_HIGHER_IS_BETTER, contenders)
