/* SPDX-License-Identifier: MIT */
/** @file
 *  Once: its function runs one time, whoever comes and however the function ends. */
#include "thrum/once.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"
#include "thrum/thread.h"

#define THREADS 16
#define TEXT_BYTES 1024

static thrum_once once;
static test_gate gate = TEST_GATE_INIT;
static int runs;

static void count_run(void *arg)
{
    runs++;
    if (arg != NULL)
        *(int *)arg += 1;
}

TEST(once, runs_its_function_one_time)
{
    int calls = 0;
    CHECK_EQ(sizeof(thrum_once), 8);
    for (int i = 0; i < 3; i++)
        thrum_once_run(&once, count_run, &calls);
    CHECK_EQ(runs, 1);
    CHECK_EQ(calls, 1);
}

static void not_reached(void *unused)
{
    (void)unused;
    FAIL("ran");
}

TEST(once, runs_the_function_that_came_first)
{
    thrum_once initialised = THRUM_ONCE_INIT;
    thrum_once_run(&initialised, count_run, NULL);
    thrum_once_run(&initialised, not_reached, NULL);
    CHECK_EQ(runs, 1);
}

TEST(once, null_function_does_nothing_once)
{
    thrum_once_run(&once, NULL, NULL);
    thrum_once_run(&once, not_reached, NULL);
}

static void run_another(void *arg)
{
    thrum_once_run(arg, count_run, NULL);
    runs++;
}

TEST(once, may_run_another_once_from_inside)
{
    thrum_once inner = THRUM_ONCE_INIT;
    thrum_once_run(&once, run_another, &inner);
    CHECK_EQ(runs, 2);
    thrum_once_run(&inner, not_reached, NULL);
}

/* ---- several threads ---- */

static void *run_it(void *unused)
{
    test_gate_wait(&gate);
    thrum_once_run(&once, count_run, NULL);
    CHECK_EQ(runs, 1); /* what the function did is seen, without any other ordering */
    return unused;
}

TEST(once, of_16_threads_one_runs_and_all_see_it_done)
{
    for (int round = 0; round < 20; round++) {
        test_thread threads[THREADS];
        memset(&once, 0, sizeof once);
        runs = 0;
        test_gate_close(&gate);
        for (int i = 0; i < THREADS; i++)
            test_spawn(&threads[i], run_it, NULL);
        test_gate_await(&gate, THREADS);
        test_gate_open(&gate);
        for (int i = 0; i < THREADS; i++)
            test_join(&threads[i]);
        CHECK_EQ(runs, 1);
    }
}

static void wait_at_gate_and_count(void *arg)
{
    test_gate_wait(&gate);
    count_run(arg);
}

static void *run_slowly(void *unused)
{
    thrum_once_run(&once, wait_at_gate_and_count, NULL);
    return unused;
}

static void *await_run(void *unused)
{
    thrum_once_run(&once, not_reached, NULL);
    CHECK_EQ(runs, 1);
    return unused;
}

TEST(once, all_that_come_during_the_run_wait_for_its_end)
{
    test_thread runner, waiters[THREADS];
    test_spawn(&runner, run_slowly, NULL);
    test_gate_await(&gate, 1);
    for (int i = 0; i < THREADS; i++)
        test_spawn(&waiters[i], await_run, NULL);
    for (int i = 0; i < THREADS; i++)
        test_wait_asleep(waiters[i].tid);
    CHECK_EQ(runs, 0);
    test_gate_open(&gate);
    test_join(&runner);
    for (int i = 0; i < THREADS; i++)
        test_join(&waiters[i]);
    CHECK_EQ(runs, 1);
}

static bool signals_ended;

static void *await_run_in_a_storm(void *unused)
{
    thrum_once_run(&once, not_reached, NULL);
    CHECK(__atomic_load_n(&signals_ended, __ATOMIC_ACQUIRE));
    return unused;
}

TEST(once, signals_end_no_wait)
{
    test_thread runner, waiter;
    test_signals storm;
    test_spawn(&runner, run_slowly, NULL);
    test_gate_await(&gate, 1);
    test_spawn(&waiter, await_run_in_a_storm, NULL);
    test_wait_asleep(waiter.tid);
    test_send_signals(&storm, waiter.handle, SIGUSR1, 50);
    for (int i = 0; i < 5; i++)
        test_wait_asleep(waiter.tid);
    test_stop_signals(&storm);
    __atomic_store_n(&signals_ended, true, __ATOMIC_RELEASE);
    test_gate_open(&gate);
    test_join(&waiter);
    test_join(&runner);
}

/* ---- freeing ---- */

static void *run_slowly_and_touch_no_more(void *arg)
{
    thrum_once_run(arg, wait_at_gate_and_count, NULL);
    return NULL;
}

static void *run_and_free(void *arg)
{
    thrum_once_run(arg, not_reached, NULL);
    memset(arg, 0xa5, sizeof(thrum_once));
    free(arg);
    return NULL;
}

/** The runner's call may still be returning: its last access to the once is the store. */
TEST_LIMIT(once, may_be_freed_by_one_who_waited, 60)
{
    for (int round = 0; round < 30; round++) {
        test_thread runner, waiter;
        thrum_once *object = calloc(1, sizeof *object);
        test_gate_close(&gate);
        test_spawn(&runner, run_slowly_and_touch_no_more, object);
        test_gate_await(&gate, 1);
        test_spawn(&waiter, run_and_free, object);
        test_wait_asleep(waiter.tid);
        test_gate_open(&gate);
        test_join(&waiter);
        test_join(&runner);
    }
    CHECK_EQ(runs, 30);
}

/* ---- left in the middle ---- */

static void leave_by_exit(void *arg)
{
    test_gate_wait(&gate);
    pthread_exit(arg);
}

static void *run_and_exit(void *arg)
{
    thrum_once_run(&once, leave_by_exit, arg);
    return NULL;
}

static void *run_after_all(void *unused)
{
    thrum_once_run(&once, count_run, NULL);
    CHECK_EQ(runs, 1);
    return unused;
}

TEST(once, a_function_left_by_pthread_exit_has_not_run)
{
    test_thread leaver;
    test_gate_open(&gate);
    test_spawn(&leaver, run_and_exit, &once);
    CHECK_PTR(test_join(&leaver), &once);
    CHECK_EQ(runs, 0);
    run_after_all(NULL);
    thrum_once_run(&once, not_reached, NULL);
}

TEST(once, a_function_left_by_pthread_exit_lets_the_next_one_run_it)
{
    test_thread leaver, waiters[4];
    test_spawn(&leaver, run_and_exit, &once);
    test_gate_await(&gate, 1);
    for (int i = 0; i < 4; i++)
        test_spawn(&waiters[i], run_after_all, NULL);
    for (int i = 0; i < 4; i++)
        test_wait_asleep(waiters[i].tid);
    test_gate_open(&gate);
    CHECK_PTR(test_join(&leaver), &once);
    for (int i = 0; i < 4; i++)
        test_join(&waiters[i]);
    CHECK_EQ(runs, 1);
}

/** Not asleep: ThreadSanitizer loses count of a call that is cancelled while it blocks. */
static void await_cancellation(void *unused)
{
    (void)unused;
    test_gate_open(&gate);
    for (;;) {
        pthread_testcancel();
        sched_yield();
    }
}

static void *run_and_be_cancelled(void *unused)
{
    thrum_once_run(&once, await_cancellation, NULL);
    return unused;
}

TEST(once, a_cancelled_function_lets_the_next_one_run_it)
{
    test_thread cancelled, waiter;
    test_spawn(&cancelled, run_and_be_cancelled, NULL);
    test_gate_wait(&gate);
    test_spawn(&waiter, run_after_all, NULL);
    test_wait_asleep(waiter.tid);
    CHECK_EQ(pthread_cancel(cancelled.handle), 0);
    CHECK_PTR(test_join(&cancelled), PTHREAD_CANCELED);
    test_join(&waiter);
    CHECK_EQ(runs, 1);
}

/* ---- misuse ---- */

static unsigned misuses;
static char misuse_line[TEXT_BYTES];
static const void *misuse_object;

static void note_misuse(const char *what, const void *object)
{
    misuses++;
    misuse_object = object;
    snprintf(misuse_line, sizeof misuse_line, "%s", what);
}

static void run_itself(void *unused)
{
    thrum_once_run(&once, not_reached, unused);
    runs++;
}

TEST_DIES(once, running_it_from_inside_itself_aborts, SIGABRT)
{
    thrum_once_run(&once, run_itself, NULL);
}

TEST(once, running_it_from_inside_itself_is_told_and_does_nothing)
{
    char what[64];
    snprintf(what, sizeof what, "run of Once %p from inside itself", (void *)&once);
    thrum_set_misuse_handler(note_misuse);
    thrum_once_run(&once, run_itself, NULL);
    CHECK_EQ(misuses, 1);
    CHECK_PTR(misuse_object, &once);
    CHECK_CONTAINS(misuse_line, what);
    CHECK_CONTAINS(misuse_line, "\"MainThread\"");
    CHECK_EQ(runs, 1);
    thrum_once_run(&once, not_reached, NULL);
}

static void run_itself_before_waiters(void *unused)
{
    test_gate_wait(&gate);
    run_itself(unused);
}

static void *run_recursively(void *unused)
{
    thrum_once_run(&once, run_itself_before_waiters, NULL);
    return unused;
}

TEST(once, running_it_from_inside_itself_is_told_though_others_wait)
{
    test_thread runner, waiter;
    thrum_set_misuse_handler(note_misuse);
    test_spawn(&runner, run_recursively, NULL);
    test_gate_await(&gate, 1);
    test_spawn(&waiter, await_run, NULL);
    test_wait_asleep(waiter.tid);
    test_gate_open(&gate);
    test_join(&runner);
    test_join(&waiter);
    CHECK_EQ(misuses, 1);
    CHECK_EQ(runs, 1);
}

TEST(once, null_is_misuse)
{
    thrum_set_misuse_handler(note_misuse);
    misuse_object = &once;
    thrum_once_run(NULL, not_reached, NULL);
    CHECK_EQ(misuses, 1);
    CHECK_PTR(misuse_object, NULL);
    CHECK_CONTAINS(misuse_line, "run of a once that is NULL");
}

TEST_DIES(once, null_aborts, SIGABRT)
{
    thrum_once_run(NULL, not_reached, NULL);
}
