/* SPDX-License-Identifier: MIT */
/** @file
 *  What the tests of futures share: futures in each state, threads that act on one once somebody
 *  waits for it, what the excepthook was told. */
#ifndef THRUM_TEST_FUTURE_SUPPORT_H
#define THRUM_TEST_FUTURE_SUPPORT_H

#include <errno.h>
#include <string.h>

#include "../sync/support.h"
#include "flow/future.h"
#include "thrum/future.h"

static int thing; /**< a result is its address */

/** The states a program can bring a future into. */
static const uint32_t phases[] = {TH_TASK_PENDING, TH_TASK_RUNNING, TH_TASK_CANCELLED,
                                  TH_TASK_SUCCEEDED, TH_TASK_FAILED};

static inline thrum_future *future_in(uint32_t phase)
{
    thrum_future *future = HAVE(thrum_future_new());
    switch (phase) {
    case TH_TASK_PENDING: break;
    case TH_TASK_RUNNING: CHECK_STATUS(thrum_future_start(future), 0); break;
    case TH_TASK_CANCELLED: CHECK(thrum_future_cancel(future)); break;
    case TH_TASK_SUCCEEDED: CHECK_STATUS(thrum_future_set_result(future, &thing), 0); break;
    default: CHECK_STATUS(thrum_future_set_error(future, EIO, "no %s", "luck"), 0); break;
    }
    return future;
}

/** The status of a result when the future is in a final phase. */
static inline int status_of(uint32_t phase)
{
    return phase == TH_TASK_SUCCEEDED ? 0
           : phase == TH_TASK_FAILED  ? THRUM_EFAILED
                                      : THRUM_ECANCELLED;
}

static inline bool is_slept_on(void *future)
{
    return waiters_on(future) > 0;
}

/** Whether something is listed with the future to be told. */
static inline bool is_watched(void *arg)
{
    thrum_future *future = arg;
    th_rawlock_acquire(&future->lock);
    bool watched = future->watches != NULL;
    th_rawlock_release(&future->lock);
    return watched;
}

/** What a thread does to a future once somebody waits for it. */
typedef struct act {
    thrum_future *future;
    uint32_t phase; /**< what to make of it */
    test_thread thread;
} act;

static inline void make_done(thrum_future *future, uint32_t phase)
{
    switch (phase) {
    case TH_TASK_CANCELLED: CHECK(thrum_future_cancel(future)); break;
    case TH_TASK_SUCCEEDED: CHECK_STATUS(thrum_future_set_result(future, &thing), 0); break;
    default: CHECK_STATUS(thrum_future_set_error(future, EIO, "late"), 0); break;
    }
}

static inline void *act_when_slept_on(void *arg)
{
    act *one = arg;
    test_wait_until(is_slept_on, one->future);
    make_done(one->future, one->phase);
    return NULL;
}

static inline void *act_when_watched(void *arg)
{
    act *one = arg;
    test_wait_until(is_watched, one->future);
    make_done(one->future, one->phase);
    return NULL;
}

/* ---- callbacks ---- */

enum { CALLED_MAX = 8 };

/** What callbacks saw. */
static struct called {
    thrum_future *future;
    void *arg;
    uint64_t thread;
    int status;
    void *result;
} called[CALLED_MAX];
static int called_count;

static inline void note_call(thrum_future *future, void *arg)
{
    struct called *one = &called[called_count++];
    *one = (struct called){.future = future, .arg = arg, .thread = thrum_get_ident()};
    CHECK(thrum_future_is_done(future));
    one->status = thrum_future_result_until(future, &one->result, 0);
}

/* ---- the excepthook ---- */

static int told_count, told_code;
static char told_message[256];

static inline void note_failure(const thrum_thread *thread, const thrum_error *error)
{
    (void)thread;
    told_code = error->code;
    snprintf(told_message, sizeof told_message, "%s", error->message);
    bump(&told_count);
}

#endif
