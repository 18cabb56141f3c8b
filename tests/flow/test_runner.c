/* SPDX-License-Identifier: MIT */
/** @file
 *  Runner: workers made by hand that help with tasks of their own source, and are told of cycles
 *  of waits. */
#include "future_support.h"
#include "platform/memory.h"

enum { WORKERS = 4, TASKS = 8 };

/** What a task does is a function of the case; where it is to be found by others. */
typedef struct job {
    thrum_future *future; /**< with the test's handle and the queue's reference */
    void *(*run)(struct job *self);
    struct job *others; /**< whom it waits for */
    int count;
    thrum_return_when when;
    int status;      /**< what the wait said */
    uint64_t thread; /**< who ran it */
    int turn;        /**< the how manieth that began */
} job;

/** A worker runs these, as a queue would hand them to it. */
typedef struct worker {
    th_runner runner;
    job *jobs[TASKS];
    int count;
    test_thread thread;
} worker;

static th_task_source one_pool, another_pool;
static int turns, deadlocks;

static void *run_job(void *arg)
{
    job *self = arg;
    self->thread = thrum_get_ident();
    self->turn = bump(&turns);
    return self->run(self);
}

static void make(job *one, void *(*run)(job *self), th_task_source *source)
{
    one->run = run;
    one->future = HAVE(th_alloc(sizeof *one->future));
    th_task_init(one->future, source, run_job, one, 2);
}

/** Drop what the queue and the test hold. */
static void unmake(job *one)
{
    thrum_future_free(one->future);
    thrum_future_free(one->future);
}

static void *work(void *arg)
{
    worker *self = arg;
    CHECK_PTR(th_runner_self(), NULL);
    th_runner_enter(&self->runner);
    CHECK_PTR(th_runner_self(), &self->runner);
    for (int i = 0; i < self->count; i++) {
        if (th_task_claim(self->jobs[i]->future))
            th_task_run(self->jobs[i]->future);
        else
            th_task_settle(self->jobs[i]->future);
    }
    th_runner_leave();
    CHECK_PTR(th_runner_self(), NULL);
    return NULL;
}

static void start(worker *one, th_task_source *source, job *first)
{
    *one = (worker){.runner = {.source = source}, .jobs = {first}, .count = 1};
    test_spawn(&one->thread, work, one);
}

/** Let one worker of `one_pool` run the job to its end. */
static void run_alone(job *first)
{
    worker one;
    start(&one, &one_pool, first);
    test_join(&one.thread);
}

static void *do_nothing(job *self)
{
    return self;
}

static void *fail(job *self)
{
    (void)self;
    return thrum_fail(1, "as meant");
}

static void *wait_for_other(job *self)
{
    self->status = thrum_future_wait(self->others->future);
    if (self->status == THRUM_EDEADLK)
        bump(&deadlocks);
    return self;
}

static void *wait_for_others(job *self)
{
    thrum_future *futures[TASKS];
    for (int i = 0; i < self->count; i++)
        futures[i] = self->others[i].future;
    self->status = thrum_futures_wait(futures, (size_t)self->count, self->when);
    if (self->status == THRUM_EDEADLK)
        bump(&deadlocks);
    return self;
}

/* ---- helping ---- */

TEST(runner, runs_an_unstarted_task_that_it_waits_for)
{
    job inner = {.thread = 0}, outer = {.others = &inner, .status = 1};
    make(&inner, do_nothing, &one_pool);
    make(&outer, wait_for_other, &one_pool);
    run_alone(&outer);
    CHECK_STATUS(outer.status, 0);
    CHECK_EQ(inner.thread, outer.thread);
    void *result;
    CHECK_STATUS(thrum_future_result(inner.future, &result), 0);
    CHECK_PTR(result, &inner);
    unmake(&inner);
    unmake(&outer);
}

enum { DEEP = 200 };

TEST(runner, runs_tasks_that_wait_for_tasks)
{
    static job jobs[DEEP];
    for (int i = 0; i < DEEP; i++) {
        make(&jobs[i], i + 1 < DEEP ? wait_for_other : fail, &one_pool);
        jobs[i].others = &jobs[i + 1];
    }
    run_alone(&jobs[0]);
    for (int i = 0; i < DEEP; i++) {
        CHECK_STATUS(jobs[i].status, 0);
        CHECK_STATUS(thrum_future_result(jobs[i].future, NULL), i + 1 < DEEP ? 0 : THRUM_EFAILED);
        unmake(&jobs[i]);
    }
}

static void *wait_a_moment(job *self)
{
    self->status = thrum_future_wait_until(self->others->future, soon());
    return self;
}

static void *wait_for_others_a_moment(job *self)
{
    thrum_future *futures[] = {self->others[0].future, self->others[1].future};
    self->status = thrum_futures_wait_until(futures, 2, self->when, soon());
    return self;
}

TEST(runner, with_a_deadline_runs_nothing_itself)
{
    job inner[2] = {{.thread = 0}};
    job first = {.others = inner}, second = {.others = inner, .when = THRUM_FIRST_COMPLETED};
    make(&inner[0], do_nothing, &one_pool);
    make(&inner[1], do_nothing, &one_pool);
    make(&first, wait_a_moment, &one_pool);
    make(&second, wait_for_others_a_moment, &one_pool);
    run_alone(&first);
    run_alone(&second);
    CHECK_STATUS(first.status, THRUM_ETIMEDOUT);
    CHECK_STATUS(second.status, THRUM_ETIMEDOUT);
    CHECK(!thrum_future_is_done(inner[0].future));
    unmake(&inner[0]);
    unmake(&inner[1]);
    unmake(&first);
    unmake(&second);
}

static void *wait_outside(void *future)
{
    CHECK_STATUS(thrum_future_wait(future), 0);
    return NULL;
}

TEST(runner, outside_of_workers_runs_nothing_itself)
{
    job one = {.thread = 0};
    make(&one, do_nothing, &one_pool);
    CHECK_STATUS(thrum_future_wait_until(one.future, soon()), THRUM_ETIMEDOUT);
    test_thread waiter;
    test_spawn(&waiter, wait_outside, one.future);
    await_waiters(one.future, 1);
    run_alone(&one);
    test_join(&waiter);
    CHECK_NE(one.thread, thrum_get_ident());
    unmake(&one);
}

TEST(runner, leaves_tasks_of_other_executors_to_them)
{
    job foreign = {.thread = 0}, outer = {.others = &foreign, .status = 1};
    worker mine, theirs;
    make(&foreign, do_nothing, &another_pool);
    make(&outer, wait_for_other, &one_pool);
    start(&mine, &one_pool, &outer);
    await_waiters(foreign.future, 1);
    start(&theirs, &another_pool, &foreign);
    test_join(&mine.thread);
    test_join(&theirs.thread);
    CHECK_STATUS(outer.status, 0);
    CHECK_NE(foreign.thread, outer.thread);
    unmake(&foreign);
    unmake(&outer);
}

static void *wait_by_hand(job *self)
{
    thrum_future *by_hand = self->others->future;
    self->status = thrum_future_wait(by_hand);
    return self;
}

TEST(runner, waits_for_futures_made_by_hand)
{
    job by_hand = {.future = HAVE(thrum_future_new())}, outer = {.others = &by_hand, .status = 1};
    worker mine;
    make(&outer, wait_by_hand, &one_pool);
    start(&mine, &one_pool, &outer);
    await_waiters(by_hand.future, 1);
    CHECK_STATUS(thrum_future_set_result(by_hand.future, NULL), 0);
    test_join(&mine.thread);
    CHECK_STATUS(outer.status, 0);
    thrum_future_free(by_hand.future);
    unmake(&outer);
}

TEST(runner, does_not_run_what_is_cancelled)
{
    job inner = {.thread = 0}, outer = {.others = &inner, .status = 1};
    make(&inner, do_nothing, &one_pool);
    make(&outer, wait_for_other, &one_pool);
    CHECK(thrum_future_cancel(inner.future));
    run_alone(&outer);
    CHECK_STATUS(outer.status, 0);
    CHECK_EQ(inner.thread, 0);
    unmake(&inner);
    unmake(&outer);
}

/** Let a task wait for four, of which the third fails; returns how many of them have been run. */
static int run_four(thrum_return_when when)
{
    job inner[4] = {{.turn = 0}};
    job outer = {.others = inner, .count = 4, .when = when, .status = 1};
    turns = 0;
    for (int i = 0; i < 4; i++)
        make(&inner[i], i == 2 ? fail : do_nothing, &one_pool);
    make(&outer, wait_for_others, &one_pool);
    run_alone(&outer);
    CHECK_STATUS(outer.status, 0);
    int ran = turns - 1;
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(inner[i].turn, i < ran ? i + 2 : 0);
        unmake(&inner[i]);
    }
    unmake(&outer);
    return ran;
}

TEST(runner, that_waits_for_several_runs_as_many_as_it_needs_in_order)
{
    CHECK_EQ(run_four(THRUM_ALL_COMPLETED), 4);
    CHECK_EQ(run_four(THRUM_FIRST_COMPLETED), 1);
    CHECK_EQ(run_four(THRUM_FIRST_EXCEPTION), 3);
}

static void *iterate(job *self)
{
    thrum_future *futures[TASKS], *future;
    for (int i = 0; i < self->count; i++)
        futures[i] = self->others[i].future;
    thrum_as_completed *all = HAVE(thrum_as_completed_new(futures, (size_t)self->count));
    for (int i = 0; i < self->count; i++) {
        self->status = thrum_as_completed_next(all, &future);
        if (self->status != 0)
            break;
        CHECK_PTR(future, futures[i]);
        CHECK_EQ(count_of(&turns), 2 + i);
    }
    thrum_as_completed_free(all);
    return self;
}

TEST(runner, that_iterates_runs_one_after_the_other)
{
    job inner[4] = {{.turn = 0}};
    job outer = {.others = inner, .count = 4, .status = 1};
    for (int i = 0; i < 4; i++)
        make(&inner[i], i == 2 ? fail : do_nothing, &one_pool);
    make(&outer, iterate, &one_pool);
    run_alone(&outer);
    CHECK_STATUS(outer.status, 0);
    for (int i = 0; i < 4; i++)
        unmake(&inner[i]);
    unmake(&outer);
}

static void *free_own_handle(job *self)
{
    thrum_future_free(self->future);
    return self;
}

static void *wait_without_queue(job *self)
{
    thrum_future_free(self->others->future); /* the queue's */
    self->status = thrum_future_wait(self->others->future);
    return self;
}

/** Who helps holds a reference of its own. */
TEST(runner, survives_a_task_that_frees_its_handle)
{
    job inner = {.thread = 0}, outer = {.others = &inner, .status = 1};
    make(&inner, free_own_handle, &one_pool);
    make(&outer, wait_without_queue, &one_pool);
    run_alone(&outer);
    CHECK_STATUS(outer.status, 0);
    unmake(&outer);
}

/* ---- cycles ---- */

TEST(runner, that_waits_for_its_own_task_is_told)
{
    job one = {.others = &one};
    make(&one, wait_for_other, &one_pool);
    run_alone(&one);
    CHECK_STATUS(one.status, THRUM_EDEADLK);
    CHECK_STATUS(thrum_future_result(one.future, NULL), 0);
    unmake(&one);
}

/** Of a chain whose last waits for `back`, all on one stack. */
static void run_chain(int length, int back)
{
    job jobs[TASKS] = {{.thread = 0}};
    for (int i = 0; i < length; i++) {
        make(&jobs[i], wait_for_other, &one_pool);
        jobs[i].others = &jobs[i + 1 < length ? i + 1 : back];
    }
    run_alone(&jobs[0]);
    for (int i = 0; i < length; i++) {
        CHECK_STATUS(jobs[i].status, i + 1 < length ? 0 : THRUM_EDEADLK);
        unmake(&jobs[i]);
    }
}

TEST(runner, that_waits_for_a_task_below_it_is_told)
{
    run_chain(2, 0);
    run_chain(5, 0);
    run_chain(5, 2);
}

static bool is_running(void *future)
{
    return thrum_future_is_running(future);
}

/** Wait for the others once each of them runs. */
static void *wait_for_others_at_work(job *self)
{
    for (int i = 0; i < self->count; i++)
        test_wait_until(is_running, self->others[i].future);
    return wait_for_others(self);
}

/** Start it, and return when it runs. */
static void start_first(worker *one, job *first)
{
    start(one, &one_pool, first);
    test_wait_until(is_running, first->future);
}

/** Join all, and return how many were told. */
static int end_jobs(worker *workers, job *jobs, int size)
{
    int told = 0;
    for (int i = 0; i < size; i++)
        test_join(&workers[i].thread);
    for (int i = 0; i < size; i++) {
        CHECK(jobs[i].status == 0 || jobs[i].status == THRUM_EDEADLK);
        told += jobs[i].status == THRUM_EDEADLK;
        unmake(&jobs[i]);
    }
    return told;
}

/** Each of `size` workers runs a task that waits for that of the next. */
static void run_ring(int size)
{
    job jobs[WORKERS] = {{.thread = 0}};
    worker workers[WORKERS];
    for (int i = 0; i < size; i++) {
        make(&jobs[i], i + 1 < size ? wait_for_other : wait_for_others_at_work, &one_pool);
        jobs[i].others = &jobs[(i + 1) % size];
        jobs[i].count = 1;
    }
    for (int i = size - 1; i > 0; i--)
        start_first(&workers[i], &jobs[i]);
    start(&workers[0], &one_pool, &jobs[0]);
    CHECK_EQ(end_jobs(workers, jobs, size), 1);
}

TEST(runner, a_ring_of_waits_is_told_to_one_of_them)
{
    for (int i = 0; i < 50; i++)
        for (int size = 2; size <= WORKERS; size++)
            run_ring(size);
}

static test_gate gate = TEST_GATE_INIT;

static void *pass_gate(job *self)
{
    test_gate_wait(&gate);
    return self;
}

/** The first waits, as `when` says, for two, of which the second waits for the first; the other
 *  does `run`. */
static void start_fork(worker *workers, job *jobs, thrum_return_when when, void *(*run)(job *))
{
    test_gate_close(&gate);
    set_count_of(&deadlocks, 0);
    make(&jobs[0], wait_for_others_at_work, &one_pool);
    make(&jobs[1], run, &one_pool);
    make(&jobs[2], wait_for_other, &one_pool);
    jobs[0].others = &jobs[1];
    jobs[0].count = 2;
    jobs[0].when = when;
    jobs[1].others = jobs[2].others = &jobs[0];
    start_first(&workers[0], &jobs[0]);
    start_first(&workers[1], &jobs[1]);
    start(&workers[2], &one_pool, &jobs[2]);
}

TEST(runner, who_waits_for_all_is_blocked_by_any)
{
    for (int i = 0; i < 20; i++) {
        job jobs[3] = {{.thread = 0}};
        worker workers[3];
        start_fork(workers, jobs, THRUM_ALL_COMPLETED, pass_gate);
        await_count(&deadlocks, 1);
        test_gate_open(&gate);
        CHECK_EQ(end_jobs(workers, jobs, 3), 1);
    }
}

TEST(runner, who_waits_for_the_first_is_not_blocked_by_one)
{
    for (int i = 0; i < 20; i++) {
        job jobs[3] = {{.thread = 0}};
        worker workers[3];
        start_fork(workers, jobs, THRUM_FIRST_COMPLETED, pass_gate);
        test_wait_until(is_watched, jobs[1].future);
        await_waiters(jobs[0].future, 1);
        test_wait_asleep(workers[0].thread.tid);
        test_gate_open(&gate);
        CHECK_EQ(end_jobs(workers, jobs, 3), 0);
    }
}

TEST(runner, who_waits_for_the_first_is_blocked_by_all)
{
    const thrum_return_when conditions[] = {THRUM_FIRST_COMPLETED, THRUM_FIRST_EXCEPTION};
    for (int i = 0; i < 20; i++) {
        job jobs[3] = {{.thread = 0}};
        worker workers[3];
        start_fork(workers, jobs, conditions[i % 2], wait_for_other);
        CHECK_EQ(end_jobs(workers, jobs, 3), 1);
    }
}

/** Iterate over the two others: the first is done already, the second waits for this one. */
static void *iterate_over_others(job *self)
{
    thrum_future *futures[] = {self->others[0].future, self->others[1].future};
    thrum_as_completed *all = HAVE(thrum_as_completed_new(futures, 2));
    CHECK_STATUS(thrum_as_completed_next(all, NULL), 0);
    test_wait_until(is_running, futures[1]);
    self->status = thrum_as_completed_next(all, NULL);
    thrum_as_completed_free(all);
    return self;
}

TEST(runner, who_iterates_is_blocked_by_all_that_are_left)
{
    job jobs[3] = {{.thread = 0}};
    worker workers[2];
    make(&jobs[0], iterate_over_others, &one_pool);
    make(&jobs[1], do_nothing, &one_pool);
    make(&jobs[2], wait_for_other, &one_pool);
    jobs[0].others = &jobs[1];
    jobs[2].others = &jobs[0];
    run_alone(&jobs[1]);
    workers[1].count = 0;
    start_first(&workers[0], &jobs[0]);
    start(&workers[1], &one_pool, &jobs[2]);
    test_join(&workers[0].thread);
    test_join(&workers[1].thread);
    CHECK_EQ((jobs[0].status == THRUM_EDEADLK) + (jobs[2].status == THRUM_EDEADLK), 1);
    for (int i = 0; i < 3; i++)
        unmake(&jobs[i]);
}

/** A knot: the first two wait for any of the others, the third and fourth for one of the first. */
TEST(runner, a_knot_of_waits_is_told_to_one_of_them)
{
    for (int i = 0; i < 50; i++) {
        job jobs[WORKERS] = {{.thread = 0}};
        worker workers[WORKERS];
        for (int j = 0; j < WORKERS; j++) {
            make(&jobs[j], wait_for_others_at_work, &one_pool);
            jobs[j].when = THRUM_FIRST_COMPLETED;
            jobs[j].others = j < 2 ? &jobs[2] : &jobs[3 - j];
            jobs[j].count = j < 2 ? 2 : 1;
        }
        for (int j = 0; j < WORKERS; j++)
            start(&workers[j], &one_pool, &jobs[(i + j) % WORKERS]);
        CHECK_EQ(end_jobs(workers, jobs, WORKERS), 1);
    }
}

/** Wait for the other until a deadline passes, again and again, until the other has waited for
 *  this one through all of such a wait: so each was the second to wait once. */
static void *wait_for_moments(job *self)
{
    bool was_awaited;
    do {
        was_awaited = is_slept_on(self->future);
        self->status = thrum_future_wait_until(self->others->future, soon());
    } while (self->status == THRUM_ETIMEDOUT && !was_awaited);
    return self;
}

TEST(runner, in_a_ring_with_a_deadline_nobody_is_told)
{
    job jobs[2] = {{.thread = 0}};
    worker workers[2];
    make(&jobs[0], wait_for_moments, &one_pool);
    make(&jobs[1], wait_for_others_at_work, &one_pool);
    jobs[0].others = &jobs[1];
    jobs[1].others = &jobs[0];
    jobs[1].count = 1;
    start_first(&workers[1], &jobs[1]);
    start(&workers[0], &one_pool, &jobs[0]);
    test_join(&workers[0].thread);
    test_join(&workers[1].thread);
    CHECK_STATUS(jobs[0].status, THRUM_ETIMEDOUT);
    CHECK_STATUS(jobs[1].status, 0);
    unmake(&jobs[0]);
    unmake(&jobs[1]);
}

/* ---- fork ---- */

static void wait_in_child(void *arg)
{
    job *one = arg;
    CHECK_STATUS(thrum_future_wait(one->future), THRUM_EDEADLK);
    CHECK_STATUS(thrum_future_wait_until(one->future, soon()), THRUM_ETIMEDOUT);
    job own = {.others = one}, inner = {.thread = 0};
    make(&own, wait_for_other, &one_pool);
    make(&inner, do_nothing, &one_pool);
    th_runner runner = {.source = &one_pool};
    th_runner_enter(&runner);
    CHECK(th_task_claim(own.future));
    th_task_run(own.future);
    CHECK_STATUS(own.status, THRUM_EDEADLK);
    CHECK_STATUS(thrum_future_wait(inner.future), 0);
    th_runner_leave();
    unmake(&own);
    unmake(&inner);
}

TEST(runner, in_a_forked_child_nobody_waits_for_the_parents)
{
    job one = {.thread = 0};
    worker mine;
    make(&one, pass_gate, &one_pool);
    start_first(&mine, &one);
    CHECK_EXITED(test_run_child(wait_in_child, &one), 0);
    test_gate_open(&gate);
    test_join(&mine.thread);
    CHECK_STATUS(thrum_future_result(one.future, NULL), 0);
    unmake(&one);
}
