/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of the event (src/sync/event.c): who waits is woken by a set, also if it is cleared at
 *  once; what was written before a set is read after the wait, or the look, that saw it. */
#include "model_kit.h"
#include "platform/memory.h"
#include "thrum/event.h"

enum { SET_BIT = 1 };

static thrum_event event;
static int written;

static void write_and_set(void)
{
    written = 1;
    thrum_event_set(&event);
}

static void wait_and_read(void)
{
    model_assert(thrum_event_wait(&event) == 0);
    model_assert(written == 1);
}

static void look_and_read(void)
{
    if (thrum_event_is_set(&event))
        model_assert(written == 1);
}

static void is_set(void)
{
    model_assert(event.state == SET_BIT);
}

MODEL(event, wakes, .what = "a set wakes the two that wait",
      .threads = {wait_and_read, write_and_set, wait_and_read}, .finish = is_set)
MODEL(event, wakes_three, .what = "a set wakes three, who wake each other",
      .threads = {wait_and_read, wait_and_read, write_and_set, wait_and_read}, .finish = is_set)
MODEL(event, spurious, .what = "sleeps that end for nothing",
      .threads = {wait_and_read, write_and_set, wait_and_read}, .finish = is_set, .spurious = 2,
      .preemptions = 2)
MODEL(event, publishes, .what = "written before a set, read after a wait, on weak memory",
      .threads = {wait_and_read, write_and_set, wait_and_read}, .finish = is_set, .stale_reads = 2,
      .preemptions = 2)
MODEL(event, publishes_to_look, .what = "the same for one that only looks",
      .threads = {look_and_read, write_and_set, look_and_read}, .finish = is_set, .stale_reads = 2)

/* ---- set when it is set already ---- */

static void set_only(void)
{
    thrum_event_set(&event);
}

static int has_set_again;

static void set_again(void)
{
    model_assert(thrum_event_wait(&event) == 0);
    written = 1;
    thrum_event_set(&event);
    __atomic_store_n(&has_set_again, 1, __ATOMIC_RELAXED);
}

/** Without stale reads, who comes after the second set sees what that one stored. */
static void look_after_second(void)
{
    if (__atomic_load_n(&has_set_again, __ATOMIC_RELAXED) == 0)
        model_discard();
    model_assert(thrum_event_is_set(&event));
    model_assert(written == 1);
}

MODEL(event, set_twice, .what = "a set of what is set already publishes too", .finish = is_set,
      .threads = {set_only, set_again, look_after_second})

static int written_by[2];

static void write_own_and_set(void)
{
    written_by[model_thread()] = 1;
    thrum_event_set(&event);
}

/** The second of two sets goes on the first one's release sequence: who sees it reads both. */
static void read_what_was_set(void)
{
    model_assert(thrum_event_wait(&event) == 0);
    thrum_event_clear(&event);
    model_assert(thrum_event_wait(&event) == 0);
    model_assert(written_by[0] == 1 && written_by[1] == 1);
}

/** Both sets may come before the clear; then nobody sets it again. */
static void waits_at_most_for_good(void)
{
    model_assert(!model_is_asleep(0) && !model_is_asleep(1));
}

MODEL(event, set_by_two, .what = "two sets, a clear between them: both are published",
      .threads = {write_own_and_set, write_own_and_set, read_what_was_set},
      .finish = waits_at_most_for_good, .may_deadlock = true, .stale_reads = 1)

/* ---- set, then cleared ---- */

static void wait_once(void)
{
    model_assert(thrum_event_wait(&event) == 0);
}

/** A pulse wakes all that are queued at that moment. */
static void pulse(void)
{
    if ((__atomic_load_n(&event.state, __ATOMIC_RELAXED) & 2) == 0)
        model_discard();
    thrum_event_set(&event);
    thrum_event_clear(&event);
}

static void pulse_woke(void)
{
    model_assert(!model_is_asleep(0));
    model_assert((event.state & SET_BIT) == 0);
}

MODEL(event, pulse, .what = "set, then cleared at once, wakes who was queued",
      .threads = {wait_once, pulse}, .finish = pulse_woke, .may_deadlock = true, .preemptions = 4)

static void clear_and_set(void)
{
    thrum_event_clear(&event);
    thrum_event_set(&event);
}

MODEL(event, cleared, .what = "a set and a clear before another set meet two that wait",
      .threads = {wait_once, set_only, clear_and_set}, .preemptions = 3)

/* ---- a history ---- */

enum { SET, CLEAR, LOOK, WAIT, WAIT_UNTIL };

/** A flag. */
static bool flag(void *state, const model_operation *operation)
{
    int64_t *now = state;
    switch (operation->operation) {
    case SET: *now = 1; return true;
    case CLEAR: *now = 0; return true;
    case WAIT: return *now == 1;
    default: return operation->result == *now;
    }
}

static void call_set(void)
{
    unsigned call = model_call(SET, 0);
    thrum_event_set(&event);
    model_return(call, 0);
}

static void call_clear(void)
{
    unsigned call = model_call(CLEAR, 0);
    thrum_event_clear(&event);
    model_return(call, 0);
}

static void call_look(void)
{
    unsigned call = model_call(LOOK, 0);
    model_return(call, thrum_event_is_set(&event));
}

static void call_wait(void)
{
    unsigned call = model_call(WAIT, 0);
    model_assert(thrum_event_wait(&event) == 0);
    model_return(call, 1);
}

static void call_wait_until(void)
{
    unsigned call = model_call(WAIT_UNTIL, 0);
    int status = thrum_event_wait_until(&event, kit_soon());
    model_assert(status == 0 || status == THRUM_ETIMEDOUT);
    model_return(call, status == 0);
}

static void set_clear_set(void)
{
    call_set();
    call_clear();
    call_set();
}

static void look_and_clear(void)
{
    call_look();
    call_clear();
    call_set();
}

static void check_history(void)
{
    model_check_history(flag);
}

static void check_history_and_bits(void)
{
    check_history();
    model_assert((event.state & 2) == 0);
}

MODEL(event, history, .what = "three threads, as a flag would answer",
      .threads = {set_clear_set, call_wait, look_and_clear}, .finish = check_history_and_bits,
      .preemptions = 2)

static void wait_until_and_look(void)
{
    call_wait_until();
    call_look();
}

MODEL(event, history_until, .what = "the same with deadlines",
      .threads = {call_set, wait_until_and_look, call_wait_until}, .finish = check_history_and_bits,
      .preemptions = 2, .ticks = 1)

/* ---- deadlines ---- */

static void wait_until_and_read(void)
{
    thrum_time deadline = kit_soon();
    if (thrum_event_wait_until(&event, deadline) == 0)
        model_assert(written == 1);
    else
        kit_has_passed(deadline);
}

MODEL(event, until, .what = "a set meets a deadline",
      .threads = {wait_until_and_read, write_and_set}, .finish = is_set, .ticks = 1,
      .stale_reads = 1)
MODEL(event, until_and_forever, .what = "a deadline passes before one that has none",
      .threads = {wait_until_and_read, wait_and_read, write_and_set}, .finish = is_set, .ticks = 1,
      .preemptions = 2)

static void wait_in_vain(void)
{
    thrum_time deadline = kit_soon();
    model_assert(thrum_event_wait_until(&event, deadline) == THRUM_ETIMEDOUT);
    kit_has_passed(deadline);
}

static void nobody_is_queued(void)
{
    model_assert(event.state == 0);
}

MODEL(event, times_out, .what = "two deadlines pass, nothing is left", .spurious = 1,
      .threads = {wait_in_vain, wait_in_vain}, .finish = nobody_is_queued, .ticks = 1)

/* ---- freed by the one who waited ---- */

static thrum_event *object;

static void make_object(void)
{
    object = th_alloc(sizeof *object);
}

static void set_object(void)
{
    thrum_event_set(object);
}

static void wait_and_free_object(void)
{
    model_assert(thrum_event_wait(object) == 0);
    th_free(object);
}

static void wait_until_and_free_object(void)
{
    while (thrum_event_wait_until(object, kit_soon()) != 0)
        continue;
    th_free(object);
}

MODEL(event, freed, .what = "the waiter frees it", .setup = make_object,
      .threads = {set_object, wait_and_free_object}, .preemptions = 4)
MODEL(event, freed_until, .what = "the waiter frees it, after deadlines", .setup = make_object,
      .threads = {set_object, wait_until_and_free_object}, .ticks = 1)
