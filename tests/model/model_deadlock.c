/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of the deadlock reports (src/observe/deadlock.c): a cycle that is there is reported once;
 *  what passes is never reported. */
#include <string.h>

#include "model_kit.h"
#include "sync/ownable.h"
#include "thrum/lock.h"
#include "thrum/once.h"
#include "thrum/rlock.h"
#include "thrum/thread.h"

static thrum_lock a, b, c;

/** How often a report was written. */
static unsigned reports(void)
{
    unsigned count = 0;
    const char *at = model_stderr();
    while ((at = strstr(at, "thrum: deadlock:")) != NULL) {
        count++;
        at++;
    }
    return count;
}

static void take_two(thrum_lock *first, thrum_lock *second)
{
    thrum_lock_acquire(first);
    thrum_lock_acquire(second);
    thrum_lock_release(second);
    thrum_lock_release(first);
}

static void take_ab(void)
{
    take_two(&a, &b);
}

static void take_ba(void)
{
    take_two(&b, &a);
}

static void take_bc(void)
{
    take_two(&b, &c);
}

static void take_ca(void)
{
    take_two(&c, &a);
}

static void take_b(void)
{
    thrum_lock_acquire(&b);
    thrum_lock_release(&b);
}

/** If two sleep for good it was reported, once and in these words; otherwise not at all. */
static void two_reported_as(const char *words)
{
    bool is_stuck = model_is_asleep(0) && model_is_asleep(1);
    model_assert(reports() == is_stuck);
    model_assert(!is_stuck || strstr(model_stderr(), words) != NULL);
}

/** Any thread may release a lock, so no report is sure of one. */
static void two_reported_once(void)
{
    two_reported_as("2 threads appear to wait");
}

/** What only its owner releases, or ends. */
static void two_surely_reported_once(void)
{
    two_reported_as("2 threads wait for each other");
}

static void three_reported_once(void)
{
    bool is_stuck = model_is_asleep(0) && model_is_asleep(1) && model_is_asleep(2);
    model_assert(reports() == is_stuck);
}

static void never_reported(void)
{
    model_assert(model_stderr()[0] == '\0');
}

MODEL(deadlock, of_two, .what = "two locks in opposite orders: reported once if it happens",
      .threads = {take_ab, take_ba}, .finish = two_reported_once, .may_deadlock = true,
      .reports_deadlocks = true)
MODEL(deadlock, of_two_weak, .what = "the same on weak memory", .threads = {take_ab, take_ba},
      .finish = two_reported_once, .may_deadlock = true, .reports_deadlocks = true,
      .stale_reads = 1)
MODEL(deadlock, of_three, .what = "three locks in a ring: reported once if it happens",
      .threads = {take_ab, take_bc, take_ca}, .finish = three_reported_once, .may_deadlock = true,
      .reports_deadlocks = true, .preemptions = 2)
MODEL(deadlock, of_two_and_one, .what = "two in a cycle, one passes: reported once",
      .threads = {take_ab, take_ba, take_b}, .finish = two_reported_once, .may_deadlock = true,
      .reports_deadlocks = true, .preemptions = 2)

/* ---- what passes ---- */

static void take_b_then_a(void)
{
    take_b();
    thrum_lock_acquire(&a);
    thrum_lock_release(&a);
}

MODEL(deadlock, passes_in_order, .what = "one order everywhere is never reported",
      .threads = {take_ab, take_ab, take_b}, .finish = never_reported, .reports_deadlocks = true,
      .preemptions = 2)
MODEL(deadlock, passes_in_turn, .what = "one after the other is never reported",
      .threads = {take_ab, take_b_then_a, take_b_then_a}, .finish = never_reported,
      .reports_deadlocks = true, .preemptions = 2)
MODEL(deadlock, passes_in_turn_weak, .what = "the same on weak memory",
      .threads = {take_ab, take_b_then_a}, .finish = never_reported, .reports_deadlocks = true,
      .stale_reads = 2)

static void take_ba_until(void)
{
    thrum_lock_acquire(&b);
    if (thrum_lock_acquire_until(&a, kit_soon()) == 0)
        thrum_lock_release(&a);
    thrum_lock_release(&b);
}

MODEL(deadlock, passes_deadline, .what = "a cycle that a deadline ends is never reported",
      .threads = {take_ab, take_ba_until}, .finish = never_reported, .reports_deadlocks = true,
      .ticks = 1)

/* ---- other things to wait for ---- */

static thrum_rlock first_rlock, second_rlock;

static void take_rlocks(thrum_rlock *first, thrum_rlock *second)
{
    thrum_rlock_acquire(first);
    thrum_rlock_acquire(second);
    thrum_rlock_release(second);
    thrum_rlock_release(first);
}

static void take_rlocks_forth(void)
{
    take_rlocks(&first_rlock, &second_rlock);
}

static void take_rlocks_back(void)
{
    take_rlocks(&second_rlock, &first_rlock);
}

MODEL(deadlock, of_rlocks, .what = "two rlocks in opposite orders: reported once",
      .threads = {take_rlocks_forth, take_rlocks_back}, .finish = two_surely_reported_once,
      .may_deadlock = true, .reports_deadlocks = true)

static thrum_once first_once, second_once;

static void nothing(void *unused)
{
    (void)unused;
}

static void run_second(void *unused)
{
    thrum_once_run(&second_once, nothing, unused);
}

static void run_first(void *unused)
{
    thrum_once_run(&first_once, nothing, unused);
}

static void run_once_forth(void)
{
    thrum_once_run(&first_once, run_second, NULL);
}

static void run_once_back(void)
{
    thrum_once_run(&second_once, run_first, NULL);
}

MODEL(deadlock, of_onces, .what = "two onces inside each other: reported once",
      .threads = {run_once_forth, run_once_back}, .finish = two_surely_reported_once,
      .may_deadlock = true, .reports_deadlocks = true)

static void *take_a(void *unused)
{
    (void)unused;
    thrum_lock_acquire(&a);
    thrum_lock_release(&a);
    return NULL;
}

static void join_while_holding(void)
{
    thrum_lock_acquire(&a);
    thrum_thread *thread = thrum_spawn(take_a, NULL);
    model_assert(thread != NULL);
    (void)thrum_thread_join(thread);
}

static void join_reported_once(void)
{
    model_assert(model_is_asleep(0) && model_is_asleep(1));
    model_assert(reports() == 1);
}

MODEL(deadlock, of_join, .what = "a join of one that waits for a lock of the joiner's",
      .threads = {join_while_holding}, .finish = join_reported_once, .may_deadlock = true,
      .may_leak = true, .reports_deadlocks = true, .preemptions = 2)

/* ---- used as a signal ---- */

static void hold_a(void)
{
    thrum_lock_acquire(&a);
}

static void wait_for_signal(void)
{
    thrum_lock_acquire(&b);
    thrum_lock_acquire(&a);
    thrum_lock_release(&b);
}

static void give_signal(void)
{
    thrum_lock_release(&a);
}

static void holder_passes(void)
{
    thrum_lock_acquire(&c);
    thrum_lock_release(&c);
}

MODEL(deadlock, passes_signal, .what = "a lock that another releases is never reported",
      .setup = hold_a, .threads = {holder_passes, wait_for_signal, give_signal},
      .finish = never_reported, .reports_deadlocks = true)

/** Of a lock that has been used as a signal before, nobody can say who will release it. */
static void mark_as_signal(void)
{
    a.word = TH_FOREIGN;
}

static void take_b_then_signal(void)
{
    thrum_lock_acquire(&b);
    thrum_lock_acquire(&a);
    (void)thrum_lock_release_checked(&a);
    thrum_lock_release(&b);
}

static void take_signal_then_b(void)
{
    thrum_lock_acquire(&a);
    thrum_lock_acquire(&b);
    thrum_lock_release(&b);
}

static void release_signal(void)
{
    if (!thrum_lock_locked(&a))
        model_discard();
    (void)thrum_lock_release_checked(&a);
}

MODEL(deadlock, passes_signal_in_cycle, .what = "nor a cycle through such a lock",
      .setup = mark_as_signal, .threads = {take_b_then_signal, take_signal_then_b, release_signal},
      .finish = never_reported, .may_deadlock = true, .reports_deadlocks = true, .preemptions = 2)
