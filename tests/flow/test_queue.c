/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: CPython's tests of queue.Queue, LifoQueue and PriorityQueue restated, and every status of
 *  every call. */
#include "queue_support.h"

#define QUEUE_SIZE 5

static const uintptr_t put_in_order[] = {111, 333, 222};
static const uintptr_t got_in_order[][3] = {{111, 333, 222}, {222, 333, 111}, {111, 222, 333}};

/* ---- being made ---- */

TEST(queue, keeps_its_maxsize)
{
    const size_t sizes[] = {0, 1, 2, 1024, 100000, SIZE_MAX / 16, SIZE_MAX};
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        WITH_EACH_ORDER(queue, sizes[i])
        {
            CHECK_EQ(thrum_queue_maxsize(queue), sizes[i]);
            CHECK(thrum_queue_empty(queue));
            CHECK(!thrum_queue_full(queue));
            put_number(queue, 1);
            CHECK_EQ(thrum_queue_full(queue), sizes[i] == 1);
            CHECK_EQ(get_number(queue), 1);
        }
    }
}

TEST(queue, is_fifo_and_unbounded_by_itself)
{
    thrum_queue *queue = HAVE(thrum_queue_new(0));
    fill(queue, 100);
    CHECK(!thrum_queue_full(queue));
    for (uintptr_t i = 1; i <= 100; i++)
        CHECK_EQ(get_number(queue), i);
    thrum_queue_free(queue);
    queue = HAVE(thrum_queue_new_with(3, NULL));
    fill(queue, 3);
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
    fill(queue, 2);
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

TEST(queue, holds_null_and_may_be_asked_for_nothing)
{
    WITH_EACH_ORDER(queue, 0)
    {
        void *item = &item;
        CHECK_STATUS(thrum_queue_put(queue, NULL), 0);
        CHECK_EQ(thrum_queue_qsize(queue), 1);
        CHECK_STATUS(thrum_queue_get(queue, &item), 0);
        CHECK_PTR(item, NULL);
        fill(queue, 3);
        CHECK_STATUS(thrum_queue_get(queue, NULL), 0);
        CHECK_STATUS(thrum_queue_get_until(queue, NULL, 0), 0);
        CHECK_STATUS(thrum_queue_try_get(queue, NULL), 0);
        check_empty(queue);
    }
}

/* ---- BaseQueueTestMixin ---- */

static void check_order(thrum_queue *queue, size_t order_index)
{
    for (int i = 0; i < 3; i++)
        put_number(queue, put_in_order[i]);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(get_number(queue), got_in_order[order_index][i]);
}

/** do_blocking_test: `what` waits until the main thread has done the opposite. */
static void check_blocking_put(thrum_queue *queue, thrum_time deadline)
{
    call put;
    start_call(&put, do_put, queue, 60, deadline);
    await_putters(queue, 1);
    get_number(queue);
    CHECK_STATUS(end_call(&put), 0);
    CHECK(thrum_queue_full(queue));
}

static void check_blocking_get(thrum_queue *queue, thrum_time deadline)
{
    call get;
    start_call(&get, do_get, queue, 0, deadline);
    await_getters(queue, 1);
    put_number(queue, 77);
    CHECK_STATUS(end_call(&get), 0);
    CHECK_EQ(number_of(get.item), 77);
    CHECK(thrum_queue_empty(queue));
}

static void basic_queue_test(thrum_queue *queue, size_t order_index)
{
    CHECK(thrum_queue_empty(queue));
    CHECK(!thrum_queue_full(queue));
    check_order(queue, order_index);
    for (uintptr_t i = 0; i < QUEUE_SIZE - 1; i++) {
        put_number(queue, i);
        CHECK_EQ(thrum_queue_qsize(queue), i + 1);
    }
    CHECK(!thrum_queue_full(queue));
    put_number(queue, (uintptr_t)2 * QUEUE_SIZE);
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

TEST(queue, basic)
{
    WITH_EACH_ORDER(queue, QUEUE_SIZE)
    {
        basic_queue_test(queue, order_index);
        basic_queue_test(queue, order_index);
    }
}

TEST(queue, nowait)
{
    WITH_EACH_ORDER(queue, QUEUE_SIZE)
    {
        for (uintptr_t i = 0; i < QUEUE_SIZE; i++)
            CHECK_STATUS(thrum_queue_try_put(queue, item_of(1)), 0);
        CHECK_STATUS(thrum_queue_try_put(queue, item_of(1)), THRUM_EFULL);
        for (uintptr_t i = 0; i < QUEUE_SIZE; i++)
            CHECK_STATUS(thrum_queue_try_get(queue, NULL), 0);
        CHECK_STATUS(thrum_queue_try_get(queue, NULL), THRUM_EEMPTY);
    }
}

/** Where Python refuses a negative timeout, a deadline that has passed succeeds if it can. */
TEST(queue, past_deadline_succeeds_at_once)
{
    WITH_EACH_ORDER(queue, 1)
    {
        for (size_t i = 0; i < LENGTH(past_deadlines); i++) {
            void *item = NULL;
            CHECK_STATUS(thrum_queue_put_until(queue, item_of(i + 1), past_deadlines[i]), 0);
            CHECK_STATUS(thrum_queue_get_until(queue, &item, past_deadlines[i]), 0);
            CHECK_EQ(number_of(item), i + 1);
        }
    }
}

TEST(queue, task_done)
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

typedef struct work {
    thrum_queue *queue;
    int sum;
} work;

static void *sum_up(void *arg)
{
    work *all = arg;
    for (uintptr_t number = 1; number != 0;) {
        number = get_number(all->queue) - 1; /* 0 would be the lowest */
        __atomic_add_fetch(&all->sum, (int)number, __ATOMIC_RELAXED);
        CHECK_STATUS(thrum_queue_task_done(all->queue), 0);
    }
    return NULL;
}

static void queue_join_test(thrum_queue *queue)
{
    static group workers;
    work all = {queue, 0};
    group_start(&workers, 2, sum_up, &all);
    for (uintptr_t i = 1; i < 100; i++)
        put_number(queue, i + 1);
    CHECK_STATUS(thrum_queue_join(queue), 0);
    CHECK_EQ(__atomic_load_n(&all.sum, __ATOMIC_RELAXED), 99 * 100 / 2);
    put_number(queue, 1);
    put_number(queue, 1);
    CHECK_STATUS(thrum_queue_join(queue), 0);
    group_join(&workers);
    CHECK_STATUS(thrum_queue_task_done(queue), THRUM_EOVERFLOW);
}

TEST(queue, join)
{
    WITH_EACH_ORDER(queue, 0)
    {
        CHECK_STATUS(thrum_queue_join(queue), 0);
        queue_join_test(queue);
        queue_join_test(queue);
    }
}

TEST(queue, join_waits_for_the_last_task)
{
    WITH_EACH_ORDER(queue, 0)
    {
        call joins[3];
        fill(queue, 2);
        for (size_t i = 0; i < LENGTH(joins); i++)
            start_call(&joins[i], do_join, queue, 0, far_deadlines[i]);
        await_joiners(queue, 3);
        drain(queue);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
        put_number(queue, 3);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
        CHECK_EQ(waiters_on(&queue->done), 3);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
        for (size_t i = 0; i < LENGTH(joins); i++)
            CHECK_STATUS(end_call(&joins[i]), 0);
    }
}

TEST(queue, join_until_times_out)
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

/* ---- many at once ---- */

TEST(queue, many_keep_their_order)
{
    const uintptr_t expected[][4] = {{1, 2, 3, 4}, {4, 3, 2, 1}, {1, 2, 3, 4}};
    WITH_EACH_ORDER(queue, 0)
    {
        void *items[] = {item_of(1), item_of(2), item_of(3), item_of(4), NULL};
        size_t n = 0;
        CHECK_STATUS(thrum_queue_put_many(queue, items, 4, &n), 0);
        CHECK_EQ(n, 4);
        CHECK_STATUS(thrum_queue_get_many(queue, items, 5, &n), 0);
        CHECK_EQ(n, 4);
        for (int i = 0; i < 4; i++)
            CHECK_EQ(number_of(items[i]), expected[order_index][i]);
        check_empty(queue);
    }
}

TEST(queue, get_many_takes_what_fits)
{
    WITH_EACH_ORDER(queue, 0)
    {
        void *items[3];
        size_t n = 0;
        fill(queue, 5);
        CHECK_STATUS(thrum_queue_get_many_until(queue, items, 3, &n, 0), 0);
        CHECK_EQ(n, 3);
        CHECK_STATUS(thrum_queue_get_many(queue, items, 3, NULL), 0);
        check_empty(queue);
    }
}

TEST(queue, many_of_none_is_refused)
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

TEST(queue, put_many_says_how_many_went_in)
{
    WITH_EACH_ORDER(queue, 3)
    {
        void *items[] = {item_of(1), item_of(2), item_of(3), item_of(4), item_of(5)};
        size_t n = 0;
        CHECK_STATUS(thrum_queue_put_many_until(queue, items, 5, &n, soon()), THRUM_ETIMEDOUT);
        CHECK_EQ(n, 3);
        CHECK_EQ(thrum_queue_qsize(queue), 3);
        get_number(queue);
        CHECK_STATUS(thrum_queue_put_many_until(queue, items, 5, &n, 0), THRUM_ETIMEDOUT);
        CHECK_EQ(n, 1);
        drain(queue);
        CHECK_STATUS(thrum_queue_put_many_until(queue, items, 3, NULL, 0), 0);
    }
}

typedef struct batch {
    thrum_queue *queue;
    size_t put;
    int status;
} batch;

static void *put_five(void *arg)
{
    batch *all = arg;
    void *items[] = {item_of(1), item_of(2), item_of(3), item_of(4), item_of(5)};
    all->status = thrum_queue_put_many(all->queue, items, 5, &all->put);
    return NULL;
}

TEST(queue, put_many_waits_for_room_again_and_again)
{
    WITH_EACH_ORDER(queue, 2)
    {
        test_thread thread;
        batch all = {.queue = queue};
        test_spawn(&thread, put_five, &all);
        uintptr_t sum = 0;
        for (int i = 0; i < 5; i++)
            sum += get_number(queue);
        test_join(&thread);
        CHECK_STATUS(all.status, 0);
        CHECK_EQ(all.put, 5);
        CHECK_EQ(sum, 15);
    }
}

TEST(queue, put_many_ends_at_a_shutdown)
{
    WITH_EACH_ORDER(queue, 2)
    {
        test_thread thread;
        batch all = {.queue = queue};
        test_spawn(&thread, put_five, &all);
        await_putters(queue, 1);
        thrum_queue_shutdown(queue, false);
        test_join(&thread);
        CHECK_STATUS(all.status, THRUM_ESHUTDOWN);
        CHECK_EQ(all.put, 2);
        CHECK_EQ(thrum_queue_qsize(queue), 2);
    }
}

/* ---- destroy_item ---- */

static uintptr_t destroyed_sum;
static int destroyed_count;
static thrum_queue *destroyed_of;

/** No lock is held: the queue can be used. */
static void destroy(void *item)
{
    destroyed_sum += number_of(item);
    destroyed_count++;
    CHECK_EQ(thrum_queue_qsize(destroyed_of), 0);
    CHECK_STATUS(thrum_queue_try_get(destroyed_of, NULL),
                 destroyed_of->get.is_shut ? THRUM_ESHUTDOWN : THRUM_EEMPTY);
}

static thrum_queue *new_destroying(enum thrum_queue_order order, size_t maxsize)
{
    destroyed_sum = 0;
    destroyed_count = 0;
    destroyed_of = HAVE(
        thrum_queue_new(maxsize, .order = order, .compare = by_number, .destroy_item = destroy));
    return destroyed_of;
}

TEST(queue, free_destroys_what_is_left)
{
    for (size_t i = 0; i < LENGTH(orders); i++) {
        thrum_queue *queue = new_destroying(orders[i], 0);
        fill(queue, 100);
        uintptr_t taken = get_number(queue);
        CHECK_STATUS(thrum_queue_get(queue, NULL), 0); /* taken is taken */
        CHECK_EQ(destroyed_count, 0);
        thrum_queue_free(queue);
        CHECK_EQ(destroyed_count, 98);
        CHECK_LE(destroyed_sum, 5050 - taken);
    }
}

TEST(queue, immediate_shutdown_destroys_what_is_left)
{
    for (size_t i = 0; i < LENGTH(orders); i++) {
        thrum_queue *queue = new_destroying(orders[i], 100);
        fill(queue, 100);
        thrum_queue_shutdown(queue, true);
        CHECK_EQ(destroyed_count, 100);
        CHECK_EQ(destroyed_sum, 5050);
        thrum_queue_shutdown(queue, true);
        thrum_queue_free(queue);
        CHECK_EQ(destroyed_count, 100);
    }
}

TEST(queue, soft_shutdown_destroys_nothing_before_it_is_freed)
{
    thrum_queue *queue = new_destroying(THRUM_FIFO, 0);
    fill(queue, 3);
    thrum_queue_shutdown(queue, false);
    CHECK_EQ(get_number(queue), 1);
    CHECK_EQ(destroyed_count, 0);
    thrum_queue_free(queue);
    CHECK_EQ(destroyed_count, 2);
}
