/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of the rlock (src/sync/rlock.c): its owner may come again, all others wait until it has
 *  left as often. What it shares with the lock is in model_lock.c. */
#include "model_kit.h"
#include "platform/memory.h"
#include "thrum/rlock.h"

static thrum_rlock lock;
static kit_section section;

static void pass(void)
{
    thrum_rlock_acquire(&lock);
    kit_visit(&section);
    thrum_rlock_release(&lock);
}

static void pass_nested(void)
{
    thrum_rlock_acquire(&lock);
    thrum_rlock_acquire(&lock);
    kit_visit(&section);
    thrum_rlock_release(&lock);
    model_assert(thrum_rlock_is_owned(&lock) && thrum_rlock_count(&lock) == 1);
    kit_visit(&section);
    thrum_rlock_release(&lock);
}

static void is_free(void)
{
    model_assert(lock.word == 0);
}

static void three_visits(void)
{
    model_assert(section.visits == 3);
    is_free();
}

static void four_visits(void)
{
    model_assert(section.visits == 4);
    is_free();
}

static void five_visits(void)
{
    model_assert(section.visits == 5);
    is_free();
}

MODEL(rlock, excludes, .what = "three threads, one at a time", .threads = {pass, pass, pass},
      .finish = three_visits)
MODEL(rlock, excludes_four, .what = "four threads, one at a time",
      .threads = {pass, pass, pass, pass}, .finish = four_visits)
MODEL(rlock, nests, .what = "an owner that comes again, and two others",
      .threads = {pass_nested, pass, pass}, .finish = four_visits, .preemptions = 2)
MODEL(rlock, nests_two, .what = "two owners that come again, sleeps that end for nothing",
      .threads = {pass_nested, pass_nested}, .finish = four_visits, .spurious = 1)
MODEL(rlock, publishes, .what = "what an owner wrote the next reads, on weak memory",
      .threads = {pass_nested, pass, pass_nested}, .finish = five_visits, .stale_reads = 1,
      .preemptions = 2)

/* ---- a history ---- */

typedef struct nested_state {
    int64_t owner;
    int64_t count;
} nested_state;

/** An owner and a count, or none. */
static bool specification(void *state, const model_operation *operation)
{
    nested_state *now = state;
    int64_t caller = (int64_t)operation->thread + 1;
    bool owned = now->owner == caller;
    if (operation->operation == KIT_ACQUIRE) {
        if (operation->result == 0)
            return now->owner != 0 && !owned;
        bool granted = now->owner == 0 || owned;
        now->owner = caller;
        now->count++;
        return granted;
    }
    if (operation->result != 0)
        return operation->result == THRUM_EPERM && !owned;
    if (owned && --now->count == 0)
        now->owner = 0;
    return owned;
}

static void acquire(void)
{
    unsigned call = model_call(KIT_ACQUIRE, 0);
    thrum_rlock_acquire(&lock);
    model_return(call, 1);
}

static bool try_to_acquire(void)
{
    unsigned call = model_call(KIT_ACQUIRE, 0);
    bool owned = thrum_rlock_try_acquire(&lock);
    model_return(call, owned);
    return owned;
}

static int release(void)
{
    unsigned call = model_call(KIT_RELEASE, 0);
    int status = thrum_rlock_release_checked(&lock);
    model_return(call, status);
    return status;
}

static void nested(void)
{
    acquire();
    model_assert(try_to_acquire());
    release();
    release();
}

static void tried(void)
{
    if (try_to_acquire())
        release();
}

static void plain(void)
{
    acquire();
    model_assert(release() == 0);
    model_assert(release() == THRUM_EPERM);
}

static void check_history(void)
{
    model_check_history(specification);
    is_free();
}

MODEL(rlock, history, .what = "three threads, as an owner and a count would answer",
      .threads = {nested, plain, tried}, .finish = check_history, .preemptions = 2)

/* ---- deadlines ---- */

static void pass_nested_until(void)
{
    thrum_time deadline = kit_soon();
    if (thrum_rlock_acquire_until(&lock, deadline) != 0) {
        model_assert(!thrum_rlock_is_owned(&lock));
        kit_has_passed(deadline);
        return;
    }
    model_assert(thrum_rlock_acquire_until(&lock, deadline) == 0);
    kit_visit(&section);
    thrum_rlock_release(&lock);
    thrum_rlock_release(&lock);
}

MODEL(rlock, until, .what = "a deadline passes, or the owner comes again in spite of it",
      .threads = {pass_nested, pass_nested_until}, .finish = is_free, .ticks = 1)
MODEL(rlock, until_three, .what = "the same, with a third that waits",
      .threads = {pass, pass_nested_until, pass}, .finish = is_free, .ticks = 1, .preemptions = 2)

/* ---- freed by the next owner ---- */

typedef struct shared {
    thrum_rlock lock;
    int users;
} shared;

static shared *object;

static void make_object(void)
{
    object = th_alloc(sizeof *object);
    object->users = 2;
}

static void leave_object(void)
{
    shared *mine = object;
    thrum_rlock_acquire(&mine->lock);
    thrum_rlock_acquire(&mine->lock);
    bool last = --mine->users == 0;
    thrum_rlock_release(&mine->lock);
    thrum_rlock_release(&mine->lock);
    if (last)
        th_free(mine);
}

MODEL(rlock, freed, .what = "the last of two owners frees it", .setup = make_object,
      .threads = {leave_object, leave_object})
