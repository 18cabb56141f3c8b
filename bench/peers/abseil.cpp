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

struct hold : absl::MutexLock {
    explicit hold(absl::Mutex &held) : MutexLock(&held)
    {
    }
};

struct condition : absl::CondVar {
    void wait(hold &)
    {
        Wait(&mutex);
    }
    void notify_one()
    {
        Signal();
    }
    void notify_all()
    {
        SignalAll();
    }
} changed;

double memory()
{
    bench_note("condition", sizeof(absl::CondVar));
    return sizeof(absl::Mutex);
}

const bench_entry entries[] = {
    {"lock_uncontended", {"absl::Mutex", uncontended<mutex>}},
    {"lock_contended", {"absl::Mutex", contended<mutex>}},
    {"condition_ping_pong", {"absl::CondVar", condition_turns<hold, mutex, changed>}},
    {"wake_all", {"absl::CondVar", waking<hold, mutex, changed>}},
    {"memory", {"Abseil", memory}},
};

} // namespace

BENCH_PEER_MAIN(entries)
