/* SPDX-License-Identifier: MIT */
/** @file
 *  Start a thread that does nothing, and join it. */
#include <pthread.h>

#include "harness.h"
#include "thrum/thread.h"

#define THREADS 2000

static void *nothing(void *arg)
{
    return arg;
}

static double thrum_round(void)
{
    double started = bench_now();
    for (int i = 0; i < THREADS; i++) {
        thrum_thread *thread = thrum_spawn(nothing, NULL);
        if (thrum_thread_join(thread) != 0)
            bench_wrong("a thread could not be joined");
        thrum_thread_free(thread);
    }
    return (bench_now() - started) / THREADS * 1e6;
}

static double glibc_round(void)
{
    double started = bench_now();
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
            bench_wrong("a thread could not be joined");
    }
    return (bench_now() - started) / THREADS * 1e6;
}

static const bench_contender contenders[] = {{"thrum", thrum_round}, {"glibc", glibc_round}};

BENCH_MAIN("thread start + join", "us per thread", BENCH_LOWER_IS_BETTER, contenders)
