/* SPDX-License-Identifier: MIT */
/** @file
 *  Contenders in C++ are alike: what they share as templates over the object. */
#ifndef THRUM_BENCH_TEMPLATES_HPP
#define THRUM_BENCH_TEMPLATES_HPP

#include "frames.h"

/** Locks and unlocks `lock`, which has lock() and unlock(). */
template <auto &lock> double uncontended()
{
    return bench_uncontended([](long n) {
        for (long i = 0; i < n; i++) {
            lock.lock();
            lock.unlock();
        }
    });
}

template <auto &lock> double contended()
{
    return bench_contended([](volatile long *counter) {
        long count = 0;
        for (; !bench_stopped(); count++) {
            lock.lock();
            *counter = *counter + 1;
            lock.unlock();
        }
        return count;
    });
}

/** Turns under `mutex`, which a `hold` of it has locked while it lives, and the condition `changed`,
 *  which has wait(hold), notify_one() and notify_all(). */
template <typename hold, auto &mutex, auto &changed> double condition_turns()
{
    return bench_two([](int me) {
        static int turn;
        hold held(mutex);
        while (turn != me)
            changed.wait(held);
        turn = !me;
        changed.notify_one();
    });
}

template <typename hold, auto &mutex, auto &changed> double waking()
{
    static int woken;
    woken = 0;
    return bench_wake_all(
        [](int wake) {
            hold held(mutex);
            while (woken <= wake)
                changed.wait(held);
        },
        [](int wake) {
            hold held(mutex);
            woken = wake + 1;
            changed.notify_all();
        },
        nullptr);
}

/** A round through `queue`, which has put(index, item) and get(index). */
template <auto &queue> double through()
{
    return bench_queue(
        [](int index, uintptr_t first, long n) {
            for (uintptr_t item = first; item < first + static_cast<uintptr_t>(n); item++)
                queue.put(index, item);
        },
        [](int index, long n) {
            uint64_t sum = 0;
            for (long i = 0; i < n; i++)
                sum += queue.get(index);
            return sum;
        });
}

template <auto &queue> double alone()
{
    return bench_uncontended([](long n) {
        for (long i = 1; i <= n; i++) {
            queue.put(0, static_cast<uintptr_t>(i));
            bench_check(queue.get(0) == static_cast<uintptr_t>(i), "an item was lost");
        }
    });
}

template <auto &going, auto &coming> double to_and_fro()
{
    return bench_queue_turns(
        [](uintptr_t item) {
            going.put(0, item);
            return coming.get(0);
        },
        [] {
            uintptr_t item = going.get(0);
            coming.put(0, item);
            return item;
        });
}

#endif
