/* SPDX-License-Identifier: MIT */
/** @file
 *  Pool: the ends of executors: shut down with and without waiting, freed from inside, at the end
 *  of the program, in a forked child. What CPython's test_shutdown.py says of
 *  ThreadPoolExecutor. */
#include "flow/pool.h"

#include <stdio.h>
#include <unistd.h>

#include "executor_support.h"

#define TEXT_BYTES 256

/** In a child that is forked in a task, the parent's executor is given up as it is. */
const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
    return "detect_leaks=0";
}

/* ---- shutdown ---- */

TEST(shutdown, run_after_shutdown)
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

TEST(shutdown, hang_issue12364)
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

TEST(shutdown, cancel_futures)
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

typedef struct spreading {
    thrum_executor *pool;
    test_gate begun, gate;
    thrum_future *futures[8];
    int calls;
    int status;
} spreading;

static void *count_spread(void *arg)
{
    spreading *shared = arg;
    bump(&shared->calls);
    return NULL;
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

static spreading new_spreading(void)
{
    return (spreading){.begun = TEST_GATE_INIT, .gate = TEST_GATE_INIT};
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
TEST(shutdown, cancel_futures_reaches_subtasks)
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

TEST(shutdown, no_wait_returns_at_once_and_the_work_is_done)
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

TEST(shutdown, later_calls_may_cancel)
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

TEST(shutdown, without_any_task)
{
    thrum_executor *pool = HAVE(thrum_executor_new());
    CHECK_STATUS(thrum_executor_shutdown(pool, THRUM_WAIT), 0);
    CHECK_STATUS(thrum_executor_shutdown(pool, THRUM_WAIT), 0);
    thrum_executor_free(pool);
    thrum_executor_free(HAVE(thrum_executor_new()));
}

TEST(shutdown, lets_idle_workers_end)
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

TEST(shutdown, by_an_own_worker_that_waits_is_a_deadlock)
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

TEST(shutdown, free_by_an_own_worker_does_the_work_and_frees_it_later)
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

TEST(shutdown, several_may_wait)
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

TEST(shutdown, context_manager_ends_however_the_block_is_left)
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

/* ---- the end of the program ---- */

static void say(const char *line)
{
    CHECK(dprintf(STDOUT_FILENO, "%s\n", line) > 0);
}

static void *say_late(void *line)
{
    thrum_sleep(0.02);
    say(line);
    return NULL;
}

static void expect(void (*program)(void *), const char *wanted)
{
    char text[TEXT_BYTES];
    int status = test_capture(STDOUT_FILENO, program, NULL, text, sizeof text);
    CHECK_STR(text, wanted);
    CHECK_EXITED(status, 0);
}

static thrum_executor *program_pool;

static void leave_work_behind(void *unused)
{
    (void)unused;
    program_pool = HAVE(thrum_executor_new(.max_workers = 1));
    CHECK_STATUS(thrum_executor_submit(program_pool, say_late, "apple", NULL), 0);
    CHECK_STATUS(thrum_executor_submit(program_pool, say_late, "pear", NULL), 0);
}

TEST(shutdown, interpreter_shutdown)
{
    expect(leave_work_behind, "apple\npear\n");
}

static int late_calls;

static void *try_until_refused(void *unused)
{
    (void)unused;
    int status = 0;
    while ((status = thrum_executor_submit(program_pool, count_call, &late_calls, NULL)) == 0)
        thrum_sleep(0.001);
    say(status == THRUM_ESHUTDOWN ? "refused" : "wrong");
    thrum_executor *later = HAVE(thrum_executor_new());
    status = thrum_executor_submit(later, count_call, &late_calls, NULL);
    say(status == THRUM_ESHUTDOWN ? "refused again" : "wrong");
    thrum_executor_free(later);
    return NULL;
}

static void submit_at_the_end(void *unused)
{
    (void)unused;
    program_pool = HAVE(thrum_executor_new(.max_workers = 2));
    CHECK_STATUS(thrum_executor_submit(program_pool, try_until_refused, NULL, NULL), 0);
}

TEST(shutdown, submit_after_interpreter_shutdown)
{
    expect(submit_at_the_end, "refused\nrefused again\n");
}

static void submit_in_a_callback(void *unused)
{
    (void)unused;
    CHECK_STATUS(thrum_executor_submit(program_pool, say_late, "in a callback", NULL), 0);
}

static void have_a_callback(void *unused)
{
    leave_work_behind(unused);
    CHECK_STATUS(thrum_at_shutdown(submit_in_a_callback, NULL), 0);
}

TEST(shutdown, callbacks_may_submit)
{
    expect(have_a_callback, "apple\npear\nin a callback\n");
}

static void shut_down_and_leave(void *unused)
{
    leave_work_behind(unused);
    CHECK_STATUS(thrum_executor_shutdown(program_pool, 0), 0);
}

TEST(shutdown, interpreter_shutdown_after_one_without_waiting)
{
    expect(shut_down_and_leave, "apple\npear\n");
}

static void leave_an_idle_pool(void *unused)
{
    (void)unused;
    int calls = 0;
    program_pool = HAVE(thrum_executor_new());
    for (int i = 0; i < 20; i++)
        (void)result_of(submit(program_pool, count_call, &calls));
    say("idle");
}

TEST(shutdown, idle_pools_do_not_hold_the_program)
{
    expect(leave_an_idle_pool, "idle\n");
}

/* ---- fork ---- */

#if defined(__SANITIZE_THREAD__)
#define UNDER_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_THREAD_SANITIZER 1
#endif
#endif
#if !defined(UNDER_THREAD_SANITIZER) /* which cannot start threads in a child of threads */

static void *do_nothing(void *arg)
{
    return arg;
}

static thrum_future *parents_future;

/** Of the parent, whose worker is at the gate and has more to do. */
static void use_in_child(void *unused)
{
    (void)unused;
    thrum_future *future = NULL;
    CHECK_STATUS(thrum_executor_submit(program_pool, do_nothing, NULL, &future), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_executor_try_submit(program_pool, do_nothing, NULL, NULL), THRUM_ESHUTDOWN);
    void *inputs[1] = {NULL};
    CHECK_STATUS(thrum_executor_map(program_pool, do_nothing, inputs, 1, inputs), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_executor_shutdown(program_pool, THRUM_WAIT | THRUM_CANCEL_FUTURES), 0);
    thrum_executor_free(program_pool);
    THRUM_EXECUTOR(pool, .max_workers = 2);
    CHECK_PTR(result_of(submit(pool, do_nothing, &pool)), &pool);
}

TEST(fork, executor_of_the_parent_is_shut)
{
    test_gate gate = TEST_GATE_INIT;
    program_pool = HAVE(thrum_executor_new(.max_workers = 1));
    CHECK_STATUS(thrum_executor_submit(program_pool, pass_gate, &gate, NULL), 0);
    test_gate_await(&gate, 1);
    parents_future = submit(program_pool, do_nothing, &gate);
    CHECK_EXITED(test_run_child(use_in_child, NULL), 0);
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

TEST(fork, waits_for_tasks_of_the_parent_do_not_hang)
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

static void *fork_in_a_task(void *arg)
{
    CHECK_EXITED(test_run_child(use_in_child, NULL), 0);
    return arg;
}

TEST(fork, in_a_task)
{
    program_pool = HAVE(thrum_executor_new(.max_workers = 1));
    thrum_future *future = submit(program_pool, fork_in_a_task, &future);
    thrum_future *next = submit(program_pool, do_nothing, &next);
    CHECK_PTR(result_of(future), &future);
    CHECK_PTR(result_of(next), &next);
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
    say(line);
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

TEST(fork, child_of_a_task_does_not_go_on_with_the_next)
{
    expect(fork_amid_tasks, "once\n");
}

#endif
