/* SPDX-License-Identifier: MIT */
/** @file
 *  Rounds of a lock, which two expressions acquire and release. */
#ifndef THRUM_BENCH_PAIRS_H
#define THRUM_BENCH_PAIRS_H

#include "frames.h"

/** Defines the round `name` of one thread that acquires and releases. */
#define BENCH_PAIRS_OF(name, acquire, release)                                                     \
    static inline void name##_pairs(long n)                                                        \
    {                                                                                              \
        for (long i = 0; i < n; i++) {                                                             \
            acquire;                                                                               \
            release;                                                                               \
        }                                                                                          \
    }                                                                                              \
    static inline double name(void)                                                                \
    {                                                                                              \
        return bench_uncontended(name##_pairs);                                                    \
    }

/** Defines the round `name` of several threads that all want the lock. */
#define BENCH_HAMMER_OF(name, acquire, release)                                                    \
    static inline long name##_hammer(volatile long *counter)                                       \
    {                                                                                              \
        long count = 0;                                                                            \
        for (; !bench_stopped(); count++) {                                                        \
            acquire;                                                                               \
            *counter = *counter + 1;                                                               \
            release;                                                                               \
        }                                                                                          \
        return count;                                                                              \
    }                                                                                              \
    static inline double name(void)                                                                \
    {                                                                                              \
        return bench_contended(name##_hammer);                                                     \
    }

#endif
