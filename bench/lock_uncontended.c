/* SPDX-License-Identifier: MIT */
/** @file
 *  Lock and unlock, nobody else wanting it, in a process that has had several threads. */
#include <pthread.h>
#include <threads.h>

#include "frames.h"
#include "thrum/lock.h"

static thrum_lock lock;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static mtx_t c11_mutex;

static void thrum_pairs(long n)
{
    for (long i = 0; i < n; i++) {
        thrum_lock_acquire(&lock);
        thrum_lock_release(&lock);
    }
}

static void glibc_pairs(long n)
{
    for (long i = 0; i < n; i++) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
    }
}

static void c11_pairs(long n)
{
    for (long i = 0; i < n; i++) {
        mtx_lock(&c11_mutex);
        mtx_unlock(&c11_mutex);
    }
}

static double thrum_round(void)
{
    return bench_uncontended(thrum_pairs);
}

static double glibc_round(void)
{
    return bench_uncontended(glibc_pairs);
}

static double c11_round(void)
{
    mtx_init(&c11_mutex, mtx_plain);
    return bench_uncontended(c11_pairs);
}

static const bench_contender contenders[] = {
    {"thrum", thrum_round}, {"glibc", glibc_round}, {"C11", c11_round}};

BENCH_MAIN("lock + unlock, uncontended", "ns per pair", BENCH_LOWER_IS_BETTER, contenders)
