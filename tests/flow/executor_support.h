/* SPDX-License-Identifier: MIT */
/** @file
 *  What the executor's tests share: tasks that count, that block until they are let go, that
 *  fail. */
#ifndef THRUM_TEST_EXECUTOR_SUPPORT_H
#define THRUM_TEST_EXECUTOR_SUPPORT_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"
#include "thrum/event.h"
#include "thrum/executor.h"

static inline int read_number(const int *number)
{
    return __atomic_load_n(number, __ATOMIC_SEQ_CST);
}

static inline void bump(int *number)
{
    __atomic_add_fetch(number, 1, __ATOMIC_SEQ_CST);
}

/** A number as a task's argument or result. */
static inline void *as_pointer(intptr_t number)
{
    return (void *)number;
}

/** int *: counts its calls. */
static inline void *count_call(void *counter)
{
    bump(counter);
    return counter;
}

/** test_gate *: blocks until the gate is open. */
static inline void *pass_gate(void *gate)
{
    test_gate_wait(gate);
    return gate;
}

static inline void *fail_always(void *message)
{
    return thrum_fail(EIO, "%s", (const char *)message);
}

static inline thrum_future *submit(thrum_executor *pool, thrum_target target, void *arg)
{
    thrum_future *future = NULL;
    CHECK_STATUS(thrum_executor_submit(pool, target, arg, &future), 0);
    return HAVE(future);
}

static inline void *result_of(thrum_future *future)
{
    void *result = NULL;
    CHECK_STATUS(thrum_future_result(future, &result), 0);
    thrum_future_free(future);
    return result;
}

/** How it failed, which it has. */
static inline const thrum_error *error_of(const thrum_future *future)
{
    const thrum_error *error = thrum_future_error(future);
    CHECK(error != NULL);
    return error;
}

/** Threads of the program but the main one. */
static inline size_t thread_count(void)
{
    return thrum_active_count() - 1;
}

static inline bool are_no_threads_left(void *unused)
{
    (void)unused;
    return thread_count() == 0;
}

/** Until an event comes that must. */
static inline thrum_time far_away(void)
{
    return thrum_after(3600);
}

#endif
