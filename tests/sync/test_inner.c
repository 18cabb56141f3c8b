/* SPDX-License-Identifier: MIT */
/** @file
 *  Inner lock: it excludes, its waiters are woken, and it does not stop who is abandoned. */
#include "sync/inner.h"

#include "support.h"
#include "thrum/thread.h"

#define ROUNDS 20000
#define THREADS 4

static thrum_lock lock;
static int counter;

static void *count_up(void *arg)
{
    uint32_t me = th_inner_me();
    for (int i = 0; i < ROUNDS; i++) {
        th_inner_acquire(&lock, me);
        counter++;
        th_inner_release(&lock, me);
    }
    return arg;
}

TEST(inner, excludes)
{
    static group threads;
    group_start(&threads, THREADS, count_up, NULL);
    group_join(&threads);
    CHECK_EQ(counter, THREADS * ROUNDS);
    CHECK(!thrum_lock_locked(&lock));
}

TEST(inner, me_is_the_owner_of_the_lock)
{
    uint32_t me = th_inner_me();
    CHECK_EQ(me, th_self()->self);
    th_inner_acquire(&lock, me);
    CHECK(thrum_lock_locked(&lock));
    CHECK(!thrum_lock_try_acquire(&lock));
    th_inner_release(&lock, me);
    CHECK(thrum_lock_try_acquire(&lock));
    thrum_lock_release(&lock);
}

static void *acquire_once(void *arg)
{
    uint32_t me = th_inner_me();
    th_inner_acquire(&lock, me);
    bump(arg);
    th_inner_release(&lock, me);
    return NULL;
}

TEST(inner, waiters_are_woken)
{
    static group threads;
    int served = 0;
    uint32_t me = th_inner_me();
    th_inner_acquire(&lock, me);
    group_start(&threads, THREADS, acquire_once, &served);
    await_waiters(&lock, THREADS);
    CHECK_EQ(count_of(&served), 0);
    th_inner_release(&lock, me);
    group_join(&threads);
    CHECK_EQ(served, THREADS);
}

static int met, finished;
static thrum_lock held_by_main;

/** A daemon that has been abandoned goes on until it has released; then its next call stops it. */
static void *hold_beyond_the_end(void *unused)
{
    uint32_t me = th_inner_me();
    th_inner_acquire(&lock, me);
    bump(&met);
    th_inner_acquire(&held_by_main, me);
    th_inner_release(&held_by_main, me);
    th_inner_release(&lock, me);
    bump(&met);
    thrum_lock_acquire(&lock);
    bump(&finished);
    return unused;
}

TEST_EXITS(inner, does_not_stop_the_abandoned, 3)
{
    uint32_t me = th_inner_me();
    th_inner_acquire(&held_by_main, me);
    thrum_thread *daemon = HAVE(thrum_spawn(hold_beyond_the_end, NULL, .daemon = THRUM_DAEMON));
    await_count(&met, 1);
    await_waiters(&held_by_main, 1);
    pid_t tid = (pid_t)thrum_thread_native_id(daemon);
    CHECK_STATUS(thrum_shutdown(), 0);
    th_inner_release(&held_by_main, me);
    await_count(&met, 2);
    th_inner_acquire(&lock, me);
    th_inner_release(&lock, me);
    test_wait_asleep(tid); /* stopped: nobody holds the lock */
    CHECK_EQ(count_of(&finished), 0);
    CHECK(!thrum_lock_locked(&lock));
    thrum_thread_free(daemon);
    exit(3);
}
