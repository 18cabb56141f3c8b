/* SPDX-License-Identifier: MIT */
/** @file
 *  Lock and unlock, nobody else wanting it, in a process that has had several threads. */
#include <pthread.h>

#include "harness.h"
#include "thrum/lock.h"

#define PAIRS 5000000

static thrum_lock lock;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *nothing(void *arg)
{
    return arg;
}

/** glibc's mutex skips its atomics until a process has had a second thread. */
__attribute__((constructor)) static void have_a_second_thread(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, nothing, NULL) == 0)
        pthread_join(thread, NULL);
}

static double thrum_round(void)
{
    double started = bench_now();
    for (int i = 0; i < PAIRS; i++) {
        thrum_lock_acquire(&lock);
        thrum_lock_release(&lock);
    }
    return (bench_now() - started) / PAIRS * 1e9;
}

static double glibc_round(void)
{
    double started = bench_now();
    for (int i = 0; i < PAIRS; i++) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
    }
    return (bench_now() - started) / PAIRS * 1e9;
}

static const bench_contender contenders[] = {{"thrum", thrum_round}, {"glibc", glibc_round}};

BENCH_MAIN("lock + unlock, uncontended", "ns per pair", BENCH_LOWER_IS_BETTER, contenders)
