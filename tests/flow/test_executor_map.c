/* SPDX-License-Identifier: MIT */
/** @file
 *  Executor map: results in order, each input once, failures, deadlines, inside of tasks. What
 *  CPython's executor.py says of map, as far as all results are wanted at once. */
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "executor_support.h"
#include "flow/pool.h"

enum { MANY = 100000, FEW = 10 };

static void *inputs[MANY], *results[MANY];
static unsigned char calls[MANY];

static void *square(void *number)
{
    __atomic_add_fetch(&calls[(intptr_t)number], 1, __ATOMIC_SEQ_CST);
    return as_pointer((intptr_t)number * (intptr_t)number);
}

static void number_inputs(void)
{
    for (intptr_t i = 0; i < MANY; i++)
        inputs[i] = as_pointer(i);
}

TEST(executor_map, map)
{
    number_inputs();
    for (unsigned workers = 1; workers <= 3; workers++) {
        THRUM_EXECUTOR(pool, .max_workers = workers);
        memset(calls, 0, sizeof calls);
        memset(results, 0, sizeof results);
        CHECK_STATUS(thrum_executor_map(pool, square, inputs, MANY, results), 0);
        for (intptr_t i = 0; i < MANY; i++) {
            CHECK_EQ(calls[i], 1);
            CHECK_EQ((intptr_t)results[i], i * i);
        }
    }
}

TEST(executor_map, a_thousand_times_of_a_thousand)
{
    number_inputs();
    THRUM_EXECUTOR(pool, .max_workers = 2);
    for (int round = 0; round < 1000; round++) {
        memset(calls, 0, 1000 * sizeof *calls);
        memset(results, 0, 1000 * sizeof *results);
        CHECK_STATUS(thrum_executor_map(pool, square, inputs, 1000, results), 0);
        for (intptr_t i = 0; i < 1000; i++) {
            CHECK_EQ(calls[i], 1);
            CHECK_EQ((intptr_t)results[i], i * i);
        }
    }
}

TEST(executor_map, of_few_and_of_none)
{
    number_inputs();
    THRUM_EXECUTOR(pool, .max_workers = 4);
    CHECK_STATUS(thrum_executor_map(pool, square, inputs, 0, results), 0);
    CHECK_STATUS(thrum_executor_map(pool, square, NULL, 0, NULL), 0);
    CHECK_EQ(thread_count(), 0);
    for (size_t n = 1; n < FEW; n++) {
        CHECK_STATUS(thrum_executor_map(pool, square, inputs, n, results), 0);
        CHECK_EQ((size_t)(intptr_t)results[n - 1], (n - 1) * (n - 1));
    }
    CHECK_PTR(results[FEW], NULL);
}

TEST(executor_map, the_functions_do_what_the_macros_do)
{
    int (*map)(thrum_executor *, thrum_target, void *const *, size_t, void **) = thrum_executor_map;
    number_inputs();
    THRUM_EXECUTOR(pool, .max_workers = 2);
    CHECK_STATUS(map(pool, square, inputs, 1000, results), 0);
    CHECK_STATUS((thrum_executor_map_until)(pool, square, inputs + 1000, 1000, results + 1000,
                                            far_away(), NULL),
                 0);
    for (intptr_t i = 0; i < 2000; i++)
        CHECK_EQ((intptr_t)results[i], i * i);
}

TEST(executor_map, results_may_replace_the_inputs_or_be_unwanted)
{
    number_inputs();
    THRUM_EXECUTOR(pool, .max_workers = 2);
    CHECK_STATUS(thrum_executor_map(pool, square, inputs, 1000, NULL), 0);
    CHECK_STATUS(thrum_executor_map(pool, square, inputs, 1000, inputs), 0);
    for (intptr_t i = 0; i < 1000; i++)
        CHECK_EQ((intptr_t)inputs[i], i * i);
}

TEST(executor_map, refuses_what_is_null)
{
    THRUM_EXECUTOR(pool, .max_workers = 2);
    CHECK_STATUS(thrum_executor_map(NULL, square, inputs, 1, results), THRUM_EINVAL);
    CHECK_STATUS(thrum_executor_map(pool, NULL, inputs, 1, results), THRUM_EINVAL);
    CHECK_STATUS(thrum_executor_map(pool, square, NULL, 1, results), THRUM_EINVAL);
    CHECK_STATUS(thrum_executor_shutdown(pool, THRUM_WAIT), 0);
    CHECK_STATUS(thrum_executor_map(pool, square, inputs, 1, results), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_executor_map(pool, square, inputs, 0, results), THRUM_ESHUTDOWN);
}

enum { BLOCKING = 3 };

static int begun;

/** Blocks until all have begun. */
static void *begin_together(void *gate)
{
    if (bump(&begun) == BLOCKING)
        test_gate_open(gate);
    return pass_gate(gate);
}

TEST(executor_map, has_as_many_threads_as_inputs_that_block)
{
    test_gate gate = TEST_GATE_INIT;
    for (int i = 0; i < BLOCKING; i++)
        inputs[i] = &gate;
    THRUM_EXECUTOR(pool, .max_workers = 8);
    CHECK_STATUS(thrum_executor_map(pool, begin_together, inputs, BLOCKING, results), 0);
    CHECK_EQ(thread_count(), BLOCKING);
    for (int i = 0; i < BLOCKING; i++)
        CHECK_PTR(results[i], &gate);
}

/* ---- failures ---- */

static int failing_calls;

static void *fail_from_seven(void *number)
{
    bump(&failing_calls);
    if ((intptr_t)number % 10 == 7)
        return thrum_fail(7, "input %d", (int)(intptr_t)number);
    return as_pointer((intptr_t)number + 1);
}

TEST(executor_map, map_exception)
{
    number_inputs();
    void *own[FEW] = {NULL};
    for (unsigned workers = 1; workers <= 3; workers++) {
        THRUM_EXECUTOR(pool, .max_workers = workers);
        thrum_future *failed = NULL;
        CHECK_STATUS(thrum_executor_map(pool, fail_from_seven, inputs, FEW, own), THRUM_EFAILED);
        CHECK_STATUS(thrum_executor_map_until(pool, fail_from_seven, inputs, MANY, results + 8,
                                              THRUM_FOREVER, &failed),
                     THRUM_EFAILED);
        CHECK_STR(error_of(failed)->message, "input 7");
        CHECK_CONTAINS(error_of(failed)->thread_name, "ThreadPoolExecutor-");
        CHECK_EQ(error_of(failed)->code, 7);
        thrum_future_free(failed);
        for (intptr_t i = 0; i < 7; i++) {
            CHECK_EQ((intptr_t)own[i], i + 1);
            CHECK_EQ((intptr_t)results[i + 8], i + 1);
        }
    }
}

TEST(executor_map, what_lies_beyond_a_failure_is_not_begun)
{
    number_inputs();
    THRUM_EXECUTOR(pool, .max_workers = 1);
    CHECK_STATUS(thrum_executor_map(pool, fail_from_seven, inputs, MANY, NULL), THRUM_EFAILED);
    CHECK_EQ(failing_calls, 8);
}

typedef struct item {
    test_gate *gate; /**< to pass first, or NULL */
    const char *failure;
    test_gate *opens; /**< at the end, or NULL */
} item;

static void *run_item(void *arg)
{
    item *self = arg;
    if (self->gate != NULL)
        test_gate_wait(self->gate);
    if (self->failure != NULL)
        thrum_fail(1, "%s", self->failure);
    if (self->opens != NULL)
        test_gate_open(self->opens);
    return self;
}

/** The second fails first, but the first is the first in order. */
TEST(executor_map, first_failure_is_that_of_the_first_input)
{
    test_gate gate = TEST_GATE_INIT;
    item items[2] = {{.gate = &gate, .failure = "first"}, {.failure = "second", .opens = &gate}};
    inputs[0] = &items[0];
    inputs[1] = &items[1];
    thrum_future *failed = NULL;
    THRUM_EXECUTOR(pool, .max_workers = 2);
    CHECK_STATUS(thrum_executor_map_until(pool, run_item, inputs, 2, results, far_away(), &failed),
                 THRUM_EFAILED);
    CHECK_STR(error_of(failed)->message, "first");
    thrum_future_free(failed);
}

typedef struct two_gates {
    test_gate *awaited, *opened;
} two_gates;

static void *open_when_awaited(void *arg)
{
    two_gates *self = arg;
    test_gate_await(self->awaited, 1);
    test_gate_open(self->opened);
    return NULL;
}

/** The failure is told though a later input, which has begun, goes on for long; its result is not
 *  written any more. */
TEST(executor_map, failure_does_not_wait_for_later_inputs)
{
    test_gate gate = TEST_GATE_INIT, both = TEST_GATE_INIT;
    item items[2] = {{.gate = &both, .failure = "early"}, {.gate = &gate}};
    inputs[0] = &items[0];
    inputs[1] = &items[1];
    two_gates gates = {.awaited = &gate, .opened = &both};
    test_thread opener;
    {
        THRUM_EXECUTOR(pool, .max_workers = 2);
        void *own[2] = {NULL};
        test_spawn(&opener, open_when_awaited, &gates);
        CHECK_STATUS(thrum_executor_map(pool, run_item, inputs, 2, own), THRUM_EFAILED);
        test_join(&opener);
        test_gate_open(&gate);
        CHECK_STATUS(thrum_executor_shutdown(pool, THRUM_WAIT), 0);
        CHECK_PTR(own[1], NULL);
    }
}

/* ---- what comes in between ---- */

TEST(executor_map, map_timeout)
{
    test_gate gate = TEST_GATE_INIT;
    void *own[FEW] = {NULL};
    for (int i = 0; i < FEW; i++)
        inputs[i] = &gate;
    THRUM_EXECUTOR(pool, .max_workers = 2);
    CHECK_STATUS(
        thrum_executor_map_until(pool, pass_gate, inputs, FEW, own, thrum_after(0.01), NULL),
        THRUM_ETIMEDOUT);
    test_gate_open(&gate);
    CHECK_STATUS(thrum_executor_shutdown(pool, THRUM_WAIT), 0);
    for (int i = 0; i < FEW; i++)
        CHECK_PTR(own[i], NULL);
}

static test_gate late_gate = TEST_GATE_INIT;
static int blocked;

/** Short calls, so that they go by the handful, and then one that blocks. */
static void *block_at_last(void *number)
{
    if ((intptr_t)number == 2000) {
        bump(&blocked);
        test_gate_wait(&late_gate);
    }
    return square(number);
}

TEST(executor_map, after_its_deadline_no_call_begins)
{
    number_inputs();
    THRUM_EXECUTOR(pool, .max_workers = 1);
    /* again, with more time, if the deadline comes before the call that blocks */
    for (double seconds = 0.05; count_of(&blocked) == 0; seconds *= 2)
        CHECK_STATUS(thrum_executor_map_until(pool, block_at_last, inputs, 4000, results,
                                              thrum_after(seconds), NULL),
                     THRUM_ETIMEDOUT);
    test_gate_open(&late_gate);
    CHECK_STATUS(thrum_executor_shutdown(pool, THRUM_WAIT), 0);
    for (int i = 2001; i < 4000; i++)
        CHECK_EQ(calls[i], 0);
}

typedef struct shutter {
    thrum_executor *pool;
    test_gate *gate;
} shutter;

/** Whether a task waits to be run, as a map's first share does. */
static bool is_queued(void *arg)
{
    thrum_executor *pool = arg;
    th_rawlock_acquire(&pool->lock);
    bool queued = pool->inbox.length > 0;
    th_rawlock_release(&pool->lock);
    return queued;
}

static void *cancel_all(void *arg)
{
    shutter *self = arg;
    test_wait_until(is_queued, self->pool);
    CHECK_STATUS(thrum_executor_shutdown(self->pool, THRUM_CANCEL_FUTURES), 0);
    test_gate_open(self->gate);
    return NULL;
}

TEST(executor_map, cancelled_before_it_has_begun)
{
    test_gate gate = TEST_GATE_INIT;
    number_inputs();
    shutter other = {HAVE(thrum_executor_new(.max_workers = 1)), &gate};
    CHECK_STATUS(thrum_executor_submit(other.pool, pass_gate, &gate, NULL), 0);
    test_gate_await(&gate, 1);
    test_thread thread;
    test_spawn(&thread, cancel_all, &other);
    CHECK_STATUS(thrum_executor_map(other.pool, square, inputs, FEW, results), THRUM_ECANCELLED);
    test_join(&thread);
    thrum_executor_free(other.pool);
    CHECK_EQ(calls[0], 0);
}

static int fail_to_initialise(void *unused)
{
    (void)unused;
    return 1;
}

static void ignore(const thrum_thread *thread, const thrum_error *error)
{
    (void)thread;
    (void)error;
}

TEST(executor_map, of_an_executor_that_breaks)
{
    thrum_set_excepthook(ignore);
    number_inputs();
    THRUM_EXECUTOR(pool, .max_workers = 2, .initializer = fail_to_initialise);
    CHECK_STATUS(thrum_executor_map(pool, square, inputs, FEW, results), THRUM_EBROKEN);
    CHECK_STATUS(thrum_executor_map(pool, square, inputs, FEW, results), THRUM_EBROKEN);
}

typedef struct level {
    thrum_executor *pool;
    int depth;
} level;

static void *map_on(void *arg)
{
    level *self = arg;
    if (self->depth == 0)
        return as_pointer(1);
    level below = {self->pool, self->depth - 1};
    void *own[4] = {&below, &below, &below, &below};
    CHECK_STATUS(thrum_executor_map(self->pool, map_on, own, 4, own), 0);
    intptr_t sum = 0;
    for (int i = 0; i < 4; i++)
        sum += (intptr_t)own[i];
    return as_pointer(sum);
}

TEST(executor_map, inside_of_tasks)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        THRUM_EXECUTOR(pool, .max_workers = workers);
        level top = {pool, 4};
        CHECK_EQ((intptr_t)result_of(submit(pool, map_on, &top)), 256);
    }
}

typedef struct cycle {
    thrum_executor *pool;
    thrum_future *outer;
    thrum_event has_outer;
    int inner_status;
} cycle;

static void *wait_for_outer(void *arg)
{
    cycle *self = arg;
    self->inner_status = thrum_future_wait(self->outer);
    return NULL;
}

static void *map_a_cycle(void *arg)
{
    cycle *self = arg;
    CHECK_STATUS(thrum_event_wait(&self->has_outer), 0);
    void *own[1] = {self};
    return as_pointer(thrum_executor_map(self->pool, wait_for_outer, own, 1, NULL));
}

TEST(executor_map, that_waits_for_its_caller_is_a_deadlock)
{
    for (unsigned workers = 1; workers <= 2; workers++) {
        cycle one = {.pool = HAVE(thrum_executor_new(.max_workers = workers))};
        one.outer = submit(one.pool, map_a_cycle, &one);
        thrum_event_set(&one.has_outer);
        CHECK_STATUS(thrum_future_wait(one.outer), 0);
        void *outer_status;
        CHECK_STATUS(thrum_future_result(one.outer, &outer_status), 0);
        thrum_executor_free(one.pool);
        /* whoever was the second to wait */
        CHECK_EQ(one.inner_status + (intptr_t)outer_status, THRUM_EDEADLK);
        thrum_future_free(one.outer);
    }
}

TEST(executor_map, with_few_places)
{
    number_inputs();
    THRUM_EXECUTOR(pool, .max_workers = 4, .max_pending = 1);
    CHECK_STATUS(thrum_executor_map(pool, square, inputs, 1000, results), 0);
    CHECK_EQ((intptr_t)results[999], 999 * 999);
}

TEST(executor_map, without_memory)
{
    number_inputs();
    thrum_executor *pool = HAVE(thrum_executor_new(.max_workers = 2));
    CHECK_STATUS(thrum_executor_map(pool, square, inputs, FEW, results), 0);
    TEST_SWEEP_ALLOCATIONS
    {
        test_allow_allocations(16); /* memory that the pool keeps, a second worker */
        int status = thrum_executor_map(pool, square, inputs, FEW, results);
        if (status != 0)
            CHECK_STATUS(status, test_failures_injected() > 0 ? THRUM_ENOMEM : 0);
        else
            CHECK_EQ((intptr_t)results[FEW - 1], (FEW - 1) * (FEW - 1));
    }
    thrum_executor_free(pool);
}

/* ---- calls that end their thread, or fork ---- */

static void *leave_at_three(void *number)
{
    if ((intptr_t)number == 3)
        pthread_exit(NULL);
    return number;
}

static void lose_a_thread(void *unused)
{
    (void)unused;
    number_inputs();
    thrum_executor *pool = HAVE(thrum_executor_new(.max_workers = 2));
    thrum_time deadline = thrum_after(0.05);
    CHECK_STATUS(
        thrum_executor_map_until(pool, leave_at_three, inputs, FEW, results, deadline, NULL),
        THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_executor_map(pool, square, inputs, FEW, results), 0);
    test_say("went on");
    _exit(0); /* the executor waits for its worker */
}

TEST(executor_map, a_call_that_ends_its_thread_is_never_over)
{
    if (TEST_UNDER_TSAN) /* it takes the thread that nobody can join for a leak */
        return;
    CHECK_PROGRAM(lose_a_thread, NULL, 0, "went on\n");
}

static bool is_child;

/** Slow, so that calls are given out one by one. */
static void *fork_at_three(void *number)
{
    if (is_child)
        test_say("a call in the child");
    thrum_sleep(0.001);
    if ((intptr_t)number != 3)
        return number;
    pid_t child = fork();
    is_child = child == 0;
    if (!is_child)
        CHECK_EQ(waitpid(child, NULL, 0), child);
    return number;
}

static void *map_inside(void *pool)
{
    int status = thrum_executor_map(pool, fork_at_three, inputs, FEW, results);
    CHECK_STATUS(status, is_child ? THRUM_ESHUTDOWN : 0);
    if (is_child)
        test_say("child");
    return NULL;
}

static void fork_in_a_call_of_a_worker(void *unused)
{
    (void)unused;
    number_inputs();
    THRUM_EXECUTOR(pool, .max_workers = 1);
    thrum_future *future;
    CHECK_STATUS(thrum_executor_submit(pool, map_inside, pool, &future), 0);
    CHECK_STATUS(thrum_future_wait(future), 0);
    thrum_future_free(future);
    test_say("parent");
}

TEST(executor_map, ends_with_its_worker_in_a_child)
{
    if (TEST_UNDER_TSAN) /* it does not let children of threads end */
        return;
    CHECK_PROGRAM(fork_in_a_call_of_a_worker, NULL, 0, "child\nparent\n");
}

static void fork_in_a_call(void *unused)
{
    (void)unused;
    number_inputs();
    THRUM_EXECUTOR(pool, .max_workers = 1);
    CHECK_STATUS(thrum_executor_map(pool, fork_at_three, inputs, FEW, results), 0);
    test_say("done");
}

TEST(executor_map, a_child_makes_no_further_calls)
{
    CHECK_PROGRAM(fork_in_a_call, NULL, 0, "done\n");
}
