/* SPDX-License-Identifier: MIT */
/** @file
 *  Park: a wait ends granted or timed out, never both and never neither, whatever suspends it. */
#include "park/park.h"

#include <sched.h>

#include "platform/cpu.h"
#include "platform/probe.h"
#include "runner.h"
#include "thrum/event.h"

enum { KEY = 4096, OTHER_KEY = 8192 };

static th_waiter waiter_until(thrum_time deadline)
{
    return th_waiter_of(th_self(), TH_WAIT_PLAIN, NULL, deadline);
}

static void append(th_waiter *waiter, uintptr_t key)
{
    th_bucket *bucket = th_bucket_lock(key);
    th_bucket_append(bucket, waiter, key);
    th_bucket_unlock(bucket);
}

static th_waiter *first_of(uintptr_t key)
{
    th_bucket *bucket = th_bucket_lock(key);
    th_waiter *waiter = th_bucket_first(bucket, key);
    th_bucket_unlock(bucket);
    return waiter;
}

/** Grant the first waiter of `key`; false if there is none. */
static bool grant(uintptr_t key, uint32_t token)
{
    th_wake_list wake = {.first = NULL};
    th_bucket *bucket = th_bucket_lock(key);
    th_waiter *waiter = th_bucket_first(bucket, key);
    if (waiter != NULL)
        th_wake_list_take(&wake, bucket, waiter, token);
    th_wake_list_grant(&wake);
    th_bucket_unlock(bucket);
    th_wake_list_resume(&wake);
    return waiter != NULL;
}

/* ---- parkers ---- */

static thrum_event event = THRUM_EVENT_INIT;
static int suspensions, resumptions;
static thrum_time last_deadline;
static th_parker *last_parker;

static void note_resume(th_parker *parker)
{
    last_parker = parker;
    resumptions++;
}

/** The second suspension sets the event; the first returns early, as any may. */
static void suspend_and_set(th_parker *parker, thrum_time deadline)
{
    last_parker = parker;
    last_deadline = deadline;
    if (++suspensions == 2)
        thrum_event_set(&event);
}

static th_parker install(void (*suspend)(th_parker *parker, thrum_time deadline))
{
    th_parker before = th_self()->parker;
    th_self()->parker = (th_parker){suspend, note_resume, 0};
    return before;
}

TEST(park, a_wait_on_an_event_goes_through_the_parker_of_its_context)
{
    th_parker before = install(suspend_and_set);
    CHECK_STATUS(thrum_event_wait_until(&event, THRUM_FOREVER), 0);
    CHECK_EQ(suspensions, 2);
    CHECK_EQ(resumptions, 1);
    CHECK_EQ(last_deadline, THRUM_FOREVER);
    CHECK_PTR(last_parker, &th_self()->parker);
    th_self()->parker = before;
}

TEST(park, the_parker_is_told_the_deadline)
{
    th_parker before = install(suspend_and_set);
    CHECK_STATUS(thrum_event_wait_until(&event, THRUM_FOREVER - 7), 0);
    CHECK_EQ(last_deadline, THRUM_FOREVER - 7);
    th_self()->parker = before;
}

/** The only suspend that a sleep cannot get past: it returns at once, time and again. */
static void suspend_not(th_parker *parker, thrum_time deadline)
{
    (void)parker;
    last_deadline = deadline;
    suspensions++;
}

static int wait_for_event(thrum_time deadline)
{
    return thrum_event_wait_until(&event, deadline);
}

/** Again, with more time, if the deadline passes before the wait has suspended itself. */
static void check_lasts(int (*wait)(thrum_time deadline), int status)
{
    int before = suspensions;
    for (double seconds = 0.005; suspensions == before; seconds *= 2) {
        thrum_time deadline = thrum_after(seconds);
        CHECK_STATUS(wait(deadline), status);
        CHECK_GE(thrum_now(), deadline);
        if (suspensions != before)
            CHECK_EQ(last_deadline, deadline);
    }
}

TEST(park, sleep_and_waits_last_though_the_parker_returns_early)
{
    th_parker before = install(suspend_not);
    check_lasts(thrum_sleep_until, 0);
    check_lasts(wait_for_event, THRUM_ETIMEDOUT);
    CHECK_EQ(resumptions, 0);
    th_self()->parker = before;
}

static void *event_waits(void *arg)
{
    th_context *self = th_self();
    self->parker.resume(&self->parker);
    self->parker.resume(&self->parker);
    CHECK_STATUS(thrum_event_wait(arg), 0);
    return arg;
}

TEST(park, a_left_over_permit_ends_no_wait)
{
    th_context *self = th_self();
    self->parker.resume(&self->parker);
    thrum_time deadline = thrum_after(0.01);
    CHECK_STATUS(thrum_event_wait_until(&event, deadline), THRUM_ETIMEDOUT);
    CHECK_GE(thrum_now(), deadline);
    self->parker.resume(&self->parker);
    deadline = thrum_after(0.01);
    CHECK_STATUS(thrum_sleep_until(deadline), 0);
    CHECK_GE(thrum_now(), deadline);

    test_thread thread;
    test_spawn(&thread, event_waits, &event);
    test_wait_asleep(thread.tid);
    thrum_event_set(&event);
    CHECK_PTR(test_join(&thread), &event);
}

TEST(park, a_permit_given_before_the_suspension_is_consumed_by_it)
{
    th_context *self = th_self();
    self->parker.resume(&self->parker);
    self->parker.suspend(&self->parker, THRUM_FOREVER);
    thrum_time deadline = thrum_after(0.005);
    while (thrum_now() < deadline)
        self->parker.suspend(&self->parker, deadline);
    self->parker.suspend(&self->parker, 0);
}

/* ---- deadlines ---- */

static uintptr_t withdrawn_key;
static int withdrawals;

static void note_withdrawal(th_waiter *waiter, th_bucket *bucket)
{
    withdrawals++;
    withdrawn_key = waiter->key;
    CHECK_PTR(th_bucket_first(bucket, waiter->key), NULL);
}

TEST(park, a_deadline_in_the_past_leaves_the_queue)
{
    const thrum_time deadlines[] = {INT64_MIN, -1, 0, 1, thrum_now()};
    for (int i = 0; i < 5; i++) {
        th_waiter waiter = waiter_until(deadlines[i]);
        waiter.withdrawn = note_withdrawal;
        append(&waiter, KEY);
        CHECK(!th_park(&waiter, deadlines[i]));
        CHECK_EQ(waiter.state, TH_TIMED_OUT);
        CHECK_PTR(first_of(KEY), NULL);
        CHECK_EQ(withdrawn_key, KEY);
        CHECK_EQ(withdrawals, i + 1);
    }
}

TEST(park, a_granted_waiter_is_granted_whatever_its_deadline)
{
    th_waiter waiter = waiter_until(0);
    waiter.withdrawn = note_withdrawal;
    append(&waiter, KEY);
    CHECK(grant(KEY, 3));
    CHECK(th_park(&waiter, 0));
    CHECK_EQ(waiter.token, 3);
    CHECK_EQ(withdrawals, 0);
}

TEST(park, a_moved_waiter_withdraws_from_the_queue_it_is_in)
{
    th_waiter waiter = waiter_until(0);
    waiter.withdrawn = note_withdrawal;
    append(&waiter, KEY);
    th_bucket *from, *to;
    th_bucket_lock_two(KEY, OTHER_KEY, &from, &to);
    th_bucket_move(from, to, &waiter, OTHER_KEY);
    th_bucket_unlock_two(from, to);
    CHECK(!th_park(&waiter, 0));
    CHECK_EQ(withdrawn_key, OTHER_KEY);
    CHECK_PTR(first_of(KEY), NULL);
    CHECK_PTR(first_of(OTHER_KEY), NULL);
}

static th_wake_list held_back;

static void suspend_and_grant(th_parker *parker, thrum_time deadline)
{
    (void)parker;
    last_deadline = deadline;
    suspensions++;
    th_bucket *bucket = th_bucket_lock(KEY);
    th_wake_list_grant(&held_back);
    th_bucket_unlock(bucket);
}

/** Between the choice and the grant the deadline passes: the waiter waits on, however long. */
TEST(park, a_chosen_waiter_whose_deadline_passes_waits_for_its_grant)
{
    th_waiter waiter = waiter_until(0);
    waiter.withdrawn = note_withdrawal;
    append(&waiter, KEY);
    th_bucket *bucket = th_bucket_lock(KEY);
    th_wake_list_take(&held_back, bucket, &waiter, 5);
    th_bucket_unlock(bucket);
    th_parker before = install(suspend_and_grant);
    CHECK(th_park(&waiter, 0));
    CHECK_EQ(suspensions, 1);
    CHECK_EQ(last_deadline, THRUM_FOREVER);
    CHECK_EQ(withdrawals, 0);
    th_self()->parker = before;
}

static void *park_until(void *arg)
{
    const thrum_time *deadline = arg;
    th_waiter waiter = waiter_until(*deadline);
    append(&waiter, KEY);
    CHECK(th_park(&waiter, *deadline));
    CHECK_EQ(waiter.token, 8);
    return NULL;
}

TEST(park, waits_up_to_the_end_of_the_clock)
{
    thrum_time deadlines[] = {THRUM_FOREVER, THRUM_FOREVER - 1};
    for (int i = 0; i < 2; i++) {
        test_thread thread;
        test_spawn(&thread, park_until, &deadlines[i]);
        test_wait_asleep(thread.tid);
        CHECK(grant(KEY, 8));
        test_join(&thread);
    }
}

/* ---- grant against deadline ---- */

enum { ROUNDS = 6000 };
static int asked, answered; /* rounds; accessed atomically */
static bool granted_by_waker;

static void *grant_each_round(void *unused)
{
    for (int round = 1; round <= ROUNDS; round++) {
        while (__atomic_load_n(&asked, __ATOMIC_ACQUIRE) != round)
            sched_yield();
        for (int i = 0; i < round * 7 % 400; i++)
            th_pause();
        granted_by_waker = grant(KEY, (uint32_t)round);
        __atomic_store_n(&answered, round, __ATOMIC_RELEASE);
    }
    return unused;
}

TEST_LIMIT(park, grant_and_deadline_agree_on_one_fate, 120)
{
    test_thread waker;
    test_spawn(&waker, grant_each_round, NULL);
    for (int round = 1; round <= ROUNDS; round++) {
        thrum_time deadline = round % 8 == 0 ? THRUM_FOREVER : thrum_now() + round * 13 % 8000;
        const int withdrawn_before = withdrawals;
        th_waiter waiter = waiter_until(deadline);
        waiter.withdrawn = note_withdrawal;
        append(&waiter, KEY);
        __atomic_store_n(&asked, round, __ATOMIC_RELEASE);
        bool granted = th_park(&waiter, deadline);
        while (__atomic_load_n(&answered, __ATOMIC_ACQUIRE) != round)
            sched_yield();
        CHECK_EQ(granted, granted_by_waker);
        CHECK_EQ(withdrawals - withdrawn_before, !granted);
        CHECK_EQ(waiter.token, granted ? (uint32_t)round : 0);
        CHECK_EQ(waiter.state, granted ? TH_GRANTED : TH_TIMED_OUT);
        CHECK(granted || deadline != THRUM_FOREVER);
        CHECK_PTR(first_of(KEY), NULL);
    }
    test_join(&waker);
}

/* ---- waits that are told of ---- */

static const th_waiter *announced;

static void note_blocked(const th_waiter *waiter)
{
    announced = waiter;
}

TEST(park, only_waits_without_a_deadline_are_announced)
{
    th_waiter timed = waiter_until(THRUM_FOREVER - 1), untimed = waiter_until(THRUM_FOREVER);
    th_probe_blocked = note_blocked;
    th_announce_wait(&timed);
    CHECK_PTR(announced, NULL);
    th_announce_wait(&untimed);
    CHECK_PTR(announced, &untimed);
    th_probe_blocked = NULL;
    th_announce_wait(&untimed);
}
