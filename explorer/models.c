/* SPDX-License-Identifier: MIT */
/** @file
 *  Models.
 *
 *  Purpose     Run a model as the body of an execution, and what model.h offers to it.
 *  State       Of an execution, in ordinary static variables: its history. The list of models is
 *              the explorer's.
 *  Protocol    Thread 0 runs `setup` and then lets every thread meet thrum, one after the other and
 *              unobserved; from then on any of them may be the first. */
#include "models.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "history.h"
#include "park/context.h"
#include "platform/probe.h"
#include "platform_model.h"
#include "report.h"
#include "world.h"

#define STEPS_MAX 20000
#define PREEMPTIONS_DEFAULT 3
#define PREEMPTIONS_OF_FOUR 2

STATE static model *first_model, *last_model;

static const model *present;
static model_operation history[HISTORY_MAX];
static unsigned history_count, history_moment;

void model_register(model *one)
{
    if (last_model != NULL)
        last_model->next = one;
    else
        first_model = one;
    last_model = one;
}

model *models_all(void)
{
    return first_model;
}

unsigned models_threads(const model *one)
{
    unsigned count = 0;
    while (count < MODEL_THREADS && one->threads[count] != NULL)
        count++;
    return count;
}

static void *thread_body(void *number)
{
    unsigned mine = (unsigned)(uintptr_t)number;
    th_self();
    if (mine > 0)
        engine_switch(0);
    present->threads[mine]();
    return NULL;
}

static void *model_body(void *arg)
{
    present = arg;
    engine.quiet = true;
    th_self();
    if (!present->reports_deadlocks)
        th_probe_blocked = NULL;
    if (present->setup != NULL)
        present->setup();
    unsigned count = models_threads(present);
    for (unsigned i = 1; i < count; i++)
        engine_switch(engine_spawn(thread_body, (void *)(uintptr_t)i));
    engine_begin();
    present->threads[0]();
    return NULL;
}

void models_prepare(const model *one, bool long_form, search *ret_search)
{
    unsigned bound = one->preemptions;
    if (bound == 0)
        bound = models_threads(one) > 3 ? PREEMPTIONS_OF_FOUR : PREEMPTIONS_DEFAULT;
    if (long_form)
        bound = one->long_preemptions != 0 ? one->long_preemptions : bound + 1;
    *ret_search = (search){
        .name = one->behaviour,
        .preemptions_max = bound,
        .executions_max = UINT64_MAX,
        .seconds_max = 1e9,
        .seed = 1,
        .body = model_body,
        .arg = (void *)(uintptr_t)one,
        .options = {.steps_max = STEPS_MAX,
                    .abandons = one->abandons,
                    .may_deadlock = one->may_deadlock,
                    .may_leak = one->may_leak,
                    .finish = one->finish},
    };
    unsigned *budgets = ret_search->options.budgets;
    budgets[BUDGET_STALE] = one->stale_reads;
    budgets[BUDGET_SPURIOUS] = one->spurious;
    budgets[BUDGET_FAILURE] = one->failures;
    budgets[BUDGET_TICK] = one->ticks;
}

/* ---- what models say ---- */

void model_fail(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    report_step(__builtin_return_address(0), "ASSERTION");
    engine_verdict(THRUM_CHECK_ASSERTION, "%s", text);
}

void model_discard(void)
{
    engine_discard();
}

unsigned model_choose(unsigned n)
{
    unsigned chosen = engine.quiet ? 0 : strategy_choose(n, BUDGET_NONE, true);
    engine_event((uintptr_t)&model_choose, chosen);
    report_step(__builtin_return_address(0), "chooses %u of %u", chosen, n);
    return chosen;
}

unsigned model_thread(void)
{
    return (unsigned)engine.current;
}

void model_interrupt(void (*handler)(void))
{
    engine_self()->handler = handler;
}

bool model_is_asleep(unsigned number)
{
    thread_state state = engine.threads[number].state;
    return state == THREAD_ASLEEP || state == THREAD_JOINING;
}

bool model_is_freed(void *handle)
{
    return world_is_freed(handle);
}

bool model_is_stopped(unsigned number)
{
    return engine.threads[number].state == THREAD_STOPPED;
}

const char *model_stderr(void)
{
    return platform_stderr();
}

/* ---- histories ---- */

unsigned model_call(int operation, int64_t argument)
{
    engine_point(true);
    if (history_count == HISTORY_MAX)
        model_fail("a history of more than %d calls", HISTORY_MAX);
    history[history_count] = (model_operation){(unsigned)engine.current, operation, argument, 0,
                                               history_moment++,         UINT_MAX};
    engine_event((uintptr_t)history, history_moment);
    report_step(__builtin_return_address(0), "calls operation %d(%lld)", operation,
                (long long)argument);
    return history_count++;
}

void model_return(unsigned call, int64_t result)
{
    history[call].result = result;
    history[call].returned = history_moment++;
    engine_event((uintptr_t)history, history_moment);
    report_step(__builtin_return_address(0), "operation %d(%lld) returns %lld",
                history[call].operation, (long long)history[call].argument, (long long)result);
}

void model_check_history(model_specification *specification)
{
    if (history_is_linear(history, history_count, specification))
        return;
    engine_verdict(THRUM_CHECK_HISTORY,
                   "the %u calls and their results fit no order that the specification allows",
                   history_count);
}
