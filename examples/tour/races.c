/* SPDX-License-Identifier: MIT */
/** @file
 *  Chapters on race conditions, and on the lock that mends them. */
#define _GNU_SOURCE 1
#include <sched.h>
#include <stdio.h>

#include "tour.h"

/** A shared word that several threads read and write without a lock. Relaxed atomics keep C's rules
 *  (a race on a plain int is undefined), and lose updates just as a plain int does. */
static int peek(const int *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void poke(int *word, int value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

/** Run `target(arg)` in two threads and wait for both. */
static void in_two_threads(thrum_target target, void *arg)
{
    thrum_thread *first = thrum_spawn(target, arg);
    thrum_thread *second = thrum_spawn(target, arg);
    thrum_thread_join(first);
    thrum_thread_join(second);
    thrum_thread_free(first);
    thrum_thread_free(second);
}

/* ---- the database of the tutorials ---- */

struct fake_database {
    int value;
    thrum_lock lock;
    thrum_barrier both_have_read;
};

/** Read, wait, write. */
static void update_slowly(struct fake_database *database)
{
    int local_copy = peek(&database->value);
    local_copy += 1;
    thrum_sleep(tour_seconds(0.1));
    poke(&database->value, local_copy);
}

static void one_thread(void)
{
    struct fake_database database = {.value = 0};
    tour_configure_log();
    thrum_info("Testing update. Starting value is %d.", database.value);
    for (int index = 0; index < 2; index++) {
        thrum_info("Thread %d: starting update", index);
        update_slowly(&database);
        thrum_info("Thread %d: finishing update", index);
    }
    thrum_info("Testing update. Ending value is %d.", database.value);
    tour_require(database.value == 2, "two updates counted");
    tour_result("2 updates, the value is %d: one thread has nothing to fear", database.value);
}

const tour_chapter tour_one_thread = {
    .title = "One thread",
    .idea = "Read, change, write back: with one thread the steps cannot mix.",
    .python = "FakeDatabase.update",
    .thrum = "plain C",
    .program = one_thread,
};

/* ---- race condition ---- */

/** The arguments of an update: several go into a struct. */
struct update {
    struct fake_database *database;
    int name;
};

/** Have an executor update the database twice, with two workers. */
static void submit_two(thrum_target update, struct fake_database *database)
{
    struct update updates[2];
    THRUM_EXECUTOR(executor, .max_workers = 2);
    for (int index = 0; index < 2; index++) {
        updates[index] = (struct update){database, index};
        thrum_executor_submit(executor, update, &updates[index], NULL);
    }
}

static void *update(void *arg)
{
    struct fake_database *database = ((struct update *)arg)->database;
    int name = ((struct update *)arg)->name;
    thrum_info("Thread %d: starting update", name);
    int local_copy = peek(&database->value);
    local_copy += 1;
    thrum_barrier_wait(&database->both_have_read); /* the tutorial's sleep(0.1), made certain */
    poke(&database->value, local_copy);
    thrum_info("Thread %d: finishing update", name);
    return NULL;
}

static void race(void)
{
    struct fake_database database = {.both_have_read = THRUM_BARRIER(2)};
    tour_configure_log();
    thrum_info("Testing update. Starting value is %d.", database.value);
    submit_two(update, &database);
    thrum_info("Testing update. Ending value is %d.", database.value);
    tour_require(database.value == 1, "a lost update");
    tour_result("2 updates, the value is %d: %d lost", database.value, 2 - database.value);
}

const tour_chapter tour_race = {
    .title = "Two threads: a race condition",
    .idea = "Both read 0, both write 1: one update is lost.",
    .python = "executor.submit(db.update, i)",
    .thrum = "thrum_executor_submit",
    .program = race,
};

/* ---- why this isn't a silly example ---- */

enum { TIMES = 500000, ROUNDS_MAX = 1000 };

/** A number that two threads change at the same time. */
struct number {
    thrum_barrier both_are_here;
    thrum_lock lock;
    int value;
};

/** On one processor the threads must change places at bad moments; on several they do anyway. */
static void give_way_at(int moment, int i)
{
    if (i % 1000 == moment)
        sched_yield();
}

/** x += 1 is three steps: load, add, store. */
static void *increment(void *arg)
{
    struct number *x = arg;
    thrum_barrier_wait(&x->both_are_here);
    for (int i = 0; i < TIMES; i++) {
        int value = peek(&x->value);
        give_way_at(0, i);
        poke(&x->value, value + 1);
    }
    return NULL;
}

static void not_silly(void)
{
    int lost = 0, rounds = 0;
    while (lost == 0 && rounds < ROUNDS_MAX) {
        struct number x = {.both_are_here = THRUM_BARRIER(2)};
        in_two_threads(increment, &x);
        rounds++;
        lost = 2 * TIMES - x.value;
    }
    printf("round %d: x += 1, %d times: x is %d\n", rounds, 2 * TIMES, 2 * TIMES - lost);
    tour_require(lost > 0, "lost increments");
    tour_result("%d of %d increments lost, without any sleep", lost, 2 * TIMES);
}

const tour_chapter tour_not_silly = {
    .title = "Why this isn't a silly example",
    .idea = "Even x += 1 is read, add, write; no sleep is needed to lose an update.",
    .python = "x += 1",
    .thrum = "load, add, store",
    .program = not_silly,
};

/* ---- the lock that mends it ---- */

static void *locked_update(void *arg)
{
    struct fake_database *database = ((struct update *)arg)->database;
    int name = ((struct update *)arg)->name;
    thrum_info("Thread %d: starting update", name);
    thrum_debug("Thread %d about to lock", name);
    thrum_with (&database->lock) {
        thrum_debug("Thread %d has lock", name);
        update_slowly(database);
        thrum_debug("Thread %d about to release lock", name);
    }
    thrum_debug("Thread %d after release", name);
    thrum_info("Thread %d: finishing update", name);
    return NULL;
}

static void *increment_under_lock(void *arg)
{
    struct number *x = arg;
    thrum_barrier_wait(&x->both_are_here);
    for (int i = 0; i < TIMES; i++) {
        thrum_with (&x->lock)
            x->value += 1;
    }
    return NULL;
}

static void lock(void)
{
    struct fake_database database = {.value = 0};
    tour_configure_log();
    thrum_info("Testing locked update. Starting value is %d.", database.value);
    submit_two(locked_update, &database);
    thrum_info("Testing locked update. Ending value is %d.", database.value);
    tour_require(database.value == 2, "both updates under the lock");

    struct number x = {.both_are_here = THRUM_BARRIER(2)};
    in_two_threads(increment_under_lock, &x);
    int lost = 2 * TIMES - x.value;
    printf("x += 1 under the lock, %d times: x is %d\n", 2 * TIMES, x.value);
    tour_require(lost == 0, "no increment lost under the lock");
    tour_result("2 updates, the value is %d; %d increments, %d lost", database.value, 2 * TIMES,
                lost);
}

const tour_chapter tour_lock = {
    .title = "Basic synchronization with a lock",
    .idea = "Only one thread at a time holds the lock; the others wait for it.",
    .python = "Lock, with lock:",
    .thrum = "thrum_lock, thrum_with (&lock)",
    .program = lock,
};

/* ---- reference counts ---- */

static void *borrow(void *arg)
{
    struct number *references = arg;
    thrum_barrier_wait(&references->both_are_here);
    for (int i = 0; i < TIMES; i++) {
        int count = peek(&references->value); /* b = a */
        give_way_at(0, i);
        poke(&references->value, count + 1);
        give_way_at(500, i);
        poke(&references->value, peek(&references->value) - 1); /* del b */
    }
    return NULL;
}

static void *borrow_under_lock(void *arg)
{
    struct number *references = arg;
    thrum_barrier_wait(&references->both_are_here);
    for (int i = 0; i < TIMES; i++) {
        thrum_with (&references->lock)
            references->value += 1;
        thrum_with (&references->lock)
            references->value -= 1;
    }
    return NULL;
}

static void references(void)
{
    struct number unlocked = {.both_are_here = THRUM_BARRIER(2), .value = 1};
    struct number locked = {.both_are_here = THRUM_BARRIER(2), .value = 1};
    for (int round = 0; unlocked.value == 1 && round < ROUNDS_MAX; round++)
        in_two_threads(borrow, &unlocked);
    printf("without a lock: the object has 1 reference, its count says %d: %s\n", unlocked.value,
           unlocked.value > 1 ? "it leaks" : "it is freed while in use");
    in_two_threads(borrow_under_lock, &locked);
    printf("with a lock for each object: the count says %d\n", locked.value);
    puts("Python chose one lock for all objects instead: the GIL (see the next chapters)");
    tour_require(unlocked.value != 1, "a count gone wrong without a lock");
    tour_require(locked.value == 1, "a right count under a lock");
    tour_result("a count of 1 became %d without a lock, stayed %d with one", unlocked.value,
                locked.value);
}

const tour_chapter tour_references = {
    .title = "Reference counts need protection",
    .idea = "Threads that take and drop references lose counts: a leak, or a freed object.",
    .python = "sys.getrefcount",
    .thrum = "a thrum_lock per object",
    .program = references,
};
