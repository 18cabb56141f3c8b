/* SPDX-License-Identifier: MIT */
/** @file
 *  Recursive lock and unlock, nobody else wanting it, in a process that has had several threads. */
#include <pthread.h>
#include <threads.h>

#include "pairs.h"
#include "thrum/rlock.h"

static thrum_rlock lock;
static pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static mtx_t c11_mutex;

BENCH_PAIRS_OF(thrum_round, thrum_rlock_acquire(&lock), thrum_rlock_release(&lock))
BENCH_PAIRS_OF(glibc_round, pthread_mutex_lock(&mutex), pthread_mutex_unlock(&mutex))
BENCH_PAIRS_OF(c11_uncontended, mtx_lock(&c11_mutex), mtx_unlock(&c11_mutex))

static double c11_round(void)
{
    mtx_init(&c11_mutex, mtx_plain | mtx_recursive);
    return c11_uncontended();
}

static const bench_contender contenders[] = {
    {"thrum", thrum_round}, {"glibc", glibc_round}, {"C11", c11_round}};

BENCH_MAIN("rlock + unlock, uncontended", "ns per pair", BENCH_LOWER_IS_BETTER, contenders)
