/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: putting and getting, one by one and many at once: CPython's tests of Queue, LifoQueue and
 *  PriorityQueue restated, deadlines, no memory; and a crowd that loses and doubles nothing. */
#include <errno.h>
#include <math.h>

#include "queue_support.h"
#include "thrum/event.h"

/* ---- BaseQueueTestMixin ---- */

enum { QUEUE_SIZE = 5 };

static const intptr_t put_in_order[] = {111, 333, 222};
static const intptr_t got_in_order[][3] = {{111, 333, 222}, {222, 333, 111}, {111, 222, 333}};

static void check_order(thrum_queue *queue)
{
    for (int i = 0; i < 3; i++)
        put_number(queue, put_in_order[i]);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(get_number(queue), got_in_order[queue->order][i]);
}

/** do_blocking_test: the call waits until the main thread has done the opposite. */
static void check_blocking_put(thrum_queue *queue, thrum_time deadline)
{
    call put;
    start_call(&put, call_put, queue, 60, deadline);
    await_waiters(putters_of(queue), 1);
    test_wait_asleep(put.thread.tid);
    get_number(queue);
    CHECK_STATUS(end_call(&put), 0);
    CHECK(thrum_queue_full(queue));
}

static void check_blocking_get(thrum_queue *queue, thrum_time deadline)
{
    call get;
    start_call(&get, call_get, queue, 0, deadline);
    await_waiters(getters_of(queue), 1);
    test_wait_asleep(get.thread.tid);
    put_number(queue, 77);
    CHECK_STATUS(end_call(&get), 0);
    CHECK_EQ(number_of(get.item), 77);
    CHECK(thrum_queue_empty(queue));
}

static void basic_queue_test(thrum_queue *queue)
{
    CHECK(thrum_queue_empty(queue));
    CHECK(!thrum_queue_full(queue));
    check_order(queue);
    for (int i = 0; i < QUEUE_SIZE - 1; i++) {
        put_number(queue, i);
        CHECK_EQ(thrum_queue_qsize(queue), i + 1);
    }
    CHECK(!thrum_queue_full(queue));
    put_number(queue, 2 * QUEUE_SIZE);
    CHECK(!thrum_queue_empty(queue));
    check_full(queue);
    for (size_t i = 0; i < LENGTH(far_deadlines); i++)
        check_blocking_put(queue, far_deadlines[i]);
    for (int i = 0; i < QUEUE_SIZE; i++)
        get_number(queue);
    check_empty(queue);
    for (size_t i = 0; i < LENGTH(far_deadlines); i++)
        check_blocking_get(queue, far_deadlines[i]);
}

TEST(queue_move, basic)
{
    WITH_EACH_ORDER(queue, QUEUE_SIZE)
    {
        basic_queue_test(queue);
        basic_queue_test(queue);
    }
}

TEST(queue_move, nowait)
{
    WITH_EACH_ORDER(queue, QUEUE_SIZE)
    {
        for (int i = 0; i < QUEUE_SIZE; i++)
            CHECK_STATUS(thrum_queue_try_put(queue, item_of(1)), 0);
        CHECK_STATUS(thrum_queue_try_put(queue, item_of(1)), THRUM_EFULL);
        for (int i = 0; i < QUEUE_SIZE; i++)
            CHECK_STATUS(thrum_queue_try_get(queue, NULL), 0);
        CHECK_STATUS(thrum_queue_try_get(queue, NULL), THRUM_EEMPTY);
    }
}

TEST(queue_move, holds_null_and_may_be_asked_for_nothing)
{
    WITH_EACH_ORDER(queue, 0)
    {
        void *item = &item;
        CHECK_STATUS(thrum_queue_put(queue, NULL), 0);
        CHECK_EQ(thrum_queue_qsize(queue), 1);
        CHECK_STATUS(thrum_queue_get(queue, &item), 0);
        CHECK_PTR(item, NULL);
        put_numbers(queue, 1, 3);
        CHECK_STATUS(thrum_queue_get(queue, NULL), 0);
        CHECK_STATUS(thrum_queue_get_until(queue, NULL, 0), 0);
        CHECK_STATUS(thrum_queue_try_get(queue, NULL), 0);
        check_empty(queue);
    }
}

/* ---- deadlines ---- */

static void check_done_at_once(thrum_queue *queue, thrum_time deadline)
{
    void *item = NULL;
    void *items[] = {item_of(2), NULL, NULL};
    size_t n;
    CHECK_STATUS(thrum_queue_put_until(queue, item_of(1), deadline), 0);
    CHECK_STATUS(thrum_queue_put_many_until(queue, items, 1, &n, deadline), 0);
    CHECK_EQ(n, 1);
    CHECK_STATUS(thrum_queue_get_until(queue, &item, deadline), 0);
    CHECK_EQ(number_of(item), queue->order == THRUM_LIFO ? 2 : 1);
    CHECK_STATUS(thrum_queue_get_many_until(queue, items, 3, &n, deadline), 0);
    CHECK_EQ(n, 1);
    CHECK_STATUS(thrum_queue_task_done(queue), 0);
    CHECK_STATUS(thrum_queue_task_done(queue), 0);
    CHECK_STATUS(thrum_queue_join_until(queue, deadline), 0);
}

/** What cannot be done at once is not waited for. */
static void check_too_late(thrum_queue *queue, thrum_time deadline)
{
    size_t n = 7;
    void *items[] = {NULL, NULL, NULL};
    CHECK_STATUS(thrum_queue_get_until(queue, NULL, deadline), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_queue_get_many_until(queue, items, 3, &n, deadline), THRUM_ETIMEDOUT);
    CHECK_EQ(n, 0);
    CHECK_STATUS(thrum_queue_put_many_until(queue, items, 3, &n, deadline), THRUM_ETIMEDOUT);
    CHECK_EQ(n, 2);
    CHECK_STATUS(thrum_queue_put_until(queue, NULL, deadline), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_queue_join_until(queue, deadline), THRUM_ETIMEDOUT);
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(thrum_queue_get_until(queue, NULL, deadline), 0);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
    }
}

/** A negative timeout is ValueError in Python; here it is an instant that has passed. */
TEST(queue_move, what_can_be_done_at_once_is_done_whatever_the_deadline)
{
    WITH_EACH_ORDER(queue, 2)
    {
        const thrum_time negative[] = {thrum_after(-1), thrum_after((double)NAN)};
        for (size_t i = 0; i < LENGTH(far_deadlines); i++)
            check_done_at_once(queue, far_deadlines[i]);
        for (size_t i = 0; i < LENGTH(past_deadlines); i++) {
            check_done_at_once(queue, past_deadlines[i]);
            check_too_late(queue, past_deadlines[i]);
        }
        for (size_t i = 0; i < LENGTH(negative); i++) {
            check_done_at_once(queue, negative[i]);
            check_too_late(queue, negative[i]);
        }
    }
}

TEST(queue_move, times_out_at_the_deadline_and_not_before)
{
    WITH_EACH_ORDER(queue, 1)
    {
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
    }
}

TEST(queue_move, keeps_errno)
{
    thrum_queue *queue = new_queue(1, THRUM_FIFO);
    errno = 77;
    CHECK_STATUS(thrum_queue_get_until(queue, NULL, soon()), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_queue_put(queue, NULL), 0);
    CHECK_STATUS(thrum_queue_put_until(queue, NULL, soon()), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_queue_join_until(queue, soon()), THRUM_ETIMEDOUT);
    thrum_queue_shutdown(queue, false);
    CHECK_EQ(errno, 77);
    thrum_queue_free(queue);
}

/* ---- many at once ---- */

/** They leave as if put one by one. */
TEST(queue_move, many_keep_their_order)
{
    WITH_EACH_ORDER(queue, 0)
    {
        void *items[101];
        size_t n = 0;
        fill_items(items, 100, 1);
        CHECK_STATUS(thrum_queue_put_many(queue, items, 100, &n), 0);
        CHECK_EQ(n, 100);
        CHECK_EQ(thrum_queue_qsize(queue), 100);
        CHECK_STATUS(thrum_queue_get_many(queue, items, 101, &n), 0);
        CHECK_EQ(n, 100);
        for (int i = 0; i < 100; i++)
            CHECK_EQ(number_of(items[i]), queue->order == THRUM_LIFO ? 100 - i : i + 1);
        check_empty(queue);
        fill_items(items, 100, 1);
        CHECK_STATUS(thrum_queue_put_many(queue, items, 100, NULL), 0);
        expect_numbers(queue, 1, 100);
    }
}

TEST(queue_move, get_many_takes_what_fits)
{
    WITH_EACH_ORDER(queue, 0)
    {
        void *items[3];
        size_t n = 0;
        put_numbers(queue, 1, 5);
        CHECK_STATUS(thrum_queue_get_many_until(queue, items, 3, &n, 0), 0);
        CHECK_EQ(n, 3);
        CHECK_STATUS(thrum_queue_get_many(queue, items, 3, NULL), 0);
        check_empty(queue);
    }
}

TEST(queue_move, get_many_waits_for_one_item_only)
{
    WITH_EACH_ORDER(queue, 0)
    {
        void *items[4];
        call one = {.items = items, .n = 4};
        start_calls(&one, 1, call_get_many, queue, getters_of(queue));
        put_number(queue, 7);
        end_calls(&one, 1, 0);
        CHECK_EQ(one.moved, 1);
        CHECK_EQ(number_of(items[0]), 7);
    }
}

TEST(queue_move, many_of_none_is_refused)
{
    WITH_EACH_ORDER(queue, 0)
    {
        void *item = &item;
        size_t n = 7;
        put_number(queue, 1);
        CHECK_STATUS(thrum_queue_put_many(queue, &item, 0, &n), THRUM_EINVAL);
        CHECK_EQ(n, 0);
        CHECK_STATUS(thrum_queue_get_many(queue, &item, 0, &n), THRUM_EINVAL);
        CHECK_STATUS(thrum_queue_put_many(queue, NULL, 1, NULL), THRUM_EINVAL);
        CHECK_STATUS(thrum_queue_get_many(queue, NULL, 1, NULL), THRUM_EINVAL);
        CHECK_STATUS(thrum_queue_put_many_until(queue, &item, 0, NULL, 0), THRUM_EINVAL);
        CHECK_STATUS(thrum_queue_get_many_until(queue, &item, 0, NULL, 0), THRUM_EINVAL);
        CHECK_EQ(get_number(queue), 1);
        check_empty(queue);
    }
}

TEST(queue_move, put_many_says_how_many_went_in)
{
    WITH_EACH_ORDER(queue, 3)
    {
        void *items[5];
        size_t n = 0;
        fill_items(items, 5, 1);
        CHECK_STATUS(thrum_queue_put_many_until(queue, items, 5, &n, soon()), THRUM_ETIMEDOUT);
        CHECK_EQ(n, 3);
        CHECK_EQ(thrum_queue_qsize(queue), 3);
        get_number(queue);
        CHECK_STATUS(thrum_queue_put_many_until(queue, items, 5, &n, 0), THRUM_ETIMEDOUT);
        CHECK_EQ(n, 1);
        while (thrum_queue_try_get(queue, NULL) == 0)
            continue;
        CHECK_STATUS(thrum_queue_put_many_until(queue, items, 3, NULL, 0), 0);
    }
}

TEST(queue_move, put_many_waits_for_room_again_and_again)
{
    WITH_EACH_ORDER(queue, 2)
    {
        void *items[5];
        call one = {.items = items, .n = 5};
        fill_items(items, 5, 1);
        start_call(&one, call_put_many, queue, 0, THRUM_FOREVER);
        intptr_t sum = 0;
        for (int i = 0; i < 5; i++)
            sum += get_number(queue);
        CHECK_STATUS(end_call(&one), 0);
        CHECK_EQ(one.moved, 5);
        CHECK_EQ(sum, 15);
    }
}

static void check_shut_out(thrum_queue *queue, bool immediate)
{
    void *items[10];
    call one = {.items = items, .n = 10};
    fill_items(items, 10, 0);
    start_calls(&one, 1, call_put_many, queue, putters_of(queue));
    CHECK_EQ(get_number(queue), queue->order == THRUM_LIFO ? 2 : 0);
    while (thrum_queue_qsize(queue) != 3) /* it has put one more, and is queued again */
        sched_yield();
    await_waiters(putters_of(queue), 1);
    thrum_queue_shutdown(queue, immediate);
    end_calls(&one, 1, THRUM_ESHUTDOWN);
    CHECK_EQ(one.moved, 4);
    CHECK_EQ(thrum_queue_qsize(queue), immediate ? 0 : 3);
}

TEST(queue_move, put_many_ends_at_a_shutdown)
{
    WITH_EACH_ORDER(queue, 3)
    check_shut_out(queue, false);
    WITH_EACH_ORDER(queue, 3)
    check_shut_out(queue, true);
}

/* ---- memory ---- */

static void put_with_failures(thrum_queue *queue, int n)
{
    for (int i = 0; i < n; i++) {
        unsigned before = test_failures_injected();
        int status = thrum_queue_put(queue, item_of(i));
        CHECK_STATUS(status, test_failures_injected() > before ? THRUM_ENOMEM : 0);
        CHECK_EQ(thrum_queue_qsize(queue), status == 0 ? i + 1 : i);
        if (status != 0)
            CHECK_STATUS(thrum_queue_put(queue, item_of(i)), 0);
    }
}

static void sweep_puts(size_t maxsize, enum thrum_queue_order order)
{
    TEST_SWEEP_ALLOCATIONS
    {
        thrum_queue *queue = thrum_queue_new(maxsize, .order = order, .compare = by_number);
        CHECK(queue != NULL || test_failures_injected() > 0);
        if (queue != NULL) {
            put_with_failures(queue, 2000);
            expect_numbers(queue, 0, 2000);
            CHECK_STATUS(thrum_queue_try_get(queue, NULL), THRUM_EEMPTY);
        }
        thrum_queue_free(queue);
    }
}

TEST(queue_move, a_put_without_memory_leaves_the_queue_as_it_was)
{
    for (size_t i = 0; i < LENGTH(orders); i++) {
        sweep_puts(0, orders[i]);
        sweep_puts(5000, orders[i]);
    }
}

TEST(queue_move, a_batch_without_memory_goes_in_as_far_as_it_can)
{
    WITH_EACH_ORDER(queue, 0)
    {
        static void *items[3000];
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
        expect_numbers(queue, 0, 3000);
        for (int i = 0; i < 3001; i++)
            CHECK_STATUS(thrum_queue_task_done(queue), 0);
        CHECK_STATUS(thrum_queue_task_done(queue), THRUM_EOVERFLOW);
    }
}

static void put_batch_with_failure(thrum_queue *queue, void **items, size_t n)
{
    size_t put = 0;
    int status = thrum_queue_put_many(queue, items, n, &put);
    CHECK_STATUS(status, test_failures_injected() > 0 ? THRUM_ENOMEM : 0);
    CHECK_EQ(put == n, status == 0);
    CHECK_EQ(thrum_queue_qsize(queue), put);
    if (put < n)
        CHECK_STATUS(thrum_queue_put_many(queue, items + put, n - put, NULL), 0);
}

TEST(queue_move, a_batch_without_memory_says_how_many_went_in)
{
    static void *items[1200];
    fill_items(items, LENGTH(items), 1);
    for (size_t i = 0; i < LENGTH(orders); i++) {
        TEST_SWEEP_ALLOCATIONS
        {
            thrum_queue *queue = thrum_queue_new(0, .order = orders[i], .compare = by_number);
            if (queue != NULL) {
                put_batch_with_failure(queue, items, LENGTH(items));
                expect_numbers(queue, 1, LENGTH(items));
            }
            thrum_queue_free(queue);
        }
    }
}

/* ---- many threads ---- */

/** More put than there is room for, while one gets. */
TEST(queue_move, bounded_in_two_threads)
{
    WITH_EACH_ORDER(queue, 3)
    {
        static call puts[8];
        intptr_t sum = 0;
        for (int i = 0; i < 8; i++)
            start_call(&puts[i], call_put, queue, i + 1, THRUM_FOREVER);
        for (int i = 0; i < 8; i++) {
            void *item = NULL; /* which does not come if there was no memory for it */
            thrum_time deadline = thrum_after(10.0 * test_time_factor());
            CHECK_STATUS(thrum_queue_get_until(queue, &item, deadline), 0);
            sum += number_of(item);
        }
        end_calls(puts, 8, 0);
        CHECK_EQ(sum, 36);
    }
}

static void crowd_test(enum thrum_queue_order order, size_t maxsize, int producers, int consumers)
{
    static crowd all;
    crowd_start(&all, new_queue(maxsize, order), producers, consumers);
    group_join(&all.producers);
    CHECK_STATUS(thrum_queue_join(all.queue), 0);
    CHECK(thrum_queue_empty(all.queue));
    thrum_queue_shutdown(all.queue, false);
    group_join(&all.consumers);
    for (int producer = 0; producer < producers; producer++)
        CHECK_EQ(all.put[producer], EACH);
    expect_conserved(&all);
    CHECK_STATUS(thrum_queue_task_done(all.queue), THRUM_EOVERFLOW);
    thrum_queue_free(all.queue);
}

TEST_LIMIT(queue_move, many_producers_and_consumers_lose_and_double_nothing, 120)
{
    const size_t sizes[] = {0, 1, 2, 3, 100, 5000};
    for (size_t i = 0; i < LENGTH(sizes) * LENGTH(orders); i++)
        crowd_test(orders[i % 3], sizes[i / 3], 4, 4);
}

TEST_LIMIT(queue_move, one_producer_and_many_consumers, 120)
{
    for (size_t i = 0; i < LENGTH(orders); i++) {
        crowd_test(orders[i], 0, 1, SIDE_MAX);
        crowd_test(orders[i], 3, 1, SIDE_MAX);
    }
}

TEST_LIMIT(queue_move, many_producers_and_one_consumer, 120)
{
    for (size_t i = 0; i < LENGTH(orders); i++) {
        crowd_test(orders[i], 0, SIDE_MAX, 1);
        crowd_test(orders[i], 3, SIDE_MAX, 1);
    }
}

/** FIFO is the order of the puts whichever threads made them. */
typedef struct relay {
    thrum_queue *queue;
    thrum_event turn[2];
} relay;

static void *put_odd(void *arg)
{
    relay *all = arg;
    for (int i = 1; i < 2000; i += 2) {
        CHECK_STATUS(thrum_event_wait(&all->turn[1]), 0);
        thrum_event_clear(&all->turn[1]);
        put_number(all->queue, i);
        thrum_event_set(&all->turn[0]);
    }
    return NULL;
}

TEST(queue_move, puts_of_several_threads_keep_their_order)
{
    static relay all;
    test_thread other;
    all.queue = new_queue(0, THRUM_FIFO);
    test_spawn(&other, put_odd, &all);
    for (int i = 0; i < 2000; i += 2) {
        put_number(all.queue, i);
        thrum_event_set(&all.turn[1]);
        CHECK_STATUS(thrum_event_wait(&all.turn[0]), 0);
        thrum_event_clear(&all.turn[0]);
    }
    test_join(&other);
    expect_numbers(all.queue, 0, 2000);
    thrum_queue_free(all.queue);
}

/* ---- asked from outside ---- */

typedef struct watcher {
    crowd crowd;
    thrum_queue *queue;
    int looks;
    int has_begun, is_over; /* nothing is in it before, and when it is over */
} watcher;

static void *watch(void *arg)
{
    watcher *all = arg;
    for (bool is_over = false; !is_over;) {
        is_over = count_of(&all->is_over) != 0;
        bool is_empty = thrum_queue_empty(all->queue);
        bool is_full = thrum_queue_full(all->queue);
        size_t size = thrum_queue_qsize(all->queue);
        CHECK_LE(size, thrum_queue_maxsize(all->queue));
        if (count_of(&all->has_begun) == 0 || is_over)
            CHECK(is_empty && !is_full && size == 0);
        bump(&all->looks);
    }
    return NULL;
}

/** And it is 0 before the first put and after the last get. */
TEST(queue_move, a_size_that_is_read_from_outside_is_never_beyond_the_maximum)
{
    static watcher all;
    test_thread thread;
    WITH_EACH_ORDER(queue, 3)
    {
        memset(&all, 0, sizeof all);
        all.queue = queue;
        test_spawn(&thread, watch, &all);
        await_count(&all.looks, 1);
        set_count_of(&all.has_begun, 1);
        crowd_start(&all.crowd, queue, 2, 2);
        group_join(&all.crowd.producers);
        thrum_queue_shutdown(queue, false);
        group_join(&all.crowd.consumers);
        set_count_of(&all.is_over, 1);
        test_join(&thread);
        expect_conserved(&all.crowd);
    }
}
