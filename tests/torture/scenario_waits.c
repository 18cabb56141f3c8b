/* SPDX-License-Identifier: MIT */
/** @file
 *  Scenarios: condition, semaphore, bounded, event. */
#include <sched.h>
#include <string.h>

#include "torture.h"

/* ---- condition: a bounded buffer; even slots produce, odd ones consume ---- */

#define CAPACITY 4

/** An item tells its producer and its number, so that a consumer sees what is missing. */
typedef struct item {
    unsigned producer;
    uint64_t number;
} item;

static struct {
    thrum_lock lock;
    thrum_condition not_full, not_empty;
    item items[CAPACITY];
    unsigned first, count, producers;
    uint64_t next[WORKERS_MAX]; /* of each producer: the number of the item to be taken next */
    uint64_t put, taken;
} buffer;

static void condition_setup(unsigned workers)
{
    memset(&buffer, 0, sizeof buffer);
    buffer.producers = (workers + 1) / 2;
}

/** Wait in one of the ways there are. False if the wait timed out: the caller then walks away, so
 *  that a notification it had swallowed would be missed by somebody. */
static bool wait_on(thrum_condition *condition, worker *me)
{
    if (torture_random(me, 3) != 0)
        return torture_expect(thrum_condition_wait(condition, &buffer.lock), false);
    return torture_expect(thrum_condition_wait_until(condition, &buffer.lock, torture_soon(me)),
                          true);
}

static bool produce(worker *me)
{
    THRUM_HOLD(&buffer.lock);
    while (buffer.count == CAPACITY)
        if (!wait_on(&buffer.not_full, me))
            return true;
    item *place = &buffer.items[(buffer.first + buffer.count++) % CAPACITY];
    *place = (item){me->slot, me->own[0]++};
    buffer.put++;
    thrum_condition_notify(&buffer.not_empty, 1);
    if (!torture_stopping())
        return true;
    if (--buffer.producers == 0)
        thrum_condition_notify_all(&buffer.not_empty);
    return false;
}

static void take_item(void)
{
    item it = buffer.items[buffer.first];
    buffer.first = (buffer.first + 1) % CAPACITY;
    buffer.count--;
    buffer.taken++;
    torture_in_order(&buffer.next[it.producer], it.number);
}

static bool consume(worker *me)
{
    THRUM_HOLD(&buffer.lock);
    while (buffer.count == 0 && buffer.producers > 0)
        if (!wait_on(&buffer.not_empty, me))
            return true;
    if (buffer.count == 0)
        return false;
    if (buffer.count > CAPACITY)
        torture_count(OVERLAP, 1);
    take_item();
    thrum_condition_notify(&buffer.not_full, 1);
    return true;
}

static bool condition_step(worker *me)
{
    return me->slot % 2 == 0 ? produce(me) : consume(me);
}

static void condition_check(void)
{
    torture_conserve(buffer.put, buffer.taken);
    torture_count(LOST, buffer.count);
}

const scenario scenario_condition = {
    .name = "condition",
    .proves = "a bounded buffer loses and doubles nothing; no notification is lost to a timeout",
    .setup = condition_setup,
    .step = condition_step,
    .check = condition_check,
    .least = 2,
    .in_mixed = true,
};

/* ---- semaphores ---- */

#define PERMITS 3

typedef struct permits {
    thrum_semaphore semaphore;
    unsigned users;
} permits;

static permits plain, bounded;

static bool take_permit(permits *it, worker *me)
{
    thrum_semaphore *semaphore = &it->semaphore;
    switch (torture_random(me, 4)) {
    case 0: return thrum_semaphore_try_acquire(semaphore);
    case 1: return torture_expect(thrum_semaphore_acquire_until(semaphore, torture_soon(me)), true);
    default: return torture_expect(thrum_semaphore_acquire(semaphore), false);
    }
}

/** Take one permit, or two if the second is at hand, and give them back in one go. */
static void use_permits(permits *it, worker *me)
{
    if (!take_permit(it, me))
        return;
    unsigned mine = 1;
    if (torture_random(me, 4) == 0 && thrum_semaphore_try_acquire(&it->semaphore))
        mine++;
    if (__atomic_add_fetch(&it->users, mine, __ATOMIC_RELAXED) > PERMITS)
        torture_count(OVERLAP, 1);
    if (torture_random(me, 64) == 0)
        sched_yield();
    __atomic_sub_fetch(&it->users, mine, __ATOMIC_RELAXED);
    torture_expect(thrum_semaphore_release(&it->semaphore, mine), false);
}

static void check_permits(permits *it)
{
    torture_conserve(PERMITS, thrum_semaphore_value(&it->semaphore));
}

static void semaphore_setup(unsigned workers)
{
    (void)workers;
    plain = (permits){THRUM_SEMAPHORE(PERMITS), 0};
}

static bool semaphore_step(worker *me)
{
    use_permits(&plain, me);
    return !torture_stopping();
}

static void semaphore_check(void)
{
    check_permits(&plain);
}

const scenario scenario_semaphore = {
    .name = "semaphore",
    .proves = "never more users than permits, and all permits are there at the end",
    .setup = semaphore_setup,
    .step = semaphore_step,
    .check = semaphore_check,
    .least = 2,
    .in_mixed = true,
};

static void bounded_setup(unsigned workers)
{
    (void)workers;
    bounded = (permits){THRUM_BOUNDED_SEMAPHORE(PERMITS), 0};
}

static bool bounded_step(worker *me)
{
    use_permits(&bounded, me);
    /* More than all of them is too much whoever holds how many. */
    if (thrum_semaphore_release(&bounded.semaphore, PERMITS + 1) != THRUM_EOVERFLOW)
        torture_count(UNEXPECTED_STATUS, 1);
    return !torture_stopping();
}

static void bounded_check(void)
{
    check_permits(&bounded);
    if (thrum_semaphore_release(&bounded.semaphore, 1) != THRUM_EOVERFLOW)
        torture_count(UNEXPECTED_STATUS, 1);
}

const scenario scenario_bounded = {
    .name = "bounded",
    .proves = "as semaphore, and a bound refuses a release as a whole",
    .setup = bounded_setup,
    .step = bounded_step,
    .check = bounded_check,
    .least = 2,
    .in_mixed = true,
};

/* ---- event: slot 0 leads from round to round, all others follow ---- */

static struct {
    thrum_event go[2], all_seen[2]; /* of even and of odd rounds */
    uint64_t value[2];              /* written before the set: what followers must find */
    bool last[2];
    unsigned seen[2];
    unsigned followers;
} rounds;

static void event_setup(unsigned workers)
{
    memset(&rounds, 0, sizeof rounds);
    rounds.followers = workers - 1;
}

static bool lead(worker *me)
{
    uint64_t number = me->own[0]++;
    unsigned side = number % 2;
    bool last = torture_stopping();
    thrum_event_clear(&rounds.go[1 - side]);
    thrum_event_clear(&rounds.all_seen[side]);
    rounds.value[side] = number;
    rounds.last[side] = last;
    __atomic_store_n(&rounds.seen[side], 0, __ATOMIC_RELAXED);
    if (torture_random(me, 4) == 0) { /* a pulse: who waits now goes, who comes later waits */
        thrum_event_set(&rounds.go[side]);
        thrum_event_clear(&rounds.go[side]);
    }
    thrum_event_set(&rounds.go[side]);
    torture_expect(thrum_event_wait(&rounds.all_seen[side]), false);
    if (__atomic_load_n(&rounds.seen[side], __ATOMIC_RELAXED) != rounds.followers)
        torture_count(OVERLAP, 1);
    return !last;
}

static bool follow(worker *me)
{
    uint64_t number = me->own[0]++;
    unsigned side = number % 2;
    bool gone = false;
    while (!gone && torture_random(me, 2) == 0)
        gone = torture_expect(thrum_event_wait_until(&rounds.go[side], torture_soon(me)), true);
    if (!gone)
        torture_expect(thrum_event_wait(&rounds.go[side]), false);
    if (rounds.value[side] != number)
        torture_count(rounds.value[side] > number ? LOST : DOUBLED, 1);
    bool last = rounds.last[side];
    if (__atomic_add_fetch(&rounds.seen[side], 1, __ATOMIC_ACQ_REL) == rounds.followers)
        thrum_event_set(&rounds.all_seen[side]);
    return !last;
}

static bool event_step(worker *me)
{
    return me->slot == 0 ? lead(me) : follow(me);
}

static void event_check(void)
{
}

const scenario scenario_event = {
    .name = "event",
    .proves = "a set lets all go, also if a clear follows at once; what came before is seen",
    .setup = event_setup,
    .step = event_step,
    .check = event_check,
    .least = 2,
    .in_mixed = true,
};
