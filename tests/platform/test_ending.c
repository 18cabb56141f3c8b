/* SPDX-License-Identifier: MIT */
/** @file
 *  The end of an OS thread, as the kernel tells it. */
#include "platform/atomic.h"
#include "platform/ending.h"
#include "platform/thread.h"
#include "runner.h"
#include "thrum/event.h"

TEST(platform_ending, is_told_where_glibc_has_the_thread_join)
{
#if defined(__GLIBC__) && defined(__x86_64__)
    CHECK(th_endings_are_told());
#endif
}

static thrum_event go_on;

static void *wait_to_go_on(void *arg)
{
    thrum_event_wait(&go_on);
    return arg;
}

static pthread_t start_waiting(void)
{
    pthread_t thread;
    thrum_event_clear(&go_on);
    CHECK_STATUS(th_thread_create(&thread, wait_to_go_on, NULL, 0), 0);
    return thread;
}

static void let_end(pthread_t thread)
{
    thrum_event_set(&go_on);
    while (!th_ending_await(thread, THRUM_FOREVER))
        continue;
    CHECK(th_ending_await(thread, 0));
    th_thread_reap(thread);
}

TEST(platform_ending, awaits_the_end_and_not_less)
{
    if (!th_endings_are_told())
        return;
    pthread_t thread = start_waiting();
    CHECK(!th_ending_await(thread, 0));
    CHECK(!th_ending_await(thread, thrum_after(0.001)));
    let_end(thread);
}

static thrum_event has_come;
static uint32_t is_to_go, has_gone;

static void *await_until_roused(void *thread)
{
    thrum_event_set(&has_come);
    do /* it may also return for nothing */
        CHECK(!th_ending_await(*(pthread_t *)thread, THRUM_FOREVER));
    while (th_load_acq(&is_to_go) == 0);
    th_store_rel(&has_gone, 1);
    return NULL;
}

TEST(platform_ending, who_awaits_it_can_be_roused)
{
    if (!th_endings_are_told())
        return;
    pthread_t thread = start_waiting(), awaiter;
    CHECK_STATUS(th_thread_create(&awaiter, await_until_roused, &thread, 0), 0);
    thrum_event_wait(&has_come);
    th_store_rel(&is_to_go, 1);
    while (th_load_acq(&has_gone) == 0)
        th_ending_rouse(thread);
    th_thread_reap(awaiter);
    let_end(thread);
}
