/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of the log (src/observe/log.c): lines of several threads stay whole, and are written by
 *  one configuration, which nobody uses once another has taken its place. */
#include <string.h>

#include "model_kit.h"
#include "thrum/log.h"

static void log_two(void)
{
    thrum_log_error("from thread %u", model_thread());
    thrum_log_error("again, thread %u", model_thread());
}

static void log_one(void)
{
    thrum_log_error("from thread %u", model_thread());
}

static unsigned lines_that_are(const char *first, const char *second)
{
    unsigned lines = 0;
    for (const char *at = model_stderr(); *at != '\0'; lines++) {
        const char *end = strchr(at, '\n');
        model_assert(end != NULL);
        model_assert(strncmp(at, first, strlen(first)) == 0 ||
                     strncmp(at, second, strlen(second)) == 0);
        at = end + 1;
    }
    return lines;
}

static void four_whole_lines(void)
{
    model_assert(lines_that_are("ERROR:root:from thread ", "ERROR:root:again, thread ") == 4);
}

MODEL(log, lines, .what = "lines of two threads are whole", .threads = {log_two, log_two},
      .finish = four_whole_lines, .may_leak = true)
MODEL(log, lines_weak, .what = "the same on weak memory", .threads = {log_two, log_two},
      .finish = four_whole_lines, .may_leak = true, .stale_reads = 1, .preemptions = 2)

/* ---- a new configuration ---- */

static void configure(void)
{
    model_assert(thrum_log_config(.format = "[%(message)s]", .level = THRUM_LOG_INFO) == 0);
}

static void configure_again(void)
{
    model_assert(thrum_log_config(.format = "<%(message)s>", .level = THRUM_LOG_ERROR) == 0);
}

static void is_in_one_format(void)
{
    model_assert(lines_that_are("[from thread ", "ERROR:root:from thread ") == 2);
}

static void is_in_either_format(void)
{
    model_assert(lines_that_are("[from thread ", "<from thread ") == 1);
}

MODEL(log, configures, .what = "a configuration changes while two threads log",
      .threads = {log_one, configure, log_one}, .finish = is_in_one_format, .may_leak = true)

static void one_is_in_one_format(void)
{
    model_assert(lines_that_are("[from thread ", "ERROR:root:from thread ") == 1);
}

MODEL(log, configures_weak, .what = "the same on weak memory", .threads = {log_one, configure},
      .finish = one_is_in_one_format, .may_leak = true, .stale_reads = 1)

MODEL(log, configures_two, .what = "two configure while a third logs", .setup = configure,
      .threads = {configure, configure_again, log_one}, .finish = is_in_either_format,
      .may_leak = true, .preemptions = 2)

/* ---- a history: the last configuration counts ---- */

enum { SET_LEVEL, ASK_INFO };

/** A level. */
static bool level_specification(void *state, const model_operation *operation)
{
    int64_t *level = state;
    if (operation->operation == SET_LEVEL) {
        *level = operation->argument;
        return true;
    }
    return operation->result == (*level == THRUM_LOG_INFO);
}

static void call_set_level(int level)
{
    unsigned call = model_call(SET_LEVEL, level);
    model_assert(thrum_log_config(.level = level) == 0);
    model_return(call, 0);
}

static void set_info(void)
{
    call_set_level(THRUM_LOG_INFO);
}

static void set_error_then_ask(void)
{
    call_set_level(THRUM_LOG_ERROR);
    unsigned call = model_call(ASK_INFO, 0);
    model_return(call, thrum_log_enabled(THRUM_LOG_INFO));
}

static void ask_twice(void)
{
    for (int i = 0; i < 2; i++) {
        unsigned call = model_call(ASK_INFO, 0);
        model_return(call, thrum_log_enabled(THRUM_LOG_INFO));
    }
}

static void check_history(void)
{
    model_check_history(level_specification);
}

MODEL(log, history, .what = "the level, as a number would answer",
      .threads = {set_info, set_error_then_ask, ask_twice}, .finish = check_history,
      .may_leak = true)

/* ---- interrupted ---- */

static void log_in_handler(void)
{
    thrum_log_error("from a handler");
}

static void log_interrupted(void)
{
    model_interrupt(log_in_handler);
    thrum_log_error("from thread %u", model_thread());
    model_interrupt(NULL);
}

static void handler_waited_for_nobody(void)
{
    model_assert(strstr(model_stderr(), "ERROR:root:from thread 0\n") != NULL);
}

MODEL(log, interrupted, .what = "a handler logs at every step of a log",
      .threads = {log_interrupted, log_one}, .finish = handler_waited_for_nobody, .may_leak = true,
      .preemptions = 2)
