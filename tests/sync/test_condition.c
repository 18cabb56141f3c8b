/* SPDX-License-Identifier: MIT */
/** @file
 *  Condition: CPython's condition tests, order, exact numbers, depth, deadlines, signals,
 *  freeing and fork. */
#include "thrum/condition.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "platform/probe.h"
#include "support.h"
#include "thrum/semaphore.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_THREAD_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define UNDER_THREAD_SANITIZER 1
#endif

/** ThreadSanitizer ends a child, forked beside other threads, that starts a thread. */
#if defined(UNDER_THREAD_SANITIZER)
#define CHILDREN_START_THREADS 0
#else
#define CHILDREN_START_THREADS 1
#endif

TEST_SETUP()
{
    th_probe_blocked = NULL;
}

/** Threads that wait on a condition, and in what order they came back. */
typedef struct shared {
    thrum_condition condition;
    thrum_lock lock;
    thrum_rlock rlock;
    thrum_time deadline;
    int depth; /* how deep the rlock is held */
    int woken; /* how many have come back */
    int order[GROUP_MAX];
    int status[GROUP_MAX];
    int next_ticket; /* given to waiters in the order in which they queue */
} shared;

#define SHARED_INIT                                                                                \
    {                                                                                              \
        .deadline = THRUM_FOREVER                                                                  \
    }

static void *wait_once(void *arg)
{
    shared *all = arg;
    thrum_lock_acquire(&all->lock);
    int ticket = all->next_ticket++;
    int status = thrum_condition_wait_until(&all->condition, &all->lock, all->deadline);
    CHECK(thrum_lock_locked(&all->lock));
    all->status[ticket] = status;
    all->order[count_of(&all->woken)] = ticket;
    bump(&all->woken);
    thrum_lock_release(&all->lock);
    return NULL;
}

static void notify_under_lock(shared *all, size_t n)
{
    thrum_lock_acquire(&all->lock);
    thrum_condition_notify(&all->condition, n);
    thrum_lock_release(&all->lock);
}

static void notify_all_under_lock(shared *all)
{
    thrum_lock_acquire(&all->lock);
    thrum_condition_notify_all(&all->condition);
    thrum_lock_release(&all->lock);
}

/** Their tickets are their order in the queue. */
static void start_waiters(shared *all, group *waiters, int size)
{
    group_queue(waiters, size, wait_once, all, &all->condition);
}

/* ---- ConditionTests ---- */

TEST(condition, is_ready_when_zeroed)
{
    thrum_condition zeroed;
    memset(&zeroed, 0, sizeof zeroed);
    thrum_condition initialised = THRUM_CONDITION_INIT;
    CHECK_EQ(memcmp(&zeroed, &initialised, sizeof zeroed), 0);
    thrum_condition_notify(&zeroed, 1);
    thrum_condition_notify_all(&zeroed);
}

static bool is_true(void *arg)
{
    (void)arg;
    return true;
}

static void *wait_without_owning(void *arg)
{
    shared *all = arg;
    CHECK_STATUS(thrum_condition_wait(&all->condition, &all->rlock), THRUM_EPERM);
    CHECK_STATUS(thrum_condition_wait_for(&all->condition, &all->rlock, is_true, NULL),
                 THRUM_EPERM);
    return NULL;
}

TEST(condition, wait_without_the_lock_is_refused)
{
    shared all = SHARED_INIT;
    CHECK_STATUS(thrum_condition_wait(&all.condition, &all.lock), THRUM_EPERM);
    CHECK_STATUS(thrum_condition_wait_until(&all.condition, &all.lock, 0), THRUM_EPERM);
    CHECK_STATUS(thrum_condition_wait_for(&all.condition, &all.lock, is_true, NULL), THRUM_EPERM);
    CHECK(!thrum_lock_locked(&all.lock));
    wait_without_owning(&all);
    CHECK(!thrum_rlock_locked(&all.rlock));
}

TEST(condition, wait_with_an_rlock_of_another_thread_is_refused)
{
    shared all = SHARED_INIT;
    test_thread thread;
    thrum_rlock_acquire(&all.rlock);
    test_spawn(&thread, wait_without_owning, &all);
    test_join(&thread);
    CHECK_EQ(thrum_rlock_count(&all.rlock), 1);
    thrum_rlock_release(&all.rlock);
}

/** As in Python, a plain lock does not know its holder: held is held. */
TEST(condition, wait_with_a_lock_held_for_the_caller_is_a_wait)
{
    shared all = SHARED_INIT;
    test_thread waiter;
    thrum_lock_acquire(&all.lock);
    thrum_lock_release(&all.lock);
    test_spawn(&waiter, wait_once, &all);
    await_waiters(&all.condition, 1);
    notify_under_lock(&all, 1); /* acquires the lock, which the wait has released */
    test_join(&waiter);
    CHECK_STATUS(all.status[0], 0);
}

TEST(condition, notify_wakes_exactly_so_many_in_order)
{
    static shared all = SHARED_INIT;
    static group waiters;
    start_waiters(&all, &waiters, 9);
    notify_under_lock(&all, 3);
    await_count(&all.woken, 3);
    CHECK_EQ(waiters_on(&all.condition), 6);
    notify_under_lock(&all, 1);
    await_count(&all.woken, 4);
    CHECK_EQ(waiters_on(&all.condition), 5);
    notify_under_lock(&all, 0);
    CHECK_EQ(waiters_on(&all.condition), 5);
    notify_under_lock(&all, 5);
    group_join(&waiters);
    CHECK_EQ(all.woken, 9);
    for (int i = 0; i < 9; i++)
        CHECK_STATUS(all.status[i], 0);
    CHECK_EQ(all.order[3], 3);
}

TEST(condition, notify_wakes_who_has_waited_longest)
{
    static shared all = SHARED_INIT;
    static group waiters;
    start_waiters(&all, &waiters, 8);
    for (int i = 0; i < 8; i++) {
        notify_under_lock(&all, 1);
        await_count(&all.woken, i + 1);
        CHECK_EQ(waiters_on(&all.condition), 7 - i);
    }
    group_join(&waiters);
    for (int i = 0; i < 8; i++)
        CHECK_EQ(all.order[i], i);
}

TEST(condition, notified_under_the_lock_come_back_in_order)
{
    static shared all = SHARED_INIT;
    static group waiters;
    for (int round = 0; round < 10; round++) {
        all.next_ticket = all.woken = 0;
        start_waiters(&all, &waiters, 6);
        notify_all_under_lock(&all);
        group_join(&waiters);
        for (int i = 0; i < 6; i++)
            CHECK_EQ(all.order[i], i);
    }
}

TEST(condition, more_notified_than_wait_is_all)
{
    static shared all = SHARED_INIT;
    static group waiters;
    start_waiters(&all, &waiters, 3);
    notify_under_lock(&all, SIZE_MAX);
    group_join(&waiters);
    CHECK_EQ(all.woken, 3);
    CHECK_EQ(waiters_on(&all.lock), 0);
}

TEST(condition, notify_without_waiters_is_not_remembered)
{
    shared all = SHARED_INIT;
    notify_under_lock(&all, 5);
    notify_all_under_lock(&all);
    thrum_lock_acquire(&all.lock);
    CHECK_STATUS(thrum_condition_wait_until(&all.condition, &all.lock, soon()), THRUM_ETIMEDOUT);
    thrum_lock_release(&all.lock);
}

TEST(condition, notify_all_wakes_a_hundred)
{
    static shared all = SHARED_INIT;
    static group waiters;
    group_start(&waiters, 100, wait_once, &all);
    await_waiters(&all.condition, 100);
    notify_all_under_lock(&all);
    group_join(&waiters);
    CHECK_EQ(all.woken, 100);
    CHECK_EQ(waiters_on(&all.lock), 0);
    CHECK(!thrum_lock_locked(&all.lock));
}

TEST(condition, notify_all_without_the_lock_wakes_a_hundred)
{
    static shared all = SHARED_INIT;
    static group waiters;
    group_start(&waiters, 100, wait_once, &all);
    await_waiters(&all.condition, 100);
    thrum_condition_notify_all(&all.condition);
    group_join(&waiters);
    CHECK_EQ(all.woken, 100);
    CHECK(!thrum_lock_locked(&all.lock));
}

TEST(condition, notify_without_the_lock_wakes_one_at_a_time)
{
    static shared all = SHARED_INIT;
    static group waiters;
    start_waiters(&all, &waiters, 5);
    for (int i = 0; i < 5; i++) {
        thrum_condition_notify(&all.condition, 1);
        await_count(&all.woken, i + 1);
        CHECK_EQ(all.order[i], i);
    }
    group_join(&waiters);
}

TEST(condition, notified_waiters_wait_for_the_lock)
{
    static shared all = SHARED_INIT;
    static group waiters;
    start_waiters(&all, &waiters, 3);
    thrum_lock_acquire(&all.lock);
    thrum_condition_notify_all(&all.condition);
    CHECK_EQ(waiters_on(&all.condition), 0);
    for (int i = 0; i < 3; i++)
        test_wait_asleep(waiters.threads[i].tid);
    CHECK_EQ(count_of(&all.woken), 0);
    thrum_lock_release(&all.lock);
    group_join(&waiters);
    CHECK_EQ(all.woken, 3);
}

/* ---- deadlines ---- */

TEST(condition, times_out_and_holds_the_lock_again)
{
    shared all = SHARED_INIT;
    thrum_lock_acquire(&all.lock);
    for (size_t i = 0; i < LENGTH(past_deadlines); i++) {
        CHECK_STATUS(thrum_condition_wait_until(&all.condition, &all.lock, past_deadlines[i]),
                     THRUM_ETIMEDOUT);
        CHECK(thrum_lock_locked(&all.lock));
    }
    thrum_time nan = thrum_after((double)NAN);
    CHECK_STATUS(thrum_condition_wait_until(&all.condition, &all.lock, nan), THRUM_ETIMEDOUT);
    thrum_time deadline = thrum_after(0.02);
    CHECK_STATUS(thrum_condition_wait_until(&all.condition, &all.lock, deadline), THRUM_ETIMEDOUT);
    CHECK_GE(thrum_now(), deadline);
    CHECK(thrum_lock_locked(&all.lock));
    CHECK_EQ(waiters_on(&all.condition), 0);
    thrum_lock_release(&all.lock);
}

TEST(condition, deadlines_at_the_end_of_the_clock_wait)
{
    for (size_t i = 0; i < LENGTH(far_deadlines); i++) {
        shared all = {.deadline = far_deadlines[i]};
        test_thread waiter;
        test_spawn(&waiter, wait_once, &all);
        await_waiters(&all.condition, 1);
        test_wait_asleep(waiter.tid);
        notify_under_lock(&all, 1);
        test_join(&waiter);
        CHECK_STATUS(all.status[0], 0);
    }
}

/** Returns with the lock held once a waiter is queued, or its deadline has passed. */
static bool waits_in_time(shared *all)
{
    await_waiter_until(&all->condition, all->deadline);
    thrum_lock_acquire(&all->lock);
    return waiters_on(&all->condition) == 1;
}

/** A waiter must take the lock again before it returns, however late that is; and one whose
 *  notification came before the deadline was notified, even if that has passed meanwhile. */
TEST(condition, notified_in_time_but_locked_out_past_the_deadline_is_notified)
{
    bool in_time = false;
    for (double seconds = 0.005; !in_time; seconds *= 2) {
        shared all = {.deadline = thrum_after(seconds), .status = {1}};
        test_thread waiter;
        test_spawn(&waiter, wait_once, &all);
        in_time = waits_in_time(&all);
        thrum_condition_notify(&all.condition, 1);
        while (in_time && thrum_now() < all.deadline + 3000000)
            sched_yield();
        if (in_time)
            CHECK_EQ(count_of(&all.woken), 0);
        thrum_lock_release(&all.lock);
        test_join(&waiter);
        CHECK_STATUS(all.status[0], in_time ? 0 : THRUM_ETIMEDOUT);
    }
}

TEST(condition, a_timeout_in_the_middle_of_the_queue_disturbs_nobody)
{
    static shared all = SHARED_INIT;
    static shared timed;
    static group waiters;
    start_waiters(&all, &waiters, 2);
    thrum_lock_acquire(&all.lock);
    timed.status[0] = thrum_condition_wait_until(&all.condition, &all.lock, soon());
    thrum_lock_release(&all.lock);
    CHECK_STATUS(timed.status[0], THRUM_ETIMEDOUT);
    group_add(&waiters, wait_once, &all);
    await_waiters(&all.condition, 3);
    for (int i = 0; i < 3; i++) {
        notify_under_lock(&all, 1);
        await_count(&all.woken, i + 1);
        CHECK_EQ(all.order[i], i);
    }
    group_join(&waiters);
}

typedef struct race {
    shared *all;
    int succeeded, timed_out;
} race;

enum { RACE_ROUNDS = 400 };

static void *wait_for_a_moment(void *arg)
{
    race *racing = arg;
    shared *all = racing->all;
    thrum_lock_acquire(&all->lock);
    for (int i = 0; i < RACE_ROUNDS; i++) {
        thrum_time deadline = thrum_now() + 1000 * (i % 100);
        if (thrum_condition_wait_until(&all->condition, &all->lock, deadline) == 0)
            racing->succeeded++;
        else
            racing->timed_out++;
    }
    thrum_lock_release(&all->lock);
    bump(&all->woken);
    return NULL;
}

/** A notification is given to one that waits, and that one returns 0: so if a notify is made under
 *  the lock while somebody waits, exactly one wait succeeds for it. */
TEST(condition, a_notification_that_races_with_a_deadline_is_never_lost)
{
    static shared all;
    static group waiters;
    race racing = {.all = &all};
    int given = 0;
    group_start(&waiters, 3, wait_for_a_moment, &racing);
    while (count_of(&all.woken) < 3) {
        thrum_lock_acquire(&all.lock);
        int before = waiters_on(&all.condition);
        thrum_condition_notify(&all.condition, 1);
        int after = waiters_on(&all.condition);
        given += after < before;
        thrum_lock_release(&all.lock);
        sched_yield();
    }
    group_join(&waiters);
    CHECK_EQ(racing.succeeded + racing.timed_out, 3 * RACE_ROUNDS);
    CHECK_LE(racing.succeeded, given);
}

/* ---- wait_for ---- */

static bool has_reached_goal(void *arg)
{
    int *state = arg;
    state[1]++;
    return state[0] >= 4;
}

typedef struct predicate_wait {
    shared *all;
    int state[2]; /* the value, and how often it was looked at */
    thrum_time deadline;
    int status;
} predicate_wait;

static void *wait_for_goal(void *arg)
{
    predicate_wait *wait = arg;
    thrum_lock_acquire(&wait->all->lock);
    wait->status = thrum_condition_wait_for_until(&wait->all->condition, &wait->all->lock,
                                                  has_reached_goal, wait->state, wait->deadline);
    CHECK(thrum_lock_locked(&wait->all->lock));
    thrum_lock_release(&wait->all->lock);
    return NULL;
}

TEST(condition, wait_for_goes_on_until_the_predicate_is_true)
{
    shared all = SHARED_INIT;
    predicate_wait wait = {&all, {0, 0}, THRUM_FOREVER, 1};
    test_thread waiter;
    test_spawn(&waiter, wait_for_goal, &wait);
    for (int i = 1; i <= 4; i++) {
        await_waiters(&all.condition, 1);
        thrum_lock_acquire(&all.lock);
        CHECK_EQ(wait.state[1], i);
        wait.state[0] = i;
        thrum_condition_notify(&all.condition, 1);
        thrum_lock_release(&all.lock);
    }
    test_join(&waiter);
    CHECK_STATUS(wait.status, 0);
    CHECK_EQ(wait.state[1], 5);
}

TEST(condition, wait_for_looks_once_more_when_the_deadline_has_passed)
{
    shared all = SHARED_INIT;
    predicate_wait wait = {&all, {0, 0}, 0, 1};
    wait_for_goal(&wait);
    CHECK_STATUS(wait.status, THRUM_ETIMEDOUT);
    CHECK_EQ(wait.state[1], 2);
    wait.deadline = soon();
    wait_for_goal(&wait);
    CHECK_STATUS(wait.status, THRUM_ETIMEDOUT);
    CHECK_GE(thrum_now(), wait.deadline);
    wait.state[0] = 4;
    wait.deadline = 0;
    wait_for_goal(&wait);
    CHECK_STATUS(wait.status, 0);
}

static bool is_locked(void *arg)
{
    shared *all = arg;
    return bump(&all->woken) > 2 && thrum_lock_locked(&all->lock);
}

/** The predicate becomes true by itself, unnotified, while the wait times out. */
TEST(condition, wait_for_answers_what_the_predicate_says_last)
{
    shared all = SHARED_INIT;
    all.woken = 1;
    thrum_lock_acquire(&all.lock);
    CHECK_STATUS(thrum_condition_wait_for_until(&all.condition, &all.lock, is_locked, &all, soon()),
                 0);
    CHECK_EQ(all.woken, 3);
    thrum_lock_release(&all.lock);
}

/* ---- rlocks ---- */

static void *wait_deep(void *arg)
{
    shared *all = arg;
    for (int i = 0; i < all->depth; i++)
        thrum_rlock_acquire(&all->rlock);
    all->status[0] = thrum_condition_wait_until(&all->condition, &all->rlock, all->deadline);
    CHECK_EQ(thrum_rlock_count(&all->rlock), all->depth);
    for (int i = 0; i < all->depth; i++)
        thrum_rlock_release(&all->rlock);
    bump(&all->woken);
    return NULL;
}

TEST(condition, wait_releases_all_levels_of_an_rlock_and_restores_them)
{
    for (int depth = 1; depth <= 5; depth++) {
        shared all = {.deadline = THRUM_FOREVER, .depth = depth};
        test_thread waiter;
        test_spawn(&waiter, wait_deep, &all);
        await_waiters(&all.condition, 1);
        thrum_rlock_acquire(&all.rlock);
        thrum_rlock_acquire(&all.rlock);
        CHECK_EQ(thrum_rlock_count(&all.rlock), 2);
        thrum_condition_notify(&all.condition, 1);
        thrum_rlock_release(&all.rlock);
        CHECK_EQ(count_of(&all.woken), 0);
        thrum_rlock_release(&all.rlock);
        test_join(&waiter);
        CHECK_STATUS(all.status[0], 0);
        CHECK(!thrum_rlock_locked(&all.rlock));
    }
}

TEST(condition, a_timeout_restores_all_levels_of_an_rlock)
{
    shared all = {.deadline = 0, .depth = 4};
    wait_deep(&all);
    CHECK_STATUS(all.status[0], THRUM_ETIMEDOUT);
    all.deadline = soon();
    wait_deep(&all);
    CHECK_STATUS(all.status[0], THRUM_ETIMEDOUT);
    CHECK(!thrum_rlock_locked(&all.rlock));
}

static bool is_owned_deep(void *arg)
{
    shared *all = arg;
    CHECK_EQ(thrum_rlock_count(&all->rlock), all->depth);
    return ++all->next_ticket > 2;
}

TEST(condition, wait_for_tests_its_predicate_with_the_rlock_at_full_depth)
{
    shared all = {.deadline = THRUM_FOREVER, .depth = 3};
    for (int i = 0; i < all.depth; i++)
        thrum_rlock_acquire(&all.rlock);
    CHECK_STATUS(thrum_condition_wait_for_until(&all.condition, &all.rlock, is_owned_deep, &all, 0),
                 THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_condition_wait_for(&all.condition, &all.rlock, is_owned_deep, &all), 0);
    CHECK_EQ(all.next_ticket, 3);
    for (int i = 0; i < all.depth; i++)
        thrum_rlock_release(&all.rlock);
    CHECK(!thrum_rlock_locked(&all.rlock));
}

TEST(condition, null_is_answered)
{
    shared all = SHARED_INIT;
    thrum_condition *none = NULL;
    thrum_lock *no_lock = NULL;
    thrum_rlock *no_rlock = NULL;
    CHECK_STATUS(thrum_condition_wait(none, &all.lock), THRUM_EINVAL);
    CHECK_STATUS(thrum_condition_wait(&all.condition, no_lock), THRUM_EINVAL);
    CHECK_STATUS(thrum_condition_wait(&all.condition, no_rlock), THRUM_EINVAL);
    CHECK_STATUS(thrum_condition_wait_until(none, &all.rlock, 0), THRUM_EINVAL);
    CHECK_STATUS(thrum_condition_wait_for(none, &all.lock, is_true, NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_condition_wait_for(&all.condition, &all.lock, NULL, NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_condition_wait_for(&all.condition, &all.rlock, NULL, NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_condition_wait_for(&all.condition, no_rlock, is_true, NULL), THRUM_EINVAL);
    CHECK_MISUSE(thrum_condition_notify(NULL, 1), NULL, "NULL");
    CHECK_MISUSE(thrum_condition_notify_all(NULL), NULL, "NULL");
}

TEST(condition, keeps_errno)
{
    shared all = SHARED_INIT;
    thrum_lock_acquire(&all.lock);
    errno = 77;
    CHECK_STATUS(thrum_condition_wait_until(&all.condition, &all.lock, soon()), THRUM_ETIMEDOUT);
    thrum_condition_notify_all(&all.condition);
    CHECK_EQ(errno, 77);
    thrum_lock_release(&all.lock);
}

static void *wait_with_the_lock_of_another(void *arg)
{
    shared *all = arg;
    all->status[0] = thrum_condition_wait_until(&all->condition, &all->lock, all->deadline);
    CHECK(thrum_lock_locked(&all->lock));
    bump(&all->woken);
    return NULL;
}

static bool is_free(void *arg)
{
    return !thrum_lock_locked(arg);
}

/** The wait releases the lock that the other holds, and holds it itself when it returns. */
TEST(condition, wait_with_a_lock_that_another_thread_holds_is_a_wait)
{
    static shared all = SHARED_INIT;
    test_thread waiter;
    thrum_lock_acquire(&all.lock);
    test_spawn(&waiter, wait_with_the_lock_of_another, &all);
    test_wait_until(is_free, &all.lock);
    CHECK_EQ(waiters_on(&all.condition), 1);
    thrum_lock_acquire(&all.lock);
    thrum_condition_notify(&all.condition, 1);
    CHECK_EQ(count_of(&all.woken), 0);
    thrum_lock_release(&all.lock);
    test_join(&waiter);
    CHECK_STATUS(all.status[0], 0);
    CHECK(thrum_lock_locked(&all.lock));
    thrum_lock_release(&all.lock);
}

/* ---- several locks on one condition ---- */

enum { LOCKS = 3 };

typedef struct many_locks {
    thrum_condition condition;
    thrum_lock lock;
    thrum_lock other_lock;
    thrum_rlock rlock;
    int next_ticket;
    int woken;
    int came[GROUP_MAX];
} many_locks;

/** The locks take turns: the first waiter uses one, the next another. */
static void *wait_with_one_of_the_locks(void *arg)
{
    many_locks *all = arg;
    int ticket = bump(&all->next_ticket) - 1;
    int status;
    if (ticket % LOCKS == 2) {
        thrum_rlock_acquire(&all->rlock);
        status = thrum_condition_wait(&all->condition, &all->rlock);
        thrum_rlock_release(&all->rlock);
    } else {
        thrum_lock *lock = ticket % LOCKS == 0 ? &all->lock : &all->other_lock;
        thrum_lock_acquire(lock);
        status = thrum_condition_wait(&all->condition, lock);
        thrum_lock_release(lock);
    }
    CHECK_STATUS(status, 0);
    set_count_of(&all->came[ticket], 1);
    bump(&all->woken);
    return NULL;
}

TEST(condition, waiters_with_different_locks_are_woken_in_order)
{
    static many_locks all;
    static group waiters;
    const int steps[] = {1, 4, 2, 5};
    for (int i = 0; i < 12; i++) {
        group_add(&waiters, wait_with_one_of_the_locks, &all);
        await_waiters(&all.condition, i + 1);
    }
    int total = 0;
    for (size_t i = 0; i < LENGTH(steps); i++) {
        thrum_condition_notify(&all.condition, (size_t)steps[i]);
        total += steps[i];
        CHECK_EQ(waiters_on(&all.condition), 12 - total);
        await_count(&all.woken, total);
        for (int ticket = 0; ticket < 12; ticket++)
            CHECK_EQ(count_of(&all.came[ticket]), ticket < total);
    }
    group_join(&waiters);
}

TEST(condition, notify_all_wakes_waiters_with_different_locks)
{
    static many_locks all;
    static group waiters;
    group_start(&waiters, 30, wait_with_one_of_the_locks, &all);
    await_waiters(&all.condition, 30);
    thrum_lock_acquire(&all.lock);
    thrum_condition_notify_all(&all.condition);
    CHECK_EQ(waiters_on(&all.condition), 0);
    await_count(&all.woken, 30 - 30 / LOCKS);
    CHECK_EQ(count_of(&all.woken), 30 - 30 / LOCKS);
    thrum_lock_release(&all.lock);
    group_join(&waiters);
    CHECK_EQ(all.woken, 30);
}

/* ---- each notification is one waiter's ---- */

typedef struct duel {
    thrum_condition condition;
    thrum_lock lock;
    thrum_semaphore next_round, finished;
    thrum_time deadline; /* of the hasty one; the patient one has none */
    int hasty, patient;  /* how often each was notified */
} duel;

enum { DUELS = 1000 };

static void *wait_hastily(void *arg)
{
    duel *all = arg;
    for (int i = 0; i < DUELS; i++) {
        CHECK_STATUS(thrum_semaphore_acquire(&all->next_round), 0);
        thrum_lock_acquire(&all->lock);
        int status = thrum_condition_wait_until(&all->condition, &all->lock, all->deadline);
        thrum_lock_release(&all->lock);
        if (status == 0)
            bump(&all->hasty);
        else
            CHECK_STATUS(status, THRUM_ETIMEDOUT);
        CHECK_STATUS(thrum_semaphore_release(&all->finished, 1), 0);
    }
    return NULL;
}

static void *wait_patiently(void *arg)
{
    duel *all = arg;
    thrum_lock_acquire(&all->lock);
    for (int i = 0; i < DUELS; i++) {
        CHECK_STATUS(thrum_condition_wait(&all->condition, &all->lock), 0);
        bump(&all->patient);
    }
    thrum_lock_release(&all->lock);
    return NULL;
}

static void notify_at(duel *all, thrum_time moment, bool locked)
{
    while (thrum_now() < moment)
        continue;
    if (locked)
        thrum_lock_acquire(&all->lock);
    thrum_condition_notify(&all->condition, 1);
    if (locked)
        thrum_lock_release(&all->lock);
}

/** Of two waiters, one whose deadline passes just then, exactly one gets a notification. */
TEST_LIMIT(condition, a_notification_is_the_next_ones_if_a_deadline_was_first, 60)
{
    static duel all;
    test_thread hasty, patient;
    test_spawn(&hasty, wait_hastily, &all);
    test_spawn(&patient, wait_patiently, &all);
    for (int i = 0; i < DUELS; i++) {
        await_waiters(&all.condition, 1);
        int hasty_before = count_of(&all.hasty);
        all.deadline = thrum_now() + 1000 * (i % 200);
        CHECK_STATUS(thrum_semaphore_release(&all.next_round, 1), 0);
        notify_at(&all, all.deadline, i % 2 == 0);
        CHECK_STATUS(thrum_semaphore_acquire(&all.finished), 0);
        if (count_of(&all.hasty) > hasty_before) {
            CHECK_EQ(count_of(&all.patient), i);
            notify_at(&all, 0, i % 2 == 0);
        }
        await_count(&all.patient, i + 1);
        CHECK_EQ(count_of(&all.patient), i + 1);
    }
    test_join(&hasty);
    test_join(&patient);
    CHECK_EQ(waiters_on(&all.condition), 0);
}

/* ---- signals ---- */

TEST(condition, a_signal_does_not_end_a_wait)
{
    static shared all = SHARED_INIT;
    static group waiters;
    start_waiters(&all, &waiters, 3);
    for (int i = 0; i < 3; i++)
        interrupt_sleep(&waiters.threads[i], 50);
    CHECK_EQ(waiters_on(&all.condition), 3);
    CHECK_EQ(count_of(&all.woken), 0);
    for (int i = 0; i < 3; i++) {
        notify_under_lock(&all, 1);
        await_count(&all.woken, i + 1);
        CHECK_EQ(waiters_on(&all.condition), 2 - i);
    }
    group_join(&waiters);
}

TEST(condition, a_signal_does_not_end_a_wait_with_an_rlock)
{
    static shared all = {.deadline = THRUM_FOREVER, .depth = 3};
    test_thread waiter;
    test_spawn(&waiter, wait_deep, &all);
    interrupt_sleep(&waiter, 50);
    CHECK_EQ(waiters_on(&all.condition), 1);
    CHECK_EQ(count_of(&all.woken), 0);
    thrum_condition_notify(&all.condition, 1);
    test_join(&waiter);
    CHECK_STATUS(all.status[0], 0);
}

/** Also while it is notified but has not the lock yet. */
TEST(condition, a_signal_does_not_bring_back_a_waiter_without_its_lock)
{
    static shared all = SHARED_INIT;
    static group waiters;
    start_waiters(&all, &waiters, 2);
    thrum_lock_acquire(&all.lock);
    thrum_condition_notify_all(&all.condition);
    for (int i = 0; i < 2; i++)
        interrupt_sleep(&waiters.threads[i], 50);
    CHECK_EQ(count_of(&all.woken), 0);
    thrum_lock_release(&all.lock);
    group_join(&waiters);
    CHECK_EQ(all.woken, 2);
}

TEST(condition, a_storm_of_signals_does_not_shorten_a_wait)
{
    shared all = SHARED_INIT;
    test_signals storm;
    test_send_signals(&storm, pthread_self(), SIGUSR1, 50);
    thrum_lock_acquire(&all.lock);
    for (int i = 0; i < 10; i++) {
        thrum_time deadline = thrum_after(0.01);
        CHECK_STATUS(thrum_condition_wait_until(&all.condition, &all.lock, deadline),
                     THRUM_ETIMEDOUT);
        CHECK_GE(thrum_now(), deadline);
    }
    thrum_lock_release(&all.lock);
    CHECK_GT(test_stop_signals(&storm), 0);
}

/* ---- freeing ---- */

enum { FREED = 1000 };

typedef struct shortlived {
    thrum_condition condition;
    thrum_lock lock;
} shortlived;

static void *wait_and_free(void *arg)
{
    shortlived **objects = arg;
    for (int i = 0; i < FREED; i++) {
        thrum_lock_acquire(&objects[i]->lock);
        CHECK_STATUS(thrum_condition_wait(&objects[i]->condition, &objects[i]->lock), 0);
        thrum_lock_release(&objects[i]->lock);
        memset(objects[i], 0xff, sizeof *objects[i]);
        free(objects[i]);
    }
    return NULL;
}

/** The last call of the other thread is a release of the lock, or the notify itself. */
TEST(condition, may_be_freed_by_the_woken_while_the_waker_returns)
{
    static shortlived *objects[FREED];
    for (int i = 0; i < FREED; i++)
        objects[i] = calloc(1, sizeof *objects[i]);
    test_thread freer;
    test_spawn(&freer, wait_and_free, objects);
    for (int i = 0; i < FREED; i++) {
        bool locked = i % 2 == 0;
        while (waiters_on(&objects[i]->condition) == 0)
            sched_yield();
        if (locked)
            thrum_lock_acquire(&objects[i]->lock);
        if (i % 4 < 2)
            thrum_condition_notify(&objects[i]->condition, 1);
        else
            thrum_condition_notify_all(&objects[i]->condition);
        if (locked)
            thrum_lock_release(&objects[i]->lock);
    }
    test_join(&freer);
}

/* ---- fork ---- */

static void use_in_child(void *arg)
{
    shared *all = arg;
    static group waiters;
    thrum_condition_notify(&all->condition, 1);
    notify_all_under_lock(all);
    CHECK(!thrum_lock_locked(&all->lock));
    thrum_lock_acquire(&all->lock);
    CHECK_STATUS(thrum_condition_wait_until(&all->condition, &all->lock, soon()), THRUM_ETIMEDOUT);
    thrum_lock_release(&all->lock);
    int size = CHILDREN_START_THREADS ? 3 : 0;
    all->next_ticket = 0;
    start_waiters(all, &waiters, size);
    notify_under_lock(all, 1);
    await_count(&all->woken, size > 0 ? 1 : 0);
    CHECK_EQ(waiters_on(&all->condition), size > 0 ? size - 1 : 0);
    notify_all_under_lock(all);
    group_join(&waiters);
    CHECK_EQ(all->woken, size);
}

TEST(condition, in_a_forked_child_has_none_of_the_parents_waiters)
{
    static shared all = SHARED_INIT;
    static group waiters;
    start_waiters(&all, &waiters, 3);
    test_wait_until(is_free, &all.lock);
    CHECK_EXITED(test_run_child(use_in_child, &all), 0);
    CHECK_EQ(count_of(&all.woken), 0);
    CHECK_EQ(waiters_on(&all.condition), 3);
    notify_all_under_lock(&all);
    group_join(&waiters);
    CHECK_EQ(all.woken, 3);
}
