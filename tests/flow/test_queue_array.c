/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: where the items of LIFO and PRIORITY queues are: order, stability, compare functions that
 *  lie, growing and shrinking, and no memory for it. */
#include "flow/queue_array.h"

#include <stdlib.h>
#include <string.h>

#include "queue_support.h"

#define MANY 2000

/** The same numbers on every run. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

typedef struct job {
    int priority;
    int number;
} job;

static int by_priority(const void *a, const void *b)
{
    const job *one = a;
    const job *other = b;
    return one->priority - other->priority;
}

static job jobs[MANY];

static void make_jobs(uint32_t seed, uint32_t priorities)
{
    for (int i = 0; i < MANY; i++)
        jobs[i] = (job){(int)(next_random(&seed) % priorities), i};
}

TEST(queue_array, priority_is_lowest_first_and_stable)
{
    const uint32_t priorities[] = {1, 2, 7, 1000, 1u << 20};
    for (size_t k = 0; k < LENGTH(priorities); k++) {
        thrum_queue *queue =
            HAVE(thrum_queue_new(0, .order = THRUM_PRIORITY, .compare = by_priority));
        make_jobs((uint32_t)k, priorities[k]);
        for (int i = 0; i < MANY; i++)
            CHECK_STATUS(thrum_queue_put(queue, &jobs[i]), 0);
        job last = {-1, -1};
        for (int i = 0; i < MANY; i++) {
            void *item = NULL;
            CHECK_STATUS(thrum_queue_get(queue, &item), 0);
            job now = *(job *)item;
            CHECK(now.priority > last.priority ||
                  (now.priority == last.priority && now.number > last.number));
            last = now;
        }
        thrum_queue_free(queue);
    }
}

/** Equal items put after others have been got still leave after those put before them. */
TEST(queue_array, priority_is_stable_across_gets)
{
    thrum_queue *queue = HAVE(thrum_queue_new(0, .order = THRUM_PRIORITY, .compare = by_priority));
    make_jobs(1, 1);
    int put = 0;
    int got = 0;
    uint32_t seed = 5;
    while (got < MANY) {
        if (put < MANY && next_random(&seed) % 2 == 0) {
            CHECK_STATUS(thrum_queue_put(queue, &jobs[put++]), 0);
        } else if (got < put) {
            void *item = NULL;
            CHECK_STATUS(thrum_queue_get(queue, &item), 0);
            CHECK_EQ(((job *)item)->number, got++);
        }
    }
    thrum_queue_free(queue);
}

/** What is got is the lowest of what is there, at every moment. */
TEST(queue_array, priority_agrees_with_a_plain_search)
{
    thrum_queue *queue = new_queue(0, THRUM_PRIORITY);
    static bool held[512];
    uint32_t seed = 9;
    for (int step = 0; step < 20000; step++) {
        uintptr_t number = next_random(&seed) % LENGTH(held);
        if (!held[number] && next_random(&seed) % 3 != 0) {
            put_number(queue, number);
            held[number] = true;
        } else if (!thrum_queue_empty(queue)) {
            uintptr_t lowest = get_number(queue);
            for (uintptr_t i = 0; i < lowest; i++)
                CHECK(!held[i]);
            CHECK(held[lowest]);
            held[lowest] = false;
        }
    }
    thrum_queue_free(queue);
}

static uint32_t lie_seed;

static int lie_at_random(const void *a, const void *b)
{
    (void)a;
    (void)b;
    return (int)(next_random(&lie_seed) % 3) - 1;
}

static int always_before(const void *a, const void *b)
{
    (void)a;
    (void)b;
    return -1;
}

static int always_after(const void *a, const void *b)
{
    (void)a;
    (void)b;
    return 1;
}

static int as_far_as_int_goes(const void *a, const void *b)
{
    return a == b ? 0 : number_of(a) < number_of(b) ? INT32_MIN : INT32_MAX;
}

TEST(queue_array, compare_that_lies_loses_and_doubles_nothing)
{
    int (*const liars[])(const void *, const void *) = {lie_at_random, always_before, always_after,
                                                        as_far_as_int_goes};
    for (size_t k = 0; k < LENGTH(liars); k++) {
        thrum_queue *queue = HAVE(thrum_queue_new(0, .order = THRUM_PRIORITY, .compare = liars[k]));
        bool seen[1000] = {false};
        for (uintptr_t i = 0; i < LENGTH(seen); i++)
            put_number(queue, i);
        for (uintptr_t i = 0; i < LENGTH(seen); i++) {
            uintptr_t number = get_number(queue);
            CHECK(!seen[number]);
            seen[number] = true;
        }
        check_empty(queue);
        thrum_queue_free(queue);
    }
}

TEST(queue_array, lifo_is_newest_first)
{
    thrum_queue *queue = new_queue(0, THRUM_LIFO);
    fill(queue, MANY);
    for (uintptr_t i = MANY; i > MANY / 2; i--)
        CHECK_EQ(get_number(queue), i);
    fill(queue, 10);
    for (uintptr_t i = 10; i >= 1; i--)
        CHECK_EQ(get_number(queue), i);
    CHECK_EQ(get_number(queue), MANY / 2);
    thrum_queue_free(queue);
}

static const enum thrum_queue_order array_orders[] = {THRUM_LIFO, THRUM_PRIORITY};

TEST(queue_array, gives_memory_back_when_it_is_not_used)
{
    for (size_t k = 0; k < LENGTH(array_orders); k++) {
        thrum_queue *queue = new_queue(0, array_orders[k]);
        fill(queue, 10000);
        CHECK_GE(queue->capacity, 10000);
        for (size_t held = 10000; held-- > 0;) {
            get_number(queue);
            CHECK_LE(queue->capacity, held * 8 + 32);
        }
        fill(queue, 10);
        CHECK_EQ(thrum_queue_qsize(queue), 10);
        thrum_queue_free(queue);
    }
}

TEST(queue_array, put_without_memory_changes_nothing)
{
    for (size_t k = 0; k < LENGTH(array_orders); k++) {
        TEST_SWEEP_ALLOCATIONS
        {
            thrum_queue *queue = thrum_queue_new(0, .order = array_orders[k], .compare = by_number);
            uintptr_t put = 0;
            uintptr_t sum = 0;
            for (uintptr_t i = 0; queue != NULL && i < 200; i++) {
                int status = thrum_queue_put(queue, item_of(put + 1));
                CHECK_EQ(thrum_queue_qsize(queue), put + (status == 0));
                if (status == 0)
                    sum += ++put;
                else
                    CHECK_STATUS(status, THRUM_ENOMEM);
            }
            CHECK(queue == NULL || put >= 199);
            for (uintptr_t i = 0; i < put; i++)
                sum -= get_number(queue);
            CHECK_EQ(sum, 0);
            thrum_queue_free(queue);
        }
    }
}

TEST(queue_array, put_many_without_memory_says_how_many_went_in)
{
    void *items[100];
    for (uintptr_t i = 0; i < LENGTH(items); i++)
        items[i] = item_of(i);
    for (size_t k = 0; k < LENGTH(array_orders); k++) {
        TEST_SWEEP_ALLOCATIONS
        {
            thrum_queue *queue = thrum_queue_new(0, .order = array_orders[k], .compare = by_number);
            size_t put = 0;
            if (queue != NULL) {
                int status = thrum_queue_put_many(queue, items, LENGTH(items), &put);
                CHECK_STATUS(status, test_failures_injected() > 0 ? THRUM_ENOMEM : 0);
                CHECK_EQ(thrum_queue_qsize(queue), put);
            }
            thrum_queue_free(queue);
        }
    }
}

TEST(queue_array, bounded_in_two_threads)
{
    for (size_t k = 0; k < LENGTH(array_orders); k++) {
        thrum_queue *queue = new_queue(3, array_orders[k]);
        static call puts[8];
        uintptr_t sum = 0;
        for (uintptr_t i = 0; i < LENGTH(puts); i++)
            start_call(&puts[i], do_put, queue, i + 1, THRUM_FOREVER);
        for (size_t i = 0; i < LENGTH(puts); i++) {
            void *item = NULL; /* which does not come if there was no memory for it */
            CHECK_STATUS(thrum_queue_get_until(queue, &item, thrum_after(10)), 0);
            sum += number_of(item);
        }
        for (size_t i = 0; i < LENGTH(puts); i++)
            CHECK_STATUS(end_call(&puts[i]), 0);
        CHECK_EQ(sum, 36);
        thrum_queue_free(queue);
    }
}
