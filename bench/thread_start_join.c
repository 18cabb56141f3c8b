/* SPDX-License-Identifier: MIT */
/** @file
 *  Start a thread that only says it ran, and join it: on an idle machine, and beside N threads that
 *  compute. */
#include <pthread.h>
#include <threads.h>

#include "frames.h"
#include "thrum/thread.h"

static long ran;

static void *say(void *arg)
{
    ran++;
    return arg;
}

static int c11_say(void *arg)
{
    (void)arg;
    ran++;
    return 0;
}

static void thrum_one(void)
{
    thrum_thread *thread = thrum_spawn(say, NULL);
    bench_check(thrum_thread_join(thread) == 0, "a thread could not be joined");
    thrum_thread_free(thread);
}

static void glibc_one(void)
{
    pthread_t thread;
    bench_check(pthread_create(&thread, NULL, say, NULL) == 0 && pthread_join(thread, NULL) == 0,
                "a thread could not be joined");
}

static void c11_one(void)
{
    thrd_t thread;
    bench_check(thrd_create(&thread, c11_say, NULL) == thrd_success &&
                    thrd_join(thread, NULL) == thrd_success,
                "a thread could not be joined");
}

static double thrum_round(void)
{
    return bench_threads_run(thrum_one, &ran);
}

static double glibc_round(void)
{
    return bench_threads_run(glibc_one, &ran);
}

static double c11_round(void)
{
    return bench_threads_run(c11_one, &ran);
}

static const bench_contender contenders[] = {
    {"thrum", thrum_round}, {"glibc", glibc_round}, {"C11", c11_round}};

BENCH_VARIANTS(",--threads 4")
BENCH_MAIN("thread start + join, N busy ones beside", "us per thread", BENCH_LOWER_IS_BETTER,
           contenders)
