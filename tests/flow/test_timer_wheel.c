/* SPDX-License-Identifier: MIT */
/** @file
 *  Timer wheel: order, cascades, the ends of the clock, and millions of random operations against a
 *  plain list. */
#include "flow/timer_wheel.h"

#include <stdlib.h>
#include <string.h>

#include "runner.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define TICK ((thrum_time)1 << TH_WHEEL_TICK_BITS)
#define S ((thrum_time)1000000000)

static th_timer_wheel wheel;
static th_timer_entry entries[4096];

static th_timer_entry *add(int i, thrum_time when)
{
    entries[i].when = when;
    th_timer_wheel_add(&wheel, &entries[i]);
    return &entries[i];
}

static void check_takes(th_timer_entry *entry, thrum_time now)
{
    CHECK_PTR(th_timer_wheel_take(&wheel, now), entry);
}

/* ---- single steps ---- */

TEST(wheel, zeroed_is_empty)
{
    CHECK(th_timer_wheel_is_empty(&wheel));
    CHECK_EQ(th_timer_wheel_next(&wheel), THRUM_FOREVER);
    CHECK(!th_timer_wheel_is_due(&wheel, 0));
    check_takes(NULL, INT64_MAX);
}

TEST(wheel, takes_what_is_due_and_nothing_else)
{
    th_timer_entry *entry = add(0, 5 * S);
    CHECK(!th_timer_wheel_is_empty(&wheel));
    check_takes(NULL, 5 * S - 1);
    CHECK(!th_timer_wheel_is_due(&wheel, 5 * S - 1));
    CHECK(th_timer_wheel_is_due(&wheel, 5 * S));
    check_takes(entry, 5 * S);
    check_takes(NULL, INT64_MAX);
    CHECK(th_timer_wheel_is_empty(&wheel));
}

TEST(wheel, next_is_exact_for_few)
{
    const thrum_time instants[] = {1,
                                   TICK - 1,
                                   TICK,
                                   63 * TICK + 5,
                                   64 * TICK,
                                   4096 * TICK + 1,
                                   INT64_C(1) << 40,
                                   INT64_C(1) << 62};
    for (size_t i = LENGTH(instants); i-- > 0;) {
        add((int)i, instants[i]);
        CHECK_EQ(th_timer_wheel_next(&wheel), instants[i]);
    }
    for (size_t i = 0; i < LENGTH(instants); i++) {
        CHECK_EQ(th_timer_wheel_next(&wheel), instants[i]);
        check_takes(NULL, instants[i] - 1);
        check_takes(&entries[i], instants[i]);
    }
}

TEST(wheel, next_is_never_late_and_comes_nearer_for_many)
{
    thrum_time first = 100 * S;
    for (int i = 0; i < 100; i++)
        add(i, first + 99 - i);
    thrum_time now = 1, asked = 0;
    for (int wakes = 0; !th_timer_wheel_is_due(&wheel, now); wakes++) {
        CHECK_LT(wakes, TH_WHEEL_LEVELS + 1);
        thrum_time next = th_timer_wheel_next(&wheel);
        CHECK_LE(next, first);
        CHECK_GT(next, asked);
        now = asked = next;
    }
    CHECK_EQ(now, first);
}

TEST(wheel, the_past_and_the_negative_are_due_at_once)
{
    CHECK(!th_timer_wheel_is_due(&wheel, 10 * S));
    th_timer_entry *past = add(0, 3 * S), *negative = add(1, -7), *least = add(2, INT64_MIN);
    CHECK_EQ(th_timer_wheel_next(&wheel), INT64_MIN);
    check_takes(least, 10 * S);
    check_takes(negative, 10 * S);
    check_takes(past, 10 * S);
}

TEST(wheel, forever_is_last_and_can_be_removed)
{
    th_timer_entry *never = add(0, THRUM_FOREVER), *soon = add(1, 1);
    check_takes(soon, INT64_MAX - 1);
    CHECK_EQ(th_timer_wheel_next(&wheel), THRUM_FOREVER);
    CHECK(!th_timer_wheel_is_empty(&wheel));
    th_timer_wheel_remove(&wheel, never);
    CHECK(th_timer_wheel_is_empty(&wheel));
}

TEST(wheel, every_last_tick_of_every_level_cascades)
{
    int count = 0;
    for (int bit = TH_WHEEL_TICK_BITS; bit < 63; bit++)
        for (thrum_time around = -1; around <= 1; around++)
            add(count++, (INT64_C(1) << bit) + around);
    th_timer_entry *taken;
    for (int i = 0; i < count; i++) {
        CHECK(!th_timer_wheel_is_due(&wheel, th_timer_wheel_next(&wheel) - 1));
        taken = HAVE(th_timer_wheel_take(&wheel, th_timer_wheel_next(&wheel)));
        CHECK_PTR(taken, &entries[i]);
    }
    CHECK(th_timer_wheel_is_empty(&wheel));
}

TEST(wheel, equal_instants_leave_in_the_order_they_came)
{
    const thrum_time when = 7777 * TICK + 3;
    int count = 0;
    for (int step = 0; step < 8; step++) { /* nearer and nearer: other levels, then near */
        for (int i = 0; i < 20; i++)
            add(count++, when);
        CHECK(!th_timer_wheel_is_due(&wheel, when - (when >> (2 * step)) - 1 + (step == 7)));
    }
    for (int i = 0; i < 20; i++)
        add(count++, when);
    for (int i = 0; i < count; i++)
        check_takes(&entries[i], when);
}

TEST(wheel, removes_from_slots_and_from_near)
{
    for (int i = 0; i < 64; i++)
        add(i, i % 2 == 0 ? 2 * S + i * TICK : i);
    CHECK(!th_timer_wheel_is_due(&wheel, 0));
    for (int i = 0; i < 64; i += 4)
        th_timer_wheel_remove(&wheel, &entries[i]);
    for (int i = 1; i < 64; i += 4)
        th_timer_wheel_remove(&wheel, &entries[i]);
    for (int i = 3; i < 64; i += 4)
        check_takes(&entries[i], S);
    for (int i = 2; i < 64; i += 4)
        check_takes(&entries[i], 10 * S);
    CHECK(th_timer_wheel_is_empty(&wheel));
    for (size_t level = 0; level < TH_WHEEL_LEVELS; level++)
        CHECK_EQ(wheel.occupied[level], 0);
}

TEST(wheel, an_entry_may_be_added_again)
{
    thrum_time when = 1;
    for (int i = 0; i < 1000; i++, when += 97 * TICK + 13) {
        add(0, when);
        check_takes(NULL, when - 1);
        check_takes(&entries[0], when);
    }
}

/* ---- random sequences ---- */

static uint64_t seed;
static uint64_t scale; /* of the sequence under way: the most bits of a delay */
static long operations_done;

static uint64_t random_below(uint64_t n)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return seed % n;
}

/** What the wheel must do: the entries by instant and age, in a plain array. */
typedef struct oracle {
    struct {
        int entry;
        thrum_time when;
    } sorted[LENGTH(entries)];
    int count;
    bool inside[LENGTH(entries)];
} oracle;

static oracle expected;

static void oracle_add(int entry, thrum_time when)
{
    int at = expected.count++;
    for (; at > 0 && expected.sorted[at - 1].when > when; at--)
        expected.sorted[at] = expected.sorted[at - 1];
    expected.sorted[at].entry = entry;
    expected.sorted[at].when = when;
    expected.inside[entry] = true;
}

static void oracle_remove_at(int at)
{
    expected.inside[expected.sorted[at].entry] = false;
    expected.count--;
    memmove(&expected.sorted[at], &expected.sorted[at + 1],
            (size_t)(expected.count - at) * sizeof expected.sorted[0]);
}

static void oracle_remove(int entry)
{
    int at = 0;
    while (expected.sorted[at].entry != entry)
        at++;
    oracle_remove_at(at);
}

/** Instants of all sizes from now, many of them equal. */
static thrum_time random_instant(thrum_time now)
{
    uint64_t bits = random_below(scale);
    uint64_t delay = random_below((UINT64_C(1) << bits) + 1);
    if (random_below(4) == 0)
        delay = delay >> 22 << 22;
    uint64_t when = (uint64_t)now + delay;
    return when > INT64_MAX ? THRUM_FOREVER : (thrum_time)when;
}

/** Take all that is due, in order. */
static void take_due(thrum_time now)
{
    CHECK_EQ(th_timer_wheel_is_due(&wheel, now),
             expected.count > 0 && expected.sorted[0].when <= now);
    while (expected.count > 0 && expected.sorted[0].when <= now) {
        check_takes(&entries[expected.sorted[0].entry], now);
        oracle_remove_at(0);
    }
    check_takes(NULL, now);
}

/** Time goes on: to the next instant, beyond it, or not so far. */
static thrum_time later(thrum_time now)
{
    thrum_time next = th_timer_wheel_next(&wheel);
    CHECK_LE(next, expected.count > 0 ? expected.sorted[0].when : THRUM_FOREVER);
    thrum_time to = random_below(3) == 0 ? next : random_instant(now);
    uint64_t step = (uint64_t)(to - now);
    if (random_below(2) == 0)
        step = random_below(step / 1024 + 2);
    return step > (uint64_t)(INT64_MAX - 1 - now) ? INT64_MAX - 1 : now + (thrum_time)step;
}

static void run_random(uint64_t from, int most, int operations)
{
    memset(&wheel, 0, sizeof wheel);
    memset(&expected, 0, sizeof expected);
    seed = from * UINT64_C(0x9E3779B97F4A7C15) + 1;
    scale = 8 + random_below(55);
    thrum_time now = (thrum_time)random_below(UINT64_C(1) << random_below(62));
    for (int i = 0; i < operations && now < INT64_MAX - 1; i++, operations_done++) {
        int entry = (int)random_below((uint64_t)most);
        if (expected.inside[entry]) {
            th_timer_wheel_remove(&wheel, &entries[entry]);
            oracle_remove(entry);
        } else {
            thrum_time when = random_instant(now);
            add(entry, when);
            oracle_add(entry, when);
        }
        if (random_below(8) == 0) {
            now = later(now);
            take_due(now);
        }
    }
    take_due(INT64_MAX);
    CHECK(th_timer_wheel_is_empty(&wheel));
}

TEST(wheel, does_as_a_sorted_list_does_with_few)
{
    for (uint64_t i = 0; i < 20000; i++)
        run_random(i, 1 + (int)(i % 20), 100);
    CHECK_GT(operations_done, 1000000);
}

TEST(wheel, does_as_a_sorted_list_does_with_many)
{
    for (uint64_t i = 0; i < 60; i++)
        run_random(i, 50 << (i % 5), 10000);
    CHECK_GT(operations_done, 300000);
}

/** The heap alone: all are near. */
TEST(wheel, sorts_what_is_near)
{
    for (int i = 0; i < (int)LENGTH(entries); i++)
        add(i, (thrum_time)random_below(1000) - 500);
    for (int i = 0; i < (int)LENGTH(entries); i += 3)
        th_timer_wheel_remove(&wheel, &entries[i]);
    th_timer_entry *before = HAVE(th_timer_wheel_take(&wheel, S));
    int count = 1;
    for (th_timer_entry *next; (next = th_timer_wheel_take(&wheel, S)) != NULL; before = next) {
        CHECK(before->when < next->when || (before->when == next->when && before < next));
        count++;
    }
    CHECK_EQ(count, (int)LENGTH(entries) * 2 / 3);
}

TEST_SETUP()
{
    seed = 1;
}
