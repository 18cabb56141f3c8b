/* SPDX-License-Identifier: MIT */
/** @file
 *  Watch: callbacks, as CPython's FutureTests have them: who calls them, when, in which order, and
 *  what their failures do. Waiting groups are in test_wait.c. */
#include "future_support.h"

TEST_SETUP()
{
    thrum_current_thread();
}

/** test_done_callback_with_result, _with_exception, _with_cancel */
TEST(watch, a_callback_is_called_once_by_who_completes)
{
    for (size_t i = 2; i < LENGTH(phases); i++) {
        thrum_future *future = HAVE(thrum_future_new());
        called_count = 0;
        CHECK_STATUS(thrum_future_add_done_callback(future, note_call, &called_count), 0);
        CHECK_EQ(called_count, 0);
        make_done(future, phases[i]);
        CHECK_EQ(called_count, 1);
        CHECK_PTR(called[0].future, future);
        CHECK_PTR(called[0].arg, &called_count);
        CHECK_EQ(called[0].thread, thrum_get_ident());
        CHECK_STATUS(called[0].status, status_of(phases[i]));
        thrum_future_cancel(future);
        thrum_future_set_result(future, NULL);
        thrum_future_free(future);
        CHECK_EQ(called_count, 1);
    }
}

/** test_done_callback_already_successful, _failed, _cancelled */
TEST(watch, a_callback_of_a_done_one_is_called_at_once_by_who_adds)
{
    for (size_t i = 2; i < LENGTH(phases); i++) {
        thrum_future *future = future_in(phases[i]);
        called_count = 0;
        unsigned long before = test_allocations();
        CHECK_STATUS(thrum_future_add_done_callback(future, note_call, NULL), 0);
        CHECK_EQ(test_allocations(), before);
        CHECK_EQ(called_count, 1);
        CHECK_EQ(called[0].thread, thrum_get_ident());
        CHECK_STATUS(called[0].status, status_of(phases[i]));
        thrum_future_free(future);
    }
}

TEST(watch, callbacks_are_called_in_the_order_in_which_they_were_added)
{
    int args[CALLED_MAX];
    thrum_future *future = HAVE(thrum_future_new());
    for (int i = 0; i < CALLED_MAX; i++)
        CHECK_STATUS(thrum_future_add_done_callback(future, note_call, &args[i]), 0);
    CHECK_STATUS(thrum_future_set_result(future, NULL), 0);
    CHECK_EQ(called_count, CALLED_MAX);
    for (int i = 0; i < CALLED_MAX; i++)
        CHECK_PTR(called[i].arg, &args[i]);
    thrum_future_free(future);
}

static void *cancel_it(void *arg)
{
    CHECK(thrum_future_cancel(arg));
    return (void *)(uintptr_t)thrum_get_ident();
}

TEST(watch, callbacks_of_a_cancelled_one_are_called_by_who_cancels)
{
    thrum_future *future = HAVE(thrum_future_new());
    test_thread canceller;
    CHECK_STATUS(thrum_future_add_done_callback(future, note_call, NULL), 0);
    test_spawn(&canceller, cancel_it, future);
    uint64_t ident = (uint64_t)(uintptr_t)test_join(&canceller);
    CHECK_EQ(called_count, 1);
    CHECK_EQ(called[0].thread, ident);
    thrum_future_free(future);
}

static void fail_in_callback(thrum_future *future, void *arg)
{
    note_call(future, arg);
    thrum_fail(77, "doh!");
}

/** test_done_callback_raises, _raises_already_succeeded */
TEST(watch, a_failing_callback_is_told_and_harms_nobody)
{
    thrum_future *future = HAVE(thrum_future_new());
    thrum_set_excepthook(note_failure);
    CHECK_STATUS(thrum_future_add_done_callback(future, fail_in_callback, NULL), 0);
    CHECK_STATUS(thrum_future_add_done_callback(future, note_call, NULL), 0);
    CHECK_STATUS(thrum_future_set_result(future, NULL), 0);
    CHECK_EQ(called_count, 2);
    CHECK_EQ(told_count, 1);
    CHECK_EQ(told_code, 77);
    CHECK_STR(told_message, "doh!");
    CHECK_STATUS(thrum_future_add_done_callback(future, fail_in_callback, NULL), 0);
    CHECK_EQ(called_count, 3);
    CHECK_EQ(told_count, 2);
    CHECK_STATUS(thrum_future_result(future, NULL), 0);
    thrum_future_free(future);
    thrum_set_excepthook(NULL);
}

static void *fail_beside_a_callback(void *arg)
{
    (void)arg;
    thrum_fail(1, "the target's own");
    thrum_future *future = HAVE(thrum_future_new());
    CHECK_STATUS(thrum_future_add_done_callback(future, fail_in_callback, NULL), 0);
    CHECK(thrum_future_cancel(future));
    thrum_future_free(future);
    return NULL;
}

TEST(watch, a_failing_callback_does_not_fail_the_target_that_completes)
{
    thrum_set_excepthook(note_failure);
    thrum_thread *thread = thrum_spawn(fail_beside_a_callback, NULL);
    CHECK_STATUS(thrum_thread_join(thread), 0);
    thrum_thread_free(thread);
    CHECK_EQ(told_count, 2);
    CHECK_STR(told_message, "the target's own");
    thrum_set_excepthook(NULL);
}

static void add_another(thrum_future *future, void *arg)
{
    note_call(future, arg);
    CHECK_STATUS(thrum_future_add_done_callback(future, note_call, NULL), 0);
    CHECK_EQ(called_count, 2);
    thrum_future_free(future); /* the program's only handle */
}

TEST(watch, a_callback_may_add_callbacks_and_free_the_handle)
{
    thrum_future *future = HAVE(thrum_future_new());
    CHECK_STATUS(thrum_future_add_done_callback(future, add_another, NULL), 0);
    CHECK_STATUS(thrum_future_add_done_callback(future, note_call, &thing), 0);
    CHECK_STATUS(thrum_future_set_result(future, NULL), 0);
    CHECK_EQ(called_count, 3);
    CHECK_PTR(called[2].arg, &thing);
}

TEST(watch, callbacks_without_memory_are_not_added)
{
    TEST_SWEEP_ALLOCATIONS
    {
        called_count = 0;
        thrum_future *future = thrum_future_new();
        if (future == NULL)
            continue;
        int status = thrum_future_add_done_callback(future, note_call, NULL);
        CHECK_STATUS(status, test_failures_injected() > 0 ? THRUM_ENOMEM : 0);
        CHECK(thrum_future_cancel(future));
        CHECK_EQ(called_count, status == 0);
        thrum_future_free(future);
    }
}

TEST(watch, callbacks_need_a_future_and_a_function)
{
    thrum_future *future = HAVE(thrum_future_new());
    CHECK_STATUS(thrum_future_add_done_callback(NULL, note_call, NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_future_add_done_callback(future, NULL, NULL), THRUM_EINVAL);
    thrum_future_free(future);
}

TEST(watch, callbacks_of_a_future_that_is_never_done_are_forgotten)
{
    thrum_future *future = HAVE(thrum_future_new());
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(thrum_future_add_done_callback(future, note_call, NULL), 0);
    thrum_future_free(future);
    CHECK_EQ(called_count, 0);
}

static int counted, met;

static void count_call(thrum_future *future, void *arg)
{
    (void)future;
    bump(arg);
}

static void *add_and_count(void *arg)
{
    meet(&met, 4);
    for (int i = 0; i < 50; i++) {
        CHECK_STATUS(thrum_future_add_done_callback(arg, count_call, &counted), 0);
        if (i % 8 == 0)
            sched_yield();
    }
    return NULL;
}

TEST(watch, callbacks_added_while_it_completes_are_called_once)
{
    for (int round = 0; round < 50; round++) {
        static group adders;
        set_count_of(&counted, 0);
        set_count_of(&met, 0);
        thrum_future *future = HAVE(thrum_future_new());
        group_start(&adders, 3, add_and_count, future);
        meet(&met, 4);
        for (int i = 0; i < round % 7; i++)
            sched_yield();
        CHECK_STATUS(thrum_future_set_result(future, NULL), 0);
        group_join(&adders);
        CHECK_EQ(count_of(&counted), 3 * 50);
        thrum_future_free(future);
    }
}
