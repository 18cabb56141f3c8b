/* SPDX-License-Identifier: MIT */
/** @file
 *  Stress: every object of sync under many threads and random deadlines. What must hold is counted,
 *  and every case ends after a number of steps, however slow the machine is. */
#include "runner.h"
#include "thrum.h"

#define THREADS 8
#define STEPS 2000

typedef struct worker {
    test_thread thread;
    uint32_t seed;
    unsigned done; /* what this thread itself has counted */
} worker;

static worker workers[THREADS];

static uint32_t random_of(worker *me)
{
    me->seed ^= me->seed << 13;
    me->seed ^= me->seed >> 17;
    me->seed ^= me->seed << 5;
    return me->seed;
}

/** Up to 100 us away, or past. */
static thrum_time soon(worker *me)
{
    return thrum_now() + (thrum_time)(random_of(me) % 120000) - 20000;
}

static void start(int index, void *(*fn)(void *))
{
    workers[index] = (worker){.seed = 2463534242u + 7919u * (uint32_t)index};
    test_spawn(&workers[index].thread, fn, &workers[index]);
}

/** Run `fn` in all workers and return the sum of what they have counted. */
static unsigned run_all(void *(*fn)(void *))
{
    unsigned sum = 0;
    for (int i = 0; i < THREADS; i++)
        start(i, fn);
    for (int i = 0; i < THREADS; i++) {
        test_join(&workers[i].thread);
        sum += workers[i].done;
    }
    return sum;
}

/* ---- lock and rlock ---- */

static thrum_lock lock;
static thrum_rlock rlock;
static unsigned counter, inside; /* under the lock */

static void count_inside(worker *me)
{
    CHECK_EQ(inside, 0);
    inside = 1;
    counter++;
    me->done++;
    inside = 0;
}

static bool take_lock(worker *me)
{
    switch (random_of(me) % 4) {
    case 0: return thrum_lock_try_acquire(&lock);
    case 1: return thrum_lock_acquire_until(&lock, soon(me)) == 0;
    default: thrum_lock_acquire(&lock); return true;
    }
}

static void *use_lock(void *arg)
{
    for (int i = 0; i < STEPS; i++) {
        if (!take_lock(arg))
            continue;
        count_inside(arg);
        thrum_lock_release(&lock);
    }
    return NULL;
}

TEST_LIMIT(stress, a_lock_lets_one_thread_in_at_a_time, 60)
{
    unsigned done = run_all(use_lock);
    CHECK_EQ(counter, done);
    CHECK_GT(done, 0);
    CHECK_EQ(lock.word, 0);
}

static bool take_rlock(worker *me)
{
    switch (random_of(me) % 4) {
    case 0: return thrum_rlock_try_acquire(&rlock);
    case 1: return thrum_rlock_acquire_until(&rlock, soon(me)) == 0;
    default: thrum_rlock_acquire(&rlock); return true;
    }
}

static void *use_rlock(void *arg)
{
    for (int i = 0; i < STEPS; i++) {
        if (!take_rlock(arg))
            continue;
        unsigned depth = 1;
        for (uint32_t more = random_of(arg) % 3; more > 0; more--) {
            CHECK(take_rlock(arg)); /* one's own: never refused */
            depth++;
        }
        CHECK_EQ(thrum_rlock_count(&rlock), depth);
        count_inside(arg);
        while (depth-- > 0)
            thrum_rlock_release(&rlock);
    }
    return NULL;
}

TEST_LIMIT(stress, an_rlock_lets_one_thread_in_at_a_time, 60)
{
    unsigned done = run_all(use_rlock);
    CHECK_EQ(counter, done);
    CHECK_GT(done, 0);
    CHECK_EQ(rlock.word, 0);
}

/* ---- conditions ---- */

#define CAPACITY 4
#define ITEMS 1500 /* of each producer */

static struct {
    thrum_lock lock;
    thrum_condition not_full, not_empty;
    unsigned items[CAPACITY], first, count;
    unsigned producers, consumed;
    uint64_t sum_in, sum_out;
} buffer;

/** Wait in one of the ways there are; true if the caller may look again. */
static void wait_on(thrum_condition *condition, worker *me)
{
    if (random_of(me) % 2 == 0) {
        CHECK_STATUS(thrum_condition_wait(condition, &buffer.lock), 0);
        return;
    }
    int status = thrum_condition_wait_until(condition, &buffer.lock, soon(me));
    CHECK(status == 0 || status == THRUM_ETIMEDOUT);
}

static void *produce(void *arg)
{
    for (unsigned item = 1; item <= ITEMS; item++) {
        thrum_with (&buffer.lock) {
            while (buffer.count == CAPACITY)
                wait_on(&buffer.not_full, arg);
            buffer.items[(buffer.first + buffer.count++) % CAPACITY] = item;
            buffer.sum_in += item;
            thrum_condition_notify(&buffer.not_empty, 1);
        }
    }
    thrum_with (&buffer.lock)
        if (--buffer.producers == 0)
            thrum_condition_notify_all(&buffer.not_empty);
    return NULL;
}

static void *consume(void *arg)
{
    for (;;) {
        THRUM_HOLD(&buffer.lock);
        while (buffer.count == 0 && buffer.producers > 0)
            wait_on(&buffer.not_empty, arg);
        if (buffer.count == 0)
            return NULL;
        CHECK_LE(buffer.count, CAPACITY);
        buffer.sum_out += buffer.items[buffer.first];
        buffer.first = (buffer.first + 1) % CAPACITY;
        buffer.count--;
        buffer.consumed++;
        thrum_condition_notify(&buffer.not_full, 1);
    }
}

TEST_LIMIT(stress, a_buffer_of_two_conditions_loses_and_doubles_nothing, 60)
{
    buffer.producers = THREADS / 2;
    for (int i = 0; i < THREADS; i++)
        start(i, i % 2 == 0 ? produce : consume);
    for (int i = 0; i < THREADS; i++)
        test_join(&workers[i].thread);
    CHECK_EQ(buffer.consumed, THREADS / 2 * ITEMS);
    CHECK_EQ(buffer.sum_in, buffer.sum_out);
    CHECK_EQ(buffer.count, 0);
}

/* ---- semaphore ---- */

#define PERMITS 3

static thrum_semaphore semaphore = THRUM_BOUNDED_SEMAPHORE(PERMITS);
static unsigned users;

static bool take_permit(worker *me)
{
    switch (random_of(me) % 4) {
    case 0: return thrum_semaphore_try_acquire(&semaphore);
    case 1: return thrum_semaphore_acquire_until(&semaphore, soon(me)) == 0;
    default: CHECK_STATUS(thrum_semaphore_acquire(&semaphore), 0); return true;
    }
}

static void *use_semaphore(void *arg)
{
    for (int i = 0; i < STEPS; i++) {
        if (!take_permit(arg))
            continue;
        CHECK_LE(__atomic_add_fetch(&users, 1, __ATOMIC_RELAXED), PERMITS);
        __atomic_sub_fetch(&users, 1, __ATOMIC_RELAXED);
        CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), 0);
    }
    return NULL;
}

TEST_LIMIT(stress, a_semaphore_keeps_its_permits, 60)
{
    run_all(use_semaphore);
    CHECK_EQ(thrum_semaphore_value(&semaphore), PERMITS);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), THRUM_EOVERFLOW);
}

/* ---- event ---- */

#define EVENT_ROUNDS 200

static thrum_event go[EVENT_ROUNDS], all_seen[EVENT_ROUNDS];
static unsigned seen[EVENT_ROUNDS], values[EVENT_ROUNDS];

static void *follow_events(void *arg)
{
    for (unsigned round = 0; round < EVENT_ROUNDS; round++) {
        int status = THRUM_ETIMEDOUT;
        while (random_of(arg) % 2 == 0 && status != 0)
            status = thrum_event_wait_until(&go[round], soon(arg));
        if (status != 0)
            CHECK_STATUS(thrum_event_wait(&go[round]), 0);
        CHECK_EQ(values[round], round + 1);
        if (__atomic_add_fetch(&seen[round], 1, __ATOMIC_ACQ_REL) == THREADS)
            thrum_event_set(&all_seen[round]);
    }
    return NULL;
}

TEST_LIMIT(stress, an_event_lets_everybody_go_every_round, 60)
{
    for (int i = 0; i < THREADS; i++)
        start(i, follow_events);
    for (unsigned round = 0; round < EVENT_ROUNDS; round++) {
        values[round] = round + 1;
        thrum_event_set(&go[round]);
        CHECK_STATUS(thrum_event_wait(&all_seen[round]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        test_join(&workers[i].thread);
}

/* ---- barrier ---- */

#define BARRIER_ROUNDS 300

static thrum_barrier barrier = THRUM_BARRIER(THREADS);
static unsigned arrived[BARRIER_ROUNDS], taken[BARRIER_ROUNDS];

static void *meet_every_round(void *unused)
{
    for (unsigned round = 0; round < BARRIER_ROUNDS; round++) {
        __atomic_add_fetch(&arrived[round], 1, __ATOMIC_RELAXED);
        int index = thrum_barrier_wait(&barrier);
        CHECK(index >= 0 && index < THREADS);
        CHECK_EQ(__atomic_load_n(&arrived[round], __ATOMIC_RELAXED), THREADS);
        unsigned bit = 1u << index;
        CHECK_EQ(__atomic_fetch_or(&taken[round], bit, __ATOMIC_RELAXED) & bit, 0);
    }
    (void)unused;
    return NULL;
}

TEST_LIMIT(stress, a_barrier_lets_nobody_go_before_all_have_come, 60)
{
    run_all(meet_every_round);
    for (unsigned round = 0; round < BARRIER_ROUNDS; round++)
        CHECK_EQ(taken[round], (1u << THREADS) - 1);
    CHECK_EQ(thrum_barrier_n_waiting(&barrier), 0);
}

static unsigned indices[THREADS];
static unsigned broken_waits;

/** Nobody may wait for ever: deadlines break what aborts and resets have left incomplete. */
static void *meet_or_break(void *arg)
{
    worker *me = arg;
    for (int i = 0; i < BARRIER_ROUNDS; i++) {
        uint32_t dice = random_of(me) % 16;
        if (dice == 0)
            thrum_barrier_abort(&barrier);
        if (dice <= 2)
            thrum_barrier_reset(&barrier);
        int index = thrum_barrier_wait_until(&barrier, thrum_now() + 2000000);
        CHECK(index == THRUM_EBROKEN || (index >= 0 && index < THREADS));
        if (index >= 0)
            __atomic_add_fetch(&indices[index], 1, __ATOMIC_RELAXED);
        else
            __atomic_add_fetch(&broken_waits, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

TEST_LIMIT(stress, a_barrier_that_breaks_gives_every_round_to_all_or_none, 60)
{
    unsigned sum = 0;
    run_all(meet_or_break);
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQ(indices[i], indices[0]);
        sum += indices[i];
    }
    CHECK_EQ(sum + broken_waits, THREADS * BARRIER_ROUNDS);
    CHECK_EQ(thrum_barrier_n_waiting(&barrier), 0);
    thrum_barrier_reset(&barrier);
    CHECK(!thrum_barrier_is_broken(&barrier));
}
