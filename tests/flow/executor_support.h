/* SPDX-License-Identifier: MIT */
/** @file
 *  What the executor's tests share: tasks that count, that block until they are let go, that
 *  fail, that tell their order, that submit others; and what the excepthook was told. */
#ifndef THRUM_TEST_EXECUTOR_SUPPORT_H
#define THRUM_TEST_EXECUTOR_SUPPORT_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../sync/support.h"
#include "thrum/event.h"
#include "thrum/executor.h"

/** A number as a task's argument or result. */
static inline void *as_pointer(intptr_t number)
{
    return (void *)number;
}

static inline void *add_one(void *number)
{
    return as_pointer((intptr_t)number + 1);
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

/* ---- order ---- */

static int order[64], ordered;
static pthread_mutex_t order_mutex = PTHREAD_MUTEX_INITIALIZER;

static inline void *note(void *number)
{
    pthread_mutex_lock(&order_mutex);
    order[ordered] = (int)(intptr_t)number;
    bump(&ordered);
    pthread_mutex_unlock(&order_mutex);
    return number;
}

static inline void check_order(int count)
{
    CHECK_EQ(ordered, count);
    for (int i = 0; i < count; i++)
        CHECK_EQ(order[i], i);
}

static inline bool are_ordered(void *count)
{
    return count_of(&ordered) == *(int *)count;
}

/* ---- tasks that submit ---- */

/** What a task that submits others shares with its case. */
typedef struct spreading {
    thrum_executor *pool;
    test_gate begun, gate;
    thrum_future *futures[8];
    int calls;
    int status;
} spreading;

static inline spreading new_spreading(void)
{
    return (spreading){.begun = TEST_GATE_INIT, .gate = TEST_GATE_INIT};
}

static inline void *count_spread(void *arg)
{
    spreading *shared = arg;
    bump(&shared->calls);
    return NULL;
}

/* ---- threads that submit ---- */

typedef struct filler {
    thrum_executor *pool;
    test_thread thread;
    int status;
    bool has_returned;
} filler;

static inline void *submit_one(void *arg)
{
    filler *self = arg;
    static int calls;
    self->status = thrum_executor_submit(self->pool, count_call, &calls, NULL);
    __atomic_store_n(&self->has_returned, true, __ATOMIC_SEQ_CST);
    return NULL;
}

/* ---- names ---- */

static inline void *own_name(void *unused)
{
    (void)unused;
    return strdup(thrum_thread_name(thrum_current_thread()));
}

static inline void check_name(thrum_executor *pool, const char *wanted)
{
    char *name = result_of(submit(pool, own_name, NULL));
    CHECK_STR(name, wanted);
    free(name);
}

/* ---- the excepthook ---- */

static int told;
static char told_message[64];

static inline void remember(const thrum_thread *thread, const thrum_error *error)
{
    (void)thread;
    snprintf(told_message, sizeof told_message, "%s", error->message);
    bump(&told);
}

/* ---- fork ---- */

/** In a forked child: the parent's executor, whose worker is amid a task and has more to do, is
 *  shut; one of its own works. */
static inline void use_parents_in_child(void *parents)
{
    int calls = 0;
    thrum_future *future = NULL;
    CHECK_STATUS(thrum_executor_submit(parents, count_call, &calls, &future), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_executor_try_submit(parents, count_call, &calls, NULL), THRUM_ESHUTDOWN);
    void *inputs[1] = {&calls};
    CHECK_STATUS(thrum_executor_map(parents, count_call, inputs, 1, inputs), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_executor_shutdown(parents, THRUM_WAIT | THRUM_CANCEL_FUTURES), 0);
    thrum_executor_free(parents);
    THRUM_EXECUTOR(pool, .max_workers = 2);
    CHECK_PTR(result_of(submit(pool, count_call, &calls)), &calls);
    CHECK_EQ(calls, 1);
}

#endif
