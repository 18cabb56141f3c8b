/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: task_done and join: CPython's tests of them restated, joins that time out, and what a
 *  shutdown leaves to be done. */
#include "queue_support.h"

/* ---- task_done ---- */

TEST(queue_done, task_done)
{
    WITH_EACH_ORDER(queue, 0)
    {
        CHECK_STATUS(thrum_queue_task_done(queue), THRUM_EOVERFLOW);
        put_number(queue, 1);
        CHECK_STATUS(thrum_queue_task_done(queue), 0); /* though nobody has got it */
        CHECK_STATUS(thrum_queue_task_done(queue), THRUM_EOVERFLOW);
        CHECK_STATUS(thrum_queue_task_done(queue), THRUM_EOVERFLOW);
        CHECK_STATUS(thrum_queue_join(queue), 0);
        put_number(queue, 2);
        CHECK_STATUS(thrum_queue_join_until(queue, 0), THRUM_ETIMEDOUT);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
        CHECK_STATUS(thrum_queue_join(queue), 0);
        CHECK_STATUS(thrum_queue_task_done(queue), THRUM_EOVERFLOW);
    }
}

TEST(queue_done, a_put_that_fails_leaves_nothing_to_be_done)
{
    WITH_EACH_ORDER(queue, 1)
    {
        put_number(queue, 1);
        CHECK_STATUS(thrum_queue_try_put(queue, NULL), THRUM_EFULL);
        CHECK_STATUS(thrum_queue_put_until(queue, NULL, 0), THRUM_ETIMEDOUT);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
        CHECK_STATUS(thrum_queue_join(queue), 0);
    }
}

/* ---- join ---- */

typedef struct work {
    thrum_queue *queue;
    int sum;
} work;

/** As CPython's worker: adds up what it gets; a negative number ends it. */
static void *sum_up(void *arg)
{
    work *all = arg;
    for (intptr_t number = 0; number >= 0;) {
        number = get_number(all->queue);
        if (number >= 0)
            __atomic_add_fetch(&all->sum, (int)number, __ATOMIC_RELAXED);
        CHECK_STATUS(thrum_queue_task_done(all->queue), 0);
    }
    return NULL;
}

static void queue_join_test(thrum_queue *queue)
{
    static group workers;
    work all = {queue, 0};
    group_start(&workers, 4, sum_up, &all);
    put_numbers(queue, 0, 100);
    CHECK_STATUS(thrum_queue_join(queue), 0);
    CHECK_EQ(__atomic_load_n(&all.sum, __ATOMIC_RELAXED), 99 * 100 / 2);
    for (int i = 0; i < 4; i++)
        put_number(queue, -1);
    CHECK_STATUS(thrum_queue_join(queue), 0);
    group_join(&workers);
    CHECK_STATUS(thrum_queue_task_done(queue), THRUM_EOVERFLOW);
}

/** It returns when all are done, as often as one likes. */
static void queue_join_twice(thrum_queue *queue)
{
    CHECK_STATUS(thrum_queue_join(queue), 0);
    queue_join_test(queue);
    queue_join_test(queue);
}

TEST(queue_done, join)
{
    WITH_EACH_ORDER(queue, 0)
    queue_join_twice(queue);
    WITH_EACH_ORDER(queue, 10)
    queue_join_twice(queue);
}

enum { JOINERS = 5 };

TEST(queue_done, join_waits_for_the_last_task)
{
    WITH_EACH_ORDER(queue, 0)
    {
        call joins[JOINERS];
        put_numbers(queue, 1, 2);
        for (int i = 0; i < JOINERS; i++)
            start_call(&joins[i], call_join, queue, 0, far_deadlines[i % 4]);
        await_waiters(joiners_of(queue), JOINERS);
        get_number(queue);
        get_number(queue);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
        put_number(queue, 3);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
        CHECK_EQ(waiters_on(joiners_of(queue)), JOINERS);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
        end_calls(joins, JOINERS, 0);
    }
}

TEST(queue_done, join_until_times_out)
{
    WITH_EACH_ORDER(queue, 0)
    {
        put_number(queue, 1);
        for (size_t i = 0; i < LENGTH(past_deadlines); i++)
            CHECK_STATUS(thrum_queue_join_until(queue, past_deadlines[i]), THRUM_ETIMEDOUT);
        CHECK_STATUS(thrum_queue_join_until(queue, soon()), THRUM_ETIMEDOUT);
        CHECK_EQ(queue->done, 0); /* nobody is said to wait */
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
        CHECK_STATUS(thrum_queue_join_until(queue, 0), 0);
    }
}

TEST(queue_done, a_joiner_that_times_out_leaves_the_others)
{
    WITH_EACH_ORDER(queue, 0)
    {
        call one;
        put_number(queue, 1);
        start_calls(&one, 1, call_join, queue, joiners_of(queue));
        for (int i = 0; i < 3; i++)
            CHECK_STATUS(thrum_queue_join_until(queue, soon()), THRUM_ETIMEDOUT);
        CHECK_EQ(waiters_on(joiners_of(queue)), 1);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
        end_calls(&one, 1, 0);
    }
}

static void *join_and_free(void *arg)
{
    thrum_queue **queues = arg;
    for (; *queues != NULL; queues++) {
        CHECK_STATUS(thrum_queue_join(*queues), 0);
        thrum_queue_free(*queues);
    }
    return NULL;
}

TEST(queue_done, may_be_freed_by_the_joiner_while_the_last_task_done_returns)
{
    static thrum_queue *queues[1000 + 1];
    test_thread freer;
    for (size_t i = 0; i < 1000; i++) {
        queues[i] = new_queue(0, orders[i % 3]);
        put_number(queues[i], 1);
        get_number(queues[i]);
    }
    test_spawn(&freer, join_and_free, queues);
    for (size_t i = 0; i < 1000; i++)
        CHECK_STATUS(thrum_queue_task_done(queues[i]), 0);
    test_join(&freer);
}

/* ---- shutdown ---- */

/** What was got before is still to be done; what was dropped is not. */
TEST(queue_done, shutdown_immediate_leaves_what_is_in_flight_unfinished)
{
    WITH_EACH_ORDER(queue, 0)
    {
        put_numbers(queue, 1, 5);
        CHECK_STATUS(thrum_queue_get(queue, NULL), 0);
        thrum_queue_shutdown(queue, true);
        CHECK_STATUS(thrum_queue_join_until(queue, soon()), THRUM_ETIMEDOUT);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
        CHECK_STATUS(thrum_queue_join(queue), 0);
        CHECK_STATUS(thrum_queue_task_done(queue), THRUM_EOVERFLOW);
    }
}

/** As in Python, what is dropped cannot make the count of what is unfinished negative. */
TEST(queue_done, shutdown_immediate_after_too_many_task_done)
{
    WITH_EACH_ORDER(queue, 0)
    {
        put_numbers(queue, 1, 3);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
        thrum_queue_shutdown(queue, true);
        CHECK_STATUS(thrum_queue_join(queue), 0);
        CHECK_STATUS(thrum_queue_task_done(queue), THRUM_EOVERFLOW);
    }
}

static void *get_and_done(void *arg)
{
    call *one = arg;
    call_get(one);
    if (one->status == 0)
        one->status = thrum_queue_task_done(one->queue);
    return NULL;
}

static void check_join(bool immediate)
{
    WITH_EACH_ORDER(queue, 2)
    {
        static call joins[2], gets[2];
        put_numbers(queue, 1, 2);
        start_calls(joins, 2, call_join, queue, joiners_of(queue));
        thrum_queue_shutdown(queue, immediate);
        for (int i = 0; i < 2; i++)
            start_call(&gets[i], get_and_done, queue, 0, THRUM_FOREVER);
        end_calls(gets, 2, immediate ? THRUM_ESHUTDOWN : 0);
        end_calls(joins, 2, 0);
    }
}

TEST(queue_done, shutdown_get_task_done_join)
{
    check_join(false);
}

TEST(queue_done, shutdown_immediate_join)
{
    check_join(true);
}
