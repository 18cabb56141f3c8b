/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue, call by call: deadlines, what a call that fails leaves behind, destruction that uses the
 *  queue, and allocation that fails, in queues of every order. */
#include "thrum/queue.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "queue_calls.h"

TEST(queue_calls, maxsize_may_be_anything)
{
    const size_t sizes[] = {1, 2, 3, 4095, 4096, 4097, SIZE_MAX / 2, SIZE_MAX};
    FOR_EACH_ORDER(order)
    {
        for (size_t i = 0; i < LENGTH(sizes); i++) {
            thrum_queue *queue = queue_in(order, sizes[i]);
            CHECK(thrum_queue_maxsize(queue) == sizes[i]);
            int n = sizes[i] < 5000 ? (int)sizes[i] : 5000;
            put_numbers(queue, 1, n);
            CHECK_EQ(thrum_queue_full(queue), sizes[i] < 5000);
            CHECK_EQ(thrum_queue_qsize(queue), n);
            if (sizes[i] < 5000)
                CHECK_STATUS(thrum_queue_try_put(queue, NULL), THRUM_EFULL);
            expect_numbers(queue, order, 1, n);
            thrum_queue_free(queue);
        }
    }
}

TEST(queue_calls, a_get_that_fails_stores_nothing)
{
    thrum_queue *queue = queue_in(THRUM_FIFO, 0);
    void *item = queue;
    CHECK_STATUS(thrum_queue_try_get(queue, &item), THRUM_EEMPTY);
    CHECK_STATUS(thrum_queue_get_until(queue, &item, 0), THRUM_ETIMEDOUT);
    thrum_queue_shutdown(queue, false);
    CHECK_STATUS(thrum_queue_get(queue, &item), THRUM_ESHUTDOWN);
    CHECK_PTR(item, queue);
    thrum_queue_free(queue);
}

/* ---- deadlines ---- */

TEST(queue_calls, what_can_be_done_at_once_is_done_whatever_the_deadline)
{
    FOR_EACH_ORDER(order)
    {
        thrum_queue *queue = queue_in(order, 2);
        for (size_t i = 0; i < LENGTH(past_deadlines) + LENGTH(far_deadlines); i++) {
            thrum_time deadline = i < LENGTH(past_deadlines)
                                      ? past_deadlines[i]
                                      : far_deadlines[i - LENGTH(past_deadlines)];
            void *items[] = {item_of(2), NULL, NULL};
            size_t n;
            CHECK_STATUS(thrum_queue_put_until(queue, item_of(1), deadline), 0);
            CHECK_STATUS(thrum_queue_put_many_until(queue, items, 1, &n, deadline), 0);
            CHECK_EQ(n, 1);
            CHECK_STATUS(thrum_queue_get_until(queue, NULL, deadline), 0);
            CHECK_STATUS(thrum_queue_get_many_until(queue, items, 3, &n, deadline), 0);
            CHECK_EQ(n, 1);
            CHECK_STATUS(thrum_queue_task_done(queue), 0);
            CHECK_STATUS(thrum_queue_task_done(queue), 0);
            CHECK_STATUS(thrum_queue_join_until(queue, deadline), 0);
        }
        thrum_queue_free(queue);
    }
}

/** Trap 32: a negative timeout is ValueError in Python; here it is an instant that has passed. */
TEST(queue_calls, a_deadline_that_has_passed_does_not_wait)
{
    thrum_queue *queue = queue_in(THRUM_FIFO, 1);
    thrum_time negative[] = {thrum_after(-1), thrum_after((double)NAN), 0, INT64_MIN};
    for (size_t i = 0; i < LENGTH(negative); i++) {
        size_t n = 77;
        void *items[2] = {NULL, NULL};
        CHECK_STATUS(thrum_queue_get_until(queue, NULL, negative[i]), THRUM_ETIMEDOUT);
        CHECK_STATUS(thrum_queue_get_many_until(queue, items, 2, &n, negative[i]), THRUM_ETIMEDOUT);
        CHECK_EQ(n, 0);
        CHECK_STATUS(thrum_queue_put_many_until(queue, items, 2, &n, negative[i]), THRUM_ETIMEDOUT);
        CHECK_EQ(n, 1);
        CHECK_STATUS(thrum_queue_put_until(queue, NULL, negative[i]), THRUM_ETIMEDOUT);
        CHECK_STATUS(thrum_queue_join_until(queue, negative[i]), THRUM_ETIMEDOUT);
        CHECK_STATUS(thrum_queue_get_until(queue, NULL, negative[i]), 0);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
    }
    thrum_queue_free(queue);
}

TEST(queue_calls, times_out_at_the_deadline_and_not_before)
{
    FOR_EACH_ORDER(order)
    {
        thrum_queue *queue = queue_in(order, 1);
        thrum_time deadline = thrum_after(0.02);
        CHECK_STATUS(thrum_queue_get_until(queue, NULL, deadline), THRUM_ETIMEDOUT);
        CHECK_GE(thrum_now(), deadline);
        put_number(queue, 1);
        deadline = thrum_after(0.02);
        CHECK_STATUS(thrum_queue_put_until(queue, item_of(2), deadline), THRUM_ETIMEDOUT);
        CHECK_GE(thrum_now(), deadline);
        deadline = thrum_after(0.02);
        CHECK_STATUS(thrum_queue_join_until(queue, deadline), THRUM_ETIMEDOUT);
        CHECK_GE(thrum_now(), deadline);
        CHECK_EQ(thrum_queue_qsize(queue), 1);
        CHECK_EQ(waiters_on(getters_of(queue)), 0);
        CHECK_EQ(waiters_on(putters_of(queue)), 0);
        CHECK_EQ(waiters_on(joiners_of(queue)), 0);
        thrum_queue_free(queue);
    }
}

TEST(queue_calls, keeps_errno)
{
    thrum_queue *queue = queue_in(THRUM_FIFO, 1);
    errno = 77;
    CHECK_STATUS(thrum_queue_get_until(queue, NULL, soon()), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_queue_put(queue, NULL), 0);
    CHECK_STATUS(thrum_queue_put_until(queue, NULL, soon()), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_queue_join_until(queue, soon()), THRUM_ETIMEDOUT);
    thrum_queue_shutdown(queue, false);
    CHECK_EQ(errno, 77);
    thrum_queue_free(queue);
}

/* ---- batches ---- */

TEST(queue_calls, a_batch_leaves_as_if_put_one_by_one)
{
    FOR_EACH_ORDER(order)
    {
        thrum_queue *queue = queue_in(order, 0);
        void *items[100];
        size_t n;
        fill_items(items, 100, 1);
        CHECK_STATUS(thrum_queue_put_many(queue, items, 100, &n), 0);
        CHECK_EQ(n, 100);
        CHECK_EQ(thrum_queue_qsize(queue), 100);
        expect_numbers(queue, order, 1, 100);
        CHECK_STATUS(thrum_queue_put_many(queue, items, 1, NULL), 0);
        CHECK_EQ(get_number(queue), 1);
        thrum_queue_free(queue);
    }
}

/* ---- task_done, join ---- */

/** Trap 33. */
TEST(queue_calls, one_task_done_too_many_changes_nothing)
{
    thrum_queue *queue = queue_in(THRUM_FIFO, 0);
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(thrum_queue_task_done(queue), THRUM_EOVERFLOW);
    put_number(queue, 1);
    CHECK_STATUS(thrum_queue_join_until(queue, 0), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_queue_task_done(queue), 0);
    CHECK_STATUS(thrum_queue_join(queue), 0);
    thrum_queue_free(queue);
}

TEST(queue_calls, a_put_that_fails_leaves_nothing_to_be_done)
{
    thrum_queue *queue = queue_in(THRUM_FIFO, 1);
    put_number(queue, 1);
    CHECK_STATUS(thrum_queue_try_put(queue, NULL), THRUM_EFULL);
    CHECK_STATUS(thrum_queue_put_until(queue, NULL, 0), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_queue_task_done(queue), 0);
    CHECK_STATUS(thrum_queue_join(queue), 0);
    thrum_queue_free(queue);
}

/* ---- shutdown ---- */

static void expect_shut(thrum_queue *queue)
{
    void *items[2] = {NULL, NULL};
    size_t n = 77;
    CHECK_STATUS(thrum_queue_put(queue, NULL), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_put_until(queue, NULL, 0), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_put_until(queue, NULL, THRUM_FOREVER), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_try_put(queue, NULL), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_put_many(queue, items, 2, &n), THRUM_ESHUTDOWN);
    CHECK_EQ(n, 0);
}

static void expect_drained(thrum_queue *queue)
{
    void *items[2];
    size_t n = 77;
    expect_shut(queue);
    CHECK_STATUS(thrum_queue_get(queue, NULL), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_get_until(queue, NULL, 0), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_get_until(queue, NULL, THRUM_FOREVER), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_try_get(queue, NULL), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_queue_get_many(queue, items, 2, &n), THRUM_ESHUTDOWN);
    CHECK_EQ(n, 0);
    CHECK_EQ(thrum_queue_qsize(queue), 0);
    CHECK(thrum_queue_empty(queue));
    CHECK(!thrum_queue_full(queue));
}

/* ---- destroy_item ---- */

static thrum_queue *own_queue, *other_queue;
static int reentered;

/** The item's destruction uses the queue itself, and puts the item into another. */
static void use_queue_in_destruction(void *item)
{
    reentered++;
    expect_drained(own_queue);
    thrum_queue_shutdown(own_queue, true);
    CHECK_STATUS(thrum_queue_join_until(own_queue, 0), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_queue_put(other_queue, item), 0);
}

TEST(queue_calls, destruction_may_use_the_queue)
{
    FOR_EACH_ORDER(order)
    {
        reentered = 0;
        own_queue = HAVE(thrum_queue_new(0, .order = order, .compare = by_number,
                                         .destroy_item = use_queue_in_destruction));
        other_queue = queue_in(THRUM_PRIORITY, 0);
        put_numbers(own_queue, 1, 100);
        thrum_queue_shutdown(own_queue, true);
        CHECK_EQ(reentered, 100);
        CHECK_STATUS(thrum_queue_join(own_queue), 0);
        expect_numbers(other_queue, THRUM_PRIORITY, 1, 100);
        thrum_queue_free(own_queue);
        thrum_queue_free(other_queue);
    }
}

/* ---- memory ---- */

TEST(queue_calls, a_put_without_memory_leaves_the_queue_as_it_was)
{
    for (int bounded = 0; bounded < 2; bounded++)
        FOR_EACH_ORDER(order)
    TEST_SWEEP_ALLOCATIONS
    {
        thrum_queue *queue =
            thrum_queue_new(bounded ? 5000 : 0, .order = order, .compare = by_number);
        if (queue == NULL) {
            CHECK_GT(test_failures_injected(), 0);
            continue;
        }
        for (int i = 0; i < 2000; i++) {
            unsigned before = test_failures_injected();
            int status = thrum_queue_put(queue, item_of(i));
            CHECK_STATUS(status, test_failures_injected() > before ? THRUM_ENOMEM : 0);
            CHECK_EQ(thrum_queue_qsize(queue), status == 0 ? i + 1 : i);
            if (status != 0)
                CHECK_STATUS(thrum_queue_put(queue, item_of(i)), 0);
        }
        expect_numbers(queue, order, 0, 2000);
        CHECK_STATUS(thrum_queue_try_get(queue, NULL), THRUM_EEMPTY);
        thrum_queue_free(queue);
    }
}

TEST(queue_calls, a_batch_without_memory_goes_in_as_far_as_it_can)
{
    FOR_EACH_ORDER(order)
    {
        static void *items[3000];
        thrum_queue *queue = queue_in(order, 0);
        size_t first, second;
        fill_items(items, LENGTH(items), 0);
        put_number(queue, -1);
        CHECK_EQ(get_number(queue), -1);
        test_fail_allocations_from(1);
        CHECK_STATUS(thrum_queue_put_many(queue, items, 3000, &first), THRUM_ENOMEM);
        CHECK_LT(first, 3000);
        CHECK_EQ(thrum_queue_qsize(queue), first);
        CHECK_STATUS(thrum_queue_put_many(queue, items + first, 3000 - first, &second),
                     THRUM_ENOMEM);
        CHECK_EQ(second, 0);
        CHECK_STATUS(thrum_queue_try_put(queue, NULL), THRUM_ENOMEM);
        test_fail_allocations_from(0);
        CHECK_STATUS(thrum_queue_put_many(queue, items + first, 3000 - first, &second), 0);
        CHECK_EQ(first + second, 3000);
        expect_numbers(queue, order, 0, 3000);
        for (int i = 0; i < 3001; i++)
            CHECK_STATUS(thrum_queue_task_done(queue), 0);
        CHECK_STATUS(thrum_queue_task_done(queue), THRUM_EOVERFLOW);
        thrum_queue_free(queue);
    }
}

/** Also when it would give memory back and cannot. */
TEST(queue_calls, gets_shutdown_and_free_need_no_memory)
{
    FOR_EACH_ORDER(order)
    {
        thrum_queue *queue = queue_in(order, 0);
        put_numbers(queue, 0, 4000);
        test_fail_allocations_from(1);
        for (int i = 0; i < 3000; i++)
            get_number(queue);
        thrum_queue_shutdown(queue, false);
        get_number(queue);
        thrum_queue_shutdown(queue, true);
        thrum_queue_free(queue);
        test_fail_allocations_from(0);
    }
}

/** A small maxsize is all the memory there is: puts cannot fail for want of it. */
TEST(queue_calls, a_bounded_fifo_queue_allocates_when_it_is_made)
{
    thrum_queue *queue = queue_in(THRUM_FIFO, 100);
    test_fail_allocations_from(1);
    for (int i = 0; i < 50; i++) {
        put_numbers(queue, i, 100);
        CHECK_STATUS(thrum_queue_try_put(queue, NULL), THRUM_EFULL);
        expect_numbers(queue, THRUM_FIFO, i, 100);
    }
    test_fail_allocations_from(0);
    thrum_queue_free(queue);
}
