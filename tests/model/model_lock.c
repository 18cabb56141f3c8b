/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of the lock (src/sync/lock.c, ownable.c): plain, timed, tried; contended by three and
 *  four; released by another thread; handed over to one who has waited long; freed by the next
 *  owner. */
#include "model_kit.h"
#include "platform/cpu.h"
#include "platform/memory.h"
#include "thrum/lock.h"

static thrum_lock lock;
static kit_section section;

static void pass(void)
{
    thrum_lock_acquire(&lock);
    kit_visit(&section);
    thrum_lock_release(&lock);
}

static void pass_twice(void)
{
    pass();
    pass();
}

/** At the end nobody owns it, and nobody is said to be queued. */
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

MODEL(lock, excludes, .what = "three threads, one at a time", .threads = {pass, pass, pass},
      .finish = three_visits)
MODEL(lock, excludes_four, .what = "four threads, one at a time",
      .threads = {pass, pass, pass, pass}, .finish = four_visits)
MODEL(lock, again, .what = "two threads, each twice", .threads = {pass_twice, pass_twice},
      .finish = four_visits)
MODEL(lock, overtakes, .what = "one that comes again among two that queue",
      .threads = {pass_twice, pass, pass}, .finish = four_visits, .preemptions = 2)
MODEL(lock, exchanged, .what = "three threads, without restartable sequences",
      .setup = model_without_sequences, .threads = {pass, pass, pass}, .finish = three_visits)
MODEL(lock, exchanged_overtakes, .what = "one that comes again, without restartable sequences",
      .setup = model_without_sequences, .threads = {pass_twice, pass, pass}, .finish = four_visits,
      .preemptions = 2)
MODEL(lock, exchanged_publishes, .what = "what an owner wrote the next reads, without them",
      .setup = model_without_sequences, .threads = {pass_twice, pass_twice}, .finish = four_visits,
      .stale_reads = 1)
MODEL(lock, spurious, .what = "two threads, sleeps that end for nothing",
      .threads = {pass_twice, pass}, .finish = three_visits, .spurious = 2)
MODEL(lock, publishes, .what = "what an owner wrote the next reads, on weak memory",
      .threads = {pass_twice, pass}, .finish = three_visits, .stale_reads = 2)
MODEL(lock, publishes_three, .what = "the same with three threads", .threads = {pass, pass, pass},
      .finish = three_visits, .preemptions = 2, .stale_reads = 1)

/* ---- histories ---- */

static void plain(void)
{
    unsigned call = model_call(KIT_ACQUIRE, 0);
    thrum_lock_acquire(&lock);
    model_return(call, 1);
    call = model_call(KIT_RELEASE, 0);
    thrum_lock_release(&lock);
    model_return(call, 0);
}

static void release_if(bool owned)
{
    if (!owned)
        return;
    unsigned call = model_call(KIT_RELEASE, 0);
    model_assert(thrum_lock_release_checked(&lock) == 0);
    model_return(call, 0);
}

static void tried(void)
{
    unsigned call = model_call(KIT_ACQUIRE, 0);
    bool owned = thrum_lock_try_acquire(&lock);
    model_return(call, owned);
    if (owned)
        kit_visit(&section);
    release_if(owned);
}

static void timed(void)
{
    unsigned call = model_call(KIT_ACQUIRE, 0);
    int status = thrum_lock_acquire_until(&lock, kit_soon());
    model_assert(status == 0 || status == THRUM_ETIMEDOUT);
    model_return(call, status == 0);
    if (status == 0)
        kit_visit(&section);
    release_if(status == 0);
}

static void check_history(void)
{
    model_check_history(kit_lock_specification);
    is_free();
}

MODEL(lock, history, .what = "three threads, as an owner or none would answer",
      .threads = {plain, plain, plain}, .finish = check_history)
MODEL(lock, history_try, .what = "the same, one with try", .threads = {plain, plain, tried},
      .finish = check_history, .preemptions = 2)
MODEL(lock, history_until, .what = "the same, one with a deadline",
      .threads = {plain, plain, timed}, .finish = check_history, .preemptions = 2, .ticks = 1)

/* ---- deadlines ---- */

static void pass_until(void)
{
    thrum_time deadline = kit_soon();
    if (thrum_lock_acquire_until(&lock, deadline) != 0) {
        kit_has_passed(deadline);
        return;
    }
    kit_visit(&section);
    thrum_lock_release(&lock);
}

/** Holds the lock beyond the deadlines of others, if the clock is let. */
static void hold_long(void)
{
    thrum_lock_acquire(&lock);
    kit_visit(&section);
    (void)thrum_now();
    thrum_lock_release(&lock);
}

MODEL(lock, until, .what = "a deadline passes while two are queued",
      .threads = {hold_long, pass_until, pass}, .finish = is_free, .preemptions = 2, .ticks = 1)
MODEL(lock, until_two, .what = "two deadlines pass, then or never",
      .threads = {hold_long, pass_until, pass_until}, .finish = is_free, .preemptions = 2,
      .ticks = 2)
MODEL(lock, until_publishes, .what = "a deadline, on weak memory", .threads = {pass, pass_until},
      .finish = is_free, .ticks = 1, .stale_reads = 1)

static void times_out(void)
{
    thrum_time deadline = kit_soon();
    model_assert(thrum_lock_acquire_until(&lock, deadline) == THRUM_ETIMEDOUT);
    kit_has_passed(deadline);
}

static void hold_it(void)
{
    thrum_lock_acquire(&lock);
}

static void is_held(void)
{
    model_assert(thrum_lock_locked(&lock));
}

MODEL(lock, times_out, .what = "a deadline on a lock that is never released passes in time",
      .setup = hold_it, .threads = {times_out, times_out}, .finish = is_held, .spurious = 1,
      .ticks = 1)

/* ---- handed over ---- */

static thrum_time clock_goes_on;

/** A moment more than the time after which a waiter asks for the lock to be handed over. */
static void let_clock_go_on(void)
{
    clock_goes_on = kit_soon();
}

MODEL(lock, hands_over, .what = "to one who was overtaken for more than a millisecond",
      .setup = let_clock_go_on, .threads = {pass_twice, pass}, .finish = three_visits, .ticks = 1,
      .preemptions = 4)
MODEL(lock, hands_over_three, .what = "the same, with a third that queues",
      .setup = let_clock_go_on, .threads = {pass_twice, pass, pass}, .finish = four_visits,
      .ticks = 1, .preemptions = 2)

static void pass_three_times(void)
{
    pass();
    pass();
    pass();
}

MODEL(lock, hands_over_publishes, .what = "what the one who hands over wrote is read",
      .setup = let_clock_go_on, .threads = {pass_three_times, pass}, .finish = four_visits,
      .ticks = 1, .stale_reads = 1)

/** Lets the others come as far as they can, at no cost, while it holds the lock: so they queue,
 *  are overtaken, and queue again within few preemptions. */
static void hold_and_come_again(void)
{
    for (int i = 0; i < 3; i++) {
        thrum_lock_acquire(&lock);
        kit_visit(&section);
        for (unsigned j = i < 2 ? 4 : model_choose(4); j > 0; j--)
            th_pause();
        thrum_lock_release(&lock);
    }
}

static void five_visits(void)
{
    model_assert(section.visits == 5);
    is_free();
}

MODEL(lock, hands_over_queue, .what = "to the first of two who queue, who then wakes the second",
      .setup = let_clock_go_on, .threads = {hold_and_come_again, pass, pass}, .finish = five_visits,
      .ticks = 1, .preemptions = 2)

static void hold_checked_and_come_again(void)
{
    for (int i = 0; i < 3; i++) {
        thrum_lock_acquire(&lock);
        kit_visit(&section);
        for (int j = 0; j < 4; j++)
            th_pause();
        model_assert(thrum_lock_release_checked(&lock) == 0);
    }
}

MODEL(lock, checked_queue, .what = "a checked release while one of two who queue is on its way",
      .threads = {hold_checked_and_come_again, pass, pass}, .finish = five_visits, .preemptions = 1,
      .long_preemptions = 2)
static void take(void)
{
    thrum_lock_acquire(&lock);
    thrum_lock_release(&lock);
}

static void take_until(void)
{
    if (thrum_lock_acquire_until(&lock, kit_soon()) == 0)
        thrum_lock_release(&lock);
}

static void take_twice(void)
{
    take();
    take();
}

MODEL(lock, until_overtaken, .what = "the same, overtaken as it takes the lock after all",
      .threads = {take_twice, take_until, take}, .finish = is_free, .ticks = 1)
MODEL(lock, until_woken, .what = "a deadline passes in one who was woken and overtaken",
      .threads = {hold_and_come_again, pass_until, pass}, .finish = is_free, .ticks = 1,
      .preemptions = 1, .long_preemptions = 2)

static void hand_over_until(void)
{
    if (thrum_lock_acquire_until(&lock, kit_late()) == 0) {
        kit_visit(&section);
        thrum_lock_release(&lock);
    }
}

MODEL(lock, hands_over_until, .what = "to one whose deadline passes", .setup = let_clock_go_on,
      .threads = {pass_twice, hand_over_until}, .finish = is_free, .ticks = 2)

/* ---- released by another thread ---- */

static int message;

/** Python's way to use a lock as a signal: acquired by one, released by another. */
static void wait_for_signal(void)
{
    thrum_lock_acquire(&lock);
    model_assert(message == 1);
}

static void give_signal(void)
{
    message = 1;
    thrum_lock_release(&lock);
}

/** Who holds the lock by the setup, and does nothing. */
static void holder(void)
{
}

MODEL(lock, signals, .what = "acquired by one, released by another", .setup = hold_it,
      .threads = {holder, wait_for_signal, give_signal}, .stale_reads = 1)

static void forward_signal(void)
{
    thrum_lock_acquire(&lock);
    thrum_lock_release(&lock);
}

MODEL(lock, signals_two, .what = "the same with two that wait", .setup = hold_it,
      .threads = {holder, forward_signal, give_signal, forward_signal}, .preemptions = 3)

static unsigned refused_by[3];

static void release_noted(void)
{
    refused_by[model_thread()] = thrum_lock_release_checked(&lock) == THRUM_EPERM;
}

static void one_was_refused(void)
{
    model_assert(refused_by[1] + refused_by[2] == 1);
    model_assert(!thrum_lock_locked(&lock));
}

MODEL(lock, released_once, .what = "of two releases one is refused", .setup = hold_it,
      .threads = {holder, release_noted, release_noted}, .finish = one_was_refused)

/* ---- freed by the next owner ---- */

typedef struct shared {
    thrum_lock lock;
    int users;
} shared;

static shared *object;

static void make_object_of_two(void)
{
    object = th_alloc(sizeof *object);
    object->users = 2;
}

static void make_object_of_three(void)
{
    make_object_of_two();
    object->users = 3;
}

/** With the lock held: the last user frees. */
static void leave_held(shared *mine)
{
    bool last = --mine->users == 0;
    thrum_lock_release(&mine->lock);
    if (last)
        th_free(mine);
}

static void leave_object(void)
{
    shared *mine = object;
    thrum_lock_acquire(&mine->lock);
    leave_held(mine);
}

static void leave_object_until(void)
{
    shared *mine = object;
    while (thrum_lock_acquire_until(&mine->lock, kit_soon()) != 0)
        continue;
    leave_held(mine);
}

MODEL(lock, freed, .what = "the last of two owners frees it", .setup = make_object_of_two,
      .threads = {leave_object, leave_object}, .preemptions = 4)
MODEL(lock, freed_three, .what = "the last of three owners frees it", .setup = make_object_of_three,
      .threads = {leave_object, leave_object, leave_object})
MODEL(lock, freed_until, .what = "freed while a deadline passes", .setup = make_object_of_two,
      .threads = {leave_object, leave_object_until}, .ticks = 1)

/* ---- woken late ---- */

MODEL(lock, late, .what = "another is woken beside one that is long in coming",
      .setup = model_with_late_wakes, .threads = {pass_twice, pass, pass}, .finish = four_visits,
      .preemptions = 2, .ticks = 1)
MODEL(lock, late_four, .what = "the same with three that wait", .setup = model_with_late_wakes,
      .threads = {pass, pass, pass, pass}, .finish = four_visits, .preemptions = 1, .ticks = 1)
MODEL(lock, late_until, .what = "the same beside a deadline", .setup = model_with_late_wakes,
      .threads = {pass, pass, pass_until}, .finish = is_free, .preemptions = 1, .ticks = 2)

/* ---- misuse ---- */

static int told, handler_data;

static void note_misuse(const char *line, const void *which)
{
    (void)line;
    (void)which;
    __atomic_fetch_add(&told, 1, __ATOMIC_RELAXED);
}

static void note_misuse_with_data(const char *line, const void *which)
{
    note_misuse(line, which);
    model_assert(handler_data == 1);
}

static void listen_first(void)
{
    thrum_set_misuse_handler(note_misuse);
}

static void listen_with_data(void)
{
    handler_data = 1;
    thrum_set_misuse_handler(note_misuse_with_data);
}

static void misuse(void)
{
    thrum_lock_release(&lock);
}

static void listen_again(void)
{
    if (thrum_set_misuse_handler(note_misuse) == note_misuse_with_data)
        model_assert(handler_data == 1);
}

static void was_told_once(void)
{
    model_assert(told == 1);
}

MODEL(lock, misuse, .what = "a release of a free lock is told to one handler, with its data",
      .setup = listen_first, .threads = {listen_with_data, misuse, listen_again},
      .finish = was_told_once)

/* ---- more releases than holds ---- */

static bool released[4];

static void release_checked(void)
{
    released[model_thread()] = thrum_lock_release_checked(&lock) == 0;
}

static void acquire_and_release_checked(void)
{
    thrum_lock_acquire(&lock);
    release_checked();
}

/** Whoever it was: each hold was released once. */
static void two_holds_two_releases(void)
{
    model_assert(released[0] + released[1] + released[2] == 2);
}

MODEL(lock, released_by_two, .what = "of two that release one hold one is told that it is free",
      .setup = hold_it, .threads = {release_checked, release_checked, acquire_and_release_checked},
      .finish = two_holds_two_releases)

/** The owner's release is the inlined one: it can only be told by the misuse handler. */
static void one_release_too_many(void)
{
    model_assert(told + !released[1] == 1);
    model_assert(!thrum_lock_locked(&lock));
}

MODEL(lock, released_beside_owner, .what = "the owner and another release one hold",
      .setup = listen_first, .threads = {forward_signal, release_checked},
      .finish = one_release_too_many)
/** Two holds, four releases. */
static void two_releases_too_many(void)
{
    model_assert(told + !released[1] + !released[2] == 2);
    model_assert(!thrum_lock_locked(&lock));
}

MODEL(lock, released_beside_owner_by_two, .what = "two others beside owners, one of whom waits",
      .setup = listen_first,
      .threads = {forward_signal, release_checked, release_checked, forward_signal},
      .finish = two_releases_too_many, .preemptions = 3)
MODEL(lock, released_beside_owner_three, .what = "the same, with one that waits",
      .setup = listen_first, .threads = {forward_signal, release_checked, forward_signal},
      .finish = one_release_too_many, .preemptions = 4)
