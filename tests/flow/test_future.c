/* SPDX-License-Identifier: MIT */
/** @file
 *  Future: CPython's FutureTests, states, errors, callbacks, cancelling, waits, freeing, memory,
 *  fork; and futures as tasks. */
#include "future_support.h"
#include "platform/memory.h"

TEST_SETUP()
{
    thrum_current_thread();
}

/* ---- states ---- */

TEST(future, states_are_told_apart)
{
    for (size_t i = 0; i < LENGTH(phases); i++) {
        uint32_t phase = phases[i];
        thrum_future *future = future_in(phase);
        CHECK_EQ(thrum_future_is_cancelled(future), phase == TH_TASK_CANCELLED);
        CHECK_EQ(thrum_future_is_running(future), phase == TH_TASK_RUNNING);
        CHECK_EQ(thrum_future_is_done(future), phase >= TH_TASK_CANCELLED);
        CHECK_EQ(thrum_future_error(future) != NULL, phase == TH_TASK_FAILED);
        thrum_future_free(future);
    }
}

TEST(future, null_is_answered)
{
    void *result = &result;
    CHECK_STATUS(thrum_future_result(NULL, &result), THRUM_EINVAL);
    CHECK_STATUS(thrum_future_result_until(NULL, &result, 0), THRUM_EINVAL);
    CHECK_STATUS(thrum_future_wait(NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_future_wait_until(NULL, 0), THRUM_EINVAL);
    CHECK_STATUS(thrum_future_start(NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_future_set_result(NULL, NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_future_set_error(NULL, 1, "x"), THRUM_EINVAL);
    CHECK(!thrum_future_cancel(NULL));
    CHECK(!thrum_future_is_cancelled(NULL));
    CHECK(!thrum_future_is_running(NULL));
    CHECK(!thrum_future_is_done(NULL));
    CHECK_PTR(thrum_future_error(NULL), NULL);
    CHECK_PTR(thrum_future_ref(NULL), NULL);
    CHECK_PTR(result, &result);
    thrum_future_free(NULL);
}

TEST(future, takes_one_allocation)
{
    unsigned long before = test_allocations();
    thrum_future *future = HAVE(thrum_future_new());
    CHECK_STATUS(thrum_future_set_result(future, &thing), 0);
    CHECK_STATUS(thrum_future_result(future, NULL), 0);
    CHECK_EQ(test_allocations(), before + 1);
    thrum_future_free(future);
}

TEST(future, without_memory_there_is_none)
{
    TEST_SWEEP_ALLOCATIONS
    {
        thrum_future *future = thrum_future_new();
        CHECK_EQ(future == NULL, test_failures_injected() > 0);
        thrum_future_free(future);
    }
}

/* ---- set_running_or_notify_cancel ---- */

TEST(future, starts_once)
{
    const int wanted[] = {0, THRUM_ESTATE, THRUM_ECANCELLED, THRUM_ESTATE, THRUM_ESTATE};
    for (size_t i = 0; i < LENGTH(phases); i++) {
        thrum_future *future = future_in(phases[i]);
        CHECK_STATUS(thrum_future_start(future), wanted[i]);
        thrum_future_free(future);
    }
}

/* ---- test_cancel ---- */

TEST(future, is_cancelled_only_before_it_runs)
{
    for (size_t i = 0; i < LENGTH(phases); i++) {
        uint32_t phase = phases[i];
        thrum_future *future = future_in(phase);
        bool may = phase == TH_TASK_PENDING || phase == TH_TASK_CANCELLED;
        CHECK_EQ(thrum_future_cancel(future), may);
        CHECK_EQ(thrum_future_cancel(future), may);
        CHECK_EQ(thrum_future_is_cancelled(future), may);
        CHECK_EQ(thrum_future_is_running(future), phase == TH_TASK_RUNNING);
        thrum_future_free(future);
    }
}

/* ---- test_multiple_set_result, test_multiple_set_exception ---- */

TEST(future, is_completed_once)
{
    for (size_t i = 0; i < LENGTH(phases); i++) {
        uint32_t phase = phases[i];
        bool may = phase == TH_TASK_PENDING || phase == TH_TASK_RUNNING;
        thrum_future *future = future_in(phase);
        CHECK_STATUS(thrum_future_set_result(future, &phase), may ? 0 : THRUM_ESTATE);
        CHECK_STATUS(thrum_future_set_result(future, NULL), THRUM_ESTATE);
        CHECK_STATUS(thrum_future_set_error(future, 7, "no"), THRUM_ESTATE);
        void *result = NULL;
        CHECK_STATUS(thrum_future_result(future, &result), may ? 0 : status_of(phase));
        CHECK_PTR(result, may ? (void *)&phase : phase == TH_TASK_SUCCEEDED ? &thing : NULL);
        thrum_future_free(future);
    }
}

TEST(future, an_error_is_set_once)
{
    thrum_future *future = future_in(TH_TASK_RUNNING);
    CHECK_STATUS(thrum_future_set_error(future, 5, "first"), 0);
    const thrum_error *error = thrum_future_error(future);
    CHECK_STATUS(thrum_future_set_error(future, 6, "second"), THRUM_ESTATE);
    CHECK_STATUS(thrum_future_set_result(future, &thing), THRUM_ESTATE);
    CHECK_PTR(thrum_future_error(future), error);
    CHECK_STR(error->message, "first");
    thrum_future_free(future);
}

static void *set_own_ident(void *arg)
{
    void *mine = (void *)(uintptr_t)thrum_get_ident();
    return thrum_future_set_result(arg, mine) == 0 ? mine : NULL;
}

TEST(future, of_many_who_complete_it_one_does)
{
    for (int round = 0; round < 100; round++) {
        test_thread threads[4];
        thrum_future *future = HAVE(thrum_future_new());
        void *result, *winner = NULL;
        for (size_t i = 0; i < LENGTH(threads); i++)
            test_spawn(&threads[i], set_own_ident, future);
        CHECK_STATUS(thrum_future_result(future, &result), 0);
        for (size_t i = 0; i < LENGTH(threads); i++) {
            void *mine = test_join(&threads[i]);
            CHECK(mine == NULL || winner == NULL);
            winner = mine != NULL ? mine : winner;
        }
        CHECK_PTR(result, winner);
        thrum_future_free(future);
    }
}

/* ---- errors ---- */

TEST(future, an_error_has_code_message_and_thread)
{
    thrum_future *future = HAVE(thrum_future_new());
    CHECK_STATUS(thrum_future_set_error(future, EIO, "cannot read %s: %d", "a file", 42), 0);
    const thrum_error *error = thrum_future_error(future);
    CHECK_EQ(error->code, EIO);
    CHECK_STR(error->message, "cannot read a file: 42");
    CHECK_STR(error->thread_name, "MainThread");
    test_allow_allocations(1); /* a thread keeps its names */
    CHECK_STATUS(thrum_thread_set_name(thrum_current_thread(), "another"), 0);
    CHECK_STR(error->thread_name, "MainThread");
    thrum_future_free(future);
}

/** As a falsy exception in Python. */
TEST(future, an_error_without_code_or_message_is_one)
{
    thrum_future *future = HAVE(thrum_future_new());
    CHECK_STATUS(thrum_future_set_error(future, 0, "%s", ""), 0);
    CHECK_STATUS(thrum_future_result(future, NULL), THRUM_EFAILED);
    CHECK_EQ(thrum_future_error(future)->code, 0);
    CHECK_STR(thrum_future_error(future)->message, "");
    thrum_future_free(future);
}

TEST(future, an_error_without_memory_is_still_one)
{
    thrum_future *future = HAVE(thrum_future_new());
    test_fail_allocations_from(1);
    CHECK_STATUS(thrum_future_set_error(future, EIO, "cannot say"), 0);
    test_fail_allocations_from(0);
    CHECK_STATUS(thrum_future_result(future, NULL), THRUM_EFAILED);
    CHECK_EQ(thrum_future_error(future)->code, ENOMEM);
    CHECK_CONTAINS(thrum_future_error(future)->message, "no memory");
    CHECK(thrum_future_error(future)->thread_name != NULL);
    thrum_future_free(future);
}

TEST(future, an_error_may_name_errno_and_keeps_it)
{
    const char *format = "%m"; /* of the GNU library, so no literal */
    thrum_future *future = HAVE(thrum_future_new());
    errno = ENOENT;
    CHECK_STATUS(thrum_future_set_error(future, errno, format, 0), 0);
    CHECK_EQ(errno, ENOENT);
    CHECK_STR(thrum_future_error(future)->message, strerror(ENOENT));
    thrum_future_free(future);
}

TEST(future, an_error_lasts_as_long_as_a_handle)
{
    thrum_future *future = future_in(TH_TASK_FAILED);
    thrum_future *other = thrum_future_ref(future);
    CHECK_PTR(other, future);
    const thrum_error *error = thrum_future_error(future);
    thrum_future_free(future);
    CHECK_STR(error->message, "no luck");
    CHECK_STATUS(thrum_future_result(other, NULL), THRUM_EFAILED);
    thrum_future_free(other);
}

/* ---- test_result_with_timeout, _success, _cancel; test_exception_with_success ---- */

TEST(future, results_by_a_deadline_that_has_passed)
{
    for (size_t d = 0; d < LENGTH(past_deadlines); d++) {
        for (size_t i = 0; i < LENGTH(phases); i++) {
            uint32_t phase = phases[i];
            thrum_future *future = future_in(phase);
            bool done = phase >= TH_TASK_CANCELLED;
            void *result = future;
            CHECK_STATUS(thrum_future_wait_until(future, past_deadlines[d]),
                         done ? 0 : THRUM_ETIMEDOUT);
            CHECK_STATUS(thrum_future_result_until(future, &result, past_deadlines[d]),
                         done ? status_of(phase) : THRUM_ETIMEDOUT);
            CHECK_PTR(result, phase == TH_TASK_SUCCEEDED ? (void *)&thing : future);
            thrum_future_free(future);
        }
    }
}

TEST(future, is_waited_for_until_it_is_done_however)
{
    for (size_t d = 0; d < LENGTH(far_deadlines); d++) {
        for (size_t i = 2; i < LENGTH(phases); i++) {
            act one = {.future = HAVE(thrum_future_new()), .phase = phases[i]};
            void *result = NULL;
            test_spawn(&one.thread, act_when_slept_on, &one);
            CHECK_STATUS(thrum_future_result_until(one.future, &result, far_deadlines[d]),
                         status_of(phases[i]));
            CHECK_PTR(result, phases[i] == TH_TASK_SUCCEEDED ? &thing : NULL);
            CHECK_STATUS(thrum_future_wait_until(one.future, 0), 0);
            test_join(&one.thread);
            thrum_future_free(one.future);
        }
    }
}

static void *wait_for_it(void *arg)
{
    CHECK_STATUS(thrum_future_wait(arg), 0);
    return NULL;
}

TEST(future, wakes_all_who_wait)
{
    static group waiters;
    thrum_future *future = HAVE(thrum_future_new());
    group_start(&waiters, 20, wait_for_it, future);
    await_waiters(future, 20);
    CHECK_STATUS(thrum_future_set_result(future, &thing), 0);
    CHECK_EQ(waiters_on(future), 0);
    group_join(&waiters);
    thrum_future_free(future);
}

TEST(future, a_deadline_that_passes_changes_nothing)
{
    thrum_future *future = HAVE(thrum_future_new());
    thrum_time deadline = thrum_after(0.01);
    CHECK_STATUS(thrum_future_result_until(future, NULL, deadline), THRUM_ETIMEDOUT);
    CHECK_GE(thrum_now(), deadline);
    CHECK_STATUS(thrum_future_wait_until(future, soon()), THRUM_ETIMEDOUT);
    CHECK_EQ(waiters_on(future), 0);
    CHECK(thrum_future_cancel(future));
    CHECK_STATUS(thrum_future_wait(future), 0);
    thrum_future_free(future);
}

TEST(future, a_signal_ends_no_wait)
{
    thrum_future *future = HAVE(thrum_future_new());
    test_thread waiter;
    test_spawn(&waiter, wait_for_it, future);
    interrupt_sleep(&waiter, 20);
    CHECK_EQ(waiters_on(future), 1);
    CHECK_STATUS(thrum_future_set_result(future, NULL), 0);
    test_join(&waiter);
    thrum_future_free(future);
}

/* ---- freeing ---- */

enum { FREED = 1000 };

static void *wait_and_free(void *arg)
{
    thrum_future **futures = arg;
    for (int i = 0; i < FREED; i++) {
        void *result;
        CHECK_STATUS(thrum_future_result(futures[i], &result), 0);
        CHECK_PTR(result, futures[i]);
        thrum_future_free(futures[i]);
    }
    return NULL;
}

/** Who completes shares the handle with who frees it. */
TEST(future, may_be_freed_by_the_woken_while_set_result_returns)
{
    static thrum_future *futures[FREED];
    test_thread freer;
    for (int i = 0; i < FREED; i++)
        futures[i] = HAVE(thrum_future_new());
    test_spawn(&freer, wait_and_free, futures);
    for (int i = 0; i < FREED; i++) {
        while (i % 2 == 0 && waiters_on(futures[i]) == 0)
            sched_yield();
        CHECK_STATUS(thrum_future_set_result(futures[i], futures[i]), 0);
    }
    test_join(&freer);
}

static void *await_cancel_and_free(void *arg)
{
    thrum_future **futures = arg;
    for (int i = 0; i < FREED; i++) {
        CHECK_STATUS(thrum_future_result(futures[i], NULL), THRUM_ECANCELLED);
        thrum_future_free(futures[i]);
    }
    return NULL;
}

TEST(future, may_be_freed_by_the_woken_while_cancel_returns)
{
    static thrum_future *futures[FREED];
    test_thread freer;
    for (int i = 0; i < FREED; i++)
        futures[i] = HAVE(thrum_future_new());
    test_spawn(&freer, await_cancel_and_free, futures);
    for (int i = 0; i < FREED; i++) {
        while (i % 2 == 0 && waiters_on(futures[i]) == 0)
            sched_yield();
        CHECK(thrum_future_cancel(futures[i]));
    }
    test_join(&freer);
}

/* ---- fork ---- */

static void use_in_child(void *arg)
{
    thrum_future *future = arg;
    CHECK_STATUS(thrum_future_wait_until(future, soon()), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_future_add_done_callback(future, note_call, NULL), 0);
    CHECK_STATUS(thrum_future_set_result(future, &thing), 0);
    CHECK_STATUS(thrum_future_result(future, NULL), 0);
    CHECK_EQ(called_count, 2);
    thrum_future_free(future);
}

TEST(future, in_a_forked_child_is_the_childs_own)
{
    thrum_future *future = HAVE(thrum_future_new());
    test_thread waiter;
    CHECK_STATUS(thrum_future_add_done_callback(future, note_call, NULL), 0);
    test_spawn(&waiter, wait_for_it, future);
    await_waiters(future, 1);
    CHECK_EXITED(test_run_child(use_in_child, future), 0);
    CHECK(!thrum_future_is_done(future));
    CHECK_EQ(waiters_on(future), 1);
    CHECK_STATUS(thrum_future_set_result(future, NULL), 0);
    CHECK_EQ(called_count, 1);
    test_join(&waiter);
    thrum_future_free(future);
}

/* ---- tasks ---- */

static int left_count;
static th_task_source *left_source;

static void note_left(th_task_source *source)
{
    left_source = source;
    left_count++;
}

static th_task_source source = {.left_pending = note_left};

static void *give_back(void *arg)
{
    return arg;
}

static void *fail_task(void *arg)
{
    thrum_fail(1, "not the last word");
    return thrum_fail(42, "task %d", *(int *)arg);
}

/** With a handle of the test's and the queue's reference. */
static thrum_future *make_task(thrum_target target, void *arg)
{
    thrum_future *task = HAVE(th_alloc(sizeof *task));
    th_task_init(task, &source, target, arg, 2);
    return task;
}

static void let_go(thrum_future *task)
{
    CHECK(!th_task_unrefer(task));
    thrum_future_free(task);
}

TEST(task, is_claimed_once_and_run)
{
    thrum_future *task = make_task(give_back, &thing);
    CHECK(th_task_claim(task));
    CHECK_EQ(left_count, 1);
    CHECK_PTR(left_source, &source);
    CHECK(!th_task_claim(task));
    CHECK(thrum_future_is_running(task));
    CHECK(!thrum_future_cancel(task));
    th_task_run(task);
    void *result;
    CHECK_STATUS(thrum_future_result(task, &result), 0);
    CHECK_PTR(result, &thing);
    CHECK(!th_task_claim(task));
    CHECK(!th_task_break(task, "too late"));
    CHECK_EQ(left_count, 1);
    let_go(task);
}

TEST(task, that_is_cancelled_cannot_be_claimed)
{
    thrum_future *task = make_task(give_back, &thing);
    CHECK(thrum_future_cancel(task));
    CHECK(thrum_future_cancel(task));
    CHECK_EQ(left_count, 1);
    CHECK(!th_task_claim(task));
    th_task_settle(task);
    CHECK(!th_task_break(task, "too late"));
    CHECK_STATUS(thrum_future_result(task, NULL), THRUM_ECANCELLED);
    CHECK_EQ(left_count, 1);
    let_go(task);
}

TEST(task, is_not_completed_by_hand)
{
    thrum_future *task = make_task(give_back, &thing);
    CHECK_STATUS(thrum_future_start(task), THRUM_ESTATE);
    CHECK_STATUS(thrum_future_set_result(task, NULL), THRUM_ESTATE);
    CHECK_STATUS(thrum_future_set_error(task, 1, "no"), THRUM_ESTATE);
    CHECK(th_task_claim(task));
    CHECK_STATUS(thrum_future_set_result(task, NULL), THRUM_ESTATE);
    th_task_run(task);
    CHECK_STATUS(thrum_future_result(task, NULL), 0);
    let_go(task);
}

TEST(task, that_fails_keeps_what_it_said)
{
    int number = 7;
    thrum_set_excepthook(note_failure);
    thrum_future *task = make_task(fail_task, &number);
    CHECK(th_task_claim(task));
    th_task_run(task);
    CHECK_STATUS(thrum_future_result(task, NULL), THRUM_EFAILED);
    CHECK_EQ(thrum_future_error(task)->code, 42);
    CHECK_STR(thrum_future_error(task)->message, "task 7");
    CHECK_STR(thrum_future_error(task)->thread_name, "MainThread");
    CHECK_EQ(told_count, 0);
    let_go(task);
    thrum_set_excepthook(NULL);
}

TEST(task, that_fails_without_a_handle_is_told_to_the_excepthook)
{
    int number = 8;
    thrum_set_excepthook(note_failure);
    thrum_future *task = make_task(fail_task, &number);
    thrum_future_free(task);
    CHECK(th_task_claim(task));
    th_task_run(task);
    CHECK_EQ(told_count, 1);
    CHECK_EQ(told_code, 42);
    CHECK_STR(told_message, "task 8");
    CHECK(th_task_unrefer(task));
    th_task_destroy(task);
    thrum_set_excepthook(NULL);
}

TEST(task, that_fails_without_a_handle_but_with_a_callback_is_the_callbacks_to_tell)
{
    int number = 9;
    thrum_set_excepthook(note_failure);
    thrum_future *task = make_task(fail_task, &number);
    CHECK_STATUS(thrum_future_add_done_callback(task, note_call, NULL), 0);
    thrum_future_free(task);
    CHECK(th_task_claim(task));
    th_task_run(task);
    CHECK_EQ(told_count, 0);
    CHECK_EQ(called_count, 1);
    CHECK_STATUS(called[0].status, THRUM_EFAILED);
    CHECK(th_task_unrefer(task));
    th_task_destroy(task);
    thrum_set_excepthook(NULL);
}

TEST(task, that_fails_without_memory_has_still_failed)
{
    int number = 7;
    for (unsigned n = 1; n <= 3; n++) {
        thrum_future *task = make_task(fail_task, &number);
        CHECK(th_task_claim(task));
        test_fail_allocations_from(n);
        th_task_run(task);
        test_fail_allocations_from(0);
        CHECK_STATUS(thrum_future_result(task, NULL), THRUM_EFAILED);
        CHECK(thrum_future_error(task)->message != NULL);
        let_go(task);
    }
}

TEST(task, that_is_broken_says_so)
{
    thrum_future *task = make_task(give_back, NULL);
    CHECK(th_task_break(task, "the pool is broken"));
    CHECK_EQ(left_count, 1);
    CHECK(!th_task_claim(task));
    CHECK(!thrum_future_cancel(task));
    CHECK(thrum_future_is_done(task));
    CHECK_STATUS(thrum_future_wait(task), 0);
    CHECK_STATUS(thrum_future_result(task, NULL), THRUM_EBROKEN);
    CHECK_STR(thrum_future_error(task)->message, "the pool is broken");
    let_go(task);
}

TEST(task, memory_may_be_used_again)
{
    int number = 7;
    thrum_future *task = make_task(fail_task, &number);
    CHECK(th_task_claim(task));
    th_task_run(task);
    CHECK(!th_task_unrefer(task));
    CHECK(th_task_unrefer(task));
    th_task_clear(task);
    th_task_init(task, &source, give_back, &thing, 2);
    CHECK(!thrum_future_is_done(task));
    CHECK(th_task_claim(task));
    th_task_run(task);
    CHECK_STATUS(thrum_future_result(task, NULL), 0);
    let_go(task);
}

TEST(task, completes_without_an_allocation)
{
    thrum_future *task = make_task(give_back, NULL);
    unsigned long before = test_allocations();
    CHECK(th_task_claim(task));
    th_task_run(task);
    CHECK_EQ(test_allocations(), before);
    let_go(task);
}

enum { CANCEL_ROUNDS = 500 };

static thrum_future *raced;
static int cancelled_count;

static void *cancel_raced(void *unused)
{
    for (int i = 0; i < CANCEL_ROUNDS; i++) {
        thrum_future *task;
        while ((task = __atomic_exchange_n(&raced, NULL, __ATOMIC_ACQ_REL)) == NULL)
            sched_yield();
        if (thrum_future_cancel(task))
            bump(&cancelled_count);
        thrum_future_free(task);
    }
    return unused;
}

/** The source is told once of each task, and not after the queue has settled with it. */
TEST(task, a_cancel_that_races_with_a_claim_is_decided_once)
{
    int ran = 0;
    test_thread canceller;
    test_spawn(&canceller, cancel_raced, NULL);
    for (int i = 0; i < CANCEL_ROUNDS; i++) {
        th_task_source *own = HAVE(malloc(sizeof *own));
        *own = source;
        int before = left_count;
        thrum_future *task = make_task(give_back, NULL);
        task->source = own;
        __atomic_store_n(&raced, task, __ATOMIC_RELEASE);
        for (int spins = 0; spins < i % 13; spins++)
            sched_yield();
        if (th_task_claim(task)) {
            th_task_run(task);
            ran++;
        } else {
            th_task_settle(task);
        }
        CHECK_EQ(left_count, before + 1);
        memset(own, 0xff, sizeof *own);
        free(own);
        if (th_task_unrefer(task))
            th_task_destroy(task);
        while (__atomic_load_n(&raced, __ATOMIC_ACQUIRE) != NULL)
            sched_yield();
    }
    test_join(&canceller);
    CHECK_EQ(ran + cancelled_count, CANCEL_ROUNDS);
}
