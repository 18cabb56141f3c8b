/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of Timer (src/flow/timer.c, timer_service.c): whether a call is made or cancelled is
 *  decided once; joiners see what the call did, and may free the timer at once; a blocked call
 *  blocks no other; repeating does not drift; the end of the program and forks.
 *
 *  The service's threads are there at the end, asleep; so are their records. An execution ends with
 *  its thread 0, which therefore waits for the others. */
#include "model_kit.h"
#include "thrum/event.h"
#include "thrum/timer.h"

#define TIMER_MODEL(behaviour, ...)                                                                \
    MODEL(timer, behaviour, .abandons = true, .may_leak = true, __VA_ARGS__)

#define NS_PER_MS 1000000

static thrum_timer *timer, *other;
static int calls, cancels, written;

static void *note_call(void *arg)
{
    calls++;
    written = 1;
    return arg;
}

/** Set by thread 1 when it has done its part. */
static thrum_event other_is_done;

static void await_other_thread(void)
{
    model_assert(thrum_event_wait(&other_is_done) == 0);
}

static void make_prompt(void)
{
    timer = thrum_timer_new(0, note_call, NULL, .daemon = THRUM_DAEMON);
}

static void make_soon(void)
{
    timer = thrum_timer_new(0.002, note_call, NULL, .daemon = THRUM_DAEMON);
}

static void start(void)
{
    model_assert(thrum_timer_start(timer) == 0);
}

static void start_and_join(void)
{
    start();
    model_assert(thrum_timer_join(timer) == 0);
    await_other_thread();
}

static int other_cancels;

static void cancel_as_other(void)
{
    other_cancels += thrum_timer_cancel(timer);
    thrum_event_set(&other_is_done);
}

static void start_and_cancel(void)
{
    start();
    cancels += thrum_timer_cancel(timer);
    model_assert(thrum_timer_join(timer) == 0);
}

static void decided_once(void)
{
    model_assert(calls + cancels + other_cancels == 1);
}

/* ---- the call or the cancel ---- */

TIMER_MODEL(cancelled, .what = "start, and a cancel before, during or after it",
            .setup = make_prompt, .threads = {start_and_join, cancel_as_other},
            .finish = decided_once, .preemptions = 2)
TIMER_MODEL(cancelled_at_once, .what = "a cancel after the start, against the call",
            .setup = make_prompt, .threads = {start_and_cancel}, .finish = decided_once,
            .preemptions = 3)
TIMER_MODEL(cancelled_late, .what = "a cancel against a deadline", .setup = make_soon,
            .threads = {start_and_join, cancel_as_other}, .finish = decided_once, .ticks = 1,
            .preemptions = 2)

static void start_and_cancel_beside(void)
{
    start_and_cancel();
    await_other_thread();
}

TIMER_MODEL(cancelled_twice, .what = "two cancels and the call", .setup = make_soon,
            .threads = {start_and_cancel_beside, cancel_as_other}, .finish = decided_once,
            .ticks = 1, .preemptions = 1)

static int starts;

static void try_to_start(void)
{
    int status = thrum_timer_start(timer);
    model_assert(status == 0 || status == THRUM_ESTATE);
    __atomic_add_fetch(&starts, status == 0, __ATOMIC_RELAXED);
}

static void try_to_start_as_other(void)
{
    try_to_start();
    thrum_event_set(&other_is_done);
}

static void try_to_start_and_join(void)
{
    try_to_start();
    model_assert(thrum_timer_join(timer) == 0);
    await_other_thread();
}

static void started_once(void)
{
    model_assert(starts == 1 && calls == 1);
}

TIMER_MODEL(started_twice, .what = "of two starts one starts", .setup = make_prompt,
            .threads = {try_to_start_and_join, try_to_start_as_other}, .finish = started_once,
            .preemptions = 1)

/* ---- join ---- */

static void write_start_and_read(void)
{
    start();
    model_assert(thrum_timer_join(timer) == 0);
    model_assert(written == 1 && calls == 1);
    thrum_timer_free(timer);
}

TIMER_MODEL(publishes, .what = "what the call wrote is read after the join, which frees",
            .setup = make_prompt, .threads = {write_start_and_read}, .stale_reads = 1,
            .preemptions = 2)
TIMER_MODEL(spurious, .what = "sleeps that end for nothing", .setup = make_soon,
            .threads = {write_start_and_read}, .spurious = 2, .preemptions = 1)

static void join_until_and_let_go(void)
{
    start();
    thrum_time deadline = kit_late();
    int status = thrum_timer_join_until(timer, deadline);
    model_assert(status == 0 || status == THRUM_ETIMEDOUT);
    if (status == 0)
        model_assert(written == 1);
    else
        kit_has_passed(deadline);
    thrum_timer_free(timer);
}

TIMER_MODEL(join_until, .what = "a joiner whose deadline may pass lets go", .setup = make_soon,
            .threads = {join_until_and_let_go}, .ticks = 2, .preemptions = 2)

static thrum_event started;

static void start_and_tell(void)
{
    start();
    thrum_event_set(&started);
}

static void start_for_other(void)
{
    start_and_tell();
    await_other_thread();
}

static void join_and_free(void)
{
    model_assert(thrum_event_wait(&started) == 0);
    model_assert(thrum_timer_join(timer) == 0);
    thrum_timer_free(timer);
    thrum_event_set(&other_is_done);
}

TIMER_MODEL(freed_by_joiner, .what = "the joiner frees it while it ends", .setup = make_prompt,
            .threads = {start_for_other, join_and_free}, .preemptions = 2)

static void cancel_for_joiner(void)
{
    start_and_tell();
    model_assert(thrum_timer_cancel(timer));
    await_other_thread();
}

static void make_late(void)
{
    timer = thrum_timer_new(1, note_call, NULL, .daemon = THRUM_DAEMON);
}

TIMER_MODEL(cancel_wakes, .what = "a cancel wakes a joiner", .setup = make_late,
            .threads = {cancel_for_joiner, join_and_free}, .preemptions = 2)

/* ---- free ---- */

static thrum_event called;

static void *tell_call(void *arg)
{
    thrum_event_set(&called);
    return arg;
}

/** Once everybody has done what there is to do: a second passes for free then. */
static void is_gone(void)
{
    model_assert(thrum_sleep(1) == 0);
    model_assert(model_is_freed(timer));
}

static void start_and_free(void)
{
    timer = thrum_timer_new(0, tell_call, NULL, .daemon = THRUM_DAEMON);
    start();
    thrum_timer_free(timer);
    model_assert(thrum_event_wait(&called) == 0);
    is_gone();
}

TIMER_MODEL(freed_pending, .what = "the handle goes, the call comes", .threads = {start_and_free},
            .preemptions = 3)

static void *free_own(void *arg)
{
    thrum_timer_free(timer);
    thrum_event_set(&called);
    return arg;
}

static void start_one_that_frees_itself(void)
{
    timer = thrum_timer_new(0, free_own, NULL, .daemon = THRUM_DAEMON);
    start();
    model_assert(thrum_event_wait(&called) == 0);
    is_gone();
}

TIMER_MODEL(freed_by_call, .what = "its own call frees it",
            .threads = {start_one_that_frees_itself}, .preemptions = 2)

/* ---- the threads ---- */

static thrum_event other_called;

static void *await_other(void *arg)
{
    model_assert(thrum_event_wait(&other_called) == 0);
    return arg;
}

static void *tell_other(void *arg)
{
    thrum_event_set(&other_called);
    return arg;
}

static void start_blocked_and_other(void)
{
    timer = thrum_timer_new(0, await_other, NULL, .daemon = THRUM_DAEMON);
    other = thrum_timer_new(0.001, tell_other, NULL, .daemon = THRUM_DAEMON);
    model_assert(thrum_timer_start(timer) == 0);
    model_assert(thrum_timer_start(other) == 0);
    model_assert(thrum_timer_join(timer) == 0);
}

TIMER_MODEL(blocked, .what = "a call that blocks until another's", .ticks = 1,
            .threads = {start_blocked_and_other}, .preemptions = 2)

/** The first call is short, so the second, which is not, is run by the leader under guard. */
static void start_short_blocked_and_other(void)
{
    thrum_timer *quick = thrum_timer_new(0, note_call, NULL, .daemon = THRUM_DAEMON);
    timer = thrum_timer_new(0.0005, await_other, NULL, .daemon = THRUM_DAEMON);
    other = thrum_timer_new(0.0007, tell_other, NULL, .daemon = THRUM_DAEMON);
    model_assert(thrum_timer_start(timer) == 0);
    model_assert(thrum_timer_start(other) == 0);
    model_assert(thrum_timer_start(quick) == 0);
    model_assert(thrum_timer_join(quick) == 0);
    model_assert(thrum_timer_join(timer) == 0);
}

TIMER_MODEL(guarded, .what = "a call that blocks amid short ones", .ticks = 1,
            .threads = {start_short_blocked_and_other}, .preemptions = 1)

static void *start_inner_and_wait(void *arg)
{
    other = thrum_timer_new(0, tell_other, NULL);
    model_assert(thrum_timer_start(other) == 0);
    model_assert(thrum_event_wait(&other_called) == 0);
    return arg;
}

static void start_nested(void)
{
    timer = thrum_timer_new(0, start_inner_and_wait, NULL, .daemon = THRUM_DAEMON);
    start();
    model_assert(thrum_timer_join(timer) == 0);
}

TIMER_MODEL(nested, .what = "a call waits for a timer that it starts", .threads = {start_nested},
            .preemptions = 2)

static void start_late_then_soon(void)
{
    other = thrum_timer_new(1, note_call, NULL, .daemon = THRUM_DAEMON);
    model_assert(thrum_timer_start(other) == 0);
    thrum_time soon = kit_soon();
    start();
    model_assert(thrum_timer_join(timer) == 0);
    model_assert(thrum_now() <= soon);
    model_assert(thrum_timer_cancel(other));
}

TIMER_MODEL(sooner, .what = "a start wakes a service that sleeps for longer", .setup = make_soon,
            .threads = {start_late_then_soon}, .preemptions = 3)

static int again_calls;

static void *note_again(void *arg)
{
    __atomic_add_fetch(&again_calls, 1, __ATOMIC_RELAXED);
    return arg;
}

static void start_pair(void)
{
    thrum_timer *pair[2];
    for (int i = 0; i < 2; i++) {
        pair[i] = thrum_timer_new(0.001, note_again, NULL, .daemon = THRUM_DAEMON);
        model_assert(thrum_timer_start(pair[i]) == 0);
    }
    for (int i = 0; i < 2; i++) {
        model_assert(thrum_timer_join(pair[i]) == 0);
        thrum_timer_free(pair[i]);
    }
}

static void each_called_once(void)
{
    model_assert(again_calls == 2);
}

TIMER_MODEL(pair, .what = "two due at one instant", .threads = {start_pair},
            .finish = each_called_once, .preemptions = 2)

static void idle_again(void)
{
    for (int i = 0; i < 2; i++) {
        thrum_timer *one = thrum_timer_new(0, note_again, NULL, .daemon = THRUM_DAEMON);
        model_assert(thrum_timer_start(one) == 0);
        model_assert(thrum_timer_join(one) == 0);
        thrum_timer_free(one);
    }
}

TIMER_MODEL(one_after_the_other, .what = "a start finds the service on its way to idleness",
            .threads = {idle_again}, .finish = each_called_once, .preemptions = 3)

/* ---- repeat ---- */

static thrum_time begun;

static void *check_instant(void *arg)
{
    calls++;
    thrum_time due = begun + calls * NS_PER_MS;
    model_assert(thrum_now() == due || (calls == 3 && thrum_now() == due + NS_PER_MS / 2));
    if (calls == 2)
        thrum_sleep(0.0015); /* over the third instant: that call begins late, the next does not */
    if (calls == 4)
        model_assert(thrum_timer_cancel(timer));
    return arg;
}

static void repeat_four_times(void)
{
    timer = thrum_timer_new(0.001, check_instant, NULL, .repeat = true, .daemon = THRUM_DAEMON);
    begun = thrum_now();
    start();
    model_assert(thrum_timer_join(timer) == 0);
    model_assert(calls == 4);
    thrum_timer_free(timer);
}

TIMER_MODEL(repeats, .what = "again and again without drift", .threads = {repeat_four_times},
            .preemptions = 2)

static void make_repeating(void)
{
    timer = thrum_timer_new(0.001, note_call, NULL, .repeat = true, .daemon = THRUM_DAEMON);
}

static void start_and_cancel_repeating(void)
{
    start();
    thrum_sleep(0.001);
    model_assert(thrum_timer_cancel(timer));
    model_assert(!thrum_timer_cancel(timer));
    model_assert(thrum_timer_join(timer) == 0);
    int before = calls;
    thrum_timer_free(timer);
    thrum_sleep(0.002);
    model_assert(calls == before);
}

TIMER_MODEL(repeat_cancelled, .what = "a cancel amid the calls of a repeating one",
            .setup = make_repeating, .threads = {start_and_cancel_repeating}, .preemptions = 3)

/* ---- failures ---- */

static void start_until_it_can(void)
{
    int status;
    while ((status = thrum_timer_start(timer)) != 0)
        model_assert(status == THRUM_EAGAIN || status == THRUM_ENOMEM);
    model_assert(thrum_timer_start(timer) == THRUM_ESTATE);
    model_assert(thrum_timer_join(timer) == 0);
    model_assert(calls == 1);
}

TIMER_MODEL(start_fails, .what = "threads and memory may be missing", .setup = make_prompt,
            .threads = {start_until_it_can}, .failures = 2, .preemptions = 1)

static void start_pair_or_fail(void)
{
    thrum_timer *pair[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++) {
        while (pair[i] == NULL)
            pair[i] = thrum_timer_new(0, note_again, NULL, .daemon = THRUM_DAEMON);
        while (thrum_timer_start(pair[i]) != 0)
            continue;
    }
    for (int i = 0; i < 2; i++)
        model_assert(thrum_timer_join(pair[i]) == 0);
}

TIMER_MODEL(growth_fails, .what = "a second thread may not be had", .finish = each_called_once,
            .threads = {start_pair_or_fail}, .failures = 1, .preemptions = 1)

/* ---- the end of the program ---- */

static void end_with(enum thrum_daemon kind)
{
    timer = thrum_timer_new(0.001, note_call, NULL, .daemon = kind);
    start();
    thrum_timer_free(timer);
    model_assert(thrum_shutdown() == 0);
}

static void end_with_pending(void)
{
    end_with(THRUM_NOT_DAEMON);
    model_assert(calls == 1);
}

static void end_with_daemon(void)
{
    end_with(THRUM_DAEMON);
}

TIMER_MODEL(ends_after, .what = "the end of the program awaits a timer",
            .threads = {end_with_pending}, .preemptions = 2)
TIMER_MODEL(ends_beside, .what = "the end of the program abandons a daemon",
            .threads = {end_with_daemon}, .ticks = 1, .preemptions = 2)

static void *start_another(void *arg)
{
    if (++calls == 1) {
        thrum_timer *next = thrum_timer_new(0.001, start_another, NULL);
        model_assert(thrum_timer_start(next) == 0);
        thrum_timer_free(next);
    }
    return arg;
}

static void end_with_chain(void)
{
    timer = thrum_timer_new(0, start_another, NULL, .daemon = THRUM_NOT_DAEMON);
    start();
    thrum_timer_free(timer);
    model_assert(thrum_shutdown() == 0);
    model_assert(calls == 2);
}

TIMER_MODEL(ends_after_chain, .what = "and those that its call starts", .threads = {end_with_chain},
            .preemptions = 2)

static void make_awaited(void)
{
    timer = thrum_timer_new(1, note_call, NULL, .daemon = THRUM_NOT_DAEMON);
}

static void start_and_end(void)
{
    int status = thrum_timer_start(timer);
    model_assert(status == 0);
    thrum_event_set(&started);
    model_assert(thrum_shutdown() == 0);
}

static void cancel_started(void)
{
    model_assert(thrum_event_wait(&started) == 0);
    model_assert(thrum_timer_cancel(timer));
}

static void never_called(void)
{
    model_assert(calls == 0);
}

TIMER_MODEL(ends_after_cancel, .what = "a cancel lets the program end", .setup = make_awaited,
            .threads = {start_and_end, cancel_started}, .finish = never_called, .preemptions = 2)

static void *end_from_call(void *arg)
{
    model_assert(thrum_shutdown() == 0);
    thrum_event_set(&called);
    return arg;
}

static void start_one_that_ends(void)
{
    timer = thrum_timer_new(0, end_from_call, NULL, .daemon = THRUM_NOT_DAEMON);
    start();
    model_assert(thrum_event_wait(&called) == 0);
}

TIMER_MODEL(ends_from_call, .what = "a call ends the program", .threads = {start_one_that_ends},
            .preemptions = 1)

/* ---- fork ---- */

static void fork_beside(void)
{
    start();
    if (model_fork()) {
        model_assert(thrum_timer_join(timer) == 0);
        model_assert(calls == 1);
        return;
    }
    (void)thrum_timer_cancel(timer);
    model_assert(thrum_timer_join(timer) == 0);
    thrum_timer_free(timer);
    int before = calls;
    timer = thrum_timer_new(0, note_call, NULL, .daemon = THRUM_DAEMON);
    start();
    model_assert(thrum_timer_join(timer) == 0);
    model_assert(calls == before + 1);
}

TIMER_MODEL(forked, .what = "a child has timers of its own only", .setup = make_soon,
            .threads = {fork_beside}, .ticks = 1, .preemptions = 1)

static void end_with_two(void)
{
    timer = thrum_timer_new(0.001, note_call, NULL, .daemon = THRUM_NOT_DAEMON);
    other = thrum_timer_new(5, note_call, NULL, .daemon = THRUM_NOT_DAEMON);
    start();
    model_assert(thrum_timer_start(other) == 0);
    (void)thrum_timer_cancel(other);
    thrum_timer_free(other);
    thrum_timer_free(timer);
    model_assert(thrum_shutdown() == 0);
    model_assert(calls == 1);
}
TIMER_MODEL(two_awaited, .what = "one is taken as the other is cancelled",
            .threads = {end_with_two}, .ticks = 1, .preemptions = 1)
