// SPDX-License-Identifier: MIT
/** @file
 *  The test of the runner: every detector is shown to fire.
 *
 *  The hidden cases named "specimen" do what a case must not do. The others run them, one at a
 *  time, in a forked copy of this program and look at the verdict. */
#define _GNU_SOURCE 1
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Keeps the compiler from seeing that a block is never used. */
static void *volatile kept;

static void sleep_s(long seconds)
{
    struct timespec left = {.tv_sec = seconds};
    while (nanosleep(&left, &left) != 0)
        continue;
}

static void *sleep_long(void *arg)
{
    (void)arg;
    sleep_s(60);
    return NULL;
}

static void *return_arg(void *arg)
{
    return arg;
}

/* ---- Running a specimen. ---- */

static char output[16384];

static void run_suite(void *arg)
{
    const char *filter = arg;
    char name[] = "specimens";
    char hidden[] = "--hidden";
    char filter_option[] = "--filter";
    char text[128];
    snprintf(text, sizeof text, "%s", filter);
    char *argv[] = {name, hidden, filter_option, text, NULL};
    dup2(STDOUT_FILENO, STDERR_FILENO);
    exit(test_main(4, argv));
}

/* Run the specimens whose names contain `filter`, leaving what they print in `output`. */
static int run_specimen(const char *filter)
{
    char text[128];
    snprintf(text, sizeof text, "%s", filter);
    return test_capture(STDOUT_FILENO, run_suite, text, output, sizeof output);
}

static void check_fails(const char *filter, const char *message)
{
    int status = run_specimen(filter);
    CHECK_CONTAINS(output, message);
    CHECK_CONTAINS(output, "specimens: 1 cases, 1 failed");
    CHECK_EXITED(status, 1);
}

static void check_passes(const char *filter)
{
    int status = run_specimen(filter);
    CHECK_CONTAINS(output, "specimens: 1 cases, 0 failed");
    CHECK_EXITED(status, 0);
}

/* ---- Leaks. ---- */

TEST_HIDDEN(specimen, leaks_memory, 5)
{
    kept = malloc(37);
}

TEST(leaks, of_memory_fail_the_case_and_name_the_caller)
{
    check_fails("leaks_memory", "1 allocations leaked");
    CHECK_CONTAINS(output, "37 bytes in ");
}

TEST_HIDDEN(specimen, leaks_through_realloc, 5)
{
    kept = malloc(1);
    kept = realloc(kept, 4000);
}

TEST(leaks, of_a_resized_block_count_once_with_its_new_size)
{
    check_fails("leaks_through_realloc", "1 allocations leaked");
    CHECK_CONTAINS(output, "4000 bytes in ");
}

TEST_HIDDEN(specimen, leaks_a_descriptor, 5)
{
    CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
}

TEST(leaks, of_a_descriptor_fail_the_case_and_name_the_file)
{
    check_fails("leaks_a_descriptor", "1 descriptors leaked");
    CHECK_CONTAINS(output, "/dev/null");
}

TEST_HIDDEN(specimen, leaks_a_thread, 5)
{
    static test_thread thread;
    test_spawn(&thread, sleep_long, NULL);
}

TEST(leaks, of_a_thread_fail_the_case)
{
    check_fails("leaks_a_thread", "1 threads leaked");
}

TEST_HIDDEN(specimen, leaves_what_it_announced, 5)
{
    static test_thread thread;
    test_allow_threads(1);
    test_allow_descriptors(1);
    test_allow_allocations(1);
    test_spawn(&thread, sleep_long, NULL);
    kept = malloc(1);
    CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
}

TEST(leaks, that_were_announced_pass)
{
    check_passes("leaves_what_it_announced");
}

static void *sleep_briefly(void *arg)
{
    (void)arg;
    struct timespec left = {.tv_nsec = 50000000};
    nanosleep(&left, NULL);
    return NULL;
}

TEST(leaks, of_a_thread_that_is_about_to_end_are_none)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, sleep_briefly, NULL), 0);
    CHECK_EQ(pthread_detach(thread), 0);
}

TEST(leaks, are_none_when_everything_is_given_back)
{
    void *volatile block = malloc(10);
    CHECK(block != NULL);
    block = realloc(block, 100);
    CHECK_EQ(test_live_allocations(), 1);
    free(block);
    CHECK_EQ(test_live_allocations(), 0);
}

/* ---- Time. ---- */

TEST_HIDDEN(specimen, hangs, 1)
{
    sleep_s(60);
}

TEST(limit, ends_a_case_that_hangs)
{
    CHECK_EQ(setenv("THRUM_TEST_TIME_FACTOR", "1", 1), 0);
    check_fails("specimen, hangs", "Test timeout expired");
}

TEST_HIDDEN(specimen, takes_longer_than_a_second, 1)
{
    struct timespec left = {.tv_sec = 1, .tv_nsec = 300000000};
    nanosleep(&left, NULL);
}

TEST(limit, grows_by_the_factor_of_the_environment)
{
    CHECK_EQ(setenv("THRUM_TEST_TIME_FACTOR", "8", 1), 0);
    CHECK_EQ(test_time_factor(), 8);
    check_passes("takes_longer_than_a_second");
}

/* ---- Ends of a case. ---- */

TEST_HIDDEN(specimen, crashes, 5)
{
    signal(SIGSEGV, SIG_DFL); /* Where a sanitizer would turn the signal into an exit. */
    raise(SIGSEGV);
}

TEST(end, by_a_signal_fails_the_case)
{
    check_fails("specimen, crashes", "signal 11");
}

TEST_HIDDEN(specimen, exits_early, 5)
{
    _exit(7);
}

TEST(end, by_an_exit_fails_the_case)
{
    check_fails("specimen, exits_early", "Early exit with return value 7");
}

TEST_DEFINE(specimen, survives_its_death, .limit_s = 5, .signo = SIGABRT, .hidden = true)
{
}

TEST_DEFINE(specimen, dies_otherwise, .limit_s = 5, .signo = SIGABRT, .hidden = true)
{
    raise(SIGKILL);
}

TEST_DEFINE(specimen, fails_a_check_before_its_death, .limit_s = 5, .signo = SIGABRT,
            .hidden = true)
{
    CHECK_EQ(1, 2);
    abort();
}

TEST_DEFINE(specimen, returns_without_exit, .limit_s = 5, .exits = true, .hidden = true)
{
}

TEST_DEFINE(specimen, exits_otherwise, .limit_s = 5, .exits = true, .code = 3, .hidden = true)
{
    exit(4);
}

TEST_DEFINE(specimen, fails_a_check_before_exit_1, .limit_s = 5, .exits = true, .code = 1,
            .hidden = true)
{
    CHECK_EQ(1, 2);
    exit(1);
}

TEST(end, must_come_where_it_is_announced)
{
    check_fails("survives_its_death", "should have ended the process");
    check_fails("returns_without_exit", "should have ended the process");
}

TEST(end, must_be_the_one_announced)
{
    check_fails("dies_otherwise", "signal 9");
    check_fails("exits_otherwise", "return value 4");
}

TEST(end, by_a_failed_check_is_never_the_one_announced)
{
    check_fails("fails_a_check_before_its_death", "1 == 2: 1 and 2");
    check_fails("fails_a_check_before_exit_1", "1 == 2: 1 and 2");
}

TEST_DIES(end, by_an_announced_signal_passes, SIGABRT)
{
    abort();
}

TEST_EXITS(end, by_an_announced_exit_passes, 3)
{
    exit(3);
}

TEST_EXITS(end, by_an_announced_exit_with_success_passes, 0)
{
    exit(0);
}

/* ---- Checks. ---- */

TEST_HIDDEN(specimen, fails_a_condition, 5)
{
    CHECK(kept != NULL);
}

TEST_HIDDEN(specimen, fails_a_string, 5)
{
    CHECK_STR("one", "two");
}

TEST_HIDDEN(specimen, fails_a_status, 5)
{
    CHECK_STATUS(0 - ETIMEDOUT, 0);
}

TEST_HIDDEN(specimen, fails_a_pointer, 5)
{
    CHECK_PTR(&kept, NULL);
}

TEST_HIDDEN(specimen, fails_with_a_message, 5)
{
    FAIL("reason %d", 42);
}

static void *fail_a_check(void *arg)
{
    (void)arg;
    CHECK_EQ(2 + 2, 5);
    return NULL;
}

TEST_HIDDEN(specimen, fails_in_a_thread, 5)
{
    static test_thread thread;
    test_spawn(&thread, fail_a_check, NULL);
    test_join(&thread);
}

TEST_HIDDEN(specimen, fails_in_many_threads, 5)
{
    static test_thread threads[8];
    for (size_t at = 0; at < 8; at++)
        test_spawn(&threads[at], fail_a_check, NULL);
    for (size_t at = 0; at < 8; at++)
        test_join(&threads[at]);
}

TEST_HIDDEN(specimen, fails_without_memory, 5)
{
    test_fail_allocations_from(1);
    CHECK_EQ(2 + 2, 5);
}

TEST(check, prints_its_operands_and_place)
{
    check_fails("fails_a_condition", "CHECK(kept != NULL)");
    CHECK_CONTAINS(output, "test_runner.c:");
    check_fails("fails_a_string", "\"two\"");
    check_fails("fails_a_status", "0 - ETIMEDOUT returned -110 (");
    check_fails("fails_a_pointer", "&kept == NULL: ");
    check_fails("fails_with_a_message", "reason 42");
}

TEST(check, fails_the_case_from_any_thread)
{
    check_fails("fails_in_a_thread", "2 + 2 == 5: 4 and 5");
    check_fails("fails_in_many_threads", "2 + 2 == 5: 4 and 5");
}

TEST(check, reports_while_allocations_fail)
{
    check_fails("fails_without_memory", "2 + 2 == 5: 4 and 5");
}

TEST(check, accepts_what_holds)
{
    const uint64_t big = UINT64_MAX;
    const bool yes = true;
    CHECK(yes);
    CHECK_EQ(big, UINT64_MAX);
    CHECK_EQ(yes, 1);
    CHECK_NE(1, 2);
    CHECK_LT(-1, 0);
    CHECK_LE(0, 0);
    CHECK_GT(INT64_MAX, 0);
    CHECK_GE(1, 1);
    CHECK_STR("a", "a");
    CHECK_STR(NULL, NULL);
    CHECK_CONTAINS("haystack", "stack");
    CHECK_LACKS("haystack", "needle");
    CHECK_PTR(&big, &big);
    CHECK_NEAR(0.1 + 0.2, 0.3, 1e-12);
    CHECK_NEAR(NAN, NAN, 0);
    CHECK_NEAR(INFINITY, INFINITY, 0);
    CHECK_STATUS(0, 0);
}

/* ---- Fault injection. ---- */

/* One call of each wrapped function that allocates; the block is freed by the caller. */
enum { KINDS = 11 };

static char *print_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *print_text(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    return length < 0 ? NULL : text;
}

static void *allocate(int kind)
{
    void *block = NULL;
    char *text = NULL;
    switch (kind) {
    case 0: return malloc(16);
    case 1: return calloc(2, 8);
    case 2: return realloc(NULL, 16);
    case 3: return reallocarray(NULL, 2, 8);
    case 4: return aligned_alloc(64, 64);
    case 5: return posix_memalign(&block, 64, 64) == 0 ? block : NULL;
    case 6: return strdup(output);
    case 7: return strndup(output, 3);
    case 8: return asprintf(&text, "%d", kind) < 0 ? NULL : text;
    case 9: return print_text("%d", kind);
    default: return memalign(64, 64);
    }
}

TEST(injection, reaches_every_allocating_function)
{
    for (int kind = 0; kind < KINDS; kind++) {
        const unsigned long before = test_allocations();
        kept = allocate(kind);
        CHECK(kept != NULL);
        CHECK_EQ(test_allocations(), before + 1);
        CHECK_EQ(test_live_allocations(), 1);
        free(kept);
        test_fail_allocation(1);
        kept = allocate(kind);
        CHECK_PTR(kept, NULL);
        CHECK_EQ(test_failures_injected(), 1);
        CHECK_EQ(test_live_allocations(), 0);
    }
}

TEST(injection, fails_the_nth_allocation_once)
{
    test_fail_allocation(2);
    /* Through a pointer, because clang takes it that malloc leaves errno alone. */
    void *(*volatile call)(size_t) = malloc;
    void *first = call(1);
    errno = 0;
    void *second = call(1);
    int error = errno;
    void *third = call(1);
    CHECK(first != NULL && third != NULL);
    CHECK_PTR(second, NULL);
    CHECK_EQ(error, ENOMEM);
    CHECK_EQ(test_failures_injected(), 1);
    CHECK_EQ(test_allocations(), 3);
    free(first);
    free(third);
}

TEST(injection, fails_the_nth_allocation_and_all_later_ones)
{
    test_fail_allocations_from(2);
    void *volatile first = malloc(1);
    void *volatile second = malloc(1);
    void *volatile third = malloc(1);
    test_fail_allocation(0);
    void *volatile fourth = malloc(1);
    CHECK(first != NULL && second == NULL && third == NULL && fourth != NULL);
    CHECK_EQ(test_failures_injected(), 2);
    free(first);
    free(fourth);
}

TEST(injection, leaves_a_block_alone_that_could_not_be_resized)
{
    void *volatile block = malloc(8);
    test_fail_allocation(1);
    void *volatile moved = realloc(block, 1 << 20);
    CHECK_PTR(moved, NULL);
    CHECK_EQ(test_live_allocations(), 1);
    free(block);
}

TEST(injection, fails_thread_creation)
{
    pthread_t thread;
    test_fail_thread_creation(1);
    CHECK_EQ(pthread_create(&thread, NULL, return_arg, NULL), EAGAIN);
    CHECK_EQ(test_failures_injected(), 1);
    CHECK_EQ(pthread_create(&thread, NULL, return_arg, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(test_thread_creations(), 2);
}

/* Allocates twice, and gives the first block back when it cannot have the second. */
static bool make_pair(bool leak)
{
    void *volatile first = malloc(1);
    if (first == NULL)
        return false;
    void *volatile second = malloc(1);
    if (second != NULL || !leak)
        free(first);
    free(second);
    return second != NULL;
}

TEST(sweep, fails_each_allocation_in_turn_and_ends)
{
    int runs = 0;
    TEST_SWEEP_ALLOCATIONS
    {
        runs++;
        CHECK_EQ(make_pair(false), test_failures_injected() == 0);
    }
    CHECK_EQ(runs, 3);
    CHECK(make_pair(false));
}

TEST(sweep, is_switched_off_by_break)
{
    TEST_SWEEP_ALLOCATIONS
    {
        break;
    }
    CHECK(make_pair(false));
}

TEST(sweep, fails_each_thread_creation_in_turn_and_ends)
{
    int runs = 0;
    TEST_SWEEP_THREADS
    {
        pthread_t thread;
        runs++;
        if (pthread_create(&thread, NULL, return_arg, NULL) == 0)
            CHECK_EQ(pthread_join(thread, NULL), 0);
    }
    CHECK_EQ(runs, 2);
}

TEST_HIDDEN(specimen, leaks_in_one_run_of_a_sweep, 5)
{
    TEST_SWEEP_ALLOCATIONS
    {
        make_pair(true);
    }
}

TEST_HIDDEN(specimen, sweeps_without_end, 60)
{
    TEST_SWEEP_ALLOCATIONS
    {
        test_fail_allocation(1); /* So that each run meets a failure. */
        kept = malloc(1);
    }
}

TEST(sweep, names_the_run_that_leaks)
{
    check_fails("leaks_in_one_run_of_a_sweep", "in the run where call 2 failed");
}

TEST_LIMIT(sweep, is_bounded, 60)
{
    check_fails("sweeps_without_end", "the sweep does not end after");
}

/* ---- Setup. ---- */

static void *volatile of_the_process;

TEST_SETUP()
{
    of_the_process = malloc(1);
}

TEST(setup, runs_before_the_case_and_leaks_nothing)
{
    CHECK(of_the_process != NULL);
    CHECK_EQ(test_live_allocations(), 0);
}

/* ---- Threads, gates and awaited states. ---- */

TEST(thread, hands_back_its_result_and_counts_nowhere)
{
    int value = 0;
    test_thread thread;
    test_fail_thread_creation(1);
    test_spawn(&thread, return_arg, &value);
    CHECK_GT(thread.tid, 0);
    CHECK_NE(thread.tid, test_thread_id());
    CHECK_PTR(test_join(&thread), &value);
    CHECK_EQ(test_thread_creations(), 0);
}

static void *wait_at_gate(void *arg)
{
    test_gate *gate = arg;
    test_gate_wait(gate);
    return NULL;
}

TEST(gate, holds_threads_until_it_is_opened)
{
    test_gate gate = TEST_GATE_INIT;
    test_thread threads[3];
    for (size_t at = 0; at < 3; at++)
        test_spawn(&threads[at], wait_at_gate, &gate);
    test_gate_await(&gate, 3);
    CHECK(!test_gate_is_open(&gate));
    test_wait_asleep(threads[0].tid);
    test_gate_open(&gate);
    for (size_t at = 0; at < 3; at++)
        test_join(&threads[at]);
    test_gate_wait(&gate);
    test_gate_close(&gate);
    CHECK(!test_gate_is_open(&gate));
}

TEST(sleeping, is_false_of_a_running_thread_and_of_none)
{
    CHECK(!test_is_sleeping(test_thread_id()));
    CHECK(!test_is_sleeping(0));
}

static bool is_never(void *arg)
{
    (void)arg;
    return false;
}

TEST_HIDDEN(specimen, awaits_what_never_comes, 30)
{
    test_limit_waits(1);
    test_wait_until(is_never, NULL);
}

TEST(waiting, for_a_state_is_bounded)
{
    check_fails("awaits_what_never_comes", "is_never does not hold after");
}

static volatile sig_atomic_t handled;

static void count_signal(int signo)
{
    (void)signo;
    handled = handled + 1;
}

static bool handled_ten(void *arg)
{
    (void)arg;
    return handled >= 10;
}

TEST(storm, reaches_the_handler_that_the_test_installed)
{
    struct sigaction action = {.sa_handler = count_signal};
    sigaction(SIGUSR1, &action, NULL);
    test_signals storm;
    test_send_signals(&storm, pthread_self(), SIGUSR1, 100);
    test_wait_until(handled_ten, NULL);
    CHECK_GE(test_stop_signals(&storm), 10);
}

static void *sleep_until_interrupted(void *arg)
{
    struct timespec left = {.tv_sec = 20};
    return nanosleep(&left, NULL) != 0 && errno == EINTR ? arg : NULL;
}

static bool has_ended(void *arg)
{
    const pid_t *tid = arg;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d", (int)*tid);
    return access(path, F_OK) != 0;
}

TEST(storm, interrupts_system_calls_without_a_handler_of_the_test)
{
    test_thread thread;
    test_signals storm;
    test_spawn(&thread, sleep_until_interrupted, &thread);
    test_send_signals(&storm, thread.handle, SIGUSR2, 100);
    test_wait_until(has_ended, &thread.tid);
    test_stop_signals(&storm);
    CHECK_PTR(test_join(&thread), &thread);
}

/* ---- Children. ---- */

static void leave_with_5(void *arg)
{
    (void)arg;
    exit(5);
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static void do_abort(void *arg)
{
    (void)arg;
    abort();
}

static void fail_in_child(void *arg)
{
    (void)arg;
    CHECK_EQ(1, 2);
}

TEST(child, tells_how_it_ended)
{
    CHECK_EXITED(test_run_child(do_nothing, NULL), 0);
    CHECK_EXITED(test_run_child(leave_with_5, NULL), 5);
    CHECK_DIED(test_run_child(do_abort, NULL), SIGABRT);
}

TEST(child, prints_and_exits_when_a_check_fails_in_it)
{
    char text[256];
    CHECK_EXITED(test_capture_stderr(fail_in_child, NULL, text, sizeof text), TEST_CHILD_FAILED);
    CHECK_CONTAINS(text, "1 == 2: 1 and 2");
}

static void write_much(void *arg)
{
    (void)arg;
    for (int line = 0; line < 50000; line++)
        fprintf(stderr, "line %d\n", line);
}

TEST(capture, cuts_what_does_not_fit_and_reads_on)
{
    char text[8];
    CHECK_EXITED(test_capture_stderr(write_much, NULL, text, sizeof text), 0);
    CHECK_STR(text, "line 0\n");
}

static void say_and_leave_with_5(void *line)
{
    test_say(line);
    exit(5);
}

TEST_HIDDEN(specimen, has_a_program_that_says_another_line, 5)
{
    CHECK_PROGRAM(say_and_leave_with_5, "this", 5, "that\n");
}

TEST_HIDDEN(specimen, has_a_program_that_ends_otherwise, 5)
{
    CHECK_PROGRAM(say_and_leave_with_5, "this", 0, "this\n");
}

TEST(program, is_judged_by_what_it_writes_and_how_it_ends)
{
    CHECK_PROGRAM(say_and_leave_with_5, "this", 5, "this\n");
    CHECK_PROGRAM(do_nothing, NULL, 0, "");
    check_fails("has_a_program_that_says_another_line", "say_and_leave_with_5 == what it should");
    check_fails("has_a_program_that_ends_otherwise", "the child exited with 5");
}

static void close_and_sleep(void *arg)
{
    (void)arg;
    close(STDERR_FILENO);
    sleep_s(60);
}

TEST_HIDDEN(specimen, has_a_child_that_hangs, 30)
{
    char text[8];
    test_limit_waits(1);
    test_capture_stderr(close_and_sleep, NULL, text, sizeof text);
}

TEST(child, that_hangs_is_killed_and_fails_the_case)
{
    check_fails("has_a_child_that_hangs", "a child process did not end within");
}

/* ---- The command line. ---- */

static void run_list(void *arg)
{
    (void)arg;
    char name[] = "specimens";
    char list[] = "--list";
    char *argv[] = {name, list, NULL};
    exit(test_main(2, argv));
}

static void run_unknown(void *arg)
{
    (void)arg;
    char name[] = "specimens";
    char unknown[] = "--unknown";
    char *argv[] = {name, unknown, NULL};
    exit(test_main(2, argv));
}

static void run_unforked(void *arg)
{
    (void)arg;
    char name[] = "specimens";
    char no_fork[] = "--no-fork";
    char filter[] = "--filter";
    char leaks[] = "are_none_when";
    char *argv[] = {name, no_fork, filter, leaks, NULL};
    exit(test_main(4, argv));
}

TEST(list, prints_the_cases_without_running_them)
{
    CHECK_EXITED(test_capture(STDOUT_FILENO, run_list, NULL, output, sizeof output), 0);
    CHECK_CONTAINS(output, "\nlist, prints_the_cases_without_running_them\n");
    CHECK_LACKS(output, "specimen, ");
}

TEST(arguments, that_are_unknown_are_refused)
{
    CHECK_EXITED(test_capture_stderr(run_unknown, NULL, output, sizeof output), 2);
    CHECK_CONTAINS(output, "usage: specimens");
}

TEST(filter, that_selects_nothing_is_refused)
{
    CHECK_EXITED(run_specimen("no such case"), 2);
    CHECK_CONTAINS(output, "no case is selected");
}

TEST(no_fork, runs_a_case_in_the_process_itself)
{
    CHECK_EXITED(test_capture(STDOUT_FILENO, run_unforked, NULL, output, sizeof output), 0);
    CHECK_CONTAINS(output, "specimens: 1 cases, 0 failed");
}
