/* SPDX-License-Identifier: MIT */
/** @file
 *  GLib: GMutex, GRecMutex, GCond, GThread, GAsyncQueue, GThreadPool. */
#include <glib.h>

static GMutex mutex;
static GRecMutex recursive;
static GCond changed;

#define LOCK() g_mutex_lock(&mutex)
#define UNLOCK() g_mutex_unlock(&mutex)
#define WAIT() g_cond_wait(&changed, &mutex)
#define SIGNAL() g_cond_signal(&changed)
#define BROADCAST() g_cond_broadcast(&changed)
#include "mutex_peer.h"

BENCH_PAIRS_OF(recursive_uncontended, g_rec_mutex_lock(&recursive), g_rec_mutex_unlock(&recursive))

/* ---- threads ---- */

static long ran;

static gpointer say(gpointer data)
{
    ran++;
    return data;
}

static void one_thread(void)
{
    g_thread_join(g_thread_new("bench", say, NULL));
}

static double threads(void)
{
    return bench_threads_run(one_thread, &ran);
}

/* ---- queues ---- */

static GAsyncQueue *queue, *queue_back;

static void produce(int index, uintptr_t first, long n)
{
    (void)index;
    for (long i = 0; i < n; i++)
        g_async_queue_push(queue, (gpointer)(first + (uintptr_t)i));
}

static uint64_t consume(int index, long n)
{
    (void)index;
    uint64_t sum = 0;
    for (long i = 0; i < n; i++)
        sum += (uintptr_t)g_async_queue_pop(queue);
    return sum;
}

static uintptr_t there(uintptr_t item)
{
    g_async_queue_push(queue, (gpointer)item);
    return (uintptr_t)g_async_queue_pop(queue_back);
}

static uintptr_t back(void)
{
    gpointer item = g_async_queue_pop(queue);
    g_async_queue_push(queue_back, item);
    return (uintptr_t)item;
}

static double unbounded(void)
{
    queue = g_async_queue_new();
    return bench_queue(produce, consume);
}

static double queue_turns(void)
{
    queue = g_async_queue_new();
    queue_back = g_async_queue_new();
    return bench_queue_turns(there, back);
}

/* ---- executor ---- */

static void empty(gpointer data, gpointer user_data)
{
    (void)data, (void)user_data;
    bench_task_ran();
}

static void run_empty(long n, int workers)
{
    GThreadPool *pool = g_thread_pool_new(empty, NULL, workers, TRUE, NULL);
    for (long i = 0; i < n; i++)
        g_thread_pool_push(pool, GINT_TO_POINTER(1), NULL);
    g_thread_pool_free(pool, FALSE, TRUE);
}

static double executor(void)
{
    return bench_executor(run_empty);
}

static double idle(void)
{
    GThreadPool *pool = g_thread_pool_new(empty, NULL, BENCH_WORKERS, TRUE, NULL);
    g_thread_pool_push(pool, GINT_TO_POINTER(1), NULL);
    return bench_idle();
}

/* ---- memory ---- */

static void make_queues(long n)
{
    for (long i = 0; i < n; i++)
        bench_check(g_async_queue_new() != NULL, "no memory");
}

static void put_items(long n)
{
    GAsyncQueue *items = g_async_queue_new();
    for (long i = 0; i < n; i++)
        g_async_queue_push(items, items);
}

static double memory(void)
{
    bench_note("rlock", sizeof(GRecMutex));
    bench_note("condition", sizeof(GCond));
    bench_note("once", sizeof(GOnce));
    bench_note("queue", bench_heap(make_queues, 10000));
    bench_note("queued item", bench_heap(put_items, 1000000));
    return sizeof(GMutex);
}

static const bench_entry entries[] = {
    {"lock_uncontended", {"GMutex", peer_uncontended}},
    {"rlock_uncontended", {"GRecMutex", recursive_uncontended}},
    {"lock_contended", {"GMutex", peer_contended}},
    {"condition_ping_pong", {"GCond", peer_condition}},
    {"wake_all", {"GCond", peer_wake_all}},
    {"thread_start_join", {"GThread", threads}},
    {"queue_unbounded", {"GAsyncQueue", unbounded}},
    {"queue_ping_pong", {"GAsyncQueue", queue_turns}},
    {"executor_empty", {"GThreadPool", executor}},
    {"idle", {"GThreadPool", idle}},
    {"memory", {"GLib", memory}},
};

BENCH_PEER_MAIN(entries)
