/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of the barrier (src/sync/barrier.c): nobody passes before all have come, everybody in a
 *  round is told the same, an abort or a missed deadline lets nobody wait for ever, and what was
 *  written before the barrier is read after it. */
#include "model_kit.h"
#include "platform/memory.h"
#include "thrum/barrier.h"

#define MOST 4

static thrum_barrier barrier;
static int written[MOST];
static int told[MOST];

static void two_parties(void)
{
    model_assert(thrum_barrier_init(&barrier, 2, NULL, NULL) == 0);
}

static void three_parties(void)
{
    model_assert(thrum_barrier_init(&barrier, 3, NULL, NULL) == 0);
}

static void four_parties(void)
{
    model_assert(thrum_barrier_init(&barrier, 4, NULL, NULL) == 0);
}

static void pass(void)
{
    unsigned me = model_thread();
    written[me] = 1;
    told[me] = thrum_barrier_wait(&barrier);
    for (unsigned i = 0; i < barrier.parties; i++)
        model_assert(written[i] == 1);
}

/** Each was told another number. */
static void all_told(void)
{
    unsigned seen = 0;
    for (unsigned i = 0; i < barrier.parties; i++)
        seen |= 1u << told[i];
    model_assert(seen == (1u << barrier.parties) - 1);
    model_assert(barrier.arrived == 0 && barrier.state == 0);
}

MODEL(barrier, passes, .what = "three pass together", .setup = three_parties,
      .threads = {pass, pass, pass}, .finish = all_told)
MODEL(barrier, passes_four, .what = "four pass together", .setup = four_parties,
      .threads = {pass, pass, pass, pass}, .finish = all_told, .preemptions = 1)
MODEL(barrier, spurious, .what = "sleeps that end for nothing", .setup = three_parties,
      .threads = {pass, pass, pass}, .finish = all_told, .spurious = 1, .preemptions = 2)
MODEL(barrier, publishes, .what = "what each wrote all read, on weak memory",
      .setup = three_parties, .threads = {pass, pass, pass}, .finish = all_told, .stale_reads = 1,
      .preemptions = 2)

/* ---- again ---- */

static int shared_value;

/** In each round one of them writes: nobody else may be in the next round yet. */
static void pass_twice(void)
{
    int first = thrum_barrier_wait(&barrier);
    model_assert(first >= 0);
    if (first == 0)
        shared_value++;
    int second = thrum_barrier_wait(&barrier);
    model_assert(second >= 0);
    model_assert(shared_value == 1);
}

MODEL(barrier, again, .what = "two rounds of two", .setup = two_parties,
      .threads = {pass_twice, pass_twice}, .stale_reads = 1)
MODEL(barrier, again_three, .what = "two rounds of three", .setup = three_parties,
      .threads = {pass_twice, pass_twice, pass_twice}, .preemptions = 1)

/* ---- a history: whether it is broken ---- */

enum { ABORT, RESET, IS_BROKEN };

static void call_is_broken(void)
{
    unsigned call = model_call(IS_BROKEN, 0);
    model_return(call, thrum_barrier_is_broken(&barrier));
}

static void call_abort(void)
{
    unsigned call = model_call(ABORT, 0);
    thrum_barrier_abort(&barrier);
    model_return(call, 0);
    call_is_broken();
}

static void call_reset(void)
{
    unsigned call = model_call(RESET, 0);
    thrum_barrier_reset(&barrier);
    model_return(call, 0);
}

static bool broken_flag(void *state, const model_operation *operation)
{
    int64_t *broken = state;
    switch (operation->operation) {
    case ABORT: *broken = 1; return true;
    case RESET: *broken = 0; return true;
    default: return operation->result == *broken;
    }
}

static void look_twice(void)
{
    call_is_broken();
    call_is_broken();
}

static void check_flag(void)
{
    model_check_history(broken_flag);
}

MODEL(barrier, history, .what = "whether it is broken, as a flag would answer",
      .setup = three_parties, .threads = {call_abort, look_twice, call_reset}, .finish = check_flag)

/* ---- abort and reset ---- */

static void both_told_the_same(void)
{
    bool passed = told[0] >= 0;
    model_assert(passed == (told[1] >= 0));
    model_assert(passed ? told[0] + told[1] == 1
                        : told[0] == THRUM_EBROKEN && told[1] == THRUM_EBROKEN);
    model_assert(barrier.arrived == 0);
}

static void wait_and_note(void)
{
    told[model_thread()] = thrum_barrier_wait(&barrier);
}

static void abort_it(void)
{
    thrum_barrier_abort(&barrier);
}

static void reset_it(void)
{
    thrum_barrier_reset(&barrier);
}

static void is_broken_and_same(void)
{
    both_told_the_same();
    model_assert(thrum_barrier_is_broken(&barrier));
}

MODEL(barrier, aborted, .what = "an abort meets a round of two", .setup = two_parties,
      .threads = {wait_and_note, wait_and_note, abort_it}, .finish = is_broken_and_same)
MODEL(barrier, aborted_spurious, .what = "the same, sleeps that end for nothing",
      .setup = two_parties, .threads = {wait_and_note, wait_and_note, abort_it},
      .finish = is_broken_and_same, .spurious = 1, .preemptions = 2)

/** A reset breaks the round that is filling; who comes after it waits for another. */
static void reset_breaks_one(void)
{
    bool left[2] = {model_is_asleep(0), model_is_asleep(1)};
    model_assert(!left[0] || !left[1]);
    if (left[0] || left[1])
        model_assert(told[left[0]] == THRUM_EBROKEN);
    else
        both_told_the_same();
    model_assert(!thrum_barrier_is_broken(&barrier));
}

MODEL(barrier, reset, .what = "a reset meets a round of two", .setup = two_parties,
      .threads = {wait_and_note, wait_and_note, reset_it}, .finish = reset_breaks_one,
      .may_deadlock = true)

static int before_abort;

static void write_and_abort(void)
{
    before_abort = 1;
    thrum_barrier_abort(&barrier);
}

static void look_and_read(void)
{
    if (thrum_barrier_is_broken(&barrier))
        model_assert(before_abort == 1);
}

static void wait_and_read(void)
{
    model_assert(thrum_barrier_wait(&barrier) == THRUM_EBROKEN);
    model_assert(before_abort == 1);
}

MODEL(barrier, abort_publishes, .what = "written before an abort, read after it was seen",
      .setup = two_parties, .threads = {write_and_abort, look_and_read, wait_and_read},
      .stale_reads = 1)

/* ---- deadlines ---- */

static void wait_until_and_note(void)
{
    told[model_thread()] = thrum_barrier_wait_until(&barrier, kit_soon());
}

MODEL(barrier, until, .what = "a deadline passes before or after the other comes",
      .setup = two_parties, .threads = {wait_until_and_note, wait_and_note},
      .finish = both_told_the_same, .ticks = 1)

static void three_told_the_same(void)
{
    unsigned passed = 0;
    for (int i = 0; i < 3; i++) {
        passed += told[i] >= 0;
        model_assert(told[i] >= 0 || told[i] == THRUM_EBROKEN);
    }
    model_assert(passed == 0 || passed == 3);
    model_assert((passed == 0) == thrum_barrier_is_broken(&barrier));
    model_assert(barrier.arrived == 0);
}

MODEL(barrier, until_three, .what = "who misses its deadline wakes those who have none",
      .setup = three_parties, .threads = {wait_until_and_note, wait_and_note, wait_and_note},
      .finish = three_told_the_same, .ticks = 1, .preemptions = 2)

static void wait_in_vain(void)
{
    model_assert(thrum_barrier_wait_until(&barrier, kit_soon()) == THRUM_EBROKEN);
}

static void is_broken(void)
{
    model_assert(thrum_barrier_is_broken(&barrier) && barrier.arrived == 0);
}

MODEL(barrier, times_out, .what = "two of three come, two deadlines pass", .setup = three_parties,
      .threads = {wait_in_vain, wait_in_vain}, .finish = is_broken, .ticks = 1, .spurious = 1)

/* ---- actions ---- */

static int actions, action_value;

static int act(void *arg)
{
    actions++;
    for (unsigned i = 0; i < barrier.parties; i++)
        action_value += written[i];
    return *(int *)arg;
}

static int succeeds = 0, fails = 1;

static void two_parties_that_act(void)
{
    model_assert(thrum_barrier_init(&barrier, 2, act, &succeeds) == 0);
}

static void two_parties_that_fail(void)
{
    model_assert(thrum_barrier_init(&barrier, 2, act, &fails) == 0);
}

static void pass_and_read_action(void)
{
    unsigned me = model_thread();
    written[me] = 1;
    told[me] = thrum_barrier_wait(&barrier);
    model_assert(actions == 1 && action_value == 2);
}

static void passed_with_action(void)
{
    both_told_the_same();
    model_assert(actions == 1 && told[0] >= 0);
}

static void broken_by_action(void)
{
    is_broken_and_same();
    model_assert(actions == 1);
}

MODEL(barrier, acts, .what = "what the action wrote all read, on weak memory",
      .setup = two_parties_that_act, .threads = {pass_and_read_action, pass_and_read_action},
      .finish = passed_with_action, .stale_reads = 1)
MODEL(barrier, action_fails, .what = "a failing action breaks it for all",
      .setup = two_parties_that_fail, .threads = {pass_and_read_action, pass_and_read_action},
      .finish = broken_by_action)
MODEL(barrier, action_aborted, .what = "an abort meets an action", .setup = two_parties_that_act,
      .threads = {wait_and_note, wait_and_note, abort_it}, .finish = is_broken_and_same,
      .preemptions = 2)

static int fail(void *arg)
{
    (void)arg;
    return 1;
}

static void two_of_three_that_fail(void)
{
    model_assert(thrum_barrier_init(&barrier, 2, fail, NULL) == 0);
}

/** A third arrives while the action of the first two runs and fails: it is told so as well. */
static void third_told_too(void)
{
    for (int i = 0; i < 3; i++)
        model_assert(told[i] == THRUM_EBROKEN);
    model_assert(thrum_barrier_is_broken(&barrier));
}

MODEL(barrier, action_fails_next_round, .what = "a failing action wakes the next round too",
      .setup = two_of_three_that_fail, .threads = {wait_and_note, wait_and_note, wait_and_note},
      .finish = third_told_too, .preemptions = 2)

/** An abort during the action, then a reset: the round is broken all the same, the barrier open. */
static int abort_and_reset_meanwhile(void *arg)
{
    (void)arg;
    thrum_barrier_abort(&barrier);
    thrum_barrier_reset(&barrier);
    return 0;
}

static void two_parties_reset_meanwhile(void)
{
    model_assert(thrum_barrier_init(&barrier, 2, abort_and_reset_meanwhile, NULL) == 0);
}

static void broken_but_open(void)
{
    model_assert(told[0] == THRUM_EBROKEN && told[1] == THRUM_EBROKEN);
    model_assert(!thrum_barrier_is_broken(&barrier));
}

MODEL(barrier, action_aborts, .what = "an abort in the action is not forgotten by a reset",
      .setup = two_parties_reset_meanwhile, .threads = {wait_and_note, wait_and_note},
      .finish = broken_but_open)

static int act_for_long(void *arg)
{
    (void)arg;
    (void)thrum_now();
    return 0;
}

static void two_parties_that_act_for_long(void)
{
    model_assert(thrum_barrier_init(&barrier, 2, act_for_long, NULL) == 0);
}

MODEL(barrier, until_action, .what = "a deadline passes during the action",
      .setup = two_parties_that_act_for_long, .threads = {wait_until_and_note, wait_and_note},
      .finish = both_told_the_same, .ticks = 2)

/* ---- freed by the first who passed ---- */

static thrum_barrier *object;

static void make_object(void)
{
    object = th_alloc(sizeof *object);
    model_assert(thrum_barrier_init(object, 2, NULL, NULL) == 0);
}

/** The first to arrive frees it; the last touches it no more. */
static void pass_and_free(void)
{
    thrum_barrier *mine = object;
    if (thrum_barrier_wait(mine) == 0)
        th_free(mine);
}

MODEL(barrier, freed, .what = "who waited frees it", .setup = make_object,
      .threads = {pass_and_free, pass_and_free}, .preemptions = 4)
