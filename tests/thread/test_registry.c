/* SPDX-License-Identifier: MIT */
/** @file
 *  Registry: who I am, who is main, and threads that others made. */
#include "thread/registry.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "park/context.h"
#include "platform/probe.h"
#include "runner.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static test_gate gate = TEST_GATE_INIT;

static void join_and_free(thrum_thread *thread)
{
    CHECK_STATUS(thrum_thread_join(thread), 0);
    thrum_thread_free(thread);
}

/* ---- main and the current thread ---- */

TEST(registry, knows_the_main_thread_before_main)
{
    thrum_thread *main_thread = thrum_main_thread();
    CHECK_PTR(thrum_current_thread(), main_thread);
    CHECK_STR(thrum_thread_name(main_thread), "MainThread");
    CHECK(thrum_thread_is_alive(main_thread));
    CHECK(!thrum_thread_is_daemon(main_thread));
    CHECK_EQ(thrum_thread_ident(main_thread), thrum_get_ident());
    CHECK_NE(thrum_get_ident(), 0);
    CHECK_EQ(thrum_thread_native_id(main_thread), getpid());
    CHECK_EQ(thrum_get_native_id(), getpid());
    CHECK_STATUS(thrum_thread_start(main_thread), THRUM_ESTATE);
    th_probe_self_wait = NULL;
    CHECK_STATUS(thrum_thread_join_until(main_thread, 0), THRUM_EDEADLK);
    CHECK_PTR(thrum_thread_result(main_thread), NULL);
}

TEST(registry, freeing_the_main_thread_by_mistake_does_nothing)
{
    for (int i = 0; i < 3; i++)
        thrum_thread_free(thrum_main_thread());
    CHECK_STR(thrum_thread_name(thrum_main_thread()), "MainThread");
    CHECK_EQ(thrum_active_count(), 1);
}

static void *ask_main(void *arg)
{
    CHECK_PTR(thrum_main_thread(), arg);
    CHECK(thrum_thread_ident(thrum_main_thread()) != 0);
    CHECK_EQ(thrum_thread_native_id(thrum_main_thread()), getpid());
    CHECK_STATUS(thrum_thread_join_until(thrum_main_thread(), thrum_after(0.01)), THRUM_ETIMEDOUT);
    return thrum_current_thread();
}

TEST(registry, a_started_thread_is_its_handle)
{
    thrum_thread *thread = thrum_spawn(ask_main, thrum_current_thread());
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_PTR(thrum_thread_result(thread), thread);
    thrum_thread_free(thread);
}

/* ---- foreign threads ---- */

static void *ask_who_i_am(void *arg)
{
    thrum_thread *self = thrum_current_thread();
    unsigned number;
    CHECK_PTR(thrum_current_thread(), self);
    CHECK_EQ(sscanf(thrum_thread_name(self), "Dummy-%u", &number), 1);
    CHECK(thrum_thread_is_alive(self));
    CHECK(thrum_thread_is_daemon(self));
    CHECK_EQ(thrum_thread_ident(self), thrum_get_ident());
    CHECK_EQ(thrum_thread_native_id(self), test_thread_id());
    CHECK_STATUS(thrum_thread_join(self), THRUM_ESTATE);
    CHECK_STATUS(thrum_thread_start(self), THRUM_ESTATE);
    CHECK_STATUS(thrum_thread_set_daemon(self, false), THRUM_ESTATE);
    CHECK(self != thrum_main_thread());
    test_gate_wait(&gate);
    return arg;
}

TEST(registry, a_foreign_thread_gets_a_dummy_when_it_asks)
{
    test_thread foreign;
    test_spawn(&foreign, ask_who_i_am, NULL);
    test_gate_await(&gate, 1);
    CHECK_EQ(thrum_active_count(), 2);
    thrum_thread *all[2];
    CHECK_EQ(thrum_enumerate(all, 2), 2);
    CHECK_STATUS(thrum_thread_join(all[1]), THRUM_ESTATE);
    CHECK_STATUS(thrum_thread_join_until(all[1], 0), THRUM_ESTATE);
    test_gate_open(&gate);
    test_join(&foreign);
    CHECK_EQ(thrum_active_count(), 1);
    CHECK(!thrum_thread_is_alive(all[1]));
    CHECK_CONTAINS(thrum_thread_name(all[1]), "Dummy-");
    CHECK_NE(thrum_thread_ident(all[1]), 0);
    CHECK_STATUS(thrum_thread_join(all[1]), THRUM_ESTATE);
    thrum_thread_free(all[0]);
    thrum_thread_free(all[1]);
}

static void *rename_dummy(void *arg)
{
    char os_name[16];
    CHECK_STATUS(thrum_thread_set_name(thrum_current_thread(), "stranger"), 0);
    CHECK_STR(thrum_thread_name(thrum_current_thread()), "stranger");
    pthread_getname_np(pthread_self(), os_name, sizeof os_name);
    CHECK_STR(os_name, "stranger");
    return arg;
}

TEST(registry, a_dummy_can_be_renamed)
{
    test_thread foreign;
    test_spawn(&foreign, rename_dummy, NULL);
    test_join(&foreign);
}

static void *ask_nothing(void *arg)
{
    CHECK_NE(thrum_get_ident(), 0);
    CHECK_EQ(thrum_active_count(), 1);
    return arg;
}

TEST(registry, a_foreign_thread_that_does_not_ask_is_nobody)
{
    test_thread foreign;
    test_spawn(&foreign, ask_nothing, NULL);
    test_join(&foreign);
}

static void *ask_without_memory(void *arg)
{
    test_fail_allocations_from(1);
    thrum_thread *self = thrum_current_thread();
    CHECK(self != NULL);
    CHECK_STR(thrum_thread_name(self), "Dummy");
    CHECK(thrum_thread_is_alive(self) && thrum_thread_is_daemon(self));
    CHECK_NE(thrum_thread_ident(self), 0);
    CHECK_EQ(thrum_thread_native_id(self), 0);
    CHECK_STATUS(thrum_thread_join(self), THRUM_ESTATE);
    CHECK_EQ(thrum_active_count(), 1);
    thrum_thread_free(self);
    test_fail_allocations_from(0);
    thrum_thread *later = thrum_current_thread();
    CHECK(later != self);
    CHECK_EQ(thrum_active_count(), 2);
    return arg;
}

TEST(registry, without_memory_foreign_threads_share_a_dummy)
{
    test_thread foreign;
    test_spawn(&foreign, ask_without_memory, NULL);
    test_join(&foreign);
    CHECK_EQ(thrum_active_count(), 1);
}

static void *be_known(void *arg)
{
    thrum_current_thread();
    return arg;
}

TEST(registry, dummies_leave_nothing_behind)
{
    for (int i = 0; i < 50; i++) {
        test_thread foreign;
        test_spawn(&foreign, be_known, NULL);
        test_join(&foreign);
        CHECK_EQ(thrum_active_count(), 1);
    }
}

static pthread_key_t late_key;

static void call_late(void *value)
{
    (void)value;
    CHECK(thrum_current_thread() != NULL);
    CHECK(thrum_thread_is_alive(thrum_current_thread()));
}

static void *set_late_key(void *arg)
{
    pthread_setspecific(late_key, &late_key);
    return arg;
}

TEST(registry, destructors_of_pthread_keys_may_still_call)
{
    CHECK_EQ(pthread_key_create(&late_key, call_late), 0);
    join_and_free(thrum_spawn(set_late_key, NULL));
    test_thread foreign;
    test_spawn(&foreign, set_late_key, NULL);
    test_join(&foreign);
    CHECK_EQ(thrum_active_count(), 1);
}
