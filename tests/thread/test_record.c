/* SPDX-License-Identifier: MIT */
/** @file
 *  Record: first names, later names, and the announcement of an end. */
#include "thread/record.h"

#include <string.h>

#include "platform/memory.h"
#include "runner.h"

static char text_of_31[] = "abcdefghijklmnopqrstuvwxyz12345";
static char text_of_32[] = "abcdefghijklmnopqrstuvwxyz123456";

TEST(record, numbers_threads_without_a_name_and_no_others)
{
    thrum_thread *first = HAVE(th_record_new(NULL, "Thread"));
    thrum_thread *named = HAVE(th_record_new("reader", "Thread"));
    thrum_thread *second = HAVE(th_record_new(NULL, "Dummy"));
    CHECK_STR(first->name, "Thread-1");
    CHECK_STR(named->name, "reader");
    CHECK_STR(second->name, "Dummy-2");
    th_record_free(first);
    th_record_free(named);
    th_record_free(second);
}

TEST(record, copies_names_of_any_length)
{
    char name[sizeof text_of_32 + 1];
    char *const names[] = {text_of_31, text_of_32};
    CHECK_EQ(strlen(text_of_31), TH_FIRST_NAME_BYTES - 1);
    for (int i = 0; i < 2; i++) {
        strcpy(name, names[i]);
        thrum_thread *thread = HAVE(th_record_new(name, "Thread"));
        memset(name, '#', strlen(name));
        CHECK_STR(thread->name, names[i]);
        th_record_free(thread);
    }
    thrum_thread *empty = HAVE(th_record_new("", "Thread"));
    CHECK_STR(empty->name, "");
    th_record_free(empty);
}

TEST(record, no_memory_gives_no_record_and_no_number)
{
    TEST_SWEEP_ALLOCATIONS
    {
        thrum_thread *thread = th_record_new(text_of_32, "Thread");
        CHECK((thread == NULL) == (test_failures_injected() > 0));
        if (thread != NULL)
            th_record_free(thread);
    }
    test_fail_allocation(1);
    CHECK(th_record_new(NULL, "Thread") == NULL);
    thrum_thread *thread = HAVE(th_record_new(NULL, "Thread"));
    CHECK_STR(thread->name, "Thread-1");
    th_record_free(thread);
}

TEST(record, keeps_every_name_it_has_had)
{
    thrum_thread *thread = HAVE(th_record_new("first", "Thread"));
    const char *first = thread->name;
    th_record_push_name(thread, HAVE(th_name_new("second")));
    const char *second = thread->name;
    th_record_push_name(thread, HAVE(th_name_new("third")));
    CHECK_STR(first, "first");
    CHECK_STR(second, "second");
    CHECK_STR(thread->name, "third");
    th_record_free(thread);
}

TEST(record, is_finished_once_its_end_is_announced)
{
    thrum_thread *thread = HAVE(th_record_new("x", "Thread"));
    CHECK_EQ(th_record_state(thread), TH_NEW);
    th_record_announce_end(thread);
    CHECK_EQ(th_record_state(thread), TH_FINISHED);
    th_record_announce_end(thread);
    CHECK_EQ(th_record_state(thread), TH_FINISHED);
    th_record_free(thread);
}
