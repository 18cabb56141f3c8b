/* SPDX-License-Identifier: MIT */
/** @file
 *  One lock wanted by several threads all the time; the counter under it must come out right. */
#include <pthread.h>

#include "frames.h"
#include "thrum/lock.h"

static thrum_lock lock;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t adaptive = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;

static long thrum_hammer(volatile long *counter)
{
    long count = 0;
    for (; !bench_stopped(); count++) {
        thrum_lock_acquire(&lock);
        *counter = *counter + 1;
        thrum_lock_release(&lock);
    }
    return count;
}

static long hammer_mutex(pthread_mutex_t *wanted, volatile long *counter)
{
    long count = 0;
    for (; !bench_stopped(); count++) {
        pthread_mutex_lock(wanted);
        *counter = *counter + 1;
        pthread_mutex_unlock(wanted);
    }
    return count;
}

static long glibc_hammer(volatile long *counter)
{
    return hammer_mutex(&mutex, counter);
}

static long adaptive_hammer(volatile long *counter)
{
    return hammer_mutex(&adaptive, counter);
}

static double thrum_round(void)
{
    return bench_contended(thrum_hammer);
}

static double glibc_round(void)
{
    return bench_contended(glibc_hammer);
}

static double adaptive_round(void)
{
    return bench_contended(adaptive_hammer);
}

static const bench_contender contenders[] = {
    {"thrum", thrum_round}, {"glibc", glibc_round}, {"glibc adaptive", adaptive_round}};

BENCH_VARIANTS("--threads 1,--threads 2,--threads 4,--threads 8,--threads 16,--threads 64")
BENCH_MAIN("one lock, wanted all the time", "million pairs per s", BENCH_HIGHER_IS_BETTER,
           contenders)
