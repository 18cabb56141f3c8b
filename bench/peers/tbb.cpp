/* SPDX-License-Identifier: MIT */
/** @file
 *  oneTBB: mutexes, bounded queue, task arena and task group, parallel_for. */
#include <future>
#include <memory>
#include <oneapi/tbb/concurrent_queue.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/mutex.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/spin_mutex.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>
#include <vector>

#include "templates.hpp"

namespace tbb = oneapi::tbb;

namespace {

tbb::mutex mutex;
tbb::spin_mutex spin_mutex;

/* ---- queues ---- */

struct bounded {
    tbb::concurrent_bounded_queue<uintptr_t> items;
    explicit bounded(bool limited)
    {
        if (limited)
            items.set_capacity(BENCH_QUEUE_SIZE);
    }
    void put(int, uintptr_t item)
    {
        items.push(item);
    }
    uintptr_t get(int)
    {
        uintptr_t item;
        items.pop(item);
        return item;
    }
};

bounded going(true), coming(true), unlimited(false);

/* ---- tasks ---- */

/** So many threads beside the caller, whatever the number of processors. */
struct workers {
    tbb::global_control limit;
    tbb::task_arena arena;
    explicit workers(int count)
        : limit(tbb::global_control::max_allowed_parallelism, static_cast<size_t>(count) + 1),
          arena(count + 1, 1)
    {
    }
};

/** The submitter helps when it waits, as a task_group's does. */
void run_empty(long n, int count)
{
    workers of(count);
    of.arena.execute([n] {
        tbb::task_group group;
        for (long i = 0; i < n; i++)
            group.run(bench_task_ran);
        group.wait();
    });
}

uint64_t run_futures(long n, int count)
{
    workers of(count);
    std::vector<std::promise<uint64_t>> promises(static_cast<size_t>(n));
    std::vector<std::future<uint64_t>> futures;
    futures.reserve(promises.size());
    uint64_t i = 0;
    for (auto &promise : promises) {
        futures.push_back(promise.get_future());
        of.arena.enqueue([&promise, result = ++i] { promise.set_value(result); });
    }
    uint64_t sum = 0;
    for (auto &future : futures)
        sum += future.get();
    return sum;
}

tbb::task_arena *arena;

uintptr_t submit_one(uintptr_t i)
{
    auto promise = std::make_shared<std::promise<uintptr_t>>();
    auto future = promise->get_future();
    arena->enqueue([promise, i] { promise->set_value(i); });
    return future.get();
}

double submit_wait()
{
    workers of(BENCH_WORKERS);
    arena = &of.arena;
    return bench_submit_wait(submit_one);
}

/* ---- map ---- */

void map(const uintptr_t *inputs, uintptr_t *outputs, long n)
{
    tbb::parallel_for(tbb::blocked_range<long>(0, n), [=](const tbb::blocked_range<long> &part) {
        for (long i = part.begin(); i < part.end(); i++)
            outputs[i] = bench_map_item(inputs[i]);
    });
}

double maps(long n, long count)
{
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism, BENCH_WORKERS);
    return bench_map(map, n, count);
}

double idle()
{
    run_empty(100, BENCH_WORKERS);
    return bench_idle();
}

void make_queues(long n)
{
    for (long i = 0; i < n; i++)
        new tbb::concurrent_bounded_queue<uintptr_t>;
}

void put_items(long n)
{
    auto *items = new tbb::concurrent_bounded_queue<uintptr_t>;
    for (long i = 0; i < n; i++)
        items->push(1);
}

double memory()
{
    bench_note("queue", bench_heap(make_queues, 10000));
    bench_note("queued item", bench_resident(put_items, 1000000));
    return sizeof(tbb::mutex);
}

const bench_entry entries[] = {
    {"lock_uncontended", {"tbb::mutex", uncontended<mutex>}},
    {"lock_uncontended", {"tbb::spin_mutex (spins)", uncontended<spin_mutex>}},
    {"lock_contended", {"tbb::mutex", contended<mutex>}},
    {"lock_contended", {"tbb::spin_mutex (spins)", contended<spin_mutex>}},
    {"queue_bounded", {"tbb::concurrent_bounded_queue", through<going>}},
    {"queue_unbounded", {"tbb::concurrent_bounded_queue", through<unlimited>}},
    {"queue_uncontended", {"tbb::concurrent_bounded_queue", alone<going>}},
    {"queue_ping_pong", {"tbb::concurrent_bounded_queue", to_and_fro<going, coming>}},
    {"executor_empty", {"tbb::task_group", [] { return bench_executor(run_empty); }}},
    {"executor_futures", {"tbb enqueue + promise", [] { return bench_futures(run_futures); }}},
    {"executor_submit_wait", {"tbb enqueue + promise", submit_wait}},
    {"map_large", {"tbb::parallel_for", [] { return maps(BENCH_MAP_LARGE, BENCH_MAPS_LARGE); }}},
    {"map_small", {"tbb::parallel_for", [] { return maps(BENCH_MAP_SMALL, BENCH_MAPS_SMALL); }}},
    {"idle", {"tbb", idle}},
    {"memory", {"oneTBB", memory}},
};

} // namespace

BENCH_PEER_MAIN(entries)
