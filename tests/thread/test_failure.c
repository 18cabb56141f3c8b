/* SPDX-License-Identifier: MIT */
/** @file
 *  Failure: thrum_fail and the excepthook. */
#include "thread/failure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runner.h"
#include "thrum/local.h"

/** What the last call of the hook was told. */
static struct told {
    int calls, code;
    char message[256], name[64];
    const thrum_thread *thread;
    uint64_t ident;
} told;

static void note(const thrum_thread *thread, const thrum_error *error)
{
    told.calls++;
    told.code = error->code;
    snprintf(told.message, sizeof told.message, "%s", error->message);
    snprintf(told.name, sizeof told.name, "%s", error->thread_name);
    told.thread = thread;
    told.ident = thrum_get_ident();
}

/** Run a thread called "reader" to its end with `hook` installed; it must have no result. */
static void run_with_hook(thrum_excepthook hook, thrum_target target, void *arg)
{
    CHECK(thrum_set_excepthook(hook) == NULL);
    thrum_thread *thread = thrum_spawn(target, arg, .name = "reader");
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_PTR(thrum_thread_result(thread), NULL);
    if (told.calls > 0) {
        CHECK_PTR(told.thread, thread);
        CHECK_EQ(told.ident, thrum_thread_ident(thread));
    }
    thrum_thread_free(thread);
    CHECK(thrum_set_excepthook(NULL) == hook);
    CHECK_EQ(thrum_active_count(), 1);
}

static void *fail_to_read(void *arg)
{
    return thrum_fail(EIO, "cannot read %s", (const char *)arg);
}

TEST(failure, is_told_to_the_hook_in_the_failing_thread)
{
    char path[] = "/etc/motd";
    run_with_hook(note, fail_to_read, path);
    CHECK_EQ(told.calls, 1);
    CHECK_EQ(told.code, EIO);
    CHECK_STR(told.message, "cannot read /etc/motd");
    CHECK_STR(told.name, "reader");
}

static void *fail_but_return(void *arg)
{
    thrum_fail(1, "first");
    thrum_fail(2, "second, which counts");
    return arg;
}

TEST(failure, the_last_call_counts_and_there_is_no_result)
{
    run_with_hook(note, fail_but_return, &told);
    CHECK_EQ(told.calls, 1);
    CHECK_EQ(told.code, 2);
    CHECK_STR(told.message, "second, which counts");
}

static void *fail_and_exit(void *arg)
{
    thrum_fail(7, "then exit");
    pthread_exit(arg);
}

TEST(failure, is_told_after_pthread_exit_too)
{
    run_with_hook(note, fail_and_exit, &told);
    CHECK_EQ(told.calls, 1);
    CHECK_EQ(told.code, 7);
}

static void *succeed(void *arg)
{
    (void)arg;
    return NULL;
}

TEST(failure, of_nobody_is_not_told)
{
    run_with_hook(note, succeed, NULL);
    CHECK_EQ(told.calls, 0);
}

TEST(failure, outside_of_a_target_does_nothing)
{
    long live = test_live_allocations();
    CHECK_PTR(thrum_fail(1, "nobody hears"), NULL);
    CHECK_EQ(test_live_allocations(), live);
    run_with_hook(note, succeed, NULL);
    CHECK_EQ(told.calls, 0);
}

static void *fail_with_errno(void *arg)
{
    const char *volatile format = "%m"; /* glibc's, which ISO C does not know */
    errno = ENOENT;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-security"
    thrum_fail(1, format);
#pragma GCC diagnostic pop
    *(int *)arg = errno;
    return NULL;
}

TEST(failure, keeps_errno_and_understands_percent_m)
{
    int error = 0;
    run_with_hook(note, fail_with_errno, &error);
    CHECK_EQ(error, ENOENT);
    CHECK_STR(told.message, strerror(ENOENT));
}

static void *fail_at_length(void *arg)
{
    return thrum_fail(1, "%0*d", *(int *)arg, 0);
}

static size_t length_told;

static void note_length(const thrum_thread *thread, const thrum_error *error)
{
    (void)thread;
    length_told = strlen(error->message);
}

TEST(failure, messages_have_any_length)
{
    int lengths[] = {1, 511, 512, 100000};
    for (int i = 0; i < 4; i++) {
        run_with_hook(note_length, fail_at_length, &lengths[i]);
        CHECK_EQ(length_told, lengths[i]);
    }
}

static void *fail_without_format(void *arg)
{
    const char *volatile none = arg;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-security"
    return thrum_fail(1, none);
#pragma GCC diagnostic pop
}

TEST(failure, a_null_format_is_an_empty_message)
{
    run_with_hook(note, fail_without_format, NULL);
    CHECK_EQ(told.calls, 1);
    CHECK_STR(told.message, "");
}

static void *fail_without_memory(void *arg)
{
    test_fail_allocations_from(1);
    thrum_fail(5, "long enough to need memory");
    test_fail_allocations_from(0);
    return arg;
}

TEST(failure, without_memory_is_still_a_failure)
{
    run_with_hook(note, fail_without_memory, &told);
    CHECK_EQ(told.calls, 1);
    CHECK_EQ(told.code, 5);
    CHECK_CONTAINS(told.message, "no memory");
}

/* ---- hooks that misbehave ---- */

static void fail_again(const thrum_thread *thread, const thrum_error *error)
{
    CHECK_PTR(thrum_fail(99, "from the hook"), NULL);
    note(thread, error);
}

TEST(failure, a_hook_that_fails_changes_nothing)
{
    char path[] = "x";
    run_with_hook(fail_again, fail_to_read, path);
    CHECK_EQ(told.calls, 1);
    CHECK_EQ(told.code, EIO);
    CHECK_STR(told.message, "cannot read x");
}

static int values_destroyed;

static void destroy_value(void *value)
{
    (void)value;
    values_destroyed++;
}

static thrum_local value = THRUM_LOCAL(NULL, destroy_value);

static void exit_in_hook(const thrum_thread *thread, const thrum_error *error)
{
    note(thread, error);
    pthread_exit(NULL);
}

static void *set_and_fail(void *arg)
{
    CHECK_STATUS(thrum_local_set(&value, arg), 0);
    return thrum_fail(3, "x");
}

TEST(failure, a_hook_that_exits_ends_the_thread_properly)
{
    run_with_hook(exit_in_hook, set_and_fail, &told);
    CHECK_EQ(told.calls, 1);
    CHECK_EQ(values_destroyed, 1);
}

static void *set_fail_and_exit(void *arg)
{
    set_and_fail(arg);
    pthread_exit(NULL);
}

TEST(failure, an_exit_in_the_hook_of_an_exit_ends_the_thread_properly)
{
    run_with_hook(exit_in_hook, set_fail_and_exit, &told);
    CHECK_EQ(told.calls, 1);
    CHECK_EQ(values_destroyed, 1);
}

/* ---- the default hook ---- */

static void run_reader(void *arg)
{
    thrum_thread *thread = thrum_spawn(fail_to_read, arg, .name = "reader");
    CHECK_STATUS(thrum_thread_join(thread), 0);
    thrum_thread_free(thread);
}

TEST(failure, default_hook_prints_one_line)
{
    char said[512], path[] = "/etc/motd";
    CHECK_EXITED(test_capture_stderr(run_reader, path, said, sizeof said), 0);
    CHECK_STR(said, "Exception in thread reader: cannot read /etc/motd\n");
}

static void fail_long(void *arg)
{
    thrum_thread *thread = thrum_spawn(fail_at_length, arg, .name = "long");
    CHECK_STATUS(thrum_thread_join(thread), 0);
    thrum_thread_free(thread);
}

TEST(failure, default_hook_prints_long_messages_whole)
{
    char said[4096];
    int length = 2000;
    CHECK_EXITED(test_capture_stderr(fail_long, &length, said, sizeof said), 0);
    CHECK_EQ(strlen(said), strlen("Exception in thread long: ") + 2000 + 1);
    CHECK_EQ(said[strlen(said) - 1], '\n');
}

static void *fail_long_without_memory(void *arg)
{
    fail_at_length(arg);
    test_fail_allocations_from(1);
    return NULL;
}

static void fail_long_and_print_without_memory(void *arg)
{
    thrum_thread *thread = thrum_spawn(fail_long_without_memory, arg, .name = "long");
    CHECK_STATUS(thrum_thread_join(thread), 0);
    _exit(0);
}

TEST(failure, default_hook_prints_what_it_can_without_memory)
{
    char said[4096];
    int length = 2000;
    int status =
        test_capture_stderr(fail_long_and_print_without_memory, &length, said, sizeof said);
    CHECK_EXITED(status, 0);
    CHECK_CONTAINS(said, "Exception in thread long: 0000");
}

static void mix_lines(void *unused)
{
    char path[] = "/etc/motd";
    thrum_thread *threads[16];
    for (int i = 0; i < 16; i++)
        threads[i] = thrum_spawn(fail_to_read, path, .name = "reader");
    for (int i = 0; i < 16; i++) {
        CHECK_STATUS(thrum_thread_join(threads[i]), 0);
        thrum_thread_free(threads[i]);
    }
    (void)unused;
}

TEST(failure, lines_of_many_threads_do_not_mix)
{
    char said[4096];
    const char line[] = "Exception in thread reader: cannot read /etc/motd\n";
    CHECK_EXITED(test_capture_stderr(mix_lines, NULL, said, sizeof said), 0);
    CHECK_EQ(strlen(said), 16 * strlen(line));
    for (const char *at = said; *at != '\0'; at += strlen(line))
        CHECK_EQ(memcmp(at, line, strlen(line)), 0);
}

/* ---- slots, for executors ---- */

static void *run_task_inside(void *arg)
{
    th_failure task = {.has_failed = false};
    th_failure *own = th_failure_exchange(&task);
    thrum_fail(11, "the task");
    CHECK(th_failure_exchange(own) == &task);
    CHECK(task.has_failed && task.code == 11);
    CHECK_STR(th_failure_message(&task), "the task");
    CHECK(!own->has_failed);
    th_failure_clear(&task);
    CHECK(!task.has_failed);
    return arg;
}

TEST(failure, of_a_task_is_not_its_threads)
{
    CHECK(thrum_set_excepthook(note) == NULL);
    thrum_thread *thread = thrum_spawn(run_task_inside, &told);
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_PTR(thrum_thread_result(thread), &told);
    thrum_thread_free(thread);
    CHECK_EQ(told.calls, 0);
}

TEST(failure, slots_work_in_any_thread)
{
    th_failure task = {.has_failed = false};
    CHECK(th_failure_exchange(&task) == NULL);
    thrum_fail(11, "in main");
    CHECK(thrum_set_excepthook(fail_again) == NULL);
    th_failure_tell(&task);
    CHECK_STR(told.message, "in main");
    CHECK_STR(th_failure_message(&task), "in main");
    CHECK(th_failure_exchange(NULL) == &task);
    CHECK_STR(told.name, "MainThread");
    th_failure_clear(&task);
}
