/* SPDX-License-Identifier: MIT */
/** @file
 *  Worker: how many there are, tasks that submit tasks of the same executor and wait for them,
 *  initialisers, threads that cannot be made, and what idle ones cost. What CPython's
 *  test_thread_pool.py and test_init.py say of a pool's threads. */
#include "flow/worker.h"

#include <time.h>

#include "executor_support.h"

enum { LEAVES = 50, MANY = 1000 };

/* ---- growth ---- */

TEST(worker, saturation)
{
    enum { WORKERS = 4, TASKS = 15 };
    test_gate gate = TEST_GATE_INIT;
    THRUM_EXECUTOR(pool, .max_workers = WORKERS);
    for (size_t i = 0; i < TASKS; i++) {
        CHECK_STATUS(thrum_executor_submit(pool, pass_gate, &gate, NULL), 0);
        CHECK_EQ(thread_count(), i + 1 < WORKERS ? i + 1 : WORKERS);
    }
    test_gate_await(&gate, WORKERS);
    test_gate_open(&gate);
}

TEST(worker, blocking_tasks_have_a_thread_each_after_quick_ones)
{
    enum { WORKERS = 5 };
    test_gate gate = TEST_GATE_INIT;
    int calls = 0;
    THRUM_EXECUTOR(pool, .max_workers = WORKERS);
    for (int i = 0; i < 2; i++)
        (void)result_of(submit(pool, count_call, &calls));
    for (int i = 0; i < WORKERS; i++)
        CHECK_STATUS(thrum_executor_submit(pool, pass_gate, &gate, NULL), 0);
    CHECK_EQ(thread_count(), WORKERS);
    test_gate_await(&gate, WORKERS);
    test_gate_open(&gate);
}

TEST(worker, idle_thread_reuse)
{
    int calls = 0;
    THRUM_EXECUTOR(pool, .max_workers = 16);
    for (int i = 0; i < 300; i++)
        (void)result_of(submit(pool, count_call, &calls));
    CHECK_EQ(thread_count(), 1);
}

TEST(worker, idle_threads_are_reused_by_as_many_tasks)
{
    enum { WORKERS = 3 };
    test_gate gate = TEST_GATE_INIT;
    thrum_future *futures[WORKERS];
    THRUM_EXECUTOR(pool, .max_workers = 16);
    for (int round = 0; round < 20; round++) {
        test_gate_close(&gate);
        for (int i = 0; i < WORKERS; i++)
            futures[i] = submit(pool, pass_gate, &gate);
        test_gate_await(&gate, WORKERS);
        test_gate_open(&gate);
        for (int i = 0; i < WORKERS; i++)
            (void)result_of(futures[i]);
        CHECK_EQ(thread_count(), WORKERS);
    }
}

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

/* ---- tasks that submit ---- */

static void *spread(void *arg)
{
    spreading *shared = arg;
    for (int i = 0; i < MANY; i++) /* more than its own queue holds */
        CHECK_STATUS(thrum_executor_submit(shared->pool, count_spread, shared, NULL), 0);
    return NULL;
}

TEST(worker, tasks_submit_more_than_their_queue_holds)
{
    spreading shared = {.calls = 0};
    shared.pool = HAVE(thrum_executor_new(.max_workers = 3));
    (void)result_of(submit(shared.pool, spread, &shared));
    (void)result_of(submit(shared.pool, spread, &shared));
    CHECK_STATUS(thrum_executor_shutdown(shared.pool, THRUM_WAIT), 0);
    CHECK_EQ(shared.calls, 2 * MANY);
    thrum_executor_free(shared.pool);
}

static void *submit_and_block(void *arg)
{
    spreading *shared = arg;
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(thrum_executor_submit(shared->pool, note, as_pointer(i), NULL), 0);
    test_gate_open(&shared->begun);
    test_gate_wait(&shared->gate);
    return NULL;
}

/** Subtasks behind a task that goes on for long are taken by the others, oldest first. */
TEST(worker, subtasks_of_a_busy_worker_are_stolen_in_order)
{
    spreading shared = new_spreading();
    THRUM_EXECUTOR(pool, .max_workers = 2);
    shared.pool = pool;
    CHECK_STATUS(thrum_executor_submit(pool, submit_and_block, &shared, NULL), 0);
    int count = 3;
    test_wait_until(are_ordered, &count);
    check_order(3);
    test_gate_open(&shared.gate);
}

TEST(worker, stolen_by_a_worker_that_slept)
{
    spreading shared = new_spreading();
    test_gate gate = TEST_GATE_INIT;
    THRUM_EXECUTOR(pool, .max_workers = 2);
    shared.pool = pool;
    thrum_future *futures[2];
    for (int i = 0; i < 2; i++)
        futures[i] = submit(pool, pass_gate, &gate);
    test_gate_open(&gate);
    for (int i = 0; i < 2; i++)
        (void)result_of(futures[i]);
    CHECK_EQ(thread_count(), 2);
    CHECK_STATUS(thrum_executor_submit(pool, submit_and_block, &shared, NULL), 0);
    int count = 3;
    test_wait_until(are_ordered, &count);
    check_order(3);
    test_gate_open(&shared.gate);
}

/* ---- initialisers ---- */

static int initialised;

static int count_initialisers(void *arg)
{
    CHECK_PTR(arg, &initialised);
    bump(&initialised);
    return 0;
}

static void *see_initialised(void *unused)
{
    (void)unused;
    CHECK_GT(count_of(&initialised), 0);
    return NULL;
}

TEST(worker, initializer_runs_in_each_worker_before_its_first_task)
{
    test_gate gate = TEST_GATE_INIT;
    {
        THRUM_EXECUTOR(pool, .max_workers = 3, .initializer = count_initialisers,
                       .initarg = &initialised);
        (void)result_of(submit(pool, see_initialised, NULL));
        for (int i = 0; i < 3; i++)
            CHECK_STATUS(thrum_executor_submit(pool, pass_gate, &gate, NULL), 0);
        test_gate_await(&gate, 3);
        CHECK_EQ(count_of(&initialised), 3);
        test_gate_open(&gate);
    }
    CHECK_EQ(initialised, 3);
}

static test_gate initialiser_gate = TEST_GATE_INIT;

static int fail_to_initialise(void *message)
{
    test_gate_wait(&initialiser_gate);
    if (message != NULL)
        thrum_fail(EIO, "%s", (const char *)message);
    return 7;
}

TEST(worker, failing_initializer_breaks_it)
{
    thrum_set_excepthook(remember);
    int calls = 0;
    thrum_executor *pool =
        HAVE(thrum_executor_new(.max_workers = 1, .initializer = fail_to_initialise,
                                .thread_name_prefix = "broken"));
    thrum_future *futures[3];
    for (int i = 0; i < 3; i++)
        futures[i] = submit(pool, count_call, &calls);
    test_gate_open(&initialiser_gate);
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(thrum_future_result(futures[i], NULL), THRUM_EBROKEN);
        CHECK_CONTAINS(error_of(futures[i])->message, "initializer failed");
        thrum_future_free(futures[i]);
    }
    CHECK_STATUS(thrum_executor_submit(pool, count_call, &calls, NULL), THRUM_EBROKEN);
    CHECK_STATUS(thrum_executor_try_submit(pool, count_call, &calls, NULL), THRUM_EBROKEN);
    thrum_executor_free(pool);
    CHECK_EQ(told, 1);
    CHECK_CONTAINS(told_message, "broken failed: 7");
    CHECK_EQ(calls, 0);
}

TEST(worker, failing_initializer_says_why)
{
    thrum_set_excepthook(remember);
    test_gate_open(&initialiser_gate);
    int calls = 0;
    {
        THRUM_EXECUTOR(pool, .max_workers = 2, .initializer = fail_to_initialise,
                       .initarg = "no database");
        CHECK_STATUS(thrum_executor_submit(pool, count_call, &calls, NULL), 0);
    }
    CHECK_EQ(told, 1);
    CHECK_STR(told_message, "no database");
    CHECK_EQ(calls, 0);
}

static void wait_for_the_next(thrum_future *future, void *arg)
{
    (void)future;
    test_gate *gates = arg;
    test_gate_open(&gates[1]);
    test_gate_wait(&gates[2]);
}

static void *open_gate(void *gate)
{
    test_gate_open(gate);
    return NULL;
}

TEST(worker, callback_that_blocks_keeps_its_worker_busy)
{
    test_gate gates[3] = {TEST_GATE_INIT, TEST_GATE_INIT, TEST_GATE_INIT};
    THRUM_EXECUTOR(pool, .max_workers = 2);
    thrum_future *future = submit(pool, pass_gate, &gates[0]);
    CHECK_STATUS(thrum_future_add_done_callback(future, wait_for_the_next, gates), 0);
    test_gate_open(&gates[0]);
    test_gate_wait(&gates[1]);
    CHECK_STATUS(thrum_executor_submit(pool, open_gate, &gates[2], NULL), 0);
    test_gate_wait(&gates[2]);
    thrum_future_free(future);
}

static int fail_and_return_0(void *message)
{
    thrum_fail(EIO, "%s", (const char *)message);
    return 0;
}

TEST(worker, initializer_that_calls_thrum_fail_has_failed)
{
    thrum_set_excepthook(remember);
    int calls = 0;
    thrum_executor *pool =
        HAVE(thrum_executor_new(.max_workers = 1, .initializer = fail_and_return_0,
                                .initarg = "no licence"));
    thrum_future *future = submit(pool, count_call, &calls);
    CHECK_STATUS(thrum_future_result(future, NULL), THRUM_EBROKEN);
    thrum_future_free(future);
    thrum_executor_free(pool);
    CHECK_STR(told_message, "no licence");
    CHECK_EQ(calls, 0);
}

TEST(worker, failing_initializer_lets_a_waiting_submit_go)
{
    thrum_set_excepthook(remember);
    thrum_executor *pool = HAVE(
        thrum_executor_new(.max_workers = 1, .max_pending = 1, .initializer = fail_to_initialise));
    int calls = 0;
    CHECK_STATUS(thrum_executor_submit(pool, count_call, &calls, NULL), 0);
    filler other = {.pool = pool};
    test_spawn(&other.thread, submit_one, &other);
    test_wait_asleep(other.thread.tid);
    test_gate_open(&initialiser_gate);
    test_join(&other.thread);
    CHECK_STATUS(other.status, THRUM_EBROKEN);
    thrum_executor_free(pool);
}

/* ---- threads that cannot be made ---- */

TEST(worker, without_any_thread_nothing_is_submitted)
{
    int calls = 0;
    thrum_future *future = NULL;
    THRUM_EXECUTOR(pool, .max_workers = 2, .thread_name_prefix = "n");
    test_fail_thread_creations_from(1);
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(thrum_executor_submit(pool, count_call, &calls, &future), THRUM_EAGAIN);
    CHECK_STATUS(thrum_executor_submit(pool, count_call, &calls, NULL), THRUM_EAGAIN);
    CHECK_PTR(future, NULL);
    test_fail_thread_creations_from(0);
    check_name(pool, "n_0");
    CHECK_EQ(calls, 0);
}

TEST(worker, without_more_threads_the_work_is_done_by_those_there_are)
{
    int calls = 0;
    test_gate gate = TEST_GATE_INIT;
    THRUM_EXECUTOR(pool, .max_workers = 4);
    CHECK_STATUS(thrum_executor_submit(pool, pass_gate, &gate, NULL), 0);
    CHECK_STATUS(thrum_executor_submit(pool, pass_gate, &gate, NULL), 0);
    test_fail_thread_creations_from(1);
    thrum_future *futures[8];
    for (int i = 0; i < 8; i++)
        futures[i] = submit(pool, count_call, &calls);
    CHECK_EQ(thread_count(), 2);
    test_gate_open(&gate);
    for (int i = 0; i < 8; i++)
        (void)result_of(futures[i]);
    test_fail_thread_creations_from(0);
    test_gate_close(&gate);
    for (int i = 0; i < 4; i++) /* and when there are threads again, it grows */
        CHECK_STATUS(thrum_executor_submit(pool, pass_gate, &gate, NULL), 0);
    CHECK_EQ(thread_count(), 4);
    test_gate_await(&gate, 4);
    test_gate_open(&gate);
    CHECK_EQ(calls, 8);
}

/* ---- idleness ---- */

/** Each round all workers have fallen asleep, or are about to. */
TEST_LIMIT(worker, loses_no_wake_up, 60)
{
    spreading shared = {.calls = 0};
    shared.pool = HAVE(thrum_executor_new(.max_workers = 3));
    for (int i = 0; i < 3000; i++) {
        thrum_future *futures[3];
        for (int j = 0; j <= i % 3; j++)
            futures[j] = submit(shared.pool, count_spread, &shared);
        for (int j = 0; j <= i % 3; j++)
            (void)result_of(futures[j]);
    }
    thrum_executor_free(shared.pool);
    CHECK_EQ(shared.calls, 6000);
}

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

static void *own_executor(void *another)
{
    CHECK_PTR(th_worker_self(another), NULL);
    const th_worker *self = (const th_worker *)th_runner_self();
    CHECK_PTR(th_worker_self(self->executor), self);
    return self->executor;
}

TEST(worker, knows_its_executor)
{
    THRUM_EXECUTOR(pool, .max_workers = 1);
    THRUM_EXECUTOR(another, .max_workers = 1);
    CHECK_PTR(result_of(submit(pool, own_executor, another)), pool);
    CHECK_PTR(th_worker_self(pool), NULL);
}
