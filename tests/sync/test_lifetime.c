// SPDX-License-Identifier: MIT
/** @file
 *  Lifetime: conditions and barriers whose memory the woken free at once, that signals interrupt,
 *  and that a forked child finds with its parent's waiters in them. */
#include "platform/probe.h"
#include "support.h"
#include "thrum/barrier.h"
#include "thrum/condition.h"

/** ThreadSanitizer ends a child that starts threads after a fork beside threads. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CHILD_MAY_START_THREADS false
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define CHILD_MAY_START_THREADS false
#endif
#ifndef CHILD_MAY_START_THREADS
#define CHILD_MAY_START_THREADS true
#endif

TEST_SETUP()
{
    th_probe_blocked = NULL;
}

typedef struct shared {
    thrum_condition condition;
    thrum_lock lock;
    thrum_rlock rlock;
    thrum_barrier barrier;
    thrum_time deadline;
    int state; /* under the lock */
    int users;
    int woken;
    int broken;
} shared;

static bool is_done(void *arg)
{
    return ((shared *)arg)->state != 0;
}

/* ---- freed by the woken ---- */

/** The last user of the object frees it. */
static void leave(shared *object)
{
    if (__atomic_sub_fetch(&object->users, 1, __ATOMIC_ACQ_REL) == 0)
        free(object);
}

static void *wait_unlock_leave(void *arg)
{
    shared *object = arg;
    thrum_lock_acquire(&object->lock);
    CHECK_STATUS(thrum_condition_wait(&object->condition, &object->lock), 0);
    thrum_lock_release(&object->lock);
    leave(object);
    return NULL;
}

static shared *new_object(int users)
{
    shared *object = calloc(1, sizeof *object);
    CHECK(object != NULL);
    object->users = users;
    return object;
}

static void free_after_notify(int waiting, bool locked)
{
    static group waiters;
    for (int round = 0; round < 200; round++) {
        shared *object = new_object(waiting);
        group_start(&waiters, waiting, wait_unlock_leave, object);
        while (waiters_on(&object->condition) < waiting)
            sched_yield();
        if (locked)
            thrum_lock_acquire(&object->lock);
        thrum_condition_notify_all(&object->condition);
        if (locked)
            thrum_lock_release(&object->lock);
        group_join(&waiters);
    }
}

TEST(lifetime, a_condition_may_be_freed_while_a_notify_under_the_lock_returns)
{
    free_after_notify(1, true);
    free_after_notify(3, true);
}

TEST(lifetime, a_condition_may_be_freed_while_a_notify_without_the_lock_returns)
{
    free_after_notify(1, false);
    free_after_notify(3, false);
}

static void *wait_until_unlock_leave(void *arg)
{
    shared *object = arg;
    thrum_lock_acquire(&object->lock);
    while (!is_done(object))
        (void)thrum_condition_wait_until(&object->condition, &object->lock, thrum_now() + 50000);
    thrum_lock_release(&object->lock);
    leave(object);
    return NULL;
}

TEST(lifetime, a_condition_may_be_freed_by_who_timed_out)
{
    static group waiters;
    for (int round = 0; round < 100; round++) {
        shared *object = new_object(3);
        group_start(&waiters, 3, wait_until_unlock_leave, object);
        thrum_lock_acquire(&object->lock);
        object->state = 1;
        thrum_condition_notify(&object->condition, 1);
        thrum_lock_release(&object->lock);
        group_join(&waiters);
    }
}

static void *arrive_and_leave(void *arg)
{
    shared *object = arg;
    (void)thrum_barrier_wait_until(&object->barrier, object->deadline);
    leave(object);
    return NULL;
}

TEST(lifetime, a_barrier_may_be_freed_when_all_waits_have_returned)
{
    static group parties;
    for (int round = 0; round < 300; round++) {
        shared *object = new_object(3);
        object->deadline = round % 3 != 0 ? THRUM_FOREVER : thrum_now() + 1000 * (round % 97);
        CHECK_STATUS(thrum_barrier_init(&object->barrier, 3, NULL, NULL), 0);
        group_start(&parties, 3, arrive_and_leave, object);
        group_join(&parties);
    }
}

TEST(lifetime, a_barrier_may_be_freed_by_those_an_abort_has_woken)
{
    static group parties;
    for (int round = 0; round < 200; round++) {
        shared *object = new_object(2);
        object->deadline = THRUM_FOREVER;
        CHECK_STATUS(thrum_barrier_init(&object->barrier, 3, NULL, NULL), 0);
        group_start(&parties, 2, arrive_and_leave, object);
        while (waiters_on(&object->barrier) < 2)
            sched_yield();
        if (round % 2 == 0)
            thrum_barrier_abort(&object->barrier);
        else
            thrum_barrier_reset(&object->barrier);
        group_join(&parties);
    }
}

/* ---- signals ---- */

static void *wait_with_lock(void *arg)
{
    shared *all = arg;
    thrum_lock_acquire(&all->lock);
    CHECK_STATUS(thrum_condition_wait_until(&all->condition, &all->lock, all->deadline), 0);
    bump(&all->woken);
    thrum_lock_release(&all->lock);
    return NULL;
}

TEST(lifetime, signals_wake_no_waiter_of_a_condition)
{
    for (int timed = 0; timed < 2; timed++) {
        shared all = {.deadline = timed ? thrum_after(3600) : THRUM_FOREVER};
        test_thread waiter;
        test_spawn(&waiter, wait_with_lock, &all);
        await_waiters(&all.condition, 1);
        interrupt_sleep(&waiter, 30);
        CHECK_EQ(count_of(&all.woken), 0);
        CHECK_EQ(waiters_on(&all.condition), 1);
        thrum_condition_notify(&all.condition, 1);
        test_join(&waiter);
        CHECK_EQ(all.woken, 1);
    }
}

static void *wait_for_state(void *arg)
{
    shared *all = arg;
    thrum_rlock_acquire(&all->rlock);
    thrum_rlock_acquire(&all->rlock);
    CHECK_STATUS(thrum_condition_wait_for(&all->condition, &all->rlock, is_done, all), 0);
    CHECK_EQ(thrum_rlock_count(&all->rlock), 2);
    thrum_rlock_release(&all->rlock);
    thrum_rlock_release(&all->rlock);
    bump(&all->woken);
    return NULL;
}

TEST(lifetime, signals_end_no_wait_for_a_predicate)
{
    static shared all;
    test_thread waiter;
    test_spawn(&waiter, wait_for_state, &all);
    await_waiters(&all.condition, 1);
    interrupt_sleep(&waiter, 30);
    CHECK_EQ(count_of(&all.woken), 0);
    thrum_rlock_acquire(&all.rlock);
    all.state = 1;
    thrum_condition_notify(&all.condition, 1);
    thrum_rlock_release(&all.rlock);
    test_join(&waiter);
}

TEST(lifetime, signals_shorten_no_deadline_of_condition_or_barrier)
{
    shared all = {.state = 0};
    test_signals storm;
    CHECK_STATUS(thrum_barrier_init(&all.barrier, 2, NULL, NULL), 0);
    thrum_lock_acquire(&all.lock);
    test_send_signals(&storm, pthread_self(), SIGUSR1, 100);
    thrum_time deadline = thrum_after(0.03);
    CHECK_STATUS(thrum_condition_wait_until(&all.condition, &all.lock, deadline), THRUM_ETIMEDOUT);
    CHECK_GE(thrum_now(), deadline);
    deadline = thrum_after(0.03);
    CHECK_STATUS(thrum_barrier_wait_until(&all.barrier, deadline), THRUM_EBROKEN);
    CHECK_GE(thrum_now(), deadline);
    CHECK_GT(test_stop_signals(&storm), 0);
    thrum_lock_release(&all.lock);
}

static void *arrive(void *arg)
{
    shared *all = arg;
    int index = thrum_barrier_wait_until(&all->barrier, all->deadline);
    bump(index >= 0 ? &all->woken : &all->broken);
    return NULL;
}

TEST(lifetime, signals_let_nobody_through_a_barrier)
{
    shared all = {.deadline = THRUM_FOREVER};
    test_thread party;
    CHECK_STATUS(thrum_barrier_init(&all.barrier, 2, NULL, NULL), 0);
    test_spawn(&party, arrive, &all);
    await_waiters(&all.barrier, 1);
    interrupt_sleep(&party, 30);
    CHECK_EQ(count_of(&all.woken) + count_of(&all.broken), 0);
    CHECK_EQ(thrum_barrier_n_waiting(&all.barrier), 1);
    CHECK_EQ(thrum_barrier_wait(&all.barrier), 1);
    test_join(&party);
    CHECK_EQ(all.woken, 1);
}

/* ---- fork ---- */

static void use_condition_in_child(void *arg)
{
    shared *all = arg;
    static group waiters;
    CHECK_EQ(waiters_on(&all->condition), 0);
    group_start(&waiters, 2, wait_with_lock, all);
    await_waiters(&all->condition, 2);
    for (int i = 1; i <= 2; i++) { /* none goes to one of the parent's */
        thrum_lock_acquire(&all->lock);
        thrum_condition_notify(&all->condition, 1);
        thrum_lock_release(&all->lock);
        await_count(&all->woken, i);
    }
    group_join(&waiters);
    thrum_condition_notify_all(&all->condition);
    CHECK(!thrum_lock_locked(&all->lock));
}

TEST(lifetime, a_childs_condition_forgets_the_parents_waiters)
{
    if (!CHILD_MAY_START_THREADS)
        return;
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    group_start(&waiters, 3, wait_with_lock, &all);
    await_waiters(&all.condition, 3);
    thrum_lock_acquire(&all.lock); /* the last to queue has released it too */
    thrum_lock_release(&all.lock);
    CHECK_EXITED(test_run_child(use_condition_in_child, &all), 0);
    CHECK_EQ(waiters_on(&all.condition), 3);
    thrum_condition_notify_all(&all.condition);
    group_join(&waiters);
    CHECK_EQ(all.woken, 3);
}

static void let_go_and_use_condition_in_child(void *arg)
{
    shared *all = arg;
    thrum_lock_release(&all->lock);
    use_condition_in_child(all);
}

/** The parent's waiters have been notified and wait for the lock, which is not free. */
TEST(lifetime, a_childs_lock_forgets_the_parents_notified_waiters)
{
    if (!CHILD_MAY_START_THREADS)
        return;
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    group_start(&waiters, 3, wait_with_lock, &all);
    await_waiters(&all.condition, 3);
    thrum_lock_acquire(&all.lock);
    thrum_condition_notify_all(&all.condition);
    await_waiters(&all.lock, 3);
    CHECK_EXITED(test_run_child(let_go_and_use_condition_in_child, &all), 0);
    thrum_lock_release(&all.lock);
    group_join(&waiters);
    CHECK_EQ(all.woken, 3);
}

static void use_barrier_in_child(void *arg)
{
    shared *all = arg;
    static group parties;
    CHECK_EQ(thrum_barrier_n_waiting(&all->barrier), 0);
    CHECK(!thrum_barrier_is_broken(&all->barrier));
    group_start(&parties, 2, arrive, all);
    await_waiters(&all->barrier, 2);
    CHECK_EQ(count_of(&all->woken), 0);
    CHECK_EQ(thrum_barrier_n_waiting(&all->barrier), 2);
    CHECK_EQ(thrum_barrier_wait(&all->barrier), 2);
    group_join(&parties);
    CHECK_EQ(all->woken, 2);
}

TEST(lifetime, a_childs_barrier_starts_its_round_anew)
{
    if (!CHILD_MAY_START_THREADS)
        return;
    static shared all = {.barrier = THRUM_BARRIER(3), .deadline = THRUM_FOREVER};
    static group parties;
    group_start(&parties, 2, arrive, &all);
    await_waiters(&all.barrier, 2);
    CHECK_EXITED(test_run_child(use_barrier_in_child, &all), 0);
    CHECK_EQ(thrum_barrier_n_waiting(&all.barrier), 2);
    CHECK_EQ(thrum_barrier_wait(&all.barrier), 2);
    group_join(&parties);
    CHECK_EQ(all.woken, 2);
    CHECK_EQ(all.broken, 0);
}
