/* SPDX-License-Identifier: MIT */
/** @file
 *  Wait: CPython's WaitTests and AsCompletedTests with futures completed by helper threads; the
 *  three conditions, duplicates, order, deadlines, memory, freeing early, fork. */
#include "future_support.h"

enum { MANY = 100 };

static const thrum_return_when conditions[] = {THRUM_ALL_COMPLETED, THRUM_FIRST_COMPLETED,
                                               THRUM_FIRST_EXCEPTION};

static void free_all(thrum_future **futures, size_t n)
{
    for (size_t i = 0; i < n; i++)
        thrum_future_free(futures[i]);
}

/** Complete `acts` one after the other, each when somebody waits for it, as `wait` returns. */
static int wait_while_acting(thrum_future *const *futures, size_t n, thrum_return_when when,
                             act *one)
{
    test_spawn(&one->thread, act_when_watched, one);
    int status = thrum_futures_wait(futures, n, when);
    test_join(&one->thread);
    return status;
}

/* ---- bad input, nothing to wait for ---- */

TEST(wait, refuses_what_it_cannot_wait_for)
{
    thrum_future *futures[] = {future_in(TH_TASK_SUCCEEDED), NULL};
    for (size_t i = 0; i < LENGTH(conditions); i++) {
        CHECK_STATUS(thrum_futures_wait(NULL, 1, conditions[i]), THRUM_EINVAL);
        CHECK_STATUS(thrum_futures_wait(futures, 2, conditions[i]), THRUM_EINVAL);
        CHECK_STATUS(thrum_futures_wait(futures, SIZE_MAX, conditions[i]), THRUM_EINVAL);
    }
    /* also when all are done, unlike Python */
    CHECK_STATUS(thrum_futures_wait(futures, 1, (thrum_return_when)3), THRUM_EINVAL);
    CHECK_STATUS(thrum_futures_wait_until(futures, 1, (thrum_return_when)-1, 0), THRUM_EINVAL);
    CHECK_STATUS(thrum_futures_wait(NULL, 0, (thrum_return_when)3), THRUM_EINVAL);
    thrum_future_free(futures[0]);
}

TEST(wait, for_nothing_returns_at_once)
{
    for (size_t i = 0; i < LENGTH(conditions); i++) {
        CHECK_STATUS(thrum_futures_wait(NULL, 0, conditions[i]), 0);
        CHECK_STATUS(thrum_futures_wait_until(NULL, 0, conditions[i], 0), 0);
    }
}

/* ---- WaitTests ---- */

/** Whether a wait for one in each of two phases returns, without waiting. */
static bool returns_at_once(uint32_t a, uint32_t b, thrum_return_when when)
{
    thrum_future *futures[] = {future_in(a), future_in(b)};
    int status = thrum_futures_wait_until(futures, 2, when, 0);
    CHECK(status == 0 || status == THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_futures_wait_until(futures, 2, when, soon()), status);
    CHECK(!is_watched(futures[0]) && !is_watched(futures[1]));
    free_all(futures, 2);
    return status == 0;
}

/** test_all_completed, test_first_completed_some_already_completed,
 *  test_first_exception_one_already_failed, test_first_exception_some_already_complete */
TEST(wait, returns_at_once_where_what_it_waits_for_has_come)
{
    for (size_t i = 0; i < LENGTH(phases); i++) {
        for (size_t j = 0; j < LENGTH(phases); j++) {
            uint32_t a = phases[i], b = phases[j];
            bool a_done = a >= TH_TASK_CANCELLED, b_done = b >= TH_TASK_CANCELLED;
            bool failed = a == TH_TASK_FAILED || b == TH_TASK_FAILED;
            bool all = a_done && b_done;
            CHECK_EQ(returns_at_once(a, b, THRUM_ALL_COMPLETED), all);
            CHECK_EQ(returns_at_once(a, b, THRUM_FIRST_COMPLETED), a_done || b_done);
            CHECK_EQ(returns_at_once(a, b, THRUM_FIRST_EXCEPTION), all || failed);
        }
    }
}

TEST(wait, for_all_returns_when_the_last_is_done)
{
    for (size_t p = 2; p < LENGTH(phases); p++) {
        thrum_future *futures[] = {future_in(TH_TASK_SUCCEEDED), future_in(TH_TASK_CANCELLED),
                                   future_in(TH_TASK_FAILED), future_in(TH_TASK_PENDING),
                                   future_in(TH_TASK_RUNNING)};
        act first = {.future = futures[3], .phase = phases[p]};
        act last = {.future = futures[4], .phase = TH_TASK_FAILED};
        test_spawn(&first.thread, act_when_watched, &first);
        CHECK_STATUS(wait_while_acting(futures, 5, THRUM_ALL_COMPLETED, &last), 0);
        test_join(&first.thread);
        for (size_t i = 0; i < 5; i++)
            CHECK(thrum_future_is_done(futures[i]));
        free_all(futures, 5);
    }
}

/** test_first_completed; a cancelled one counts, see the design's gh-92001 */
TEST(wait, for_the_first_returns_when_one_is_done_however)
{
    for (size_t p = 2; p < LENGTH(phases); p++) {
        thrum_future *futures[] = {HAVE(thrum_future_new()), HAVE(thrum_future_new()),
                                   HAVE(thrum_future_new())};
        act one = {.future = futures[1], .phase = phases[p]};
        CHECK_STATUS(wait_while_acting(futures, 3, THRUM_FIRST_COMPLETED, &one), 0);
        CHECK(thrum_future_is_done(futures[1]));
        CHECK(!thrum_future_is_done(futures[0]) && !thrum_future_is_done(futures[2]));
        CHECK(!is_watched(futures[0]) && !is_watched(futures[2]));
        CHECK_STATUS(thrum_future_set_result(futures[0], NULL), 0);
        CHECK_STATUS(thrum_future_set_result(futures[2], NULL), 0);
        free_all(futures, 3);
    }
}

static void *act_in_turn(void *arg)
{
    act *acts = arg;
    for (; acts->future != NULL; acts++) {
        test_wait_until(is_watched, acts->future);
        make_done(acts->future, acts->phase);
    }
    return NULL;
}

/** test_first_exception: neither a result nor a cancelled one ends it */
TEST(wait, for_an_exception_returns_when_one_has_failed)
{
    thrum_future *futures[] = {HAVE(thrum_future_new()), HAVE(thrum_future_new()),
                               HAVE(thrum_future_new()), HAVE(thrum_future_new())};
    act acts[] = {{.future = futures[0], .phase = TH_TASK_SUCCEEDED},
                  {.future = futures[2], .phase = TH_TASK_CANCELLED},
                  {.future = futures[1], .phase = TH_TASK_FAILED},
                  {.future = NULL}};
    test_spawn(&acts[0].thread, act_in_turn, acts);
    CHECK_STATUS(thrum_futures_wait(futures, 4, THRUM_FIRST_EXCEPTION), 0);
    CHECK(thrum_future_error(futures[1]) != NULL);
    CHECK(!thrum_future_is_done(futures[3]));
    test_join(&acts[0].thread);
    free_all(futures, 4);
}

TEST(wait, for_an_exception_returns_when_all_are_done_without_one)
{
    thrum_future *futures[] = {HAVE(thrum_future_new()), HAVE(thrum_future_new())};
    act acts[] = {{.future = futures[1], .phase = TH_TASK_CANCELLED},
                  {.future = futures[0], .phase = TH_TASK_SUCCEEDED},
                  {.future = NULL}};
    test_spawn(&acts[0].thread, act_in_turn, acts);
    CHECK_STATUS(thrum_futures_wait(futures, 2, THRUM_FIRST_EXCEPTION), 0);
    CHECK(thrum_future_is_done(futures[0]) && thrum_future_is_done(futures[1]));
    test_join(&acts[0].thread);
    free_all(futures, 2);
}

/** test_20369 */
TEST(wait, counts_a_future_that_occurs_twice_once)
{
    for (size_t i = 0; i < LENGTH(conditions); i++) {
        act one = {.future = HAVE(thrum_future_new()), .phase = TH_TASK_SUCCEEDED};
        thrum_future *futures[] = {one.future, one.future, one.future};
        CHECK_STATUS(thrum_futures_wait_until(futures, 3, conditions[i], soon()), THRUM_ETIMEDOUT);
        CHECK(!is_watched(one.future));
        CHECK_STATUS(wait_while_acting(futures, 3, conditions[i], &one), 0);
        CHECK_STATUS(thrum_futures_wait(futures, 3, conditions[i]), 0);
        thrum_future_free(one.future);
    }
}

/** test_timeout */
TEST(wait, a_deadline_that_passes_changes_nothing)
{
    for (size_t i = 0; i < LENGTH(conditions); i++) {
        thrum_future *futures[] = {HAVE(thrum_future_new()), HAVE(thrum_future_new())};
        thrum_time deadline = soon();
        CHECK_STATUS(thrum_futures_wait_until(futures, 2, conditions[i], deadline),
                     THRUM_ETIMEDOUT);
        CHECK_GE(thrum_now(), deadline);
        CHECK(!is_watched(futures[0]) && !is_watched(futures[1]));
        CHECK_STATUS(thrum_futures_wait_until(futures, 1, conditions[i], soon()), THRUM_ETIMEDOUT);
        make_done(futures[0], TH_TASK_FAILED);
        make_done(futures[1], TH_TASK_CANCELLED);
        CHECK_STATUS(thrum_futures_wait_until(futures, 2, conditions[i], 0), 0);
        free_all(futures, 2);
    }
}

/** For one future every condition is the same. */
TEST(wait, for_one_future_is_a_wait_for_it)
{
    for (size_t i = 0; i < LENGTH(conditions); i++) {
        for (size_t p = 2; p < LENGTH(phases); p++) {
            act one = {.future = HAVE(thrum_future_new()), .phase = phases[p]};
            test_spawn(&one.thread, act_when_slept_on, &one);
            CHECK_STATUS(thrum_futures_wait(&one.future, 1, conditions[i]), 0);
            CHECK_STATUS(thrum_future_result(one.future, NULL), status_of(phases[p]));
            test_join(&one.thread);
            thrum_future_free(one.future);
        }
    }
}

static void *complete_every_third(void *arg)
{
    thrum_future **futures = arg;
    for (int i = 0; i < MANY; i += 3)
        make_done(futures[i], i % 2 == 0 ? TH_TASK_SUCCEEDED : TH_TASK_CANCELLED);
    return NULL;
}

/** test_pending_calls_race */
TEST(wait, for_many_that_are_being_completed)
{
    static thrum_future *futures[MANY + 2];
    for (int round = 0; round < 50; round++) {
        test_thread threads[3];
        for (int i = 0; i < MANY + 2; i++)
            futures[i] = HAVE(thrum_future_new());
        for (int i = 0; i < 3; i++)
            test_spawn(&threads[i], complete_every_third, &futures[i]);
        CHECK_STATUS(thrum_futures_wait(futures, MANY, conditions[round % 3]), 0);
        int done = 0;
        for (int i = 0; i < MANY; i++)
            done += thrum_future_is_done(futures[i]);
        CHECK_GE(done, round % 3 != 1 ? MANY : 1);
        for (int i = 0; i < 3; i++)
            test_join(&threads[i]);
        free_all(futures, MANY + 2);
    }
}

static void *wait_for_both(void *arg)
{
    CHECK_STATUS(thrum_futures_wait(arg, 2, THRUM_ALL_COMPLETED), 0);
    return NULL;
}

TEST(wait, of_many_threads_for_the_same_futures)
{
    static group waiters;
    thrum_future *futures[] = {HAVE(thrum_future_new()), HAVE(thrum_future_new())};
    thrum_future *turned[] = {futures[1], futures[0]};
    group_start(&waiters, 5, wait_for_both, futures);
    for (int i = 0; i < 5; i++)
        group_add(&waiters, wait_for_both, turned);
    test_wait_until(is_watched, futures[0]);
    make_done(futures[0], TH_TASK_SUCCEEDED);
    test_wait_until(is_watched, futures[1]);
    make_done(futures[1], TH_TASK_FAILED);
    group_join(&waiters);
    free_all(futures, 2);
}

TEST(wait, without_memory_says_so)
{
    TEST_SWEEP_ALLOCATIONS
    {
        thrum_future *futures[] = {thrum_future_new(), thrum_future_new()};
        if (futures[0] != NULL && futures[1] != NULL) {
            int status = thrum_futures_wait_until(futures, 2, THRUM_ALL_COMPLETED, soon());
            CHECK_STATUS(status, test_failures_injected() > 0 ? THRUM_ENOMEM : THRUM_ETIMEDOUT);
            CHECK(!is_watched(futures[0]) && !is_watched(futures[1]));
        }
        free_all(futures, 2);
    }
}

/* ---- AsCompletedTests ---- */

static thrum_future *next_of(thrum_as_completed *all)
{
    thrum_future *future = NULL;
    CHECK_STATUS(thrum_as_completed_next(all, &future), 0);
    CHECK(thrum_future_is_done(future));
    return future;
}

static void check_end(thrum_as_completed *all)
{
    thrum_future *future = NULL;
    CHECK_STATUS(thrum_as_completed_next(all, &future), THRUM_EEMPTY);
    CHECK_STATUS(thrum_as_completed_next_until(all, &future, 0), THRUM_EEMPTY);
    CHECK_PTR(future, NULL);
}

TEST(as_completed, of_nothing_is_empty)
{
    thrum_as_completed *all = HAVE(thrum_as_completed_new(NULL, 0));
    check_end(all);
    thrum_as_completed_free(all);
}

TEST(as_completed, refuses_what_it_cannot_wait_for)
{
    thrum_future *futures[] = {HAVE(thrum_future_new()), NULL};
    CHECK_PTR(thrum_as_completed_new(futures, 2), NULL);
    CHECK_PTR(thrum_as_completed_new(NULL, 1), NULL);
    CHECK_PTR(thrum_as_completed_new(futures, SIZE_MAX), NULL);
    CHECK(!is_watched(futures[0]));
    CHECK_STATUS(thrum_as_completed_next(NULL, NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_as_completed_next_until(NULL, NULL, 0), THRUM_EINVAL);
    thrum_as_completed_free(NULL);
    thrum_future_free(futures[0]);
}

/** test_no_timeout */
TEST(as_completed, gives_first_those_that_are_done_then_the_others_in_order)
{
    thrum_future *futures[] = {HAVE(thrum_future_new()),   future_in(TH_TASK_CANCELLED),
                               HAVE(thrum_future_new()),   future_in(TH_TASK_FAILED),
                               future_in(TH_TASK_RUNNING), future_in(TH_TASK_SUCCEEDED)};
    thrum_as_completed *all = HAVE(thrum_as_completed_new(futures, 6));
    make_done(futures[4], TH_TASK_FAILED);
    make_done(futures[0], TH_TASK_CANCELLED);
    const int wanted[] = {1, 3, 5, 4, 0};
    for (size_t i = 0; i < LENGTH(wanted); i++)
        CHECK_PTR(next_of(all), futures[wanted[i]]);
    act last = {.future = futures[2], .phase = TH_TASK_SUCCEEDED};
    test_spawn(&last.thread, act_when_watched, &last);
    CHECK_PTR(next_of(all), futures[2]);
    test_join(&last.thread);
    check_end(all);
    thrum_as_completed_free(all);
    free_all(futures, 6);
}

/** test_future_times_out, test_correct_timeout_exception_msg */
TEST(as_completed, a_deadline_that_passes_changes_nothing)
{
    thrum_future *futures[] = {future_in(TH_TASK_PENDING), future_in(TH_TASK_SUCCEEDED),
                               future_in(TH_TASK_RUNNING)};
    thrum_future *future = NULL;
    thrum_as_completed *all = HAVE(thrum_as_completed_new(futures, 3));
    CHECK_STATUS(thrum_as_completed_next_until(all, &future, 0), 0);
    CHECK_PTR(future, futures[1]);
    CHECK_STATUS(thrum_as_completed_next_until(all, &future, 0), THRUM_ETIMEDOUT);
    thrum_time deadline = soon();
    CHECK_STATUS(thrum_as_completed_next_until(all, &future, deadline), THRUM_ETIMEDOUT);
    CHECK_GE(thrum_now(), deadline);
    CHECK_PTR(future, futures[1]);
    make_done(futures[2], TH_TASK_FAILED);
    CHECK_PTR(next_of(all), futures[2]);
    make_done(futures[0], TH_TASK_FAILED);
    CHECK_STATUS(thrum_as_completed_next(all, NULL), 0);
    check_end(all);
    thrum_as_completed_free(all);
    free_all(futures, 3);
}

/** test_duplicate_futures */
TEST(as_completed, gives_a_future_that_occurs_twice_once)
{
    thrum_future *futures[MANY * 3];
    for (int i = 0; i < MANY; i++) {
        futures[i] = future_in(i % 3 == 0 ? TH_TASK_SUCCEEDED : TH_TASK_PENDING);
        futures[MANY + i] = futures[2 * MANY + i / 2] = futures[i];
    }
    for (int i = MANY / 2; i < MANY; i++)
        futures[2 * MANY + i] = futures[i];
    thrum_as_completed *all = HAVE(thrum_as_completed_new(futures, LENGTH(futures)));
    for (int i = 0; i < MANY; i++)
        if (i % 3 != 0)
            make_done(futures[i], TH_TASK_SUCCEEDED);
    for (int rest = 0; rest < 2; rest++)
        for (int i = 0; i < MANY; i++)
            if ((i % 3 != 0) == (rest != 0))
                CHECK_PTR(next_of(all), futures[i]);
    check_end(all);
    thrum_as_completed_free(all);
    free_all(futures, MANY);
}

TEST(as_completed, lends_futures_whose_handles_are_gone)
{
    thrum_future *futures[] = {HAVE(thrum_future_new()), future_in(TH_TASK_FAILED)};
    thrum_as_completed *all = HAVE(thrum_as_completed_new(futures, 2));
    make_done(futures[0], TH_TASK_FAILED);
    free_all(futures, 2);
    CHECK_STR(thrum_future_error(next_of(all))->message, "no luck");
    thrum_future *kept = thrum_future_ref(next_of(all));
    thrum_as_completed_free(all);
    CHECK_STR(thrum_future_error(kept)->message, "late");
    thrum_future_free(kept);
}

TEST(as_completed, freed_early_waits_for_nothing_any_more)
{
    thrum_future *futures[] = {HAVE(thrum_future_new()), HAVE(thrum_future_new()),
                               HAVE(thrum_future_new())};
    thrum_as_completed *all = HAVE(thrum_as_completed_new(futures, 3));
    make_done(futures[1], TH_TASK_SUCCEEDED);
    thrum_as_completed_free(all);
    CHECK(!is_watched(futures[0]) && !is_watched(futures[2]));
    make_done(futures[0], TH_TASK_SUCCEEDED);
    free_all(futures, 3);
}

TEST(as_completed, without_memory_there_is_none)
{
    TEST_SWEEP_ALLOCATIONS
    {
        thrum_future *futures[] = {thrum_future_new(), thrum_future_new()};
        if (futures[0] != NULL && futures[1] != NULL) {
            thrum_as_completed *all = thrum_as_completed_new(futures, 2);
            CHECK_EQ(all == NULL, test_failures_injected() > 0);
            thrum_as_completed_free(all);
            CHECK(!is_watched(futures[0]) && !is_watched(futures[1]));
        }
        free_all(futures, 2);
    }
}

TEST(as_completed, of_many_that_are_being_completed_gives_each_once)
{
    static thrum_future *futures[MANY + 2];
    for (int round = 0; round < 50; round++) {
        test_thread threads[3];
        bool given[MANY] = {false};
        for (int i = 0; i < MANY + 2; i++)
            futures[i] = HAVE(thrum_future_new());
        for (int i = 0; i < 3; i++)
            test_spawn(&threads[i], complete_every_third, &futures[i]);
        thrum_as_completed *all = HAVE(thrum_as_completed_new(futures, MANY));
        int wanted = round % 2 == 0 ? MANY : MANY / 2;
        for (int i = 0; i < wanted; i++) {
            thrum_future *future = next_of(all);
            int at = 0;
            while (futures[at] != future)
                at++;
            CHECK(!given[at]);
            given[at] = true;
        }
        thrum_as_completed_free(all);
        for (int i = 0; i < 3; i++)
            test_join(&threads[i]);
        free_all(futures, MANY + 2);
    }
}

/* ---- fork ---- */

static void free_in_child(void *arg)
{
    free_all(arg, 2); /* though they are watched */
    free_all((thrum_future *[]){future_in(TH_TASK_FAILED)}, 1);
}

static void complete_in_child(void *arg)
{
    thrum_future **futures = arg;
    make_done(futures[0], TH_TASK_SUCCEEDED);
    make_done(futures[1], TH_TASK_SUCCEEDED);
    CHECK_STATUS(thrum_futures_wait(futures, 2, THRUM_ALL_COMPLETED), 0);
    free_all(futures, 2);
}

TEST(wait, of_the_parents_threads_disturbs_no_forked_child)
{
    thrum_future *futures[] = {HAVE(thrum_future_new()), HAVE(thrum_future_new())};
    test_thread waiter;
    test_spawn(&waiter, wait_for_both, futures);
    test_wait_until(is_watched, futures[1]);
    CHECK_EXITED(test_run_child(complete_in_child, futures), 0);
    CHECK_EXITED(test_run_child(free_in_child, futures), 0);
    CHECK(!thrum_future_is_done(futures[0]));
    make_done(futures[0], TH_TASK_SUCCEEDED);
    make_done(futures[1], TH_TASK_SUCCEEDED);
    test_join(&waiter);
    free_all(futures, 2);
}
