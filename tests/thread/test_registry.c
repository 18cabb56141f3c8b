/* SPDX-License-Identifier: MIT */
/** @file
 *  Registry: who is alive, who I am, who is main, and threads that others made. */
#include "thread/registry.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "park/context.h"
#include "platform/probe.h"
#include "runner.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static test_gate gate = TEST_GATE_INIT;

static void *wait_at_gate(void *arg)
{
    test_gate_wait(&gate);
    return arg;
}

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

/* ---- enumerate ---- */

TEST(registry, enumerate_counts_all_and_stores_what_fits)
{
    thrum_thread *threads[4];
    thrum_thread *all[8] = {NULL};
    for (size_t i = 0; i < LENGTH(threads); i++)
        threads[i] =
            thrum_spawn(wait_at_gate, NULL, .daemon = i % 2 ? THRUM_DAEMON : THRUM_INHERIT);
    CHECK_EQ(thrum_active_count(), 5);
    CHECK_EQ(thrum_enumerate(NULL, 0), 5);
    CHECK_EQ(thrum_enumerate(NULL, 3), 5);
    CHECK_EQ(thrum_enumerate(all, 0), 5);
    CHECK_PTR(all[0], NULL);
    CHECK_EQ(thrum_enumerate(all, 2), 5);
    CHECK_PTR(all[0], thrum_main_thread());
    CHECK_PTR(all[1], threads[0]);
    CHECK_PTR(all[2], NULL);
    thrum_thread_free(all[0]);
    thrum_thread_free(all[1]);
    CHECK_EQ(thrum_enumerate(all, 8), 5);
    CHECK_PTR(all[4], threads[3]);
    CHECK_PTR(all[5], NULL);
    for (int i = 0; i < 5; i++)
        thrum_thread_free(all[i]);
    test_gate_open(&gate);
    for (size_t i = 0; i < LENGTH(threads); i++)
        join_and_free(threads[i]);
    CHECK_EQ(thrum_active_count(), 1);
}

TEST(registry, enumerated_handles_outlive_the_thread)
{
    thrum_thread *all[2];
    thrum_thread *thread = thrum_spawn(wait_at_gate, &gate, .name = "outlived");
    CHECK_EQ(thrum_enumerate(all, 2), 2);
    thrum_thread_free(thread);
    test_gate_open(&gate);
    CHECK_STATUS(thrum_thread_join(all[1]), 0);
    CHECK_STR(thrum_thread_name(all[1]), "outlived");
    CHECK_PTR(thrum_thread_result(all[1]), &gate);
    thrum_thread_free(all[0]);
    thrum_thread_free(all[1]);
}

TEST(registry, unstarted_and_ended_threads_are_not_enumerated)
{
    thrum_thread *thread = thrum_thread_new(wait_at_gate, NULL);
    CHECK_EQ(thrum_active_count(), 1);
    CHECK_STATUS(thrum_thread_start(thread), 0);
    CHECK_EQ(thrum_active_count(), 2);
    test_gate_open(&gate);
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_EQ(thrum_active_count(), 1);
    thrum_thread_free(thread);
}

static void *enumerate_all(void *arg)
{
    thrum_thread *all[64];
    while (!test_gate_is_open(&gate)) {
        size_t count = thrum_enumerate(all, LENGTH(all));
        CHECK(count >= 2 && count <= LENGTH(all));
        for (size_t i = 0; i < count; i++) {
            CHECK(strlen(thrum_thread_name(all[i])) > 0);
            if (i % 2 == 1 && thrum_thread_is_alive(all[i]))
                CHECK(thrum_thread_native_id(all[i]) != 0);
            thrum_thread_free(all[i]);
        }
    }
    return arg;
}

static void *start_and_join(void *arg)
{
    for (int i = 0; i < 100; i++) {
        thrum_thread *thread = thrum_spawn(NULL, NULL);
        if (i % 2 == 0)
            CHECK_STATUS(thrum_thread_join(thread), 0);
        thrum_thread_free(thread);
    }
    return arg;
}

static bool only_the_lookers_are_left(void *unused)
{
    (void)unused;
    return thrum_active_count() == 3;
}

TEST_LIMIT(registry, may_be_enumerated_while_threads_come_and_go, 120)
{
    thrum_thread *lookers[2], *starters[3];
    for (size_t i = 0; i < LENGTH(lookers); i++)
        lookers[i] = thrum_spawn(enumerate_all, NULL);
    for (size_t i = 0; i < LENGTH(starters); i++)
        starters[i] = thrum_spawn(start_and_join, NULL);
    for (size_t i = 0; i < LENGTH(starters); i++)
        join_and_free(starters[i]);
    test_wait_until(only_the_lookers_are_left, NULL);
    test_gate_open(&gate);
    for (size_t i = 0; i < LENGTH(lookers); i++)
        join_and_free(lookers[i]);
}

/* ---- descriptions for reports ---- */

static void *describe_self(void *arg)
{
    size_t length = th_thread_describe(th_self()->self, arg, 128);
    CHECK_EQ(length, strlen(arg));
    return NULL;
}

TEST(registry, describes_threads_by_owner_word)
{
    char text[128], wanted[128];
    thrum_thread *thread = thrum_spawn(wait_at_gate, NULL, .name = "described");
    uint32_t owner = (uint32_t)thrum_thread_ident(thread);
    snprintf(wanted, sizeof wanted, "\"described\" (tid %llu)",
             (unsigned long long)thrum_thread_native_id(thread));
    CHECK_EQ(th_thread_describe(owner, text, sizeof text), strlen(wanted));
    CHECK_STR(text, wanted);
    th_thread_describe(owner | 5, text, sizeof text); /* the objects' own bits do not matter */
    CHECK_STR(text, wanted);
    CHECK_EQ(th_thread_describe(owner, text, 5), 4);
    CHECK_STR(text, "\"des");
    CHECK_EQ(th_thread_describe(owner, NULL, 0), 0);
    test_gate_open(&gate);
    join_and_free(thread);
    th_thread_describe(owner, text, sizeof text);
    CHECK_STR(text, "a thread that has ended");

    snprintf(wanted, sizeof wanted, "\"MainThread\" (tid %d)", getpid());
    th_thread_describe((uint32_t)thrum_get_ident(), text, sizeof text);
    CHECK_STR(text, wanted);

    test_thread foreign;
    test_spawn(&foreign, describe_self, text);
    pid_t tid = foreign.tid;
    test_join(&foreign);
    snprintf(wanted, sizeof wanted, "\"a foreign thread\" (tid %d)", tid);
    CHECK_STR(text, wanted);
}
