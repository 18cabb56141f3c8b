/* SPDX-License-Identifier: MIT */
/** @file
 *  libuv: its thread pool, whose work the loop's thread hands in and reports, and timers. */
#include <stdlib.h>
#include <uv.h>

#include "frames.h"

static char *workers_text(int workers)
{
    static char text[16];
    snprintf(text, sizeof text, "%d", workers);
    return text;
}

/* ---- executor ---- */

typedef struct job {
    uv_work_t work;
    uintptr_t arg, result;
} job;

static uint64_t sum;

static void empty(uv_work_t *work)
{
    (void)work;
    bench_task_ran();
}

static void same(uv_work_t *work)
{
    job *mine = (job *)work;
    mine->result = mine->arg;
}

static void add(uv_work_t *work, int status)
{
    bench_check(status == 0, "a task failed");
    sum += ((job *)work)->result;
}

/** The pool's size is read when it is first used, so this is for one round per process. */
static void run_all(long n, int workers, uv_work_cb run, uv_after_work_cb after)
{
    setenv("UV_THREADPOOL_SIZE", workers_text(workers), 1);
    job *jobs = calloc((size_t)n, sizeof *jobs);
    bench_check(jobs != NULL, "no memory");
    for (long i = 0; i < n; i++) {
        jobs[i].arg = (uintptr_t)i + 1;
        bench_check(uv_queue_work(uv_default_loop(), &jobs[i].work, run, after) == 0,
                    "a submit failed");
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    free(jobs);
}

static void run_empty(long n, int workers)
{
    run_all(n, workers, empty, NULL);
}

static uint64_t run_futures(long n, int workers)
{
    sum = 0;
    run_all(n, workers, same, add);
    return sum;
}

static uintptr_t submit_one(uintptr_t i)
{
    job mine = {.arg = i};
    sum = 0;
    bench_check(uv_queue_work(uv_default_loop(), &mine.work, same, add) == 0, "a submit failed");
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    return (uintptr_t)sum;
}

static double executor(void)
{
    return bench_executor(run_empty);
}

static double futures(void)
{
    return bench_futures(run_futures);
}

static double submit_wait(void)
{
    setenv("UV_THREADPOOL_SIZE", workers_text(BENCH_WORKERS), 1);
    return bench_submit_wait(submit_one);
}

/* ---- timers ---- */

static void never(uv_timer_t *timer)
{
    (void)timer;
    bench_wrong("a cancelled timer fired");
}

static void cycle(long n)
{
    uv_timer_t *timers = calloc((size_t)n, sizeof *timers);
    bench_check(timers != NULL, "no memory");
    for (long i = 0; i < n; i++) {
        uv_timer_init(uv_default_loop(), &timers[i]);
        bench_check(uv_timer_start(&timers[i], never, (uint64_t)(BENCH_TIMER_S(i) * 1e3), 0) == 0,
                    "a start failed");
    }
    for (long i = 0; i < n; i++)
        uv_timer_stop(&timers[i]);
    /* The handles stay in the loop's list, and so their memory stays too. */
}

static double start_cancel(void)
{
    return bench_timers(cycle);
}

static double due[BENCH_LATE_TIMERS], fired[BENCH_LATE_TIMERS];

static void fire(uv_timer_t *timer)
{
    *(double *)timer->data = bench_now();
}

static double lateness(void)
{
    static uv_timer_t timers[BENCH_LATE_TIMERS];
    for (int i = 0; i < BENCH_LATE_TIMERS; i++) {
        uv_timer_init(uv_default_loop(), &timers[i]);
        timers[i].data = &fired[i];
        uv_update_time(uv_default_loop());
        due[i] = bench_now() + bench_due(i);
        uv_timer_start(&timers[i], fire, (uint64_t)(bench_due(i) * 1e3 + 0.5), 0);
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    return bench_lateness(due, fired);
}

static double memory(void)
{
    bench_note("rlock", sizeof(uv_mutex_t));
    bench_note("condition", sizeof(uv_cond_t));
    bench_note("semaphore", sizeof(uv_sem_t));
    bench_note("barrier", sizeof(uv_barrier_t));
    bench_note("once", sizeof(uv_once_t));
    bench_note("future", sizeof(uv_work_t));
    bench_note("timer", sizeof(uv_timer_t));
    return sizeof(uv_mutex_t);
}

static const bench_entry entries[] = {
    {"executor_empty", {"libuv", executor}},
    {"executor_futures", {"libuv", futures}},
    {"executor_submit_wait", {"libuv", submit_wait}},
    {"timer_start_cancel", {"libuv", start_cancel}},
    {"timer_lateness", {"libuv (whole ms)", lateness}},
    {"memory", {"libuv", memory}},
};

BENCH_PEER_MAIN(entries)
