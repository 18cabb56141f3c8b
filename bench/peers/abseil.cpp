/* SPDX-License-Identifier: MIT */
/** @file
 *  Abseil: Mutex, CondVar. */
#include <absl/synchronization/mutex.h>

#include "templates.hpp"

namespace {

struct lockable : absl::Mutex {
    void lock()
    {
        Lock();
    }
    void unlock()
    {
        Unlock();
    }
} mutex;

absl::CondVar changed;
int turn_of, woken;

void condition_turn(int me)
{
    absl::MutexLock hold(&mutex);
    while (turn_of != me)
        changed.Wait(&mutex);
    turn_of = !me;
    changed.Signal();
}

void sleeper(int wake)
{
    absl::MutexLock hold(&mutex);
    while (woken <= wake)
        changed.Wait(&mutex);
}

void wake_all(int wake)
{
    absl::MutexLock hold(&mutex);
    woken = wake + 1;
    changed.SignalAll();
}

double memory()
{
    bench_note("condition", sizeof(absl::CondVar));
    return sizeof(absl::Mutex);
}

const bench_entry entries[] = {
    {"lock_uncontended", {"absl::Mutex", uncontended<mutex>}},
    {"lock_contended", {"absl::Mutex", contended<mutex>}},
    {"condition_ping_pong", {"absl::CondVar", [] { return bench_two(condition_turn); }}},
    {"wake_all", {"absl::CondVar", [] { return bench_wake_all(sleeper, wake_all, nullptr); }}},
    {"memory", {"Abseil", memory}},
};

} // namespace

BENCH_PEER_MAIN(entries)
