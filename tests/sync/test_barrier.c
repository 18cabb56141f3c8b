/* SPDX-License-Identifier: MIT */
/** @file
 *  Barrier: CPython's barrier tests, indices, actions, abort, reset, timeouts, many rounds,
 *  signals, freeing and fork. */
#include <unistd.h>

#include "thrum/barrier.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "support.h"

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

enum { PARTIES = 5 };

typedef struct shared {
    thrum_barrier barrier;
    thrum_time deadline;
    int rounds;
    int seen[GROUP_MAX]; /* how often each index was returned */
    int broken;          /* how many waits were broken */
    int returned;
    int actions;
    int action_status;
    int reached[8]; /* how many threads reached each stage */
    test_gate gate;
} shared;

static void init(shared *all, unsigned parties, int (*action)(void *))
{
    *all = (shared){.deadline = THRUM_FOREVER, .rounds = 1, .gate = TEST_GATE_INIT};
    CHECK_STATUS(thrum_barrier_init(&all->barrier, parties, action, all), 0);
}

static void note(shared *all, int result)
{
    if (result >= 0)
        bump(&all->seen[result]);
    else
        CHECK_STATUS(result, THRUM_EBROKEN);
    if (result < 0)
        bump(&all->broken);
    bump(&all->returned);
}

static void *wait_rounds(void *arg)
{
    shared *all = arg;
    for (int i = 0; i < all->rounds; i++)
        note(all, thrum_barrier_wait_until(&all->barrier, all->deadline));
    return NULL;
}

/* ---- BarrierTests ---- */

TEST(barrier, init_refuses_impossible_parties)
{
    thrum_barrier barrier;
    CHECK_STATUS(thrum_barrier_init(&barrier, 0, NULL, NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_barrier_init(&barrier, (unsigned)INT_MAX + 1, NULL, NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_barrier_init(&barrier, UINT_MAX, NULL, NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_barrier_init(NULL, 1, NULL, NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_barrier_init(&barrier, INT_MAX, NULL, NULL), 0);
    CHECK_EQ(thrum_barrier_parties(&barrier), INT_MAX);
}

TEST(barrier, starts_empty_and_whole)
{
    thrum_barrier initialised = THRUM_BARRIER(3), made;
    CHECK_STATUS(thrum_barrier_init(&made, 3, NULL, NULL), 0);
    CHECK_EQ(thrum_barrier_parties(&initialised), 3);
    CHECK_EQ(thrum_barrier_parties(&made), 3);
    CHECK_EQ(thrum_barrier_n_waiting(&initialised), 0);
    CHECK_EQ(thrum_barrier_n_waiting(&made), 0);
    CHECK(!thrum_barrier_is_broken(&initialised));
    CHECK(!thrum_barrier_is_broken(&made));
}

TEST(barrier, zeroed_is_refused)
{
    thrum_barrier zeroed;
    memset(&zeroed, 0, sizeof zeroed);
    CHECK_STATUS(thrum_barrier_wait(&zeroed), THRUM_EINVAL);
    CHECK_STATUS(thrum_barrier_wait_until(&zeroed, 0), THRUM_EINVAL);
    CHECK_EQ(thrum_barrier_parties(&zeroed), 0);
    CHECK_EQ(thrum_barrier_n_waiting(&zeroed), 0);
}

TEST(barrier, null_is_answered)
{
    CHECK_STATUS(thrum_barrier_wait(NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_barrier_wait_until(NULL, 0), THRUM_EINVAL);
    CHECK_EQ(thrum_barrier_parties(NULL), 0);
    CHECK_EQ(thrum_barrier_n_waiting(NULL), 0);
    CHECK(!thrum_barrier_is_broken(NULL));
    CHECK_MISUSE(thrum_barrier_reset(NULL), NULL, "NULL");
    CHECK_MISUSE(thrum_barrier_abort(NULL), NULL, "NULL");
}

/** CPython's multipass: nobody is in one stage while another is two stages away. */
static void *pass_stages(void *arg)
{
    shared *all = arg;
    for (int i = 0; i < all->rounds; i++) {
        CHECK_EQ(count_of(&all->reached[1]), i * PARTIES);
        bump(&all->reached[0]);
        CHECK_GE(thrum_barrier_wait_until(&all->barrier, all->deadline), 0);
        CHECK_EQ(count_of(&all->reached[0]), (i + 1) * PARTIES);
        bump(&all->reached[1]);
        CHECK_GE(thrum_barrier_wait(&all->barrier), 0);
    }
    return NULL;
}

TEST(barrier, keeps_all_parties_together_for_many_rounds)
{
    static shared all;
    static group parties;
    init(&all, PARTIES, NULL);
    all.rounds = 300;
    group_start(&parties, PARTIES, pass_stages, &all);
    group_join(&parties);
    CHECK_EQ(all.reached[1], 300 * PARTIES);
    CHECK_EQ(thrum_barrier_n_waiting(&all.barrier), 0);
    CHECK(!thrum_barrier_is_broken(&all.barrier));
}

TEST(barrier, gives_each_index_once_a_round)
{
    static shared all;
    static group parties;
    init(&all, PARTIES, NULL);
    all.rounds = 200;
    group_start(&parties, PARTIES, wait_rounds, &all);
    group_join(&parties);
    for (int i = 0; i < PARTIES; i++)
        CHECK_EQ(all.seen[i], 200);
}

TEST(barrier, indices_are_the_order_of_arrival)
{
    static shared all;
    test_thread threads[3];
    init(&all, 4, NULL);
    for (unsigned i = 0; i < 3; i++) {
        test_spawn(&threads[i], wait_rounds, &all);
        await_waiters(&all.barrier, (int)i + 1);
        CHECK_EQ(thrum_barrier_n_waiting(&all.barrier), i + 1);
    }
    CHECK_EQ(thrum_barrier_wait(&all.barrier), 3);
    CHECK_EQ(thrum_barrier_n_waiting(&all.barrier), 0);
    for (int i = 0; i < 3; i++)
        test_join(&threads[i]);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(all.seen[i], 1);
}

TEST(barrier, of_one_never_blocks)
{
    shared all;
    init(&all, 1, NULL);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(thrum_barrier_wait(&all.barrier), 0);
        CHECK_EQ(thrum_barrier_wait_until(&all.barrier, 0), 0);
    }
    thrum_barrier initialised = THRUM_BARRIER(1);
    CHECK_EQ(thrum_barrier_wait(&initialised), 0);
}

TEST(barrier, a_hundred_parties_meet)
{
    static shared all;
    static group parties;
    init(&all, 101, NULL);
    group_start(&parties, 100, wait_rounds, &all);
    await_waiters(&all.barrier, 100);
    CHECK_EQ(thrum_barrier_wait(&all.barrier), 100);
    group_join(&parties);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(all.seen[i], 1);
}

/* ---- actions ---- */

static int count_action(void *arg)
{
    shared *all = arg;
    CHECK_EQ(count_of(&all->returned), 0);
    all->actions++; /* plain: the barrier publishes it */
    return all->action_status;
}

TEST(barrier, action_runs_once_before_anyone_leaves)
{
    static shared all;
    static group parties;
    init(&all, PARTIES, count_action);
    group_start(&parties, PARTIES - 1, wait_rounds, &all);
    await_waiters(&all.barrier, PARTIES - 1);
    CHECK_EQ(all.actions, 0);
    CHECK_EQ(thrum_barrier_wait(&all.barrier), PARTIES - 1);
    CHECK_EQ(all.actions, 1);
    group_join(&parties);
    CHECK_EQ(all.actions, 1);
}

TEST(barrier, action_of_one_party_runs_every_round)
{
    shared all;
    init(&all, 1, count_action);
    for (int i = 1; i <= 3; i++) {
        CHECK_EQ(thrum_barrier_wait(&all.barrier), 0);
        CHECK_EQ(all.actions, i);
    }
}

TEST(barrier, a_failing_action_breaks_it_for_all)
{
    static shared all;
    static group parties;
    init(&all, PARTIES, count_action);
    all.action_status = -7;
    group_start(&parties, PARTIES - 1, wait_rounds, &all);
    await_waiters(&all.barrier, PARTIES - 1);
    CHECK_STATUS(thrum_barrier_wait(&all.barrier), THRUM_EBROKEN);
    group_join(&parties);
    CHECK_EQ(all.broken, PARTIES - 1);
    CHECK(thrum_barrier_is_broken(&all.barrier));
    CHECK_STATUS(thrum_barrier_wait(&all.barrier), THRUM_EBROKEN);
    thrum_barrier_reset(&all.barrier);
    all.action_status = all.returned = 0;
    group_start(&parties, PARTIES - 1, wait_rounds, &all);
    await_waiters(&all.barrier, PARTIES - 1);
    CHECK_EQ(thrum_barrier_wait(&all.barrier), PARTIES - 1);
    group_join(&parties);
}

static int use_own_barrier(void *arg)
{
    shared *all = arg;
    CHECK_EQ(thrum_barrier_n_waiting(&all->barrier), 0);
    CHECK_EQ(thrum_barrier_parties(&all->barrier), 2);
    CHECK(!thrum_barrier_is_broken(&all->barrier));
    all->actions++;
    if (all->actions == 1)
        thrum_barrier_reset(&all->barrier); /* the complete round is not disturbed */
    else if (all->actions == 2)
        thrum_barrier_abort(&all->barrier);
    return 0;
}

/** In Python the action deadlocks when it touches its barrier; here no lock is held. */
TEST(barrier, action_may_look_at_reset_and_abort_its_own_barrier)
{
    static shared all;
    test_thread other;
    init(&all, 2, use_own_barrier);
    test_spawn(&other, wait_rounds, &all);
    CHECK_GE(thrum_barrier_wait(&all.barrier), 0);
    test_join(&other);
    CHECK_EQ(all.broken, 0);
    test_spawn(&other, wait_rounds, &all);
    CHECK_STATUS(thrum_barrier_wait(&all.barrier), THRUM_EBROKEN);
    test_join(&other);
    CHECK_EQ(all.broken, 1);
    CHECK(thrum_barrier_is_broken(&all.barrier));
}

static int hold_action(void *arg)
{
    shared *all = arg;
    if (bump(&all->actions) == 1)
        test_gate_wait(&all->gate);
    return all->action_status;
}

/** Starts a round of two whose action is running and held at the gate. */
static void start_action(shared *all, group *parties)
{
    init(all, 2, hold_action);
    group_start(parties, 2, wait_rounds, all);
    test_gate_await(&all->gate, 1);
    CHECK_EQ(count_of(&all->returned), 0);
}

TEST(barrier, abort_during_the_action_breaks_its_round_even_after_a_reset)
{
    static shared all;
    static group parties;
    start_action(&all, &parties);
    thrum_barrier_abort(&all.barrier);
    CHECK(thrum_barrier_is_broken(&all.barrier));
    thrum_barrier_reset(&all.barrier);
    CHECK(!thrum_barrier_is_broken(&all.barrier));
    test_gate_open(&all.gate);
    group_join(&parties);
    CHECK_EQ(all.broken, 2);
    CHECK(!thrum_barrier_is_broken(&all.barrier));
}

TEST(barrier, reset_during_the_action_leaves_its_round_whole)
{
    static shared all;
    static group parties;
    start_action(&all, &parties);
    thrum_barrier_reset(&all.barrier);
    test_gate_open(&all.gate);
    group_join(&parties);
    CHECK_EQ(all.broken, 0);
    CHECK_EQ(all.seen[0] + all.seen[1], 2);
}

TEST(barrier, who_comes_during_the_action_waits_for_the_next_round)
{
    static shared all;
    static group parties, next;
    start_action(&all, &parties);
    group_start(&next, 1, wait_rounds, &all);
    await_waiters(&all.barrier, 1);
    CHECK_EQ(thrum_barrier_n_waiting(&all.barrier), 1);
    test_gate_open(&all.gate);
    group_join(&parties);
    CHECK_EQ(thrum_barrier_n_waiting(&all.barrier), 1);
    CHECK_EQ(thrum_barrier_wait(&all.barrier), 1);
    group_join(&next);
    CHECK_EQ(all.broken, 0);
    CHECK_EQ(all.seen[0], 2);
}

TEST(barrier, a_failing_action_breaks_the_next_round_too)
{
    static shared all;
    static group parties, next;
    start_action(&all, &parties);
    all.action_status = 1;
    group_start(&next, 1, wait_rounds, &all);
    await_waiters(&all.barrier, 1);
    test_gate_open(&all.gate);
    group_join(&parties);
    group_join(&next);
    CHECK_EQ(all.broken, 3);
    CHECK(thrum_barrier_is_broken(&all.barrier));
}

/** The round was complete before the deadline: it is not broken by a slow action. */
TEST(barrier, a_deadline_that_passes_during_the_action_breaks_nothing)
{
    static shared all;
    test_thread waiter;
    bool in_time = false;
    for (double seconds = 0.005; !in_time; seconds *= 2) {
        init(&all, 2, hold_action);
        all.deadline = thrum_after(seconds);
        test_spawn(&waiter, wait_rounds, &all);
        await_waiter_until(&all.barrier, all.deadline);
        test_thread last;
        test_spawn(&last, wait_rounds, &all);
        while (count_of(&all.actions) == 0 && count_of(&all.returned) == 0)
            sched_yield();
        in_time = count_of(&all.actions) == 1;
        while (in_time && thrum_now() < all.deadline + 3000000)
            sched_yield();
        test_gate_open(&all.gate);
        test_join(&waiter);
        test_join(&last);
        CHECK_EQ(all.broken, in_time ? 0 : 2);
    }
}

/* ---- abort, reset ---- */

TEST(barrier, abort_breaks_it_for_who_waits_and_who_comes)
{
    static shared all;
    static group parties;
    init(&all, PARTIES, NULL);
    group_start(&parties, PARTIES - 1, wait_rounds, &all);
    await_waiters(&all.barrier, PARTIES - 1);
    thrum_barrier_abort(&all.barrier);
    group_join(&parties);
    CHECK_EQ(all.broken, PARTIES - 1);
    CHECK(thrum_barrier_is_broken(&all.barrier));
    CHECK_EQ(thrum_barrier_n_waiting(&all.barrier), 0);
    CHECK_STATUS(thrum_barrier_wait(&all.barrier), THRUM_EBROKEN);
    thrum_barrier_abort(&all.barrier);
    CHECK_STATUS(thrum_barrier_wait_until(&all.barrier, 0), THRUM_EBROKEN);
}

TEST(barrier, reset_breaks_it_for_who_waits_only)
{
    static shared all;
    static group parties;
    init(&all, PARTIES, NULL);
    for (int round = 0; round < 20; round++) {
        group_start(&parties, PARTIES - 1, wait_rounds, &all);
        await_waiters(&all.barrier, PARTIES - 1);
        thrum_barrier_reset(&all.barrier);
        CHECK(!thrum_barrier_is_broken(&all.barrier));
        CHECK_EQ(thrum_barrier_n_waiting(&all.barrier), 0);
        group_join(&parties);
        CHECK_EQ(all.broken, (round + 1) * (PARTIES - 1));
    }
    group_start(&parties, PARTIES, wait_rounds, &all);
    group_join(&parties);
    for (int i = 0; i < PARTIES; i++)
        CHECK_EQ(all.seen[i], 1);
}

/** Nobody need have left yet: those who come after the reset fill a round of their own. */
TEST(barrier, is_usable_at_once_after_a_reset)
{
    static shared all;
    static group early, late;
    init(&all, 3, NULL);
    group_start(&early, 2, wait_rounds, &all);
    await_waiters(&all.barrier, 2);
    thrum_barrier_reset(&all.barrier);
    group_start(&late, 2, wait_rounds, &all);
    await_waiters(&all.barrier, 2);
    CHECK_EQ(thrum_barrier_wait(&all.barrier), 2);
    group_join(&early);
    group_join(&late);
    CHECK_EQ(all.broken, 2);
    CHECK_EQ(all.seen[0] + all.seen[1], 2);
}

TEST(barrier, reset_mends_a_broken_one)
{
    static shared all;
    static group parties;
    init(&all, PARTIES, NULL);
    for (int round = 1; round <= 3; round++) {
        thrum_barrier_abort(&all.barrier);
        CHECK_STATUS(thrum_barrier_wait(&all.barrier), THRUM_EBROKEN);
        thrum_barrier_reset(&all.barrier);
        CHECK(!thrum_barrier_is_broken(&all.barrier));
        group_start(&parties, PARTIES, wait_rounds, &all);
        group_join(&parties);
        CHECK_EQ(all.seen[0], round);
        CHECK_EQ(all.broken, 0);
    }
}

/** A round that has been let go keeps its indices, whatever happens before its threads have run. */
TEST(barrier, abort_after_the_round_takes_nothing_back)
{
    static shared all;
    static group parties;
    for (int round = 0; round < 50; round++) {
        init(&all, PARTIES, NULL);
        group_start(&parties, PARTIES - 1, wait_rounds, &all);
        await_waiters(&all.barrier, PARTIES - 1);
        CHECK_EQ(thrum_barrier_wait(&all.barrier), PARTIES - 1);
        thrum_barrier_abort(&all.barrier);
        group_join(&parties);
        CHECK_EQ(all.broken, 0);
    }
}

/* ---- deadlines ---- */

TEST(barrier, a_missed_deadline_breaks_it_for_all)
{
    static shared all;
    static group parties;
    init(&all, PARTIES, NULL);
    group_start(&parties, PARTIES - 2, wait_rounds, &all);
    await_waiters(&all.barrier, PARTIES - 2);
    thrum_time deadline = soon();
    CHECK_STATUS(thrum_barrier_wait_until(&all.barrier, deadline), THRUM_EBROKEN);
    CHECK_GE(thrum_now(), deadline);
    CHECK(thrum_barrier_is_broken(&all.barrier));
    group_join(&parties);
    CHECK_EQ(all.broken, PARTIES - 2);
    CHECK_STATUS(thrum_barrier_wait(&all.barrier), THRUM_EBROKEN);
    CHECK_EQ(thrum_barrier_n_waiting(&all.barrier), 0);
}

TEST(barrier, a_past_deadline_breaks_it_unless_the_caller_is_the_last)
{
    static shared all;
    static group parties;
    for (size_t i = 0; i < LENGTH(past_deadlines); i++) {
        init(&all, 2, NULL);
        CHECK_STATUS(thrum_barrier_wait_until(&all.barrier, past_deadlines[i]), THRUM_EBROKEN);
        CHECK(thrum_barrier_is_broken(&all.barrier));
        init(&all, 2, NULL);
        group_start(&parties, 1, wait_rounds, &all);
        await_waiters(&all.barrier, 1);
        CHECK_EQ(thrum_barrier_wait_until(&all.barrier, past_deadlines[i]), 1);
        group_join(&parties);
        CHECK_EQ(all.seen[0], 1);
    }
    init(&all, 2, NULL);
    CHECK_STATUS(thrum_barrier_wait_until(&all.barrier, thrum_after((double)NAN)), THRUM_EBROKEN);
}

TEST(barrier, deadlines_at_the_end_of_the_clock_wait)
{
    for (size_t i = 0; i < LENGTH(far_deadlines); i++) {
        static shared all;
        test_thread waiter;
        init(&all, 2, NULL);
        all.deadline = far_deadlines[i];
        test_spawn(&waiter, wait_rounds, &all);
        await_waiters(&all.barrier, 1);
        test_wait_asleep(waiter.tid);
        CHECK_EQ(thrum_barrier_wait(&all.barrier), 1);
        test_join(&waiter);
        CHECK_EQ(all.seen[0], 1);
    }
}

/** Either all are let go or all are told that it broke. */
TEST(barrier, deadlines_that_race_with_the_last_arrival_break_all_or_none)
{
    static shared all;
    static group parties;
    for (int round = 0; round < 100; round++) {
        init(&all, 3, NULL);
        all.deadline = thrum_now() + 10000 * (round % 40);
        group_start(&parties, 3, wait_rounds, &all);
        group_join(&parties);
        CHECK_EQ(all.returned, 3);
        CHECK(all.broken == 0 || all.broken == 3);
        CHECK_EQ(thrum_barrier_is_broken(&all.barrier), all.broken == 3);
    }
}

TEST(barrier, keeps_errno)
{
    thrum_barrier barrier = THRUM_BARRIER(2);
    errno = 77;
    CHECK_STATUS(thrum_barrier_wait_until(&barrier, soon()), THRUM_EBROKEN);
    thrum_barrier_reset(&barrier);
    thrum_barrier_abort(&barrier);
    CHECK_EQ(errno, 77);
}

/* ---- who runs, who sees, who is woken ---- */

typedef struct rounds {
    thrum_barrier written_all, read_all;
    pthread_t runner; /* plain, like all below but next_slot: the barriers order its use */
    int actions;
    int written[PARTIES];
    int next_slot;
} rounds;

static int note_runner(void *arg)
{
    rounds *all = arg;
    all->runner = pthread_self();
    all->actions++;
    for (int i = 0; i < PARTIES; i++)
        CHECK_EQ(all->written[i], all->actions);
    return 0;
}

static void *write_and_meet(void *arg)
{
    rounds *all = arg;
    int slot = bump(&all->next_slot) - 1;
    for (int round = 1; round <= 200; round++) {
        all->written[slot] = round;
        int index = thrum_barrier_wait(&all->written_all);
        CHECK_GE(index, 0);
        CHECK_EQ(all->actions, round);
        CHECK_EQ(pthread_equal(all->runner, pthread_self()) != 0, index == PARTIES - 1);
        for (int i = 0; i < PARTIES; i++)
            CHECK_EQ(all->written[i], round);
        CHECK_GE(thrum_barrier_wait(&all->read_all), 0);
    }
    return NULL;
}

TEST(barrier, action_runs_in_the_last_arriver_and_sees_what_all_wrote)
{
    static rounds all;
    static group parties;
    CHECK_STATUS(thrum_barrier_init(&all.written_all, PARTIES, note_runner, &all), 0);
    CHECK_STATUS(thrum_barrier_init(&all.read_all, PARTIES, NULL, NULL), 0);
    group_start(&parties, PARTIES, write_and_meet, &all);
    group_join(&parties);
    CHECK_EQ(all.actions, 200);
}

TEST(barrier, abort_reset_and_a_deadline_each_wake_a_hundred)
{
    static shared all;
    static group parties;
    for (int way = 0; way < 3; way++) {
        init(&all, 102, NULL);
        group_start(&parties, 100, wait_rounds, &all);
        await_waiters(&all.barrier, 100);
        CHECK_EQ(thrum_barrier_n_waiting(&all.barrier), 100);
        if (way == 0)
            thrum_barrier_abort(&all.barrier);
        else if (way == 1)
            thrum_barrier_reset(&all.barrier);
        else
            CHECK_STATUS(thrum_barrier_wait_until(&all.barrier, soon()), THRUM_EBROKEN);
        CHECK_EQ(waiters_on(&all.barrier), 0);
        group_join(&parties);
        CHECK_EQ(all.broken, 100);
        CHECK_EQ(thrum_barrier_is_broken(&all.barrier), way != 1);
    }
}

/* ---- signals ---- */

TEST(barrier, a_signal_neither_ends_a_wait_nor_breaks_it)
{
    static shared all;
    static group parties;
    init(&all, 3, NULL);
    group_start(&parties, 2, wait_rounds, &all);
    await_waiters(&all.barrier, 2);
    for (int i = 0; i < 2; i++)
        interrupt_sleep(&parties.threads[i], 50);
    CHECK_EQ(thrum_barrier_n_waiting(&all.barrier), 2);
    CHECK_EQ(count_of(&all.returned), 0);
    CHECK(!thrum_barrier_is_broken(&all.barrier));
    CHECK_EQ(thrum_barrier_wait(&all.barrier), 2);
    group_join(&parties);
    CHECK_EQ(all.seen[0], 1);
    CHECK_EQ(all.seen[1], 1);
}

TEST(barrier, a_storm_of_signals_does_not_shorten_a_wait)
{
    thrum_barrier barrier = THRUM_BARRIER(2);
    test_signals storm;
    test_send_signals(&storm, pthread_self(), SIGUSR1, 50);
    for (int i = 0; i < 10; i++) {
        thrum_time deadline = thrum_after(0.01);
        CHECK_STATUS(thrum_barrier_wait_until(&barrier, deadline), THRUM_EBROKEN);
        CHECK_GE(thrum_now(), deadline);
        thrum_barrier_reset(&barrier);
    }
    CHECK_GT(test_stop_signals(&storm), 0);
}

TEST(barrier, rounds_are_whole_under_a_storm_of_signals)
{
    static shared all;
    static group parties;
    test_signals storm;
    init(&all, PARTIES, NULL);
    all.rounds = 500;
    test_send_signals(&storm, pthread_self(), SIGUSR1, 50);
    group_start(&parties, PARTIES - 1, wait_rounds, &all);
    wait_rounds(&all);
    test_stop_signals(&storm);
    group_join(&parties);
    for (int i = 0; i < PARTIES; i++)
        CHECK_EQ(all.seen[i], 500);
}

/* ---- freeing ---- */

enum { FREED = 1000, FREERS = 3 };

typedef struct shortlived {
    thrum_barrier *barrier;
    int left; /* how many have returned from it */
} shortlived;

static int do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

/** Every third one is for one party more than come, and broken by the deadline of the first. */
static bool is_broken_one(int i)
{
    return i % 3 == 2;
}

static void *meet_and_free(void *arg)
{
    shortlived *objects = arg;
    for (int i = 0; i < FREED; i++) {
        thrum_time deadline = is_broken_one(i) ? thrum_now() + 20000 : THRUM_FOREVER;
        int status = thrum_barrier_wait_until(objects[i].barrier, deadline);
        if (is_broken_one(i))
            CHECK_STATUS(status, THRUM_EBROKEN);
        else
            CHECK_GE(status, 0);
        if (bump(&objects[i].left) == FREERS) {
            memset(objects[i].barrier, 0xff, sizeof *objects[i].barrier);
            free(objects[i].barrier);
        }
    }
    return NULL;
}

TEST(barrier, may_be_freed_when_the_waits_of_all_parties_have_returned)
{
    static shortlived objects[FREED];
    static group parties;
    for (int i = 0; i < FREED; i++) {
        unsigned size = FREERS + (is_broken_one(i) ? 1 : 0);
        objects[i].barrier = malloc(sizeof *objects[i].barrier);
        CHECK_STATUS(
            thrum_barrier_init(objects[i].barrier, size, i % 2 == 0 ? do_nothing : NULL, NULL), 0);
    }
    group_start(&parties, FREERS, meet_and_free, objects);
    group_join(&parties);
    for (int i = 0; i < FREED; i++)
        CHECK_EQ(objects[i].left, FREERS);
}

/* ---- fork ---- */

/** With one more party, the parent's waiters would make a round complete. */
static void use_in_child(void *arg)
{
    shared *all = arg;
    static group parties;
    CHECK_EQ(thrum_barrier_n_waiting(&all->barrier), 0);
    CHECK(!thrum_barrier_is_broken(&all->barrier));
    CHECK_STATUS(thrum_barrier_wait_until(&all->barrier, soon()), THRUM_EBROKEN);
    CHECK(thrum_barrier_is_broken(&all->barrier));
    thrum_barrier_reset(&all->barrier);
    CHECK(!thrum_barrier_is_broken(&all->barrier));
    if (CHILDREN_START_THREADS) {
        unsigned others = thrum_barrier_parties(&all->barrier) - 1;
        group_start(&parties, (int)others, wait_rounds, all);
        await_waiters(&all->barrier, (int)others);
        CHECK_EQ(thrum_barrier_n_waiting(&all->barrier), others);
        CHECK_EQ(thrum_barrier_wait(&all->barrier), others);
        group_join(&parties);
        CHECK_EQ(all->returned, others);
        CHECK_EQ(all->broken, 0);
    }
    thrum_barrier_abort(&all->barrier);
    CHECK(thrum_barrier_is_broken(&all->barrier));
}

TEST(barrier, in_a_forked_child_has_none_of_the_parents_waiters)
{
    static shared all;
    static group parties;
    init(&all, 4, NULL);
    group_start(&parties, 3, wait_rounds, &all);
    await_waiters(&all.barrier, 3);
    CHECK_EXITED(test_run_child(use_in_child, &all), 0);
    CHECK_EQ(thrum_barrier_n_waiting(&all.barrier), 3);
    CHECK_EQ(count_of(&all.returned), 0);
    CHECK_EQ(thrum_barrier_wait(&all.barrier), 3);
    group_join(&parties);
    CHECK_EQ(all.broken, 0);
}

TEST(barrier, a_child_forked_during_the_action_has_a_barrier_that_works)
{
    static shared all;
    static group parties;
    start_action(&all, &parties);
    CHECK_EXITED(test_run_child(use_in_child, &all), 0);
    test_gate_open(&all.gate);
    group_join(&parties);
    CHECK_EQ(all.broken, 0);
    CHECK_EQ(all.returned, 2);
}

/** The action forks; in the child, too, the round ends, for the only thread that is there. */
static int fork_in_action(void *arg)
{
    *(pid_t *)arg = fork();
    return 0;
}

static void wait_with_a_forking_action(void *unused)
{
    (void)unused;
    static pid_t child;
    static shared all;
    static group parties;
    init(&all, 3, NULL);
    CHECK_EQ(thrum_barrier_init(&all.barrier, 3, fork_in_action, &child), 0);
    group_start(&parties, 2, wait_rounds, &all);
    await_waiters(&all.barrier, 2);
    CHECK_EQ(thrum_barrier_wait(&all.barrier), 2);
    CHECK_EQ(thrum_barrier_n_waiting(&all.barrier), 0);
    if (child == 0)
        _exit(7);
    group_join(&parties);
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EXITED(status, 7);
}

TEST(barrier, ends_its_round_in_a_child_that_the_action_forked)
{
    CHECK_EXITED(test_run_child(wait_with_a_forking_action, NULL), 0);
}
