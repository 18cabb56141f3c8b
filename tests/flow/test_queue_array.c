/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: where the items of LIFO and PRIORITY queues are: order, stability, compare functions that
 *  lie, growing and shrinking. */
#include "flow/queue_array.h"

#include "queue_support.h"

#define MANY 2000

/** The same numbers on every run. */
static uint32_t seed = 1;

static int random_below(int n)
{
    seed = seed * 1664525 + 1013904223;
    return (int)((seed >> 8) % (uint32_t)n);
}

/* ---- PRIORITY ---- */

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

TEST(queue_array, priority_is_lowest_first_and_stable)
{
    const int priorities[] = {1, 2, 7, 1000, 1 << 20};
    for (size_t k = 0; k < LENGTH(priorities); k++) {
        thrum_queue *queue =
            HAVE(thrum_queue_new(0, .order = THRUM_PRIORITY, .compare = by_priority));
        for (int i = 0; i < MANY; i++) {
            jobs[i] = (job){random_below(priorities[k]), i};
            CHECK_STATUS(thrum_queue_put(queue, &jobs[i]), 0);
        }
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

/** A plain model: an array of how many there are of each number. */
TEST(queue_array, puts_and_gets_in_between_get_the_lowest)
{
    enum { NUMBERS = 50 };
    thrum_queue *queue = new_queue(200, THRUM_PRIORITY);
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

/** Items are priority * 10000 + number of the put. */
static int by_leading_digit(const void *a, const void *b)
{
    return (int)(number_of(a) / 10000 - number_of(b) / 10000);
}

/** Also when put after others have been got. */
TEST(queue_array, equal_items_leave_in_the_order_they_came)
{
    thrum_queue *queue =
        HAVE(thrum_queue_new(0, .order = THRUM_PRIORITY, .compare = by_leading_digit));
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

TEST(queue_array, items_that_are_all_equal_are_first_in_first_out)
{
    thrum_queue *queue = HAVE(thrum_queue_new(0, .order = THRUM_PRIORITY, .compare = all_equal));
    void *items[100];
    for (int round = 0; round < 10; round++) {
        fill_items(items, 100, round * 1000);
        CHECK_STATUS(thrum_queue_put_many(queue, items, 100, NULL), 0);
        put_numbers(queue, round * 1000 + 100, 100);
        expect_numbers(queue, round * 1000, 200);
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

/** No lie, but the largest answers there are. */
static int as_far_as_int_goes(const void *a, const void *b)
{
    return a == b ? 0 : number_of(a) < number_of(b) ? INT32_MIN : INT32_MAX;
}

/** The order is nonsense, but each item comes once and nothing is broken. */
TEST(queue_array, a_compare_that_lies_loses_and_doubles_nothing)
{
    int (*const liars[])(const void *, const void *) = {answer_anything, always_lower,
                                                        always_higher, as_far_as_int_goes};
    for (size_t i = 0; i < LENGTH(liars); i++) {
        thrum_queue *queue = HAVE(thrum_queue_new(0, .order = THRUM_PRIORITY, .compare = liars[i],
                                                  .destroy_item = destroy_number));
        int put = 0;
        while (put < DESTROYED_MAX) {
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

TEST(queue_array, the_largest_answers_of_compare_are_an_order)
{
    thrum_queue *queue =
        HAVE(thrum_queue_new(0, .order = THRUM_PRIORITY, .compare = as_far_as_int_goes));
    for (int i = 0; i < 1000; i++)
        put_number(queue, i * 7 % 1000);
    expect_numbers(queue, 0, 1000);
    check_empty(queue);
    thrum_queue_free(queue);
}

/* ---- LIFO ---- */

TEST(queue_array, lifo_is_newest_first)
{
    thrum_queue *queue = new_queue(0, THRUM_LIFO);
    put_numbers(queue, 1, MANY);
    for (int i = MANY; i > MANY / 2; i--)
        CHECK_EQ(get_number(queue), i);
    put_numbers(queue, 1, 10);
    expect_numbers(queue, 1, 10);
    CHECK_EQ(get_number(queue), MANY / 2);
    thrum_queue_free(queue);
}

/* ---- memory ---- */

static const enum thrum_queue_order array_orders[] = {THRUM_LIFO, THRUM_PRIORITY};

TEST(queue_array, gives_memory_back_when_it_is_not_used)
{
    for (size_t k = 0; k < LENGTH(array_orders); k++) {
        thrum_queue *queue = new_queue(0, array_orders[k]);
        put_numbers(queue, 1, 10000);
        CHECK_GE(queue->capacity, 10000);
        for (size_t held = 10000; held-- > 0;) {
            get_number(queue);
            CHECK_LE(queue->capacity, held * 8 + 32);
        }
        put_numbers(queue, 1, 10);
        CHECK_EQ(thrum_queue_qsize(queue), 10);
        thrum_queue_free(queue);
    }
}

/** At the size at which it grows, a put and a get in turn do not grow and shrink it each time. */
TEST(queue_array, puts_and_gets_in_turn_allocate_nothing)
{
    for (size_t k = 0; k < LENGTH(array_orders); k++) {
        for (int held = 0; held < 300; held++) {
            thrum_queue *queue = new_queue(0, array_orders[k]);
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
TEST(queue_array, a_large_maxsize_costs_nothing)
{
    for (size_t k = 0; k < LENGTH(array_orders); k++) {
        thrum_queue *queue = new_queue(SIZE_MAX, array_orders[k]);
        CHECK_EQ(queue->capacity, 0);
        put_number(queue, 1);
        CHECK_LE(queue->capacity, 64);
        thrum_queue_free(queue);
    }
}
