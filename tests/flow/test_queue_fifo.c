/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: the items of a FIFO queue: rings and chains of segments of every size walked through, and
 *  no memory for them. */
#include "flow/queue_fifo.h"

#include "queue_support.h"

/** Put and get so that `held` items stay in between, for `rounds` items. */
static void run_through(thrum_queue *queue, int held, int rounds)
{
    put_numbers(queue, 1, held);
    for (int i = 1; i <= rounds; i++) {
        put_number(queue, held + i);
        CHECK_EQ(get_number(queue), i);
    }
    expect_numbers(queue, rounds + 1, held);
    CHECK(thrum_queue_empty(queue));
}

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
        expect_numbers(queue, got, fewer);
        got += fewer;
        CHECK_EQ(thrum_queue_qsize(queue), put - got);
    }
}

/* ---- rings ---- */

TEST(queue_fifo, a_ring_of_any_size_keeps_the_order)
{
    const size_t sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 64, 1000, 4096};
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        thrum_queue *queue = new_queue(sizes[i], THRUM_FIFO);
        walk(queue, 20000, (int)sizes[i]);
        put_numbers(queue, 1, (int)sizes[i]);
        CHECK(thrum_queue_full(queue));
        CHECK_STATUS(thrum_queue_try_put(queue, NULL), THRUM_EFULL);
        thrum_queue_free(queue);
    }
}

/** A small maxsize is all the memory there is: puts cannot fail for want of it. */
TEST(queue_fifo, a_ring_allocates_when_it_is_made)
{
    const int sizes[] = {100, 1024};
    for (size_t k = 0; k < LENGTH(sizes); k++) {
        thrum_queue *queue = new_queue((size_t)sizes[k], THRUM_FIFO);
        test_fail_allocations_from(1);
        for (int i = 0; i < 50; i++) {
            put_numbers(queue, i, sizes[k]);
            CHECK_STATUS(thrum_queue_try_put(queue, NULL), THRUM_EFULL);
            expect_numbers(queue, i, sizes[k]);
        }
        test_fail_allocations_from(0);
        thrum_queue_free(queue);
    }
}

/* ---- chains ---- */

TEST(queue_fifo, chain_grows_and_shrinks)
{
    const size_t sizes[] = {0, 4097, 5000, 1000000, SIZE_MAX};
    const int held[] = {0, 1, 2, 29, 30, 31, 509, 510, 511, 539, 540, 541, 4000};
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        thrum_queue *queue = new_queue(sizes[i], THRUM_FIFO);
        long before = test_live_allocations();
        for (size_t k = 0; k < LENGTH(held); k++) {
            run_through(queue, held[k], 2000);
            walk(queue, 20000, held[k] + 1);
        }
        if (sizes[i] == 0 || sizes[i] >= 5000)
            walk(queue, 20000, 5000);
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
    walk(queue, 20000, 100);
    CHECK_EQ(test_allocations(), before);
    thrum_queue_free(queue);
}

TEST(queue_fifo, bounded_chain_is_full_at_its_maxsize)
{
    thrum_queue *queue = new_queue(5000, THRUM_FIFO);
    put_numbers(queue, 1, 5000);
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
    put_numbers(queue, 1, 10);
    CHECK_EQ(test_live_allocations(), 2);
    thrum_queue_free(queue);
}

TEST(queue_fifo, batches_cross_the_ends_of_segments)
{
    static void *items[2000], *got[2000];
    for (size_t size = 1; size <= LENGTH(items); size = size * 3 / 2 + 1) {
        thrum_queue *queue = new_queue(0, THRUM_FIFO);
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

enum { FREE, SHUT_AND_FREE, DROP_AND_FREE, WAYS };

/** Wherever the two ends stand: in one segment, in neighbours, far from each other. */
TEST(queue_fifo, may_be_freed_in_any_state)
{
    for (int put = 0; put < 1200; put += 7) {
        for (int got = 0; got <= put; got += 97) {
            thrum_queue *queue = HAVE(thrum_queue_new(0, .destroy_item = destroy_number));
            int way = (put / 7 + got / 97) % WAYS;
            put_numbers(queue, 0, put);
            expect_numbers(queue, 0, got);
            if (way != FREE)
                thrum_queue_shutdown(queue, way == DROP_AND_FREE);
            thrum_queue_free(queue);
            expect_destroyed(got, put - got);
        }
    }
}

/* ---- two threads ---- */

static void *put_many_numbers(void *queue)
{
    put_numbers(queue, 1, 30000);
    return NULL;
}

/** Both ends cross a segment's end at the same time, again and again. */
TEST(queue_fifo, ends_in_two_threads)
{
    const size_t sizes[] = {0, 1, 5, 1024, 5000};
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        thrum_queue *queue = new_queue(sizes[i], THRUM_FIFO);
        test_thread putter;
        test_spawn(&putter, put_many_numbers, queue);
        expect_numbers(queue, 1, 30000);
        test_join(&putter);
        thrum_queue_free(queue);
    }
}
