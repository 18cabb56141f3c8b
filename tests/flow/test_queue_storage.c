/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue, where its items are: rings and chains of every size walked through, heaps against
 *  sorting and against a plain count, equal items, a compare that lies. */
#include <stdlib.h>

#include "queue_calls.h"

/* ---- FIFO ---- */

/** Puts and gets in uneven steps, against a plain count, with at most `most` items in between. */
static void walk(thrum_queue *queue, int total, int most)
{
    int put = 0, got = 0;
    for (int step = 1; got < total; step = step * 7 % 1009) {
        int more = step % (most - (put - got) + 1);
        more = more < total - put ? more : total - put;
        put_numbers(queue, put, more);
        put += more;
        int fewer = step / 3 % (put - got + 1);
        expect_numbers(queue, THRUM_FIFO, got, fewer);
        got += fewer;
        CHECK_EQ(thrum_queue_qsize(queue), put - got);
    }
}

TEST(queue_storage, a_ring_of_any_size_keeps_the_order)
{
    const size_t sizes[] = {1, 2, 3, 7, 64, 1000, 4096};
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        thrum_queue *queue = queue_in(THRUM_FIFO, sizes[i]);
        walk(queue, 20000, (int)sizes[i]);
        thrum_queue_free(queue);
    }
}

TEST(queue_storage, a_chain_keeps_the_order)
{
    const int most[] = {1, 2, 29, 30, 31, 509, 510, 511, 5000};
    for (size_t bounded = 0; bounded < 2; bounded++) {
        for (size_t i = 0; i < LENGTH(most); i++) {
            thrum_queue *queue = queue_in(THRUM_FIFO, bounded * 5000);
            walk(queue, 20000, most[i]);
            thrum_queue_free(queue);
        }
    }
}

TEST(queue_storage, batches_cross_the_ends_of_segments)
{
    static void *items[2000], *got[2000];
    for (size_t size = 1; size <= LENGTH(items); size = size * 3 / 2 + 1) {
        thrum_queue *queue = queue_in(THRUM_FIFO, 0);
        for (int round = 0; round < 5; round++) {
            size_t n;
            fill_items(items, size, round * 10000);
            CHECK_STATUS(thrum_queue_put_many(queue, items, size, NULL), 0);
            CHECK_STATUS(thrum_queue_get_many(queue, got, LENGTH(got), &n), 0);
            CHECK_EQ(n, size);
            CHECK_EQ(memcmp(items, got, size * sizeof *items), 0);
        }
        thrum_queue_free(queue);
    }
}

/** Once it has grown, a queue that stays short works with the memory it has. */
TEST(queue_storage, a_queue_that_stays_short_allocates_nothing)
{
    thrum_queue *queue = queue_in(THRUM_FIFO, 0);
    walk(queue, 2000, 100);
    unsigned long before = test_allocations();
    walk(queue, 20000, 100);
    CHECK_EQ(test_allocations(), before);
    thrum_queue_free(queue);
}

/** Wherever the two ends stand: in one segment, in neighbours, far from each other. */
TEST(queue_storage, may_be_freed_in_any_state)
{
    for (int put = 0; put < 1200; put += 7) {
        for (int got = 0; got <= put; got += 97) {
            thrum_queue *queue = HAVE(thrum_queue_new(0, .destroy_item = destroy_number));
            put_numbers(queue, 0, put);
            expect_numbers(queue, THRUM_FIFO, 0, got);
            if (put % 2 == 0)
                thrum_queue_shutdown(queue, true);
            thrum_queue_free(queue);
            expect_destroyed(got, put - got);
        }
    }
}

static uint32_t seed = 1;

static int random_below(int n)
{
    seed = seed * 1664525 + 1013904223;
    return (int)((seed >> 8) % (uint32_t)n);
}

/* ---- LIFO, PRIORITY ---- */

static int sorted_by_number(const void *a, const void *b)
{
    return by_number(*(void *const *)a, *(void *const *)b);
}

TEST(queue_storage, a_priority_queue_sorts)
{
    static void *items[2000];
    for (size_t n = 1; n <= LENGTH(items); n = n * 2 + 1) {
        thrum_queue *queue = queue_in(THRUM_PRIORITY, 0);
        for (size_t i = 0; i < n; i++) {
            items[i] = item_of(random_below((int)n));
            CHECK_STATUS(thrum_queue_put(queue, items[i]), 0);
        }
        qsort(items, n, sizeof *items, sorted_by_number);
        for (size_t i = 0; i < n; i++)
            CHECK_EQ(get_number(queue), number_of(items[i]));
        thrum_queue_free(queue);
    }
}

/** A plain model: an array of how many there are of each number. */
TEST(queue_storage, puts_and_gets_in_between_get_the_lowest)
{
    enum { NUMBERS = 50 };
    thrum_queue *queue = queue_in(THRUM_PRIORITY, 200);
    int counts[NUMBERS] = {0}, held = 0;
    for (int step = 0; step < 50000; step++) {
        if (held == 0 || (held < 200 && random_below(2) == 0)) {
            int number = random_below(NUMBERS);
            put_number(queue, number);
            counts[number]++;
            held++;
        } else {
            int number = (int)get_number(queue);
            for (int lower = 0; lower < number; lower++)
                CHECK_EQ(counts[lower], 0);
            CHECK_GT(counts[number]--, 0);
            held--;
        }
    }
    thrum_queue_free(queue);
}

/* ---- equal items ---- */

/** Items are priority * 10000 + number of the put. */
static int by_priority(const void *a, const void *b)
{
    return (int)(number_of(a) / 10000 - number_of(b) / 10000);
}

TEST(queue_storage, equal_items_leave_in_the_order_they_came)
{
    thrum_queue *queue = HAVE(thrum_queue_new(0, .order = THRUM_PRIORITY, .compare = by_priority));
    int put = 0, last[5], held = 0;
    memset(last, 0xff, sizeof last);
    for (int step = 0; step < 9000; step++) {
        if (held == 0 || random_below(5) < 3) {
            put_number(queue, random_below(5) * 10000 + put++);
            held++;
        } else {
            intptr_t item = get_number(queue);
            CHECK_GT(item % 10000, last[item / 10000]);
            last[item / 10000] = (int)(item % 10000);
            held--;
        }
    }
    thrum_queue_free(queue);
}

static int all_equal(const void *a, const void *b)
{
    (void)a, (void)b;
    return 0;
}

TEST(queue_storage, items_that_are_all_equal_are_first_in_first_out)
{
    thrum_queue *queue = HAVE(thrum_queue_new(0, .order = THRUM_PRIORITY, .compare = all_equal));
    void *items[100];
    for (int round = 0; round < 10; round++) {
        fill_items(items, 100, round * 1000);
        CHECK_STATUS(thrum_queue_put_many(queue, items, 100, NULL), 0);
        put_numbers(queue, round * 1000 + 100, 100);
        expect_numbers(queue, THRUM_FIFO, round * 1000, 200);
    }
    thrum_queue_free(queue);
}

/* ---- a compare that lies ---- */

static int answer_anything(const void *a, const void *b)
{
    (void)a, (void)b;
    return random_below(3) - 1;
}

static int always_lower(const void *a, const void *b)
{
    (void)a, (void)b;
    return INT32_MIN;
}

static int always_higher(const void *a, const void *b)
{
    (void)a, (void)b;
    return INT32_MAX;
}

/** Trap 34: the order is nonsense, but each item comes once and nothing is broken. */
TEST(queue_storage, a_compare_that_lies_loses_and_doubles_nothing)
{
    int (*const liars[])(const void *, const void *) = {answer_anything, always_lower,
                                                        always_higher};
    for (size_t i = 0; i < LENGTH(liars); i++) {
        thrum_queue *queue = HAVE(thrum_queue_new(0, .order = THRUM_PRIORITY, .compare = liars[i],
                                                  .destroy_item = destroy_number));
        int put = 0;
        for (int step = 0; put < DESTROYED_MAX; step++) {
            if (random_below(3) > 0)
                put_number(queue, put++);
            else if (!thrum_queue_empty(queue))
                destroy_number(item_of(get_number(queue)));
        }
        while (thrum_queue_qsize(queue) > 50)
            destroy_number(item_of(get_number(queue)));
        thrum_queue_free(queue);
        expect_destroyed(0, DESTROYED_MAX);
    }
}

/* ---- memory ---- */

/** At the size at which it grows, a put and a get in turn do not grow and shrink it each time. */
TEST(queue_storage, puts_and_gets_in_turn_allocate_nothing)
{
    for (int order = THRUM_LIFO; order <= THRUM_PRIORITY; order++) {
        for (int held = 0; held < 300; held++) {
            thrum_queue *queue = queue_in((enum thrum_queue_order)order, 0);
            put_numbers(queue, 0, held + 1);
            get_number(queue);
            unsigned long before = test_allocations();
            for (int i = 0; i < 10; i++) {
                put_number(queue, i);
                get_number(queue);
            }
            CHECK_LE(test_allocations(), before + 1);
            thrum_queue_free(queue);
        }
    }
}

/** A maxsize is a limit, and no reason to take memory for it. */
TEST(queue_storage, a_large_maxsize_costs_nothing)
{
    for (int order = THRUM_LIFO; order <= THRUM_PRIORITY; order++) {
        thrum_queue *queue = queue_in((enum thrum_queue_order)order, SIZE_MAX);
        CHECK_EQ(queue->capacity, 0);
        put_number(queue, 1);
        CHECK_LE(queue->capacity, 64);
        thrum_queue_free(queue);
    }
}
