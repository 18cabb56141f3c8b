/* SPDX-License-Identifier: MIT */
/** @file
 *  Timer wheel: entries by the instant they are due. Adding and removing cost the same whatever
 *  there is; the entry that is due first is found without ticking. A plain structure: who shares it
 *  holds a lock around every call. */
#ifndef TH_FLOW_TIMER_WHEEL_H
#define TH_FLOW_TIMER_WHEEL_H

#include <stdint.h>

#include "thrum/time.h"

#define TH_WHEEL_DIGIT_BITS 6
#define TH_WHEEL_SLOTS (1 << TH_WHEEL_DIGIT_BITS)
/** A tick is 2^20 ns, about a millisecond. */
#define TH_WHEEL_TICK_BITS 20
/** Enough for every instant there is: 63 bits. */
#define TH_WHEEL_LEVELS 8

/** What is due at an instant; a part of whatever that is. */
typedef struct th_timer_entry {
    thrum_time when; /**< set before it is added; constant while it is in the wheel */
    uint64_t order;  /**< near: among those of one instant, the first added has the least */
    /** In a slot, its neighbours. Near, its siblings; the first one's previous is the parent. */
    struct th_timer_entry *next, *previous;
    struct th_timer_entry *child; /**< near: the first */
} th_timer_entry;

typedef struct th_timer_slot {
    th_timer_entry *first, *last;
} th_timer_slot;

/** Zeroed it is empty. */
typedef struct th_timer_wheel {
    uint64_t tick;  /**< entries up to this tick are near, later ones in a slot */
    uint64_t added; /**< to the near ones, ever */
    th_timer_entry *near;
    uint32_t levels;                    /**< bit n: level n has an entry */
    uint64_t occupied[TH_WHEEL_LEVELS]; /**< bit n: slot n of the level has one */
    th_timer_slot slots[TH_WHEEL_LEVELS][TH_WHEEL_SLOTS];
} th_timer_wheel;

void th_timer_wheel_add(th_timer_wheel *wheel, th_timer_entry *entry);

/** Take out an entry that is in the wheel. */
void th_timer_wheel_remove(th_timer_wheel *wheel, th_timer_entry *entry);

/** Whether an entry is due at `now`. Time must not go back from one call to the next. */
bool th_timer_wheel_is_due(th_timer_wheel *wheel, thrum_time now);

/** Take out the entry that was due first, up to `now`; NULL: none is. Of those due at one instant
 *  the one that was added first comes first. */
th_timer_entry *th_timer_wheel_take(th_timer_wheel *wheel, thrum_time now);

/** When to ask again: the instant when the first entry is due, or, where many share its slot, some
 *  earlier one, later than that asked about last. THRUM_FOREVER: the wheel is empty. */
thrum_time th_timer_wheel_next(const th_timer_wheel *wheel);

bool th_timer_wheel_is_empty(const th_timer_wheel *wheel);

#endif
