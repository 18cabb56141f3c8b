/* SPDX-License-Identifier: MIT */
/** @file
 *  What the tests of timers share: calls that count, calls that wait at a gate. */
#ifndef THRUM_TEST_FLOW_TIMER_SUPPORT_H
#define THRUM_TEST_FLOW_TIMER_SUPPORT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../sync/support.h"
#include "thrum/event.h"
#include "thrum/timer.h"

/** What does not come while a test runs. */
#define FAR_S 3600.0
/** What comes soon, but not before the next line. */
#define SOON_S 0.005

/** A target: add one to the int that `arg` points to. */
static inline void *count(void *arg)
{
    bump(arg);
    return NULL;
}

/** A target: wait at the gate that `arg` points to. */
static inline void *wait_at(void *arg)
{
    test_gate_wait(arg);
    return NULL;
}

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

static inline void *say_it(void *arg)
{
    test_say(arg);
    return NULL;
}

#endif
