/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: being made, being shut down (CPython's tests of it restated), and what is destroyed. */
#include "queue_support.h"

/* ---- being made ---- */

TEST(queue, keeps_its_maxsize)
{
    const size_t sizes[] = {
        0, 1, 2, 3, 1024, 4095, 4096, 4097, 100000, SIZE_MAX / 16, SIZE_MAX / 2, SIZE_MAX};
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        WITH_EACH_ORDER(queue, sizes[i])
        {
            CHECK(thrum_queue_maxsize(queue) == sizes[i]);
            CHECK(thrum_queue_empty(queue));
            CHECK(!thrum_queue_full(queue));
            bool fills = sizes[i] != 0 && sizes[i] < 5000;
            int n = fills ? (int)sizes[i] : 5000;
            put_numbers(queue, 1, n);
            CHECK_EQ(thrum_queue_full(queue), fills);
            CHECK_EQ(thrum_queue_qsize(queue), n);
            if (fills)
                CHECK_STATUS(thrum_queue_try_put(queue, NULL), THRUM_EFULL);
            expect_numbers(queue, 1, n);
        }
    }
}

TEST(queue, is_fifo_and_unbounded_by_itself)
{
    thrum_queue *queue = HAVE(thrum_queue_new(0));
    put_numbers(queue, 1, 100);
    CHECK(!thrum_queue_full(queue));
    for (int i = 1; i <= 100; i++)
        CHECK_EQ(get_number(queue), i);
    thrum_queue_free(queue);
    queue = HAVE(thrum_queue_new_with(3, NULL));
    put_numbers(queue, 1, 3);
    check_full(queue);
    thrum_queue_free(queue);
}

TEST(queue, refuses_options_that_make_no_sense)
{
    CHECK_PTR(thrum_queue_new(0, .order = THRUM_PRIORITY), NULL);
    CHECK_PTR(thrum_queue_new(0, .order = (enum thrum_queue_order)3), NULL);
    CHECK_PTR(thrum_queue_new(0, .order = (enum thrum_queue_order) - 1, .compare = by_number),
              NULL);
}

/** A program that was compiled with fewer options, or with more, than there are today. */
TEST(queue, takes_options_of_another_size)
{
    struct {
        thrum_queue_options options;
        void *later[4];
    } longer = {.options = {.size = sizeof longer, .order = THRUM_LIFO}, .later = {&longer}};
    thrum_queue *queue = HAVE(thrum_queue_new_with(0, &longer.options));
    put_numbers(queue, 1, 2);
    CHECK_EQ(get_number(queue), 2);
    thrum_queue_free(queue);
    thrum_queue_options shorter = {.size = offsetof(thrum_queue_options, compare),
                                   .order = THRUM_PRIORITY,
                                   .compare = by_number};
    CHECK_PTR(thrum_queue_new_with(0, &shorter), NULL);
}

TEST(queue, without_memory_is_none)
{
    for (size_t i = 0; i < LENGTH(orders); i++) {
        TEST_SWEEP_ALLOCATIONS
        {
            thrum_queue *queue = thrum_queue_new(8, .order = orders[i], .compare = by_number);
            CHECK_EQ(queue == NULL, test_failures_injected() > 0);
            thrum_queue_free(queue);
        }
    }
}

TEST(queue, null_is_answered)
{
    void *item = &item;
    size_t n = 7;
    CHECK_STATUS(thrum_queue_put(NULL, item), THRUM_EINVAL);
    CHECK_STATUS(thrum_queue_put_until(NULL, item, 0), THRUM_EINVAL);
    CHECK_STATUS(thrum_queue_try_put(NULL, item), THRUM_EINVAL);
    CHECK_STATUS(thrum_queue_put_many(NULL, &item, 1, &n), THRUM_EINVAL);
    CHECK_STATUS(thrum_queue_get(NULL, &item), THRUM_EINVAL);
    CHECK_STATUS(thrum_queue_get_until(NULL, &item, 0), THRUM_EINVAL);
    CHECK_STATUS(thrum_queue_try_get(NULL, &item), THRUM_EINVAL);
    CHECK_STATUS(thrum_queue_get_many(NULL, &item, 1, &n), THRUM_EINVAL);
    CHECK_STATUS(thrum_queue_task_done(NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_queue_join(NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_queue_join_until(NULL, 0), THRUM_EINVAL);
    CHECK_EQ(thrum_queue_qsize(NULL), 0);
    CHECK_EQ(thrum_queue_maxsize(NULL), 0);
    CHECK(thrum_queue_empty(NULL));
    CHECK(!thrum_queue_full(NULL));
    thrum_queue_free(NULL);
    CHECK_MISUSE(thrum_queue_shutdown(NULL, false), NULL, "NULL");
    CHECK_PTR(item, &item);
}

/** Also when it would give memory back and cannot. */
TEST(queue, gets_shutdown_and_free_need_no_memory)
{
    for (size_t i = 0; i < LENGTH(orders); i++) {
        thrum_queue *queue = new_queue(0, orders[i]);
        put_numbers(queue, 0, 4000);
        test_fail_allocations_from(1);
        for (int got = 0; got < 3000; got++)
            get_number(queue);
        thrum_queue_shutdown(queue, false);
        get_number(queue);
        thrum_queue_shutdown(queue, true);
        thrum_queue_free(queue);
        test_fail_allocations_from(0);
    }
}

/* ---- shutdown, in one thread ---- */

TEST(queue, shutdown_empty)
{
    WITH_EACH_ORDER(queue, 0)
    {
        thrum_queue_shutdown(queue, false);
        check_refuses(queue);
        check_ended(queue);
    }
}

TEST(queue, shutdown_nonempty)
{
    WITH_EACH_ORDER(queue, 0)
    {
        put_numbers(queue, 1, 2);
        thrum_queue_shutdown(queue, false);
        check_refuses(queue);
        CHECK_STATUS(thrum_queue_get(queue, NULL), 0);
        CHECK_STATUS(thrum_queue_try_get(queue, NULL), 0);
        check_ended(queue);
    }
}

TEST(queue, shutdown_of_a_full_one_refuses_and_is_not_full)
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

TEST(queue, shutdown_immediate)
{
    WITH_EACH_ORDER(queue, 0)
    {
        put_numbers(queue, 1, 3);
        thrum_queue_shutdown(queue, true);
        check_refuses(queue);
        check_ended(queue);
    }
}

TEST(queue, shutdown_allowed_transitions)
{
    WITH_EACH_ORDER(queue, 0)
    {
        put_numbers(queue, 1, 3);
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

TEST(queue, shutdown_all_methods_in_one_thread)
{
    WITH_EACH_ORDER(queue, 2)
    {
        put_numbers(queue, 1, 2);
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

TEST(queue, shutdown_immediate_all_methods_in_one_thread)
{
    WITH_EACH_ORDER(queue, 2)
    {
        put_numbers(queue, 1, 2);
        thrum_queue_shutdown(queue, true);
        check_refuses(queue);
        check_ended(queue);
        CHECK_STATUS(thrum_queue_task_done(queue), THRUM_EOVERFLOW);
        CHECK_STATUS(thrum_queue_join(queue), 0);
    }
}

/* ---- shutdown, with sleepers ---- */

enum { SLEEPERS = 5 };

static void check_wakes_getters(bool immediate)
{
    WITH_EACH_ORDER(queue, 2)
    {
        static call gets[SLEEPERS];
        for (int i = 0; i < SLEEPERS; i++)
            start_call(&gets[i], call_get, queue, 9, i % 2 == 0 ? THRUM_FOREVER : far_deadlines[1]);
        await_waiters(getters_of(queue), SLEEPERS);
        thrum_queue_shutdown(queue, immediate);
        for (int i = 0; i < SLEEPERS; i++) {
            CHECK_STATUS(end_call(&gets[i]), THRUM_ESHUTDOWN);
            CHECK_EQ(number_of(gets[i].item), 9);
        }
    }
}

TEST(queue, shutdown_wakes_getters)
{
    check_wakes_getters(false);
}

TEST(queue, shutdown_immediate_wakes_getters)
{
    check_wakes_getters(true);
}

static void check_wakes_putters(bool immediate)
{
    WITH_EACH_ORDER(queue, 2)
    {
        static call puts[SLEEPERS];
        put_numbers(queue, 1, 2);
        start_calls(puts, SLEEPERS, call_put, queue, putters_of(queue));
        thrum_queue_shutdown(queue, immediate);
        end_calls(puts, SLEEPERS, THRUM_ESHUTDOWN);
        CHECK_EQ(thrum_queue_qsize(queue), immediate ? 0 : 2);
    }
}

TEST(queue, shutdown_put)
{
    check_wakes_putters(false);
}

TEST(queue, shutdown_immediate_put)
{
    check_wakes_putters(true);
}

/** The first has been woken for an item, and may or may not have got it before the shutdown. */
TEST(queue, shutdown_get)
{
    WITH_EACH_ORDER(queue, 2)
    {
        static call gets[SLEEPERS];
        start_calls(gets, SLEEPERS, call_get, queue, getters_of(queue));
        put_numbers(queue, 1, 2);
        thrum_queue_shutdown(queue, false);
        intptr_t sum = 0;
        int shut = 0;
        for (int i = 0; i < SLEEPERS; i++) {
            bool has_got = end_call(&gets[i]) == 0;
            sum += has_got ? number_of(gets[i].item) : 0;
            shut += gets[i].status == THRUM_ESHUTDOWN;
        }
        CHECK_EQ(shut, SLEEPERS - 2);
        CHECK_EQ(sum, 3);
    }
}

/** A soft shutdown leaves the joiners asleep, since nothing is done by it. */
static void check_put_join(bool immediate)
{
    WITH_EACH_ORDER(queue, 1)
    {
        static call putters[2], joiners[2];
        put_number(queue, 1);
        start_calls(putters, 2, call_put, queue, putters_of(queue));
        start_calls(joiners, 2, call_join, queue, joiners_of(queue));
        thrum_queue_shutdown(queue, immediate);
        end_calls(putters, 2, THRUM_ESHUTDOWN);
        CHECK(immediate || waiters_on(joiners_of(queue)) == 2);
        CHECK_STATUS(thrum_queue_try_get(queue, NULL), immediate ? THRUM_ESHUTDOWN : 0);
        CHECK(immediate || waiters_on(joiners_of(queue)) == 2);
        CHECK_STATUS(thrum_queue_task_done(queue), immediate ? THRUM_EOVERFLOW : 0);
        end_calls(joiners, 2, 0);
    }
}

TEST(queue, shutdown_put_join)
{
    check_put_join(false);
}

TEST(queue, shutdown_immediate_put_join)
{
    check_put_join(true);
}

static void *get_until_shut_and_free(void *arg)
{
    thrum_queue **queues = arg;
    for (; *queues != NULL; queues++) {
        CHECK_STATUS(thrum_queue_get(*queues, NULL), THRUM_ESHUTDOWN);
        thrum_queue_free(*queues);
    }
    return NULL;
}

TEST(queue, may_be_freed_while_a_soft_shutdown_returns)
{
    static thrum_queue *queues[1000 + 1];
    test_thread freer;
    for (size_t i = 0; i < 1000; i++)
        queues[i] = new_queue(i % 2, orders[i % 3]);
    test_spawn(&freer, get_until_shut_and_free, queues);
    for (size_t i = 0; i < 1000; i++)
        thrum_queue_shutdown(queues[i], false);
    test_join(&freer);
}

/* ---- shutdown, in the middle of everything ---- */

static thrum_queue *new_destroying(size_t maxsize, enum thrum_queue_order order,
                                   void (*destroy)(void *))
{
    return HAVE(
        thrum_queue_new(maxsize, .order = order, .compare = by_number, .destroy_item = destroy));
}

static void *join_it(void *queue)
{
    CHECK_STATUS(thrum_queue_join(queue), 0);
    return NULL;
}

/** What went in came out once, or was destroyed, which only an immediate shutdown does. */
static void shut_down_amid(enum thrum_queue_order order, size_t maxsize, int after, bool immediate)
{
    static crowd all;
    static group joiners;
    thrum_queue *queue = new_destroying(maxsize, order, destroy_number);
    memset(destroyed, 0, sizeof destroyed);
    destroyed_count = 0;
    crowd_start(&all, queue, 2, 3);
    group_start(&joiners, 2, join_it, queue);
    for (int i = 0; i < after; i++)
        sched_yield();
    thrum_queue_shutdown(queue, immediate);
    group_join(&all.producers);
    group_join(&all.consumers);
    group_join(&joiners);
    CHECK_STATUS(thrum_queue_join(queue), 0);
    CHECK(immediate || destroyed_count == 0);
    for (int i = 0; i < 2 * EACH; i++)
        all.got[i] += destroyed[i];
    expect_conserved(&all);
    check_refuses(queue);
    check_ended(queue);
    CHECK_STATUS(thrum_queue_task_done(queue), THRUM_EOVERFLOW);
    thrum_queue_free(queue);
}

TEST_LIMIT(queue, shutdown_all_methods_in_many_threads, 120)
{
    for (int round = 0; round < 30; round++)
        shut_down_amid(orders[round % 3], (size_t)(round % 4), round * 8, false);
}

TEST_LIMIT(queue, shutdown_immediate_all_methods_in_many_threads, 120)
{
    for (int round = 0; round < 30; round++)
        shut_down_amid(orders[round % 3], (size_t)(round % 4), round * 8, true);
}

/* ---- destroy_item ---- */

static thrum_queue *own_queue, *other_queue;

/** No lock is held: the queue can be used. */
static void ask_and_destroy(void *item)
{
    destroy_number(item);
    CHECK_EQ(thrum_queue_qsize(own_queue), 0);
    CHECK_STATUS(thrum_queue_try_get(own_queue, NULL),
                 own_queue->get.is_shut ? THRUM_ESHUTDOWN : THRUM_EEMPTY);
}

TEST(queue, free_destroys_what_is_left)
{
    for (size_t i = 0; i < LENGTH(orders); i++) {
        bool is_lifo = orders[i] == THRUM_LIFO;
        own_queue = new_destroying(0, orders[i], ask_and_destroy);
        put_numbers(own_queue, 1, 100);
        CHECK_EQ(get_number(own_queue), is_lifo ? 100 : 1);
        CHECK_STATUS(thrum_queue_get(own_queue, NULL), 0); /* taken is taken */
        expect_destroyed(0, 0);
        thrum_queue_free(own_queue);
        expect_destroyed(is_lifo ? 1 : 3, 98);
    }
}

TEST(queue, immediate_shutdown_destroys_what_is_left)
{
    for (size_t i = 0; i < LENGTH(orders); i++) {
        own_queue = new_destroying(100, orders[i], ask_and_destroy);
        put_numbers(own_queue, 1, 100);
        thrum_queue_shutdown(own_queue, true);
        expect_destroyed(1, 100);
        thrum_queue_shutdown(own_queue, true);
        thrum_queue_free(own_queue);
        expect_destroyed(0, 0);
    }
}

TEST(queue, soft_shutdown_destroys_nothing_before_it_is_freed)
{
    own_queue = new_destroying(0, THRUM_FIFO, ask_and_destroy);
    put_numbers(own_queue, 1, 3);
    thrum_queue_shutdown(own_queue, false);
    CHECK_EQ(get_number(own_queue), 1);
    expect_destroyed(0, 0);
    thrum_queue_free(own_queue);
    expect_destroyed(2, 2);
}

static int reentered;

/** The item's destruction uses the queue itself, and puts the item into another. */
static void use_queue_in_destruction(void *item)
{
    reentered++;
    check_refuses(own_queue);
    check_ended(own_queue);
    thrum_queue_shutdown(own_queue, true);
    CHECK_STATUS(thrum_queue_join_until(own_queue, 0), THRUM_ETIMEDOUT);
    put_number(other_queue, number_of(item));
}

TEST(queue, destruction_may_use_the_queue)
{
    for (size_t i = 0; i < LENGTH(orders); i++) {
        reentered = 0;
        own_queue = new_destroying(0, orders[i], use_queue_in_destruction);
        other_queue = new_queue(0, THRUM_PRIORITY);
        put_numbers(own_queue, 1, 100);
        thrum_queue_shutdown(own_queue, true);
        CHECK_EQ(reentered, 100);
        CHECK_STATUS(thrum_queue_join(own_queue), 0);
        expect_numbers(other_queue, 1, 100);
        thrum_queue_free(own_queue);
        thrum_queue_free(other_queue);
    }
}
