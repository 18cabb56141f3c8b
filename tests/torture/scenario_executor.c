/* SPDX-License-Identifier: MIT */
/** @file
 *  Scenarios: executor. Workers submit to a pool that they share and to short-lived ones: tasks
 *  that submit, wait, are cancelled; every one is run once, or cancelled. */
#include <stdlib.h>
#include <string.h>

#include "thrum/executor.h"
#include "torture.h"

#define BATCH 16
#define POOL_WORKERS 3

static thrum_executor *pool;
static uint64_t submitted, ran, cancelled;
/** Inputs of maps that succeeded, and of maps that did not, some of which have been run. */
static uint64_t mapped, given_up, ran_mapped;

static void count(uint64_t *number)
{
    __atomic_add_fetch(number, 1, __ATOMIC_RELAXED);
}

static void executor_setup(unsigned workers)
{
    (void)workers;
    submitted = ran = cancelled = 0;
    mapped = given_up = ran_mapped = 0;
    pool = thrum_executor_new(.max_workers = POOL_WORKERS, .max_pending = 64);
}

static void *run_task(void *arg)
{
    count(&ran);
    return arg;
}

/** Submit, and say whether it was; the system may be short of threads for a while. */
static bool submit(thrum_executor *to, thrum_target target, void *arg, thrum_future **ret_future)
{
    int status = thrum_executor_submit(to, target, arg, ret_future);
    if (status == THRUM_EAGAIN || status == THRUM_ENOMEM) {
        thrum_sleep(0.001);
        return false;
    }
    if (status == THRUM_ESHUTDOWN) /* a subtask of one that nobody waited for */
        return false;
    if (!torture_expect(status, false))
        return false;
    count(&submitted);
    return true;
}

/** Two subtasks, one of which is waited for. */
static void *run_family(void *to)
{
    thrum_future *child;
    (void)submit(to, run_task, NULL, NULL);
    if (submit(to, run_task, to, &child)) {
        void *result = NULL;
        torture_expect(thrum_future_result(child, &result), false);
        if (result != to)
            torture_count(LOST, 1);
        thrum_future_free(child);
    }
    return run_task(to);
}

/** Cancel it, wait for it in one of the ways there are, or let it go. */
static void end_task(thrum_future *future, worker *me)
{
    uint32_t way = torture_random(me, 8);
    int status = THRUM_ETIMEDOUT;
    if (way == 0 && thrum_future_cancel(future)) {
        count(&cancelled);
        status = 0;
    }
    while (way != 1 && status == THRUM_ETIMEDOUT)
        status =
            way < 5 ? thrum_future_wait_until(future, torture_soon(me)) : thrum_future_wait(future);
    if (way != 1)
        torture_expect(status, false);
    thrum_future_free(future);
}

static void use(thrum_executor *to, worker *me)
{
    thrum_future *futures[BATCH];
    unsigned count = 0, wanted = 1 + torture_random(me, BATCH);
    for (unsigned i = 0; i < wanted; i++) {
        uint32_t kind = torture_random(me, 4);
        if (kind == 0)
            (void)submit(to, run_task, NULL, NULL);
        else if (submit(to, kind == 1 ? run_family : run_task, to, &futures[count]))
            count++;
    }
    for (unsigned i = 0; i < count; i++)
        end_task(futures[i], me);
}

static void *run_mapped(void *arg)
{
    count(&ran_mapped);
    return arg;
}

static void map(thrum_executor *to, worker *me)
{
    void *numbers[64], *results[64] = {NULL};
    size_t n = 1 + torture_random(me, 64);
    for (size_t i = 0; i < n; i++)
        numbers[i] = &numbers[i];
    int status = thrum_executor_map(to, run_mapped, numbers, n, results);
    if (status == THRUM_EAGAIN || status == THRUM_ENOMEM) {
        __atomic_add_fetch(&given_up, n, __ATOMIC_RELAXED);
        return;
    }
    torture_expect(status, false);
    __atomic_add_fetch(&mapped, n, __ATOMIC_RELAXED);
    for (size_t i = 0; i < n; i++)
        if (results[i] != &numbers[i])
            torture_count(LOST, 1);
}

static bool executor_step(worker *me)
{
    if (pool == NULL)
        return false;
    if (torture_random(me, 16) == 0) {
        THRUM_EXECUTOR(own, .max_workers = 1 + torture_random(me, 3));
        if (own != NULL)
            use(own, me);
    } else if (torture_random(me, 8) == 0) {
        map(pool, me);
    } else {
        use(pool, me);
    }
    return !torture_stopping();
}

static void executor_check(void)
{
    thrum_executor_free(pool);
    torture_conserve(submitted, ran + cancelled);
    uint64_t beyond = ran_mapped > mapped ? ran_mapped - mapped : 0;
    torture_conserve(mapped + (beyond < given_up ? beyond : given_up), ran_mapped);
}

const scenario scenario_executor = {
    .name = "executor",
    .proves = "every task that is submitted is run once, or cancelled",
    .setup = executor_setup,
    .step = executor_step,
    .check = executor_check,
    .least = 1,
    .in_mixed = true,
};
