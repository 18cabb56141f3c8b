/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of the executor (src/flow/pool.c, worker.c, executor.c): every task is run once, whoever
 *  sleeps or is on its way; a shutdown ends, a submit that waits for a place goes on, a failed
 *  start of a thread loses nothing. Small: one or two workers, a few tasks. */
#include "flow/pool.h"
#include "model_kit.h"
#include "thrum/event.h"
#include "thrum/executor.h"

static int runs[4];
static thrum_executor *pool;

static void *run_task(void *number)
{
    runs[(intptr_t)number]++;
    return number;
}

static void submit(intptr_t number)
{
    model_assert(thrum_executor_submit(pool, run_task, (void *)number, NULL) == 0);
}

static void make(unsigned workers, size_t places)
{
    pool = thrum_executor_new(.max_workers = workers, .max_pending = places,
                              .thread_name_prefix = "w");
    model_assert(pool != NULL);
}

static void free_it(void)
{
    thrum_executor_free(pool);
}

static void ran(int count)
{
    for (int i = 0; i < 4; i++)
        model_assert(runs[i] == (i < count));
}

static void one_ran(void)
{
    ran(1);
}

static void two_ran(void)
{
    ran(2);
}

static void three_ran(void)
{
    ran(3);
}

/* ---- one worker ---- */

static void submit_one(void)
{
    make(1, 0);
    submit(0);
    free_it();
}

static void submit_two(void)
{
    make(1, 0);
    submit(0);
    submit(1);
    free_it();
}

/** The second comes when the worker has nothing to do, or is about to sleep, or sleeps. */
static void submit_in_turn(void)
{
    make(1, 0);
    thrum_future *future = NULL;
    void *result = NULL;
    model_assert(thrum_executor_submit(pool, run_task, (void *)0, &future) == 0);
    model_assert(thrum_future_result(future, &result) == 0 && result == NULL);
    model_assert(runs[0] == 1);
    thrum_future_free(future);
    submit(1);
    free_it();
}

MODEL(executor, one_task, .what = "submitted, run, ended", .threads = {submit_one},
      .finish = one_ran, .preemptions = 3)
MODEL(executor, two_tasks, .what = "two tasks, one worker", .threads = {submit_two},
      .finish = two_ran, .preemptions = 3)
MODEL(executor, in_turn, .what = "a task for a worker that falls asleep",
      .threads = {submit_in_turn}, .finish = two_ran, .preemptions = 2)
MODEL(executor, in_turn_weak, .what = "the same on weak memory", .threads = {submit_in_turn},
      .finish = two_ran, .stale_reads = 1, .preemptions = 2)
MODEL(executor, in_turn_spurious, .what = "the same, sleeps that end for nothing",
      .threads = {submit_in_turn}, .finish = two_ran, .spurious = 1, .preemptions = 2)

/* ---- two workers ---- */

static void two_workers(void)
{
    make(2, 0);
    submit(0);
    submit(1);
    free_it();
}

static thrum_event second_has_run;

static void *wait_for_second(void *number)
{
    model_assert(thrum_event_wait(&second_has_run) == 0);
    return run_task(number);
}

static void *let_first_go(void *number)
{
    thrum_event_set(&second_has_run);
    return run_task(number);
}

/** A task that blocks until the next has run: somebody else must take that one. */
static void second_frees_first(void)
{
    make(2, 0);
    model_assert(thrum_executor_submit(pool, wait_for_second, (void *)0, NULL) == 0);
    model_assert(thrum_executor_submit(pool, let_first_go, (void *)1, NULL) == 0);
    free_it();
}

/** Both workers exist; the second is woken by the first, on its way to the task that blocks. */
static void second_wakes_later(void)
{
    make(2, 0);
    thrum_future *futures[2];
    for (intptr_t i = 0; i < 2; i++)
        model_assert(thrum_executor_submit(pool, run_task, (void *)(2 + i), &futures[i]) == 0);
    for (int i = 0; i < 2; i++) {
        model_assert(thrum_future_wait(futures[i]) == 0);
        thrum_future_free(futures[i]);
    }
    model_assert(thrum_executor_submit(pool, wait_for_second, (void *)0, NULL) == 0);
    model_assert(thrum_executor_submit(pool, let_first_go, (void *)1, NULL) == 0);
    model_assert(thrum_event_wait(&second_has_run) == 0);
    free_it();
}

static void *submit_and_wait(void *number)
{
    model_assert(thrum_executor_submit(pool, let_first_go, (void *)1, NULL) == 0);
    return wait_for_second(number);
}

/** The same from inside: the second lies in the queue of the worker that blocks. */
static void second_is_stolen(void)
{
    make(2, 0);
    model_assert(thrum_executor_submit(pool, submit_and_wait, (void *)0, NULL) == 0);
    model_assert(thrum_event_wait(&second_has_run) == 0);
    free_it();
}

/** Both workers exist, and are awake, or asleep, or between. */
static void second_is_stolen_by_sleeper(void)
{
    make(2, 0);
    submit(2);
    submit(3);
    model_assert(thrum_executor_submit(pool, submit_and_wait, (void *)0, NULL) == 0);
    model_assert(thrum_event_wait(&second_has_run) == 0);
    free_it();
}

static void four_ran(void)
{
    ran(4);
}

MODEL(executor, two_workers, .what = "two tasks, two workers", .threads = {two_workers},
      .finish = two_ran, .preemptions = 2)
MODEL(executor, second_frees_first, .what = "no task lies behind one that blocks",
      .threads = {second_frees_first}, .finish = two_ran, .preemptions = 2)
MODEL(executor, wakes_next, .what = "who comes and sees more than it takes wakes the next",
      .threads = {second_wakes_later}, .finish = four_ran, .preemptions = 1, .long_preemptions = 2)
MODEL(executor, stolen, .what = "a subtask is taken from a worker that blocks",
      .threads = {second_is_stolen}, .finish = two_ran, .preemptions = 1, .long_preemptions = 2)
MODEL(executor, stolen_by_sleeper, .what = "the same by one that may be falling asleep",
      .threads = {second_is_stolen_by_sleeper}, .finish = four_ran, .preemptions = 1,
      .long_preemptions = 2)

MODEL(executor, stolen_by_sleeper_weak, .what = "the same on weak memory",
      .threads = {second_is_stolen_by_sleeper}, .finish = four_ran, .stale_reads = 1,
      .preemptions = 1, .long_preemptions = 2)

/* ---- places, ends, failures ---- */

static void few_places(void)
{
    make(1, 1);
    submit(0);
    submit(1);
    submit(2);
    free_it();
}

static void submit_until_shut(void)
{
    int first = thrum_executor_submit(pool, run_task, (void *)0, NULL);
    int second = thrum_executor_submit(pool, run_task, (void *)1, NULL);
    model_assert(first == 0 || first == THRUM_ESHUTDOWN);
    model_assert(second == 0 || second == THRUM_ESHUTDOWN);
    model_assert(first == 0 || second != 0);
}

static void *shut_it(void *unused)
{
    model_assert(thrum_executor_shutdown(pool, 0) == 0);
    return unused;
}

static void submit_beside_shutdown(void)
{
    make(1, 1);
    thrum_thread *other = kit_spawn(shut_it, NULL);
    submit_until_shut();
    kit_join_and_free(other);
    free_it();
}

static void cancel_all(void)
{
    make(1, 0);
    thrum_future *future = NULL;
    model_assert(thrum_executor_submit(pool, run_task, (void *)0, &future) == 0);
    model_assert(thrum_executor_shutdown(pool, THRUM_CANCEL_FUTURES) == 0);
    free_it();
    model_assert(thrum_future_is_done(future));
    model_assert(runs[0] == !thrum_future_is_cancelled(future));
    thrum_future_free(future);
}

/** Threads and memory may be missing: what is submitted is run. */
static void submit_what_can_be(void)
{
    pool = thrum_executor_new(.max_workers = 2, .thread_name_prefix = "w");
    if (pool == NULL)
        model_discard();
    int submitted = 0;
    for (intptr_t i = 0; i < 2; i++)
        submitted += thrum_executor_submit(pool, run_task, (void *)i, NULL) == 0;
    free_it();
    model_assert(runs[0] + runs[1] == submitted);
}

static void *free_from_inside(void *number)
{
    thrum_executor_free(pool);
    return run_task(number);
}

static void freed_from_inside(void)
{
    make(1, 0);
    model_assert(thrum_executor_submit(pool, free_from_inside, (void *)0, NULL) == 0);
}

static void leave_to_the_end(void)
{
    make(1, 0);
    submit(0);
    submit(1);
    model_assert(thrum_shutdown() == 0);
    model_assert(runs[0] == 1 && runs[1] == 1);
    model_assert(thrum_executor_submit(pool, run_task, (void *)2, NULL) == THRUM_ESHUTDOWN);
    free_it();
}

static thrum_event both_run;
static int running;

/** Both take a place at a time; none is lost for those that come after. */
static void *meet(void *number)
{
    if (__atomic_add_fetch(&running, 1, __ATOMIC_RELAXED) == 2)
        thrum_event_set(&both_run);
    model_assert(thrum_event_wait(&both_run) == 0);
    return run_task(number);
}

/** Two more than there are places. */
static void *submit_two_more(void *number)
{
    model_assert(thrum_executor_submit(pool, meet, (void *)1, NULL) == 0);
    model_assert(thrum_executor_submit(pool, meet, (void *)2, NULL) == 0);
    return run_task(number);
}

static void owe_places(void)
{
    make(2, 1);
    model_assert(thrum_executor_submit(pool, submit_two_more, (void *)0, NULL) == 0);
    model_assert(thrum_event_wait(&both_run) == 0);
    /* relaxed: all that were owed have been paid for before */
    model_assert(__atomic_load_n(&pool->debt, __ATOMIC_RELAXED) == 0);
    submit(3);
    free_it();
}

MODEL(executor, owes_places, .what = "places that workers took beyond the bound are paid for once",
      .threads = {owe_places}, .finish = four_ran, .preemptions = 1, .long_preemptions = 2)
MODEL(executor, few_places, .what = "a submit waits until the task before has started",
      .threads = {few_places}, .finish = three_ran, .preemptions = 2)
MODEL(executor, shut_beside_submit, .what = "who waits for a place is told of the shutdown",
      .threads = {submit_beside_shutdown}, .preemptions = 1, .long_preemptions = 2)
MODEL(executor, cancels, .what = "shut down with what is queued cancelled", .threads = {cancel_all},
      .preemptions = 3)
MODEL(executor, short_of_everything, .what = "memory or threads are missing",
      .threads = {submit_what_can_be}, .failures = 1, .preemptions = 1, .long_preemptions = 2)
MODEL(executor, freed_from_inside, .what = "a task frees its executor",
      .threads = {freed_from_inside}, .finish = one_ran, .preemptions = 3)
MODEL(executor, program_ends, .what = "what is queued is done at the end of the program",
      .threads = {leave_to_the_end}, .preemptions = 2)

/* ---- shut amid it all ---- */

static void *submit_second(void *unused)
{
    int status = thrum_executor_submit(pool, run_task, (void *)1, NULL);
    model_assert(status == 0 || status == THRUM_ESHUTDOWN);
    return unused;
}
/** Once it is known that the other waits for a place. */
static void close_twice(void)
{
    make(1, 1);
    submit(0);
    thrum_thread *other = kit_spawn(submit_second, NULL);
    /* who waits for a place is counted as alive */
    th_rawlock_acquire(&pool->lock);
    size_t alive = pool->alive;
    th_rawlock_release(&pool->lock);
    if (alive < 2)
        model_discard();
    model_assert(thrum_executor_shutdown(pool, 0) == 0);
    free_it();
    kit_join_and_free(other);
}

MODEL(executor, closes_twice, .what = "shutdown then free beside a waiting submit",
      .threads = {close_twice}, .preemptions = 3)

static void *submit_shut_wait(void *number)
{
    model_assert(thrum_executor_submit(pool, let_first_go, (void *)1, NULL) == 0);
    model_assert(thrum_executor_shutdown(pool, 0) == 0);
    return wait_for_second(number);
}

static void shut_and_wait(void)
{
    make(2, 0);
    submit(2);
    submit(3);
    model_assert(thrum_executor_submit(pool, submit_shut_wait, (void *)0, NULL) == 0);
    model_assert(thrum_event_wait(&second_has_run) == 0);
    free_it();
}

MODEL(executor, leaves_work, .what = "shut while a subtask lies in the queue of who blocks",
      .threads = {shut_and_wait}, .finish = four_ran, .preemptions = 2, .long_preemptions = 3)

static thrum_event told;

static void *tell(void *number)
{
    runs[(intptr_t)number]++;
    thrum_event_set(&told);
    return number;
}

/** It runs nothing more before another has run its subtask. */
static void *submit_and_await(void *number)
{
    runs[(intptr_t)number]++;
    int status = thrum_executor_submit(pool, tell, (void *)2, NULL);
    model_assert(status == 0 || status == THRUM_ESHUTDOWN);
    if (status == 0)
        model_assert(thrum_event_wait(&told) == 0);
    return number;
}

static void shut_beside_subtask(void)
{
    make(2, 0);
    submit(0);
    model_assert(thrum_executor_submit(pool, submit_and_await, (void *)1, NULL) == 0);
    model_assert(thrum_executor_shutdown(pool, 0) == 0);
    free_it();
}

static void two_or_three_ran(void)
{
    model_assert(runs[0] == 1 && runs[1] == 1 && runs[2] <= 1);
}

MODEL(executor, leaves_subtask, .what = "shut as a task submits what it waits for",
      .threads = {shut_beside_subtask}, .finish = two_or_three_ran, .preemptions = 2,
      .long_preemptions = 3)

MODEL(executor, leaves_subtask_weak, .what = "the same on weak memory",
      .threads = {shut_beside_subtask}, .finish = two_or_three_ran, .stale_reads = 1,
      .preemptions = 2)

static thrum_event has_subs, end_first;
static thrum_future *subs[4];
static void *submit_subs(void *number)
{
    for (intptr_t i = 0; i < 4; i++)
        model_assert(thrum_executor_submit(pool, run_task, (void *)i, &subs[i]) == 0);
    thrum_event_set(&has_subs);
    (void)thrum_event_wait(&end_first);
    return number;
}

static void cancel_amid_thefts(void)
{
    make(2, 0);
    model_assert(thrum_executor_submit(pool, submit_subs, (void *)0, NULL) == 0);
    model_assert(thrum_event_wait(&has_subs) == 0);
    model_assert(thrum_executor_shutdown(pool, THRUM_CANCEL_FUTURES) == 0);
    bool was_pending[4];
    for (int i = 0; i < 4; i++)
        was_pending[i] = !thrum_future_is_done(subs[i]) && !thrum_future_is_running(subs[i]);
    thrum_event_set(&end_first);
    free_it();
    int started = 0; /* one may have been in the hand of the second worker */
    for (int i = 0; i < 4; i++) {
        bool is_cancelled = thrum_future_is_cancelled(subs[i]);
        started += was_pending[i] && !is_cancelled;
        model_assert(runs[i] == !is_cancelled);
        thrum_future_free(subs[i]);
    }
    model_assert(started <= 1);
}

MODEL(executor, cancels_stolen, .what = "shutdown(CANCEL) while tasks are being stolen",
      .threads = {cancel_amid_thefts}, .preemptions = 2)

static thrum_future *others;
static void *submit_other(void *unused)
{
    if (thrum_executor_submit(pool, run_task, (void *)1, &others) != 0)
        others = NULL;
    return unused;
}

static void submit_beside_failure(void)
{
    pool = thrum_executor_new(.max_workers = 1, .thread_name_prefix = "w");
    if (pool == NULL)
        model_discard();
    thrum_thread *other = thrum_spawn(submit_other, NULL);
    if (other == NULL)
        model_discard();
    thrum_future *mine = NULL;
    if (thrum_executor_submit(pool, run_task, (void *)0, &mine) == 0) {
        (void)thrum_future_wait(mine);
        thrum_future_free(mine);
    }
    (void)thrum_thread_join(other);
    thrum_thread_free(other);
    if (others != NULL) { /* accepted: it is done without another submit */
        model_assert(thrum_future_wait(others) == 0);
        model_assert(runs[1] == 1);
    }
    thrum_future_free(others);
    free_it();
}

MODEL(executor, stranded, .what = "no thread for one, whose other has been told that it comes",
      .threads = {submit_beside_failure}, .failures = 1, .preemptions = 1, .long_preemptions = 2)

static thrum_event submits;

static void *say_and_submit_other(void *unused)
{
    thrum_event_set(&submits);
    return submit_other(unused);
}

static void drain_beside_growth(void)
{
    make(1, 0);
    thrum_thread *other = kit_spawn(say_and_submit_other, NULL);
    model_assert(thrum_event_wait(&submits) == 0);
    model_assert(thrum_executor_shutdown(pool, THRUM_CANCEL_FUTURES) == 0);
    kit_join_and_free(other);
    free_it();
    model_assert(runs[1] == (others != NULL && !thrum_future_is_cancelled(others)));
    thrum_future_free(others);
}

MODEL(executor, drain, .what = "cancel beside growth", .threads = {drain_beside_growth},
      .preemptions = 2)
