/* SPDX-License-Identifier: MIT */
/** @file
 *  Timer wheel.
 *
 *  Purpose     Start and cancel a timer at the same small cost, whether there are ten or millions.
 *  State       Time is a number of ticks, read as digits of six bits; level n holds, in one slot
 *              for each value of digit n, the entries that differ from `tick` in digit n and in
 *              none above it. So all of level n are due before all of level n + 1, and the slots
 *              of a level are in order: the first entry is in the lowest level that has one, in its
 *              lowest slot. Entries of the present tick and before are near: a pairing heap, in
 *              exact order.
 *  Protocol    When the time of a slot has come, `tick` becomes its first tick, and its entries are
 *              added anew: to lower levels, or to the near ones. Between slots `tick` may go on to
 *              the present, which changes no entry's place.
 *  Invariants  An entry's place follows from `tick` and its instant; it is not stored. No slot with
 *              entries begins at `tick` or before. In a slot, entries of one instant are in the
 *              order in which they were added: they have been in the same places all along.
 *  Rejected    One heap for all: a cancel costs its logarithm. A wheel alone: it knows an instant
 *              to a tick. Ticking: an idle program would wake up a thousand times a second. */
#include "flow/timer_wheel.h"

#include <stddef.h>

#define DIGIT_MASK (TH_WHEEL_SLOTS - 1)

/** How many entries of the first slot are looked at to find the first of them. */
#define LOOK_MAX 32

static uint64_t tick_of(thrum_time when)
{
    return when > 0 ? (uint64_t)when >> TH_WHEEL_TICK_BITS : 0;
}

static unsigned lowest_bit(uint64_t bits)
{
    return (unsigned)__builtin_ctzll(bits);
}

/* ---- the near entries: a pairing heap ---- */

static bool is_before(const th_timer_entry *a, const th_timer_entry *b)
{
    return a->when != b->when ? a->when < b->when : a->order < b->order;
}

/** The earlier of two roots, with the other as its first child. */
static th_timer_entry *link_roots(th_timer_entry *a, th_timer_entry *b)
{
    th_timer_entry *root = is_before(b, a) ? b : a;
    th_timer_entry *other = root == a ? b : a;
    other->previous = root;
    other->next = root->child;
    if (root->child != NULL)
        root->child->previous = other;
    root->child = other;
    root->next = root->previous = NULL;
    return root;
}

/** The children in pairs, each pair one root; the last pair first. */
static th_timer_entry *link_pairs(th_timer_entry *child)
{
    th_timer_entry *pairs = NULL;
    while (child != NULL) {
        th_timer_entry *a = child, *b = a->next;
        child = b != NULL ? b->next : NULL;
        th_timer_entry *pair = b != NULL ? link_roots(a, b) : a;
        pair->next = pairs;
        pairs = pair;
    }
    return pairs;
}

/** One root for all the children of an entry that leaves. */
static th_timer_entry *link_children(th_timer_entry *child)
{
    th_timer_entry *pairs = link_pairs(child), *root = NULL;
    while (pairs != NULL) {
        th_timer_entry *next = pairs->next;
        pairs->next = pairs->previous = NULL;
        root = root != NULL ? link_roots(root, pairs) : pairs;
        pairs = next;
    }
    return root;
}

static void near_add(th_timer_wheel *wheel, th_timer_entry *entry)
{
    entry->order = wheel->added++;
    entry->next = entry->previous = entry->child = NULL;
    wheel->near = wheel->near != NULL ? link_roots(wheel->near, entry) : entry;
}

static void near_remove(th_timer_wheel *wheel, th_timer_entry *entry)
{
    th_timer_entry *children = link_children(entry->child);
    if (entry == wheel->near) {
        wheel->near = children;
        return;
    }
    if (entry->previous->child == entry)
        entry->previous->child = entry->next;
    else
        entry->previous->next = entry->next;
    if (entry->next != NULL)
        entry->next->previous = entry->previous;
    if (children != NULL)
        wheel->near = link_roots(wheel->near, children);
}

/* ---- the slots ---- */

/** Where a later tick than the wheel's belongs. */
static unsigned level_of(const th_timer_wheel *wheel, uint64_t tick)
{
    unsigned highest = 63 - (unsigned)__builtin_clzll(tick ^ wheel->tick);
    return highest / TH_WHEEL_DIGIT_BITS;
}

static unsigned digit_of(uint64_t tick, unsigned level)
{
    return (unsigned)(tick >> (level * TH_WHEEL_DIGIT_BITS)) & DIGIT_MASK;
}

static void slot_add(th_timer_wheel *wheel, th_timer_entry *entry, uint64_t tick)
{
    unsigned level = level_of(wheel, tick), digit = digit_of(tick, level);
    th_timer_slot *slot = &wheel->slots[level][digit];
    entry->next = NULL;
    entry->previous = slot->last;
    if (slot->last != NULL)
        slot->last->next = entry;
    else
        slot->first = entry;
    slot->last = entry;
    wheel->occupied[level] |= (uint64_t)1 << digit;
    wheel->levels |= 1U << level;
}

static void mark_empty(th_timer_wheel *wheel, unsigned level, unsigned digit)
{
    wheel->occupied[level] &= ~((uint64_t)1 << digit);
    if (wheel->occupied[level] == 0)
        wheel->levels &= ~(1U << level);
}

static void slot_remove(th_timer_wheel *wheel, th_timer_entry *entry, uint64_t tick)
{
    unsigned level = level_of(wheel, tick), digit = digit_of(tick, level);
    th_timer_slot *slot = &wheel->slots[level][digit];
    if (entry->previous != NULL)
        entry->previous->next = entry->next;
    else
        slot->first = entry->next;
    if (entry->next != NULL)
        entry->next->previous = entry->previous;
    else
        slot->last = entry->previous;
    if (slot->first == NULL)
        mark_empty(wheel, level, digit);
}

/** The slot of the first entry that is not near, and its first tick; false: there is none. */
static bool first_slot(const th_timer_wheel *wheel, unsigned *ret_level, unsigned *ret_digit,
                       uint64_t *ret_tick)
{
    if (wheel->levels == 0)
        return false;
    unsigned level = lowest_bit(wheel->levels);
    unsigned digit = lowest_bit(wheel->occupied[level]);
    unsigned above = (level + 1) * TH_WHEEL_DIGIT_BITS;
    *ret_level = level;
    *ret_digit = digit;
    *ret_tick =
        (wheel->tick >> above << above) | ((uint64_t)digit << (level * TH_WHEEL_DIGIT_BITS));
    return true;
}

/** The time of a slot has come: its entries go where they belong now. */
static void empty_slot(th_timer_wheel *wheel, unsigned level, unsigned digit)
{
    th_timer_entry *entry = wheel->slots[level][digit].first;
    wheel->slots[level][digit] = (th_timer_slot){NULL, NULL};
    mark_empty(wheel, level, digit);
    while (entry != NULL) {
        th_timer_entry *next = entry->next;
        th_timer_wheel_add(wheel, entry);
        entry = next;
    }
}

static void advance(th_timer_wheel *wheel, uint64_t tick)
{
    unsigned level, digit;
    uint64_t slot_tick;
    while (first_slot(wheel, &level, &digit, &slot_tick) && slot_tick <= tick) {
        wheel->tick = slot_tick;
        empty_slot(wheel, level, digit);
    }
    if (wheel->tick < tick)
        wheel->tick = tick;
}

/* ---- all of it ---- */

void th_timer_wheel_add(th_timer_wheel *wheel, th_timer_entry *entry)
{
    uint64_t tick = tick_of(entry->when);
    if (tick <= wheel->tick)
        near_add(wheel, entry);
    else
        slot_add(wheel, entry, tick);
}

void th_timer_wheel_remove(th_timer_wheel *wheel, th_timer_entry *entry)
{
    uint64_t tick = tick_of(entry->when);
    if (tick <= wheel->tick)
        near_remove(wheel, entry);
    else
        slot_remove(wheel, entry, tick);
}

bool th_timer_wheel_is_due(th_timer_wheel *wheel, thrum_time now)
{
    advance(wheel, tick_of(now));
    return wheel->near != NULL && wheel->near->when <= now;
}

th_timer_entry *th_timer_wheel_take(th_timer_wheel *wheel, thrum_time now)
{
    if (!th_timer_wheel_is_due(wheel, now))
        return NULL;
    th_timer_entry *first = wheel->near;
    near_remove(wheel, first);
    return first;
}

/** The first instant of a slot if few are in it; otherwise when the slot begins. */
static thrum_time first_of_slot(const th_timer_slot *slot, thrum_time begins)
{
    thrum_time first = THRUM_FOREVER;
    int looked = 0;
    for (const th_timer_entry *entry = slot->first; entry != NULL; entry = entry->next) {
        if (++looked > LOOK_MAX)
            return begins;
        if (entry->when < first)
            first = entry->when;
    }
    return first;
}

thrum_time th_timer_wheel_next(const th_timer_wheel *wheel)
{
    unsigned level, digit;
    uint64_t tick;
    if (wheel->near != NULL)
        return wheel->near->when;
    if (!first_slot(wheel, &level, &digit, &tick))
        return THRUM_FOREVER;
    return first_of_slot(&wheel->slots[level][digit], (thrum_time)(tick << TH_WHEEL_TICK_BITS));
}

bool th_timer_wheel_is_empty(const th_timer_wheel *wheel)
{
    return wheel->near == NULL && wheel->levels == 0;
}
