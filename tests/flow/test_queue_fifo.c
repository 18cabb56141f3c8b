/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: the items of a FIFO queue: rings, chains of segments, and no memory for them. */
#include "flow/queue_fifo.h"

#include <stdlib.h>

#include "queue_support.h"

/** Put and get so that `held` items stay in between, for `rounds` items. */
static void run_through(thrum_queue *queue, size_t held, size_t rounds)
{
    fill(queue, held);
    for (size_t i = 1; i <= rounds; i++) {
        put_number(queue, held + i);
        CHECK_EQ(get_number(queue), i);
    }
    for (size_t i = 1; i <= held; i++)
        CHECK_EQ(get_number(queue), rounds + i);
    CHECK(thrum_queue_empty(queue));
}

TEST(queue_fifo, ring_goes_round)
{
    for (size_t maxsize = 1; maxsize <= 10; maxsize++) {
        thrum_queue *queue = new_queue(maxsize, THRUM_FIFO);
        for (size_t held = 0; held < maxsize; held++)
            run_through(queue, held, 100);
        fill(queue, maxsize);
        CHECK(thrum_queue_full(queue));
        thrum_queue_free(queue);
    }
}

TEST(queue_fifo, ring_allocates_nothing_further)
{
    thrum_queue *queue = new_queue(1024, THRUM_FIFO);
    unsigned long before = test_allocations();
    run_through(queue, 1000, 10000);
    CHECK_EQ(test_allocations(), before);
    thrum_queue_free(queue);
}

TEST(queue_fifo, chain_grows_and_shrinks)
{
    const size_t sizes[] = {0, 4097, 1000000, SIZE_MAX};
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        thrum_queue *queue = new_queue(sizes[i], THRUM_FIFO);
        long before = test_live_allocations();
        const size_t held[] = {0, 1, 29, 30, 31, 539, 540, 541, 4000};
        for (size_t k = 0; k < LENGTH(held); k++)
            run_through(queue, held[k], 2000);
        CHECK_LE(test_live_allocations(), before + 1); /* the spare one */
        thrum_queue_free(queue);
    }
}

TEST(queue_fifo, chain_that_stays_short_allocates_nothing_further)
{
    thrum_queue *queue = new_queue(0, THRUM_FIFO);
    run_through(queue, 100, 2000);
    unsigned long before = test_allocations();
    run_through(queue, 100, 20000);
    CHECK_EQ(test_allocations(), before);
    thrum_queue_free(queue);
}

TEST(queue_fifo, bounded_chain_is_full_at_its_maxsize)
{
    thrum_queue *queue = new_queue(5000, THRUM_FIFO);
    fill(queue, 5000);
    CHECK(thrum_queue_full(queue));
    CHECK_STATUS(thrum_queue_try_put(queue, NULL), THRUM_EFULL);
    CHECK_EQ(get_number(queue), 1);
    CHECK_STATUS(thrum_queue_try_put(queue, NULL), 0);
    thrum_queue_free(queue);
}

/** A huge queue costs what is in it, a little more when it is empty. */
TEST(queue_fifo, huge_maxsize_is_not_paid_for)
{
    thrum_queue *queue = new_queue(SIZE_MAX, THRUM_FIFO);
    CHECK_EQ(test_live_allocations(), 2);
    fill(queue, 10);
    CHECK_EQ(test_live_allocations(), 2);
    thrum_queue_free(queue);
}

TEST(queue_fifo, put_without_memory_changes_nothing)
{
    TEST_SWEEP_ALLOCATIONS
    {
        thrum_queue *queue = thrum_queue_new(0);
        uintptr_t put = 0;
        for (uintptr_t i = 1; queue != NULL && i <= 1200; i++) {
            int status = thrum_queue_put(queue, item_of(put + 1));
            CHECK_EQ(thrum_queue_qsize(queue), put + (status == 0));
            if (status == 0)
                put++;
            else
                CHECK_STATUS(status, THRUM_ENOMEM);
        }
        CHECK(queue == NULL || put >= 1199);
        for (uintptr_t i = 1; i <= put; i++)
            CHECK_EQ(get_number(queue), i);
        thrum_queue_free(queue);
    }
}

TEST(queue_fifo, put_many_without_memory_says_how_many_went_in)
{
    static void *items[1200];
    for (uintptr_t i = 0; i < LENGTH(items); i++)
        items[i] = item_of(i + 1);
    TEST_SWEEP_ALLOCATIONS
    {
        thrum_queue *queue = thrum_queue_new(0);
        size_t put = 0;
        if (queue != NULL) {
            int status = thrum_queue_put_many(queue, items, LENGTH(items), &put);
            CHECK_STATUS(status, test_failures_injected() > 0 ? THRUM_ENOMEM : 0);
            CHECK_EQ(put == LENGTH(items), status == 0);
            CHECK_EQ(thrum_queue_qsize(queue), put);
            if (put < LENGTH(items))
                CHECK_STATUS(thrum_queue_put_many(queue, items + put, LENGTH(items) - put, NULL),
                             0);
            for (uintptr_t i = 1; i <= LENGTH(items); i++)
                CHECK_EQ(get_number(queue), i);
        }
        thrum_queue_free(queue);
    }
}

/** Shut down or freed with items in several segments, at every point within them. */
TEST(queue_fifo, drops_all_segments)
{
    for (size_t got = 0; got < 1200; got += 97) {
        for (int immediate = 0; immediate < 3; immediate++) {
            thrum_queue *queue = new_queue(0, THRUM_FIFO);
            fill(queue, 1200);
            for (uintptr_t i = 1; i <= got; i++)
                CHECK_EQ(get_number(queue), i);
            if (immediate < 2)
                thrum_queue_shutdown(queue, immediate == 1);
            thrum_queue_free(queue);
        }
    }
}

/** Both ends cross a segment's end at the same time, again and again. */
static void *put_many_numbers(void *arg)
{
    for (uintptr_t i = 1; i <= 30000; i++)
        put_number(arg, i);
    return NULL;
}

TEST(queue_fifo, ends_in_two_threads)
{
    const size_t sizes[] = {0, 1, 5, 1024, 5000};
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        thrum_queue *queue = new_queue(sizes[i], THRUM_FIFO);
        test_thread putter;
        test_spawn(&putter, put_many_numbers, queue);
        for (uintptr_t number = 1; number <= 30000; number++)
            CHECK_EQ(get_number(queue), number);
        test_join(&putter);
        thrum_queue_free(queue);
    }
}
