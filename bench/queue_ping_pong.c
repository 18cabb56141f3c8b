/* SPDX-License-Identifier: MIT */
/** @file
 *  An item goes to and fro through two bounded queues. */
#include "frames.h"
#include "thrum/queue.h"

static thrum_queue *going, *coming;

static void put(thrum_queue *queue, uintptr_t item)
{
    bench_check(thrum_queue_put(queue, (void *)item) == 0, "a put failed");
}

static uintptr_t get(thrum_queue *queue)
{
    void *item;
    bench_check(thrum_queue_get(queue, &item) == 0, "a get failed");
    return (uintptr_t)item;
}

static uintptr_t there(uintptr_t item)
{
    put(going, item);
    return get(coming);
}

static uintptr_t back(void)
{
    uintptr_t item = get(going);
    put(coming, item);
    return item;
}

static double thrum_round(void)
{
    going = thrum_queue_new(BENCH_QUEUE_SIZE);
    coming = thrum_queue_new(BENCH_QUEUE_SIZE);
    double figure = bench_queue_turns(there, back);
    thrum_queue_free(going);
    thrum_queue_free(coming);
    return figure;
}

static const bench_contender contenders[] = {{"thrum", thrum_round}};

BENCH_VARIANTS(BENCH_PLACED)
BENCH_MAIN("queue ping-pong", "us per round trip", BENCH_LOWER_IS_BETTER, contenders)
