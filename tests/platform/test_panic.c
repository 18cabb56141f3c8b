// SPDX-License-Identifier: MIT
/** @file
 *  Panic: one line to stderr in one write, whole lines when threads write at once, then abort. */
#include "platform/panic.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "runner.h"

static void say_hello(void *arg)
{
    th_say("%s %d", (const char *)arg, 42);
}

TEST(panic, say_writes_one_line_with_the_librarys_name)
{
    char text[128];
    CHECK_EXITED(test_capture_stderr(say_hello, "hello", text, sizeof text), 0);
    CHECK_STR(text, "thrum: hello 42\n");
}

static void say_too_much(void *arg)
{
    char long_text[4096];
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    th_say("%s%s", (const char *)arg, long_text);
}

TEST(panic, a_long_line_is_cut_and_still_a_line)
{
    char text[8192];
    CHECK_EXITED(test_capture_stderr(say_too_much, "start ", text, sizeof text), 0);
    CHECK_CONTAINS(text, "thrum: start xxx");
    size_t length = strlen(text);
    CHECK_LE(length, 1024);
    CHECK_GT(length, 900);
    CHECK_EQ(text[length - 1], '\n');
    CHECK_PTR(strchr(text, '\n'), text + length - 1);
}

static void write_raw(void *arg)
{
    (void)arg;
    errno = 77;
    th_write_stderr("a\0b", 3);
    th_write_stderr("ignored", 0);
    CHECK_EQ(errno, 77);
}

TEST(panic, write_writes_all_bytes_and_keeps_errno)
{
    char text[16] = "";
    CHECK_EXITED(test_capture_stderr(write_raw, NULL, text, sizeof text), 0);
    CHECK_EQ(memcmp(text, "a\0b", 4), 0);
}

static void write_to_closed(void *arg)
{
    (void)arg;
    close(STDERR_FILENO);
    errno = 77;
    th_say("nobody reads this");
    if (errno != 77)
        _exit(3);
    _exit(0);
}

TEST(panic, say_without_a_stderr_returns)
{
    CHECK_EXITED(test_run_child(write_to_closed, NULL), 0);
}

static void panic_now(void *arg)
{
    th_panic("%s of %d", (const char *)arg, 3);
}

TEST(panic, panic_says_it_and_aborts)
{
    char text[128];
    CHECK_DIED(test_capture_stderr(panic_now, "the end", text, sizeof text), SIGABRT);
    CHECK_STR(text, "thrum: the end of 3\n");
}

static void break_invariant(void *arg)
{
    int two = 2;
    th_assert(arg == NULL);
    th_assert(two == 3);
}

TEST(panic, assert_names_the_place_and_the_condition)
{
    char text[256];
    CHECK_DIED(test_capture_stderr(break_invariant, NULL, text, sizeof text), SIGABRT);
    CHECK_CONTAINS(text, "test_panic.c:");
    CHECK_CONTAINS(text, "two == 3");
}

enum { LINES = 200, WRITERS = 4 };

static void *say_lines(void *arg)
{
    for (int i = 0; i < LINES; i++)
        th_say("writer %s says line %d to the end", (const char *)arg, i);
    return NULL;
}

static void say_at_once(void *arg)
{
    static char names[WRITERS][2] = {"0", "1", "2", "3"};
    test_thread writers[WRITERS];
    for (int i = 0; i < WRITERS; i++)
        test_spawn(&writers[i], say_lines, names[i]);
    for (int i = 0; i < WRITERS; i++)
        test_join(&writers[i]);
    (void)arg;
}

TEST(panic, lines_of_several_threads_do_not_mix)
{
    static char text[128 * LINES * WRITERS];
    CHECK_EXITED(test_capture_stderr(say_at_once, NULL, text, sizeof text), 0);
    int lines = 0;
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1, lines++) {
        *end = '\0';
        CHECK_EQ(strncmp(line, "thrum: writer ", 14), 0);
        CHECK_CONTAINS(end - 10, "to the end");
    }
    CHECK_EQ(lines, LINES * WRITERS);
}

TEST(panic, write_says_by_errno_what_went_wrong)
{
    int ends[2];
    char read_back[4] = "";
    CHECK_EQ(pipe(ends), 0);
    CHECK(th_write(ends[1], "all", 3));
    CHECK_EQ(read(ends[0], read_back, 3), 3);
    CHECK_STR(read_back, "all");
    close(ends[0]);
    close(ends[1]);
    errno = 0;
    CHECK(!th_write(ends[1], "all", 3));
    CHECK_EQ(errno, EBADF);
    CHECK(th_write(-1, "", 0));
}

TEST_DIES(panic, abort_aborts, SIGABRT)
{
    th_abort();
}
