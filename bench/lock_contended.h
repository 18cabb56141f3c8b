/* SPDX-License-Identifier: MIT */
/** @file
 *  One lock wanted by several threads all the time; the counter under it must come out right. */
#ifndef THRUM_BENCH_LOCK_CONTENDED_H
#define THRUM_BENCH_LOCK_CONTENDED_H

#include <pthread.h>
#include <stdio.h>

#include "harness.h"
#include "thrum/lock.h"
#include "thrum/time.h"

#define THREADS_MAX 64
#define ROUND_S 0.3

static thrum_lock lock;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile long counter;
static bool stop;
static int threads;
static long served[THREADS_MAX];

static void *hammer_thrum(void *arg)
{
    long count = 0;
    for (; !__atomic_load_n(&stop, __ATOMIC_RELAXED); count++) {
        thrum_lock_acquire(&lock);
        counter = counter + 1;
        thrum_lock_release(&lock);
    }
    *(long *)arg = count;
    return NULL;
}

static void *hammer_glibc(void *arg)
{
    long count = 0;
    for (; !__atomic_load_n(&stop, __ATOMIC_RELAXED); count++) {
        pthread_mutex_lock(&mutex);
        counter = counter + 1;
        pthread_mutex_unlock(&mutex);
    }
    *(long *)arg = count;
    return NULL;
}

static double contend(void *(*hammer)(void *))
{
    pthread_t handles[THREADS_MAX];
    counter = 0;
    __atomic_store_n(&stop, false, __ATOMIC_RELAXED);
    double started = bench_now();
    for (int i = 0; i < threads; i++)
        if (pthread_create(&handles[i], NULL, hammer, &served[i]) != 0)
            bench_wrong("no more threads");
    thrum_sleep(ROUND_S);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    long sum = 0;
    for (int i = 0; i < threads; i++) {
        pthread_join(handles[i], NULL);
        sum += served[i];
    }
    if (sum != counter)
        bench_wrong("the counter lost updates");
    return (double)sum / (bench_now() - started) / 1e6;
}

static double thrum_round(void)
{
    return contend(hammer_thrum);
}

static double glibc_round(void)
{
    return contend(hammer_glibc);
}

static const bench_contender contenders[] = {{"thrum", thrum_round}, {"glibc", glibc_round}};

#define LOCK_CONTENDED_MAIN(count)                                                                 \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        threads = (count);                                                                         \
        return bench_main(argc, argv, "one lock, " #count " threads", "million pairs per s",       \
                          BENCH_HIGHER_IS_BETTER, contenders,                                      \
                          sizeof contenders / sizeof *contenders);                                 \
    }

#endif
