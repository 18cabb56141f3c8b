/* SPDX-License-Identifier: MIT */
/** @file
 *  Event: CPython's event tests, set then clear, deadlines, a hundred sleepers, freeing,
 *  signals, fork. */
#include "thrum/event.h"

#include <errno.h>
#include <math.h>
#include <string.h>

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

typedef struct shared {
    thrum_event event;
    thrum_time deadline;
    int woken;
    int succeeded;
} shared;

static void *wait_once(void *arg)
{
    shared *all = arg;
    int status = thrum_event_wait_until(&all->event, all->deadline);
    if (status == 0)
        bump(&all->succeeded);
    else
        CHECK_STATUS(status, THRUM_ETIMEDOUT);
    bump(&all->woken);
    return NULL;
}

static void start_waiters(shared *all, group *waiters, int size)
{
    group_queue(waiters, size, wait_once, all, &all->event);
}

/* ---- EventTests ---- */

TEST(event, is_not_set_when_zeroed)
{
    thrum_event zeroed;
    memset(&zeroed, 0, sizeof zeroed);
    thrum_event initialised = THRUM_EVENT_INIT;
    CHECK_EQ(memcmp(&zeroed, &initialised, sizeof zeroed), 0);
    CHECK(!thrum_event_is_set(&zeroed));
}

TEST(event, is_set_until_it_is_cleared)
{
    thrum_event event = THRUM_EVENT_INIT;
    for (int i = 0; i < 3; i++) {
        thrum_event_set(&event);
        CHECK(thrum_event_is_set(&event));
        thrum_event_set(&event);
        CHECK(thrum_event_is_set(&event));
        thrum_event_clear(&event);
        CHECK(!thrum_event_is_set(&event));
        thrum_event_clear(&event);
        CHECK(!thrum_event_is_set(&event));
    }
}

TEST(event, set_wakes_all_who_wait)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    group_start(&waiters, 5, wait_once, &all);
    await_waiters(&all.event, 5);
    CHECK_EQ(count_of(&all.woken), 0);
    thrum_event_set(&all.event);
    group_join(&waiters);
    CHECK_EQ(all.succeeded, 5);
    CHECK(thrum_event_is_set(&all.event));
    CHECK_EQ(waiters_on(&all.event), 0);
}

TEST(event, once_set_lets_everybody_pass)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    thrum_event_set(&all.event);
    CHECK_STATUS(thrum_event_wait(&all.event), 0);
    CHECK_STATUS(thrum_event_wait_until(&all.event, 0), 0);
    group_start(&waiters, 5, wait_once, &all);
    group_join(&waiters);
    CHECK_EQ(all.succeeded, 5);
}

TEST(event, set_then_cleared_wakes_all_who_waited)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    for (int round = 0; round < 50; round++) {
        all.succeeded = 0;
        group_start(&waiters, 5, wait_once, &all);
        await_waiters(&all.event, 5);
        thrum_event_set(&all.event);
        thrum_event_clear(&all.event);
        group_join(&waiters);
        CHECK_EQ(all.succeeded, 5);
        CHECK(!thrum_event_is_set(&all.event));
    }
}

TEST(event, waits_after_the_clear_wait_for_the_next_set)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group early, late;
    group_start(&early, 3, wait_once, &all);
    await_waiters(&all.event, 3);
    thrum_event_set(&all.event);
    thrum_event_clear(&all.event);
    group_start(&late, 2, wait_once, &all);
    group_join(&early);
    await_waiters(&all.event, 2);
    CHECK_EQ(count_of(&all.woken), 3);
    thrum_event_set(&all.event);
    group_join(&late);
    CHECK_EQ(all.succeeded, 5);
}

TEST(event, clear_wakes_nobody_and_forgets_nobody)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    group_start(&waiters, 3, wait_once, &all);
    await_waiters(&all.event, 3);
    thrum_event_clear(&all.event);
    CHECK_EQ(waiters_on(&all.event), 3);
    thrum_event_set(&all.event);
    group_join(&waiters);
    CHECK_EQ(all.succeeded, 3);
}

TEST(event, set_wakes_a_hundred_sleepers)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    group_start(&waiters, 100, wait_once, &all);
    await_waiters(&all.event, 100);
    for (int i = 0; i < 100; i++)
        test_wait_asleep(waiters.threads[i].tid);
    thrum_event_set(&all.event);
    group_join(&waiters);
    CHECK_EQ(all.succeeded, 100);
}

TEST(event, many_setters_are_one_set)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    group_start(&waiters, 4, wait_once, &all);
    for (int i = 0; i < 1000; i++)
        thrum_event_set(&all.event);
    group_join(&waiters);
    CHECK_EQ(all.succeeded, 4);
    thrum_event_clear(&all.event);
    CHECK(!thrum_event_is_set(&all.event));
}

static void *write_then_set(void *arg)
{
    shared *all = arg;
    all->woken = 42; /* plain: the event publishes it */
    thrum_event_set(&all->event);
    return NULL;
}

TEST(event, set_publishes_what_came_before)
{
    for (int i = 0; i < 100; i++) {
        shared all = {.deadline = THRUM_FOREVER};
        test_thread setter;
        test_spawn(&setter, write_then_set, &all);
        CHECK_STATUS(thrum_event_wait(&all.event), 0);
        CHECK_EQ(all.woken, 42);
        test_join(&setter);
    }
}

enum { TURNS = 1000 };

typedef struct game {
    thrum_event ping, pong;
    int ball; /* plain: the events order its use */
} game;

static void *answer(void *arg)
{
    game *between = arg;
    for (int i = 0; i < TURNS; i++) {
        CHECK_STATUS(thrum_event_wait(&between->ping), 0);
        thrum_event_clear(&between->ping);
        CHECK_EQ(between->ball++, 2 * i + 1);
        thrum_event_set(&between->pong);
    }
    return NULL;
}

TEST(event, two_events_pass_a_turn_to_and_fro)
{
    static game between;
    test_thread other;
    test_spawn(&other, answer, &between);
    for (int i = 0; i < TURNS; i++) {
        CHECK_EQ(between.ball++, 2 * i);
        thrum_event_set(&between.ping);
        CHECK_STATUS(thrum_event_wait(&between.pong), 0);
        thrum_event_clear(&between.pong);
    }
    test_join(&other);
    CHECK_EQ(between.ball, 2 * TURNS);
}

/* ---- deadlines ---- */

TEST(event, is_not_waited_for_past_the_deadline)
{
    thrum_event event = THRUM_EVENT_INIT;
    for (size_t i = 0; i < LENGTH(past_deadlines); i++)
        CHECK_STATUS(thrum_event_wait_until(&event, past_deadlines[i]), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_event_wait_until(&event, thrum_after((double)NAN)), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_event_wait_until(&event, thrum_after(-3)), THRUM_ETIMEDOUT);
    for (int ms = 1; ms <= 32; ms *= 2) {
        thrum_time deadline = thrum_after(ms / 1000.0);
        CHECK_STATUS(thrum_event_wait_until(&event, deadline), THRUM_ETIMEDOUT);
        CHECK_GE(thrum_now(), deadline);
    }
    CHECK_EQ(waiters_on(&event), 0);
    thrum_event_set(&event);
    for (size_t i = 0; i < LENGTH(past_deadlines); i++)
        CHECK_STATUS(thrum_event_wait_until(&event, past_deadlines[i]), 0);
}

TEST(event, deadlines_at_the_end_of_the_clock_wait)
{
    for (size_t i = 0; i < LENGTH(far_deadlines); i++) {
        shared all = {.deadline = far_deadlines[i]};
        test_thread waiter;
        test_spawn(&waiter, wait_once, &all);
        await_waiters(&all.event, 1);
        test_wait_asleep(waiter.tid);
        CHECK_EQ(count_of(&all.woken), 0);
        thrum_event_set(&all.event);
        test_join(&waiter);
        CHECK_EQ(all.succeeded, 1);
    }
}

TEST(event, some_time_out_and_the_others_are_woken)
{
    static shared patient = {.deadline = THRUM_FOREVER};
    static group waiters;
    group_start(&waiters, 3, wait_once, &patient);
    await_waiters(&patient.event, 3);
    CHECK_STATUS(thrum_event_wait_until(&patient.event, soon()), THRUM_ETIMEDOUT);
    CHECK_EQ(waiters_on(&patient.event), 3);
    thrum_event_set(&patient.event);
    group_join(&waiters);
    CHECK_EQ(patient.succeeded, 3);
}

TEST(event, works_after_all_who_waited_have_timed_out)
{
    static shared all;
    static group waiters;
    all.deadline = soon();
    group_start(&waiters, 5, wait_once, &all);
    group_join(&waiters);
    CHECK_EQ(all.succeeded, 0);
    CHECK_EQ(all.event.state, 0);
    thrum_event_set(&all.event);
    CHECK(thrum_event_is_set(&all.event));
    thrum_event_clear(&all.event);
    all.deadline = THRUM_FOREVER;
    group_start(&waiters, 2, wait_once, &all);
    await_waiters(&all.event, 2);
    thrum_event_set(&all.event);
    group_join(&waiters);
    CHECK_EQ(all.succeeded, 2);
}

TEST(event, keeps_errno)
{
    thrum_event event = THRUM_EVENT_INIT;
    errno = 77;
    CHECK_STATUS(thrum_event_wait_until(&event, soon()), THRUM_ETIMEDOUT);
    thrum_event_set(&event);
    CHECK_EQ(errno, 77);
}

TEST(event, null_is_answered)
{
    CHECK_MISUSE(thrum_event_set(NULL), NULL, "NULL");
    CHECK_MISUSE(thrum_event_clear(NULL), NULL, "NULL");
    CHECK(!thrum_event_is_set(NULL));
    CHECK_STATUS(thrum_event_wait(NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_event_wait_until(NULL, 0), THRUM_EINVAL);
}

TEST(event, functions_have_addresses)
{
    thrum_event event = THRUM_EVENT_INIT;
    bool (*volatile is_set)(const thrum_event *) = thrum_event_is_set;
    CHECK(!is_set(&event));
    thrum_event_set(&event);
    CHECK(is_set(&event));
}

enum { RACE_ROUNDS = 1000 };

typedef struct race {
    thrum_event event;
    thrum_semaphore go, came;
    thrum_time deadline;
    int woken, timed_out;
} race;

static void *wait_in_rounds(void *arg)
{
    race *racing = arg;
    for (int i = 0; i < RACE_ROUNDS; i++) {
        CHECK_STATUS(thrum_semaphore_acquire(&racing->go), 0);
        int status = thrum_event_wait_until(&racing->event, racing->deadline);
        bump(status == 0 ? &racing->woken : &racing->timed_out);
        CHECK_STATUS(thrum_semaphore_release(&racing->came, 1), 0);
    }
    return NULL;
}

/** Whatever a deadline met on its way out, the event is as good as before. */
TEST(event, a_set_that_races_with_a_deadline_leaves_a_sound_event)
{
    static race racing;
    test_thread waiter;
    test_spawn(&waiter, wait_in_rounds, &racing);
    for (int i = 0; i < RACE_ROUNDS; i++) {
        racing.deadline = thrum_now() + 1000 * (i % 100);
        CHECK_STATUS(thrum_semaphore_release(&racing.go, 1), 0);
        while (thrum_now() < racing.deadline)
            continue;
        thrum_event_set(&racing.event);
        CHECK(thrum_event_is_set(&racing.event));
        CHECK_STATUS(thrum_semaphore_acquire(&racing.came), 0);
        CHECK(thrum_event_is_set(&racing.event));
        CHECK_EQ(waiters_on(&racing.event), 0);
        thrum_event_clear(&racing.event);
        CHECK(!thrum_event_is_set(&racing.event));
    }
    test_join(&waiter);
    CHECK_EQ(racing.woken + racing.timed_out, RACE_ROUNDS);
}

/* ---- freeing ---- */

enum { FREED = 2000 };

static void *wait_and_free(void *arg)
{
    thrum_event **events = arg;
    for (int i = 0; i < FREED; i++) {
        CHECK_STATUS(thrum_event_wait(events[i]), 0);
        memset(events[i], 0xff, sizeof *events[i]);
        free(events[i]);
    }
    return NULL;
}

TEST(event, may_be_freed_by_the_woken_while_set_returns)
{
    static thrum_event *events[FREED];
    for (int i = 0; i < FREED; i++)
        events[i] = calloc(1, sizeof *events[i]);
    test_thread freer;
    test_spawn(&freer, wait_and_free, events);
    for (int i = 0; i < FREED; i++) {
        while (i % 2 == 0 && waiters_on(events[i]) == 0)
            sched_yield();
        thrum_event_set(events[i]);
    }
    test_join(&freer);
}

/* ---- signals ---- */

TEST(event, a_signal_does_not_end_a_wait)
{
    shared all = {.deadline = THRUM_FOREVER};
    test_thread waiter;
    test_spawn(&waiter, wait_once, &all);
    interrupt_sleep(&waiter, 50);
    CHECK_EQ(waiters_on(&all.event), 1);
    CHECK_EQ(count_of(&all.woken), 0);
    thrum_event_set(&all.event);
    test_join(&waiter);
    CHECK_EQ(all.succeeded, 1);
}

TEST(event, a_storm_of_signals_does_not_shorten_a_wait)
{
    thrum_event event = THRUM_EVENT_INIT;
    test_signals storm;
    test_send_signals(&storm, pthread_self(), SIGUSR1, 50);
    for (int i = 0; i < 10; i++) {
        thrum_time deadline = thrum_after(0.01);
        CHECK_STATUS(thrum_event_wait_until(&event, deadline), THRUM_ETIMEDOUT);
        CHECK_GE(thrum_now(), deadline);
    }
    CHECK_GT(test_stop_signals(&storm), 0);
}

static shared handlers = {.deadline = THRUM_FOREVER};

static void set_in_handler(int number)
{
    (void)number;
    thrum_event_set(&handlers.event);
}

TEST(event, a_handler_that_interrupts_the_wait_may_set_the_event)
{
    handle_signal(SIGUSR1, set_in_handler);
    for (int i = 0; i < 50; i++) {
        test_thread waiter;
        test_spawn(&waiter, wait_once, &handlers);
        await_waiters(&handlers.event, 1);
        test_wait_asleep(waiter.tid);
        CHECK_EQ(pthread_kill(waiter.handle, SIGUSR1), 0);
        test_join(&waiter);
        CHECK(thrum_event_is_set(&handlers.event));
        thrum_event_clear(&handlers.event);
    }
    CHECK_EQ(handlers.succeeded, 50);
}

enum { HANDLED = 3000 };

static int handled;
static thrum_event said;      /* set by the handler, cleared by who hears it */
static thrum_event bystander; /* set and waited for by the interrupted thread itself */
static int heard;             /* how many handlers the listener knows of */

static void say_in_handler(int number)
{
    (void)number;
    bump(&handled);
    thrum_event_set(&said);
    thrum_event_set(&bystander);
}

/** Clears before it looks, so a set that is lost leaves it asleep with something unheard. */
static void *listen(void *arg)
{
    while (count_of(&heard) < HANDLED) {
        CHECK_STATUS(thrum_event_wait(&said), 0);
        thrum_event_clear(&said);
        set_count_of(&heard, count_of(&handled));
    }
    return arg;
}

TEST_LIMIT(event, may_be_set_in_a_handler_that_interrupts_any_call, 120)
{
    test_thread listener;
    test_signals storm;
    handle_signal(SIGUSR1, say_in_handler);
    test_spawn(&listener, listen, NULL);
    test_send_signals(&storm, pthread_self(), SIGUSR1, 20);
    while (count_of(&handled) < HANDLED) {
        thrum_time moment = thrum_now() + 2000;
        int status = thrum_event_wait_until(&said, moment);
        CHECK(status == 0 || status == THRUM_ETIMEDOUT);
        status = thrum_event_wait_until(&bystander, moment);
        CHECK(status == 0 || status == THRUM_ETIMEDOUT);
        thrum_event_clear(&bystander);
        thrum_event_set(&bystander);
        CHECK_STATUS(thrum_event_wait_until(&bystander, 0), 0);
        thrum_event_clear(&bystander);
    }
    test_stop_signals(&storm);
    await_count(&heard, HANDLED);
    test_join(&listener);
    CHECK_EQ(waiters_on(&said), 0);
    CHECK_EQ(waiters_on(&bystander), 0);
}

/* ---- fork ---- */

static void use_in_child(void *arg)
{
    shared *all = arg;
    static group waiters;
    CHECK(!thrum_event_is_set(&all->event));
    CHECK_STATUS(thrum_event_wait_until(&all->event, soon()), THRUM_ETIMEDOUT);
    int size = CHILDREN_START_THREADS ? 3 : 0;
    start_waiters(all, &waiters, size);
    thrum_event_set(&all->event);
    group_join(&waiters);
    CHECK_EQ(all->succeeded, size);
    CHECK_STATUS(thrum_event_wait(&all->event), 0);
    thrum_event_clear(&all->event);
    CHECK_STATUS(thrum_event_wait_until(&all->event, 0), THRUM_ETIMEDOUT);
}

static void set_in_child(void *arg)
{
    shared *all = arg;
    thrum_event_set(&all->event);
    CHECK(thrum_event_is_set(&all->event));
    CHECK_STATUS(thrum_event_wait(&all->event), 0);
    CHECK_EQ(count_of(&all->woken), 0);
}

TEST(event, works_in_a_forked_child_without_the_parents_waiters)
{
    static shared all = {.deadline = THRUM_FOREVER};
    static group waiters;
    start_waiters(&all, &waiters, 3);
    CHECK_EXITED(test_run_child(use_in_child, &all), 0);
    CHECK_EXITED(test_run_child(set_in_child, &all), 0);
    CHECK_EQ(count_of(&all.woken), 0);
    CHECK_EQ(waiters_on(&all.event), 3);
    thrum_event_set(&all.event);
    group_join(&waiters);
    CHECK_EQ(all.succeeded, 3);
}
