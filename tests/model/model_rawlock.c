/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of the raw lock (src/park/rawlock.c): it excludes, nobody sleeps on a free one, what one
 *  holder wrote the next one reads, and the next holder may free it. */
#include "model_kit.h"
#include "park/rawlock.h"
#include "platform/memory.h"

static th_rawlock lock;
static kit_section section;

static void pass(void)
{
    th_rawlock_acquire(&lock);
    kit_visit(&section);
    th_rawlock_release(&lock);
}

static void pass_twice(void)
{
    pass();
    pass();
}

static void three_visits(void)
{
    model_assert(section.visits == 3);
    model_assert(lock.word == 0);
}

static void four_visits(void)
{
    model_assert(section.visits == 4);
    model_assert(lock.word == 0);
}

static void five_visits(void)
{
    model_assert(section.visits == 5);
    model_assert(lock.word == 0);
}

MODEL(rawlock, excludes, .what = "three threads, one at a time", .threads = {pass, pass, pass},
      .finish = three_visits)
MODEL(rawlock, excludes_four, .what = "four threads, one at a time",
      .threads = {pass, pass, pass, pass}, .finish = four_visits)
MODEL(rawlock, again, .what = "two threads, each twice", .threads = {pass_twice, pass_twice},
      .finish = four_visits, .preemptions = 4)
MODEL(rawlock, spurious, .what = "three threads, sleeps that end for nothing",
      .threads = {pass, pass, pass}, .finish = three_visits, .preemptions = 2, .spurious = 2)
MODEL(rawlock, publishes, .what = "what a holder wrote the next reads, on weak memory",
      .threads = {pass_twice, pass_twice, pass}, .finish = five_visits, .preemptions = 2,
      .stale_reads = 2)

/* ---- a history ---- */

static void acquire_and_release(void)
{
    unsigned call = model_call(KIT_ACQUIRE, 0);
    th_rawlock_acquire(&lock);
    model_return(call, 1);
    call = model_call(KIT_RELEASE, 0);
    th_rawlock_release(&lock);
    model_return(call, 0);
}

static void check_history(void)
{
    model_check_history(kit_lock_specification);
}

MODEL(rawlock, history, .what = "three threads, as an owner or none would answer",
      .threads = {acquire_and_release, acquire_and_release, acquire_and_release},
      .finish = check_history)

/* ---- freed by the next holder ---- */

typedef struct shared {
    th_rawlock lock;
    int users;
} shared;

static shared *object;

static void make_object(void)
{
    object = th_alloc(sizeof *object);
    object->users = 3;
}

static void leave_object(void)
{
    shared *mine = object;
    th_rawlock_acquire(&mine->lock);
    bool last = --mine->users == 0;
    th_rawlock_release(&mine->lock);
    if (last)
        th_free(mine);
}

MODEL(rawlock, freed, .what = "the last of three holders frees it", .setup = make_object,
      .threads = {leave_object, leave_object, leave_object})
