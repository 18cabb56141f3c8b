/* SPDX-License-Identifier: MIT */
/** @file
 *  A process in which everything waits: an executor's workers, the timer service, a thread at a
 *  queue. */
#include <pthread.h>

#include "frames.h"
#include "thrum/executor.h"
#include "thrum/queue.h"
#include "thrum/timer.h"

static void *empty(void *arg)
{
    bench_task_ran();
    return arg;
}

static void *getter(void *arg)
{
    void *item;
    bench_check(thrum_queue_get(arg, &item) == 0, "a get failed");
    return item;
}

static double thrum_round(void)
{
    thrum_executor *executor = thrum_executor_new(.max_workers = BENCH_WORKERS);
    thrum_timer *timer = thrum_timer_new(3600, empty, NULL);
    thrum_queue *queue = thrum_queue_new(0);
    pthread_t waiter;
    for (int i = 0; i < 100; i++)
        bench_check(thrum_executor_submit(executor, empty, NULL, NULL) == 0, "a submit failed");
    bench_check(thrum_timer_start(timer) == 0, "a start failed");
    bench_check(pthread_create(&waiter, NULL, getter, queue) == 0, "no more threads");
    double figure = bench_idle();
    bench_check(thrum_queue_put(queue, queue) == 0, "a put failed");
    pthread_join(waiter, NULL);
    thrum_queue_free(queue);
    thrum_timer_cancel(timer);
    thrum_timer_free(timer);
    thrum_executor_free(executor);
    return figure;
}

static const bench_contender contenders[] = {{"thrum", thrum_round}};

BENCH_MAIN("an idle process", "CPU ms per s", BENCH_LOWER_IS_BETTER, contenders)
