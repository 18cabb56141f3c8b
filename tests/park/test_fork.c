/* SPDX-License-Identifier: MIT */
/** @file
 *  Fork: park's part of it. A child finds empty queues and free bucket locks, whatever the threads
 *  of its parent were doing; the parent goes on as before. The layers above are in
 *  tests/process. */
#include "park/fork.h"

#include "park/park.h"
#include "park/table.h"
#include "runner.h"

static const char object;
static const uintptr_t key = (uintptr_t)&object;
static test_gate gate = TEST_GATE_INIT;

static void *hold_bucket(void *unused)
{
    th_bucket *bucket = th_bucket_lock(key);
    test_gate_wait(&gate);
    th_bucket_unlock(bucket);
    return unused;
}

static void *wait_in_queue(void *granted)
{
    th_waiter waiter = th_waiter_of(th_self(), TH_WAIT_PLAIN, &object, THRUM_FOREVER);
    th_bucket *bucket = th_bucket_lock(key);
    th_bucket_append(bucket, &waiter, key);
    th_bucket_unlock(bucket);
    *(bool *)granted = th_park(&waiter, THRUM_FOREVER);
    return NULL;
}

static void find_nobody(void *generation)
{
    th_bucket *bucket = th_bucket_lock(key);
    CHECK_PTR(th_bucket_first(bucket, key), NULL);
    th_bucket_unlock(bucket);
    CHECK_EQ(th_table_generation(), *(uint32_t *)generation + 1);
}

TEST(park_fork, a_child_finds_a_bucket_free_that_was_locked)
{
    test_thread holder;
    uint32_t generation = th_table_generation();
    test_spawn(&holder, hold_bucket, NULL);
    test_gate_await(&gate, 1);
    CHECK_EXITED(test_run_child(find_nobody, &generation), 0);
    CHECK_EQ(th_table_generation(), generation);
    test_gate_open(&gate);
    test_join(&holder);
}

TEST(park_fork, a_waiter_waits_in_the_parent_alone)
{
    test_thread waiter;
    bool granted = false;
    uint32_t generation = th_table_generation();
    test_spawn(&waiter, wait_in_queue, &granted);
    test_wait_asleep(waiter.tid);
    CHECK_EXITED(test_run_child(find_nobody, &generation), 0);
    th_wake_list wake = {.first = NULL};
    th_bucket *bucket = th_bucket_lock(key);
    th_wake_list_take(&wake, bucket, th_bucket_first(bucket, key), 0);
    th_wake_list_grant(&wake);
    th_bucket_unlock(bucket);
    th_wake_list_resume(&wake);
    test_join(&waiter);
    CHECK(granted);
}
