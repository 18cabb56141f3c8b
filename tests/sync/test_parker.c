// SPDX-License-Identifier: MIT
/** @file
 *  Parker: every wait of every object suspends and is resumed by what is installed in the waiter's
 *  context, here a mutex and a condition variable instead of a futex. */
#include "park/context.h"

#include <time.h>

#include "platform/probe.h"
#include "support.h"
#include "thrum/barrier.h"
#include "thrum/condition.h"
#include "thrum/event.h"
#include "thrum/lock.h"
#include "thrum/once.h"
#include "thrum/rlock.h"
#include "thrum/semaphore.h"

TEST_SETUP()
{
    th_probe_blocked = NULL;
}

/** What stands behind the parker of one context. */
typedef struct bed {
    th_parker *parker;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool permit;
    int suspended; /* how often */
    int resumed;
    int asleep;          /* whether now */
    thrum_time deadline; /* the last one asked for */
} bed;

enum { BEDS = 8 };
static bed beds[BEDS];
static int beds_used;

static bed *bed_of(const th_parker *parker)
{
    for (int i = 0; i < BEDS; i++)
        if (__atomic_load_n(&beds[i].parker, __ATOMIC_ACQUIRE) == parker)
            return &beds[i];
    FAIL("a parker that nobody installed");
}

static void suspend(th_parker *parker, thrum_time deadline)
{
    bed *mine = bed_of(parker);
    struct timespec until = {(time_t)(deadline / 1000000000), (long)(deadline % 1000000000)};
    int error = 0;
    pthread_mutex_lock(&mine->mutex);
    mine->deadline = deadline;
    set_count_of(&mine->asleep, 1);
    bump(&mine->suspended);
    while (!mine->permit && error == 0)
        error = pthread_cond_timedwait(&mine->cond, &mine->mutex, &until);
    mine->permit = false;
    set_count_of(&mine->asleep, 0);
    pthread_mutex_unlock(&mine->mutex);
}

static void resume(th_parker *parker)
{
    bed *theirs = bed_of(parker);
    pthread_mutex_lock(&theirs->mutex);
    theirs->permit = true;
    bump(&theirs->resumed);
    pthread_cond_signal(&theirs->cond);
    pthread_mutex_unlock(&theirs->mutex);
}

/** From now on the calling thread sleeps in a bed. */
static bed *install(void)
{
    bed *mine = &beds[bump(&beds_used) - 1];
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&mine->mutex, NULL);
    pthread_cond_init(&mine->cond, &attributes);
    pthread_condattr_destroy(&attributes);
    th_context *self = th_self();
    th_context_install_parker(self, suspend, resume);
    __atomic_store_n(&mine->parker, &self->parker, __ATOMIC_RELEASE);
    return mine;
}

/** One of each. */
typedef struct world {
    thrum_lock lock;
    thrum_rlock rlock;
    thrum_condition condition;
    thrum_semaphore semaphore;
    thrum_event event;
    thrum_barrier barrier;
    thrum_once once;
    test_gate gate;
} world;

static world all = {.barrier = THRUM_BARRIER(2), .gate = TEST_GATE_INIT};

/** A wait, and what ends it; the waker begins with what the wait needs. */
typedef struct scene {
    int (*wait)(thrum_time deadline);
    void (*prepare)(void);
    void (*wake)(void);
    thrum_time deadline;
} scene;

static void nothing(void)
{
}

static int wait_lock(thrum_time deadline)
{
    return thrum_lock_acquire_until(&all.lock, deadline);
}

static void hold_lock(void)
{
    thrum_lock_acquire(&all.lock);
}

static void let_lock(void)
{
    thrum_lock_release(&all.lock);
}

static int wait_rlock(thrum_time deadline)
{
    return thrum_rlock_acquire_until(&all.rlock, deadline);
}

static void hold_rlock(void)
{
    thrum_rlock_acquire(&all.rlock);
}

static void let_rlock(void)
{
    thrum_rlock_release(&all.rlock);
}

static int wait_condition(thrum_time deadline)
{
    thrum_lock_acquire(&all.lock);
    int status = thrum_condition_wait_until(&all.condition, &all.lock, deadline);
    thrum_lock_release(&all.lock);
    return status;
}

static void notify(void)
{
    thrum_condition_notify_all(&all.condition);
}

static int wait_semaphore(thrum_time deadline)
{
    return thrum_semaphore_acquire_until(&all.semaphore, deadline);
}

static void give(void)
{
    CHECK_STATUS(thrum_semaphore_release(&all.semaphore, 1), 0);
}

static int wait_event(thrum_time deadline)
{
    return thrum_event_wait_until(&all.event, deadline);
}

static void set(void)
{
    thrum_event_set(&all.event);
    thrum_event_clear(&all.event);
}

static int wait_barrier(thrum_time deadline)
{
    int index = thrum_barrier_wait_until(&all.barrier, deadline);
    return index < 0 ? index : 0;
}

static void arrive(void)
{
    CHECK_EQ(thrum_barrier_wait(&all.barrier), 1);
}

static void *act_scene(void *arg)
{
    const scene *played = arg;
    install();
    CHECK_STATUS(played->wait(played->deadline), 0);
    return NULL;
}

static void play(scene played)
{
    test_thread waiter;
    beds_used = 0;
    beds[0] = (bed){.parker = NULL};
    played.prepare();
    test_spawn(&waiter, act_scene, &played);
    await_count(&beds[0].asleep, 1);
    played.wake();
    test_join(&waiter);
    CHECK_GE(beds[0].suspended, 1);
    CHECK_GE(beds[0].resumed, 1);
    if (played.wait == wait_lock || played.wait == wait_rlock)
        CHECK_LE(beds[0].deadline, played.deadline); /* it looks up now and then */
    else
        CHECK_EQ(beds[0].deadline, played.deadline);
}

static void play_both(int (*wait)(thrum_time), void (*prepare)(void), void (*wake)(void))
{
    play((scene){wait, prepare, wake, thrum_after(3600)});
    all.lock = (thrum_lock)THRUM_LOCK_INIT;
    all.rlock = (thrum_rlock)THRUM_RLOCK_INIT;
    play((scene){wait, prepare, wake, THRUM_FOREVER});
}

TEST(parker, serves_a_lock)
{
    play_both(wait_lock, hold_lock, let_lock);
}

TEST(parker, serves_an_rlock)
{
    play_both(wait_rlock, hold_rlock, let_rlock);
}

TEST(parker, serves_a_condition)
{
    play_both(wait_condition, nothing, notify);
}

TEST(parker, serves_a_semaphore)
{
    play_both(wait_semaphore, nothing, give);
}

TEST(parker, serves_an_event)
{
    play_both(wait_event, nothing, set);
}

TEST(parker, serves_a_barrier)
{
    play_both(wait_barrier, nothing, arrive);
}

static void run_at_gate(void *arg)
{
    (void)arg;
    test_gate_wait(&all.gate);
}

static void *run_once(void *arg)
{
    thrum_once_run(&all.once, run_at_gate, NULL);
    return arg;
}

static void *run_once_in_bed(void *arg)
{
    install();
    return run_once(arg);
}

TEST(parker, serves_a_once)
{
    test_thread runner, waiter;
    test_spawn(&runner, run_once, NULL);
    test_gate_await(&all.gate, 1);
    test_spawn(&waiter, run_once_in_bed, NULL);
    await_count(&beds[0].asleep, 1);
    test_gate_open(&all.gate);
    test_join(&runner);
    test_join(&waiter);
    CHECK_GE(beds[0].resumed, 1);
}

TEST(parker, ends_waits_at_their_deadlines)
{
    static const struct {
        int (*wait)(thrum_time);
        int status;
    } cases[] = {
        {wait_lock, THRUM_ETIMEDOUT},  {wait_condition, THRUM_ETIMEDOUT},
        {wait_event, THRUM_ETIMEDOUT}, {wait_semaphore, THRUM_ETIMEDOUT},
        {wait_barrier, THRUM_EBROKEN}, {thrum_sleep_until, 0},
    };
    bed *mine = install();
    for (size_t i = 0; i < LENGTH(cases); i++) {
        int before = mine->suspended;
        thrum_time deadline = 0;
        /* again, with more time, if the deadline came before the wait could suspend itself */
        for (double seconds = 0.02; mine->suspended == before; seconds *= 2) {
            deadline = thrum_after(seconds);
            if (cases[i].wait == wait_lock)
                hold_lock();
            CHECK_STATUS(cases[i].wait(deadline), cases[i].status);
            if (cases[i].wait == wait_lock)
                let_lock();
            CHECK_GE(thrum_now(), deadline);
        }
        CHECK_EQ(mine->deadline, deadline);
    }
}

static void *wait_in_bed(void *arg)
{
    install();
    CHECK_STATUS(thrum_event_wait(&all.event), 0);
    return arg;
}

static test_gate comes = TEST_GATE_INIT;

/** As if other threads had its processor. */
static void suspend_until_gate(th_parker *parker, thrum_time deadline)
{
    (void)parker;
    (void)deadline;
    test_gate_wait(&comes);
}

static void resume_in_vain(th_parker *parker)
{
    (void)parker;
}

static void *pass_late(void *arg)
{
    th_context_install_parker(th_self(), suspend_until_gate, resume_in_vain);
    hold_lock();
    let_lock();
    return arg;
}

static int passed;

static void *pass_promptly(void *arg)
{
    hold_lock();
    bump(&passed);
    let_lock();
    return arg;
}

TEST(parker, who_is_woken_and_does_not_come_holds_up_no_other)
{
    test_thread late, prompt;
    hold_lock();
    test_spawn(&late, pass_late, NULL);
    test_gate_await(&comes, 1);
    test_spawn(&prompt, pass_promptly, NULL);
    await_waiters(&all.lock, 2);
    let_lock(); /* wakes the one that does not come */
    while (count_of(&passed) == 0) {
        hold_lock();
        let_lock();
    }
    test_gate_open(&comes);
    test_join(&late);
    test_join(&prompt);
}

/** Sleeps until it is resumed, whatever the deadline. */
static void suspend_until_resumed(th_parker *parker, thrum_time deadline)
{
    (void)deadline;
    suspend(parker, THRUM_FOREVER);
}

static void *pass_resumed(void *arg)
{
    install();
    th_context_install_parker(th_self(), suspend_until_resumed, resume);
    return pass_promptly(arg);
}

TEST(parker, the_oldest_is_resumed_by_one_that_looks_up)
{
    test_thread late, oldest, prompt;
    hold_lock();
    test_spawn(&late, pass_late, NULL);
    test_gate_await(&comes, 1);
    test_spawn(&oldest, pass_resumed, NULL);
    await_count(&beds[0].asleep, 1);
    let_lock(); /* wakes the one that does not come */
    hold_lock();
    test_spawn(&prompt, pass_promptly, NULL);
    await_count(&beds[0].resumed, 1); /* by the prompt one, who looks up */
    let_lock();
    while (count_of(&passed) < 2) {
        hold_lock();
        let_lock();
    }
    test_gate_open(&comes);
    test_join(&late);
    test_join(&oldest);
    test_join(&prompt);
}

/** The waker resumes one, each woken thread two more. */
TEST(parker, wakes_all_of_many)
{
    static group waiters;
    group_start(&waiters, BEDS, wait_in_bed, NULL);
    for (int i = 0; i < BEDS; i++)
        await_count(&beds[i].asleep, 1);
    thrum_event_set(&all.event);
    group_join(&waiters);
    for (int i = 0; i < BEDS; i++)
        CHECK_EQ(beds[i].resumed, 1);
}
