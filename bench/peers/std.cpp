/* SPDX-License-Identifier: MIT */
/** @file
 *  The standard library of C++: mutexes, condition variable, semaphore, barrier, thread. */
#include <barrier>
#include <condition_variable>
#include <future>
#include <mutex>
#include <semaphore>
#include <thread>
#include <vector>

#include "templates.hpp"

namespace {

std::mutex mutex;
std::recursive_mutex recursive;
std::condition_variable changed;
using hold = std::unique_lock<std::mutex>;

std::counting_semaphore<> back(1), there(0);

void semaphore_turn(int me)
{
    (me == 0 ? back : there).acquire();
    (me == 0 ? there : back).release();
}

std::barrier meeting(2);

void barrier_turn(int)
{
    meeting.arrive_and_wait();
}

long ran;

void one_thread()
{
    std::thread([] { ran++; }).join();
}

void make_futures(long n)
{
    static std::vector<std::promise<void *>> promises;
    for (long i = 0; i < n; i++)
        promises.emplace_back();
}

double memory()
{
    bench_note("rlock", sizeof(std::recursive_mutex));
    bench_note("condition", sizeof(std::condition_variable));
    bench_note("semaphore", sizeof(std::counting_semaphore<>));
    bench_note("barrier", sizeof(std::barrier<>));
    bench_note("once", sizeof(std::once_flag));
    bench_note("future", bench_heap(make_futures, 10000));
    return sizeof(std::mutex);
}

const bench_entry entries[] = {
    {"lock_uncontended", {"std::mutex", uncontended<mutex>}},
    {"rlock_uncontended", {"std::recursive_mutex", uncontended<recursive>}},
    {"lock_contended", {"std::mutex", contended<mutex>}},
    {"condition_ping_pong", {"std::condition_variable", condition_turns<hold, mutex, changed>}},
    {"semaphore_ping_pong", {"std::counting_semaphore", [] { return bench_two(semaphore_turn); }}},
    {"barrier_of_two", {"std::barrier", [] { return bench_two(barrier_turn); }}},
    {"wake_all", {"std::condition_variable", waking<hold, mutex, changed>}},
    {"thread_start_join", {"std::thread", [] { return bench_threads_run(one_thread, &ran); }}},
    {"memory", {"C++ std", memory}},
};

} // namespace

BENCH_PEER_MAIN(entries)
