/* SPDX-License-Identifier: MIT */
/** @file
 *  What C programmers write themselves with a mutex and conditions: a ring, a list, a pool whose
 *  tasks have futures, a future. As plain as textbooks have it. */
#include <pthread.h>
#include <stdlib.h>

#include "frames.h"

/* ---- ring ---- */

typedef struct ring {
    pthread_mutex_t mutex;
    pthread_cond_t not_empty, not_full;
    size_t first, used;
    uintptr_t slots[BENCH_QUEUE_SIZE];
} ring;

static ring rings[2];

static void ring_init(ring *r)
{
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->not_empty, NULL);
    pthread_cond_init(&r->not_full, NULL);
    r->first = r->used = 0;
}

static void ring_put_many(ring *r, const uintptr_t *items, long n)
{
    pthread_mutex_lock(&r->mutex);
    for (long i = 0; i < n; i++) {
        while (r->used == BENCH_QUEUE_SIZE)
            pthread_cond_wait(&r->not_full, &r->mutex);
        r->slots[(r->first + r->used++) % BENCH_QUEUE_SIZE] = items[i];
        pthread_cond_signal(&r->not_empty);
    }
    pthread_mutex_unlock(&r->mutex);
}

static long ring_get_many(ring *r, uintptr_t *items, long most)
{
    long got = 0;
    pthread_mutex_lock(&r->mutex);
    while (r->used == 0)
        pthread_cond_wait(&r->not_empty, &r->mutex);
    while (r->used > 0 && got < most) {
        items[got++] = r->slots[r->first];
        r->first = (r->first + 1) % BENCH_QUEUE_SIZE;
        r->used--;
        pthread_cond_signal(&r->not_full);
    }
    pthread_mutex_unlock(&r->mutex);
    return got;
}

static void produce(int index, uintptr_t first, long n)
{
    (void)index;
    for (uintptr_t item = first; item < first + (uintptr_t)n; item++)
        ring_put_many(&rings[0], &item, 1);
}

static uint64_t consume(int index, long n)
{
    (void)index;
    uint64_t sum = 0;
    for (long i = 0; i < n; i++) {
        uintptr_t item;
        ring_get_many(&rings[0], &item, 1);
        sum += item;
    }
    return sum;
}

static void put_and_get(long n)
{
    for (long i = 0; i < n; i++) {
        uintptr_t item = (uintptr_t)i + 1;
        ring_put_many(&rings[0], &item, 1);
        ring_get_many(&rings[0], &item, 1);
        bench_check(item == (uintptr_t)i + 1, "an item was lost");
    }
}

static void produce_batches(int index, uintptr_t first, long n)
{
    (void)index;
    for (long done = 0; done < n;) {
        uintptr_t batch[BENCH_BATCH];
        long size = 0;
        for (; size < BENCH_BATCH && done < n; size++, done++)
            batch[size] = first + (uintptr_t)done;
        ring_put_many(&rings[0], batch, size);
    }
}

static uint64_t consume_batches(int index, long n)
{
    (void)index;
    uint64_t sum = 0;
    for (long done = 0; done < n;) {
        uintptr_t batch[BENCH_BATCH];
        long got = ring_get_many(&rings[0], batch, n - done < BENCH_BATCH ? n - done : BENCH_BATCH);
        for (long i = 0; i < got; i++)
            sum += batch[i];
        done += got;
    }
    return sum;
}

static uintptr_t there(uintptr_t item)
{
    ring_put_many(&rings[0], &item, 1);
    ring_get_many(&rings[1], &item, 1);
    return item;
}

static uintptr_t back(void)
{
    uintptr_t item;
    ring_get_many(&rings[0], &item, 1);
    ring_put_many(&rings[1], &item, 1);
    return item;
}

static double bounded(void)
{
    ring_init(&rings[0]);
    return bench_queue(produce, consume);
}

static double uncontended(void)
{
    ring_init(&rings[0]);
    return bench_uncontended(put_and_get);
}

static double batches(void)
{
    ring_init(&rings[0]);
    return bench_queue(produce_batches, consume_batches);
}

static double queue_turns(void)
{
    ring_init(&rings[0]);
    ring_init(&rings[1]);
    return bench_queue_turns(there, back);
}

/* ---- pool: a list of tasks, each its own future ---- */

typedef struct task {
    struct task *next;
    uintptr_t (*run)(uintptr_t arg);
    uintptr_t arg, result;
    bool done, kept; /* kept: the submitter reads the result and frees it */
} task;

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t work, finished;
    task *first, **last;
    bool closing;
    int workers;
    pthread_t threads[64];
} pool = {.mutex = PTHREAD_MUTEX_INITIALIZER,
          .work = PTHREAD_COND_INITIALIZER,
          .finished = PTHREAD_COND_INITIALIZER};

static task *pool_take(void)
{
    pthread_mutex_lock(&pool.mutex);
    while (pool.first == NULL && !pool.closing)
        pthread_cond_wait(&pool.work, &pool.mutex);
    task *taken = pool.first;
    if (taken != NULL && (pool.first = taken->next) == NULL)
        pool.last = &pool.first;
    pthread_mutex_unlock(&pool.mutex);
    return taken;
}

static void *pool_worker(void *arg)
{
    for (task *taken; (taken = pool_take()) != NULL;) {
        uintptr_t result = taken->run(taken->arg);
        if (!taken->kept) {
            free(taken);
            continue;
        }
        pthread_mutex_lock(&pool.mutex);
        taken->result = result;
        taken->done = true;
        pthread_cond_broadcast(&pool.finished);
        pthread_mutex_unlock(&pool.mutex);
    }
    return arg;
}

static void pool_start(int workers)
{
    pool.closing = false;
    pool.first = NULL;
    pool.last = &pool.first;
    pool.workers = workers;
    for (int i = 0; i < workers; i++)
        bench_check(pthread_create(&pool.threads[i], NULL, pool_worker, NULL) == 0,
                    "no more threads");
}

static void pool_finish(void)
{
    pthread_mutex_lock(&pool.mutex);
    pool.closing = true;
    pthread_cond_broadcast(&pool.work);
    pthread_mutex_unlock(&pool.mutex);
    for (int i = 0; i < pool.workers; i++)
        pthread_join(pool.threads[i], NULL);
}

static task *pool_submit(uintptr_t (*run)(uintptr_t), uintptr_t arg, bool kept)
{
    task *submitted = malloc(sizeof *submitted);
    bench_check(submitted != NULL, "no memory");
    *submitted = (task){.run = run, .arg = arg, .kept = kept};
    pthread_mutex_lock(&pool.mutex);
    *pool.last = submitted;
    pool.last = &submitted->next;
    pthread_cond_signal(&pool.work);
    pthread_mutex_unlock(&pool.mutex);
    return submitted;
}

static uintptr_t pool_result(task *of)
{
    pthread_mutex_lock(&pool.mutex);
    while (!of->done)
        pthread_cond_wait(&pool.finished, &pool.mutex);
    pthread_mutex_unlock(&pool.mutex);
    uintptr_t result = of->result;
    free(of);
    return result;
}

static uintptr_t empty(uintptr_t arg)
{
    bench_task_ran();
    return arg;
}

static uintptr_t same(uintptr_t arg)
{
    return arg;
}

static void run_empty(long n, int workers)
{
    pool_start(workers);
    for (long i = 0; i < n; i++)
        pool_submit(empty, 0, false);
    pool_finish();
}

static uint64_t run_futures(long n, int workers)
{
    task **tasks = calloc((size_t)n, sizeof *tasks);
    bench_check(tasks != NULL, "no memory");
    pool_start(workers);
    for (long i = 0; i < n; i++)
        tasks[i] = pool_submit(same, (uintptr_t)i + 1, true);
    uint64_t sum = 0;
    for (long i = 0; i < n; i++)
        sum += pool_result(tasks[i]);
    pool_finish();
    free(tasks);
    return sum;
}

static uintptr_t submit_one(uintptr_t i)
{
    return pool_result(pool_submit(same, i, true));
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
    pool_start(BENCH_WORKERS);
    double figure = bench_submit_wait(submit_one);
    pool_finish();
    return figure;
}

static double idle(void)
{
    pool_start(BENCH_WORKERS);
    double figure = bench_idle();
    pool_finish();
    return figure;
}

/* ---- future ---- */

typedef struct future {
    pthread_mutex_t mutex;
    pthread_cond_t is_done_now;
    bool is_done;
    uintptr_t result;
} future;

static void *future_new(void)
{
    future *made = calloc(1, sizeof *made);
    bench_check(made != NULL, "no memory");
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->is_done_now, NULL);
    return made;
}

static void future_complete(void *arg, uintptr_t result)
{
    future *of = arg;
    pthread_mutex_lock(&of->mutex);
    of->result = result;
    of->is_done = true;
    pthread_cond_broadcast(&of->is_done_now);
    pthread_mutex_unlock(&of->mutex);
}

static uintptr_t future_result(void *arg)
{
    future *of = arg;
    pthread_mutex_lock(&of->mutex);
    while (!of->is_done)
        pthread_cond_wait(&of->is_done_now, &of->mutex);
    uintptr_t result = of->result;
    pthread_mutex_unlock(&of->mutex);
    return result;
}

static void future_free(void *arg)
{
    future *of = arg;
    pthread_cond_destroy(&of->is_done_now);
    pthread_mutex_destroy(&of->mutex);
    free(of);
}

static uintptr_t one_by_hand(uintptr_t i)
{
    uintptr_t sum = 0;
    void *made = future_new();
    future_complete(made, i);
    for (int j = 0; j < BENCH_ASKED; j++)
        sum += future_result(made);
    future_free(made);
    return sum;
}

static double by_hand(void)
{
    return bench_futures_by_hand(one_by_hand);
}

static double future_turns(void)
{
    return bench_future_turns(future_new, future_complete, future_result, future_free);
}

static const bench_entry entries[] = {
    {"queue_bounded", {"pthread ring", bounded}},
    {"queue_bounded_batch", {"pthread ring", batches}},
    {"queue_uncontended", {"pthread ring", uncontended}},
    {"queue_ping_pong", {"pthread ring", queue_turns}},
    {"executor_empty", {"pthread pool", executor}},
    {"executor_futures", {"pthread pool", futures}},
    {"executor_submit_wait", {"pthread pool", submit_wait}},
    {"idle", {"pthread pool", idle}},
    {"future_by_hand", {"glibc", by_hand}},
    {"future_ping_pong", {"glibc", future_turns}},
};

BENCH_PEER_MAIN(entries)
