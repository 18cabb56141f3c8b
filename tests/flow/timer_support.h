/* SPDX-License-Identifier: MIT */
/** @file
 *  What the tests of timers share: calls that count, calls that wait at a gate. */
#ifndef THRUM_TEST_FLOW_TIMER_SUPPORT_H
#define THRUM_TEST_FLOW_TIMER_SUPPORT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner.h"
#include "thrum/event.h"
#include "thrum/timer.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/** What does not come while a test runs. */
#define FAR_S 3600.0
/** What comes soon, but not before the next line. */
#define SOON_S 0.005

#define TEXT_BYTES 1024

static inline int count_of(const int *counter)
{
    return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

/** A target: add one to the int that `arg` points to. */
static inline void *count(void *arg)
{
    __atomic_fetch_add((int *)arg, 1, __ATOMIC_ACQ_REL);
    return NULL;
}

/** A target: wait at the gate that `arg` points to. */
static inline void *wait_at(void *arg)
{
    test_gate_wait(arg);
    return NULL;
}

typedef struct counter_goal {
    const int *counter;
    int goal;
} counter_goal;

static inline bool has_reached(void *arg)
{
    const counter_goal *wanted = arg;
    return count_of(wanted->counter) >= wanted->goal;
}

#define await_count(counter_, goal_)                                                               \
    test_wait_until(has_reached, &((counter_goal){(counter_), (goal_)}))

static inline void start(thrum_timer *timer)
{
    CHECK_STATUS(thrum_timer_start(timer), 0);
}

static inline void join_and_free(thrum_timer *timer)
{
    CHECK_STATUS(thrum_timer_join(timer), 0);
    thrum_timer_free(timer);
}

static inline void cancel_and_free(thrum_timer *timer)
{
    CHECK(thrum_timer_cancel(timer));
    join_and_free(timer);
}

/** The service's threads stay: let them be there before anything is counted, and let those that
 *  come be no leak. */
static inline void set_up_service(void)
{
    int calls = 0;
    thrum_timer *timer = HAVE(thrum_timer_new(0, count, &calls));
    start(timer);
    join_and_free(timer);
    test_allow_threads(16);
    test_allow_allocations(100);
}

/* ---- programs ---- */

static inline void say(const char *line)
{
    CHECK(dprintf(STDOUT_FILENO, "%s\n", line) > 0);
}

static inline void *say_it(void *arg)
{
    say(arg);
    return NULL;
}

/** Run `program` in a child; it must exit with `code`, having written `wanted`. */
static inline void expect_program(void (*program)(void *), int code, const char *wanted)
{
    char text[TEXT_BYTES];
    int status = test_capture(STDOUT_FILENO, program, NULL, text, sizeof text);
    CHECK_STR(text, wanted);
    CHECK_EXITED(status, code);
}

#endif
