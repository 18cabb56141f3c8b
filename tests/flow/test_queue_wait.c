/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: who is woken and how wake-ups are passed on, deadlines, signals, forks, the end of the
 *  program; and a crowd that loses and doubles nothing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "queue_support.h"
#include "thrum/thread.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_THREAD_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define UNDER_THREAD_SANITIZER 1
#endif

/** ThreadSanitizer ends a child, forked beside other threads, that starts a thread. */
#if defined(UNDER_THREAD_SANITIZER)
#define CHILDREN_START_THREADS 0
#else
#define CHILDREN_START_THREADS 1
#endif

/** In a forked child the sanitizers miss the threads and stacks of the parent. */
const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
    return "detect_leaks=0";
}

#define SLEEPERS 6

static call calls[SLEEPERS];

static void start_calls(void *(*what)(void *), thrum_queue *queue, int n)
{
    for (int i = 0; i < n; i++)
        start_call(&calls[i], what, queue, (uintptr_t)i + 1, THRUM_FOREVER);
}

/* ---- one at a time ---- */

TEST(queue_wait, an_item_wakes_one_getter)
{
    WITH_EACH_ORDER(queue, 0)
    {
        start_calls(do_get, queue, SLEEPERS);
        await_getters(queue, SLEEPERS);
        for (int left = SLEEPERS; left-- > 0;) {
            put_number(queue, 5);
            await_getters(queue, left);
            CHECK_EQ(waiters_on(&queue->put.sleepers), left);
        }
        for (int i = 0; i < SLEEPERS; i++)
            CHECK_STATUS(end_call(&calls[i]), 0);
        check_empty(queue);
    }
}

TEST(queue_wait, a_free_place_wakes_one_putter)
{
    WITH_EACH_ORDER(queue, 2)
    {
        put_number(queue, 50);
        put_number(queue, 51);
        start_calls(do_put, queue, SLEEPERS);
        await_putters(queue, SLEEPERS);
        for (int left = SLEEPERS; left-- > 0;) {
            get_number(queue);
            await_putters(queue, left);
        }
        for (int i = 0; i < SLEEPERS; i++)
            CHECK_STATUS(end_call(&calls[i]), 0);
        check_full(queue);
    }
}

TEST(queue_wait, sleepers_are_woken_in_their_order)
{
    WITH_EACH_ORDER(queue, 1)
    {
        for (int i = 0; i < SLEEPERS; i++) {
            start_call(&calls[i], do_get, queue, 0, THRUM_FOREVER);
            await_getters(queue, i + 1);
        }
        for (uintptr_t i = 0; i < SLEEPERS; i++) {
            put_number(queue, i + 1);
            CHECK_STATUS(end_call(&calls[i]), 0);
            CHECK_EQ(number_of(calls[i].item), i + 1);
        }
    }
}

TEST(queue_wait, a_burst_is_passed_on_until_all_have_got)
{
    WITH_EACH_ORDER(queue, 0)
    {
        void *items[SLEEPERS] = {NULL};
        start_calls(do_get, queue, SLEEPERS);
        await_getters(queue, SLEEPERS);
        CHECK_STATUS(thrum_queue_put_many(queue, items, SLEEPERS, NULL), 0);
        for (int i = 0; i < SLEEPERS; i++)
            CHECK_STATUS(end_call(&calls[i]), 0);
        check_empty(queue);
    }
}

TEST(queue_wait, room_for_many_is_passed_on_until_all_have_put)
{
    WITH_EACH_ORDER(queue, SLEEPERS)
    {
        void *items[SLEEPERS];
        fill(queue, SLEEPERS);
        start_calls(do_put, queue, SLEEPERS);
        await_putters(queue, SLEEPERS);
        CHECK_STATUS(thrum_queue_get_many(queue, items, SLEEPERS, NULL), 0);
        for (int i = 0; i < SLEEPERS; i++)
            CHECK_STATUS(end_call(&calls[i]), 0);
        CHECK_EQ(thrum_queue_qsize(queue), SLEEPERS);
    }
}

/* ---- the states of an end, made by hand ---- */

static uint32_t sleepers_at_put(thrum_queue *queue)
{
    uint32_t me = th_inner_me();
    th_inner_acquire(queue->put.lock, me);
    uint32_t sleepers = queue->put.sleepers;
    th_inner_release(queue->put.lock, me);
    return sleepers;
}

static void set_on_way(thrum_queue *queue, uint32_t generation)
{
    uint32_t me = th_inner_me();
    th_inner_acquire(queue->put.lock, me);
    queue->put.sleepers = TH_SLEEPERS_ON_WAY;
    queue->put.generation = generation;
    th_inner_release(queue->put.lock, me);
}

TEST(queue_wait, while_one_is_on_the_way_an_item_wakes_nobody)
{
    WITH_EACH_ORDER(queue, 0)
    {
        start_calls(do_get, queue, 2);
        await_getters(queue, 2);
        set_on_way(queue, th_table_generation());
        put_number(queue, 1);
        put_number(queue, 1);
        CHECK_EQ(waiters_on(&queue->put.sleepers), 2);
        th_queue_wait woken = {.queue = queue,
                               .own = &queue->get,
                               .other = &queue->put,
                               .me = th_inner_me(),
                               .was_woken = true,
                               .owes_wake = true};
        th_queue_pass_on(&woken);
        CHECK(!woken.owes_wake);
        for (int i = 0; i < 2; i++)
            CHECK_STATUS(end_call(&calls[i]), 0);
        CHECK_EQ(sleepers_at_put(queue), TH_SLEEPERS_NOBODY);
    }
}

TEST(queue_wait, who_was_on_the_way_and_is_left_nothing_passes_nothing_on)
{
    WITH_EACH_ORDER(queue, 0)
    {
        start_calls(do_get, queue, 1);
        await_getters(queue, 1);
        set_on_way(queue, th_table_generation());
        th_queue_wait woken = {.queue = queue,
                               .own = &queue->get,
                               .other = &queue->put,
                               .me = th_inner_me(),
                               .was_woken = true,
                               .owes_wake = true};
        th_queue_pass_on(&woken);
        CHECK_EQ(sleepers_at_put(queue), TH_SLEEPERS_QUEUED);
        CHECK_EQ(waiters_on(&queue->put.sleepers), 1);
        put_number(queue, 1);
        CHECK_STATUS(end_call(&calls[0]), 0);
    }
}

/** A thread that a fork has not copied was on the way. */
TEST(queue_wait, one_on_the_way_in_another_process_is_forgotten)
{
    WITH_EACH_ORDER(queue, 0)
    {
        set_on_way(queue, th_table_generation() + 1);
        start_calls(do_get, queue, 1);
        await_getters(queue, 1);
        put_number(queue, 1);
        CHECK_STATUS(end_call(&calls[0]), 0);
    }
}

TEST(queue_wait, a_newcomer_leaves_the_one_on_the_way_alone)
{
    WITH_EACH_ORDER(queue, 0)
    {
        set_on_way(queue, th_table_generation());
        CHECK_STATUS(thrum_queue_get_until(queue, NULL, soon()), THRUM_ETIMEDOUT);
        CHECK_EQ(sleepers_at_put(queue), TH_SLEEPERS_ON_WAY);
        set_on_way(queue, th_table_generation() + 1); /* free would wait for it */
    }
}

TEST(queue_wait, who_has_timed_out_costs_one_look)
{
    WITH_EACH_ORDER(queue, 0)
    {
        do /* on a slow machine the deadline may have passed before it is queued */
            CHECK_STATUS(thrum_queue_get_until(queue, NULL, soon()), THRUM_ETIMEDOUT);
        while (sleepers_at_put(queue) != TH_SLEEPERS_QUEUED);
        CHECK_EQ(waiters_on(&queue->put.sleepers), 0);
        put_number(queue, 1);
        CHECK_EQ(sleepers_at_put(queue), TH_SLEEPERS_NOBODY);
        CHECK_EQ(get_number(queue), 1);
    }
}

/* ---- deadlines and signals ---- */

TEST(queue_wait, until_waits_until_its_deadline)
{
    WITH_EACH_ORDER(queue, 1)
    {
        thrum_time deadline = thrum_after(0.02);
        CHECK_STATUS(thrum_queue_get_until(queue, NULL, deadline), THRUM_ETIMEDOUT);
        CHECK_GE(thrum_now(), deadline);
        put_number(queue, 1);
        deadline = thrum_after(0.02);
        CHECK_STATUS(thrum_queue_put_until(queue, NULL, deadline), THRUM_ETIMEDOUT);
        CHECK_GE(thrum_now(), deadline);
    }
}

TEST(queue_wait, signals_do_not_end_a_wait)
{
    WITH_EACH_ORDER(queue, 1)
    {
        start_calls(do_get, queue, 1);
        interrupt_sleep(&calls[0].thread, 20);
        put_number(queue, 3);
        CHECK_STATUS(end_call(&calls[0]), 0);
        put_number(queue, 4);
        start_calls(do_put, queue, 1);
        interrupt_sleep(&calls[0].thread, 20);
        CHECK_EQ(get_number(queue), 4);
        CHECK_STATUS(end_call(&calls[0]), 0);
    }
}

TEST(queue_wait, sleepers_sleep)
{
    WITH_EACH_ORDER(queue, 1)
    {
        start_calls(do_get, queue, SLEEPERS);
        for (int i = 0; i < SLEEPERS; i++)
            test_wait_asleep(calls[i].thread.tid);
        for (uintptr_t i = 0; i < SLEEPERS; i++)
            put_number(queue, i);
        for (int i = 0; i < SLEEPERS; i++)
            CHECK_STATUS(end_call(&calls[i]), 0);
    }
}

/* ---- fork ---- */

/** The parent's threads sleep at this queue; here they do not exist. */
static void use_in_child(void *arg)
{
    thrum_queue *queue = arg;
    CHECK_STATUS(thrum_queue_get_until(queue, NULL, soon()), THRUM_ETIMEDOUT);
    put_number(queue, 1);
    CHECK_EQ(thrum_queue_qsize(queue), 1);
    CHECK_EQ(get_number(queue), 1);
    CHECK_STATUS(thrum_queue_join_until(queue, soon()), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_queue_task_done(queue), 0);
    CHECK_STATUS(thrum_queue_join(queue), 0);
    if (CHILDREN_START_THREADS) {
        call get;
        start_call(&get, do_get, queue, 0, THRUM_FOREVER);
        await_getters(queue, 1);
        put_number(queue, 2);
        CHECK_STATUS(end_call(&get), 0);
    }
    thrum_queue_shutdown(queue, false);
    thrum_queue_free(queue);
}

TEST(queue_wait, forked_child_uses_it_alone)
{
    WITH_EACH_ORDER(queue, 1)
    {
        start_calls(do_get, queue, 3);
        await_getters(queue, 3);
        CHECK_EXITED(test_run_child(use_in_child, queue), 0);
        CHECK_EQ(waiters_on(&queue->put.sleepers), 3);
        for (uintptr_t i = 0; i < 3; i++)
            put_number(queue, i);
        for (int i = 0; i < 3; i++)
            CHECK_STATUS(end_call(&calls[i]), 0);
    }
}

static void use_full_in_child(void *arg)
{
    thrum_queue *queue = arg;
    check_full(queue);
    CHECK_STATUS(thrum_queue_get(queue, NULL), 0);
    put_number(queue, 1);
    check_full(queue);
    thrum_queue_shutdown(queue, true);
    check_ended(queue);
}

TEST(queue_wait, forked_child_uses_a_full_one_alone)
{
    WITH_EACH_ORDER(queue, 2)
    {
        fill(queue, 2);
        start_calls(do_put, queue, 3);
        await_putters(queue, 3);
        CHECK_EXITED(test_run_child(use_full_in_child, queue), 0);
        thrum_queue_shutdown(queue, false);
        for (int i = 0; i < 3; i++)
            CHECK_STATUS(end_call(&calls[i]), THRUM_ESHUTDOWN);
    }
}

/* ---- the end of the program ---- */

static void *get_for_ever(void *arg)
{
    while (thrum_queue_get(arg, NULL) == 0)
        continue;
    return NULL;
}

TEST_EXITS(queue_wait, abandoned_daemon_takes_nothing, 3)
{
    thrum_queue *queue = HAVE(thrum_queue_new(0));
    thrum_thread *daemon = HAVE(thrum_spawn(get_for_ever, queue, .daemon = THRUM_DAEMON));
    await_getters(queue, 1);
    pid_t tid = (pid_t)thrum_thread_native_id(daemon);
    CHECK_STATUS(thrum_shutdown(), 0);
    put_number(queue, 1);
    await_getters(queue, 0);
    test_wait_asleep(tid); /* woken, and stopped */
    CHECK_EQ(thrum_queue_qsize(queue), 1);
    CHECK_EQ(get_number(queue), 1);
    thrum_thread_free(daemon);
    exit(3);
}

static int got_at_the_end;

static void *get_until_shut(void *queue)
{
    while (thrum_queue_get(queue, NULL) == 0)
        got_at_the_end++;
    return NULL;
}

/** Non-daemon threads are awaited: a callback can still end them by a shutdown. */
static void shut_at_the_end(void *queue)
{
    thrum_queue_shutdown(queue, false);
}

TEST(queue_wait, a_callback_at_the_end_of_the_program_shuts_it)
{
    thrum_queue *queue = HAVE(thrum_queue_new(0));
    thrum_thread *thread = HAVE(thrum_spawn(get_until_shut, queue, .daemon = THRUM_NOT_DAEMON));
    fill(queue, 10);
    CHECK_STATUS(thrum_at_shutdown(shut_at_the_end, queue), 0);
    CHECK_STATUS(thrum_shutdown(), 0);
    CHECK_EQ(got_at_the_end, 10);
    thrum_thread_free(thread);
    thrum_queue_free(queue);
}

/* ---- a crowd ---- */

#define CROWD 4
#define EACH 3000

typedef struct crowd {
    thrum_queue *queue;
    int producers;     /* tickets */
    int got, in_order; /* totals */
    bool seen[CROWD][EACH];
} crowd;

static uintptr_t code(int producer, int number)
{
    return (uintptr_t)(producer * EACH + number + 1);
}

/** Put in every way there is. */
static void *produce(void *arg)
{
    crowd *all = arg;
    int me = bump(&all->producers) - 1;
    for (int i = 0; i < EACH;) {
        void *items[] = {item_of(code(me, i)), item_of(code(me, i + 1)), item_of(code(me, i + 2))};
        size_t n = 1;
        int status;
        switch (i % 4) {
        case 0: status = thrum_queue_put(all->queue, items[0]); break;
        case 1: status = thrum_queue_try_put(all->queue, items[0]); break;
        case 2: status = thrum_queue_put_until(all->queue, items[0], thrum_after(1e-5)); break;
        default:
            n = EACH - i < 3 ? 1 : 3;
            status = thrum_queue_put_many_until(all->queue, items, n, &n, thrum_after(1e-5));
            i += (int)n;
            continue;
        }
        if (status == 0)
            i++;
        else
            CHECK(status == THRUM_EFULL || status == THRUM_ETIMEDOUT);
    }
    return NULL;
}

static void see(crowd *all, const void *item, int *last)
{
    uintptr_t number = number_of(item) - 1;
    CHECK_LT(number, CROWD * EACH);
    int producer = (int)(number / EACH);
    int index = (int)(number % EACH);
    CHECK(!__atomic_exchange_n(&all->seen[producer][index], true, __ATOMIC_RELAXED));
    if (index > last[producer])
        bump(&all->in_order);
    last[producer] = index;
    bump(&all->got);
}

/** Get in every way there is; what one consumer gets of one producer comes in order. */
static void *consume(void *arg)
{
    crowd *all = arg;
    int last[CROWD] = {-1, -1, -1, -1};
    for (int turn = 0;; turn++) {
        void *items[3];
        size_t n = 1;
        int status;
        switch (turn % 4) {
        case 0: status = thrum_queue_get(all->queue, items); break;
        case 1: status = thrum_queue_try_get(all->queue, items); break;
        case 2: status = thrum_queue_get_until(all->queue, items, thrum_after(1e-5)); break;
        default: status = thrum_queue_get_many(all->queue, items, 3, &n); break;
        }
        if (status == THRUM_ESHUTDOWN)
            return NULL;
        CHECK(status == 0 || status == THRUM_EEMPTY || status == THRUM_ETIMEDOUT);
        for (size_t i = 0; status == 0 && i < n; i++) {
            see(all, items[i], last);
            CHECK_STATUS(thrum_queue_task_done(all->queue), 0);
        }
    }
}

static void crowd_test(thrum_queue *queue)
{
    static group producers, consumers;
    static crowd all;
    memset(&all, 0, sizeof all);
    all.queue = queue;
    group_start(&producers, CROWD, produce, &all);
    group_start(&consumers, CROWD, consume, &all);
    group_join(&producers);
    CHECK_STATUS(thrum_queue_join(queue), 0);
    CHECK_EQ(count_of(&all.got), CROWD * EACH);
    thrum_queue_shutdown(queue, false);
    group_join(&consumers);
    CHECK_EQ(all.got, CROWD * EACH);
    if (queue->order == THRUM_FIFO)
        CHECK_EQ(all.in_order, CROWD * EACH);
}

TEST_LIMIT(queue_wait, crowd_at_one_place, 60)
{
    WITH_EACH_ORDER(queue, 1)
    crowd_test(queue);
}

TEST_LIMIT(queue_wait, crowd_at_three_places, 60)
{
    WITH_EACH_ORDER(queue, 3)
    crowd_test(queue);
}

TEST_LIMIT(queue_wait, crowd_without_a_bound, 60)
{
    WITH_EACH_ORDER(queue, 0)
    crowd_test(queue);
}

TEST_LIMIT(queue_wait, crowd_in_bounded_segments, 60)
{
    WITH_EACH_ORDER(queue, 5000)
    crowd_test(queue);
}

/* ---- who frees ---- */

static void *put_one(void *arg)
{
    CHECK_STATUS(thrum_queue_put(arg, arg), 0);
    return NULL;
}

TEST(queue_wait, the_getter_may_free_it)
{
    for (int i = 0; i < 300; i++) {
        thrum_queue *queue = new_queue(1, orders[i % 3]);
        test_thread putter;
        void *item;
        test_spawn(&putter, put_one, queue);
        CHECK_STATUS(thrum_queue_get(queue, &item), 0);
        thrum_queue_free(queue);
        CHECK_PTR(item, queue);
        test_join(&putter);
    }
}

static void *get_one_and_done(void *arg)
{
    CHECK_STATUS(thrum_queue_get(arg, NULL), 0);
    CHECK_STATUS(thrum_queue_task_done(arg), 0);
    return NULL;
}

TEST(queue_wait, who_joins_may_free_it)
{
    for (int i = 0; i < 300; i++) {
        thrum_queue *queue = new_queue(1, orders[i % 3]);
        test_thread getter;
        put_number(queue, 1);
        test_spawn(&getter, get_one_and_done, queue);
        CHECK_STATUS(thrum_queue_join(queue), 0);
        thrum_queue_free(queue);
        test_join(&getter);
    }
}
