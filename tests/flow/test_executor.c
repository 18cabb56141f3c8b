/* SPDX-License-Identifier: MIT */
/** @file
 *  Executor: submit, how workers are named, places, orders, what is missing. What CPython's
 *  test_thread_pool.py and executor.py say of ThreadPoolExecutor. */
#include "executor_support.h"

enum { MANY = 1000 };

/* ---- submit ---- */

TEST(executor, submit_gives_a_future_with_the_result)
{
    THRUM_EXECUTOR(pool, .max_workers = 2);
    CHECK_EQ((intptr_t)result_of(submit(pool, add_one, as_pointer(41))), 42);
}

TEST(executor, submit_without_a_future_runs_all_the_same)
{
    int calls = 0;
    {
        THRUM_EXECUTOR(pool);
        for (int i = 0; i < MANY; i++)
            CHECK_STATUS(thrum_executor_submit(pool, count_call, &calls, NULL), 0);
    }
    CHECK_EQ(calls, MANY);
}

TEST(executor, free_of_a_handle_runs_the_task_all_the_same)
{
    int calls = 0;
    {
        THRUM_EXECUTOR(pool, .max_workers = 3);
        for (int i = 0; i < MANY; i++)
            thrum_future_free(submit(pool, count_call, &calls));
    }
    CHECK_EQ(calls, MANY);
}

TEST(executor, refuses_what_is_null)
{
    thrum_future *future = NULL;
    CHECK_STATUS(thrum_executor_submit(NULL, count_call, NULL, &future), THRUM_EINVAL);
    CHECK_STATUS(thrum_executor_try_submit(NULL, count_call, NULL, &future), THRUM_EINVAL);
    CHECK_STATUS(thrum_executor_shutdown(NULL, THRUM_WAIT), THRUM_EINVAL);
    thrum_executor_free(NULL);
    THRUM_EXECUTOR(pool, .max_workers = 1);
    CHECK_STATUS(thrum_executor_submit(pool, NULL, NULL, &future), THRUM_EINVAL);
    CHECK_STATUS(thrum_executor_shutdown(pool, 4), THRUM_EINVAL);
    CHECK_PTR(future, NULL);
    CHECK_EQ(thread_count(), 0);
}

TEST(executor, refuses_options_that_look_negative)
{
    CHECK_PTR(thrum_executor_new(.max_workers = (unsigned)-1), NULL);
    CHECK_PTR(thrum_executor_new(.max_pending = (size_t)-1), NULL);
}

TEST(executor, takes_no_options_and_short_ones)
{
    thrum_executor *pool = HAVE(thrum_executor_new_with(NULL));
    CHECK_EQ((intptr_t)result_of(submit(pool, add_one, as_pointer(1))), 2);
    thrum_executor_free(pool);
    thrum_executor_options options = {.size = offsetof(thrum_executor_options, thread_name_prefix),
                                      .max_workers = 1,
                                      .thread_name_prefix = (const char *)1};
    thrum_executor_free(HAVE(thrum_executor_new_with(&options)));
}

TEST(executor, failure_is_in_the_future)
{
    thrum_set_excepthook(remember);
    THRUM_EXECUTOR(pool, .max_workers = 1, .thread_name_prefix = "p");
    thrum_future *future = submit(pool, fail_always, "no such file");
    CHECK_STATUS(thrum_future_result(future, NULL), THRUM_EFAILED);
    const thrum_error *error = error_of(future);
    CHECK_STR(error->message, "no such file");
    CHECK_STR(error->thread_name, "p_0");
    CHECK_EQ(error->code, EIO);
    thrum_future_free(future);
    CHECK_EQ((intptr_t)result_of(submit(pool, add_one, as_pointer(1))), 2);
    CHECK_EQ(count_of(&told), 0);
}

TEST(executor, failure_without_a_future_goes_to_the_excepthook)
{
    thrum_set_excepthook(remember);
    {
        THRUM_EXECUTOR(pool, .max_workers = 1);
        CHECK_STATUS(thrum_executor_submit(pool, fail_always, "nobody asks", NULL), 0);
        CHECK_EQ((intptr_t)result_of(submit(pool, add_one, as_pointer(1))), 2);
    }
    CHECK_EQ(told, 1);
    CHECK_STR(told_message, "nobody asks");
}

TEST(executor, starts_no_thread_before_the_first_task)
{
    THRUM_EXECUTOR(pool, .max_workers = 4);
    CHECK_EQ(thread_count(), 0);
}

/* ---- names ---- */

TEST(executor, thread_names_assigned)
{
    char prefix[] = "SpecialPool";
    thrum_executor *pool = HAVE(thrum_executor_new(.max_workers = 1, .thread_name_prefix = prefix));
    prefix[0] = 'X';
    check_name(pool, "SpecialPool_0");
    thrum_executor_free(pool);
}

TEST(executor, thread_names_are_numbered)
{
    test_gate gate = TEST_GATE_INIT;
    thrum_thread *threads[4];
    THRUM_EXECUTOR(pool, .max_workers = 2, .thread_name_prefix = "w");
    for (int i = 0; i < 2; i++)
        CHECK_STATUS(thrum_executor_submit(pool, pass_gate, &gate, NULL), 0);
    CHECK_EQ(thrum_enumerate(threads, 4), 3);
    CHECK_STR(thrum_thread_name(threads[1]), "w_0");
    CHECK_STR(thrum_thread_name(threads[2]), "w_1");
    CHECK(!thrum_thread_is_daemon(threads[1]));
    for (int i = 0; i < 3; i++)
        thrum_thread_free(threads[i]);
    test_gate_open(&gate);
}

static void *use_a_pool(void *unused)
{
    (void)unused;
    THRUM_EXECUTOR(pool, .max_workers = 1);
    thrum_thread *threads[4];
    int calls = 0;
    (void)result_of(submit(pool, count_call, &calls));
    CHECK_EQ(thrum_enumerate(threads, 4), 3);
    CHECK(thrum_thread_is_daemon(threads[1]));
    CHECK(!thrum_thread_is_daemon(threads[2]));
    for (int i = 0; i < 3; i++)
        thrum_thread_free(threads[i]);
    return NULL;
}

TEST(executor, workers_of_a_daemon_are_none)
{
    thrum_thread *daemon = HAVE(thrum_spawn(use_a_pool, NULL, .daemon = THRUM_DAEMON));
    CHECK_STATUS(thrum_thread_join(daemon), 0);
    thrum_thread_free(daemon);
}

/* ---- order ---- */

TEST(executor, one_worker_keeps_the_order)
{
    {
        THRUM_EXECUTOR(pool, .max_workers = 1);
        for (int i = 0; i < 64; i++)
            CHECK_STATUS(thrum_executor_submit(pool, note, as_pointer(i), NULL), 0);
    }
    check_order(64);
}

static void *submit_the_last(void *arg)
{
    spreading *shared = arg;
    test_gate_open(&shared->begun);
    test_gate_wait(&shared->gate);
    CHECK_STATUS(thrum_executor_submit(shared->pool, note, as_pointer(3), NULL), 0);
    return NULL;
}

TEST(executor, one_worker_keeps_the_order_of_subtasks_too)
{
    spreading shared = new_spreading();
    {
        THRUM_EXECUTOR(pool, .max_workers = 1);
        shared.pool = pool;
        thrum_future *first = submit(pool, submit_the_last, &shared);
        test_gate_wait(&shared.begun);
        for (int i = 0; i < 3; i++)
            CHECK_STATUS(thrum_executor_submit(pool, note, as_pointer(i), NULL), 0);
        test_gate_open(&shared.gate);
        (void)result_of(first);
    }
    check_order(4);
}

typedef struct turn {
    int number;
    test_gate gate;
} turn;

static void *note_and_wait(void *arg)
{
    turn *mine = arg;
    note(as_pointer(mine->number));
    test_gate_wait(&mine->gate);
    return NULL;
}

/** The tutorial's: two workers, four tasks that take their time; each begins when its turn
 *  comes. */
TEST(executor, two_workers_begin_four_tasks_in_order)
{
    turn turns[4];
    THRUM_EXECUTOR(pool, .max_workers = 2);
    for (int i = 0; i < 4; i++) {
        turns[i] = (turn){.number = i, .gate = TEST_GATE_INIT};
        CHECK_STATUS(thrum_executor_submit(pool, note_and_wait, &turns[i], NULL), 0);
    }
    int count = 2;
    test_wait_until(are_ordered, &count);
    CHECK_EQ(order[0] + order[1], 1);
    test_gate_open(&turns[1].gate);
    count = 3;
    test_wait_until(are_ordered, &count);
    CHECK_EQ(order[2], 2);
    test_gate_open(&turns[0].gate);
    count = 4;
    test_wait_until(are_ordered, &count);
    CHECK_EQ(order[3], 3);
    test_gate_open(&turns[2].gate);
    test_gate_open(&turns[3].gate);
}

/* ---- places ---- */

/** An executor with one worker at the gate, and as many tasks pending as may be. */
static thrum_executor *full_executor(test_gate *gate, size_t max_pending, thrum_future **pending)
{
    thrum_executor *pool = HAVE(thrum_executor_new(.max_workers = 1, .max_pending = max_pending));
    CHECK_STATUS(thrum_executor_submit(pool, pass_gate, gate, NULL), 0);
    test_gate_await(gate, 1);
    for (size_t i = 0; i < max_pending; i++)
        CHECK_STATUS(thrum_executor_try_submit(pool, pass_gate, gate, &pending[i]), 0);
    return pool;
}

TEST(executor, try_submit_is_refused_when_full)
{
    test_gate gate = TEST_GATE_INIT;
    thrum_future *pending[2];
    thrum_executor *pool = full_executor(&gate, 2, pending);
    int calls = 0;
    CHECK_STATUS(thrum_executor_try_submit(pool, count_call, &calls, NULL), THRUM_EFULL);
    CHECK_STATUS(thrum_executor_submit_until(pool, count_call, &calls, NULL, thrum_after(0.001)),
                 THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_executor_submit_until(pool, count_call, &calls, NULL, 0), THRUM_ETIMEDOUT);
    test_gate_open(&gate);
    for (int i = 0; i < 2; i++)
        (void)result_of(pending[i]);
    CHECK_STATUS(thrum_executor_submit(pool, count_call, &calls, NULL), 0);
    thrum_executor_free(pool);
    CHECK_EQ(calls, 1);
}

TEST(executor, cancel_frees_a_place)
{
    test_gate gate = TEST_GATE_INIT;
    thrum_future *pending[2];
    thrum_executor *pool = full_executor(&gate, 2, pending);
    int calls = 0;
    CHECK(thrum_future_cancel(pending[0]));
    CHECK(thrum_future_cancel(pending[0]));
    CHECK_STATUS(thrum_executor_try_submit(pool, count_call, &calls, NULL), 0);
    CHECK_STATUS(thrum_executor_try_submit(pool, count_call, &calls, NULL), THRUM_EFULL);
    test_gate_open(&gate);
    for (int i = 0; i < 2; i++)
        thrum_future_free(pending[i]);
    thrum_executor_free(pool);
    CHECK_EQ(calls, 1);
}

TEST(executor, start_of_a_task_lets_a_waiting_submit_go)
{
    test_gate gate = TEST_GATE_INIT;
    thrum_future *pending[1];
    filler other = {.pool = full_executor(&gate, 1, pending)};
    test_spawn(&other.thread, submit_one, &other);
    test_wait_asleep(other.thread.tid);
    CHECK(!__atomic_load_n(&other.has_returned, __ATOMIC_SEQ_CST));
    test_gate_open(&gate);
    test_join(&other.thread);
    CHECK_STATUS(other.status, 0);
    (void)result_of(pending[0]);
    thrum_executor_free(other.pool);
}

TEST(executor, shutdown_refuses_a_waiting_submit)
{
    test_gate gate = TEST_GATE_INIT;
    thrum_future *pending[1];
    filler others[2];
    others[0].pool = full_executor(&gate, 1, pending);
    for (int i = 0; i < 2; i++) {
        others[i].pool = others[0].pool;
        test_spawn(&others[i].thread, submit_one, &others[i]);
        test_wait_asleep(others[i].thread.tid);
    }
    CHECK_STATUS(thrum_executor_shutdown(others[0].pool, 0), 0);
    for (int i = 0; i < 2; i++) {
        test_join(&others[i].thread);
        CHECK_STATUS(others[i].status, THRUM_ESHUTDOWN);
    }
    test_gate_open(&gate);
    thrum_executor_free(others[0].pool);
    (void)result_of(pending[0]);
}

static void *fill_up(void *arg)
{
    spreading *shared = arg;
    for (int i = 0; i < 10; i++)
        CHECK_STATUS(thrum_executor_submit(shared->pool, count_spread, shared, NULL), 0);
    return NULL;
}

TEST(executor, own_worker_never_waits_for_a_place)
{
    spreading shared = {.calls = 0};
    shared.pool = HAVE(thrum_executor_new(.max_workers = 1, .max_pending = 1));
    (void)result_of(submit(shared.pool, fill_up, &shared));
    for (int i = 0; i < 10; i++)
        CHECK_STATUS(thrum_executor_submit(shared.pool, count_spread, &shared, NULL), 0);
    thrum_executor_free(shared.pool);
    CHECK_EQ(shared.calls, 20);
}

/* ---- what is missing ---- */

TEST(executor, without_memory)
{
    TEST_SWEEP_ALLOCATIONS
    {
        int calls = 0;
        thrum_future *future = NULL;
        thrum_executor *pool = thrum_executor_new(.max_workers = 2);
        CHECK(pool != NULL || test_failures_injected() > 0);
        int status = thrum_executor_submit(pool, count_call, &calls, &future);
        if (pool != NULL && status != 0)
            CHECK_STATUS(status, THRUM_ENOMEM);
        CHECK_EQ(status == 0, future != NULL);
        if (status == 0)
            CHECK_STATUS(thrum_future_result(future, NULL), 0);
        thrum_future_free(future);
        thrum_executor_free(pool);
        CHECK_EQ(calls, status == 0);
    }
}

TEST(executor, fire_and_forget_allocates_nothing_each)
{
    int calls = 0;
    test_gate gate = TEST_GATE_INIT;
    THRUM_EXECUTOR(pool, .max_workers = 1);
    CHECK_STATUS(thrum_executor_submit(pool, pass_gate, &gate, NULL), 0);
    unsigned long before = test_allocations();
    for (int i = 0; i < MANY; i++)
        CHECK_STATUS(thrum_executor_submit(pool, count_call, &calls, NULL), 0);
    CHECK_LT(test_allocations() - before, 10);
    before = test_allocations();
    thrum_future_free(submit(pool, count_call, &calls));
    CHECK_LE(test_allocations() - before, 2);
    test_gate_open(&gate);
}

/* ---- stress ---- */

enum { SUBMITTERS = 4, PER_SUBMITTER = 5000 };

static void *submit_many(void *arg)
{
    spreading *shared = arg;
    for (int i = 0; i < PER_SUBMITTER; i++) {
        if (i % 10 != 0) {
            CHECK_STATUS(thrum_executor_submit(shared->pool, count_spread, shared, NULL), 0);
            continue;
        }
        thrum_future *future = submit(shared->pool, count_spread, shared);
        if (thrum_future_cancel(future))
            bump(&shared->calls);
        thrum_future_free(future);
    }
    return NULL;
}

TEST_LIMIT(executor, every_task_of_many_submitters_runs_once, 60)
{
    spreading shared = {.calls = 0};
    shared.pool = HAVE(thrum_executor_new(.max_workers = 3, .max_pending = 100));
    test_thread threads[SUBMITTERS];
    for (int i = 0; i < SUBMITTERS; i++)
        test_spawn(&threads[i], submit_many, &shared);
    for (int i = 0; i < SUBMITTERS; i++)
        test_join(&threads[i]);
    thrum_executor_free(shared.pool);
    CHECK_EQ(shared.calls, SUBMITTERS * PER_SUBMITTER);
}
