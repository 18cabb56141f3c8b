/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of waits for several futures (src/flow/wait.c): they return when what they wait for has
 *  come, never later, and touch no future and are touched by none afterwards; each is given once,
 *  in the order of completion. */
#include "model_kit.h"
#include "thrum/future.h"

static thrum_future *futures[2];
static int written[2];

static void make_two(void)
{
    for (int i = 0; i < 2; i++)
        futures[i] = thrum_future_new();
}

static void free_two(void)
{
    for (int i = 0; i < 2; i++)
        thrum_future_free(futures[i]);
}

static void complete_first(void)
{
    written[0] = 1;
    model_assert(thrum_future_set_result(futures[0], NULL) == 0);
}

static void complete_second(void)
{
    written[1] = 1;
    model_assert(thrum_future_set_result(futures[1], NULL) == 0);
}

static void fail_second(void)
{
    written[1] = 1;
    model_assert(thrum_future_set_error(futures[1], 5, "so") == 0);
}

static void cancel_first(void)
{
    written[0] = 1;
    model_assert(thrum_future_cancel(futures[0]));
}

static void complete_both(void)
{
    complete_first();
    complete_second();
}

static bool is_done(int i)
{
    bool done = thrum_future_is_done(futures[i]);
    model_assert(!done || written[i] == 1);
    return done;
}

static void wait_for_all(void)
{
    model_assert(thrum_futures_wait(futures, 2, THRUM_ALL_COMPLETED) == 0);
    model_assert(is_done(0) && is_done(1));
}

static void wait_for_first(void)
{
    model_assert(thrum_futures_wait(futures, 2, THRUM_FIRST_COMPLETED) == 0);
    model_assert(is_done(0) || is_done(1));
}

static void wait_for_exception(void)
{
    model_assert(thrum_futures_wait(futures, 2, THRUM_FIRST_EXCEPTION) == 0);
    model_assert(thrum_future_error(futures[1]) != NULL || (is_done(0) && is_done(1)));
}

MODEL(futures_wait, all, .what = "for both, which two threads complete", .setup = make_two,
      .threads = {wait_for_all, complete_first, complete_second}, .finish = free_two,
      .preemptions = 2)
MODEL(futures_wait, all_weak, .what = "the same by one thread, on weak memory", .setup = make_two,
      .threads = {wait_for_all, complete_both}, .finish = free_two, .stale_reads = 1,
      .preemptions = 2)
MODEL(futures_wait, first, .what = "for the first of two", .setup = make_two,
      .threads = {wait_for_first, complete_first, complete_second}, .finish = free_two,
      .preemptions = 2)
MODEL(futures_wait, first_weak, .what = "the same by one thread, on weak memory", .setup = make_two,
      .threads = {wait_for_first, complete_both}, .finish = free_two, .stale_reads = 1,
      .preemptions = 2)
MODEL(futures_wait, exception, .what = "for the first failure beside one that is cancelled",
      .setup = make_two, .threads = {fail_second, wait_for_exception, cancel_first},
      .finish = free_two, .preemptions = 2)
MODEL(futures_wait, exception_never, .what = "for a failure that does not come", .setup = make_two,
      .threads = {wait_for_exception, cancel_first, complete_second}, .finish = free_two,
      .preemptions = 2)

/** The last handles, too. */
static void wait_for_all_and_free(void)
{
    wait_for_all();
    free_two();
}

MODEL(futures_wait, all_and_free, .what = "who waited frees the handles of who completes",
      .setup = make_two, .threads = {wait_for_all_and_free, complete_both})

static void wait_in_time(void)
{
    thrum_time deadline = kit_soon();
    int status = thrum_futures_wait_until(futures, 2, THRUM_ALL_COMPLETED, deadline);
    if (status == THRUM_ETIMEDOUT)
        kit_has_passed(deadline);
    else
        model_assert(status == 0 && is_done(0) && is_done(1));
}

MODEL(futures_wait, deadline, .what = "a deadline races with completion", .setup = make_two,
      .threads = {wait_in_time, complete_both}, .finish = free_two, .ticks = 1)

static void wait_if_there_is_memory(void)
{
    int status = thrum_futures_wait(futures, 2, THRUM_ALL_COMPLETED);
    model_assert(status == THRUM_ENOMEM || (status == 0 && is_done(0) && is_done(1)));
}

MODEL(futures_wait, without_memory, .what = "says so, and leaves nothing behind", .setup = make_two,
      .threads = {wait_if_there_is_memory, complete_both}, .finish = free_two, .failures = 1,
      .preemptions = 2)

static void wait_for_one_twice(void)
{
    thrum_future *twice[] = {futures[0], futures[0]};
    model_assert(thrum_futures_wait(twice, 2, THRUM_ALL_COMPLETED) == 0);
    model_assert(is_done(0));
}

MODEL(futures_wait, twice, .what = "for one that occurs twice", .setup = make_two,
      .threads = {wait_for_one_twice, complete_first}, .finish = free_two)
MODEL(futures_wait, two_waiters, .what = "one for all, one for the first", .setup = make_two,
      .threads = {wait_for_all, complete_both, wait_for_first}, .finish = free_two,
      .preemptions = 1, .long_preemptions = 2)

/* ---- as_completed ---- */

static void iterate(void)
{
    thrum_future *first = NULL, *second = NULL, *none = NULL;
    thrum_as_completed *all = thrum_as_completed_new(futures, 2);
    model_assert(all != NULL);
    model_assert(thrum_as_completed_next(all, &first) == 0);
    model_assert(thrum_future_is_done(first));
    model_assert(thrum_as_completed_next(all, &second) == 0);
    model_assert(thrum_future_is_done(second) && second != first);
    model_assert(thrum_as_completed_next(all, &none) == THRUM_EEMPTY && none == NULL);
    thrum_as_completed_free(all);
    model_assert(written[0] == 1 && written[1] == 1);
}

static void iterate_in_order(void)
{
    thrum_future *first = NULL, *second = NULL;
    thrum_as_completed *all = thrum_as_completed_new(futures, 2);
    bool none_was_done = !thrum_future_is_done(futures[0]);
    model_assert(thrum_as_completed_next(all, &first) == 0);
    model_assert(!none_was_done || first == futures[0]);
    model_assert(thrum_as_completed_next(all, &second) == 0);
    thrum_as_completed_free(all);
}

static void give_up(void)
{
    thrum_as_completed *all = thrum_as_completed_new(futures, 2);
    model_assert(thrum_as_completed_next(all, NULL) == 0);
    thrum_as_completed_free(all);
}

MODEL(as_completed, each_once, .what = "two, which two threads complete", .setup = make_two,
      .threads = {iterate, complete_first, complete_second}, .finish = free_two, .preemptions = 2)
MODEL(as_completed, each_once_weak, .what = "the same by one thread, on weak memory",
      .setup = make_two, .threads = {iterate, complete_both}, .finish = free_two, .stale_reads = 1,
      .preemptions = 2)
MODEL(as_completed, in_order, .what = "in the order of their completion", .setup = make_two,
      .threads = {iterate_in_order, complete_both}, .finish = free_two)
MODEL(as_completed, freed_early, .what = "freed after the first, while the second completes",
      .setup = make_two, .threads = {give_up, complete_first, complete_second}, .finish = free_two,
      .preemptions = 2)
MODEL(as_completed, freed_early_weak, .what = "the same by one thread, on weak memory",
      .setup = make_two, .threads = {give_up, complete_both}, .finish = free_two, .stale_reads = 1,
      .preemptions = 2)
