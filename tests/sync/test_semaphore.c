// SPDX-License-Identifier: MIT
/** @file
 *  Semaphore: CPython's semaphore tests, bounds, order, deadlines, a hundred sleepers. */
#include "thrum/semaphore.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "support.h"

typedef struct shared {
    thrum_semaphore semaphore;
    thrum_time deadline;
    int acquired;
    int timed_out;
    int order[GROUP_MAX];
    int next_ticket;
} shared;

static void *acquire_once(void *arg)
{
    shared *all = arg;
    int ticket = bump(&all->next_ticket) - 1;
    int status = thrum_semaphore_acquire_until(&all->semaphore, all->deadline);
    if (status == 0)
        all->order[bump(&all->acquired) - 1] = ticket;
    else if (status == THRUM_ETIMEDOUT)
        bump(&all->timed_out);
    return NULL;
}

/** Start waiters one by one, so that their tickets are their order in the queue. */
static void start_waiters(shared *all, group *waiters, int size)
{
    waiters->size = 0;
    for (int i = 0; i < size; i++) {
        group_add(waiters, acquire_once, all);
        await_waiters(&all->semaphore, i + 1);
    }
}

/* ---- BaseSemaphoreTests ---- */

TEST(semaphore, is_empty_and_unbounded_when_zeroed)
{
    thrum_semaphore zeroed;
    memset(&zeroed, 0, sizeof zeroed);
    CHECK_EQ(thrum_semaphore_value(&zeroed), 0);
    CHECK(!thrum_semaphore_try_acquire(&zeroed));
    CHECK_STATUS(thrum_semaphore_release(&zeroed, 7), 0);
    CHECK_EQ(thrum_semaphore_value(&zeroed), 7);
}

TEST(semaphore, initialisers_and_init_agree)
{
    thrum_semaphore made, plain = THRUM_SEMAPHORE(3), bounded = THRUM_BOUNDED_SEMAPHORE(3);
    thrum_semaphore_init(&made, 3, false);
    CHECK_EQ(thrum_semaphore_value(&made), 3);
    CHECK_EQ(thrum_semaphore_value(&plain), 3);
    CHECK_STATUS(thrum_semaphore_release(&made, 1), 0);
    CHECK_STATUS(thrum_semaphore_release(&plain, 1), 0);
    thrum_semaphore_init(&made, 3, true);
    CHECK_STATUS(thrum_semaphore_release(&made, 1), THRUM_EOVERFLOW);
    CHECK_STATUS(thrum_semaphore_release(&bounded, 1), THRUM_EOVERFLOW);
    thrum_semaphore_init(&made, UINT32_MAX, false);
    CHECK_EQ(thrum_semaphore_value(&made), UINT32_MAX);
}

TEST(semaphore, gives_as_many_permits_as_it_has)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE(3);
    for (unsigned left = 3; left > 0; left--) {
        CHECK_EQ(thrum_semaphore_value(&semaphore), left);
        CHECK_STATUS(thrum_semaphore_acquire(&semaphore), 0);
    }
    CHECK(!thrum_semaphore_try_acquire(&semaphore));
    CHECK_STATUS(thrum_semaphore_acquire_until(&semaphore, soon()), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 2), 0);
    CHECK(thrum_semaphore_try_acquire(&semaphore));
    CHECK(thrum_semaphore_try_acquire(&semaphore));
    CHECK(!thrum_semaphore_try_acquire(&semaphore));
}

TEST(semaphore, may_be_given_up_while_taken)
{
    thrum_semaphore *semaphore = calloc(1, sizeof *semaphore);
    thrum_semaphore_init(semaphore, 1, true);
    CHECK_STATUS(thrum_semaphore_acquire(semaphore), 0);
    free(semaphore);
}

/** CPython's test_acquire_contended: of ten acquires seven get through at first, then six more, then
 *  the last. */
TEST(semaphore, release_lets_in_exactly_so_many)
{
    static shared all = {.semaphore = THRUM_SEMAPHORE(7), .deadline = THRUM_FOREVER};
    static group waiters;
    group_start(&waiters, 20, acquire_once, &all);
    await_waiters(&all.semaphore, 13);
    await_count(&all.acquired, 7);
    CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 5), 0);
    await_count(&all.acquired, 12);
    CHECK_EQ(waiters_on(&all.semaphore), 8);
    for (int i = 1; i <= 7; i++) {
        CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 1), 0);
        await_count(&all.acquired, 12 + i);
        CHECK_EQ(waiters_on(&all.semaphore), 8 - i);
    }
    CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 3), 0);
    group_join(&waiters);
    CHECK_EQ(all.acquired, 20);
    CHECK_EQ(thrum_semaphore_value(&all.semaphore), 2);
}

TEST(semaphore, permits_go_to_who_has_waited_longest)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    start_waiters(&all, &waiters, 8);
    for (int i = 0; i < 8; i++) {
        CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 1), 0);
        await_count(&all.acquired, i + 1);
    }
    group_join(&waiters);
    for (int i = 0; i < 8; i++)
        CHECK_EQ(all.order[i], i);
}

/** What is given to a sleeper is not to be had any more, even before the sleeper has run. */
TEST(semaphore, a_permit_given_to_a_sleeper_cannot_be_snatched)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    start_waiters(&all, &waiters, 2);
    CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 2), 0);
    CHECK(!thrum_semaphore_try_acquire(&all.semaphore));
    CHECK_EQ(thrum_semaphore_value(&all.semaphore), 0);
    group_join(&waiters);
    CHECK_EQ(all.acquired, 2);
}

TEST(semaphore, release_wakes_a_hundred_sleepers)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    group_start(&waiters, 100, acquire_once, &all);
    await_waiters(&all.semaphore, 100);
    for (int i = 0; i < 100; i++)
        test_wait_asleep(waiters.threads[i].tid);
    CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 101), 0);
    group_join(&waiters);
    CHECK_EQ(all.acquired, 100);
    CHECK_EQ(thrum_semaphore_value(&all.semaphore), 1);
}

static void *try_acquire(void *arg)
{
    shared *all = arg;
    while (thrum_semaphore_try_acquire(&all->semaphore))
        bump(&all->acquired);
    return NULL;
}

TEST(semaphore, tries_of_many_threads_share_the_permits)
{
    static shared all = {.semaphore = THRUM_SEMAPHORE(1000)};
    static group users;
    group_start(&users, 6, try_acquire, &all);
    group_join(&users);
    CHECK_EQ(all.acquired, 1000);
    CHECK_EQ(thrum_semaphore_value(&all.semaphore), 0);
}

/* ---- SemaphoreTests, BoundedSemaphoreTests ---- */

TEST(semaphore, may_be_released_beyond_its_start)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE(1);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), 0);
    CHECK_STATUS(thrum_semaphore_acquire(&semaphore), 0);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 4), 0);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 5);
}

TEST(semaphore, bounded_refuses_all_or_takes_all)
{
    thrum_semaphore semaphore = THRUM_BOUNDED_SEMAPHORE(5);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), THRUM_EOVERFLOW);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 5);
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(thrum_semaphore_acquire(&semaphore), 0);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 4), THRUM_EOVERFLOW);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, UINT32_MAX), THRUM_EOVERFLOW);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 2);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 3), 0);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 5);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), THRUM_EOVERFLOW);
}

TEST(semaphore, bounded_of_none_can_never_be_released)
{
    thrum_semaphore semaphore = THRUM_BOUNDED_SEMAPHORE(0);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), THRUM_EOVERFLOW);
    CHECK(!thrum_semaphore_try_acquire(&semaphore));
}

TEST(semaphore, bounded_refuses_too_much_while_somebody_waits)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    thrum_semaphore_init(&all.semaphore, 2, true);
    CHECK_STATUS(thrum_semaphore_acquire(&all.semaphore), 0);
    CHECK_STATUS(thrum_semaphore_acquire(&all.semaphore), 0);
    start_waiters(&all, &waiters, 1);
    CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 3), THRUM_EOVERFLOW);
    CHECK_EQ(waiters_on(&all.semaphore), 1);
    CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 2), 0);
    group_join(&waiters);
    CHECK_EQ(all.acquired, 1);
    CHECK_EQ(thrum_semaphore_value(&all.semaphore), 1);
    CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 1), 0);
    CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 1), THRUM_EOVERFLOW);
}

TEST(semaphore, unbounded_refuses_past_the_end_of_its_count)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE(UINT32_MAX - 1);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 2), THRUM_EOVERFLOW);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, UINT32_MAX), THRUM_EOVERFLOW);
    CHECK_EQ(thrum_semaphore_value(&semaphore), UINT32_MAX - 1);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), 0);
    CHECK_EQ(thrum_semaphore_value(&semaphore), UINT32_MAX);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), THRUM_EOVERFLOW);
    CHECK(thrum_semaphore_try_acquire(&semaphore));
}

TEST(semaphore, release_of_none_is_refused)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE(1), bounded = THRUM_BOUNDED_SEMAPHORE(1);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 0), THRUM_EINVAL);
    CHECK_STATUS(thrum_semaphore_release(&bounded, 0), THRUM_EINVAL);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 1);
}

TEST(semaphore, null_is_answered)
{
    CHECK_STATUS(thrum_semaphore_acquire(NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_semaphore_acquire_until(NULL, 0), THRUM_EINVAL);
    CHECK_STATUS(thrum_semaphore_release(NULL, 1), THRUM_EINVAL);
    CHECK_EQ(thrum_semaphore_value(NULL), 0);
    CHECK_MISUSE(CHECK(!thrum_semaphore_try_acquire(NULL)), NULL, "NULL");
    CHECK_MISUSE(thrum_semaphore_init(NULL, 1, false), NULL, "NULL");
}

/* ---- deadlines ---- */

TEST(semaphore, a_permit_at_hand_is_taken_whatever_the_deadline)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE(20);
    unsigned left = 20;
    for (size_t i = 0; i < LENGTH(past_deadlines); i++, left--)
        CHECK_STATUS(thrum_semaphore_acquire_until(&semaphore, past_deadlines[i]), 0);
    for (size_t i = 0; i < LENGTH(far_deadlines); i++, left--)
        CHECK_STATUS(thrum_semaphore_acquire_until(&semaphore, far_deadlines[i]), 0);
    CHECK_EQ(thrum_semaphore_value(&semaphore), left);
}

TEST(semaphore, is_not_waited_for_past_the_deadline)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE(0);
    for (size_t i = 0; i < LENGTH(past_deadlines); i++)
        CHECK_STATUS(thrum_semaphore_acquire_until(&semaphore, past_deadlines[i]), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_semaphore_acquire_until(&semaphore, thrum_after((double)NAN)),
                 THRUM_ETIMEDOUT);
    for (int ms = 1; ms <= 32; ms *= 2) {
        thrum_time deadline = thrum_after(ms / 1000.0);
        CHECK_STATUS(thrum_semaphore_acquire_until(&semaphore, deadline), THRUM_ETIMEDOUT);
        CHECK_GE(thrum_now(), deadline);
    }
    CHECK_EQ(waiters_on(&semaphore), 0);
    CHECK_EQ(semaphore.state, 0);
}

TEST(semaphore, deadlines_at_the_end_of_the_clock_wait)
{
    for (size_t i = 0; i < LENGTH(far_deadlines); i++) {
        shared all = {.deadline = far_deadlines[i]};
        test_thread waiter;
        test_spawn(&waiter, acquire_once, &all);
        await_waiters(&all.semaphore, 1);
        test_wait_asleep(waiter.tid);
        CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 1), 0);
        test_join(&waiter);
        CHECK_EQ(all.acquired, 1);
    }
}

TEST(semaphore, a_timeout_in_the_middle_of_the_queue_disturbs_nobody)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    start_waiters(&all, &waiters, 2);
    CHECK_STATUS(thrum_semaphore_acquire_until(&all.semaphore, soon()), THRUM_ETIMEDOUT);
    group_add(&waiters, acquire_once, &all);
    await_waiters(&all.semaphore, 3);
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 1), 0);
        await_count(&all.acquired, i + 1);
        CHECK_EQ(all.order[i], i);
    }
    group_join(&waiters);
    CHECK_EQ(thrum_semaphore_value(&all.semaphore), 0);
}

/** Every permit is either taken by a wait that says so or still there at the end. */
TEST(semaphore, a_permit_that_races_with_a_deadline_is_never_lost)
{
    static shared all;
    static group waiters;
    int given = 0;
    for (int round = 0; round < 60; round++) {
        all.deadline = thrum_now() + 20000 * (round % 30);
        group_start(&waiters, 4, acquire_once, &all);
        for (int i = 0; i < 3; i++, given++)
            CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 1), 0);
        group_join(&waiters);
        CHECK_EQ(all.acquired + (int)thrum_semaphore_value(&all.semaphore), given);
        all.next_ticket = 0;
        while (thrum_semaphore_try_acquire(&all.semaphore))
            continue;
        all.acquired = 0;
        given = 0;
    }
    CHECK_EQ(waiters_on(&all.semaphore), 0);
}

TEST(semaphore, keeps_errno)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE(0);
    errno = 77;
    CHECK_STATUS(thrum_semaphore_acquire_until(&semaphore, soon()), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), 0);
    CHECK_EQ(errno, 77);
}
