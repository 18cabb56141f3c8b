/* SPDX-License-Identifier: MIT */
/** @file
 *  Map: lazy, in order, never more in flight than asked for; failures, deadlines, early ends. What
 *  CPython's executor.py says of map. */
#include "executor_support.h"

/** Inputs 0 .. count-1. */
typedef struct range {
    int count, pulled;
} range;

static bool next_number(void *state, void **ret_input)
{
    range *self = state;
    CHECK_LE(self->pulled, self->count);
    if (self->pulled == self->count) {
        self->count = -1; /* never asked again */
        return false;
    }
    *ret_input = as_pointer(self->pulled++);
    return true;
}

static void check_next(thrum_map *map, intptr_t wanted)
{
    void *result = NULL;
    CHECK_STATUS(thrum_map_next(map, &result), 0);
    CHECK_EQ((intptr_t)result, wanted);
}

static void check_end(thrum_map *map)
{
    CHECK_STATUS(thrum_map_next(map, NULL), THRUM_EEMPTY);
    CHECK_STATUS(thrum_map_next_until(map, NULL, 0), THRUM_EEMPTY);
}

TEST(map, map)
{
    for (size_t buffersize = 0; buffersize < 5; buffersize++) {
        THRUM_EXECUTOR(pool, .max_workers = 3);
        range numbers = {.count = 100};
        thrum_map *map =
            HAVE(thrum_map_new(pool, add_one, next_number, &numbers, .buffersize = buffersize));
        for (int i = 0; i < 100; i++)
            check_next(map, i + 1);
        check_end(map);
        CHECK_PTR(thrum_map_error(map), NULL);
        thrum_map_free(map);
    }
}

TEST(map, map_on_empty_iterator)
{
    for (size_t buffersize = 0; buffersize < 3; buffersize++) {
        THRUM_EXECUTOR(pool, .max_workers = 3);
        range none = {.count = 0};
        thrum_map *map =
            HAVE(thrum_map_new(pool, add_one, next_number, &none, .buffersize = buffersize));
        check_end(map);
        thrum_map_free(map);
    }
}

TEST(map, map_submits_without_iteration)
{
    range numbers = {.count = 50};
    THRUM_EXECUTOR(pool, .max_workers = 3);
    thrum_map *map = HAVE(thrum_map_new(pool, add_one, next_number, &numbers));
    CHECK_EQ(numbers.pulled, 50);
    thrum_map_free(map);
}

TEST(map, map_buffersize_when_buffer_is_full)
{
    range numbers = {.count = 10};
    THRUM_EXECUTOR(pool, .max_workers = 2);
    thrum_map *map = HAVE(thrum_map_new(pool, add_one, next_number, &numbers, .buffersize = 3));
    CHECK_EQ(numbers.pulled, 3);
    for (int i = 0; i < 10; i++) {
        check_next(map, i + 1);
        CHECK_EQ(numbers.pulled, i + 4 < 10 ? i + 4 : 10);
    }
    check_end(map);
    thrum_map_free(map);
}

static int taken, in_flight;

/** Called by the thread that takes the results. */
static bool next_in_flight(void *state, void **ret_input)
{
    const range *self = state;
    bool is_one = next_number(state, ret_input);
    if (is_one)
        CHECK_LE(self->pulled - taken, 2);
    return is_one;
}

static void *fly(void *arg)
{
    CHECK_LE(bump(&in_flight), 2);
    sched_yield();
    __atomic_sub_fetch(&in_flight, 1, __ATOMIC_SEQ_CST);
    return arg;
}

TEST(map, never_more_in_flight_than_asked_for)
{
    range numbers = {.count = 500};
    THRUM_EXECUTOR(pool, .max_workers = 4);
    thrum_map *map = HAVE(thrum_map_new(pool, fly, next_in_flight, &numbers, .buffersize = 2));
    for (int i = 0; i < 500; i++) {
        taken++; /* or about to be: the next is pulled before the call returns */
        check_next(map, i);
    }
    check_end(map);
    thrum_map_free(map);
}

TEST(map, refuses_what_is_null)
{
    range numbers = {.count = 1};
    THRUM_EXECUTOR(pool, .max_workers = 2);
    CHECK_PTR(thrum_map_new(NULL, add_one, next_number, &numbers), NULL);
    CHECK_PTR(thrum_map_new(pool, NULL, next_number, &numbers), NULL);
    CHECK_PTR(thrum_map_new(pool, add_one, NULL, &numbers), NULL);
    CHECK_PTR(thrum_map_new(pool, add_one, next_number, &numbers, .buffersize = (size_t)-1), NULL);
    CHECK_STATUS(thrum_map_next(NULL, NULL), THRUM_EINVAL);
    CHECK_PTR(thrum_map_error(NULL), NULL);
    thrum_map_free(NULL);
    CHECK_EQ(numbers.pulled, 0);
}

/* ---- failures ---- */

static int calls;

static void *fail_at_three(void *number)
{
    bump(&calls);
    return (intptr_t)number == 3 ? thrum_fail(3, "three") : number;
}

TEST(map, map_exception)
{
    range numbers = {.count = 100};
    THRUM_EXECUTOR(pool, .max_workers = 2);
    thrum_map *map =
        HAVE(thrum_map_new(pool, fail_at_three, next_number, &numbers, .buffersize = 2));
    for (int i = 0; i < 3; i++)
        check_next(map, i);
    CHECK_PTR(thrum_map_error(map), NULL);
    CHECK_STATUS(thrum_map_next(map, NULL), THRUM_EFAILED);
    const thrum_error *error = thrum_map_error(map);
    CHECK(error != NULL);
    CHECK_STR(error->message, "three");
    CHECK_EQ(error->code, 3);
    check_end(map);
    CHECK_LE(numbers.pulled, 5);
    CHECK_PTR(thrum_map_error(map), error);
    thrum_map_free(map);
}

static test_gate gate = TEST_GATE_INIT;

static void *fail_or_pass_gate(void *number)
{
    bump(&calls);
    if ((intptr_t)number == 0)
        return thrum_fail(1, "the first");
    test_gate_wait(&gate);
    return number;
}

TEST(map, failure_cancels_what_has_not_begun)
{
    range numbers = {.count = 20};
    {
        THRUM_EXECUTOR(pool, .max_workers = 1);
        thrum_map *map = HAVE(thrum_map_new(pool, fail_or_pass_gate, next_number, &numbers));
        CHECK_EQ(numbers.pulled, 20);
        CHECK_STATUS(thrum_map_next(map, NULL), THRUM_EFAILED);
        test_gate_open(&gate);
        check_end(map);
        thrum_map_free(map);
    }
    CHECK_LE(calls, 2);
}

TEST(map, free_cancels_what_has_not_begun)
{
    range numbers = {.count = 20};
    {
        THRUM_EXECUTOR(pool, .max_workers = 1);
        CHECK_STATUS(thrum_executor_submit(pool, pass_gate, &gate, NULL), 0);
        thrum_map *map = HAVE(thrum_map_new(pool, fail_at_three, next_number, &numbers));
        thrum_map_free(map);
        test_gate_open(&gate);
    }
    CHECK_EQ(calls, 0);
}

TEST(map, of_futures_that_the_executor_cancels)
{
    range numbers = {.count = 5};
    THRUM_EXECUTOR(pool, .max_workers = 1);
    CHECK_STATUS(thrum_executor_submit(pool, pass_gate, &gate, NULL), 0);
    test_gate_await(&gate, 1);
    thrum_map *map = HAVE(thrum_map_new(pool, add_one, next_number, &numbers));
    CHECK_STATUS(thrum_executor_shutdown(pool, THRUM_CANCEL_FUTURES), 0);
    CHECK_STATUS(thrum_map_next(map, NULL), THRUM_ECANCELLED);
    check_end(map);
    thrum_map_free(map);
    test_gate_open(&gate);
}

/* ---- deadlines ---- */

static void *pass_shared_gate(void *number)
{
    test_gate_wait(&gate);
    return number;
}

TEST(map, map_timeout)
{
    range numbers = {.count = 3};
    THRUM_EXECUTOR(pool, .max_workers = 2);
    thrum_map *map = HAVE(thrum_map_new(pool, pass_shared_gate, next_number, &numbers));
    CHECK_STATUS(thrum_map_next_until(map, NULL, 0), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_map_next_until(map, NULL, thrum_after(0.001)), THRUM_ETIMEDOUT);
    test_gate_open(&gate);
    for (int i = 0; i < 3; i++)
        check_next(map, i); /* nothing was lost */
    check_end(map);
    thrum_map_free(map);
}

TEST(map, deadline_of_its_own)
{
    range numbers = {.count = 3};
    THRUM_EXECUTOR(pool, .max_workers = 2);
    thrum_map *map = HAVE(thrum_map_new(pool, pass_shared_gate, next_number, &numbers,
                                        .deadline = thrum_after(0.001)));
    CHECK_STATUS(thrum_map_next(map, NULL), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_map_next_until(map, NULL, far_away()), THRUM_ETIMEDOUT);
    test_gate_open(&gate);
    thrum_map_free(map);
}

/* ---- what submitting is refused ---- */

TEST(map, shutdown_is_told_in_its_place)
{
    range numbers = {.count = 5};
    THRUM_EXECUTOR(pool, .max_workers = 2);
    thrum_map *map = HAVE(thrum_map_new(pool, add_one, next_number, &numbers, .buffersize = 2));
    check_next(map, 1);
    CHECK_STATUS(thrum_executor_shutdown(pool, THRUM_WAIT), 0);
    check_next(map, 2);
    check_next(map, 3);
    CHECK_STATUS(thrum_map_next(map, NULL), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_map_next(map, NULL), THRUM_ESHUTDOWN);
    CHECK_EQ(numbers.pulled, 4);
    thrum_map_free(map);
}

TEST(map, of_an_executor_that_is_shut)
{
    range numbers = {.count = 5};
    THRUM_EXECUTOR(pool, .max_workers = 2);
    CHECK_STATUS(thrum_executor_shutdown(pool, 0), 0);
    thrum_map *map = HAVE(thrum_map_new(pool, add_one, next_number, &numbers));
    CHECK_STATUS(thrum_map_next(map, NULL), THRUM_ESHUTDOWN);
    thrum_map_free(map);
}

TEST(map, without_memory)
{
    thrum_executor *pool = HAVE(thrum_executor_new(.max_workers = 1));
    TEST_SWEEP_ALLOCATIONS
    {
        test_allow_allocations(64); /* memory that the pool keeps; its worker */
        range numbers = {.count = 40};
        thrum_map *map = thrum_map_new(pool, add_one, next_number, &numbers, .buffersize = 20);
        CHECK(map != NULL || test_failures_injected() > 0);
        for (intptr_t i = 0; map != NULL && i < 40; i++) {
            void *result = NULL;
            int status = thrum_map_next(map, &result);
            if (status != 0) { /* once; nothing is lost */
                CHECK_STATUS(status, test_failures_injected() > 0 ? THRUM_ENOMEM : 0);
                CHECK_STATUS(thrum_map_next(map, &result), 0);
            }
            CHECK_EQ((intptr_t)result, i + 1);
        }
        thrum_map_free(map);
    }
    thrum_executor_free(pool);
}

/* ---- inside of tasks ---- */

static void *map_inside(void *pool)
{
    range numbers = {.count = 20};
    thrum_map *map = HAVE(thrum_map_new(pool, add_one, next_number, &numbers, .buffersize = 4));
    for (int i = 0; i < 20; i++)
        check_next(map, i + 1);
    check_end(map);
    thrum_map_free(map);
    return pool;
}

TEST(map, inside_of_tasks)
{
    for (unsigned workers = 1; workers <= 2; workers++) {
        THRUM_EXECUTOR(pool, .max_workers = workers);
        thrum_future *futures[8];
        for (int i = 0; i < 8; i++)
            futures[i] = submit(pool, map_inside, pool);
        for (int i = 0; i < 8; i++)
            CHECK_PTR(result_of(futures[i]), pool);
    }
}
