/* SPDX-License-Identifier: MIT */
/** @file
 *  Semaphore: CPython's semaphore tests, order, bounds, deadlines, signals, fork and freeing. */
#include "thrum/semaphore.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "support.h"
#include "thrum/event.h"

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

/** A semaphore and those who take from it. */
typedef struct shared {
    thrum_semaphore semaphore;
    thrum_time deadline;
    int taken;
    int refused;
    int next_ticket; /* given to waiters in the order in which they start */
    int came[GROUP_MAX];
} shared;

#define SHARED_INIT                                                                                \
    {                                                                                              \
        .deadline = THRUM_FOREVER                                                                  \
    }

static void *take_one(void *arg)
{
    shared *all = arg;
    int ticket = bump(&all->next_ticket) - 1;
    int status = thrum_semaphore_acquire_until(&all->semaphore, all->deadline);
    CHECK(status == 0 || status == THRUM_ETIMEDOUT);
    if (status == 0) {
        set_count_of(&all->came[ticket], 1);
        bump(&all->taken);
    } else {
        bump(&all->refused);
    }
    return NULL;
}

/** Their tickets are their order in the queue. */
static void start_waiters(shared *all, group *waiters, int size)
{
    group_queue(waiters, size, take_one, all, &all->semaphore);
}

static unsigned value_of(shared *all)
{
    return thrum_semaphore_value(&all->semaphore);
}

/* ---- values ---- */

TEST(semaphore, zeroed_has_no_permits_and_no_bound)
{
    thrum_semaphore semaphore;
    memset(&semaphore, 0, sizeof semaphore);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 0);
    CHECK(!thrum_semaphore_try_acquire(&semaphore));
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1000), 0);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 1000);
}

TEST(semaphore, starts_with_the_value_it_is_given)
{
    const unsigned values[] = {0, 1, 7, INT_MAX, (unsigned)INT_MAX + 1, UINT_MAX};
    for (size_t i = 0; i < LENGTH(values); i++) {
        thrum_semaphore unbounded = THRUM_SEMAPHORE(values[i]);
        thrum_semaphore bounded = THRUM_BOUNDED_SEMAPHORE(values[i]);
        CHECK_EQ(thrum_semaphore_value(&unbounded), values[i]);
        CHECK_EQ(thrum_semaphore_value(&bounded), values[i]);
        for (int is_bounded = 0; is_bounded < 2; is_bounded++) {
            thrum_semaphore semaphore;
            memset(&semaphore, 0xff, sizeof semaphore);
            thrum_semaphore_init(&semaphore, values[i], is_bounded != 0);
            CHECK_EQ(thrum_semaphore_value(&semaphore), values[i]);
            CHECK_EQ(thrum_semaphore_try_acquire(&semaphore), values[i] > 0);
        }
    }
}

TEST(semaphore, init_chooses_whether_it_is_bounded)
{
    thrum_semaphore semaphore;
    thrum_semaphore_init(&semaphore, 2, true);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), THRUM_EOVERFLOW);
    thrum_semaphore_init(&semaphore, 2, false);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), 0);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 3);
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

/* ---- BaseSemaphoreTests ---- */

TEST(semaphore, acquire_takes_a_permit_and_release_gives_it)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE(2);
    CHECK_STATUS(thrum_semaphore_acquire(&semaphore), 0);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 1);
    CHECK_STATUS(thrum_semaphore_acquire(&semaphore), 0);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 0);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), 0);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), 0);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 2);
}

TEST(semaphore, may_be_given_up_while_permits_are_out)
{
    thrum_semaphore *semaphore = malloc(sizeof *semaphore);
    thrum_semaphore_init(semaphore, 1, true);
    CHECK_STATUS(thrum_semaphore_acquire(semaphore), 0);
    free(semaphore);
}

TEST(semaphore, try_takes_what_there_is_and_no_more)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE(2);
    CHECK(thrum_semaphore_try_acquire(&semaphore));
    CHECK(thrum_semaphore_try_acquire(&semaphore));
    CHECK(!thrum_semaphore_try_acquire(&semaphore));
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), 0);
    CHECK(thrum_semaphore_try_acquire(&semaphore));
    CHECK(!thrum_semaphore_try_acquire(&semaphore));
}

static void *try_thrice(void *arg)
{
    shared *all = arg;
    for (int i = 0; i < 3; i++)
        bump(thrum_semaphore_try_acquire(&all->semaphore) ? &all->taken : &all->refused);
    return NULL;
}

TEST(semaphore, tries_of_many_threads_take_each_permit_once)
{
    static shared all = {.semaphore = THRUM_SEMAPHORE(7)};
    static group triers;
    group_start(&triers, 5, try_thrice, &all);
    group_join(&triers);
    CHECK_EQ(all.taken, 7);
    CHECK_EQ(all.refused, 8);
    CHECK_EQ(value_of(&all), 0);
}

static void *take_twice(void *arg)
{
    shared *all = arg;
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(thrum_semaphore_acquire(&all->semaphore), 0);
        bump(&all->taken);
    }
    return NULL;
}

/** As CPython's test_acquire_contended: seven permits, ten threads that want two each. */
TEST(semaphore, lets_in_as_many_as_there_are_permits)
{
    static shared all = {.semaphore = THRUM_SEMAPHORE(7)};
    static group takers;
    group_start(&takers, 10, take_twice, &all);
    int total = 0;
    const unsigned more[] = {0, 7, 5};
    for (size_t i = 0; i < LENGTH(more); i++) {
        if (more[i] > 0)
            CHECK_STATUS(thrum_semaphore_release(&all.semaphore, more[i]), 0);
        total += i == 0 ? 7 : (int)more[i];
        await_count(&all.taken, total);
        CHECK(!thrum_semaphore_try_acquire(&all.semaphore));
        CHECK_EQ(count_of(&all.taken), total);
    }
    CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 1), 0);
    group_join(&takers);
    CHECK_EQ(all.taken, 20);
    CHECK_EQ(value_of(&all), 0);
    CHECK(!thrum_semaphore_try_acquire(&all.semaphore));
}

typedef struct inside {
    thrum_semaphore semaphore;
    int now, most;
    long sum; /* plain: only one may be inside when it is used */
    bool alone;
} inside;

static void *enter_often(void *arg)
{
    inside *room = arg;
    for (int i = 0; i < 500; i++) {
        CHECK_STATUS(thrum_semaphore_acquire(&room->semaphore), 0);
        int now = bump(&room->now);
        if (now > count_of(&room->most))
            set_count_of(&room->most, now);
        if (room->alone)
            room->sum++;
        if (i % 8 == 0)
            sched_yield();
        __atomic_sub_fetch(&room->now, 1, __ATOMIC_SEQ_CST);
        CHECK_STATUS(thrum_semaphore_release(&room->semaphore, 1), 0);
    }
    return NULL;
}

TEST(semaphore, never_lets_more_in_than_permits)
{
    static inside room = {.semaphore = THRUM_BOUNDED_SEMAPHORE(3)};
    static group threads;
    group_start(&threads, 8, enter_often, &room);
    group_join(&threads);
    CHECK_GE(room.most, 1);
    CHECK_LE(room.most, 3);
    CHECK_EQ(thrum_semaphore_value(&room.semaphore), 3);
}

TEST(semaphore, of_one_permit_is_a_lock)
{
    static inside room = {.semaphore = THRUM_BOUNDED_SEMAPHORE(1), .alone = true};
    static group threads;
    group_start(&threads, 6, enter_often, &room);
    group_join(&threads);
    CHECK_EQ(room.sum, 6 * 500);
    CHECK_EQ(room.most, 1);
    CHECK_EQ(thrum_semaphore_value(&room.semaphore), 1);
}

/* ---- SemaphoreTests, BoundedSemaphoreTests ---- */

TEST(semaphore, unbounded_may_be_released_beyond_its_start)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE(1);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), 0);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 2);
    CHECK(thrum_semaphore_try_acquire(&semaphore));
    CHECK(thrum_semaphore_try_acquire(&semaphore));
    CHECK(!thrum_semaphore_try_acquire(&semaphore));
}

TEST(semaphore, releasing_nothing_is_refused)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE(1);
    thrum_semaphore bounded = THRUM_BOUNDED_SEMAPHORE(1);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 0), THRUM_EINVAL);
    CHECK_STATUS(thrum_semaphore_release(&bounded, 0), THRUM_EINVAL);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 1);
    CHECK_EQ(thrum_semaphore_value(&bounded), 1);
}

TEST(semaphore, bounded_refuses_all_of_a_release_that_does_not_fit)
{
    thrum_semaphore semaphore = THRUM_BOUNDED_SEMAPHORE(4);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), THRUM_EOVERFLOW);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, UINT_MAX), THRUM_EOVERFLOW);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 4);
    for (int i = 0; i < 3; i++)
        CHECK(thrum_semaphore_try_acquire(&semaphore));
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 4), THRUM_EOVERFLOW);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 1);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 3), 0);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 4);
}

TEST(semaphore, bounded_by_zero_takes_no_release)
{
    thrum_semaphore semaphore = THRUM_BOUNDED_SEMAPHORE(0);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), THRUM_EOVERFLOW);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 0);
}

TEST(semaphore, bounded_wakes_nobody_with_a_release_that_does_not_fit)
{
    static shared all = {.semaphore = THRUM_BOUNDED_SEMAPHORE(2), .deadline = THRUM_FOREVER};
    static group waiters;
    CHECK(thrum_semaphore_try_acquire(&all.semaphore));
    CHECK(thrum_semaphore_try_acquire(&all.semaphore));
    start_waiters(&all, &waiters, 3);
    CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 3), THRUM_EOVERFLOW);
    CHECK_EQ(waiters_on(&all.semaphore), 3);
    CHECK_EQ(value_of(&all), 0);
    CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 2), 0);
    await_count(&all.taken, 2);
    CHECK_EQ(waiters_on(&all.semaphore), 1);
    CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 2), 0);
    group_join(&waiters);
    CHECK_EQ(value_of(&all), 1);
}

TEST(semaphore, holds_up_to_two_to_the_thirty_second_less_one)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE(5);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, UINT_MAX), THRUM_EOVERFLOW);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, UINT_MAX - 4), THRUM_EOVERFLOW);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 5);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, UINT_MAX - 5), 0);
    CHECK_EQ(thrum_semaphore_value(&semaphore), UINT_MAX);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), THRUM_EOVERFLOW);
    CHECK_EQ(thrum_semaphore_value(&semaphore), UINT_MAX);
    CHECK_STATUS(thrum_semaphore_acquire(&semaphore), 0);
    CHECK_EQ(thrum_semaphore_value(&semaphore), UINT_MAX - 1);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), 0);
}

TEST(semaphore, a_release_of_all_there_can_be_leaves_what_waiters_do_not_take)
{
    static shared all = SHARED_INIT;
    static group waiters;
    start_waiters(&all, &waiters, 3);
    CHECK_STATUS(thrum_semaphore_release(&all.semaphore, UINT_MAX), 0);
    group_join(&waiters);
    CHECK_EQ(all.taken, 3);
    CHECK_EQ(value_of(&all), UINT_MAX - 3);
}

/* ---- waking ---- */

TEST(semaphore, release_wakes_exactly_so_many_first_come_first_served)
{
    static shared all = SHARED_INIT;
    static group waiters;
    const int steps[] = {1, 3, 2, 4};
    start_waiters(&all, &waiters, 10);
    int total = 0;
    for (size_t i = 0; i < LENGTH(steps); i++) {
        CHECK_STATUS(thrum_semaphore_release(&all.semaphore, (unsigned)steps[i]), 0);
        total += steps[i];
        CHECK_EQ(waiters_on(&all.semaphore), 10 - total);
        await_count(&all.taken, total);
        CHECK_EQ(count_of(&all.taken), total);
        for (int ticket = 0; ticket < 10; ticket++)
            CHECK_EQ(count_of(&all.came[ticket]), ticket < total);
    }
    group_join(&waiters);
    CHECK_EQ(value_of(&all), 0);
}

TEST(semaphore, what_is_left_after_the_waiters_is_for_whoever_comes)
{
    static shared all = SHARED_INIT;
    static group waiters;
    start_waiters(&all, &waiters, 2);
    CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 5), 0);
    CHECK_EQ(value_of(&all), 3);
    group_join(&waiters);
    CHECK_EQ(value_of(&all), 3);
    for (int i = 0; i < 3; i++)
        CHECK(thrum_semaphore_try_acquire(&all.semaphore));
    CHECK(!thrum_semaphore_try_acquire(&all.semaphore));
}

/** Unlike in Python, where who releases can snatch the permit from who waits. */
TEST(semaphore, a_permit_for_a_waiter_is_not_for_others)
{
    static shared all = SHARED_INIT;
    static group waiters;
    for (int round = 0; round < 50; round++) {
        all.next_ticket = 0;
        start_waiters(&all, &waiters, 1);
        CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 1), 0);
        CHECK_EQ(value_of(&all), 0);
        CHECK(!thrum_semaphore_try_acquire(&all.semaphore));
        CHECK_STATUS(thrum_semaphore_acquire_until(&all.semaphore, 0), THRUM_ETIMEDOUT);
        group_join(&waiters);
    }
    CHECK_EQ(all.taken, 50);
}

TEST(semaphore, one_release_wakes_a_hundred)
{
    static shared all = SHARED_INIT;
    static group waiters;
    group_start(&waiters, 100, take_one, &all);
    await_waiters(&all.semaphore, 100);
    CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 100), 0);
    CHECK_EQ(waiters_on(&all.semaphore), 0);
    group_join(&waiters);
    CHECK_EQ(all.taken, 100);
    CHECK_EQ(value_of(&all), 0);
}

/* ---- deadlines ---- */

TEST(semaphore, until_takes_a_permit_at_hand_whatever_the_deadline)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE(1);
    for (size_t i = 0; i < LENGTH(past_deadlines); i++) {
        CHECK_STATUS(thrum_semaphore_acquire_until(&semaphore, past_deadlines[i]), 0);
        CHECK_STATUS(thrum_semaphore_acquire_until(&semaphore, past_deadlines[i]), THRUM_ETIMEDOUT);
        CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), 0);
    }
    for (size_t i = 0; i < LENGTH(far_deadlines); i++) {
        CHECK_STATUS(thrum_semaphore_acquire_until(&semaphore, far_deadlines[i]), 0);
        CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), 0);
    }
    CHECK_EQ(thrum_semaphore_value(&semaphore), 1);
}

TEST(semaphore, until_times_out_at_the_deadline_and_takes_nothing)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE(0);
    thrum_time nan = thrum_after((double)NAN);
    CHECK_STATUS(thrum_semaphore_acquire_until(&semaphore, nan), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_semaphore_acquire_until(&semaphore, thrum_after(-1)), THRUM_ETIMEDOUT);
    thrum_time deadline = thrum_after(0.02);
    CHECK_STATUS(thrum_semaphore_acquire_until(&semaphore, deadline), THRUM_ETIMEDOUT);
    CHECK_GE(thrum_now(), deadline);
    CHECK_EQ(waiters_on(&semaphore), 0);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), 0);
    CHECK_EQ(thrum_semaphore_value(&semaphore), 1);
}

TEST(semaphore, deadlines_at_the_end_of_the_clock_wait)
{
    for (size_t i = 0; i < LENGTH(far_deadlines) + 1; i++) {
        shared all = SHARED_INIT;
        all.deadline = i < LENGTH(far_deadlines) ? far_deadlines[i] : thrum_after((double)INFINITY);
        test_thread waiter;
        test_spawn(&waiter, take_one, &all);
        await_waiters(&all.semaphore, 1);
        test_wait_asleep(waiter.tid);
        CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 1), 0);
        test_join(&waiter);
        CHECK_EQ(all.taken, 1);
    }
}

TEST(semaphore, a_timeout_in_the_middle_of_the_queue_disturbs_nobody)
{
    static shared all = SHARED_INIT;
    static group waiters;
    start_waiters(&all, &waiters, 2);
    CHECK_STATUS(thrum_semaphore_acquire_until(&all.semaphore, soon()), THRUM_ETIMEDOUT);
    CHECK_EQ(waiters_on(&all.semaphore), 2);
    group_add(&waiters, take_one, &all);
    await_waiters(&all.semaphore, 3);
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 1), 0);
        await_count(&all.taken, i + 1);
        CHECK_EQ(count_of(&all.came[i]), 1);
    }
    group_join(&waiters);
    CHECK_EQ(value_of(&all), 0);
}

enum { RACE_ROUNDS = 1000, RACERS = 3 };

static void *take_for_a_moment(void *arg)
{
    shared *all = arg;
    for (int i = 0; i < RACE_ROUNDS; i++) {
        thrum_time deadline = thrum_now() + 1000 * (i % 100);
        int status = thrum_semaphore_acquire_until(&all->semaphore, deadline);
        bump(status == 0 ? &all->taken : &all->refused);
    }
    bump(&all->next_ticket);
    return NULL;
}

TEST(semaphore, a_permit_that_races_with_a_deadline_is_never_lost)
{
    static shared all = SHARED_INIT;
    static group waiters;
    int released = 0;
    group_start(&waiters, RACERS, take_for_a_moment, &all);
    while (count_of(&all.next_ticket) < RACERS) {
        CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 1 + (unsigned)released % 2), 0);
        released += 1 + released % 2;
        sched_yield();
    }
    group_join(&waiters);
    CHECK_EQ(all.taken + all.refused, RACERS * RACE_ROUNDS);
    CHECK_EQ(all.taken + (int)value_of(&all), released);
}

TEST(semaphore, keeps_errno)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE(0);
    errno = 77;
    CHECK_STATUS(thrum_semaphore_acquire_until(&semaphore, soon()), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), 0);
    CHECK_EQ(errno, 77);
}

/* ---- freeing ---- */

enum { FREED = 2000 };

static void *take_and_free(void *arg)
{
    thrum_semaphore **semaphores = arg;
    for (int i = 0; i < FREED; i++) {
        CHECK_STATUS(thrum_semaphore_acquire(semaphores[i]), 0);
        memset(semaphores[i], 0xff, sizeof *semaphores[i]);
        free(semaphores[i]);
    }
    return NULL;
}

TEST(semaphore, may_be_freed_by_the_woken_while_release_returns)
{
    static thrum_semaphore *semaphores[FREED];
    for (int i = 0; i < FREED; i++)
        semaphores[i] = calloc(1, sizeof *semaphores[i]);
    test_thread freer;
    test_spawn(&freer, take_and_free, semaphores);
    for (int i = 0; i < FREED; i++) {
        while (i % 2 == 0 && waiters_on(semaphores[i]) == 0)
            sched_yield();
        CHECK_STATUS(thrum_semaphore_release(semaphores[i], 1), 0);
    }
    test_join(&freer);
}

/* ---- signals ---- */

TEST(semaphore, a_signal_neither_ends_a_wait_nor_gives_a_permit)
{
    shared all = SHARED_INIT;
    test_thread waiter;
    test_spawn(&waiter, take_one, &all);
    interrupt_sleep(&waiter, 50);
    CHECK_EQ(waiters_on(&all.semaphore), 1);
    CHECK_EQ(count_of(&all.taken), 0);
    CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 1), 0);
    test_join(&waiter);
    CHECK_EQ(all.taken, 1);
}

TEST(semaphore, a_storm_of_signals_does_not_shorten_a_wait)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE(0);
    test_signals storm;
    test_send_signals(&storm, pthread_self(), SIGUSR1, 50);
    for (int i = 0; i < 10; i++) {
        thrum_time deadline = thrum_after(0.01);
        CHECK_STATUS(thrum_semaphore_acquire_until(&semaphore, deadline), THRUM_ETIMEDOUT);
        CHECK_GE(thrum_now(), deadline);
    }
    CHECK_GT(test_stop_signals(&storm), 0);
}

enum { HANDLED = 3000 };

static shared handlers = SHARED_INIT;
static thrum_event handlers_event;
static int handled, dropped;

static void release_in_handler(int number)
{
    (void)number;
    if (thrum_semaphore_release(&handlers.semaphore, 1) != 0)
        dropped++;
    thrum_event_set(&handlers_event);
    handled++;
}

static void *take_many(void *arg)
{
    shared *all = arg;
    for (int i = 0; i < HANDLED; i++) {
        CHECK_STATUS(thrum_semaphore_acquire(&all->semaphore), 0);
        bump(&all->taken);
    }
    return NULL;
}

/** The interrupted thread queues on, and takes from, the semaphore that the handler releases, and
 *  uses another semaphore and an event meanwhile; permits go to it or to a second thread. */
TEST_LIMIT(semaphore, may_be_released_in_a_handler_that_interrupts_any_call, 120)
{
    thrum_semaphore other = THRUM_SEMAPHORE(0);
    test_thread taker;
    test_signals storm;
    int taken = 0;
    handle_signal(SIGUSR1, release_in_handler);
    test_spawn(&taker, take_many, &handlers);
    test_send_signals(&storm, pthread_self(), SIGUSR1, 20);
    while (__atomic_load_n(&handled, __ATOMIC_SEQ_CST) < 2 * HANDLED) {
        thrum_time moment = thrum_now() + 2000;
        taken += thrum_semaphore_acquire_until(&handlers.semaphore, moment) == 0;
        CHECK_STATUS(thrum_semaphore_acquire_until(&other, moment), THRUM_ETIMEDOUT);
        CHECK_STATUS(thrum_semaphore_release(&other, 1), 0);
        CHECK(thrum_semaphore_try_acquire(&other));
        if (thrum_event_wait_until(&handlers_event, moment) == 0)
            thrum_event_clear(&handlers_event);
        if (taken > HANDLED / 2) {
            CHECK_STATUS(thrum_semaphore_release(&handlers.semaphore, (unsigned)taken), 0);
            taken = 0;
        }
    }
    test_stop_signals(&storm);
    if (taken > 0)
        CHECK_STATUS(thrum_semaphore_release(&handlers.semaphore, (unsigned)taken), 0);
    test_join(&taker);
    CHECK_EQ(dropped, 0);
    CHECK_EQ((long)value_of(&handlers) + handlers.taken, handled);
}

/* ---- fork ---- */

static void use_in_child(void *arg)
{
    shared *all = arg;
    static group waiters;
    CHECK_EQ(value_of(all), 0);
    CHECK_STATUS(thrum_semaphore_release(&all->semaphore, 3), 0);
    CHECK_EQ(value_of(all), 3);
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(thrum_semaphore_acquire_until(&all->semaphore, 0), 0);
    CHECK_STATUS(thrum_semaphore_acquire_until(&all->semaphore, soon()), THRUM_ETIMEDOUT);
    all->next_ticket = 0;
    int size = CHILDREN_START_THREADS ? 3 : 0;
    start_waiters(all, &waiters, size);
    CHECK_STATUS(thrum_semaphore_release(&all->semaphore, (unsigned)size + 1), 0);
    group_join(&waiters);
    CHECK_EQ(all->taken, size);
    CHECK_EQ(value_of(all), 1);
}

TEST(semaphore, in_a_forked_child_gives_nothing_to_the_parents_waiters)
{
    static shared all = SHARED_INIT;
    static group waiters;
    start_waiters(&all, &waiters, 3);
    CHECK_EXITED(test_run_child(use_in_child, &all), 0);
    CHECK_EQ(count_of(&all.taken), 0);
    CHECK_EQ(waiters_on(&all.semaphore), 3);
    CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 3), 0);
    group_join(&waiters);
    CHECK_EQ(all.taken, 3);
}
