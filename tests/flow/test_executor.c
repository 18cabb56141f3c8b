/* SPDX-License-Identifier: MIT */
/** @file
 *  Executor: submit, how it grows, how workers are named, initialisers, places, orders. What
 *  CPython's test_thread_pool.py, executor.py and test_init.py say of ThreadPoolExecutor. */
#include <limits.h>
#include <stdio.h>

#include "executor_support.h"
#include "platform/cpu.h"

enum { MANY = 1000 };

/* ---- submit ---- */

static void *add_one(void *number)
{
    return as_pointer((intptr_t)number + 1);
}

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

static int told;
static char told_message[64];

static void remember(const thrum_thread *thread, const thrum_error *error)
{
    (void)thread;
    snprintf(told_message, sizeof told_message, "%s", error->message);
    bump(&told);
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
    CHECK_EQ(read_number(&told), 0);
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

/* ---- growth ---- */

TEST(executor, starts_no_thread_before_the_first_task)
{
    THRUM_EXECUTOR(pool, .max_workers = 4);
    CHECK_EQ(thread_count(), 0);
}

TEST(executor, saturation)
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

TEST(executor, blocking_tasks_have_a_thread_each_after_quick_ones)
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

TEST(executor, idle_thread_reuse)
{
    int calls = 0;
    THRUM_EXECUTOR(pool, .max_workers = 16);
    for (int i = 0; i < 300; i++)
        (void)result_of(submit(pool, count_call, &calls));
    CHECK_EQ(thread_count(), 1);
}

TEST(executor, idle_threads_are_reused_by_as_many_tasks)
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

TEST(executor, default_max_workers)
{
    test_gate gate = TEST_GATE_INIT;
    unsigned wanted = th_cpu_count() + 4 < 32 ? th_cpu_count() + 4 : 32;
    THRUM_EXECUTOR(pool);
    for (int i = 0; i < 40; i++)
        CHECK_STATUS(thrum_executor_submit(pool, pass_gate, &gate, NULL), 0);
    CHECK_EQ(thread_count(), wanted);
    test_gate_open(&gate);
}

/* ---- names ---- */

static void *own_name(void *unused)
{
    (void)unused;
    return strdup(thrum_thread_name(thrum_current_thread()));
}

static void check_name(thrum_executor *pool, const char *wanted)
{
    char *name = result_of(submit(pool, own_name, NULL));
    CHECK_STR(name, wanted);
    free(name);
}

TEST(executor, thread_names_assigned)
{
    char prefix[] = "SpecialPool";
    thrum_executor *pool = HAVE(thrum_executor_new(.max_workers = 1, .thread_name_prefix = prefix));
    prefix[0] = 'X';
    check_name(pool, "SpecialPool_0");
    thrum_executor_free(pool);
}

TEST(executor, thread_names_default)
{
    thrum_executor *first = HAVE(thrum_executor_new(.max_workers = 1));
    thrum_executor *second = HAVE(thrum_executor_new(.thread_name_prefix = ""));
    check_name(first, "ThreadPoolExecutor-0_0");
    check_name(second, "ThreadPoolExecutor-1_0");
    thrum_executor_free(first);
    thrum_executor_free(second);
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

static int order[64], ordered;
static pthread_mutex_t order_mutex = PTHREAD_MUTEX_INITIALIZER;

static void *note(void *number)
{
    pthread_mutex_lock(&order_mutex);
    order[ordered] = (int)(intptr_t)number;
    bump(&ordered);
    pthread_mutex_unlock(&order_mutex);
    return number;
}

static void check_order(int count)
{
    CHECK_EQ(ordered, count);
    for (int i = 0; i < count; i++)
        CHECK_EQ(order[i], i);
}

TEST(executor, one_worker_keeps_the_order)
{
    {
        THRUM_EXECUTOR(pool, .max_workers = 1);
        for (int i = 0; i < 64; i++)
            CHECK_STATUS(thrum_executor_submit(pool, note, as_pointer(i), NULL), 0);
    }
    check_order(64);
}

typedef struct nested {
    thrum_executor *pool;
    test_gate begun, gate;
} nested;

static void *submit_the_last(void *arg)
{
    nested *shared = arg;
    test_gate_open(&shared->begun);
    test_gate_wait(&shared->gate);
    CHECK_STATUS(thrum_executor_submit(shared->pool, note, as_pointer(3), NULL), 0);
    return NULL;
}

TEST(executor, one_worker_keeps_the_order_of_subtasks_too)
{
    nested shared = {.begun = TEST_GATE_INIT, .gate = TEST_GATE_INIT};
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

static bool are_ordered(void *count)
{
    return read_number(&ordered) == *(int *)count;
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

/* ---- tasks that submit ---- */

typedef struct spreading {
    thrum_executor *pool;
    int calls;
} spreading;

static void *count_spread(void *arg)
{
    spreading *shared = arg;
    bump(&shared->calls);
    return NULL;
}

static void *spread(void *arg)
{
    spreading *shared = arg;
    for (int i = 0; i < MANY; i++) /* more than its own queue holds */
        CHECK_STATUS(thrum_executor_submit(shared->pool, count_spread, shared, NULL), 0);
    return NULL;
}

TEST(executor, tasks_submit_more_than_their_queue_holds)
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
    nested *shared = arg;
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(thrum_executor_submit(shared->pool, note, as_pointer(i), NULL), 0);
    test_gate_open(&shared->begun);
    test_gate_wait(&shared->gate);
    return NULL;
}

/** Subtasks behind a task that goes on for long are taken by the others, oldest first. */
TEST(executor, subtasks_of_a_busy_worker_are_stolen_in_order)
{
    nested shared = {.begun = TEST_GATE_INIT, .gate = TEST_GATE_INIT};
    THRUM_EXECUTOR(pool, .max_workers = 2);
    shared.pool = pool;
    CHECK_STATUS(thrum_executor_submit(pool, submit_and_block, &shared, NULL), 0);
    int count = 3;
    test_wait_until(are_ordered, &count);
    check_order(3);
    test_gate_open(&shared.gate);
}

TEST(executor, stolen_by_a_worker_that_slept)
{
    nested shared = {.begun = TEST_GATE_INIT, .gate = TEST_GATE_INIT};
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

/* ---- places ---- */

typedef struct filler {
    thrum_executor *pool;
    test_thread thread;
    int status;
    bool has_returned;
} filler;

static void *submit_one(void *arg)
{
    filler *self = arg;
    static int calls;
    self->status = thrum_executor_submit(self->pool, count_call, &calls, NULL);
    __atomic_store_n(&self->has_returned, true, __ATOMIC_SEQ_CST);
    return NULL;
}

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
    CHECK_GT(read_number(&initialised), 0);
    return NULL;
}

TEST(executor, initializer_runs_in_each_worker_before_its_first_task)
{
    test_gate gate = TEST_GATE_INIT;
    {
        THRUM_EXECUTOR(pool, .max_workers = 3, .initializer = count_initialisers,
                       .initarg = &initialised);
        (void)result_of(submit(pool, see_initialised, NULL));
        for (int i = 0; i < 3; i++)
            CHECK_STATUS(thrum_executor_submit(pool, pass_gate, &gate, NULL), 0);
        test_gate_await(&gate, 3);
        CHECK_EQ(read_number(&initialised), 3);
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

TEST(executor, failing_initializer_breaks_it)
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

TEST(executor, failing_initializer_says_why)
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

TEST(executor, callback_that_blocks_keeps_its_worker_busy)
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

TEST(executor, initializer_that_calls_thrum_fail_has_failed)
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

TEST(executor, failing_initializer_lets_a_waiting_submit_go)
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

TEST(executor, without_any_thread_nothing_is_submitted)
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

TEST(executor, without_more_threads_the_work_is_done_by_those_there_are)
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

/** Each round all workers have fallen asleep, or are about to. */
TEST_LIMIT(executor, loses_no_wake_up, 60)
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
