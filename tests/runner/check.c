// SPDX-License-Identifier: MIT
/** @file
 *  Checks: how a case fails, from whichever thread, and what it prints.
 *
 *  The first failing thread reports and takes the process down; any other that fails meanwhile
 *  stops where it is, so one case yields one message. */
#define _GNU_SOURCE 1
#include "internal.h"

#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Taken from the library that is tested when it is linked, so the runner can do without it. */
const char *thrum_strerror(int status) __attribute__((weak));

static runner_mode mode = RUNNER_REPORT;

void runner_set_mode(runner_mode new_mode)
{
    mode = new_mode;
}

_Noreturn void test_fail(const char *file, int line, const char *format, ...)
{
    static atomic_flag failing = ATOMIC_FLAG_INIT;
    static char message[4096]; /* Static, because a thread under test may have a tiny stack. */

    while (atomic_flag_test_and_set(&failing))
        pause();
    test_fail_allocation(0);
    test_fail_thread_creation(0);
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (mode == RUNNER_REPORT)
        _ck_assert_failed(file, line, "Failed", "%s", message);
    fprintf(stderr, "%s:%d: %s\n", file, line, message);
    fflush(stderr);
    if (mode == RUNNER_ABORT)
        abort();
    _exit(TEST_CHILD_FAILED);
}

static const char *or_null(const char *text)
{
    return text != NULL ? text : "(null)";
}

void test_check_str(const char *file, int line, const char *a_text, const char *a,
                    const char *b_text, const char *b)
{
    if (a == NULL || b == NULL ? a == b : strcmp(a, b) == 0)
        return;
    test_fail(file, line, "%s == %s:\n  \"%s\"\n  \"%s\"", a_text, b_text, or_null(a), or_null(b));
}

void test_check_contains(const char *file, int line, const char *name, const char *text,
                         const char *part)
{
    if (text == NULL || strstr(text, part) == NULL)
        test_fail(file, line, "%s lacks \"%s\":\n  \"%s\"", name, part, or_null(text));
}

void test_check_lacks(const char *file, int line, const char *name, const char *text,
                      const char *part)
{
    if (text != NULL && strstr(text, part) != NULL)
        test_fail(file, line, "%s contains \"%s\":\n  \"%s\"", name, part, text);
}

void test_check_ptr(const char *file, int line, const char *a_text, const volatile void *a,
                    const char *b_text, const volatile void *b)
{
    if (a != b)
        test_fail(file, line, "%s == %s: %#jx and %#jx", a_text, b_text, (uintmax_t)(uintptr_t)a,
                  (uintmax_t)(uintptr_t)b);
}

void *test_have(const char *file, int line, const char *text, void *pointer)
{
    if (pointer == NULL)
        test_fail(file, line, "%s is NULL", text);
    return pointer;
}

void test_check_near(const char *file, int line, const char *a_text, double a, const char *b_text,
                     double b, double margin)
{
    bool near = isnan(a) || isnan(b) ? isnan(a) && isnan(b) : !(a < b - margin || a > b + margin);
    if (!near)
        test_fail(file, line, "%s within %g of %s: %.17g and %.17g", a_text, margin, b_text, a, b);
}

static const char *status_text(int status)
{
    if (status == 0)
        return "success";
    return thrum_strerror != NULL ? or_null(thrum_strerror(status)) : "no text";
}

void test_check_status(const char *file, int line, const char *expr, int got, const char *name,
                       int wanted)
{
    if (got != wanted)
        test_fail(file, line, "%s returned %d (%s), not %s = %d (%s)", expr, got, status_text(got),
                  name, wanted, status_text(wanted));
}

static void describe_status(char *buffer, size_t size, int status)
{
    if (WIFSIGNALED(status))
        snprintf(buffer, size, "died by signal %d (%s)", WTERMSIG(status),
                 or_null(strsignal(WTERMSIG(status))));
    else
        snprintf(buffer, size, "exited with %d%s", WEXITSTATUS(status),
                 WEXITSTATUS(status) == TEST_CHILD_FAILED ? " (a check failed in it)" : "");
}

void test_check_exited(const char *file, int line, int status, int code)
{
    char text[128];
    if (WIFEXITED(status) && WEXITSTATUS(status) == code)
        return;
    describe_status(text, sizeof text, status);
    test_fail(file, line, "the child %s, and should have exited with %d", text, code);
}

void test_check_died(const char *file, int line, int status, int signo)
{
    char text[128];
    if (WIFSIGNALED(status) && WTERMSIG(status) == signo)
        return;
    describe_status(text, sizeof text, status);
    test_fail(file, line, "the child %s, and should have died by signal %d (%s)", text, signo,
              or_null(strsignal(signo)));
}
