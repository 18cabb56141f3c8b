/* SPDX-License-Identifier: MIT */
/** @file
 *  With: scopes of locks, rlocks and semaphores let go however they are left. */
#include "thrum/with.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "runner.h"
#include "thrum/thread.h"

static thrum_lock lock;
static thrum_rlock rlock;
static thrum_semaphore semaphore = THRUM_SEMAPHORE(2);

static void check_all_free(void)
{
    CHECK(!thrum_lock_locked(&lock));
    CHECK(!thrum_rlock_locked(&rlock));
    CHECK_EQ(thrum_semaphore_value(&semaphore), 2);
}

static void check_all_held(void)
{
    CHECK(thrum_lock_locked(&lock));
    CHECK_EQ(thrum_rlock_count(&rlock), 1);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 1);
}

/* ---- to the end ---- */

TEST(with, holds_a_lock_for_its_block)
{
    int rounds = 0;
    thrum_with (&lock) {
        CHECK(thrum_lock_locked(&lock));
        CHECK_CONTAINS(lock.site, "test_with.c:");
        rounds++;
    }
    CHECK(!thrum_lock_locked(&lock));
    CHECK_EQ(rounds, 1);
}

TEST(with, holds_an_rlock_for_its_block)
{
    int rounds = 0;
    thrum_with (&rlock) {
        thrum_with (&rlock)
            CHECK_EQ(thrum_rlock_count(&rlock), 2);
        CHECK_EQ(thrum_rlock_count(&rlock), 1);
        CHECK_CONTAINS(rlock.site, "test_with.c:");
        rounds++;
    }
    CHECK(!thrum_rlock_locked(&rlock));
    CHECK_EQ(rounds, 1);
}

TEST(with, holds_a_permit_for_its_block)
{
    int rounds = 0;
    thrum_with (&semaphore) {
        CHECK_EQ(thrum_semaphore_value(&semaphore), 1);
        thrum_with (&semaphore)
            CHECK_EQ(thrum_semaphore_value(&semaphore), 0);
        CHECK_EQ(thrum_semaphore_value(&semaphore), 1);
        rounds++;
    }
    CHECK_EQ(thrum_semaphore_value(&semaphore), 2);
    CHECK_EQ(rounds, 1);
}

TEST(with, gives_a_permit_back_to_a_bounded_semaphore)
{
    thrum_semaphore bounded = THRUM_BOUNDED_SEMAPHORE(1);
    for (int i = 0; i < 3; i++)
        thrum_with (&bounded)
            CHECK_EQ(thrum_semaphore_value(&bounded), 0);
    CHECK_EQ(thrum_semaphore_value(&bounded), 1);
}

TEST(with, hold_lasts_to_the_end_of_the_enclosing_block)
{
    {
        THRUM_HOLD(&lock);
        THRUM_HOLD(&rlock);
        THRUM_HOLD(&semaphore);
        check_all_held();
    }
    check_all_free();
}

TEST(with, takes_any_expression_once)
{
    thrum_lock locks[2] = {THRUM_LOCK_INIT, THRUM_LOCK_INIT};
    thrum_lock *next = locks;
    thrum_with (next++)
        CHECK(thrum_lock_locked(&locks[0]) && !thrum_lock_locked(&locks[1]));
    CHECK_PTR(next, &locks[1]);
    CHECK(!thrum_lock_locked(&locks[0]));
    {
        THRUM_HOLD(next++);
        CHECK(thrum_lock_locked(&locks[1]));
    }
    CHECK_PTR(next, &locks[2]);
    CHECK(!thrum_lock_locked(&locks[1]));
}

static void look_in_between(const bool *looked)
{
    CHECK(*looked);
    CHECK(!thrum_rlock_locked(&rlock));
    CHECK(thrum_lock_locked(&lock));
}

TEST(with, lets_go_in_the_order_opposite_to_taking)
{
    {
        THRUM_HOLD(&lock);
        bool looked __attribute__((cleanup(look_in_between))) = false;
        THRUM_HOLD(&rlock);
        looked = true;
    }
    check_all_free();
}

/* ---- left early ---- */

static int return_from_with(void)
{
    thrum_with (&lock) {
        thrum_with (&rlock) {
            thrum_with (&semaphore) {
                check_all_held();
                return thrum_rlock_count(&rlock) == 1 ? 7 : 0;
            }
        }
    }
    return -1;
}

static int return_from_hold(void)
{
    THRUM_HOLD(&lock);
    THRUM_HOLD(&rlock);
    THRUM_HOLD(&semaphore);
    check_all_held();
    return thrum_semaphore_value(&semaphore) == 1 ? 8 : 0;
}

TEST(with, lets_go_on_return_and_not_before_the_value_is_there)
{
    CHECK_EQ(return_from_with(), 7);
    check_all_free();
    CHECK_EQ(return_from_hold(), 8);
    check_all_free();
}

TEST(with, lets_go_on_goto)
{
    int visits = 0;
again:
    check_all_free();
    {
        THRUM_HOLD(&lock);
        thrum_with (&rlock) {
            thrum_with (&semaphore) {
                check_all_held();
                if (++visits < 3)
                    goto again;
                goto out;
            }
        }
        FAIL("not reached");
    }
out:
    check_all_free();
    CHECK_EQ(visits, 3);
}

TEST(with, break_leaves_the_with_and_not_the_loop_around_it)
{
    int rounds = 0, after = 0;
    for (; rounds < 3; rounds++) {
        thrum_with (&lock) {
            thrum_with (&semaphore) {
                CHECK(thrum_lock_locked(&lock));
                break;
            }
            CHECK_EQ(thrum_semaphore_value(&semaphore), 2);
            CHECK(thrum_lock_locked(&lock));
            if (rounds >= 0)
                break;
            FAIL("not reached");
        }
        check_all_free();
        after++;
    }
    CHECK_EQ(rounds, 3);
    CHECK_EQ(after, 3);
}

TEST(with, continue_leaves_the_with_and_not_the_loop_around_it)
{
    int after = 0;
    for (int i = 0; i < 3; i++) {
        thrum_with (&rlock) {
            CHECK_EQ(thrum_rlock_count(&rlock), 1);
            if (i >= 0)
                continue;
            FAIL("not reached");
        }
        check_all_free();
        after++;
    }
    CHECK_EQ(after, 3);
}

TEST(with, hold_in_a_loop_lets_go_on_break_and_continue)
{
    int rounds = 0;
    for (int i = 0; i < 5; i++) {
        check_all_free();
        THRUM_HOLD(&lock);
        THRUM_HOLD(&semaphore);
        rounds++;
        if (i == 1)
            continue;
        if (i == 3)
            break;
    }
    check_all_free();
    CHECK_EQ(rounds, 4);
}

/* ---- the thread ends inside ---- */

static void *exit_in_with(void *arg)
{
    thrum_with (&lock) {
        thrum_with (&rlock) {
            thrum_with (&semaphore) {
                check_all_held();
                pthread_exit(arg);
            }
        }
    }
    return NULL;
}

static void *exit_in_hold(void *arg)
{
    THRUM_HOLD(&lock);
    THRUM_HOLD(&rlock);
    THRUM_HOLD(&semaphore);
    check_all_held();
    pthread_exit(arg);
}

TEST(with, lets_go_on_pthread_exit)
{
    void *(*const targets[])(void *) = {exit_in_with, exit_in_hold};
    for (int i = 0; i < 2; i++) {
        test_thread foreign;
        test_spawn(&foreign, targets[i], &lock);
        CHECK_PTR(test_join(&foreign), &lock);
        check_all_free();
        thrum_thread *thread = thrum_spawn(targets[i], NULL);
        CHECK_STATUS(thrum_thread_join(thread), 0);
        thrum_thread_free(thread);
        check_all_free();
    }
}

static test_gate inside = TEST_GATE_INIT;

/** Not asleep: ThreadSanitizer loses count of a call that is cancelled while it blocks. */
static void await_cancellation(void)
{
    test_gate_open(&inside);
    for (;;) {
        pthread_testcancel();
        sched_yield();
    }
}

static void *be_cancelled_in_with(void *unused)
{
    thrum_with (&lock)
        thrum_with (&rlock)
            thrum_with (&semaphore)
                await_cancellation();
    return unused;
}

static void *be_cancelled_in_hold(void *unused)
{
    THRUM_HOLD(&lock);
    THRUM_HOLD(&rlock);
    THRUM_HOLD(&semaphore);
    await_cancellation();
    return unused;
}

TEST(with, lets_go_when_the_thread_is_cancelled)
{
    void *(*const targets[])(void *) = {be_cancelled_in_with, be_cancelled_in_hold};
    for (int i = 0; i < 2; i++) {
        test_thread thread;
        test_spawn(&thread, targets[i], NULL);
        test_gate_wait(&inside);
        CHECK(thrum_lock_locked(&lock));
        CHECK_EQ(pthread_cancel(thread.handle), 0);
        CHECK_PTR(test_join(&thread), PTHREAD_CANCELED);
        check_all_free();
        test_gate_close(&inside);
    }
}

/* ---- waiting for it ---- */

static void *enter_it(void *arg)
{
    thrum_with (&lock)
        *(int *)arg += 1;
    return NULL;
}

TEST(with, waits_until_the_lock_is_free)
{
    test_thread waiter;
    int entered = 0;
    thrum_with (&lock) {
        test_spawn(&waiter, enter_it, &entered);
        test_wait_asleep(waiter.tid);
        CHECK_EQ(entered, 0);
    }
    test_join(&waiter);
    CHECK_EQ(entered, 1);
}

static void *take_a_permit(void *arg)
{
    thrum_with (&semaphore)
        *(int *)arg += 1;
    return NULL;
}

TEST(with, waits_for_a_permit)
{
    test_thread waiter;
    int entered = 0;
    thrum_with (&semaphore) {
        thrum_with (&semaphore) {
            test_spawn(&waiter, take_a_permit, &entered);
            test_wait_asleep(waiter.tid);
            CHECK_EQ(entered, 0);
        }
    }
    test_join(&waiter);
    CHECK_EQ(entered, 1);
    check_all_free();
}

/* ---- NULL ---- */

static unsigned misuses;

static void count_misuse(const char *what, const void *object)
{
    CHECK_CONTAINS(what, "NULL");
    CHECK_PTR(object, NULL);
    misuses++;
}

TEST(with, null_is_misuse_of_locks_and_the_block_is_not_run)
{
    CHECK(thrum_set_misuse_handler(count_misuse) == NULL);
    thrum_with ((thrum_lock *)NULL)
        FAIL("ran");
    CHECK_EQ(misuses, 1);
    thrum_with ((thrum_rlock *)NULL)
        FAIL("ran");
    CHECK_EQ(misuses, 2);
    {
        THRUM_HOLD((thrum_lock *)NULL);
    }
    CHECK_EQ(misuses, 3);
}

TEST(with, a_permit_that_was_not_given_is_not_given_back)
{
    thrum_with ((thrum_semaphore *)NULL)
        FAIL("ran");
    {
        THRUM_HOLD((thrum_semaphore *)NULL);
    }
}

TEST_DIES(with, null_aborts, SIGABRT)
{
    thrum_with ((thrum_lock *)NULL)
        FAIL("ran");
}
