// SPDX-License-Identifier: MIT
/** @file
 *  Event: CPython's event tests, set then clear, deadlines, a hundred sleepers. */
#include "thrum/event.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "support.h"

typedef struct shared {
    thrum_event event;
    thrum_time deadline;
    int woken;
    int succeeded;
} shared;

static void *wait_once(void *arg)
{
    shared *all = arg;
    int status = thrum_event_wait_until(&all->event, all->deadline);
    if (status == 0)
        bump(&all->succeeded);
    else
        CHECK_STATUS(status, THRUM_ETIMEDOUT);
    bump(&all->woken);
    return NULL;
}

/* ---- EventTests ---- */

TEST(event, is_not_set_when_zeroed)
{
    thrum_event zeroed;
    memset(&zeroed, 0, sizeof zeroed);
    thrum_event initialised = THRUM_EVENT_INIT;
    CHECK_EQ(memcmp(&zeroed, &initialised, sizeof zeroed), 0);
    CHECK(!thrum_event_is_set(&zeroed));
}

TEST(event, is_set_until_it_is_cleared)
{
    thrum_event event = THRUM_EVENT_INIT;
    for (int i = 0; i < 3; i++) {
        thrum_event_set(&event);
        CHECK(thrum_event_is_set(&event));
        thrum_event_set(&event);
        CHECK(thrum_event_is_set(&event));
        thrum_event_clear(&event);
        CHECK(!thrum_event_is_set(&event));
        thrum_event_clear(&event);
        CHECK(!thrum_event_is_set(&event));
    }
}

TEST(event, set_wakes_all_who_wait)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    group_start(&waiters, 5, wait_once, &all);
    await_waiters(&all.event, 5);
    CHECK_EQ(count_of(&all.woken), 0);
    thrum_event_set(&all.event);
    group_join(&waiters);
    CHECK_EQ(all.succeeded, 5);
    CHECK(thrum_event_is_set(&all.event));
    CHECK_EQ(waiters_on(&all.event), 0);
}

TEST(event, once_set_lets_everybody_pass)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    thrum_event_set(&all.event);
    CHECK_STATUS(thrum_event_wait(&all.event), 0);
    CHECK_STATUS(thrum_event_wait_until(&all.event, 0), 0);
    group_start(&waiters, 5, wait_once, &all);
    group_join(&waiters);
    CHECK_EQ(all.succeeded, 5);
}

TEST(event, set_then_cleared_wakes_all_who_waited)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    for (int round = 0; round < 50; round++) {
        all.succeeded = 0;
        group_start(&waiters, 5, wait_once, &all);
        await_waiters(&all.event, 5);
        thrum_event_set(&all.event);
        thrum_event_clear(&all.event);
        group_join(&waiters);
        CHECK_EQ(all.succeeded, 5);
        CHECK(!thrum_event_is_set(&all.event));
    }
}

TEST(event, waits_after_the_clear_wait_for_the_next_set)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group early, late;
    group_start(&early, 3, wait_once, &all);
    await_waiters(&all.event, 3);
    thrum_event_set(&all.event);
    thrum_event_clear(&all.event);
    group_start(&late, 2, wait_once, &all);
    group_join(&early);
    await_waiters(&all.event, 2);
    CHECK_EQ(count_of(&all.woken), 3);
    thrum_event_set(&all.event);
    group_join(&late);
    CHECK_EQ(all.succeeded, 5);
}

TEST(event, clear_wakes_nobody_and_forgets_nobody)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    group_start(&waiters, 3, wait_once, &all);
    await_waiters(&all.event, 3);
    thrum_event_clear(&all.event);
    CHECK_EQ(waiters_on(&all.event), 3);
    thrum_event_set(&all.event);
    group_join(&waiters);
    CHECK_EQ(all.succeeded, 3);
}

TEST(event, set_wakes_a_hundred_sleepers)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    group_start(&waiters, 100, wait_once, &all);
    await_waiters(&all.event, 100);
    for (int i = 0; i < 100; i++)
        test_wait_asleep(waiters.threads[i].tid);
    thrum_event_set(&all.event);
    group_join(&waiters);
    CHECK_EQ(all.succeeded, 100);
}

TEST(event, many_setters_are_one_set)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    group_start(&waiters, 4, wait_once, &all);
    for (int i = 0; i < 1000; i++)
        thrum_event_set(&all.event);
    group_join(&waiters);
    CHECK_EQ(all.succeeded, 4);
    thrum_event_clear(&all.event);
    CHECK(!thrum_event_is_set(&all.event));
}

static void *write_then_set(void *arg)
{
    shared *all = arg;
    all->woken = 42; /* plain: the event publishes it */
    thrum_event_set(&all->event);
    return NULL;
}

TEST(event, set_publishes_what_came_before)
{
    for (int i = 0; i < 100; i++) {
        shared all = {.deadline = THRUM_FOREVER};
        test_thread setter;
        test_spawn(&setter, write_then_set, &all);
        CHECK_STATUS(thrum_event_wait(&all.event), 0);
        CHECK_EQ(all.woken, 42);
        test_join(&setter);
    }
}

/* ---- deadlines ---- */

TEST(event, is_not_waited_for_past_the_deadline)
{
    thrum_event event = THRUM_EVENT_INIT;
    for (size_t i = 0; i < LENGTH(past_deadlines); i++)
        CHECK_STATUS(thrum_event_wait_until(&event, past_deadlines[i]), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_event_wait_until(&event, thrum_after((double)NAN)), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_event_wait_until(&event, thrum_after(-3)), THRUM_ETIMEDOUT);
    for (int ms = 1; ms <= 32; ms *= 2) {
        thrum_time deadline = thrum_after(ms / 1000.0);
        CHECK_STATUS(thrum_event_wait_until(&event, deadline), THRUM_ETIMEDOUT);
        CHECK_GE(thrum_now(), deadline);
    }
    CHECK_EQ(waiters_on(&event), 0);
    thrum_event_set(&event);
    for (size_t i = 0; i < LENGTH(past_deadlines); i++)
        CHECK_STATUS(thrum_event_wait_until(&event, past_deadlines[i]), 0);
}

TEST(event, deadlines_at_the_end_of_the_clock_wait)
{
    for (size_t i = 0; i < LENGTH(far_deadlines); i++) {
        shared all = {.deadline = far_deadlines[i]};
        test_thread waiter;
        test_spawn(&waiter, wait_once, &all);
        await_waiters(&all.event, 1);
        test_wait_asleep(waiter.tid);
        CHECK_EQ(count_of(&all.woken), 0);
        thrum_event_set(&all.event);
        test_join(&waiter);
        CHECK_EQ(all.succeeded, 1);
    }
}

TEST(event, some_time_out_and_the_others_are_woken)
{
    static shared patient = {.deadline = THRUM_FOREVER};
    static group waiters;
    group_start(&waiters, 3, wait_once, &patient);
    await_waiters(&patient.event, 3);
    CHECK_STATUS(thrum_event_wait_until(&patient.event, soon()), THRUM_ETIMEDOUT);
    CHECK_EQ(waiters_on(&patient.event), 3);
    thrum_event_set(&patient.event);
    group_join(&waiters);
    CHECK_EQ(patient.succeeded, 3);
}

TEST(event, works_after_all_who_waited_have_timed_out)
{
    static shared all;
    static group waiters;
    all.deadline = soon();
    group_start(&waiters, 5, wait_once, &all);
    group_join(&waiters);
    CHECK_EQ(all.succeeded, 0);
    CHECK_EQ(all.event.state, 0);
    thrum_event_set(&all.event);
    CHECK(thrum_event_is_set(&all.event));
    thrum_event_clear(&all.event);
    all.deadline = THRUM_FOREVER;
    group_start(&waiters, 2, wait_once, &all);
    await_waiters(&all.event, 2);
    thrum_event_set(&all.event);
    group_join(&waiters);
    CHECK_EQ(all.succeeded, 2);
}

TEST(event, keeps_errno)
{
    thrum_event event = THRUM_EVENT_INIT;
    errno = 77;
    CHECK_STATUS(thrum_event_wait_until(&event, soon()), THRUM_ETIMEDOUT);
    thrum_event_set(&event);
    CHECK_EQ(errno, 77);
}

TEST(event, null_is_answered)
{
    CHECK_MISUSE(thrum_event_set(NULL), NULL, "NULL");
    CHECK_MISUSE(thrum_event_clear(NULL), NULL, "NULL");
    CHECK(!thrum_event_is_set(NULL));
    CHECK_STATUS(thrum_event_wait(NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_event_wait_until(NULL, 0), THRUM_EINVAL);
}

TEST(event, functions_have_addresses)
{
    thrum_event event = THRUM_EVENT_INIT;
    bool (*volatile is_set)(const thrum_event *) = thrum_event_is_set;
    CHECK(!is_set(&event));
    thrum_event_set(&event);
    CHECK(is_set(&event));
}
