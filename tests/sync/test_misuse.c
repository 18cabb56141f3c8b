/* SPDX-License-Identifier: MIT */
/** @file
 *  Misuse: the handler, the default, and the line they are given. */
#include "sync/misuse.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "runner.h"
#include "thrum/lock.h"
#include "thrum/status.h"
#include "thrum/thread.h"

#define TEXT_BYTES 2048

static thrum_lock lock;
static unsigned misuses;
static char misuse_line[TEXT_BYTES];
static const void *misuse_object;

static void note_misuse(const char *what, const void *object)
{
    misuses++;
    misuse_object = object;
    snprintf(misuse_line, sizeof misuse_line, "%s", what);
}

static void ignore_misuse(const char *what, const void *object)
{
    (void)what;
    (void)object;
}

/* ---- the handler ---- */

TEST(misuse, the_handler_before_is_returned_and_null_is_the_default)
{
    CHECK(thrum_set_misuse_handler(NULL) == NULL);
    CHECK(thrum_set_misuse_handler(note_misuse) == NULL);
    CHECK(thrum_set_misuse_handler(ignore_misuse) == note_misuse);
    CHECK(thrum_set_misuse_handler(NULL) == ignore_misuse);
    CHECK(thrum_set_misuse_handler(NULL) == NULL);
}

TEST(misuse, the_handler_in_force_gets_line_and_object)
{
    thrum_set_misuse_handler(note_misuse);
    th_misuse_line(&lock, "a whole line");
    CHECK_EQ(misuses, 1);
    CHECK_STR(misuse_line, "a whole line");
    CHECK_PTR(misuse_object, &lock);
    thrum_set_misuse_handler(ignore_misuse);
    th_misuse_line(&lock, "another");
    CHECK_EQ(misuses, 1);
}

TEST(misuse, tell_says_whether_somebody_listened)
{
    CHECK(!th_misuse_tell(&lock, "nobody listens"));
    thrum_set_misuse_handler(note_misuse);
    CHECK(th_misuse_tell(NULL, "somebody listens"));
    CHECK_STR(misuse_line, "somebody listens");
    CHECK_PTR(misuse_object, NULL);
}

static void misuse_again(const char *what, const void *object)
{
    note_misuse(what, object);
    if (misuses < 3)
        thrum_lock_release(&lock);
}

TEST(misuse, a_handler_may_itself_misuse)
{
    thrum_set_misuse_handler(misuse_again);
    thrum_lock_release(&lock);
    CHECK_EQ(misuses, 3);
}

static void replace_itself(const char *what, const void *object)
{
    thrum_set_misuse_handler(note_misuse);
    note_misuse(what, object);
}

TEST(misuse, a_handler_may_replace_itself)
{
    thrum_set_misuse_handler(replace_itself);
    thrum_lock_release(&lock);
    CHECK_EQ(misuses, 1);
    CHECK(thrum_set_misuse_handler(NULL) == note_misuse);
}

/* ---- the default ---- */

static void misuse_by_default(void *object)
{
    th_misuse_line(object, "what was done");
}

TEST(misuse, the_default_prints_one_line_and_aborts)
{
    char said[TEXT_BYTES];
    CHECK_DIED(test_capture_stderr(misuse_by_default, NULL, said, sizeof said), SIGABRT);
    CHECK_STR(said, "thrum: misuse: what was done\n");
}

static void restore_the_default(void *unused)
{
    thrum_set_misuse_handler(note_misuse);
    thrum_set_misuse_handler(NULL);
    misuse_by_default(unused);
}

TEST(misuse, null_restores_the_default)
{
    char said[TEXT_BYTES];
    CHECK_DIED(test_capture_stderr(restore_the_default, NULL, said, sizeof said), SIGABRT);
    CHECK_STR(said, "thrum: misuse: what was done\n");
}

/* ---- the line ---- */

TEST(misuse, the_line_ends_in_thread_and_caller)
{
    char name[64], tail[128];
    thrum_set_misuse_handler(note_misuse);
    thrum_current_thread();
    th_misuse(&lock, (const void *)&lock, "%s of %d things", "misuse", 3);
    CHECK_PTR(strstr(misuse_line, "misuse of 3 things, by \"MainThread\" (tid "), misuse_line);
    snprintf(name, sizeof name, "(tid %d), called from ", (int)test_thread_id());
    CHECK_CONTAINS(misuse_line, name);
    snprintf(tail, sizeof tail, ", called from test_misuse(");
    CHECK_CONTAINS(misuse_line, tail);
}

TEST(misuse, a_caller_outside_all_objects_is_a_number)
{
    thrum_set_misuse_handler(note_misuse);
    th_misuse(NULL, (const void *)(uintptr_t)0x10, "what");
    CHECK_CONTAINS(misuse_line, "called from 0x10");
}

static void *misuse_in_a_thread(void *caller)
{
    th_misuse(NULL, caller, "what");
    return NULL;
}

TEST(misuse, the_line_names_the_thread)
{
    thrum_set_misuse_handler(note_misuse);
    thrum_thread *thread = thrum_spawn(misuse_in_a_thread, NULL, .name = "the culprit");
    CHECK_STATUS(thrum_thread_join(thread), 0);
    thrum_thread_free(thread);
    CHECK_CONTAINS(misuse_line, "what, by \"the culprit\" (tid ");
}

static void *release_in_a_thread(void *unused)
{
    thrum_lock_release(&lock);
    return unused;
}

TEST(misuse, threads_that_thrum_did_not_start_are_told_too)
{
    test_thread foreign;
    thrum_set_misuse_handler(note_misuse);
    test_spawn(&foreign, misuse_in_a_thread, NULL);
    test_join(&foreign);
    CHECK_CONTAINS(misuse_line, "what, by a thread, called from ");
    test_spawn(&foreign, release_in_a_thread, NULL);
    test_join(&foreign);
    CHECK_CONTAINS(misuse_line, "by \"a foreign thread\" (tid ");
    CHECK_EQ(misuses, 2);
}

TEST(misuse, a_line_that_is_too_long_is_cut)
{
    char text[3 * TEXT_BYTES];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    thrum_set_misuse_handler(note_misuse);
    th_misuse(&lock, NULL, "%s", text);
    CHECK_EQ(misuses, 1);
    CHECK_GT(strlen(misuse_line), 256);
    CHECK_EQ(strspn(misuse_line, "x"), strlen(misuse_line));
    text[200] = '\0';
    th_misuse(&lock, NULL, "%s", text);
    CHECK_CONTAINS(misuse_line, ", by ");
    CHECK_EQ(strspn(misuse_line, "x"), 200);
}

static void *release_many(void *unused)
{
    for (int i = 0; i < 200; i++)
        thrum_lock_release(&lock);
    return unused;
}

static unsigned told;

static void count_told(const char *what, const void *object)
{
    CHECK_CONTAINS(what, "release of Lock");
    CHECK_PTR(object, &lock);
    __atomic_fetch_add(&told, 1, __ATOMIC_RELAXED);
}

TEST(misuse, every_misuse_of_every_thread_is_told)
{
    test_thread threads[4];
    thrum_set_misuse_handler(count_told);
    for (int i = 0; i < 4; i++)
        test_spawn(&threads[i], release_many, NULL);
    for (int i = 0; i < 4; i++)
        test_join(&threads[i]);
    CHECK_EQ(told, 800);
}
