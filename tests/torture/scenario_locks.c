/* SPDX-License-Identifier: MIT */
/** @file
 *  Scenarios: lock, rlock, once. */
#include <sched.h>
#include <string.h>

#include "torture.h"

/* ---- what is under a lock ---- */

typedef struct guarded {
    uint64_t counter;
    unsigned inside;
    uint64_t done __attribute__((aligned(64))); /* atomic: the sum that the counter must have */
} guarded;

/** Be where one thread may be; now and then long enough for others to queue. */
static void visit(guarded *it, worker *me)
{
    if (it->inside++ != 0)
        torture_count(OVERLAP, 1);
    it->counter++;
    if (torture_random(me, 64) == 0)
        sched_yield();
    if (--it->inside != 0)
        torture_count(OVERLAP, 1);
    __atomic_add_fetch(&it->done, 1, __ATOMIC_RELAXED);
}

/* ---- lock ---- */

static thrum_lock lock;
static guarded by_lock;

static void lock_setup(unsigned workers)
{
    (void)workers;
    lock = (thrum_lock)THRUM_LOCK_INIT;
    by_lock = (guarded){0};
}

static bool take_lock(worker *me)
{
    switch (torture_random(me, 4)) {
    case 0: return thrum_lock_try_acquire(&lock);
    case 1: return torture_expect(thrum_lock_acquire_until(&lock, torture_soon(me)), true);
    default: thrum_lock_acquire(&lock); return true;
    }
}

static bool lock_step(worker *me)
{
    if (take_lock(me)) {
        visit(&by_lock, me);
        if (torture_random(me, 2) == 0)
            thrum_lock_release(&lock);
        else
            torture_expect(thrum_lock_release_checked(&lock), false);
    }
    return !torture_stopping();
}

static void lock_check(void)
{
    torture_conserve(by_lock.done, by_lock.counter);
    if (thrum_lock_locked(&lock))
        torture_count(TIMED_OUT_BUT_TAKEN, 1);
}

const scenario scenario_lock = {
    .name = "lock",
    .proves = "one thread at a time; a timed acquire that fails has taken nothing",
    .setup = lock_setup,
    .step = lock_step,
    .check = lock_check,
    .least = 2,
    .in_mixed = true,
};

/* ---- rlock ---- */

static thrum_rlock rlock;
static guarded by_rlock;

static void rlock_setup(unsigned workers)
{
    (void)workers;
    rlock = (thrum_rlock)THRUM_RLOCK_INIT;
    by_rlock = (guarded){0};
}

static bool take_rlock(worker *me)
{
    switch (torture_random(me, 4)) {
    case 0: return thrum_rlock_try_acquire(&rlock);
    case 1: return torture_expect(thrum_rlock_acquire_until(&rlock, torture_soon(me)), true);
    default: thrum_rlock_acquire(&rlock); return true;
    }
}

static bool rlock_step(worker *me)
{
    if (!take_rlock(me)) {
        if (thrum_rlock_is_owned(&rlock))
            torture_count(TIMED_OUT_BUT_TAKEN, 1);
        return !torture_stopping();
    }
    unsigned depth = 1;
    for (uint32_t more = torture_random(me, 3); more > 0; more--, depth++)
        if (!take_rlock(me))
            torture_count(UNEXPECTED_STATUS, 1); /* one's own: never refused */
    if (thrum_rlock_count(&rlock) != depth)
        torture_count(LOST, 1);
    visit(&by_rlock, me);
    while (depth-- > 0)
        thrum_rlock_release(&rlock);
    if (thrum_rlock_is_owned(&rlock))
        torture_count(OVERLAP, 1);
    return !torture_stopping();
}

static void rlock_check(void)
{
    torture_conserve(by_rlock.done, by_rlock.counter);
    if (thrum_rlock_locked(&rlock))
        torture_count(TIMED_OUT_BUT_TAKEN, 1);
}

const scenario scenario_rlock = {
    .name = "rlock",
    .proves = "one owner at a time, at any depth, who is never refused",
    .setup = rlock_setup,
    .step = rlock_step,
    .check = rlock_check,
    .least = 2,
    .in_mixed = true,
};

/* ---- once: pages of onces; at the end of a page all meet, and it is made anew ---- */

#define ONCES 256

static struct {
    thrum_once once;
    unsigned runs;
    uint64_t page;
} onces[ONCES];
static uint64_t page;
static bool last_page;
static thrum_barrier page_end;

static int turn_page(void *unused)
{
    (void)unused;
    for (int i = 0; i < ONCES; i++) {
        torture_conserve(1, onces[i].runs);
        memset(&onces[i], 0, sizeof onces[i]);
    }
    page++;
    last_page = torture_stopping();
    return 0;
}

static void once_setup(unsigned workers)
{
    page = 1;
    last_page = false;
    memset(onces, 0, sizeof onces);
    torture_expect(thrum_barrier_init(&page_end, workers, turn_page, NULL), false);
}

static void run_once(void *index)
{
    unsigned i = *(unsigned *)index;
    onces[i].runs++;
    if (i % 16 == 0)
        sched_yield();
    onces[i].page = page;
}

static bool once_step(worker *me)
{
    unsigned first = torture_random(me, 2) * torture_random(me, ONCES);
    for (unsigned k = 0; k < ONCES; k++) {
        unsigned i = (first + k) % ONCES;
        thrum_once_run(&onces[i].once, run_once, &i);
        if (onces[i].page != page)
            torture_count(OVERLAP, 1); /* it returned before the function had */
    }
    if (thrum_barrier_wait(&page_end) < 0)
        torture_count(UNEXPECTED_STATUS, 1);
    return !last_page;
}

static void once_check(void)
{
}

const scenario scenario_once = {
    .name = "once",
    .proves = "the function runs one time, and all see what it did",
    .setup = once_setup,
    .step = once_step,
    .check = once_check,
    .least = 2,
    .in_mixed = true,
};
