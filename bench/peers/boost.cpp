/* SPDX-License-Identifier: MIT */
/** @file
 *  Boost: Thread's mutex, condition, barrier; Thread's sync_bounded_queue; Asio's thread_pool and
 *  steady_timer. */
#define BOOST_THREAD_VERSION 4
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/thread/barrier.hpp>
#include <boost/thread/concurrent_queues/sync_bounded_queue.hpp>
#include <boost/thread/concurrent_queues/sync_queue.hpp>
#include <boost/thread/condition_variable.hpp>
#include <boost/thread/mutex.hpp>
#include <boost/thread/recursive_mutex.hpp>
#include <boost/thread/thread.hpp>
#include <future>
#include <vector>

#include "templates.hpp"

namespace asio = boost::asio;

namespace {

boost::mutex mutex;
boost::recursive_mutex recursive;
boost::condition_variable changed;
using hold = boost::unique_lock<boost::mutex>;

boost::barrier meeting(2);

void barrier_turn(int)
{
    meeting.wait();
}

long ran;

void one_thread()
{
    boost::thread([] { ran++; }).join();
}

/* ---- queues ---- */

template <typename queue> struct adapted : queue {
    using queue::queue;
    void put(int, uintptr_t item)
    {
        this->push(item);
    }
    uintptr_t get(int)
    {
        return this->pull();
    }
};

adapted<boost::sync_bounded_queue<uintptr_t>> going(BENCH_QUEUE_SIZE), coming(BENCH_QUEUE_SIZE);
adapted<boost::sync_queue<uintptr_t>> unlimited;

/* ---- executor ---- */

void run_empty(long n, int workers)
{
    asio::thread_pool pool(static_cast<size_t>(workers));
    for (long i = 0; i < n; i++)
        asio::post(pool, bench_task_ran);
    pool.join();
}

std::future<uint64_t> submit(asio::thread_pool &pool, uint64_t i)
{
    return asio::post(pool, asio::use_future([i] { return i; }));
}

uint64_t run_futures(long n, int workers)
{
    asio::thread_pool pool(static_cast<size_t>(workers));
    std::vector<std::future<uint64_t>> futures;
    futures.reserve(static_cast<size_t>(n));
    for (long i = 0; i < n; i++)
        futures.push_back(submit(pool, static_cast<uint64_t>(i) + 1));
    uint64_t sum = 0;
    for (auto &future : futures)
        sum += future.get();
    return sum;
}

asio::thread_pool *pool;

uintptr_t submit_one(uintptr_t i)
{
    return submit(*pool, i).get();
}

double submit_wait()
{
    asio::thread_pool own(BENCH_WORKERS);
    pool = &own;
    return bench_submit_wait(submit_one);
}

/* ---- timers ---- */

using duration = std::chrono::steady_clock::duration;

duration seconds(double of)
{
    return std::chrono::duration_cast<duration>(std::chrono::duration<double>(of));
}

void cycle(long n)
{
    asio::io_context context;
    long cancelled = 0;
    std::vector<asio::steady_timer> timers;
    timers.reserve(static_cast<size_t>(n));
    for (long i = 0; i < n; i++) {
        timers.emplace_back(context, seconds(BENCH_TIMER_S(i)));
        timers.back().async_wait([&](const boost::system::error_code &error) {
            cancelled += error == asio::error::operation_aborted;
        });
    }
    for (auto &timer : timers)
        timer.cancel();
    context.run();
    bench_check(cancelled == n, "a timer fired");
}

double lateness()
{
    static double due[BENCH_LATE_TIMERS], fired[BENCH_LATE_TIMERS];
    asio::io_context context;
    std::vector<asio::steady_timer> timers;
    timers.reserve(BENCH_LATE_TIMERS);
    for (int i = 0; i < BENCH_LATE_TIMERS; i++) {
        due[i] = bench_now() + bench_due(i);
        timers.emplace_back(context, seconds(bench_due(i)));
        timers.back().async_wait([i](const boost::system::error_code &) { fired[i] = bench_now(); });
    }
    context.run();
    return bench_lateness(due, fired);
}

double idle()
{
    asio::thread_pool own(BENCH_WORKERS);
    asio::post(own, bench_task_ran);
    return bench_idle();
}

void make_timers(long n)
{
    static asio::io_context context;
    static std::vector<asio::steady_timer> timers;
    for (long i = 0; i < n; i++) {
        timers.emplace_back(context, seconds(3600));
        timers.back().async_wait([](const boost::system::error_code &) {});
    }
}

double memory()
{
    bench_note("rlock", sizeof(boost::recursive_mutex));
    bench_note("condition", sizeof(boost::condition_variable));
    bench_note("barrier", sizeof(boost::barrier));
    bench_note("queue", sizeof(going));
    bench_note("timer", bench_heap(make_timers, 10000));
    return sizeof(boost::mutex);
}

const bench_entry entries[] = {
    {"lock_uncontended", {"boost::mutex", uncontended<mutex>}},
    {"rlock_uncontended", {"boost::recursive_mutex", uncontended<recursive>}},
    {"lock_contended", {"boost::mutex", contended<mutex>}},
    {"condition_ping_pong", {"boost::condition", condition_turns<hold, mutex, changed>}},
    {"barrier_of_two", {"boost::barrier", [] { return bench_two(barrier_turn); }}},
    {"thread_start_join", {"boost::thread", [] { return bench_threads_run(one_thread, &ran); }}},
    {"queue_bounded", {"boost::sync_bounded_queue", through<going>}},
    {"queue_unbounded", {"boost::sync_queue", through<unlimited>}},
    {"queue_uncontended", {"boost::sync_bounded_queue", alone<going>}},
    {"queue_ping_pong", {"boost::sync_bounded_queue", to_and_fro<going, coming>}},
    {"executor_empty", {"boost::asio::thread_pool", [] { return bench_executor(run_empty); }}},
    {"executor_futures", {"boost::asio::thread_pool", [] { return bench_futures(run_futures); }}},
    {"executor_submit_wait", {"boost::asio::thread_pool", submit_wait}},
    {"timer_start_cancel", {"boost::asio::steady_timer", [] { return bench_timers(cycle); }}},
    {"timer_lateness", {"boost::asio::steady_timer", lateness}},
    {"idle", {"boost::asio::thread_pool", idle}},
    {"memory", {"Boost", memory}},
};

} // namespace

BENCH_PEER_MAIN(entries)
