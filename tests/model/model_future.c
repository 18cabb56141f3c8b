/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of the future (src/flow/future.c): one of those who complete, cancel or claim it decides;
 *  who waits returns after that and sees what was written before; callbacks are called once; who
 *  was woken may free the last handle. */
#include "flow/future.h"
#include "model_kit.h"
#include "platform/memory.h"

static thrum_future *future;
static int written, called, decided, left;

static void make_one(void)
{
    future = thrum_future_new();
}

static void make_two_handles(void)
{
    future = thrum_future_ref(thrum_future_new());
}

static void free_it(void)
{
    thrum_future_free(future);
}

static void complete(void)
{
    written = 1;
    model_assert(thrum_future_set_result(future, &written) == 0);
}

static void fail(void)
{
    written = 1;
    model_assert(thrum_future_set_error(future, 5, "so") == 0);
}

static void get(void)
{
    void *result = NULL;
    int status = thrum_future_result(future, &result);
    if (status == 0)
        model_assert(result == &written && written == 1);
    else if (status == THRUM_EFAILED)
        model_assert(thrum_future_error(future)->code == 5 && written == 1);
    else
        model_assert(status == THRUM_ECANCELLED && thrum_future_is_cancelled(future));
}

static void get_if_done(void)
{
    if (thrum_future_is_done(future))
        model_assert(written == 1);
}

static void get_in_time(void)
{
    thrum_time deadline = kit_soon();
    int status = thrum_future_result_until(future, NULL, deadline);
    if (status == THRUM_ETIMEDOUT)
        kit_has_passed(deadline);
    else
        model_assert(status == 0 && written == 1);
}

MODEL(future, publishes, .what = "written before set_result, read after result", .setup = make_one,
      .threads = {complete, get, get_if_done}, .finish = free_it, .stale_reads = 2,
      .preemptions = 2)
MODEL(future, wakes_all, .what = "two who wait are both woken", .setup = make_one,
      .threads = {get, complete, get}, .finish = free_it, .spurious = 1, .preemptions = 2)
MODEL(future, fails, .what = "an error is read as it was set", .setup = make_one,
      .threads = {fail, get}, .finish = free_it, .stale_reads = 1, .failures = 0)
MODEL(future, deadline, .what = "a deadline races with completion", .setup = make_one,
      .threads = {complete, get_in_time, get}, .finish = free_it, .ticks = 1, .preemptions = 2)

static void get_and_free(void)
{
    get();
    thrum_future_free(future);
}

MODEL(future, freed_by_the_woken, .what = "who was woken frees the handle that set_result uses",
      .setup = make_one, .threads = {complete, get_and_free})

static void cancel(void)
{
    decided += thrum_future_cancel(future);
}

MODEL(future, cancelled_and_freed, .what = "who was woken frees the handle that cancel uses",
      .setup = make_one, .threads = {cancel, get_and_free})

/* ---- who decides ---- */

static void try_complete(void)
{
    if (thrum_future_set_result(future, &written) == 0)
        __atomic_fetch_add(&decided, 1, __ATOMIC_RELAXED);
}

static void try_fail(void)
{
    if (thrum_future_set_error(future, 5, "so") == 0)
        __atomic_fetch_add(&decided, 1, __ATOMIC_RELAXED);
}

static void try_cancel(void)
{
    if (thrum_future_cancel(future))
        __atomic_fetch_add(&decided, 1, __ATOMIC_RELAXED);
}

static void one_decided(void)
{
    model_assert(decided == 1 && thrum_future_is_done(future));
    thrum_future_free(future);
}

MODEL(future, completed_once, .what = "a result, an error and a cancel: one of them counts",
      .setup = make_one, .threads = {try_fail, try_complete, try_cancel}, .finish = one_decided)

static void cancel_and_see(void)
{
    model_assert(thrum_future_cancel(future));
    model_assert(thrum_future_is_cancelled(future));
}

MODEL(future, cancelled_twice, .what = "of two cancels both say so", .setup = make_one,
      .threads = {cancel_and_see, cancel_and_see, get}, .finish = free_it, .preemptions = 2)

static void begin_and_complete(void)
{
    int status = thrum_future_start(future);
    if (status == 0) {
        __atomic_fetch_add(&decided, 1, __ATOMIC_RELAXED);
        model_assert(thrum_future_set_result(future, &written) == 0);
    } else {
        model_assert(status == THRUM_ECANCELLED);
    }
}

MODEL(future, started_or_cancelled, .what = "a started one is not cancelled", .setup = make_one,
      .threads = {begin_and_complete, try_cancel}, .finish = one_decided)

static int told;

static void tell_and_cancel(void)
{
    told = 1;
    thrum_future_cancel(future);
}

static void begin_or_be_told(void)
{
    int status = thrum_future_start(future);
    if (status == 0)
        complete();
    else
        model_assert(status == THRUM_ECANCELLED && told == 1);
}

MODEL(future, refused_after_cancel, .what = "written before cancel, read after a refused start",
      .setup = make_one, .threads = {tell_and_cancel, begin_or_be_told, get}, .finish = free_it,
      .stale_reads = 2, .preemptions = 2)

/* ---- callbacks ---- */

static void note(thrum_future *one, void *arg)
{
    model_assert(one == future && thrum_future_is_done(one));
    *(int *)arg += 1;
}

static int first, second;

static void add_first(void)
{
    model_assert(thrum_future_add_done_callback(future, note, &first) == 0);
}

static void add_second(void)
{
    model_assert(thrum_future_add_done_callback(future, note, &second) == 0);
}

static void all_were_called(void)
{
    model_assert(first == 1 && second == 1);
    thrum_future_free(future);
}

static void one_was_called(void)
{
    model_assert(first == 1);
    thrum_future_free(future);
}

MODEL(future, callbacks, .what = "added while it completes, each is called once", .setup = make_one,
      .threads = {add_first, complete, add_second}, .finish = all_were_called, .preemptions = 2)
MODEL(future, callbacks_weak, .what = "the same on weak memory", .setup = make_one,
      .threads = {add_first, complete}, .finish = one_was_called, .stale_reads = 1)

static void in_order(thrum_future *one, void *arg)
{
    model_assert(one == future && called == (int)(intptr_t)arg);
    called++;
}

static void add_in_order(void)
{
    for (intptr_t i = 0; i < 3; i++)
        model_assert(thrum_future_add_done_callback(future, in_order, (void *)i) == 0);
}

static void drop_after_adding(void)
{
    add_first();
    thrum_future_free(future);
}

static void complete_and_drop(void)
{
    complete();
    thrum_future_free(future);
}

static void first_was_called(void)
{
    model_assert(first == 1);
}

MODEL(future, callbacks_and_free, .what = "who added drops its handle before it is completed",
      .setup = make_two_handles, .threads = {drop_after_adding, complete_and_drop},
      .finish = first_was_called)

static void three_in_order(void)
{
    model_assert(called == 3);
    thrum_future_free(future);
}

static void complete_after_all(void)
{
    add_in_order();
    complete();
}

MODEL(future, callbacks_in_order, .what = "in the order in which they were added, beside a waiter",
      .setup = make_one, .threads = {complete_after_all, get}, .finish = three_in_order)

static void add_or_not(void)
{
    int status = thrum_future_add_done_callback(future, note, &first);
    model_assert(status == 0 || status == THRUM_ENOMEM);
    decided = status == 0;
}

static void as_added(void)
{
    model_assert(first == decided);
    thrum_future_free(future);
}

MODEL(future, callbacks_without_memory, .what = "a callback that was refused is not called",
      .setup = make_one, .threads = {add_or_not, complete}, .finish = as_added, .failures = 1)

/* ---- tasks ---- */

static th_task_source *source;

static void note_left(th_task_source *from)
{
    model_assert(from == source && left == 0);
    left++;
}

static void *work(void *arg)
{
    written = 1;
    return arg;
}

/** With a handle and the queue's reference. */
static void make_task(void)
{
    source = th_alloc(sizeof *source);
    source->left_pending = note_left;
    future = th_alloc(sizeof *future);
    th_task_init(future, source, work, &written, 2);
}

static void drop_queues(void)
{
    if (th_task_unrefer(future))
        th_task_destroy(future);
}

/** What a queue's worker does; its executor goes right after. */
static void take_and_run(void)
{
    if (th_task_claim(future))
        th_task_run(future);
    else
        th_task_settle(future);
    model_assert(left == 1);
    th_free(source);
    drop_queues();
}

static void cancel_and_free(void)
{
    thrum_future_cancel(future);
    thrum_future_free(future);
}

static void one_left(void)
{
    model_assert(left == 1);
}

MODEL(task, claimed_or_cancelled, .what = "its source is told once, before it goes",
      .setup = make_task, .threads = {take_and_run, cancel_and_free}, .finish = one_left)
MODEL(task, claimed_or_cancelled_weak, .what = "the same on weak memory", .setup = make_task,
      .threads = {take_and_run, cancel_and_free}, .finish = one_left, .stale_reads = 1,
      .preemptions = 2)
MODEL(task, result, .what = "its result is waited for, and the handle freed", .setup = make_task,
      .threads = {take_and_run, get_and_free}, .finish = one_left, .stale_reads = 1,
      .preemptions = 2)

/** A worker of the same executor waits for the task, and may run it itself. */
static void wait_as_worker(void)
{
    static th_runner runner;
    runner.source = source;
    th_runner_enter(&runner);
    get_and_free();
    th_runner_leave();
}

static void take_as_worker(void)
{
    static th_runner runner;
    runner.source = source;
    th_runner_enter(&runner);
    if (th_task_claim(future))
        th_task_run(future);
    else
        th_task_settle(future);
    drop_queues();
    th_runner_leave();
}

static void one_left_of_two(void)
{
    model_assert(left == 1);
    th_free(source);
}

MODEL(task, helped, .what = "a waiting worker or the queue's runs it", .setup = make_task,
      .threads = {take_as_worker, wait_as_worker}, .finish = one_left_of_two, .stale_reads = 1,
      .preemptions = 2)

static void break_it(void)
{
    if (!th_task_break(future, "broken"))
        th_task_settle(future);
    model_assert(left == 1);
    th_free(source);
    drop_queues();
}

static void see_it_broken(void)
{
    int status = thrum_future_result(future, NULL);
    model_assert(status == THRUM_EBROKEN || status == THRUM_ECANCELLED);
    model_assert((thrum_future_error(future) != NULL) == (status == THRUM_EBROKEN));
    thrum_future_free(future);
}

static void make_task_of_three(void)
{
    make_task();
    thrum_future_ref(future);
}

MODEL(task, broken, .what = "a task that is broken, cancelled and waited for",
      .setup = make_task_of_three, .threads = {break_it, see_it_broken, cancel_and_free},
      .finish = one_left, .preemptions = 2)

/* ---- cycles ---- */

static thrum_future *tasks[2];
static int told;

static void *wait_for_other_task(void *arg)
{
    int status = thrum_future_wait(tasks[*(int *)arg]);
    model_assert(status == 0 || status == THRUM_EDEADLK);
    if (status == THRUM_EDEADLK)
        __atomic_fetch_add(&told, 1, __ATOMIC_RELAXED);
    return NULL;
}

static int other_of[2] = {1, 0};

static void make_ring(void)
{
    source = th_alloc(sizeof *source);
    for (int i = 0; i < 2; i++) {
        tasks[i] = th_alloc(sizeof *tasks[i]);
        th_task_init(tasks[i], source, wait_for_other_task, &other_of[i], 2);
    }
}

static void run_ring(int i, th_runner *runner)
{
    runner->source = source;
    th_runner_enter(runner);
    if (th_task_claim(tasks[i]))
        th_task_run(tasks[i]);
    else
        th_task_settle(tasks[i]);
    th_runner_leave();
}

static void run_first_of_ring(void)
{
    static th_runner runner;
    run_ring(0, &runner);
}

static void run_second_of_ring(void)
{
    static th_runner runner;
    run_ring(1, &runner);
}

static void one_was_told(void)
{
    model_assert(told == 1);
    for (int i = 0; i < 2; i++) {
        model_assert(thrum_future_is_done(tasks[i]));
        thrum_future_free(tasks[i]);
        thrum_future_free(tasks[i]);
    }
    th_free(source);
}

MODEL(task, ring, .what = "two tasks that wait for each other: one is told", .setup = make_ring,
      .threads = {run_first_of_ring, run_second_of_ring}, .finish = one_was_told)
MODEL(task, ring_weak, .what = "the same on weak memory", .setup = make_ring,
      .threads = {run_first_of_ring, run_second_of_ring}, .finish = one_was_told, .stale_reads = 1,
      .preemptions = 2)
