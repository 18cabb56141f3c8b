/* SPDX-License-Identifier: MIT */
/** @file
 *  Lock: CPython's lock tests, deadlines, misuse, fairness, signals, fork and early freeing. */
#include "thrum/lock.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "platform/probe.h"
#include "support.h"

TEST_SETUP()
{
    th_probe_blocked = NULL; /* some cases wait for themselves on purpose */
}

/** A lock, and what threads did with it. */
typedef struct shared {
    thrum_lock lock;
    int acquired;
    int status;
    test_gate gate;
} shared;

#define SHARED_INIT                                                                                \
    {                                                                                              \
        .lock = THRUM_LOCK_INIT, .gate = TEST_GATE_INIT                                            \
    }

static void *acquire_and_release(void *arg)
{
    shared *all = arg;
    thrum_lock_acquire(&all->lock);
    bump(&all->acquired);
    thrum_lock_release(&all->lock);
    return NULL;
}

static void *try_acquire(void *arg)
{
    return thrum_lock_try_acquire(arg) ? arg : NULL;
}

/** Whether another thread could take the lock; it does not keep it. */
static bool is_free_for_others(thrum_lock *lock)
{
    test_thread thread;
    test_spawn(&thread, try_acquire, lock);
    bool taken = test_join(&thread) != NULL;
    if (taken)
        thrum_lock_release(lock);
    return taken;
}

/* ---- BaseLockTests, LockTests ---- */

TEST(lock, is_free_when_zeroed)
{
    thrum_lock zeroed;
    memset(&zeroed, 0, sizeof zeroed);
    thrum_lock initialised = THRUM_LOCK_INIT;
    CHECK(!thrum_lock_locked(&zeroed));
    CHECK(!thrum_lock_locked(&initialised));
    CHECK_EQ(memcmp(&zeroed, &initialised, sizeof zeroed), 0);
    thrum_lock_acquire(&zeroed);
    CHECK(thrum_lock_locked(&zeroed));
    CHECK(!thrum_lock_locked(&initialised));
    thrum_lock_release(&zeroed);
}

TEST(lock, says_whether_it_is_locked)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    for (int i = 0; i < 3; i++) {
        CHECK(!thrum_lock_locked(&lock));
        thrum_lock_acquire(&lock);
        CHECK(thrum_lock_locked(&lock));
        CHECK(!is_free_for_others(&lock));
        thrum_lock_release(&lock);
    }
    CHECK(is_free_for_others(&lock));
    CHECK(!thrum_lock_locked(&lock));
}

TEST(lock, try_takes_it_only_when_free)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    CHECK(thrum_lock_try_acquire(&lock));
    CHECK(thrum_lock_locked(&lock));
    CHECK(!thrum_lock_try_acquire(&lock));
    CHECK(!is_free_for_others(&lock));
    thrum_lock_release(&lock);
    CHECK(thrum_lock_try_acquire(&lock));
    thrum_lock_release(&lock);
}

TEST(lock, may_be_given_up_while_held)
{
    thrum_lock *lock = calloc(1, sizeof *lock);
    thrum_lock_acquire(lock);
    free(lock);
}

TEST(lock, lets_waiters_in_one_after_the_other)
{
    static shared all = SHARED_INIT;
    static group waiters;
    thrum_lock_acquire(&all.lock);
    group_start(&waiters, 5, acquire_and_release, &all);
    await_waiters(&all.lock, 5);
    CHECK_EQ(count_of(&all.acquired), 0);
    thrum_lock_release(&all.lock);
    group_join(&waiters);
    CHECK_EQ(all.acquired, 5);
    CHECK(!thrum_lock_locked(&all.lock));
}

static void *acquire_twice(void *arg)
{
    shared *all = arg;
    thrum_lock_acquire(&all->lock);
    bump(&all->acquired);
    thrum_lock_acquire(&all->lock);
    bump(&all->acquired);
    thrum_lock_release(&all->lock);
    return NULL;
}

TEST(lock, blocks_its_own_holder_until_another_thread_releases)
{
    static shared all = SHARED_INIT;
    test_thread thread;
    test_spawn(&thread, acquire_twice, &all);
    await_waiters(&all.lock, 1);
    CHECK_EQ(count_of(&all.acquired), 1);
    thrum_lock_release(&all.lock);
    test_join(&thread);
    CHECK_EQ(all.acquired, 2);
    CHECK(!thrum_lock_locked(&all.lock));
}

static void *release(void *arg)
{
    thrum_lock_release(arg);
    return NULL;
}

TEST(lock, may_be_released_by_another_thread)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    for (int i = 0; i < 3; i++) {
        thrum_lock_acquire(&lock);
        test_thread thread;
        test_spawn(&thread, release, &lock);
        test_join(&thread);
        CHECK(!thrum_lock_locked(&lock));
    }
    thrum_lock_acquire(&lock);
    thrum_lock_acquire_until(&lock, soon());
    thrum_lock_release(&lock);
    CHECK(is_free_for_others(&lock));
}

TEST(lock, released_by_another_thread_wakes_a_waiter)
{
    static shared all = SHARED_INIT;
    test_thread waiter, releaser;
    thrum_lock_acquire(&all.lock);
    test_spawn(&waiter, acquire_and_release, &all);
    await_waiters(&all.lock, 1);
    test_spawn(&releaser, release, &all.lock);
    test_join(&releaser);
    test_join(&waiter);
    CHECK_EQ(all.acquired, 1);
}

static void *acquire_release_once(void *arg)
{
    thrum_lock_acquire(arg);
    thrum_lock_release(arg);
    return NULL;
}

TEST(lock, leaves_nothing_behind_in_threads_that_used_it)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    static group users;
    for (int i = 0; i < 15; i++) {
        group_start(&users, 1, acquire_release_once, &lock);
        group_join(&users);
    }
    CHECK_EQ(test_live_allocations(), 0);
    CHECK(!thrum_lock_locked(&lock));
}

TEST(lock, functions_have_addresses)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    void (*volatile acquire)(thrum_lock *) = (thrum_lock_acquire);
    void (*volatile give_back)(thrum_lock *) = thrum_lock_release;
    void (*volatile acquire_at)(thrum_lock *, const char *) = thrum_lock_acquire_at;
    acquire(&lock);
    give_back(&lock);
    acquire_at(&lock, NULL);
    CHECK(thrum_lock_locked(&lock));
    give_back(&lock);
}

/* ---- deadlines ---- */

TEST(lock, free_is_taken_whatever_the_deadline)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    for (size_t i = 0; i < LENGTH(past_deadlines); i++) {
        CHECK_STATUS(thrum_lock_acquire_until(&lock, past_deadlines[i]), 0);
        thrum_lock_release(&lock);
    }
    for (size_t i = 0; i < LENGTH(far_deadlines); i++) {
        CHECK_STATUS(thrum_lock_acquire_until(&lock, far_deadlines[i]), 0);
        thrum_lock_release(&lock);
    }
}

TEST(lock, held_is_not_waited_for_past_the_deadline)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    thrum_lock_acquire(&lock);
    for (size_t i = 0; i < LENGTH(past_deadlines); i++)
        CHECK_STATUS(thrum_lock_acquire_until(&lock, past_deadlines[i]), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_lock_acquire_until(&lock, thrum_after((double)NAN)), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_lock_acquire_until(&lock, thrum_after(-1.5)), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_lock_acquire_until(&lock, thrum_now()), THRUM_ETIMEDOUT);
    CHECK(thrum_lock_locked(&lock));
    thrum_lock_release(&lock);
    CHECK(is_free_for_others(&lock));
}

TEST(lock, until_does_not_give_up_before_its_deadline)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    thrum_lock_acquire(&lock);
    for (int ms = 1; ms <= 32; ms *= 2) {
        thrum_time deadline = thrum_after(ms / 1000.0);
        CHECK_STATUS(thrum_lock_acquire_until(&lock, deadline), THRUM_ETIMEDOUT);
        CHECK_GE(thrum_now(), deadline);
    }
    thrum_lock_release(&lock);
}

/** CPython's test_state_after_timeout: a timed-out acquire leaves the lock in order. */
TEST(lock, works_after_a_timeout)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    thrum_lock_acquire(&lock);
    CHECK_STATUS(thrum_lock_acquire_until(&lock, soon()), THRUM_ETIMEDOUT);
    thrum_lock_release(&lock);
    CHECK(!thrum_lock_locked(&lock));
    CHECK(thrum_lock_try_acquire(&lock));
    thrum_lock_release(&lock);
    CHECK(is_free_for_others(&lock));
}

typedef struct timed_wait {
    shared *all;
    thrum_time deadline;
} timed_wait;

static void *acquire_until(void *arg)
{
    timed_wait *wait = arg;
    int status = thrum_lock_acquire_until(&wait->all->lock, wait->deadline);
    if (status == 0) {
        bump(&wait->all->acquired);
        thrum_lock_release(&wait->all->lock);
    }
    set_count_of(&wait->all->status, status);
    return NULL;
}

TEST(lock, deadlines_at_the_end_of_the_clock_wait)
{
    for (size_t i = 0; i < LENGTH(far_deadlines); i++) {
        shared all = SHARED_INIT;
        timed_wait wait = {&all, far_deadlines[i]};
        test_thread waiter;
        thrum_lock_acquire(&all.lock);
        test_spawn(&waiter, acquire_until, &wait);
        await_waiters(&all.lock, 1);
        test_wait_asleep(waiter.tid);
        CHECK_EQ(count_of(&all.acquired), 0);
        thrum_lock_release(&all.lock);
        test_join(&waiter);
        CHECK_STATUS(all.status, 0);
    }
}

TEST(lock, a_timeout_in_the_middle_of_the_queue_disturbs_nobody)
{
    static shared all = SHARED_INIT;
    static group waiters;
    thrum_lock_acquire(&all.lock);
    timed_wait wait = {&all, thrum_after(0.05)};
    group_start(&waiters, 2, acquire_and_release, &all);
    await_waiters(&all.lock, 2);
    test_thread timed;
    test_spawn(&timed, acquire_until, &wait);
    group_add(&waiters, acquire_and_release, &all);
    group_add(&waiters, acquire_and_release, &all);
    test_join(&timed);
    CHECK_STATUS(all.status, THRUM_ETIMEDOUT);
    await_waiters(&all.lock, 4);
    CHECK_EQ(count_of(&all.acquired), 0);
    thrum_lock_release(&all.lock);
    group_join(&waiters);
    CHECK_EQ(all.acquired, 4);
}

TEST(lock, all_time_out_and_the_next_is_served)
{
    static shared all = SHARED_INIT;
    static group waiters;
    thrum_lock_acquire(&all.lock);
    timed_wait wait = {&all, soon()};
    group_start(&waiters, 8, acquire_until, &wait);
    group_join(&waiters);
    CHECK_EQ(all.acquired, 0);
    CHECK_EQ(waiters_on(&all.lock), 0);
    group_start(&waiters, 2, acquire_and_release, &all);
    await_waiters(&all.lock, 2);
    thrum_lock_release(&all.lock);
    group_join(&waiters);
    CHECK_EQ(all.acquired, 2);
}

/* ---- misuse ---- */

TEST(lock, release_checked_says_when_it_is_free)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    CHECK_STATUS(thrum_lock_release_checked(&lock), THRUM_EPERM);
    CHECK(!thrum_lock_locked(&lock));
    thrum_lock_acquire(&lock);
    CHECK_STATUS(thrum_lock_release_checked(&lock), 0);
    CHECK_STATUS(thrum_lock_release_checked(&lock), THRUM_EPERM);
    CHECK(thrum_lock_try_acquire(&lock));
    thrum_lock_release(&lock);
}

TEST(lock, release_of_a_free_lock_is_misuse_and_does_nothing)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    CHECK_MISUSE(thrum_lock_release(&lock), &lock, "nobody holds");
    CHECK_CONTAINS(misuse_what, "Lock");
    CHECK(!thrum_lock_locked(&lock));
    CHECK(thrum_lock_try_acquire(&lock));
    thrum_lock_release(&lock);
    CHECK_MISUSE(thrum_lock_release(&lock), &lock, "nobody holds");
}

TEST_DIES(lock, release_of_a_free_lock_aborts, SIGABRT)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    thrum_lock_release(&lock);
}

TEST(lock, null_is_answered)
{
    CHECK_MISUSE(thrum_lock_acquire(NULL), NULL, "NULL");
    CHECK_MISUSE(CHECK(!thrum_lock_try_acquire(NULL)), NULL, "NULL");
    CHECK_MISUSE(thrum_lock_release(NULL), NULL, "NULL");
    CHECK_STATUS(thrum_lock_acquire_until(NULL, THRUM_FOREVER), THRUM_EINVAL);
    CHECK_STATUS(thrum_lock_release_checked(NULL), THRUM_EINVAL);
    CHECK(!thrum_lock_locked(NULL));
}

/* ---- fairness ---- */

static void *acquire_once(void *arg)
{
    shared *all = arg;
    thrum_lock_acquire(&all->lock);
    set_count_of(&all->acquired, 1);
    thrum_lock_release(&all->lock);
    return NULL;
}

/** The holder takes the lock again the moment it has released it, so that no waiter, who must first
 *  wake up, ever finds it free; every hold is longer than a turn. */
TEST(lock, is_handed_to_a_waiter_that_is_overtaken)
{
    static shared all = SHARED_INIT;
    test_thread waiter;
    int turns = 0;
    thrum_lock_acquire(&all.lock);
    test_spawn(&waiter, acquire_once, &all);
    await_waiters(&all.lock, 1);
    for (; count_of(&all.acquired) == 0 && turns < 1000; turns++) {
        for (thrum_time end = thrum_after(0.002); thrum_now() < end;)
            continue;
        thrum_lock_release(&all.lock);
        thrum_lock_acquire(&all.lock);
    }
    CHECK_LT(turns, 1000);
    thrum_lock_release(&all.lock);
    test_join(&waiter);
}

/* ---- signals ---- */

TEST(lock, signals_do_not_end_a_wait)
{
    for (int timed = 0; timed < 2; timed++) {
        shared all = SHARED_INIT;
        timed_wait wait = {&all, timed ? thrum_after(3600) : THRUM_FOREVER};
        test_thread waiter;
        thrum_lock_acquire(&all.lock);
        test_spawn(&waiter, acquire_until, &wait);
        await_waiters(&all.lock, 1);
        interrupt_sleep(&waiter, 30);
        CHECK_EQ(count_of(&all.acquired), 0);
        thrum_lock_release(&all.lock);
        test_join(&waiter);
        CHECK_STATUS(all.status, 0);
        CHECK_EQ(all.acquired, 1);
    }
}

TEST(lock, signals_do_not_shorten_a_deadline)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    test_signals storm;
    thrum_lock_acquire(&lock);
    test_send_signals(&storm, pthread_self(), SIGUSR1, 100);
    thrum_time deadline = thrum_after(0.03);
    CHECK_STATUS(thrum_lock_acquire_until(&lock, deadline), THRUM_ETIMEDOUT);
    CHECK_GE(thrum_now(), deadline);
    CHECK_GT(test_stop_signals(&storm), 0);
    thrum_lock_release(&lock);
}

TEST(lock, keeps_errno)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    errno = 77;
    thrum_lock_acquire(&lock);
    CHECK_STATUS(thrum_lock_acquire_until(&lock, soon()), THRUM_ETIMEDOUT);
    thrum_lock_release(&lock);
    CHECK_EQ(errno, 77);
}

/* ---- freeing ---- */

enum { FREE_ROUNDS = 2000 };

typedef struct guarded {
    thrum_lock lock;
    int users;
} guarded;

typedef struct free_rounds {
    guarded *objects[FREE_ROUNDS];
    int met;
} free_rounds;

/** Whoever finds itself the last user frees the object, while the other may still be returning from
 *  its release. */
static void *use_and_free(void *arg)
{
    free_rounds *rounds = arg;
    for (int i = 0; i < FREE_ROUNDS; i++) {
        meet(&rounds->met, 2 * (i + 1));
        guarded *object = rounds->objects[i];
        thrum_lock_acquire(&object->lock);
        bool last = --object->users == 0;
        thrum_lock_release(&object->lock);
        if (last)
            free(object);
    }
    return NULL;
}

TEST(lock, may_be_freed_by_its_next_holder)
{
    static free_rounds rounds;
    static group users;
    for (int i = 0; i < FREE_ROUNDS; i++) {
        rounds.objects[i] = calloc(1, sizeof(guarded));
        rounds.objects[i]->users = 2;
    }
    group_start(&users, 2, use_and_free, &rounds);
    group_join(&users);
}

static void *acquire_release_free(void *arg)
{
    thrum_lock_acquire(arg);
    thrum_lock_release(arg);
    free(arg);
    return NULL;
}

TEST(lock, may_be_freed_by_a_woken_waiter)
{
    for (int i = 0; i < 300; i++) {
        thrum_lock *lock = calloc(1, sizeof *lock);
        test_thread waiter;
        thrum_lock_acquire(lock);
        test_spawn(&waiter, acquire_release_free, lock);
        while (waiters_on(lock) == 0)
            sched_yield();
        thrum_lock_release(lock);
        test_join(&waiter);
    }
}

/* ---- fork ---- */

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
#define THREADS_OF_CHILD 0
#else
#define THREADS_OF_CHILD 3
#endif

static void use_in_child(void *arg)
{
    shared *all = arg;
    thrum_lock_release(&all->lock);
    CHECK(!thrum_lock_locked(&all->lock));
    thrum_lock_acquire(&all->lock);
    static group waiters;
    all->acquired = 0;
    group_start(&waiters, THREADS_OF_CHILD, acquire_and_release, all);
    await_waiters(&all->lock, THREADS_OF_CHILD);
    thrum_lock_release(&all->lock);
    group_join(&waiters);
    CHECK_EQ(all->acquired, THREADS_OF_CHILD);
    CHECK(!thrum_lock_locked(&all->lock));
}

TEST(lock, held_by_who_forks_is_the_childs_without_the_parents_waiters)
{
    static shared all = SHARED_INIT;
    static group waiters;
    thrum_lock_acquire(&all.lock);
    group_start(&waiters, 3, acquire_and_release, &all);
    await_waiters(&all.lock, 3);
    CHECK_EXITED(test_run_child(use_in_child, &all), 0);
    CHECK_EQ(count_of(&all.acquired), 0);
    thrum_lock_release(&all.lock);
    group_join(&waiters);
    CHECK_EQ(all.acquired, 3);
}

/* ---- what it says and remembers ---- */

static thrum_lock subject;

static void release_subject_and_go_on(void *unused)
{
    (void)unused;
    thrum_lock_release(&subject);
    thrum_lock_acquire(&subject);
}

TEST(lock, release_of_a_free_lock_says_what_who_and_whence)
{
    char said[1024], object[64];
    CHECK_DIED(test_capture_stderr(release_subject_and_go_on, NULL, said, sizeof said), SIGABRT);
    snprintf(object, sizeof object, "release of Lock %p, which nobody holds", (void *)&subject);
    CHECK_CONTAINS(said, "thrum: misuse: ");
    CHECK_CONTAINS(said, object);
    CHECK_CONTAINS(said, "by \"MainThread\" (tid ");
    CHECK_CONTAINS(said, "called from test_lock(");
    CHECK_PTR(strchr(said, '\n'), said + strlen(said) - 1);
}

TEST(lock, release_checked_of_a_free_lock_changes_nothing)
{
    for (int round = 0; round < 2; round++) {
        thrum_lock before;
        memcpy(&before, &subject, sizeof subject);
        CHECK_STATUS(thrum_lock_release_checked(&subject), THRUM_EPERM);
        CHECK_EQ(memcmp(&before, &subject, sizeof subject), 0);
        thrum_lock_acquire(&subject);
        thrum_lock_release(&subject);
    }
}

TEST(lock, notes_where_it_was_last_acquired)
{
    thrum_lock_acquire(&subject);
    CHECK_CONTAINS(subject.site, "test_lock.c:");
    thrum_lock_release(&subject);
    thrum_lock_acquire_at(&subject, "elsewhere:1");
    CHECK_STR(subject.site, "elsewhere:1");
    thrum_lock_release(&subject);
    CHECK(thrum_lock_try_acquire(&subject));
    CHECK_PTR(subject.site, NULL);
}

/* ---- foreign threads ---- */

static void *acquire_subject_first(void *unused)
{
    CHECK_EQ(thrum_private_self, 0); /* thrum has not met this thread */
    thrum_lock_acquire(&subject);
    return unused;
}

static void *release_subject_first(void *unused)
{
    CHECK_EQ(thrum_private_self, 0);
    thrum_lock_release(&subject);
    return unused;
}

static void *acquire_subject_until_first(void *unused)
{
    CHECK_EQ(thrum_private_self, 0);
    CHECK_STATUS(thrum_lock_acquire_until(&subject, soon()), 0);
    return unused;
}

static void *release_subject_checked_first(void *unused)
{
    CHECK_EQ(thrum_private_self, 0);
    CHECK_STATUS(thrum_lock_release_checked(&subject), 0);
    return unused;
}

/** Each form must be able to be the first that a thread calls. */
TEST(lock, serves_threads_that_thrum_did_not_start)
{
    void *(*const targets[])(void *) = {acquire_subject_first, release_subject_first,
                                        acquire_subject_until_first, release_subject_checked_first};
    for (size_t i = 0; i < LENGTH(targets); i++) {
        test_thread thread;
        test_spawn(&thread, targets[i], NULL);
        test_join(&thread);
        CHECK_EQ(thrum_lock_locked(&subject), i % 2 == 0);
    }
}

/** No later thread is taken for the holder. */
TEST(lock, stays_held_when_its_holder_ends)
{
    test_thread thread;
    test_spawn(&thread, acquire_subject_first, NULL);
    test_join(&thread);
    for (int i = 0; i < 10; i++)
        CHECK(!is_free_for_others(&subject));
    thrum_lock_release(&subject);
    CHECK(is_free_for_others(&subject));
}
