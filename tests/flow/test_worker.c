/* SPDX-License-Identifier: MIT */
/** @file
 *  Worker: tasks that wait for tasks of the same executor, and what an idle executor costs. */
#include "flow/worker.h"

#include <time.h>

#include "executor_support.h"

enum { LEAVES = 50 };

/* ---- nested waits ---- */

typedef struct call {
    thrum_executor *pool;
    int number;
} call;

/** Two futures for each number above 1, on two workers. */
static void *fibonacci(void *arg)
{
    const call *own = arg;
    if (own->number < 2)
        return as_pointer(own->number);
    call calls[2] = {{own->pool, own->number - 1}, {own->pool, own->number - 2}};
    thrum_future *futures[2];
    intptr_t sum = 0;
    for (int i = 0; i < 2; i++)
        futures[i] = submit(own->pool, fibonacci, &calls[i]);
    for (int i = 0; i < 2; i++)
        sum += (intptr_t)result_of(futures[i]);
    return as_pointer(sum);
}

static intptr_t fibonacci_of(unsigned workers, int number)
{
    THRUM_EXECUTOR(pool, .max_workers = workers);
    call first = {pool, number};
    return (intptr_t)result_of(submit(pool, fibonacci, &first));
}

TEST(worker, recursion_needs_but_one_worker)
{
    CHECK_EQ(fibonacci_of(1, 15), 610);
}

TEST_LIMIT(worker, recursion_on_two_workers, 60)
{
    CHECK_EQ(fibonacci_of(2, 18), 2584);
}

TEST_LIMIT(worker, recursion_on_many_workers, 60)
{
    CHECK_EQ(fibonacci_of(8, 16), 987);
}

static void *wait_for_many(void *arg)
{
    const call *own = arg;
    static int calls;
    thrum_future *futures[LEAVES];
    for (int i = 0; i < LEAVES; i++)
        futures[i] = submit(own->pool, count_call, &calls);
    thrum_return_when when = own->number == 0 ? THRUM_ALL_COMPLETED : THRUM_FIRST_COMPLETED;
    CHECK_STATUS(thrum_futures_wait(futures, LEAVES, when), 0);
    for (int i = 0; i < LEAVES; i++)
        (void)result_of(futures[i]);
    return NULL;
}

TEST(worker, saturated_pool_goes_on)
{
    THRUM_EXECUTOR(pool, .max_workers = 2);
    call calls[20];
    thrum_future *futures[20];
    for (int i = 0; i < 20; i++) {
        calls[i] = (call){pool, i % 2};
        futures[i] = submit(pool, wait_for_many, &calls[i]);
    }
    for (int i = 0; i < 20; i++)
        (void)result_of(futures[i]);
}

/* ---- cycles ---- */

typedef struct partner {
    thrum_future *own, *other;
    thrum_event has_future; /**< both are set */
    int status;
} partner;

static void *wait_for_other(void *arg)
{
    partner *self = arg;
    CHECK_STATUS(thrum_event_wait(&self->has_future), 0);
    self->status = thrum_future_result(self->other, NULL);
    return NULL;
}

TEST(worker, waiting_for_itself_is_a_deadlock)
{
    THRUM_EXECUTOR(pool, .max_workers = 2);
    partner self = {.has_future = THRUM_EVENT_INIT};
    self.other = submit(pool, wait_for_other, &self);
    thrum_event_set(&self.has_future);
    (void)result_of(self.other);
    CHECK_STATUS(self.status, THRUM_EDEADLK);
}

TEST(worker, two_that_wait_for_each_other_are_a_deadlock)
{
    THRUM_EXECUTOR(pool, .max_workers = 2);
    partner two[2] = {{.status = 1}, {.status = 1}};
    for (int i = 0; i < 2; i++)
        two[i].own = submit(pool, wait_for_other, &two[i]);
    for (int i = 0; i < 2; i++) {
        two[i].other = two[1 - i].own;
        thrum_event_set(&two[i].has_future);
    }
    for (int i = 0; i < 2; i++)
        CHECK_STATUS(thrum_future_wait(two[i].own), 0);
    CHECK_EQ(two[0].status + two[1].status, THRUM_EDEADLK);
    for (int i = 0; i < 2; i++)
        thrum_future_free(two[i].own);
}

/** On one worker the second is run by the first, which it waits for. */
TEST(worker, one_that_is_helped_and_waits_for_its_helper_is_a_deadlock)
{
    THRUM_EXECUTOR(pool, .max_workers = 1);
    partner two[2] = {{.status = 1}, {.status = 1}};
    for (int i = 0; i < 2; i++)
        two[i].own = submit(pool, wait_for_other, &two[i]);
    for (int i = 0; i < 2; i++) {
        two[i].other = two[1 - i].own;
        thrum_event_set(&two[i].has_future);
    }
    for (int i = 0; i < 2; i++)
        CHECK_STATUS(thrum_future_wait(two[i].own), 0);
    CHECK_STATUS(two[0].status, 0);
    CHECK_STATUS(two[1].status, THRUM_EDEADLK);
    for (int i = 0; i < 2; i++)
        thrum_future_free(two[i].own);
}

/* ---- growth from inside ---- */

typedef struct family {
    thrum_executor *pool;
    test_gate gate;
} family;

static void *have_children(void *arg)
{
    family *shared = arg;
    for (size_t i = 0; i < 3; i++)
        CHECK_STATUS(thrum_executor_submit(shared->pool, pass_gate, &shared->gate, NULL), 0);
    CHECK_EQ(thread_count(), 4);
    test_gate_await(&shared->gate, 3);
    return NULL;
}

TEST(worker, subtasks_that_block_have_a_thread_each)
{
    family shared = {.gate = TEST_GATE_INIT}; /* its end comes after the pool's */
    THRUM_EXECUTOR(pool, .max_workers = 8);
    shared.pool = pool;
    (void)result_of(submit(pool, have_children, &shared));
    test_gate_open(&shared.gate);
}

/* ---- idleness ---- */

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double cpu_of_idling(double seconds)
{
    double before = cpu_seconds();
    thrum_sleep(seconds);
    return cpu_seconds() - before;
}

TEST(worker, idle_pool_uses_no_processor)
{
    int calls = 0;
    thrum_future *futures[8];
    THRUM_EXECUTOR(pool, .max_workers = 4);
    for (int i = 0; i < 8; i++)
        futures[i] = submit(pool, count_call, &calls);
    for (int i = 0; i < 8; i++)
        (void)result_of(futures[i]);
    (void)cpu_of_idling(0.1); /* they may still be falling asleep */
    double used = cpu_of_idling(0.3);
    if (used > 0.1 && getenv("THRUM_FAULT") == NULL) /* which makes sleeps fail */
        FAIL("used %f s of the processor", used);
}

TEST(worker, knows_its_executor)
{
    THRUM_EXECUTOR(pool, .max_workers = 1);
    CHECK_PTR(th_worker_self(pool), NULL);
}
