/* SPDX-License-Identifier: MIT */
/** @file
 *  The rounds of a mutex and a condition, which are alike for all that have both in C. Whoever
 *  includes this has defined, as expressions of one mutex and one condition:
 *
 *      LOCK()  UNLOCK()  WAIT()  SIGNAL()  BROADCAST()
 */
#ifndef THRUM_BENCH_MUTEX_PEER_H
#define THRUM_BENCH_MUTEX_PEER_H

#include "../pairs.h"

static int peer_turn, peer_woken; /* whose turn it is; so many wakes so far; under the mutex */

static inline void peer_take_turn(int me)
{
    LOCK();
    while (peer_turn != me)
        WAIT();
    peer_turn = !me;
    SIGNAL();
    UNLOCK();
}

static inline void peer_sleep(int wake)
{
    LOCK();
    while (peer_woken <= wake)
        WAIT();
    UNLOCK();
}

static inline void peer_wake(int wake)
{
    LOCK();
    peer_woken = wake + 1;
    BROADCAST();
    UNLOCK();
}

BENCH_PAIRS_OF(peer_uncontended, LOCK(), UNLOCK())
BENCH_HAMMER_OF(peer_contended, LOCK(), UNLOCK())

static inline double peer_condition(void)
{
    return bench_two(peer_take_turn);
}

static inline double peer_wake_all(void)
{
    peer_woken = 0;
    return bench_wake_all(peer_sleep, peer_wake, NULL);
}

#endif
