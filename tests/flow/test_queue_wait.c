/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: who is woken and how wake-ups are passed on, timeouts among sleepers, signals, forks, the
 *  end of the program, and who frees. */
#include <stdlib.h>

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

enum { SLEEPERS = 6 };

static call calls[SLEEPERS];

/* ---- one at a time ---- */

TEST(queue_wait, an_item_wakes_one_getter)
{
    WITH_EACH_ORDER(queue, 0)
    {
        start_calls(calls, SLEEPERS, call_get, queue, getters_of(queue));
        for (int left = SLEEPERS; left-- > 0;) {
            put_number(queue, 5);
            await_waiters(getters_of(queue), left);
        }
        end_calls(calls, SLEEPERS, 0);
        check_empty(queue);
    }
}

TEST(queue_wait, a_free_place_wakes_one_putter)
{
    WITH_EACH_ORDER(queue, 2)
    {
        put_number(queue, 50);
        put_number(queue, 51);
        start_calls(calls, SLEEPERS, call_put, queue, putters_of(queue));
        for (int left = SLEEPERS; left-- > 0;) {
            get_number(queue);
            await_waiters(putters_of(queue), left);
        }
        end_calls(calls, SLEEPERS, 0);
        check_full(queue);
    }
}

TEST(queue_wait, getters_are_served_in_the_order_they_came)
{
    WITH_EACH_ORDER(queue, 1)
    {
        start_calls(calls, SLEEPERS, call_get, queue, getters_of(queue));
        for (int i = 0; i < SLEEPERS; i++) {
            put_number(queue, i + 1);
            CHECK_STATUS(end_call(&calls[i]), 0);
            CHECK_EQ(number_of(calls[i].item), i + 1);
            CHECK_EQ(waiters_on(getters_of(queue)), SLEEPERS - 1 - i);
        }
    }
}

TEST(queue_wait, putters_are_served_in_the_order_they_came)
{
    WITH_EACH_ORDER(queue, 1)
    {
        put_number(queue, 99);
        start_calls(calls, SLEEPERS, call_put, queue, putters_of(queue));
        for (int i = 0; i < SLEEPERS; i++) {
            CHECK_EQ(get_number(queue), 99 + i);
            CHECK_STATUS(end_call(&calls[i]), 0);
            CHECK_EQ(waiters_on(putters_of(queue)), SLEEPERS - 1 - i);
        }
        CHECK_EQ(get_number(queue), 99 + SLEEPERS);
    }
}

TEST(queue_wait, puts_one_by_one_are_for_all_who_sleep)
{
    for (size_t round = 0; round < 100; round++) {
        thrum_queue *queue = new_queue(0, orders[round % 3]);
        start_calls(calls, SLEEPERS, call_get, queue, getters_of(queue));
        put_numbers(queue, 1, SLEEPERS);
        end_calls(calls, SLEEPERS, 0);
        CHECK(thrum_queue_empty(queue));
        thrum_queue_free(queue);
    }
}

TEST(queue_wait, a_burst_is_passed_on_until_all_have_got)
{
    WITH_EACH_ORDER(queue, 0)
    {
        void *items[SLEEPERS] = {NULL};
        start_calls(calls, SLEEPERS, call_get, queue, getters_of(queue));
        CHECK_STATUS(thrum_queue_put_many(queue, items, SLEEPERS, NULL), 0);
        end_calls(calls, SLEEPERS, 0);
        check_empty(queue);
    }
}

TEST(queue_wait, room_for_many_is_passed_on_until_all_have_put)
{
    WITH_EACH_ORDER(queue, SLEEPERS)
    {
        void *items[SLEEPERS];
        put_numbers(queue, 1, SLEEPERS);
        start_calls(calls, SLEEPERS, call_put, queue, putters_of(queue));
        CHECK_STATUS(thrum_queue_get_many(queue, items, SLEEPERS, NULL), 0);
        end_calls(calls, SLEEPERS, 0);
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
        start_calls(calls, 2, call_get, queue, getters_of(queue));
        set_on_way(queue, th_table_generation());
        put_number(queue, 1);
        put_number(queue, 1);
        CHECK_EQ(waiters_on(getters_of(queue)), 2);
        th_queue_wait woken = {.queue = queue,
                               .own = &queue->get,
                               .other = &queue->put,
                               .me = th_inner_me(),
                               .was_woken = true,
                               .owes_wake = true};
        th_queue_pass_on(&woken);
        CHECK(!woken.owes_wake);
        end_calls(calls, 2, 0);
        CHECK_EQ(sleepers_at_put(queue), TH_SLEEPERS_NOBODY);
    }
}

TEST(queue_wait, who_was_on_the_way_and_is_left_nothing_passes_nothing_on)
{
    WITH_EACH_ORDER(queue, 0)
    {
        start_calls(calls, 1, call_get, queue, getters_of(queue));
        set_on_way(queue, th_table_generation());
        th_queue_wait woken = {.queue = queue,
                               .own = &queue->get,
                               .other = &queue->put,
                               .me = th_inner_me(),
                               .was_woken = true,
                               .owes_wake = true};
        th_queue_pass_on(&woken);
        CHECK_EQ(sleepers_at_put(queue), TH_SLEEPERS_QUEUED);
        CHECK_EQ(waiters_on(getters_of(queue)), 1);
        put_number(queue, 1);
        end_calls(calls, 1, 0);
    }
}

/** A thread that a fork has not copied was on the way. */
TEST(queue_wait, one_on_the_way_in_another_process_is_forgotten)
{
    WITH_EACH_ORDER(queue, 0)
    {
        set_on_way(queue, th_table_generation() + 1);
        start_calls(calls, 1, call_get, queue, getters_of(queue));
        put_number(queue, 1);
        end_calls(calls, 1, 0);
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
        CHECK_EQ(waiters_on(getters_of(queue)), 0);
        put_number(queue, 1);
        CHECK_EQ(sleepers_at_put(queue), TH_SLEEPERS_NOBODY);
        CHECK_EQ(get_number(queue), 1);
    }
}

/* ---- deadlines and signals ---- */

TEST(queue_wait, a_timeout_in_the_middle_of_the_queue_disturbs_nobody)
{
    WITH_EACH_ORDER(queue, 0)
    {
        start_calls(calls, 2, call_get, queue, getters_of(queue));
        CHECK_STATUS(thrum_queue_get_until(queue, NULL, soon()), THRUM_ETIMEDOUT);
        CHECK_EQ(waiters_on(getters_of(queue)), 2);
        start_calls(&calls[2], 1, call_get, queue, getters_of(queue));
        for (int i = 0; i < 3; i++) {
            put_number(queue, i);
            CHECK_STATUS(end_call(&calls[i]), 0);
            CHECK_EQ(number_of(calls[i].item), i);
        }
    }
}

TEST(queue_wait, when_all_have_timed_out_the_queue_goes_on)
{
    WITH_EACH_ORDER(queue, 1)
    {
        for (int i = 0; i < 3; i++) {
            CHECK_STATUS(thrum_queue_get_until(queue, NULL, soon()), THRUM_ETIMEDOUT);
            put_number(queue, i);
            CHECK_STATUS(thrum_queue_put_until(queue, NULL, soon()), THRUM_ETIMEDOUT);
            CHECK_STATUS(thrum_queue_join_until(queue, soon()), THRUM_ETIMEDOUT);
            CHECK_EQ(get_number(queue), i);
            CHECK_STATUS(thrum_queue_task_done(queue), 0);
            CHECK_STATUS(thrum_queue_join(queue), 0);
        }
    }
}

TEST(queue_wait, signals_do_not_end_a_wait)
{
    WITH_EACH_ORDER(queue, 1)
    {
        start_calls(calls, 1, call_get, queue, getters_of(queue));
        interrupt_sleep(&calls[0].thread, 20);
        put_number(queue, 3);
        end_calls(calls, 1, 0);
        put_number(queue, 4);
        start_calls(calls, 1, call_put, queue, putters_of(queue));
        interrupt_sleep(&calls[0].thread, 20);
        CHECK_EQ(get_number(queue), 4);
        end_calls(calls, 1, 0);
    }
}

TEST(queue_wait, sleepers_sleep)
{
    WITH_EACH_ORDER(queue, 1)
    {
        start_calls(calls, SLEEPERS, call_get, queue, getters_of(queue));
        for (int i = 0; i < SLEEPERS; i++)
            test_wait_asleep(calls[i].thread.tid);
        put_numbers(queue, 1, SLEEPERS);
        end_calls(calls, SLEEPERS, 0);
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
        start_calls(&get, 1, call_get, queue, getters_of(queue));
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
        start_calls(calls, 3, call_get, queue, getters_of(queue));
        CHECK_EXITED(test_run_child(use_in_child, queue), 0);
        CHECK_EQ(waiters_on(getters_of(queue)), 3);
        put_numbers(queue, 1, 3);
        end_calls(calls, 3, 0);
    }
}

/** The child has the items of the parent, and goes on alone. */
static void use_full_in_child(void *arg)
{
    thrum_queue *queue = arg;
    check_full(queue);
    expect_numbers(queue, 1, 2);
    check_empty(queue);
    put_numbers(queue, 10, 2);
    check_full(queue);
    CHECK_STATUS(thrum_queue_join_until(queue, soon()), THRUM_ETIMEDOUT);
    expect_numbers(queue, 10, 2);
    while (thrum_queue_task_done(queue) == 0)
        continue;
    CHECK_STATUS(thrum_queue_join(queue), 0);
    put_number(queue, 1);
    thrum_queue_shutdown(queue, true);
    check_ended(queue);
    CHECK_STATUS(thrum_queue_join(queue), 0);
    thrum_queue_free(queue);
}

TEST(queue_wait, forked_child_uses_a_full_one_alone)
{
    WITH_EACH_ORDER(queue, 2)
    {
        static call putters[3], joiners[2];
        put_numbers(queue, 1, 2);
        start_calls(putters, 3, call_put, queue, putters_of(queue));
        start_calls(joiners, 2, call_join, queue, joiners_of(queue));
        CHECK_EXITED(test_run_child(use_full_in_child, queue), 0);
        CHECK_EQ(waiters_on(putters_of(queue)), 3);
        CHECK_EQ(waiters_on(joiners_of(queue)), 2);
        for (int i = 0; i < 5; i++) {
            CHECK_STATUS(thrum_queue_get(queue, NULL), 0);
            CHECK_STATUS(thrum_queue_task_done(queue), 0);
        }
        end_calls(putters, 3, 0);
        CHECK_STATUS(thrum_queue_join(queue), 0);
        end_calls(joiners, 2, 0);
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
    await_waiters(getters_of(queue), 1);
    pid_t tid = (pid_t)thrum_thread_native_id(daemon);
    CHECK_STATUS(thrum_shutdown(), 0);
    put_number(queue, 1);
    await_waiters(getters_of(queue), 0);
    test_wait_asleep(tid); /* woken, and stopped */
    CHECK_EQ(thrum_queue_qsize(queue), 1);
    CHECK_EQ(get_number(queue), 1);
    thrum_thread_free(daemon);
    exit(3);
}

static thrum_queue *last_queue;

static void *put_for_ever(void *unused)
{
    while (thrum_queue_put(last_queue, NULL) == 0)
        continue;
    FAIL("an abandoned thread went on");
    return unused;
}

/** Runs when the daemons have been abandoned: nobody puts an item. */
static void use_after_the_end(void)
{
    CHECK(thrum_queue_full(last_queue));
    get_number(last_queue);
    CHECK_STATUS(thrum_queue_try_put(last_queue, item_of(1)), 0);
    CHECK_STATUS(thrum_queue_try_put(last_queue, NULL), THRUM_EFULL);
    CHECK_EQ(get_number(last_queue), 1);
    thrum_queue_shutdown(last_queue, true);
}

static void leave_putting_daemons(void *unused)
{
    (void)unused;
    atexit(use_after_the_end);
    last_queue = new_queue(1, THRUM_FIFO);
    for (int i = 0; i < 3; i++)
        HAVE(thrum_spawn(put_for_ever, NULL, .daemon = THRUM_DAEMON));
    await_waiters(putters_of(last_queue), 3);
}

TEST(queue_wait, daemons_that_sleep_in_put_are_abandoned)
{
    CHECK_EXITED(test_run_child(leave_putting_daemons, NULL), 0);
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
    put_numbers(queue, 1, 10);
    CHECK_STATUS(thrum_at_shutdown(shut_at_the_end, queue), 0);
    CHECK_STATUS(thrum_shutdown(), 0);
    CHECK_EQ(got_at_the_end, 10);
    thrum_thread_free(thread);
    thrum_queue_free(queue);
}

/* ---- who frees ---- */

static void *get_one_and_free(void *arg)
{
    thrum_queue **queues = arg;
    for (; *queues != NULL; queues++) {
        void *item = NULL;
        CHECK_STATUS(thrum_queue_get(*queues, &item), 0);
        thrum_queue_free(*queues);
        CHECK_PTR(item, *queues);
    }
    return NULL;
}

/** Who gets the last item may know that nothing else comes. */
TEST(queue_wait, may_be_freed_by_the_getter_while_the_last_put_returns)
{
    static thrum_queue *queues[1000 + 1];
    test_thread freer;
    for (size_t i = 0; i < 1000; i++)
        queues[i] = new_queue(i % 2, orders[i % 3]);
    test_spawn(&freer, get_one_and_free, queues);
    for (size_t i = 0; i < 1000; i++)
        CHECK_STATUS(thrum_queue_put(queues[i], queues[i]), 0);
    test_join(&freer);
}
