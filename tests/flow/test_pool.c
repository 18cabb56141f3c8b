/* SPDX-License-Identifier: MIT */
/** @file
 *  Pool: what executors are made with, and their ends: shut down with and without waiting, freed
 *  from inside, in a forked child; at the end of the program: test_flow.c. What CPython's
 *  test_shutdown.py says of ThreadPoolExecutor. */
#include "flow/pool.h"

#include <unistd.h>

#include "executor_support.h"
#include "platform/cpu.h"

/** In a child that is forked in a task, the parent's executor is given up as it is. */
TEST_IGNORES_LEAKS()

/* ---- what it is made with ---- */

TEST(pool, default_max_workers)
{
    test_gate gate = TEST_GATE_INIT;
    unsigned wanted = th_cpu_count() + 4 < 32 ? th_cpu_count() + 4 : 32;
    THRUM_EXECUTOR(pool);
    for (int i = 0; i < 40; i++)
        CHECK_STATUS(thrum_executor_submit(pool, pass_gate, &gate, NULL), 0);
    CHECK_EQ(thread_count(), wanted);
    test_gate_open(&gate);
}

TEST(pool, thread_names_default)
{
    thrum_executor *first = HAVE(thrum_executor_new(.max_workers = 1));
    thrum_executor *second = HAVE(thrum_executor_new(.thread_name_prefix = ""));
    check_name(first, "ThreadPoolExecutor-0_0");
    check_name(second, "ThreadPoolExecutor-1_0");
    thrum_executor_free(first);
    thrum_executor_free(second);
}

/* ---- shutdown ---- */

TEST(pool, run_after_shutdown)
{
    int calls = 0;
    thrum_future *future = NULL;
    THRUM_EXECUTOR(pool, .max_workers = 2);
    CHECK_STATUS(thrum_executor_shutdown(pool, THRUM_WAIT), 0);
    CHECK_STATUS(thrum_executor_submit(pool, count_call, &calls, &future), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_executor_submit(pool, count_call, &calls, NULL), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_executor_try_submit(pool, count_call, &calls, NULL), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_executor_submit_until(pool, count_call, &calls, NULL, 0), THRUM_ESHUTDOWN);
    CHECK_PTR(future, NULL);
    CHECK_EQ(calls, 0);
}

TEST(pool, hang_issue12364)
{
    int calls = 0;
    thrum_future *futures[50];
    thrum_executor *pool = HAVE(thrum_executor_new());
    for (int i = 0; i < 50; i++)
        futures[i] = submit(pool, count_call, &calls);
    CHECK_STATUS(thrum_executor_shutdown(pool, THRUM_WAIT), 0);
    for (int i = 0; i < 50; i++) {
        CHECK(thrum_future_is_done(futures[i]));
        (void)result_of(futures[i]);
    }
    thrum_executor_free(pool);
    CHECK_EQ(calls, 50);
}

TEST(pool, cancel_futures)
{
    test_gate gate = TEST_GATE_INIT;
    int calls = 0;
    thrum_future *running[2], *waiting[20];
    thrum_executor *pool = HAVE(thrum_executor_new(.max_workers = 2));
    for (int i = 0; i < 2; i++)
        running[i] = submit(pool, pass_gate, &gate);
    test_gate_await(&gate, 2);
    for (int i = 0; i < 20; i++)
        waiting[i] = submit(pool, count_call, &calls);
    CHECK_STATUS(thrum_executor_submit(pool, count_call, &calls, NULL), 0);
    CHECK_STATUS(thrum_executor_shutdown(pool, THRUM_CANCEL_FUTURES), 0);
    for (int i = 0; i < 20; i++) {
        CHECK(thrum_future_is_cancelled(waiting[i]));
        CHECK_STATUS(thrum_future_result(waiting[i], NULL), THRUM_ECANCELLED);
        thrum_future_free(waiting[i]);
    }
    CHECK(thrum_future_is_running(running[0]));
    test_gate_open(&gate);
    thrum_executor_free(pool);
    for (int i = 0; i < 2; i++)
        CHECK_PTR(result_of(running[i]), &gate);
    CHECK_EQ(calls, 0);
}

static void *spread_and_block(void *arg)
{
    spreading *shared = arg;
    for (int i = 0; i < 8; i++)
        shared->futures[i] = submit(shared->pool, count_spread, shared);
    test_gate_open(&shared->begun);
    test_gate_wait(&shared->gate);
    return NULL;
}

static void *block_and_spread(void *arg)
{
    spreading *shared = arg;
    test_gate_open(&shared->begun);
    test_gate_wait(&shared->gate);
    shared->status = thrum_executor_submit(shared->pool, count_spread, shared, NULL);
    return NULL;
}

/** Also those in the queues of workers. */
TEST(pool, cancel_futures_reaches_subtasks)
{
    spreading shared = new_spreading(), other = new_spreading();
    shared.pool = other.pool = HAVE(thrum_executor_new(.max_workers = 2));
    thrum_future *blocker = submit(other.pool, block_and_spread, &other);
    test_gate_wait(&other.begun);
    thrum_future *spreader = submit(shared.pool, spread_and_block, &shared);
    test_gate_wait(&shared.begun);
    CHECK_STATUS(thrum_executor_shutdown(shared.pool, THRUM_CANCEL_FUTURES), 0);
    for (int i = 0; i < 8; i++) {
        CHECK(thrum_future_is_cancelled(shared.futures[i]));
        thrum_future_free(shared.futures[i]);
    }
    test_gate_open(&shared.gate);
    test_gate_open(&other.gate);
    (void)result_of(spreader);
    (void)result_of(blocker);
    CHECK_STATUS(other.status, THRUM_ESHUTDOWN);
    thrum_executor_free(shared.pool);
    CHECK_EQ(shared.calls, 0);
}

TEST(pool, no_wait_returns_at_once_and_the_work_is_done)
{
    test_gate gate = TEST_GATE_INIT;
    int calls = 0;
    thrum_executor *pool = HAVE(thrum_executor_new(.max_workers = 1));
    CHECK_STATUS(thrum_executor_submit(pool, pass_gate, &gate, NULL), 0);
    for (int i = 0; i < 10; i++)
        CHECK_STATUS(thrum_executor_submit(pool, count_call, &calls, NULL), 0);
    CHECK_STATUS(thrum_executor_shutdown(pool, 0), 0);
    CHECK_EQ(calls, 0);
    CHECK_STATUS(thrum_executor_shutdown_until(pool, THRUM_WAIT, thrum_after(0.001)),
                 THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_executor_shutdown_until(pool, THRUM_WAIT, 0), THRUM_ETIMEDOUT);
    test_gate_open(&gate);
    CHECK_STATUS(thrum_executor_shutdown_until(pool, THRUM_WAIT, far_away()), 0);
    CHECK_EQ(calls, 10);
    CHECK_EQ(thread_count(), 0);
    CHECK_STATUS(thrum_executor_shutdown(pool, THRUM_WAIT | THRUM_CANCEL_FUTURES), 0);
    thrum_executor_free(pool);
}

TEST(pool, later_calls_may_cancel)
{
    test_gate gate = TEST_GATE_INIT;
    int calls = 0;
    thrum_executor *pool = HAVE(thrum_executor_new(.max_workers = 1));
    CHECK_STATUS(thrum_executor_submit(pool, pass_gate, &gate, NULL), 0);
    test_gate_await(&gate, 1);
    thrum_future *future = submit(pool, count_call, &calls);
    CHECK_STATUS(thrum_executor_shutdown(pool, 0), 0);
    CHECK_STATUS(thrum_executor_shutdown(pool, THRUM_CANCEL_FUTURES), 0);
    CHECK(thrum_future_is_cancelled(future));
    thrum_future_free(future);
    test_gate_open(&gate);
    thrum_executor_free(pool);
    CHECK_EQ(calls, 0);
}

TEST(pool, without_any_task)
{
    thrum_executor *pool = HAVE(thrum_executor_new());
    CHECK_STATUS(thrum_executor_shutdown(pool, THRUM_WAIT), 0);
    CHECK_STATUS(thrum_executor_shutdown(pool, THRUM_WAIT), 0);
    thrum_executor_free(pool);
    thrum_executor_free(HAVE(thrum_executor_new()));
}

TEST(pool, lets_idle_workers_end)
{
    int calls = 0;
    thrum_executor *pool = HAVE(thrum_executor_new(.max_workers = 4));
    for (int i = 0; i < 20; i++)
        (void)result_of(submit(pool, count_call, &calls));
    CHECK_STATUS(thrum_executor_shutdown(pool, 0), 0);
    test_wait_until(are_no_threads_left, NULL);
    thrum_executor_free(pool);
}

static void *shut_down_own(void *arg)
{
    spreading *shared = arg;
    shared->status = thrum_executor_shutdown(shared->pool, THRUM_WAIT);
    return as_pointer(thrum_executor_submit(shared->pool, count_spread, shared, NULL));
}

TEST(pool, by_an_own_worker_that_waits_is_a_deadlock)
{
    spreading shared = new_spreading();
    shared.pool = HAVE(thrum_executor_new(.max_workers = 2));
    CHECK_EQ((intptr_t)result_of(submit(shared.pool, shut_down_own, &shared)), THRUM_ESHUTDOWN);
    CHECK_STATUS(shared.status, THRUM_EDEADLK);
    thrum_executor_free(shared.pool);
}

static void *free_own(void *arg)
{
    spreading *shared = arg;
    thrum_executor_free(shared->pool);
    return NULL;
}

TEST(pool, free_by_an_own_worker_does_the_work_and_frees_it_later)
{
    spreading shared = new_spreading();
    test_gate gate = TEST_GATE_INIT;
    shared.pool = HAVE(thrum_executor_new(.max_workers = 2));
    CHECK_STATUS(thrum_executor_submit(shared.pool, pass_gate, &gate, NULL), 0);
    test_gate_await(&gate, 1);
    thrum_future *future = submit(shared.pool, spread_and_block, &shared);
    test_gate_wait(&shared.begun);
    thrum_future *last = submit(shared.pool, free_own, &shared);
    test_gate_open(&shared.gate);
    (void)result_of(future);
    (void)result_of(last);
    for (int i = 0; i < 8; i++)
        (void)result_of(shared.futures[i]);
    test_gate_open(&gate);
    test_wait_until(are_no_threads_left, NULL);
}

static void *wait_for_shutdown(void *pool)
{
    CHECK_STATUS(thrum_executor_shutdown(pool, THRUM_WAIT), 0);
    return NULL;
}

TEST(pool, several_may_wait)
{
    test_gate gate = TEST_GATE_INIT;
    test_thread threads[3];
    thrum_executor *pool = HAVE(thrum_executor_new(.max_workers = 2));
    CHECK_STATUS(thrum_executor_submit(pool, pass_gate, &gate, NULL), 0);
    for (int i = 0; i < 3; i++)
        test_spawn(&threads[i], wait_for_shutdown, pool);
    for (int i = 0; i < 3; i++)
        test_wait_asleep(threads[i].tid);
    test_gate_open(&gate);
    for (int i = 0; i < 3; i++)
        test_join(&threads[i]);
    thrum_executor_free(pool);
}

TEST(pool, context_manager_ends_however_the_block_is_left)
{
    int calls = 0;
    for (int i = 0; i < 3; i++) {
        THRUM_EXECUTOR(pool, .max_workers = 2);
        CHECK_STATUS(thrum_executor_submit(pool, count_call, &calls, NULL), 0);
        if (i == 1)
            continue;
        CHECK_STATUS(thrum_executor_submit(pool, count_call, &calls, NULL), 0);
    }
    CHECK_EQ(calls, 5);
}

/* ---- fork ---- */

#if !TEST_UNDER_TSAN /* which cannot start threads in a child of threads */

static thrum_executor *program_pool;

static void *do_nothing(void *arg)
{
    return arg;
}

TEST(pool, of_the_parent_is_shut_in_a_forked_child)
{
    test_gate gate = TEST_GATE_INIT;
    program_pool = HAVE(thrum_executor_new(.max_workers = 1));
    CHECK_STATUS(thrum_executor_submit(program_pool, pass_gate, &gate, NULL), 0);
    test_gate_await(&gate, 1);
    thrum_future *parents_future = submit(program_pool, do_nothing, &gate);
    CHECK_EXITED(test_run_child(use_parents_in_child, program_pool), 0);
    test_gate_open(&gate);
    CHECK_PTR(result_of(parents_future), &gate);
    thrum_executor_free(program_pool);
}

typedef struct unfinished {
    thrum_future *running, *queued;
} unfinished;

/** What no thread of the child will do is said, however one waits for it. */
static void wait_in_child(void *arg)
{
    const unfinished *of = arg;
    thrum_future *both[] = {of->running, of->queued};
    CHECK_STATUS(thrum_future_wait(of->running), THRUM_EDEADLK);
    CHECK_STATUS(thrum_future_result(of->queued, NULL), THRUM_EDEADLK);
    CHECK_STATUS(thrum_futures_wait(both, 2, THRUM_ALL_COMPLETED), THRUM_EDEADLK);
    CHECK_STATUS(thrum_futures_wait(both, 2, THRUM_FIRST_COMPLETED), THRUM_EDEADLK);
    CHECK_STATUS(thrum_futures_wait(both, 2, THRUM_FIRST_EXCEPTION), THRUM_EDEADLK);
    thrum_as_completed *completed = HAVE(thrum_as_completed_new(both, 2));
    CHECK_STATUS(thrum_as_completed_next(completed, NULL), THRUM_EDEADLK);
    CHECK(thrum_future_cancel(of->queued));
    thrum_future *next = NULL;
    CHECK_STATUS(thrum_as_completed_next(completed, &next), 0);
    CHECK_PTR(next, of->queued);
    CHECK_STATUS(thrum_as_completed_next(completed, NULL), THRUM_EDEADLK);
    CHECK_STATUS(thrum_futures_wait(both, 2, THRUM_FIRST_EXCEPTION), THRUM_EDEADLK);
    CHECK_STATUS(thrum_futures_wait(both, 2, THRUM_FIRST_COMPLETED), 0);
    thrum_as_completed_free(completed);
}

static void cancel_in_child(void *arg)
{
    const unfinished *of = arg;
    CHECK_STATUS(thrum_executor_shutdown(program_pool, THRUM_WAIT | THRUM_CANCEL_FUTURES), 0);
    CHECK_STATUS(thrum_future_result(of->queued, NULL), THRUM_ECANCELLED);
}

static void free_in_child(void *arg)
{
    const unfinished *of = arg;
    thrum_executor_free(program_pool);
    CHECK_STATUS(thrum_future_result(of->queued, NULL), THRUM_ECANCELLED);
    CHECK_STATUS(thrum_future_wait(of->running), THRUM_EDEADLK);
}

TEST(pool, in_a_forked_child_waits_for_tasks_of_the_parent_do_not_hang)
{
    test_gate gate = TEST_GATE_INIT;
    program_pool = HAVE(thrum_executor_new(.max_workers = 1));
    unfinished of = {.running = submit(program_pool, pass_gate, &gate)};
    test_gate_await(&gate, 1);
    of.queued = submit(program_pool, do_nothing, &gate);
    CHECK_EXITED(test_run_child(wait_in_child, &of), 0);
    CHECK_EXITED(test_run_child(cancel_in_child, &of), 0);
    CHECK_EXITED(test_run_child(free_in_child, &of), 0);
    test_gate_open(&gate);
    CHECK_PTR(result_of(of.running), &gate);
    CHECK_PTR(result_of(of.queued), &gate);
    thrum_executor_free(program_pool);
}

/** The child returns from the task: it does not go on with the parent's. */
static void *fork_and_return(void *arg)
{
    pid_t child = fork();
    CHECK_GE(child, 0);
    if (child == 0)
        return arg;
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EXITED(status, 0);
    return arg;
}

static void *write_line(void *line)
{
    test_say(line);
    return NULL;
}

static void fork_amid_tasks(void *unused)
{
    (void)unused;
    test_gate gate = TEST_GATE_INIT;
    thrum_executor *pool = HAVE(thrum_executor_new(.max_workers = 1));
    CHECK_STATUS(thrum_executor_submit(pool, pass_gate, &gate, NULL), 0);
    CHECK_STATUS(thrum_executor_submit(pool, fork_and_return, NULL, NULL), 0);
    CHECK_STATUS(thrum_executor_submit(pool, write_line, "once", NULL), 0);
    test_gate_open(&gate);
    thrum_executor_free(pool);
}

TEST(pool, a_child_forked_in_a_task_does_not_go_on_with_the_next)
{
    CHECK_PROGRAM(fork_amid_tasks, NULL, 0, "once\n");
}

#endif
