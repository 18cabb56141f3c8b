/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of the once (src/sync/once.c): one of many runs the function, and all return after it
 *  has run, knowing what it wrote. */
#include "model_kit.h"
#include "platform/memory.h"
#include "thrum/once.h"

static thrum_once once;
static int runs, made;

static void make(void *arg)
{
    runs++;
    made = *(int *)arg;
}

static int forty_two = 42;

static void run_and_read(void)
{
    thrum_once_run(&once, make, &forty_two);
    model_assert(made == 42);
}

static void run_twice(void)
{
    run_and_read();
    run_and_read();
}

static void ran_one_time(void)
{
    model_assert(runs == 1);
    model_assert(once.state == THRUM_PRIVATE_ONCE_DONE);
}

MODEL(once, runs, .what = "one of three threads runs it",
      .threads = {run_and_read, run_and_read, run_twice}, .finish = ran_one_time)
MODEL(once, runs_four, .what = "one of four threads runs it",
      .threads = {run_and_read, run_and_read, run_and_read, run_and_read}, .finish = ran_one_time)
MODEL(once, spurious, .what = "sleeps that end for nothing",
      .threads = {run_and_read, run_and_read, run_and_read}, .finish = ran_one_time, .spurious = 2,
      .preemptions = 2)
MODEL(once, publishes, .what = "what it wrote is read by all, on weak memory",
      .threads = {run_twice, run_and_read, run_and_read}, .finish = ran_one_time, .stale_reads = 2)

/* ---- while it waits for something itself ---- */

static thrum_once inner;

static void make_inner(void *arg)
{
    (void)arg;
    thrum_once_run(&inner, make, &forty_two);
}

static void run_outer(void)
{
    thrum_once_run(&once, make_inner, NULL);
    model_assert(made == 42);
}

static void run_inner(void)
{
    thrum_once_run(&inner, make, &forty_two);
    model_assert(made == 42);
}

MODEL(once, nested, .what = "one inside another that a third runs",
      .threads = {run_outer, run_inner, run_outer}, .finish = ran_one_time)

/* ---- a history ---- */

static int ran_by_me[3];

static void note_run(void *arg)
{
    (void)arg;
    ran_by_me[model_thread()] = 1;
}

static void call_run(void)
{
    unsigned call = model_call(0, 0);
    thrum_once_run(&once, note_run, NULL);
    model_return(call, ran_by_me[model_thread()]);
}

/** The first runs it, the others do not. */
static bool first_runs(void *state, const model_operation *operation)
{
    int64_t *done = state;
    bool right = operation->result == (*done == 0);
    *done = 1;
    return right;
}

static void check_history(void)
{
    model_check_history(first_runs);
}

MODEL(once, history, .what = "three threads, the first runs it",
      .threads = {call_run, call_run, call_run}, .finish = check_history)

/* ---- freed by one who waited ---- */

typedef struct shared {
    thrum_once once;
    int runner;
} shared;

static shared *object;

static void make_object(void)
{
    object = th_alloc(sizeof *object);
}

static void note_runner(void *arg)
{
    ((shared *)arg)->runner = (int)model_thread() + 1;
}

/** Who did not run it frees it as soon as it returns; the runner touches it no more. */
static void run_and_free_object(void)
{
    shared *mine = object;
    thrum_once_run(&mine->once, note_runner, mine);
    if (mine->runner != 1)
        model_discard();
    if (model_thread() == 1)
        th_free(mine);
}

static void run_object_only(void)
{
    thrum_once_run(&object->once, note_runner, object);
}

MODEL(once, freed, .what = "the waiter frees it", .setup = make_object,
      .threads = {run_object_only, run_and_free_object}, .preemptions = 4)
