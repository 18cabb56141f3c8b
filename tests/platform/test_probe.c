/* SPDX-License-Identifier: MIT */
/** @file
 *  Probes: whoever is installed is told, and nobody has to be. */
#include "platform/probe.h"

#include <stdio.h>

#include "park/table.h"
#include "runner.h"
#include "thrum/lock.h"
#include "thrum/thread.h"

static thrum_lock lock = THRUM_LOCK_INIT;

static const void *blocked_on;
static unsigned blocks; /* accessed atomically */

static void note_blocked(const th_waiter *waiter)
{
    blocked_on = waiter->object;
    __atomic_fetch_add(&blocks, 1, __ATOMIC_RELEASE);
}

static bool one_is_blocked(void *unused)
{
    (void)unused;
    return __atomic_load_n(&blocks, __ATOMIC_ACQUIRE) == 1;
}

static void *acquire_and_release(void *arg)
{
    thrum_lock_acquire(&lock);
    thrum_lock_release(&lock);
    return arg;
}

TEST(probe, a_wait_for_an_owner_is_told_to_the_listener)
{
    test_thread thread;
    th_probe_blocked = note_blocked;
    thrum_lock_acquire(&lock);
    CHECK_STATUS(thrum_lock_acquire_until(&lock, thrum_after(0.001)), THRUM_ETIMEDOUT);
    CHECK_EQ(blocks, 0);
    test_spawn(&thread, acquire_and_release, NULL);
    test_wait_until(one_is_blocked, NULL);
    CHECK_PTR(blocked_on, &lock);
    thrum_lock_release(&lock);
    test_join(&thread);
}

static char self_wait_line[256];

static void note_self_wait(const char *what, const void *object)
{
    snprintf(self_wait_line, sizeof self_wait_line, "%s", what);
    CHECK_PTR(object, thrum_current_thread());
}

TEST(probe, a_wait_for_oneself_is_told_to_the_listener)
{
    th_probe_self_wait = note_self_wait;
    CHECK_STATUS(thrum_thread_join(thrum_current_thread()), THRUM_EDEADLK);
    CHECK_CONTAINS(self_wait_line, thrum_thread_name(thrum_current_thread()));
}

static size_t describe(uint32_t owner, char *buffer, size_t bytes)
{
    CHECK_EQ(owner & TH_OWNER_MASK, th_self()->self);
    return (size_t)snprintf(buffer, bytes, "the one from the test");
}

static char misuse_line[512];

static void note_misuse(const char *what, const void *object)
{
    (void)object;
    snprintf(misuse_line, sizeof misuse_line, "%s", what);
}

TEST(probe, a_thread_is_named_in_reports_by_the_listener)
{
    th_probe_describe_thread = describe;
    thrum_set_misuse_handler(note_misuse);
    thrum_lock_release(&lock);
    CHECK_CONTAINS(misuse_line, "the one from the test");
}

TEST(probe, nobody_needs_to_listen)
{
    test_thread thread;
    th_probe_blocked = NULL;
    th_probe_self_wait = NULL;
    th_probe_describe_thread = NULL;
    thrum_set_misuse_handler(note_misuse);
    CHECK_STATUS(thrum_thread_join(thrum_current_thread()), THRUM_EDEADLK);
    thrum_lock_release(&lock);
    CHECK_NE(misuse_line[0], '\0');
    thrum_lock_acquire(&lock);
    test_spawn(&thread, acquire_and_release, NULL);
    test_wait_asleep(thread.tid);
    thrum_lock_release(&lock);
    test_join(&thread);
}
