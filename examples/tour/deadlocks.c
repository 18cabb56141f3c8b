/* SPDX-License-Identifier: MIT */
/** @file
 *  Chapters on deadlocks: thrum says what happened instead of hanging without a word. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "tour.h"

/* ---- a lock acquired twice ---- */

enum { LIMIT_SECONDS = 2 };

static void lock_twice(void)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    puts("before first acquire");
    thrum_lock_acquire(&lock);
    puts("before second acquire");
    alarm(LIMIT_SECONDS); /* where an emulator or a sanitizer has a thread, too: no abort then */
    thrum_lock_acquire(&lock);
    puts("acquired lock twice");
}

static void check_lock_twice(const tour_run *run)
{
    tour_require(tour_in_order(run, "before second acquire", "deadlock: "), "a report");
    tour_require(tour_in_order(run, "which it holds already, taken at ", "deadlocks.c:"),
                 "where the lock was taken");
    tour_require(tour_place_of(run, "acquired lock twice") < 0, "that it cannot be acquired twice");
    tour_require(run->signal == SIGABRT || run->signal == SIGALRM, "a program that is stopped");
    tour_result("reported at once, with both places; %s",
                run->signal == SIGABRT ? "the program was stopped" : "it would wait for ever");
}

const tour_chapter tour_lock_twice = {
    .title = "Deadlock: a lock acquired twice",
    .idea = "Who holds a lock and acquires it again waits for itself, for ever.",
    .python = "l.acquire() twice",
    .thrum = "a report, then abort",
    .program = lock_twice,
    .check = check_lock_twice,
};

/* ---- two locks in opposite order ---- */

static thrum_lock left_fork, right_fork;
static thrum_barrier both_have_one = THRUM_BARRIER(2);

static void *left_handed(void *unused)
{
    thrum_with (&left_fork) {
        thrum_barrier_wait(&both_have_one);
        thrum_with (&right_fork)
            puts("the left-handed philosopher eats");
    }
    return unused;
}

static void *right_handed(void *unused)
{
    thrum_with (&right_fork) {
        thrum_barrier_wait(&both_have_one);
        thrum_with (&left_fork)
            puts("the right-handed philosopher eats");
    }
    return unused;
}

/** The two are daemons, so the program can end although they never will. */
static void opposite_order(void)
{
    thrum_thread *left = thrum_spawn(left_handed, NULL, .name = "Lefty", .daemon = THRUM_DAEMON);
    thrum_thread *right = thrum_spawn(right_handed, NULL, .name = "Righty", .daemon = THRUM_DAEMON);
    thrum_time deadline = thrum_after(tour_seconds(2));
    int status = thrum_thread_join_until(left, deadline);
    printf("Main waited for Lefty: %s\n", thrum_strerror(status));
    status = thrum_thread_join_until(right, deadline);
    printf("Main waited for Righty: %s\n", thrum_strerror(status));
    tour_require(status == THRUM_ETIMEDOUT, "two threads that never end");
    thrum_thread_free(left);
    thrum_thread_free(right);
}

static void check_opposite_order(const tour_run *run)
{
    tour_require(tour_place_of(run, "thrum: deadlock: 2 threads") >= 0, "a report");
    tour_require(tour_place_of(run, "Lefty") >= 0 && tour_place_of(run, "Righty") >= 0,
                 "the names of both threads");
    tour_require(tour_place_of(run, "eats") < 0, "that nobody eats");
    tour_result("the circle was found the moment it closed: who waits where for whom");
}

const tour_chapter tour_opposite_order = {
    .title = "Deadlock: locks in opposite order",
    .idea = "Each holds what the other wants; thrum follows the owners and reports the circle.",
    .python = "with a: with b: ...",
    .thrum = "a report; THRUM_DEADLOCK",
    .program = opposite_order,
    .check = check_opposite_order,
};

/* ---- rlock ---- */

static thrum_rlock account_lock;
static int balance = 100;

static void deposit(int amount)
{
    THRUM_HOLD(&account_lock);
    balance += amount;
    printf("deposit %d: this thread holds the lock %u times\n", amount,
           thrum_rlock_count(&account_lock));
}

/** Holds the lock and calls a function that takes it again. */
static void add_interest(void)
{
    THRUM_HOLD(&account_lock);
    deposit(balance / 10);
    printf("add_interest: once; the balance is %d\n", balance);
}

static void rlock(void)
{
    add_interest();
    bool is_free = !thrum_rlock_locked(&account_lock);
    tour_require(balance == 110 && is_free, "a lock acquired twice by its owner, and released");
    tour_result("acquired twice by the same thread, no deadlock");
}

const tour_chapter tour_rlock = {
    .title = "RLock",
    .idea = "A lock its owner may acquire again: functions that lock can call each other.",
    .python = "RLock",
    .thrum = "thrum_rlock",
    .program = rlock,
};
