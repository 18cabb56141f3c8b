/* SPDX-License-Identifier: MIT */
/** @file
 *  Enumerate: who is alive, how many, and what reports call them. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "park/context.h"
#include "runner.h"
#include "thread/registry.h"

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

TEST(enumerate, counts_all_and_stores_what_fits)
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

TEST(enumerate, handles_outlive_the_thread)
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

TEST(enumerate, unstarted_and_ended_threads_are_not_enumerated)
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

TEST_LIMIT(enumerate, may_be_enumerated_while_threads_come_and_go, 120)
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

TEST(enumerate, describes_threads_by_owner_word)
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
