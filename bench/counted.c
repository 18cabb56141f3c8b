/* SPDX-License-Identifier: MIT */
/** @file
 *  The operations whose cost is counted, not timed: by callgrind in instructions, and by strace in
 *  system calls. Each is done so many times in a row by a single thread, with nobody waiting.
 *  Called by bench/counted.py; alone, it only runs them. */
#include <stdio.h>
#include <stdlib.h>

#include "frames.h"
#include "thrum.h"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name) (void)(name)
#endif

static thrum_lock lock;
static thrum_rlock rlock;
static thrum_condition condition;
static thrum_semaphore semaphore = THRUM_SEMAPHORE(1);
static thrum_event event;
static thrum_once once;
static thrum_local local = THRUM_LOCAL_INIT;
static thrum_queue *fifo, *unbounded;

static void lock_pair(void)
{
    thrum_lock_acquire(&lock);
    thrum_lock_release(&lock);
}

static void lock_try_pair(void)
{
    bench_check(thrum_lock_try_acquire(&lock), "a free lock was not to be had");
    thrum_lock_release(&lock);
}

static void rlock_pair(void)
{
    thrum_rlock_acquire(&rlock);
    thrum_rlock_release(&rlock);
}

static void rlock_nested_pair(void)
{
    thrum_rlock_acquire(&rlock);
    thrum_rlock_acquire(&rlock);
    thrum_rlock_release(&rlock);
    thrum_rlock_release(&rlock);
}

static void semaphore_pair(void)
{
    bench_check(thrum_semaphore_acquire(&semaphore) == 0, "an acquire failed");
    bench_check(thrum_semaphore_release(&semaphore, 1) == 0, "a release failed");
}

static void event_set_clear(void)
{
    thrum_event_set(&event);
    thrum_event_clear(&event);
}

static void event_wait_for_set(void)
{
    bench_check(thrum_event_wait(&event) == 0, "a wait failed");
}

static void condition_notify(void)
{
    thrum_condition_notify(&condition, 1);
}

static void nothing(void *arg)
{
    (void)arg;
}

static void once_done(void)
{
    thrum_once_run(&once, nothing, NULL);
}

static void local_get(void)
{
    bench_check(thrum_local_get(&local) == &local, "another value");
}

static void current_thread(void)
{
    bench_check(thrum_current_thread() != NULL, "no thread");
}

static void put_and_get(thrum_queue *queue)
{
    void *item;
    bench_check(thrum_queue_put(queue, queue) == 0, "a put failed");
    bench_check(thrum_queue_get(queue, &item) == 0, "a get failed");
}

static void queue_bounded_pair(void)
{
    put_and_get(fifo);
}

static void queue_unbounded_pair(void)
{
    put_and_get(unbounded);
}

static void future_made_and_read(void)
{
    thrum_future *future = thrum_future_new();
    void *result;
    bench_check(thrum_future_set_result(future, future) == 0, "a result was not taken");
    bench_check(thrum_future_result(future, &result) == 0, "there was no result");
    thrum_future_free(future);
}

static const struct operation {
    const char *name;
    void (*once)(void);
} operations[] = {
    {"lock_acquire_release", lock_pair},
    {"lock_try_acquire_release", lock_try_pair},
    {"rlock_acquire_release", rlock_pair},
    {"rlock_nested_acquire_release", rlock_nested_pair},
    {"semaphore_acquire_release", semaphore_pair},
    {"event_set_clear", event_set_clear},
    {"event_wait_when_set", event_wait_for_set},
    {"condition_notify_nobody", condition_notify},
    {"once_run_done", once_done},
    {"local_get", local_get},
    {"current_thread", current_thread},
    {"queue_bounded_put_get", queue_bounded_pair},
    {"queue_unbounded_put_get", queue_unbounded_pair},
    {"future_new_set_result_free", future_made_and_read},
};

static void repeat(const struct operation *of, long times)
{
    for (long i = 0; i < times; i++)
        of->once();
}

/** counted TIMES: do each operation so often, and once before. */
int main(int argc, char **argv)
{
    long times = argc > 1 ? strtol(argv[1], NULL, 10) : 1000;
    bench_second_thread();
    fifo = thrum_queue_new(BENCH_QUEUE_SIZE);
    unbounded = thrum_queue_new(0);
    bench_check(thrum_local_set(&local, &local) == 0, "no memory");
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (operations[i].once == event_wait_for_set)
            thrum_event_set(&event);
        repeat(&operations[i], 1);
        CALLGRIND_ZERO_STATS;
        repeat(&operations[i], times);
        CALLGRIND_DUMP_STATS_AT(operations[i].name);
    }
    thrum_queue_free(fifo);
    thrum_queue_free(unbounded);
    return 0;
}
