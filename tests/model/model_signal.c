/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of signals (src/park/signal.c): a handler that sets an event or releases a semaphore
 *  interrupts its own thread at every step of a wait or a wake-up, the thread's bucket locks
 *  included, and what it did is done by the time the interrupted call returns. */
#include "model_kit.h"
#include "thrum/condition.h"
#include "thrum/event.h"
#include "thrum/lock.h"
#include "thrum/semaphore.h"

static thrum_event event;
static thrum_semaphore semaphore;
static thrum_lock lock;
static bool handled;
static int written;

static void set_in_handler(void)
{
    handled = true;
    thrum_event_set(&event);
}

static void release_in_handler(void)
{
    handled = true;
    model_assert(thrum_semaphore_release(&semaphore, 1) == 0);
}

/** The handler's effect is there once the interrupted call has returned. */
static void was_set_or_not_handled(void)
{
    model_interrupt(NULL);
    model_assert(!handled || thrum_event_is_set(&event));
}

/** Who waits for the event gets it, whether the handler came or not. */
static void was_set_or_set(void)
{
    was_set_or_not_handled();
    if (!handled)
        set_in_handler();
}

/* ---- a thread that its own handler wakes ---- */

static void wait_interrupted(void)
{
    model_interrupt(set_in_handler);
    model_assert(thrum_event_wait(&event) == 0);
    was_set_or_not_handled();
}

static void asleep_only_if_not_handled(void)
{
    model_assert(model_is_asleep(0) == !handled);
}

MODEL(signal, wakes_itself, .what = "a handler sets the event its thread waits for",
      .threads = {wait_interrupted}, .finish = asleep_only_if_not_handled, .may_deadlock = true)

static void acquire_interrupted(void)
{
    model_interrupt(release_in_handler);
    model_assert(thrum_semaphore_acquire(&semaphore) == 0);
    model_interrupt(NULL);
}

MODEL(signal, releases_itself, .what = "a handler releases the semaphore its thread acquires",
      .threads = {acquire_interrupted}, .finish = asleep_only_if_not_handled, .may_deadlock = true)

static void wait_until_interrupted(void)
{
    model_interrupt(set_in_handler);
    int status = thrum_event_wait_until(&event, kit_soon());
    model_interrupt(NULL);
    model_assert(status == 0 || status == THRUM_ETIMEDOUT);
    model_assert(!handled || thrum_event_is_set(&event));
    model_assert(status != 0 || handled);
}

MODEL(signal, wakes_itself_until, .what = "the same when a deadline passes",
      .threads = {wait_until_interrupted}, .ticks = 1)

static void set_interrupted_by_release(void)
{
    model_interrupt(release_in_handler);
    thrum_event_set(&event);
    model_interrupt(NULL);
    model_assert(!handled || thrum_semaphore_value(&semaphore) == 1);
}

static void wait_for_event(void)
{
    model_assert(thrum_event_wait(&event) == 0);
}

MODEL(signal, during_set, .what = "a handler releases while its thread sets an event",
      .threads = {set_interrupted_by_release, wait_for_event})

/* ---- one bucket for both ---- */

static void set_interrupted_by_set(void)
{
    model_interrupt(set_in_handler);
    thrum_event_set(&event);
    was_set_or_not_handled();
}

MODEL(signal, during_same_set, .what = "a handler sets the event that its thread sets",
      .threads = {set_interrupted_by_set, wait_for_event, wait_for_event}, .preemptions = 2)

static void release_interrupted_by_release(void)
{
    model_interrupt(release_in_handler);
    model_assert(thrum_semaphore_release(&semaphore, 1) == 0);
    model_interrupt(NULL);
    if (!handled)
        release_in_handler();
}

static void acquire(void)
{
    model_assert(thrum_semaphore_acquire(&semaphore) == 0);
}

static void nothing_is_left(void)
{
    model_assert(semaphore.state == 0);
}

MODEL(signal, during_same_release, .what = "a handler releases what its thread releases",
      .threads = {release_interrupted_by_release, acquire, acquire}, .finish = nothing_is_left,
      .preemptions = 2)
MODEL(signal, spurious, .what = "the same, sleeps that end for nothing",
      .threads = {release_interrupted_by_release, acquire, acquire}, .finish = nothing_is_left,
      .preemptions = 1, .spurious = 1)

/** What was left over in the middle of a section is still published. */
static void write_and_release_in_handler(void)
{
    written = 1;
    release_in_handler();
}

static void wait_interrupted_by_release(void)
{
    model_interrupt(write_and_release_in_handler);
    model_assert(thrum_event_wait(&event) == 0);
    model_interrupt(NULL);
    if (!handled)
        write_and_release_in_handler();
}

static void acquire_read_and_set(void)
{
    thrum_event_set(&event);
    model_assert(thrum_semaphore_acquire(&semaphore) == 0);
    model_assert(written == 1);
}

MODEL(signal, publishes, .what = "written in a handler, read after the wake-up, on weak memory",
      .threads = {wait_interrupted_by_release, acquire_read_and_set}, .finish = nothing_is_left,
      .stale_reads = 1, .preemptions = 2)

/* ---- two handlers, one after or inside the other's work ---- */

static bool handled_too;

static void release_in_second_handler(void)
{
    handled_too = true;
    model_assert(thrum_semaphore_release(&semaphore, 1) == 0);
}

static void set_in_first_handler(void)
{
    set_in_handler();
    model_interrupt(release_in_second_handler);
}

static void release_interrupted_twice(void)
{
    model_interrupt(set_in_first_handler);
    model_assert(thrum_semaphore_release(&semaphore, 1) == 0);
    model_interrupt(NULL);
    model_assert(!handled || thrum_event_is_set(&event));
    if (!handled)
        thrum_event_set(&event);
    if (!handled_too)
        release_in_second_handler();
}

static void acquire_two_and_wait(void)
{
    acquire();
    acquire();
    wait_for_event();
}

MODEL(signal, twice, .what = "a second handler interrupts what the first left to do",
      .threads = {release_interrupted_twice, acquire_two_and_wait}, .finish = nothing_is_left)

static void wait_interrupted_twice(void)
{
    model_interrupt(set_in_first_handler);
    int status = thrum_semaphore_acquire_until(&semaphore, kit_soon());
    model_interrupt(NULL);
    model_assert(status == THRUM_ETIMEDOUT || (status == 0 && handled_too));
    model_assert(thrum_semaphore_value(&semaphore) == (handled_too && status != 0));
    model_assert(!handled || thrum_event_is_set(&event));
}

MODEL(signal, twice_alone, .what = "the same in a wait of a thread that is alone",
      .threads = {wait_interrupted_twice}, .preemptions = 4)

/** More operations than a thread keeps room for without asking for memory. */
static void release_ten_times(void)
{
    handled = true;
    for (int i = 0; i < 10; i++)
        model_assert(thrum_semaphore_release(&semaphore, 1) == 0);
}

static void wait_interrupted_by_ten(void)
{
    model_interrupt(release_ten_times);
    (void)thrum_event_wait_until(&event, kit_soon());
    unsigned taken = thrum_semaphore_acquire_until(&semaphore, kit_soon()) == 0;
    model_interrupt(NULL);
    model_assert(thrum_semaphore_value(&semaphore) + taken == (handled ? 10 : 0));
}

MODEL(signal, ten_operations, .what = "a handler leaves ten operations",
      .threads = {wait_interrupted_by_ten}, .preemptions = 2)

/* ---- during locks and conditions ---- */

static thrum_condition condition;
static int items;

static void pass_interrupted(void)
{
    model_interrupt(set_in_handler);
    thrum_lock_acquire(&lock);
    items++;
    thrum_lock_release(&lock);
    was_set_or_set();
}

static void pass(void)
{
    thrum_lock_acquire(&lock);
    items++;
    thrum_lock_release(&lock);
    wait_for_event();
}

static void two_items(void)
{
    model_assert(items == 2 && lock.word == 0);
}

MODEL(signal, during_lock, .what = "a handler sets an event at every step of a contended lock",
      .threads = {pass_interrupted, pass}, .finish = two_items)

static void consume_interrupted(void)
{
    model_interrupt(set_in_handler);
    kit_consume(&lock, &condition, &items);
    was_set_or_set();
}

static void produce(void)
{
    kit_produce(&lock, &condition, &items);
    wait_for_event();
}

static void produce_interrupted(void)
{
    model_interrupt(set_in_handler);
    kit_produce(&lock, &condition, &items);
    was_set_or_set();
}

static void consume(void)
{
    kit_consume(&lock, &condition, &items);
    wait_for_event();
}

static void no_items(void)
{
    model_assert(items == 0 && condition.waiters == 0 && lock.word == 0);
}

MODEL(signal, during_wait, .what = "at every step of a condition's wait",
      .threads = {consume_interrupted, produce}, .finish = no_items)
MODEL(signal, during_notify, .what = "at every step of a notification",
      .threads = {produce_interrupted, consume}, .finish = no_items)

/* ---- set, then cleared, in one handler ---- */

static void pulse_in_handler(void)
{
    handled = true;
    thrum_event_set(&event);
    thrum_event_clear(&event);
}

static void pass_lock_only(void)
{
    thrum_lock_acquire(&lock);
    thrum_lock_release(&lock);
}

static void wait_interrupted_by_pulse(void)
{
    model_interrupt(pulse_in_handler);
    thrum_lock_acquire(&lock);
    thrum_lock_release(&lock);
    (void)thrum_event_wait_until(&event, kit_soon());
    model_interrupt(NULL);
    model_assert(!thrum_event_is_set(&event));
}

MODEL(signal, pulse, .what = "a handler sets and clears: in that order, also when put off",
      .threads = {wait_interrupted_by_pulse, pass_lock_only}, .ticks = 1)

/* ---- a history ---- */

/** A release in a handler may take effect when the interrupted call ends. */
static unsigned open_release;
static bool is_open;

static void call_release_in_handler(void)
{
    handled = true;
    open_release = model_call(KIT_RELEASE, 1);
    is_open = true;
    model_assert(thrum_semaphore_release(&semaphore, 1) == 0);
}

static void call_release(void)
{
    model_interrupt(call_release_in_handler);
    unsigned call = model_call(KIT_RELEASE, 1);
    model_assert(thrum_semaphore_release(&semaphore, 1) == 0);
    model_return(call, 0);
    model_interrupt(NULL);
    if (is_open)
        model_return(open_release, 0);
}

static void call_acquire(void)
{
    unsigned call = model_call(KIT_ACQUIRE, 0);
    acquire();
    model_return(call, 1);
}

static void check_history(void)
{
    model_check_history(kit_counter_specification);
    model_assert(model_is_asleep(1) + model_is_asleep(2) == !handled);
}

MODEL(signal, history, .what = "permits given by a handler, as a counter would answer",
      .threads = {call_release, call_acquire, call_acquire}, .finish = check_history,
      .may_deadlock = true, .preemptions = 2)
