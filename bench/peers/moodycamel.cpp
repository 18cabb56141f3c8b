/* SPDX-License-Identifier: MIT */
/** @file
 *  moodycamel: the blocking ConcurrentQueue, which keeps the order of each producer only, item by
 *  item and in bulk; the semaphore below it, which polls up to 10,000 times before it sleeps. */
#include <concurrentqueue/blockingconcurrentqueue.h>
#include <concurrentqueue/lightweightsemaphore.h>

#include "templates.hpp"

namespace {

/** Each has its own type, as a thread's tokens belong to one queue. */
template <int> struct blocking {
    moodycamel::BlockingConcurrentQueue<uintptr_t> items;
    void put(int, uintptr_t item)
    {
        static thread_local moodycamel::ProducerToken token(items);
        items.enqueue(token, item);
    }
    uintptr_t get(int)
    {
        static thread_local moodycamel::ConsumerToken token(items);
        uintptr_t item;
        items.wait_dequeue(token, item);
        return item;
    }
};

blocking<0> going;
blocking<1> coming;

void produce_batches(int, uintptr_t first, long n)
{
    moodycamel::ProducerToken token(going.items);
    for (long done = 0; done < n;) {
        uintptr_t batch[BENCH_BATCH];
        size_t size = 0;
        for (; size < BENCH_BATCH && done < n; size++, done++)
            batch[size] = first + static_cast<uintptr_t>(done);
        going.items.enqueue_bulk(token, batch, size);
    }
}

uint64_t consume_batches(int, long n)
{
    moodycamel::ConsumerToken token(going.items);
    uint64_t sum = 0;
    for (long done = 0; done < n;) {
        uintptr_t batch[BENCH_BATCH];
        size_t most = n - done < BENCH_BATCH ? static_cast<size_t>(n - done) : BENCH_BATCH;
        size_t got = going.items.wait_dequeue_bulk(token, batch, most);
        for (size_t i = 0; i < got; i++)
            sum += batch[i];
        done += static_cast<long>(got);
    }
    return sum;
}

moodycamel::LightweightSemaphore back(1), there(0);

void semaphore_turn(int me)
{
    (me == 0 ? back : there).wait();
    (me == 0 ? there : back).signal();
}

const bench_entry entries[] = {
    {"semaphore_ping_pong",
     {"moodycamel semaphore (spins)", [] { return bench_two(semaphore_turn); }}},
    {"queue_unbounded", {"moodycamel blocking (relaxed order)", through<going>}},
    {"queue_bounded_batch",
     {"moodycamel bulk (relaxed order, unbounded)",
      [] { return bench_queue(produce_batches, consume_batches); }}},
    {"queue_ping_pong", {"moodycamel blocking (spins)", to_and_fro<going, coming>}},
};

} // namespace

BENCH_PEER_MAIN(entries)
