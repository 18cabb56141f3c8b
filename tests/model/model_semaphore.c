/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of the semaphore (src/sync/semaphore.c): permits are neither lost nor doubled, whether
 *  they are taken, given to a waiter, or refused; what was written before a release is read after
 *  the acquire that it permits. */
#include "model_kit.h"
#include "platform/memory.h"
#include "thrum/semaphore.h"

static thrum_semaphore semaphore;
static kit_section section;

static void one_permit(void)
{
    thrum_semaphore_init(&semaphore, 1, false);
}

static void pass(void)
{
    model_assert(thrum_semaphore_acquire(&semaphore) == 0);
    kit_visit(&section);
    model_assert(thrum_semaphore_release(&semaphore, 1) == 0);
}

static void pass_twice(void)
{
    pass();
    pass();
}

/** One permit, nobody queued. */
static void one_is_left(void)
{
    model_assert(semaphore.state == 2);
}

MODEL(semaphore, excludes, .what = "one permit, three threads", .setup = one_permit,
      .threads = {pass, pass, pass}, .finish = one_is_left)
MODEL(semaphore, excludes_four, .what = "one permit, four threads", .setup = one_permit,
      .threads = {pass, pass, pass, pass}, .finish = one_is_left)
MODEL(semaphore, again, .what = "one permit, two threads, each twice", .setup = one_permit,
      .threads = {pass_twice, pass_twice}, .finish = one_is_left)
MODEL(semaphore, spurious, .what = "one permit, sleeps that end for nothing", .setup = one_permit,
      .threads = {pass, pass, pass}, .finish = one_is_left, .spurious = 2, .preemptions = 2)
MODEL(semaphore, publishes, .what = "what a holder wrote the next reads, on weak memory",
      .setup = one_permit, .threads = {pass_twice, pass, pass}, .finish = one_is_left,
      .stale_reads = 1, .preemptions = 2)

/* ---- as a signal ---- */

static int written;

static void produce(void)
{
    written = 1;
    model_assert(thrum_semaphore_release(&semaphore, 1) == 0);
}

static void produce_two(void)
{
    written = 1;
    model_assert(thrum_semaphore_release(&semaphore, 2) == 0);
}

static void consume(void)
{
    model_assert(thrum_semaphore_acquire(&semaphore) == 0);
    model_assert(written == 1);
}

static void consume_by_trying(void)
{
    if (thrum_semaphore_try_acquire(&semaphore))
        model_assert(written == 1);
    else
        consume();
}

/** Nothing, nobody queued. */
static void none_is_left(void)
{
    model_assert(semaphore.state == 0);
}

MODEL(semaphore, signals, .what = "written before a release, read after the acquire",
      .threads = {produce, consume_by_trying}, .finish = none_is_left, .stale_reads = 2)
MODEL(semaphore, signals_two, .what = "a release of two wakes two",
      .threads = {consume, produce_two, consume}, .finish = none_is_left, .stale_reads = 1)

static void give_one_more(void)
{
    model_assert(thrum_semaphore_release(&semaphore, 1) == 0);
}

static void consume_only(void)
{
    model_assert(thrum_semaphore_acquire(&semaphore) == 0);
}

MODEL(semaphore, signals_each, .what = "two releases meet, two wait",
      .threads = {consume_only, give_one_more, consume_only, give_one_more}, .finish = none_is_left)

static void produce_three(void)
{
    written = 1;
    model_assert(thrum_semaphore_release(&semaphore, 3) == 0);
}

MODEL(semaphore, signals_three, .what = "a release of three wakes three, who wake each other",
      .threads = {consume, consume, consume, produce_three}, .finish = none_is_left)

MODEL(semaphore, left_over, .what = "a release of three wakes two and leaves one permit",
      .threads = {consume, produce_three, consume}, .finish = one_is_left, .spurious = 1)

/** With two queued and one permit given, a third acquires with the rest. */
static void consume_left_over(void)
{
    consume();
    consume();
}

MODEL(semaphore, left_over_publishes, .what = "who takes what a waking release left reads as well",
      .threads = {consume_left_over, produce_three, consume}, .finish = none_is_left,
      .stale_reads = 1)

/* ---- histories ---- */

enum { VALUE = KIT_RELEASE + 1, RELEASE_BOUNDED };
enum { BOUND = 1 };

/** A counter that can be asked, and may have a bound. */
static bool counter(void *state, const model_operation *operation)
{
    int64_t *permits = state;
    switch (operation->operation) {
    case VALUE: return operation->result == *permits;
    case RELEASE_BOUNDED:
        if (operation->result == THRUM_EOVERFLOW)
            return *permits + operation->argument > BOUND;
        *permits += operation->argument;
        return *permits <= BOUND;
    default: return kit_counter_specification(state, operation);
    }
}

static void acquire(void)
{
    unsigned call = model_call(KIT_ACQUIRE, 0);
    model_assert(thrum_semaphore_acquire(&semaphore) == 0);
    model_return(call, 1);
}

static bool try_to_acquire(void)
{
    unsigned call = model_call(KIT_ACQUIRE, 0);
    bool taken = thrum_semaphore_try_acquire(&semaphore);
    model_return(call, taken);
    return taken;
}

static void ask_value(void)
{
    unsigned call = model_call(VALUE, 0);
    model_return(call, thrum_semaphore_value(&semaphore));
}

static void release(unsigned n)
{
    unsigned call = model_call(KIT_RELEASE, n);
    model_return(call, thrum_semaphore_release(&semaphore, n));
}

static void acquire_and_release(void)
{
    acquire();
    release(1);
}

static void release_two(void)
{
    release(2);
    ask_value();
}

static void acquire_and_try(void)
{
    acquire();
    if (try_to_acquire())
        release(1);
}

static void check_history(void)
{
    model_check_history(counter);
}

MODEL(semaphore, history, .what = "three threads, as a counter would answer",
      .threads = {acquire_and_release, release_two, acquire_and_try}, .finish = check_history)

static void one_permit_of_one(void)
{
    thrum_semaphore_init(&semaphore, 1, true);
    unsigned call = model_call(KIT_RELEASE, 1);
    model_return(call, 0);
}

static int release_bounded(void)
{
    unsigned call = model_call(RELEASE_BOUNDED, 1);
    int status = thrum_semaphore_release(&semaphore, 1);
    model_return(call, status);
    return status;
}

static void release_too_often(void)
{
    (void)release_bounded();
    (void)release_bounded();
}

static void pass_bounded(void)
{
    acquire();
    (void)release_bounded();
}

MODEL(semaphore, history_bounded, .what = "a bounded counter, released too often",
      .setup = one_permit_of_one, .threads = {pass_bounded, pass_bounded, release_too_often},
      .finish = check_history, .preemptions = 2)

/* ---- deadlines ---- */

/** Refused only if there was no permit: the specification says so for the whole call. */
static bool acquire_until(void)
{
    unsigned call = model_call(KIT_ACQUIRE, 0);
    int status = thrum_semaphore_acquire_until(&semaphore, kit_soon());
    model_assert(status == 0 || status == THRUM_ETIMEDOUT);
    model_return(call, status == 0);
    return status == 0;
}

static bool granted[4];

static void take_until(void)
{
    granted[model_thread()] = acquire_until();
}

static void give_one(void)
{
    release(1);
}

static void give_two(void)
{
    release(2);
}

/** What was given was taken or is there. */
static void accounted(unsigned given)
{
    check_history();
    unsigned taken = 0;
    for (int i = 0; i < 4; i++)
        taken += granted[i];
    model_assert((semaphore.state & 1) == 0);
    model_assert(taken + semaphore.state / 2 == given);
}

static void one_accounted(void)
{
    accounted(1);
}

static void two_accounted(void)
{
    accounted(2);
}

static void take(void)
{
    acquire();
    granted[model_thread()] = true;
}

MODEL(semaphore, until, .what = "a permit for two whose deadlines may pass",
      .threads = {take_until, take_until, give_one}, .finish = one_accounted, .ticks = 1,
      .preemptions = 2)
MODEL(semaphore, until_one, .what = "a release meets a deadline", .threads = {take_until, give_one},
      .finish = one_accounted, .ticks = 1, .preemptions = 4)
MODEL(semaphore, until_and_forever, .what = "a deadline passes before one that has none",
      .threads = {take_until, take, give_two}, .finish = two_accounted, .ticks = 1,
      .preemptions = 2)

static void take_until_and_read(void)
{
    thrum_time deadline = kit_soon();
    if (thrum_semaphore_acquire_until(&semaphore, deadline) == 0)
        model_assert(written == 1);
    else
        kit_has_passed(deadline);
}

MODEL(semaphore, until_publishes, .what = "a deadline, on weak memory",
      .threads = {take_until_and_read, produce}, .ticks = 1, .stale_reads = 2)

/* ---- freed by the one who acquired ---- */

static thrum_semaphore *object;

static void make_object(void)
{
    object = th_alloc(sizeof *object);
}

static void give_object(void)
{
    model_assert(thrum_semaphore_release(object, 1) == 0);
}

static void take_and_free_object(void)
{
    model_assert(thrum_semaphore_acquire(object) == 0);
    th_free(object);
}

MODEL(semaphore, freed, .what = "the waiter frees it", .setup = make_object,
      .threads = {give_object, take_and_free_object}, .preemptions = 4)

static void take_until_and_free_object(void)
{
    while (thrum_semaphore_acquire_until(object, kit_soon()) != 0)
        continue;
    th_free(object);
}

MODEL(semaphore, freed_until, .what = "the waiter frees it, after deadlines", .setup = make_object,
      .threads = {give_object, take_until_and_free_object}, .ticks = 1)
