/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue, among many threads: who is served when, joins, shutdowns and frees in the middle of
 *  everything, forks beside sleepers, and the end of the program. */
#include <stdlib.h>
#include <unistd.h>

#include "queue_calls.h"
#include "thrum/event.h"
#include "thrum/thread.h"

/** LeakSanitizer does not see what the stacks held of threads that a forked child does not have. */
const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
    return "detect_leaks=0";
}

enum { SLEEPERS = 5 };

/* ---- one end sleeps until the other moves ---- */

TEST(queue_crowd, a_put_waits_for_a_get)
{
    FOR_EACH_ORDER(order)
    {
        thrum_queue *queue = queue_in(order, 2);
        call one = {.returned = NULL};
        put_numbers(queue, 1, 2);
        start_calls(&one, 1, call_put, queue, putters_of(queue));
        test_wait_asleep(one.thread.tid);
        CHECK_EQ(get_number(queue), order == THRUM_LIFO ? 2 : 1);
        end_calls(&one, 1, 0);
        CHECK(thrum_queue_full(queue));
        if (order == THRUM_LIFO)
            CHECK_EQ(get_number(queue), 100);
        CHECK_EQ(get_number(queue), order == THRUM_LIFO ? 1 : 2);
        if (order != THRUM_LIFO)
            CHECK_EQ(get_number(queue), 100);
        thrum_queue_free(queue);
    }
}

TEST(queue_crowd, getters_are_served_in_the_order_they_came)
{
    FOR_EACH_ORDER(order)
    {
        thrum_queue *queue = queue_in(order, 0);
        call calls[SLEEPERS] = {{.returned = NULL}};
        start_calls(calls, SLEEPERS, call_get, queue, getters_of(queue));
        for (int i = 0; i < SLEEPERS; i++) {
            put_number(queue, i);
            test_join(&calls[i].thread);
            CHECK_STATUS(calls[i].status, 0);
            CHECK_EQ(number_of(calls[i].item), i);
            CHECK_EQ(waiters_on(getters_of(queue)), SLEEPERS - 1 - i);
        }
        thrum_queue_free(queue);
    }
}

TEST(queue_crowd, putters_are_served_in_the_order_they_came)
{
    FOR_EACH_ORDER(order)
    {
        thrum_queue *queue = queue_in(order, 1);
        call calls[SLEEPERS] = {{.returned = NULL}};
        put_number(queue, 99);
        start_calls(calls, SLEEPERS, call_put, queue, putters_of(queue));
        for (int i = 0; i < SLEEPERS; i++) {
            CHECK_EQ(get_number(queue), 99 + i);
            test_join(&calls[i].thread);
            CHECK_STATUS(calls[i].status, 0);
            CHECK_EQ(waiters_on(putters_of(queue)), SLEEPERS - 1 - i);
        }
        CHECK_EQ(get_number(queue), 99 + SLEEPERS);
        thrum_queue_free(queue);
    }
}

TEST(queue_crowd, puts_one_by_one_are_for_all_who_sleep)
{
    for (int round = 0; round < 100; round++) {
        thrum_queue *queue = queue_in(order_of_round(round), 0);
        call calls[SLEEPERS] = {{.returned = NULL}};
        start_calls(calls, SLEEPERS, call_get, queue, getters_of(queue));
        put_numbers(queue, 1, SLEEPERS);
        end_calls(calls, SLEEPERS, 0);
        CHECK(thrum_queue_empty(queue));
        thrum_queue_free(queue);
    }
}

TEST(queue_crowd, get_many_waits_for_one_item_only)
{
    thrum_queue *queue = queue_in(THRUM_FIFO, 0);
    void *items[4];
    call one = {.items = items, .n = 4};
    start_calls(&one, 1, call_get_many, queue, getters_of(queue));
    put_number(queue, 7);
    end_calls(&one, 1, 0);
    CHECK_EQ(one.moved, 1);
    CHECK_EQ(number_of(items[0]), 7);
    thrum_queue_free(queue);
}

/* ---- deadlines ---- */

TEST(queue_crowd, a_timeout_in_the_middle_of_the_queue_disturbs_nobody)
{
    thrum_queue *queue = queue_in(THRUM_FIFO, 0);
    call calls[3] = {{.returned = NULL}};
    start_calls(calls, 2, call_get, queue, getters_of(queue));
    CHECK_STATUS(thrum_queue_get_until(queue, NULL, soon()), THRUM_ETIMEDOUT);
    CHECK_EQ(waiters_on(getters_of(queue)), 2);
    start_calls(&calls[2], 1, call_get, queue, getters_of(queue));
    for (int i = 0; i < 3; i++) {
        put_number(queue, i);
        test_join(&calls[i].thread);
        CHECK_EQ(number_of(calls[i].item), i);
    }
    thrum_queue_free(queue);
}

TEST(queue_crowd, when_all_have_timed_out_the_queue_goes_on)
{
    FOR_EACH_ORDER(order)
    {
        thrum_queue *queue = queue_in(order, 1);
        for (int i = 0; i < 3; i++) {
            CHECK_STATUS(thrum_queue_get_until(queue, NULL, soon()), THRUM_ETIMEDOUT);
            put_number(queue, i);
            CHECK_STATUS(thrum_queue_put_until(queue, NULL, soon()), THRUM_ETIMEDOUT);
            CHECK_STATUS(thrum_queue_join_until(queue, soon()), THRUM_ETIMEDOUT);
            CHECK_EQ(get_number(queue), i);
            CHECK_STATUS(thrum_queue_task_done(queue), 0);
            CHECK_STATUS(thrum_queue_join(queue), 0);
        }
        thrum_queue_free(queue);
    }
}

TEST(queue_crowd, deadlines_at_the_end_of_the_clock_wait)
{
    for (size_t i = 0; i < LENGTH(far_deadlines); i++) {
        thrum_queue *queue = queue_in(THRUM_FIFO, 0);
        call one = {.queue = queue, .deadline = far_deadlines[i]};
        test_spawn(&one.thread, call_get, &one);
        await_waiters(getters_of(queue), 1);
        test_wait_asleep(one.thread.tid);
        put_number(queue, 1);
        end_calls(&one, 1, 0);
        thrum_queue_free(queue);
    }
}

/* ---- join ---- */

TEST(queue_crowd, join_waits_for_the_last_task_done)
{
    FOR_EACH_ORDER(order)
    {
        thrum_queue *queue = queue_in(order, 0);
        call calls[SLEEPERS] = {{.returned = NULL}};
        put_numbers(queue, 1, 2);
        start_calls(calls, SLEEPERS, call_join, queue, joiners_of(queue));
        get_number(queue);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
        get_number(queue);
        put_number(queue, 3);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
        CHECK_EQ(waiters_on(joiners_of(queue)), SLEEPERS);
        get_number(queue);
        CHECK_STATUS(thrum_queue_task_done(queue), 0);
        end_calls(calls, SLEEPERS, 0);
        thrum_queue_free(queue);
    }
}

TEST(queue_crowd, a_joiner_that_times_out_leaves_the_others)
{
    thrum_queue *queue = queue_in(THRUM_FIFO, 0);
    call one = {.returned = NULL};
    put_number(queue, 1);
    start_calls(&one, 1, call_join, queue, joiners_of(queue));
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(thrum_queue_join_until(queue, soon()), THRUM_ETIMEDOUT);
    CHECK_EQ(waiters_on(joiners_of(queue)), 1);
    CHECK_STATUS(thrum_queue_task_done(queue), 0);
    end_calls(&one, 1, 0);
    thrum_queue_free(queue);
}

typedef struct team {
    thrum_queue *queue;
    group workers;
    int sum, ended;
} team;

/** As CPython's worker: adds up what it gets; a negative item ends it. */
static void *add_up(void *arg)
{
    team *all = arg;
    for (;;) {
        void *item;
        CHECK_STATUS(thrum_queue_get(all->queue, &item), 0);
        bool ends = number_of(item) < 0;
        if (!ends)
            __atomic_add_fetch(&all->sum, (int)number_of(item), __ATOMIC_SEQ_CST);
        CHECK_STATUS(thrum_queue_task_done(all->queue), 0);
        if (ends)
            break;
    }
    bump(&all->ended);
    return NULL;
}

/** test_queue_join: join returns when all are done, as often as one likes. */
TEST(queue_crowd, queue_join)
{
    static team all;
    FOR_EACH_ORDER(order)
    {
        all.queue = queue_in(order, 10);
        for (int round = 0; round < 2; round++) {
            all.sum = 0;
            group_start(&all.workers, 4, add_up, &all);
            for (int i = 0; i < 100; i++)
                CHECK_STATUS(thrum_queue_put(all.queue, item_of(i)), 0);
            CHECK_STATUS(thrum_queue_join(all.queue), 0);
            CHECK_EQ(count_of(&all.sum), 99 * 100 / 2);
            for (int i = 0; i < 4; i++)
                CHECK_STATUS(thrum_queue_put(all.queue, item_of(-1)), 0);
            CHECK_STATUS(thrum_queue_join(all.queue), 0);
            group_join(&all.workers);
        }
        CHECK_STATUS(thrum_queue_task_done(all.queue), THRUM_EOVERFLOW);
        thrum_queue_free(all.queue);
    }
}

/* ---- shutdown ---- */

/** test_shutdown_put_join, and its immediate form: putters and joiners sleep. A soft shutdown
 *  leaves the joiners asleep, since nothing is done by it. */
TEST(queue_crowd, shutdown_with_putters_and_joiners)
{
    FOR_EACH_ORDER(order)
    {
        for (int immediate = 0; immediate < 2; immediate++) {
            thrum_queue *queue = queue_in(order, 1);
            call putters[2] = {{.returned = NULL}}, joiners[2] = {{.returned = NULL}};
            put_number(queue, 1);
            start_calls(putters, 2, call_put, queue, putters_of(queue));
            start_calls(joiners, 2, call_join, queue, joiners_of(queue));
            thrum_queue_shutdown(queue, immediate != 0);
            end_calls(putters, 2, THRUM_ESHUTDOWN);
            if (immediate == 0) {
                CHECK_EQ(waiters_on(joiners_of(queue)), 2);
                CHECK_EQ(get_number(queue), 1);
                CHECK_EQ(waiters_on(joiners_of(queue)), 2);
                CHECK_STATUS(thrum_queue_task_done(queue), 0);
            }
            end_calls(joiners, 2, 0);
            thrum_queue_free(queue);
        }
    }
}

TEST(queue_crowd, a_batch_that_is_shut_out_says_how_many_went_in)
{
    FOR_EACH_ORDER(order)
    {
        for (int immediate = 0; immediate < 2; immediate++) {
            thrum_queue *queue = queue_in(order, 3);
            void *items[10];
            call one = {.items = items, .n = 10};
            fill_items(items, 10, 0);
            start_calls(&one, 1, call_put_many, queue, putters_of(queue));
            CHECK_EQ(get_number(queue), order == THRUM_LIFO ? 2 : 0);
            await_waiters(putters_of(queue), 1);
            thrum_queue_shutdown(queue, immediate != 0);
            end_calls(&one, 1, THRUM_ESHUTDOWN);
            CHECK_EQ(one.moved, 4);
            CHECK_EQ(thrum_queue_qsize(queue), immediate != 0 ? 0 : 3);
            thrum_queue_free(queue);
        }
    }
}

static void *get_one_and_free(void *arg)
{
    thrum_queue **queues = arg;
    for (; *queues != NULL; queues++) {
        CHECK_STATUS(thrum_queue_get(*queues, NULL), 0);
        thrum_queue_free(*queues);
    }
    return NULL;
}

enum { FREED = 1000 };

/** Also while it is being put to, where the getter knows that nothing else comes. */
TEST(queue_crowd, may_be_freed_while_the_last_put_returns)
{
    static thrum_queue *queues[FREED + 1];
    test_thread freer;
    for (int i = 0; i < FREED; i++)
        queues[i] = queue_in(order_of_round(i), (size_t)i % 2);
    test_spawn(&freer, get_one_and_free, queues);
    for (int i = 0; i < FREED; i++)
        put_number(queues[i], i);
    test_join(&freer);
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

TEST(queue_crowd, may_be_freed_while_a_soft_shutdown_returns)
{
    static thrum_queue *queues[FREED + 1];
    test_thread freer;
    for (int i = 0; i < FREED; i++)
        queues[i] = queue_in(order_of_round(i), (size_t)i % 2);
    test_spawn(&freer, get_until_shut_and_free, queues);
    for (int i = 0; i < FREED; i++)
        thrum_queue_shutdown(queues[i], false);
    test_join(&freer);
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

TEST(queue_crowd, may_be_freed_by_the_joiner_while_the_last_task_done_returns)
{
    static thrum_queue *queues[FREED + 1];
    test_thread freer;
    for (int i = 0; i < FREED; i++) {
        queues[i] = queue_in(order_of_round(i), 0);
        put_number(queues[i], 1);
        get_number(queues[i]);
    }
    test_spawn(&freer, join_and_free, queues);
    for (int i = 0; i < FREED; i++)
        CHECK_STATUS(thrum_queue_task_done(queues[i]), 0);
    test_join(&freer);
}

/* ---- many threads ---- */

enum { SIDE_MAX = 8, EACH = 2000, BATCH = 7 };

/** Producers put EACH numbers each, consumers get them in all ways there are. */
typedef struct stress {
    thrum_queue *queue;
    group producers, consumers;
    int producer_count, consumer_count;
    int next_producer, next_consumer;
    int put[SIDE_MAX];        /**< how many went in, of each producer: the first so many */
    int got[SIDE_MAX * EACH]; /**< how often each number came */
    bool is_ordered;          /**< each consumer sees those of a producer ascend */
    bool has_task_done;
} stress;

static thrum_time in_a_moment(int i)
{
    return thrum_now() + 1000 * (i % 100);
}

/** Put up to `most` items, in one of the ways; says how many went in. */
static int put_somehow(thrum_queue *queue, void **items, int most, int way, int *status)
{
    size_t n = 1;
    switch (way % 5) {
    case 0: *status = thrum_queue_try_put(queue, items[0]); break;
    case 1: *status = thrum_queue_put_until(queue, items[0], in_a_moment(way)); break;
    case 2:
        *status = thrum_queue_put_many_until(queue, items, (size_t)most, &n, in_a_moment(way));
        return (int)n;
    case 3: *status = thrum_queue_put_many(queue, items, (size_t)most, &n); return (int)n;
    default: *status = thrum_queue_put(queue, items[0]); break;
    }
    return *status == 0 ? 1 : 0;
}

static void *produce(void *arg)
{
    stress *all = arg;
    int own = bump(&all->next_producer) - 1;
    int put = 0, status = 0;
    for (int way = own; put < EACH && status != THRUM_ESHUTDOWN; way++) {
        void *items[BATCH];
        int most = EACH - put < BATCH ? EACH - put : BATCH;
        fill_items(items, (size_t)most, own * EACH + put);
        put += put_somehow(all->queue, items, most, way, &status);
        CHECK(status == 0 || status == THRUM_EFULL || status == THRUM_ETIMEDOUT ||
              status == THRUM_ESHUTDOWN);
        if (status == THRUM_EFULL)
            sched_yield();
    }
    all->put[own] = put;
    return NULL;
}

static int get_somehow(thrum_queue *queue, void **items, int way, int *status)
{
    size_t n = 1;
    switch (way % 5) {
    case 0: *status = thrum_queue_try_get(queue, items); break;
    case 1: *status = thrum_queue_get_until(queue, items, in_a_moment(way)); break;
    case 2:
        *status = thrum_queue_get_many_until(queue, items, BATCH, &n, in_a_moment(way));
        return (int)n;
    case 3: *status = thrum_queue_get_many(queue, items, BATCH, &n); return (int)n;
    default: *status = thrum_queue_get(queue, items); break;
    }
    return *status == 0 ? 1 : 0;
}

static void note_got(stress *all, const void *item, int *last)
{
    int number = (int)number_of(item);
    CHECK(number >= 0 && number < all->producer_count * EACH);
    bump(&all->got[number]);
    if (all->is_ordered)
        CHECK_GT(number, last[number / EACH]);
    last[number / EACH] = number;
    if (all->has_task_done)
        CHECK_STATUS(thrum_queue_task_done(all->queue), 0);
}

static void *consume(void *arg)
{
    stress *all = arg;
    int way = bump(&all->next_consumer), status = 0;
    int last[SIDE_MAX];
    memset(last, 0xff, sizeof last);
    for (; status != THRUM_ESHUTDOWN; way++) {
        void *items[BATCH];
        int n = get_somehow(all->queue, items, way, &status);
        CHECK(status == 0 || status == THRUM_EEMPTY || status == THRUM_ETIMEDOUT ||
              status == THRUM_ESHUTDOWN);
        if (status == THRUM_EEMPTY)
            sched_yield();
        for (int i = 0; i < n; i++)
            note_got(all, items[i], last);
    }
    return NULL;
}

static void start_stress(stress *all, thrum_queue *queue, int producers, int consumers)
{
    memset(all, 0, sizeof *all);
    all->queue = queue;
    all->producer_count = producers;
    all->consumer_count = consumers;
    all->is_ordered = queue->order == THRUM_FIFO;
    all->has_task_done = true;
    group_start(&all->producers, producers, produce, all);
    group_start(&all->consumers, consumers, consume, all);
}

/** Everything that went in has come out once, or was destroyed; nothing else has. */
static void expect_conserved(stress *all)
{
    for (int producer = 0; producer < all->producer_count; producer++)
        for (int i = 0; i < EACH; i++)
            CHECK_EQ(all->got[producer * EACH + i], i < all->put[producer]);
}

static void stress_queue(enum thrum_queue_order order, size_t maxsize, int producers, int consumers)
{
    static stress all;
    start_stress(&all, queue_in(order, maxsize), producers, consumers);
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

TEST_LIMIT(queue_crowd, many_producers_and_consumers_lose_and_double_nothing, 120)
{
    const size_t sizes[] = {0, 1, 2, 100};
    FOR_EACH_ORDER(order)
    {
        for (size_t i = 0; i < LENGTH(sizes); i++)
            stress_queue(order, sizes[i], 4, 4);
    }
}

TEST_LIMIT(queue_crowd, one_producer_and_many_consumers, 120)
{
    FOR_EACH_ORDER(order)
    {
        stress_queue(order, 0, 1, SIDE_MAX);
        stress_queue(order, 3, 1, SIDE_MAX);
    }
}

TEST_LIMIT(queue_crowd, many_producers_and_one_consumer, 120)
{
    FOR_EACH_ORDER(order)
    {
        stress_queue(order, 0, SIDE_MAX, 1);
        stress_queue(order, 3, SIDE_MAX, 1);
    }
}

/** test_shutdown_all_methods_in_many_threads: in the middle of everything. */
static void shut_down_amid(enum thrum_queue_order order, size_t maxsize, int after, bool immediate)
{
    static stress all;
    thrum_queue *queue = HAVE(thrum_queue_new(maxsize, .order = order, .compare = by_number,
                                              .destroy_item = destroy_number));
    memset(destroyed, 0, sizeof destroyed);
    destroyed_count = 0;
    start_stress(&all, queue, 2, 3);
    for (int i = 0; i < after; i++)
        sched_yield();
    thrum_queue_shutdown(queue, immediate);
    group_join(&all.producers);
    group_join(&all.consumers);
    CHECK_STATUS(thrum_queue_join(queue), 0);
    CHECK(immediate || destroyed_count == 0);
    for (int i = 0; i < 2 * EACH; i++)
        all.got[i] += destroyed[i];
    expect_conserved(&all);
    thrum_queue_free(queue);
}

TEST_LIMIT(queue_crowd, shutdown_all_methods_in_many_threads, 120)
{
    for (int round = 0; round < 60; round++)
        shut_down_amid(order_of_round(round), (size_t)(round % 4), round * 4, round % 2 != 0);
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

TEST(queue_crowd, puts_of_several_threads_keep_their_order)
{
    static relay all;
    test_thread other;
    all.queue = queue_in(THRUM_FIFO, 0);
    test_spawn(&other, put_odd, &all);
    for (int i = 0; i < 2000; i += 2) {
        put_number(all.queue, i);
        thrum_event_set(&all.turn[1]);
        CHECK_STATUS(thrum_event_wait(&all.turn[0]), 0);
        thrum_event_clear(&all.turn[0]);
    }
    test_join(&other);
    expect_numbers(all.queue, THRUM_FIFO, 0, 2000);
    thrum_queue_free(all.queue);
}

static void *watch(void *arg)
{
    stress *all = arg;
    size_t maxsize = thrum_queue_maxsize(all->queue);
    while (count_of(&all->next_consumer) < 1000) {
        CHECK(thrum_queue_qsize(all->queue) <= maxsize);
        (void)thrum_queue_empty(all->queue);
        (void)thrum_queue_full(all->queue);
    }
    return NULL;
}

TEST(queue_crowd, a_size_that_is_read_from_outside_is_never_beyond_the_maximum)
{
    static stress all;
    test_thread watcher;
    start_stress(&all, queue_in(THRUM_FIFO, 3), 2, 2);
    test_spawn(&watcher, watch, &all);
    group_join(&all.producers);
    thrum_queue_shutdown(all.queue, false);
    group_join(&all.consumers);
    set_count_of(&all.next_consumer, 1000);
    test_join(&watcher);
    expect_conserved(&all);
    thrum_queue_free(all.queue);
}

/* ---- fork ---- */

/** The child has the items of the parent, and goes on alone. */
static void use_in_child(void *arg)
{
    thrum_queue *queue = arg;
    expect_numbers(queue, queue->order, 1, (int)thrum_queue_qsize(queue));
    CHECK_STATUS(thrum_queue_get_until(queue, NULL, soon()), THRUM_ETIMEDOUT);
    put_numbers(queue, 10, 2);
    CHECK_STATUS(thrum_queue_put_until(queue, NULL, soon()), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_queue_join_until(queue, soon()), THRUM_ETIMEDOUT);
    expect_numbers(queue, queue->order, 10, 2);
    while (thrum_queue_task_done(queue) == 0)
        continue;
    CHECK_STATUS(thrum_queue_join(queue), 0);
    put_number(queue, 1);
    thrum_queue_shutdown(queue, true);
    CHECK_STATUS(thrum_queue_join(queue), 0);
    thrum_queue_free(queue);
}

TEST(queue_crowd, a_forked_child_owes_nothing_to_the_parents_getters)
{
    FOR_EACH_ORDER(order)
    {
        thrum_queue *queue = queue_in(order, 2);
        call calls[SLEEPERS] = {{.returned = NULL}};
        start_calls(calls, SLEEPERS, call_get, queue, getters_of(queue));
        CHECK_EXITED(test_run_child(use_in_child, queue), 0);
        CHECK_EQ(waiters_on(getters_of(queue)), SLEEPERS);
        for (int i = 0; i < SLEEPERS; i++)
            CHECK_STATUS(thrum_queue_put(queue, item_of(i)), 0);
        end_calls(calls, SLEEPERS, 0);
        thrum_queue_free(queue);
    }
}

TEST(queue_crowd, a_forked_child_owes_nothing_to_the_parents_putters_and_joiners)
{
    FOR_EACH_ORDER(order)
    {
        thrum_queue *queue = queue_in(order, 2);
        call putters[2] = {{.returned = NULL}}, joiners[2] = {{.returned = NULL}};
        put_numbers(queue, 1, 2);
        start_calls(putters, 2, call_put, queue, putters_of(queue));
        start_calls(joiners, 2, call_join, queue, joiners_of(queue));
        CHECK_EXITED(test_run_child(use_in_child, queue), 0);
        CHECK_EQ(waiters_on(putters_of(queue)), 2);
        CHECK_EQ(waiters_on(joiners_of(queue)), 2);
        for (int i = 0; i < 4; i++) {
            CHECK_STATUS(thrum_queue_get(queue, NULL), 0);
            CHECK_STATUS(thrum_queue_task_done(queue), 0);
        }
        end_calls(putters, 2, 0);
        CHECK_STATUS(thrum_queue_join(queue), 0);
        end_calls(joiners, 2, 0);
        thrum_queue_free(queue);
    }
}

/* ---- the end of the program ---- */

static thrum_queue *last_queue;

static void *get_for_ever(void *unused)
{
    while (thrum_queue_get(last_queue, NULL) == 0)
        continue;
    FAIL("an abandoned thread went on");
    return unused;
}

static void *put_for_ever(void *unused)
{
    while (thrum_queue_put(last_queue, NULL) == 0)
        continue;
    FAIL("an abandoned thread went on");
    return unused;
}

/** Runs when the daemons have been abandoned: nobody takes an item, nor puts one. */
static void use_after_the_end(void)
{
    bool was_full = thrum_queue_full(last_queue);
    if (was_full)
        get_number(last_queue);
    put_number(last_queue, 1);
    if (was_full)
        CHECK_STATUS(thrum_queue_try_put(last_queue, NULL), THRUM_EFULL);
    CHECK_EQ(get_number(last_queue), 1);
    thrum_queue_shutdown(last_queue, true);
}

/** NULL: the daemons sleep in get. */
static void leave_daemons(void *puts)
{
    atexit(use_after_the_end);
    last_queue = queue_in(THRUM_FIFO, 1);
    for (int i = 0; i < 3; i++)
        HAVE(thrum_spawn(puts == NULL ? get_for_ever : put_for_ever, NULL, .daemon = THRUM_DAEMON));
    await_waiters(puts == NULL ? getters_of(last_queue) : putters_of(last_queue), 3);
}

TEST(queue_crowd, daemons_that_sleep_in_get_are_abandoned)
{
    CHECK_EXITED(test_run_child(leave_daemons, NULL), 0);
}

TEST(queue_crowd, daemons_that_sleep_in_put_are_abandoned)
{
    int puts;
    CHECK_EXITED(test_run_child(leave_daemons, &puts), 0);
}
