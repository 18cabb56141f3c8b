/* SPDX-License-Identifier: MIT */
/** @file
 *  Bytes per object: of visible structs their size; of handles what the allocator's own account
 *  says of many of them; of a sleeping thread what it adds to the resident memory. */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <threads.h>

#include "frames.h"
#include "thrum.h"

#define HANDLES 10000

static thrum_event leave;

static void *sleep_until_left(void *arg)
{
    bench_check(thrum_event_wait(&leave) == 0, "a wait failed");
    return arg;
}

static void *glibc_sleep(void *arg)
{
    (void)arg;
    return sleep_until_left(NULL);
}

static void make_queues(long n)
{
    for (long i = 0; i < n; i++)
        bench_check(thrum_queue_new(0) != NULL, "no memory");
}

static void put_items(long n)
{
    thrum_queue *queue = thrum_queue_new(0);
    for (long i = 0; i < n; i++)
        bench_check(thrum_queue_put(queue, queue) == 0, "a put failed");
}

static void make_futures(long n)
{
    for (long i = 0; i < n; i++)
        bench_check(thrum_future_new() != NULL, "no memory");
}

static void start_timers(long n)
{
    for (long i = 0; i < n; i++)
        bench_check(thrum_timer_start(
                        thrum_timer_new(3600, sleep_until_left, NULL, .daemon = THRUM_DAEMON)) == 0,
                    "a start failed");
}

static void start_threads(long n)
{
    for (long i = 0; i < n; i++)
        bench_check(thrum_spawn(sleep_until_left, NULL) != NULL, "no thread");
}

static void start_pthreads(long n)
{
    pthread_t thread;
    for (long i = 0; i < n; i++)
        bench_check(pthread_create(&thread, NULL, glibc_sleep, NULL) == 0, "no thread");
}

static double thrum_round(void)
{
    bench_note("rlock", sizeof(thrum_rlock));
    bench_note("condition", sizeof(thrum_condition));
    bench_note("semaphore", sizeof(thrum_semaphore));
    bench_note("event", sizeof(thrum_event));
    bench_note("barrier", sizeof(thrum_barrier));
    bench_note("once", sizeof(thrum_once));
    bench_note("queue", bench_heap(make_queues, HANDLES));
    bench_note("queued item", bench_heap(put_items, 100L * HANDLES));
    bench_note("future", bench_heap(make_futures, HANDLES));
    bench_note("timer", bench_heap(start_timers, HANDLES));
    bench_note("thread", bench_resident(start_threads, BENCH_RESIDENT_THREADS));
    thrum_event_set(&leave);
    return sizeof(thrum_lock);
}

static double glibc_round(void)
{
    bench_note("rlock", sizeof(pthread_mutex_t));
    bench_note("condition", sizeof(pthread_cond_t));
    bench_note("semaphore", sizeof(sem_t));
    bench_note("barrier", sizeof(pthread_barrier_t));
    bench_note("once", sizeof(pthread_once_t));
    bench_note("thread", bench_resident(start_pthreads, BENCH_RESIDENT_THREADS));
    thrum_event_set(&leave);
    return sizeof(pthread_mutex_t);
}

static double c11_round(void)
{
    bench_note("rlock", sizeof(mtx_t));
    bench_note("condition", sizeof(cnd_t));
    bench_note("once", sizeof(once_flag));
    return sizeof(mtx_t);
}

static const bench_contender contenders[] = {
    {"thrum", thrum_round}, {"glibc", glibc_round}, {"C11", c11_round}};

BENCH_MAIN("bytes per lock, and per other objects", "bytes", BENCH_LOWER_IS_BETTER, contenders)
