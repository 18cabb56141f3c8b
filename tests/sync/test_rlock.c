/* SPDX-License-Identifier: MIT */
/** @file
 *  RLock: what CPython's lock_tests say of RLock, and every status and deadline of the header. */
#include "thrum/rlock.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"
#include "thrum/thread.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define THREADS 8
#define TEXT_BYTES 1024

static thrum_rlock lock;
static test_gate gate = TEST_GATE_INIT;

static void in_another_thread(void *(*fn)(void *), void *arg)
{
    test_thread other;
    test_spawn(&other, fn, arg);
    test_join(&other);
}

/* ---- depth ---- */

TEST(rlock, zeroed_is_free)
{
    thrum_rlock zeroed;
    memset(&zeroed, 0, sizeof zeroed);
    thrum_rlock initialised = THRUM_RLOCK_INIT;
    CHECK(!thrum_rlock_locked(&zeroed));
    CHECK(!thrum_rlock_locked(&initialised));
    CHECK(!thrum_rlock_is_owned(&zeroed));
    CHECK_EQ(thrum_rlock_count(&zeroed), 0);
    CHECK(thrum_rlock_try_acquire(&zeroed));
    CHECK(thrum_rlock_try_acquire(&initialised));
    CHECK_EQ(sizeof(thrum_rlock), 16);
}

static void check_depth(unsigned depth)
{
    CHECK_EQ(thrum_rlock_count(&lock), depth);
    CHECK_EQ(thrum_rlock_is_owned(&lock), depth > 0);
    CHECK_EQ(thrum_rlock_locked(&lock), depth > 0);
}

/** CPython's test_reacquire and test_recursion_count. */
TEST(rlock, its_owner_may_acquire_it_again)
{
    check_depth(0);
    thrum_rlock_acquire(&lock);
    check_depth(1);
    thrum_rlock_acquire(&lock);
    check_depth(2);
    CHECK(thrum_rlock_try_acquire(&lock));
    check_depth(3);
    CHECK_STATUS(thrum_rlock_acquire_until(&lock, 0), 0);
    check_depth(4);
    CHECK_STATUS(thrum_rlock_acquire_until(&lock, THRUM_FOREVER), 0);
    check_depth(5);
    thrum_rlock_release(&lock);
    check_depth(4);
    CHECK_STATUS(thrum_rlock_release_checked(&lock), 0);
    check_depth(3);
    thrum_rlock_acquire_at(&lock, NULL);
    check_depth(4);
    for (unsigned depth = 4; depth > 0; depth--) {
        check_depth(depth);
        thrum_rlock_release(&lock);
    }
    check_depth(0);
    CHECK_STATUS(thrum_rlock_release_checked(&lock), THRUM_EPERM);
}

TEST(rlock, depth_starts_anew_with_each_owner)
{
    CHECK_STATUS(thrum_rlock_acquire_until(&lock, 0), 0);
    thrum_rlock_acquire(&lock);
    thrum_rlock_release(&lock);
    CHECK_STATUS(thrum_rlock_release_checked(&lock), 0);
    check_depth(0);
    thrum_rlock_acquire(&lock);
    check_depth(1);
    thrum_rlock_release(&lock);
    check_depth(0);
}

TEST(rlock, acquire_is_a_function_too)
{
    void (*acquire)(thrum_rlock *) = thrum_rlock_acquire;
    void (*release)(thrum_rlock *) = thrum_rlock_release;
    acquire(&lock);
    acquire(&lock);
    check_depth(2);
    release(&lock);
    release(&lock);
    check_depth(0);
}

TEST(rlock, notes_the_outermost_acquire)
{
    thrum_rlock_acquire_at(&lock, "outer:1");
    thrum_rlock_acquire_at(&lock, "inner:2");
    CHECK_STR(lock.site, "outer:1");
    thrum_rlock_release(&lock);
    thrum_rlock_release(&lock);
    thrum_rlock_acquire(&lock);
    CHECK_CONTAINS(lock.site, "test_rlock.c:");
    thrum_rlock_release(&lock);
}

/* ---- overflow ---- */

static unsigned misuses;
static char misuse_line[TEXT_BYTES];
static const void *misuse_object;

static void note_misuse(const char *what, const void *object)
{
    misuses++;
    misuse_object = object;
    snprintf(misuse_line, sizeof misuse_line, "%s", what);
}

TEST(rlock, refuses_the_acquire_that_would_overflow)
{
    thrum_set_misuse_handler(note_misuse);
    thrum_rlock_acquire(&lock);
    lock.count = UINT32_MAX - 1;
    CHECK_STATUS(thrum_rlock_acquire_until(&lock, THRUM_FOREVER), 0);
    CHECK_EQ(thrum_rlock_count(&lock), UINT32_MAX);
    CHECK_STATUS(thrum_rlock_acquire_until(&lock, THRUM_FOREVER), THRUM_EOVERFLOW);
    CHECK_STATUS(thrum_rlock_acquire_until(&lock, 0), THRUM_EOVERFLOW);
    CHECK(!thrum_rlock_try_acquire(&lock));
    CHECK_EQ(misuses, 0);
    thrum_rlock_acquire(&lock);
    CHECK_EQ(misuses, 1);
    CHECK_PTR(misuse_object, &lock);
    CHECK_CONTAINS(misuse_line, "held 2^32-1 times already");
    CHECK_EQ(thrum_rlock_count(&lock), UINT32_MAX);
    thrum_rlock_release(&lock);
    CHECK_EQ(thrum_rlock_count(&lock), UINT32_MAX - 1);
    lock.count = 1;
    thrum_rlock_release(&lock);
    check_depth(0);
}

/* ---- deadlines ---- */

static void *poll_in_vain(void *unused)
{
    const thrum_time passed[] = {
        INT64_MIN, -1, 0, 1, thrum_now(), thrum_after(0), thrum_after(-1), thrum_after(NAN)};
    for (size_t i = 0; i < LENGTH(passed); i++)
        CHECK_STATUS(thrum_rlock_acquire_until(&lock, passed[i]), THRUM_ETIMEDOUT);
    CHECK(!thrum_rlock_try_acquire(&lock));
    thrum_time deadline = thrum_after(0.01);
    CHECK_STATUS(thrum_rlock_acquire_until(&lock, deadline), THRUM_ETIMEDOUT);
    CHECK_GE(thrum_now(), deadline);
    return unused;
}

TEST(rlock, a_deadline_ends_a_wait_and_leaves_the_lock_as_it_was)
{
    thrum_rlock_acquire(&lock);
    thrum_rlock_acquire(&lock);
    in_another_thread(poll_in_vain, NULL);
    check_depth(2);
    thrum_rlock_release(&lock);
    in_another_thread(poll_in_vain, NULL);
    thrum_rlock_release(&lock);
    check_depth(0);
}

TEST(rlock, is_taken_whatever_the_deadline_if_free_or_owned)
{
    const thrum_time deadlines[] = {INT64_MIN,        -1,           0, thrum_now(), thrum_after(-1),
                                    thrum_after(NAN), THRUM_FOREVER};
    for (size_t i = 0; i < LENGTH(deadlines); i++) {
        CHECK_STATUS(thrum_rlock_acquire_until(&lock, deadlines[i]), 0);
        CHECK_STATUS(thrum_rlock_acquire_until(&lock, deadlines[i]), 0);
        check_depth(2);
        thrum_rlock_release(&lock);
        thrum_rlock_release(&lock);
    }
}

static void *acquire_until_arg(void *arg)
{
    const thrum_time *deadline = arg;
    CHECK_STATUS(thrum_rlock_acquire_until(&lock, *deadline), 0);
    check_depth(1);
    thrum_rlock_release(&lock);
    return NULL;
}

TEST(rlock, waits_to_the_end_of_the_clock)
{
    thrum_time deadlines[] = {THRUM_FOREVER, INT64_MAX - 1, thrum_after(1e300),
                              thrum_after(INFINITY)};
    for (size_t i = 0; i < LENGTH(deadlines); i++) {
        test_thread waiter;
        thrum_rlock_acquire(&lock);
        thrum_rlock_acquire(&lock);
        test_spawn(&waiter, acquire_until_arg, &deadlines[i]);
        test_wait_asleep(waiter.tid);
        thrum_rlock_release(&lock);
        test_wait_asleep(waiter.tid);
        thrum_rlock_release(&lock);
        test_join(&waiter);
    }
    CHECK(!thrum_rlock_locked(&lock));
}

/* ---- NULL ---- */

TEST(rlock, null_is_a_status_where_there_is_one)
{
    CHECK_STATUS(thrum_rlock_acquire_until(NULL, 0), THRUM_EINVAL);
    CHECK_STATUS(thrum_rlock_acquire_until(NULL, THRUM_FOREVER), THRUM_EINVAL);
    CHECK_STATUS(thrum_rlock_release_checked(NULL), THRUM_EINVAL);
    CHECK(!thrum_rlock_locked(NULL));
    CHECK(!thrum_rlock_is_owned(NULL));
    CHECK_EQ(thrum_rlock_count(NULL), 0);
}

TEST(rlock, null_is_misuse_where_there_is_none)
{
    thrum_set_misuse_handler(note_misuse);
    misuse_object = &lock;
    thrum_rlock_acquire((thrum_rlock *)NULL);
    CHECK_EQ(misuses, 1);
    CHECK_PTR(misuse_object, NULL);
    CHECK_CONTAINS(misuse_line, "acquire of an rlock that is NULL");
    CHECK(!thrum_rlock_try_acquire(NULL));
    CHECK_EQ(misuses, 2);
    thrum_rlock_release(NULL);
    CHECK_EQ(misuses, 3);
    CHECK_CONTAINS(misuse_line, "release of an rlock that is NULL");
}

TEST_DIES(rlock, acquire_of_null_aborts, SIGABRT)
{
    thrum_rlock_acquire((thrum_rlock *)NULL);
}

TEST_DIES(rlock, try_of_null_aborts, SIGABRT)
{
    (void)thrum_rlock_try_acquire(NULL);
}

TEST_DIES(rlock, release_of_null_aborts, SIGABRT)
{
    thrum_rlock_release(NULL);
}

/* ---- release of what is not the caller's ---- */

TEST(rlock, release_checked_of_a_free_lock_changes_nothing)
{
    thrum_rlock before;
    for (int round = 0; round < 2; round++) {
        memcpy(&before, &lock, sizeof lock);
        CHECK_STATUS(thrum_rlock_release_checked(&lock), THRUM_EPERM);
        CHECK_EQ(memcmp(&before, &lock, sizeof lock), 0);
        check_depth(0);
        thrum_rlock_acquire(&lock);
        thrum_rlock_release(&lock);
    }
}

static void *release_checked_in_vain(void *unused)
{
    thrum_rlock before;
    memcpy(&before, &lock, sizeof lock);
    CHECK_STATUS(thrum_rlock_release_checked(&lock), THRUM_EPERM);
    CHECK_EQ(memcmp(&before, &lock, sizeof lock), 0);
    return unused;
}

TEST(rlock, release_checked_by_another_thread_changes_nothing)
{
    thrum_rlock_acquire(&lock);
    in_another_thread(release_checked_in_vain, NULL);
    check_depth(1);
    thrum_rlock_acquire(&lock);
    in_another_thread(release_checked_in_vain, NULL);
    check_depth(2);
    thrum_rlock_release(&lock);
    thrum_rlock_release(&lock);
}

static void release_free_lock(void *unused)
{
    (void)unused;
    thrum_rlock_release(&lock);
}

TEST_DIES(rlock, release_of_a_free_lock_aborts, SIGABRT)
{
    release_free_lock(NULL);
}

TEST(rlock, release_of_a_free_lock_says_what_who_and_whence)
{
    char said[TEXT_BYTES], object[64];
    CHECK_DIED(test_capture_stderr(release_free_lock, NULL, said, sizeof said), SIGABRT);
    snprintf(object, sizeof object, "release of RLock %p, which is owned by nobody", (void *)&lock);
    CHECK_CONTAINS(said, "thrum: misuse: ");
    CHECK_CONTAINS(said, object);
    CHECK_CONTAINS(said, "by \"MainThread\" (tid ");
    CHECK_CONTAINS(said, "called from test_rlock(");
}

static void *release_it(void *unused)
{
    thrum_rlock_release(&lock);
    return unused;
}

TEST(rlock, release_by_another_thread_is_misuse_that_names_the_owner)
{
    thrum_set_misuse_handler(note_misuse);
    thrum_rlock_acquire(&lock);
    thrum_rlock_acquire(&lock);
    thrum_thread *thread = thrum_spawn(release_it, NULL, .name = "careless");
    CHECK_STATUS(thrum_thread_join(thread), 0);
    thrum_thread_free(thread);
    CHECK_EQ(misuses, 1);
    CHECK_PTR(misuse_object, &lock);
    CHECK_CONTAINS(misuse_line, "which is owned by \"MainThread\" (tid ");
    CHECK_CONTAINS(misuse_line, "by \"careless\" (tid ");
    check_depth(2);
    thrum_rlock_release(&lock);
    in_another_thread(release_it, NULL); /* also at depth 1, where the fast path releases */
    CHECK_EQ(misuses, 2);
    check_depth(1);
    thrum_rlock_release(&lock);
    check_depth(0);
}

static void *acquire_it(void *unused)
{
    thrum_rlock_acquire(&lock);
    return unused;
}

TEST(rlock, release_of_what_an_ended_thread_held_is_misuse)
{
    thrum_set_misuse_handler(note_misuse);
    in_another_thread(acquire_it, NULL);
    thrum_rlock_release(&lock);
    CHECK_EQ(misuses, 1);
    CHECK_CONTAINS(misuse_line, "owned by a thread that has ended");
    CHECK(thrum_rlock_locked(&lock));
    CHECK(!thrum_rlock_is_owned(&lock));
}

/* ---- several threads ---- */

static void *see_it_held_by_another(void *unused)
{
    CHECK(thrum_rlock_locked(&lock));
    CHECK(!thrum_rlock_is_owned(&lock));
    CHECK_EQ(thrum_rlock_count(&lock), 0);
    CHECK(!thrum_rlock_try_acquire(&lock));
    return unused;
}

/** CPython's test__is_owned, test_recursion_count and test_locked_with_2threads. */
TEST(rlock, others_see_it_held_but_no_depth)
{
    thrum_rlock_acquire(&lock);
    in_another_thread(see_it_held_by_another, NULL);
    thrum_rlock_acquire(&lock);
    in_another_thread(see_it_held_by_another, NULL);
    thrum_rlock_release(&lock);
    in_another_thread(see_it_held_by_another, NULL);
    thrum_rlock_release(&lock);
}

static void *hold_to_depth_3(void *unused)
{
    for (int i = 0; i < 3; i++)
        thrum_rlock_acquire(&lock);
    test_gate_wait(&gate);
    check_depth(3);
    for (int i = 0; i < 3; i++)
        thrum_rlock_release(&lock);
    CHECK_EQ(thrum_rlock_count(&lock), 0); /* the other may hold it by now */
    CHECK(!thrum_rlock_is_owned(&lock));
    return unused;
}

TEST(rlock, depth_of_one_thread_is_not_that_of_another)
{
    test_thread other;
    test_spawn(&other, hold_to_depth_3, NULL);
    test_gate_await(&gate, 1);
    see_it_held_by_another(NULL);
    CHECK_STATUS(thrum_rlock_release_checked(&lock), THRUM_EPERM);
    test_gate_open(&gate);
    thrum_rlock_acquire(&lock);
    check_depth(1);
    thrum_rlock_release(&lock);
    test_join(&other);
}

static int inside, passed;

static void *pass_through(void *unused)
{
    thrum_rlock_acquire(&lock);
    thrum_rlock_acquire(&lock);
    inside++;
    CHECK_EQ(inside, 1);
    thrum_rlock_release(&lock);
    passed++;
    inside--;
    thrum_rlock_release(&lock);
    return unused;
}

TEST(rlock, all_waiters_come_through_one_at_a_time)
{
    test_thread waiters[THREADS];
    thrum_rlock_acquire(&lock);
    thrum_rlock_acquire(&lock);
    for (size_t i = 0; i < LENGTH(waiters); i++)
        test_spawn(&waiters[i], pass_through, NULL);
    for (size_t i = 0; i < LENGTH(waiters); i++)
        test_wait_asleep(waiters[i].tid);
    thrum_rlock_release(&lock);
    CHECK_EQ(passed, 0);
    CHECK_STATUS(thrum_rlock_release_checked(&lock), 0);
    for (size_t i = 0; i < LENGTH(waiters); i++)
        test_join(&waiters[i]);
    CHECK_EQ(passed, THREADS);
    CHECK(!thrum_rlock_locked(&lock));
}

static void *free_it(void *arg)
{
    thrum_rlock *object = arg;
    thrum_rlock_acquire(object);
    thrum_rlock_release(object);
    memset(object, 0xa5, sizeof *object);
    free(object);
    return NULL;
}

TEST_LIMIT(rlock, may_be_freed_by_a_woken_waiter, 60)
{
    for (int round = 0; round < 50; round++) {
        test_thread waiter;
        thrum_rlock *object = calloc(1, sizeof *object);
        thrum_rlock_acquire(object);
        test_spawn(&waiter, free_it, object);
        test_wait_asleep(waiter.tid);
        thrum_rlock_release(object);
        test_join(&waiter);
    }
}

/* ---- signals ---- */

static unsigned signals_seen;

static void count_signal(int signo)
{
    (void)signo;
    __atomic_fetch_add(&signals_seen, 1, __ATOMIC_RELAXED);
}

static bool has_seen_20_signals(void *unused)
{
    (void)unused;
    return __atomic_load_n(&signals_seen, __ATOMIC_RELAXED) >= 20;
}

static void *acquire_until_an_hour_has_passed(void *unused)
{
    CHECK_STATUS(thrum_rlock_acquire_until(&lock, thrum_after(3600)), 0);
    CHECK_GE(__atomic_load_n(&signals_seen, __ATOMIC_RELAXED), 20);
    thrum_rlock_acquire(&lock);
    thrum_rlock_release(&lock);
    thrum_rlock_release(&lock);
    return unused;
}

TEST(rlock, signals_end_no_wait)
{
    struct sigaction action = {.sa_handler = count_signal};
    test_thread waiter;
    test_signals storm;
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    thrum_rlock_acquire(&lock);
    test_spawn(&waiter, acquire_until_an_hour_has_passed, NULL);
    test_wait_asleep(waiter.tid);
    test_send_signals(&storm, waiter.handle, SIGUSR1, 100);
    test_wait_until(has_seen_20_signals, NULL);
    test_stop_signals(&storm);
    thrum_rlock_release(&lock);
    test_join(&waiter);
}

/* ---- foreign threads ---- */

static void *use_it(void *unused)
{
    CHECK_EQ(thrum_private_self, 0); /* thrum has not met this thread */
    CHECK_EQ(thrum_rlock_count(&lock), 0);
    thrum_rlock_acquire(&lock);
    thrum_rlock_acquire(&lock);
    check_depth(2);
    thrum_rlock_release(&lock);
    thrum_rlock_release(&lock);
    check_depth(0);
    return unused;
}

static void *acquire_and_release(void *unused)
{
    thrum_rlock_acquire(&lock);
    check_depth(1);
    thrum_rlock_release(&lock);
    return unused;
}

TEST(rlock, serves_threads_that_thrum_did_not_start)
{
    in_another_thread(use_it, NULL);
    in_another_thread(acquire_and_release, NULL);
    in_another_thread(release_checked_in_vain, NULL);
    check_depth(0);
}
