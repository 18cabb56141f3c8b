/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of the maps (src/flow/executor_map.c, map.c): every input is called once, or, beyond a
 *  failure or when the caller has gone, once at most; the first failure in the order of the inputs
 *  is the one that is told; and the caller's arrays may be freed when the call has returned. */
#include <stdlib.h>

#include "model_kit.h"
#include "thrum/event.h"
#include "thrum/executor.h"
#include "thrum/future.h"

#define MOST 16

static thrum_executor *pool;
static int called[MOST], answers[MOST];
static size_t failing = MOST, failing_too = MOST;

static void make(unsigned workers)
{
    pool = thrum_executor_new(.max_workers = workers, .thread_name_prefix = "w");
    model_assert(pool != NULL);
}

/** Set by the second that is to fail, for which the first waits. */
static thrum_event second_has_begun;

static void *answer(void *number)
{
    size_t i = (size_t)(uintptr_t)number;
    model_assert(called[i]++ == 0);
    if (i == failing_too)
        thrum_event_set(&second_has_begun);
    else if (i == failing && failing_too != MOST)
        model_assert(thrum_event_wait(&second_has_begun) == 0);
    if (i == failing || i == failing_too)
        thrum_fail((int)i, "so");
    return &answers[i];
}

/** The caller's arrays, which end with the call. */
typedef struct arrays {
    void *inputs[MOST], *results[MOST];
} arrays;

static arrays *make_arrays(void)
{
    arrays *all = malloc(sizeof *all);
    if (all == NULL)
        model_discard();
    for (size_t i = 0; i < MOST; i++) {
        all->inputs[i] = (void *)(uintptr_t)i;
        all->results[i] = NULL;
    }
    return all;
}

static void are_right(const arrays *all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        model_assert(called[i] == 1 && all->results[i] == &answers[i]);
}

static int map_until(size_t n, thrum_time deadline, thrum_future **ret_failed)
{
    arrays *all = make_arrays();
    int status =
        thrum_executor_map_until(pool, answer, all->inputs, n, all->results, deadline, ret_failed);
    if (status == 0)
        are_right(all, n);
    else if (status == THRUM_EFAILED)
        are_right(all, failing);
    free(all);
    return status;
}

static void map_all(size_t n)
{
    make(2);
    model_assert(map_until(n, THRUM_FOREVER, NULL) == 0);
    thrum_executor_free(pool);
}

static void map_few(void)
{
    map_all(3);
}

/** So many that parts are reserved, and taken from each other. */
static void map_many(void)
{
    map_all(MOST);
}

MODEL(executor_map, few, .what = "each is called once, by two workers", .threads = {map_few},
      .preemptions = 1, .long_preemptions = 2)
MODEL(executor_map, many, .what = "the same of so many that parts are reserved",
      .threads = {map_many}, .preemptions = 1, .long_preemptions = 2)
MODEL(executor_map, few_weak, .what = "few on weak memory", .threads = {map_few}, .stale_reads = 1,
      .preemptions = 1)

static void fail_with(size_t n, size_t first, size_t second)
{
    make(2);
    failing = first;
    failing_too = second;
    thrum_future *failed = NULL;
    model_assert(map_until(n, THRUM_FOREVER, &failed) == THRUM_EFAILED);
    model_assert(thrum_future_error(failed)->code == (int)first);
    thrum_future_free(failed);
    thrum_executor_free(pool);
}

static void fail_once(void)
{
    fail_with(4, 1, MOST);
}

static void fail_twice(void)
{
    fail_with(3, 1, 2);
}

static void fail_late(void)
{
    fail_with(MOST, MOST - 4, MOST);
}

MODEL(executor_map, fails, .what = "what comes before a failure has been called",
      .threads = {fail_once}, .preemptions = 1, .long_preemptions = 2)
MODEL(executor_map, fails_twice, .what = "of two failures the first in order is told",
      .threads = {fail_twice}, .preemptions = 1, .long_preemptions = 2)
MODEL(executor_map, fails_late, .what = "the same where parts are reserved", .threads = {fail_late},
      .preemptions = 1, .long_preemptions = 2)

static void map_in_time(void)
{
    make(1);
    thrum_time deadline = kit_soon();
    int status = map_until(2, deadline, NULL);
    if (status != 0) {
        model_assert(status == THRUM_ETIMEDOUT);
        kit_has_passed(deadline);
    }
    thrum_executor_free(pool);
}

static void *cancel_all(void *unused)
{
    model_assert(thrum_executor_shutdown(pool, THRUM_CANCEL_FUTURES) == 0);
    return unused;
}

static void map_beside_cancel(void)
{
    make(1);
    thrum_thread *other = kit_spawn(cancel_all, NULL);
    int status = map_until(3, THRUM_FOREVER, NULL);
    model_assert(status == 0 || status == THRUM_ESHUTDOWN || status == THRUM_ECANCELLED);
    kit_join_and_free(other);
    thrum_executor_free(pool);
}

static int fail_to_begin(void *unused)
{
    (void)unused;
    return 1;
}

static void say_nothing(const thrum_thread *thread, const thrum_error *error)
{
    (void)thread;
    (void)error;
}

static void map_on_broken(void)
{
    (void)thrum_set_excepthook(say_nothing);
    pool = thrum_executor_new(.max_workers = 2, .initializer = fail_to_begin);
    model_assert(map_until(3, THRUM_FOREVER, NULL) == THRUM_EBROKEN);
    thrum_executor_free(pool);
}

static void *map_inside(void *unused)
{
    model_assert(map_until(3, THRUM_FOREVER, NULL) == 0);
    return unused;
}

static void map_in_task(void)
{
    make(1);
    thrum_future *future = NULL;
    model_assert(thrum_executor_submit(pool, map_inside, NULL, &future) == 0);
    model_assert(thrum_future_wait(future) == 0);
    thrum_future_free(future);
    thrum_executor_free(pool);
}

static void map_with_little(void)
{
    pool = thrum_executor_new(.max_workers = 2, .thread_name_prefix = "w");
    if (pool == NULL)
        model_discard();
    int status = map_until(3, THRUM_FOREVER, NULL);
    model_assert(status == 0 || status == THRUM_ENOMEM || status == THRUM_EAGAIN);
    thrum_executor_free(pool);
}

MODEL(executor_map, deadline, .what = "the arrays end with a call whose deadline has passed",
      .threads = {map_in_time}, .ticks = 1, .preemptions = 1, .long_preemptions = 2)
MODEL(executor_map, deadline_weak, .what = "the same on weak memory", .threads = {map_in_time},
      .ticks = 1, .stale_reads = 2, .preemptions = 1)
MODEL(executor_map, deadline_strict, .what = "the same where shares have fences of their own",
      .setup = model_without_fences, .threads = {map_in_time}, .ticks = 1, .stale_reads = 2,
      .preemptions = 1)
MODEL(executor_map, fails_strict, .what = "a failure where shares have fences of their own",
      .setup = model_without_fences, .threads = {fail_once}, .stale_reads = 1, .preemptions = 1)
MODEL(executor_map, cancelled, .what = "beside a shutdown that cancels",
      .threads = {map_beside_cancel}, .preemptions = 1, .long_preemptions = 2)
MODEL(executor_map, broken, .what = "beside an initializer that fails", .threads = {map_on_broken},
      .preemptions = 2)
MODEL(executor_map, inside, .what = "in a task of the only worker", .threads = {map_in_task},
      .preemptions = 1, .long_preemptions = 2)
MODEL(executor_map, short_of_everything, .what = "memory or threads are missing",
      .threads = {map_with_little}, .failures = 1, .preemptions = 1, .long_preemptions = 2)

/* ---- the lazy one ---- */

#define INPUTS 3
#define BUFFERSIZE 2

static size_t pulled, taken;

static bool next_input(void *unused, void **ret_input)
{
    (void)unused;
    model_assert(pulled - taken < BUFFERSIZE);
    *ret_input = (void *)(uintptr_t)pulled;
    return pulled < INPUTS && ++pulled > 0;
}

static thrum_map *make_map(void)
{
    make(2);
    thrum_map *map = thrum_map_new(pool, answer, next_input, NULL, .buffersize = BUFFERSIZE);
    model_assert(map != NULL);
    return map;
}

static void take_all(void)
{
    thrum_map *map = make_map();
    for (size_t i = 0; i < INPUTS; i++) {
        void *result = NULL;
        taken++; /* before anything is pulled for it */
        model_assert(thrum_map_next(map, &result) == 0 && result == &answers[i]);
    }
    model_assert(thrum_map_next(map, NULL) == THRUM_EEMPTY);
    thrum_map_free(map);
    thrum_executor_free(pool);
}

static void take_one(void)
{
    thrum_map *map = make_map();
    void *result = NULL;
    taken = 1;
    model_assert(thrum_map_next(map, &result) == 0 && result == &answers[0]);
    thrum_map_free(map);
    thrum_executor_free(pool);
    model_assert(called[0] == 1 && called[1] <= 1 && called[2] <= 1);
}

static void take_failing(void)
{
    failing = 1;
    thrum_map *map = make_map();
    taken = 1;
    model_assert(thrum_map_next(map, NULL) == 0);
    model_assert(thrum_map_next(map, NULL) == THRUM_EFAILED);
    model_assert(thrum_map_error(map)->code == 1);
    model_assert(thrum_map_next(map, NULL) == THRUM_EEMPTY);
    thrum_map_free(map);
    thrum_executor_free(pool);
}

MODEL(map, in_order, .what = "results in order, never more in flight than asked for",
      .threads = {take_all}, .preemptions = 1, .long_preemptions = 2)
MODEL(map, freed_early, .what = "what has not begun is cancelled", .threads = {take_one},
      .preemptions = 1, .long_preemptions = 2)
MODEL(map, fails, .what = "a failure ends it", .threads = {take_failing}, .preemptions = 1,
      .long_preemptions = 2)
