/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: CPython's tests of shutdown restated, and shutdown with sleepers at both ends. */
#include "queue_support.h"
#include "thrum/barrier.h"
#include "thrum/event.h"

/* ---- in one thread ---- */

TEST(queue_shutdown, empty)
{
    WITH_EACH_ORDER(queue, 0)
    {
        thrum_queue_shutdown(queue, false);
        check_refuses(queue);
        check_ended(queue);
    }
}

TEST(queue_shutdown, nonempty)
{
    WITH_EACH_ORDER(queue, 0)
    {
        fill(queue, 2);
        thrum_queue_shutdown(queue, false);
        check_refuses(queue);
        CHECK_STATUS(thrum_queue_get(queue, NULL), 0);
        CHECK_STATUS(thrum_queue_try_get(queue, NULL), 0);
        check_ended(queue);
    }
}

TEST(queue_shutdown, of_a_full_one_refuses_and_is_not_full)
{
    WITH_EACH_ORDER(queue, 1)
    {
        put_number(queue, 1);
        thrum_queue_shutdown(queue, false);
        check_refuses(queue);
        CHECK(thrum_queue_full(queue));
        CHECK_EQ(get_number(queue), 1);
        check_refuses(queue);
    }
}

TEST(queue_shutdown, immediate)
{
    WITH_EACH_ORDER(queue, 0)
    {
        fill(queue, 3);
        thrum_queue_shutdown(queue, true);
        check_refuses(queue);
        check_ended(queue);
    }
}

TEST(queue_shutdown, allowed_transitions)
{
    WITH_EACH_ORDER(queue, 0)
    {
        fill(queue, 3);
        thrum_queue_shutdown(queue, false);
        thrum_queue_shutdown(queue, false);
        CHECK_EQ(thrum_queue_qsize(queue), 3);
        thrum_queue_shutdown(queue, true);
        check_ended(queue);
        thrum_queue_shutdown(queue, false);
        check_refuses(queue);
        check_ended(queue);
    }
}

TEST(queue_shutdown, all_methods_in_one_thread)
{
    WITH_EACH_ORDER(queue, 2)
    {
        fill(queue, 2);
        thrum_queue_shutdown(queue, false);
        check_refuses(queue);
        for (int i = 0; i < 2; i++) {
            CHECK_STATUS(thrum_queue_get(queue, NULL), 0);
            CHECK_STATUS(thrum_queue_join_until(queue, 0), THRUM_ETIMEDOUT);
            CHECK_STATUS(thrum_queue_task_done(queue), 0);
        }
        CHECK_STATUS(thrum_queue_join(queue), 0);
        check_ended(queue);
    }
}

TEST(queue_shutdown, immediate_all_methods_in_one_thread)
{
    WITH_EACH_ORDER(queue, 2)
    {
        fill(queue, 2);
        thrum_queue_shutdown(queue, true);
        check_refuses(queue);
        check_ended(queue);
        CHECK_STATUS(thrum_queue_task_done(queue), THRUM_EOVERFLOW);
        CHECK_STATUS(thrum_queue_join(queue), 0);
    }
}

/** What was got before is still to be done; what was dropped is not. */
TEST(queue_shutdown, immediate_leaves_what_is_in_flight_unfinished)
{
    WITH_EACH_ORDER(queue, 0)
    {
        fill(queue, 5);
        CHECK_STATUS(thrum_queue_get(queue, NULL), 0);
        thrum_queue_shutdown(queue, true);
        CHECK_STATUS(thrum_queue_join_until(queue, soon()), THRUM_ETIMEDOUT);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
        CHECK_STATUS(thrum_queue_join(queue), 0);
        CHECK_STATUS(thrum_queue_task_done(queue), THRUM_EOVERFLOW);
    }
}

/** As in Python, what is dropped cannot make the count of what is unfinished negative. */
TEST(queue_shutdown, immediate_after_too_many_task_done)
{
    WITH_EACH_ORDER(queue, 0)
    {
        fill(queue, 3);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
        thrum_queue_shutdown(queue, true);
        CHECK_STATUS(thrum_queue_join(queue), 0);
        CHECK_STATUS(thrum_queue_task_done(queue), THRUM_EOVERFLOW);
    }
}

/* ---- with sleepers ---- */

#define SLEEPERS 5

static void check_wakes_getters(bool immediate)
{
    WITH_EACH_ORDER(queue, 2)
    {
        static call gets[SLEEPERS];
        for (int i = 0; i < SLEEPERS; i++)
            start_call(&gets[i], do_get, queue, 9, i % 2 == 0 ? THRUM_FOREVER : far_deadlines[1]);
        await_getters(queue, SLEEPERS);
        thrum_queue_shutdown(queue, immediate);
        for (int i = 0; i < SLEEPERS; i++) {
            CHECK_STATUS(end_call(&gets[i]), THRUM_ESHUTDOWN);
            CHECK_EQ(number_of(gets[i].item), 9);
        }
    }
}

TEST(queue_shutdown, wakes_getters)
{
    check_wakes_getters(false);
}

TEST(queue_shutdown, immediate_wakes_getters)
{
    check_wakes_getters(true);
}

static void check_wakes_putters(bool immediate)
{
    WITH_EACH_ORDER(queue, 2)
    {
        static call puts[SLEEPERS];
        fill(queue, 2);
        for (uintptr_t i = 0; i < SLEEPERS; i++)
            start_call(&puts[i], do_put, queue, 10 + i, THRUM_FOREVER);
        await_putters(queue, SLEEPERS);
        thrum_queue_shutdown(queue, immediate);
        for (int i = 0; i < SLEEPERS; i++)
            CHECK_STATUS(end_call(&puts[i]), THRUM_ESHUTDOWN);
        CHECK_EQ(thrum_queue_qsize(queue), immediate ? 0 : 2);
    }
}

TEST(queue_shutdown, put)
{
    check_wakes_putters(false);
}

TEST(queue_shutdown, immediate_put)
{
    check_wakes_putters(true);
}

/** The first has been woken for an item, and may or may not have got it before the shutdown. */
TEST(queue_shutdown, get)
{
    WITH_EACH_ORDER(queue, 2)
    {
        static call gets[SLEEPERS];
        for (int i = 0; i < SLEEPERS; i++)
            start_call(&gets[i], do_get, queue, 0, THRUM_FOREVER);
        await_getters(queue, SLEEPERS);
        fill(queue, 2);
        thrum_queue_shutdown(queue, false);
        uintptr_t sum = 0;
        int shut = 0;
        for (int i = 0; i < SLEEPERS; i++) {
            shut += end_call(&gets[i]) == THRUM_ESHUTDOWN;
            sum += number_of(gets[i].item);
        }
        CHECK_EQ(shut, SLEEPERS - 2);
        CHECK_EQ(sum, 3);
    }
}

static void check_join(bool immediate)
{
    WITH_EACH_ORDER(queue, 2)
    {
        static call joins[2], gets[2];
        fill(queue, 2);
        for (int i = 0; i < 2; i++)
            start_call(&joins[i], do_join, queue, 0, THRUM_FOREVER);
        await_joiners(queue, 2);
        thrum_queue_shutdown(queue, immediate);
        for (int i = 0; i < 2; i++)
            start_call(&gets[i], do_get_and_done, queue, 0, THRUM_FOREVER);
        for (int i = 0; i < 2; i++) {
            CHECK_STATUS(end_call(&gets[i]), immediate ? THRUM_ESHUTDOWN : 0);
            CHECK_STATUS(end_call(&joins[i]), 0);
        }
    }
}

TEST(queue_shutdown, get_task_done_join)
{
    check_join(false);
}

TEST(queue_shutdown, immediate_join)
{
    check_join(true);
}

static void check_put_join(bool immediate)
{
    WITH_EACH_ORDER(queue, 1)
    {
        static call put, join;
        put_number(queue, 1);
        start_call(&put, do_put, queue, 2, THRUM_FOREVER);
        start_call(&join, do_join, queue, 0, THRUM_FOREVER);
        await_putters(queue, 1);
        await_joiners(queue, 1);
        thrum_queue_shutdown(queue, immediate);
        CHECK_STATUS(end_call(&put), THRUM_ESHUTDOWN);
        CHECK_STATUS(thrum_queue_try_get(queue, NULL), immediate ? THRUM_ESHUTDOWN : 0);
        CHECK_STATUS(thrum_queue_task_done(queue), immediate ? THRUM_EOVERFLOW : 0);
        CHECK_STATUS(end_call(&join), 0);
    }
}

TEST(queue_shutdown, put_join)
{
    check_put_join(false);
}

TEST(queue_shutdown, immediate_put_join)
{
    check_put_join(true);
}

/* ---- all methods in many threads ---- */

#define WRITERS 4
#define READERS 6
#define JOINERS 2
#define MESSAGES 4096

typedef struct crowd {
    thrum_queue *queue;
    thrum_barrier start;
    thrum_event half;
    int refused, ended, put, got;
} crowd;

static void *write_messages(void *arg)
{
    crowd *all = arg;
    for (uintptr_t i = 0; i < MESSAGES; i++) {
        if (i == MESSAGES / 4)
            CHECK(thrum_barrier_wait(&all->start) >= 0);
        int status = thrum_queue_put(all->queue, item_of(i));
        if (status != 0) {
            CHECK_STATUS(status, THRUM_ESHUTDOWN);
            bump(&all->refused);
            break;
        }
        bump(&all->put);
        if (i == MESSAGES / 2)
            thrum_event_set(&all->half);
    }
    return NULL;
}

static void *read_messages(void *arg)
{
    crowd *all = arg;
    get_number(all->queue);
    CHECK_STATUS(thrum_queue_task_done(all->queue), 0);
    CHECK(thrum_barrier_wait(&all->start) >= 0);
    bump(&all->got);
    for (int status = 0; status != THRUM_ESHUTDOWN;) {
        status = thrum_queue_try_get(all->queue, NULL);
        if (status == 0) {
            /* the immediate shutdown may count it among the dropped if somebody said done early */
            CHECK_STATUS(thrum_queue_task_done(all->queue), 0);
            bump(&all->got);
        } else if (status == THRUM_EEMPTY) {
            sched_yield();
        }
    }
    bump(&all->ended);
    return NULL;
}

static void *join_messages(void *arg)
{
    crowd *all = arg;
    CHECK(thrum_barrier_wait(&all->start) >= 0);
    CHECK_STATUS(thrum_queue_join(all->queue), 0);
    return NULL;
}

static void check_many_threads(bool immediate)
{
    WITH_EACH_ORDER(queue, 0)
    {
        static group threads;
        crowd all = {.queue = queue};
        CHECK_STATUS(thrum_barrier_init(&all.start, WRITERS + READERS + JOINERS, NULL, NULL), 0);
        group_start(&threads, WRITERS, write_messages, &all);
        for (int i = 0; i < READERS; i++)
            group_add(&threads, read_messages, &all);
        for (int i = 0; i < JOINERS; i++)
            group_add(&threads, join_messages, &all);
        CHECK_STATUS(thrum_event_wait(&all.half), 0);
        thrum_queue_shutdown(queue, immediate);
        CHECK(!immediate || thrum_queue_empty(queue));
        group_join(&threads);
        CHECK_EQ(all.ended, READERS);
        CHECK(immediate ? all.got <= all.put : all.got == all.put);
        check_ended(queue);
        CHECK_STATUS(thrum_queue_task_done(queue), THRUM_EOVERFLOW);
    }
}

TEST(queue_shutdown, all_methods_in_many_threads)
{
    check_many_threads(false);
}

TEST(queue_shutdown, immediate_all_methods_in_many_threads)
{
    check_many_threads(true);
}
