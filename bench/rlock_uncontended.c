/* SPDX-License-Identifier: MIT */
/** @file
 *  Recursive lock and unlock, nobody else wanting it, in a process that has had several threads. */
#include <pthread.h>
#include <threads.h>

#include "frames.h"
#include "thrum/rlock.h"

static thrum_rlock lock;
static pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static mtx_t c11_mutex;

static void thrum_pairs(long n)
{
    for (long i = 0; i < n; i++) {
        thrum_rlock_acquire(&lock);
        thrum_rlock_release(&lock);
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
    mtx_init(&c11_mutex, mtx_plain | mtx_recursive);
    return bench_uncontended(c11_pairs);
}

static const bench_contender contenders[] = {
    {"thrum", thrum_round}, {"glibc", glibc_round}, {"C11", c11_round}};

BENCH_MAIN("rlock + unlock, uncontended", "ns per pair", BENCH_LOWER_IS_BETTER, contenders)
