/* SPDX-License-Identifier: MIT */
/** @file
 *  Pointers through a bounded queue of 1024 in batches of 16: N producers, N consumers. */
#include "queue.h"

static void produce_batches(int index, uintptr_t first, long n)
{
    (void)index;
    for (long done = 0; done < n;) {
        void *batch[BENCH_BATCH];
        size_t size = 0, put;
        for (; size < BENCH_BATCH && done < n; size++, done++)
            batch[size] = (void *)(first + (uintptr_t)done);
        bench_check(thrum_queue_put_many(queue, batch, size, &put) == 0, "a put failed");
    }
}

static uint64_t consume_batches(int index, long n)
{
    (void)index;
    uint64_t sum = 0;
    for (long done = 0; done < n;) {
        void *batch[BENCH_BATCH];
        size_t most = n - done < BENCH_BATCH ? (size_t)(n - done) : BENCH_BATCH, got;
        bench_check(thrum_queue_get_many(queue, batch, most, &got) == 0, "a get failed");
        for (size_t i = 0; i < got; i++)
            sum += (uintptr_t)batch[i];
        done += (long)got;
    }
    return sum;
}

static double thrum_round(void)
{
    return queue_round(BENCH_QUEUE_SIZE, produce_batches, consume_batches);
}

static const bench_contender contenders[] = {{"thrum", thrum_round}};

BENCH_VARIANTS(BENCH_SIDES)
BENCH_MAIN("bounded queue of 1024, batches of 16, N producers and N consumers",
           "million items per s", BENCH_HIGHER_IS_BETTER, contenders)
