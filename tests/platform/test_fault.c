/* SPDX-License-Identifier: MIT */
/** @file
 *  Fault: what is to fail fails, with the status that is documented for it. */
#include "platform/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/futex.h"
#include "platform/memory.h"
#include "platform/thread.h"
#include "runner.h"
#include "thrum/local.h"
#include "thrum/thread.h"

#if defined(TH_BACKEND_FAULT)

TEST(fault, the_nth_allocation_finds_no_memory)
{
    th_fault_set(TH_FAULT_ALLOCATION, 2, false);
    for (int i = 1; i <= 4; i++) {
        void *memory = th_alloc(8);
        CHECK_EQ(memory == NULL, i == 2);
        th_free(memory);
    }
    CHECK_EQ(th_fault_failures(TH_FAULT_ALLOCATION), 1);
    th_fault_set(TH_FAULT_ALLOCATION, 1, false);
    CHECK_PTR(th_copy_string("text"), NULL);
}

TEST(fault, all_later_allocations_too)
{
    th_fault_set(TH_FAULT_ALLOCATION, 2, true);
    for (int i = 1; i <= 4; i++) {
        void *memory = th_alloc(8);
        CHECK_EQ(memory == NULL, i >= 2);
        th_free(memory);
    }
    CHECK_EQ(th_fault_failures(TH_FAULT_ALLOCATION), 3);
    th_fault_set(TH_FAULT_ALLOCATION, 0, true);
    void *memory = th_alloc(8);
    CHECK(memory != NULL);
    th_free(memory);
}

static void *do_nothing(void *arg)
{
    return arg;
}

TEST(fault, a_thread_that_cannot_be_made_is_eagain_and_may_be_started_later)
{
    thrum_thread *thread = thrum_thread_new(do_nothing, NULL);
    th_fault_set(TH_FAULT_THREAD, 1, false);
    CHECK_STATUS(thrum_thread_start(thread), THRUM_EAGAIN);
    CHECK_EQ(th_fault_failures(TH_FAULT_THREAD), 1);
    CHECK_STATUS(thrum_thread_start(thread), 0);
    CHECK_STATUS(thrum_thread_join(thread), 0);
    thrum_thread_free(thread);
}

TEST(fault, a_record_that_cannot_be_made_is_null)
{
    th_fault_set(TH_FAULT_ALLOCATION, 1, false);
    CHECK_PTR(thrum_thread_new(do_nothing, NULL), NULL);
    CHECK_EQ(th_fault_failures(TH_FAULT_ALLOCATION), 1);
}

static void *wait_at_gate(void *gate)
{
    test_gate_wait(gate);
    return NULL;
}

/** Contexts are mapped some hundreds at a time. */
TEST(fault, a_context_that_cannot_be_mapped_is_enomem)
{
    enum { MANY = 300 };
    static thrum_thread *threads[MANY];
    static test_gate gate = TEST_GATE_INIT;
    int status = 0, started = 0;
    th_fault_set(TH_FAULT_MAPPING, 1, true);
    for (; started < MANY && status == 0; started += status == 0) {
        thrum_thread *thread = thrum_thread_new(wait_at_gate, &gate);
        status = thrum_thread_start(thread);
        if (status == 0)
            threads[started] = thread;
        else
            thrum_thread_free(thread);
    }
    CHECK_STATUS(status, THRUM_ENOMEM);
    CHECK_EQ(th_fault_failures(TH_FAULT_MAPPING), 1);
    test_gate_open(&gate);
    for (int i = 0; i < started; i++) {
        CHECK_STATUS(thrum_thread_join(threads[i]), 0);
        thrum_thread_free(threads[i]);
    }
}

TEST(fault, a_mapping_fails_with_errno_kept)
{
    th_fault_set(TH_FAULT_MAPPING, 1, false);
    errno = 77;
    CHECK_PTR(th_pages(1), NULL);
    CHECK_EQ(errno, 77);
    CHECK(th_pages(1) != NULL);
}

TEST(fault, a_wait_returns_not_woken_with_errno_kept)
{
    static const uint32_t word;
    const bool later[] = {false, true};
    errno = 77;
    for (int i = 0; i < 2; i++) {
        th_fault_set(TH_FAULT_FUTEX, 1, later[i]);
        th_futex_wait(&word, 0, THRUM_FOREVER);
    }
    th_futex_wait(&word, 0, THRUM_FOREVER);
    CHECK_EQ(errno, 77);
    CHECK_EQ(th_fault_failures(TH_FAULT_FUTEX), 3);
}

TEST(fault, is_told_as_text)
{
    CHECK(th_fault_set_by("allocation:1,thread:2+"));
    CHECK_PTR(th_alloc(1), NULL);
    const char *const wrong[] = {"",           "allocation",        "allocation:",  "allocation:0",
                                 "memory:1",   "mapping:1,",        "futex:1++",    "thread:-1",
                                 "mapping: 1", "thread:4294967297", "allocation:1 "};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK(!th_fault_set_by(wrong[i]));
}

/** What a program writes whose environment says that its first allocation fails. */
static void run_self(void *fault)
{
    setenv("THRUM_FAULT", fault, 1);
    char *const arguments[] = {(char[]){"test_fault"}, (char[]){"--list"}, NULL};
    execv("/proc/self/exe", arguments);
}

TEST(fault, is_told_by_the_environment)
{
    char said[256];
    CHECK_DIED(test_capture_stderr(run_self, "mapping:1", said, sizeof said), SIGABRT);
    CHECK_CONTAINS(said, "no memory to meet");
    CHECK_DIED(test_capture_stderr(run_self, "mapping:x", said, sizeof said), SIGABRT);
    CHECK_CONTAINS(said, "THRUM_FAULT=mapping:x is not");
    CHECK_EXITED(test_capture_stderr(run_self, "mapping:1000", said, sizeof said), 0);
}

TEST(fault, calls_are_counted)
{
    uint32_t before = th_fault_calls(TH_FAULT_ALLOCATION);
    th_free(th_alloc(1));
    th_free(th_copy_string(""));
    CHECK_EQ(th_fault_calls(TH_FAULT_ALLOCATION), before + 2);
}

#else

TEST(fault, nothing_fails_in_other_backends)
{
    for (int kind = 0; kind < TH_FAULT_KINDS; kind++)
        CHECK(!th_fault((th_fault_kind)kind));
}

#endif
