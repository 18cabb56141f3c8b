/* SPDX-License-Identifier: MIT */
/** @file
 *  Check.
 *
 *  Purpose     thrum_check: what programs' tests use. Their calls of thrum are taken as a whole.
 *  State       The outcome of the last search, for its strings. */
#include "thrum/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

#include "instrumentation.h"
#include "platform/memory.h"
#include "platform/options.h"
#include "platform_model.h"
#include "report.h"
#include "strategy.h"
#include "world.h"

#define PREEMPTIONS_DEFAULT 2
#define EXECUTIONS_DEFAULT 1000000
#define SECONDS_DEFAULT 60.0
#define STEPS_DEFAULT 20000
#define STEPS_MAX 32000    /* a vector clock counts to 32,767 */
#define PREEMPTIONS_MAX 15 /* what a state met before can hold */

typedef struct test_call {
    void (*test)(void *);
    void *arg;
} test_call;

STATE static search_result last_result;
STATE static test_call present_call;
STATE static bool is_searching;

static void *run_test(void *unused)
{
    present_call.test(present_call.arg);
    platform_program_ends();
    return unused;
}

static thrum_check_options options_of(const thrum_check_options *given)
{
    thrum_check_options options = {.size = 0};
    th_copy_options(&options, sizeof options, given);
    if (options.name == NULL)
        options.name = "test";
    if (options.preemptions == 0)
        options.preemptions = PREEMPTIONS_DEFAULT;
    if (options.executions == 0)
        options.executions = EXECUTIONS_DEFAULT;
    if (!(options.seconds > 0))
        options.seconds = SECONDS_DEFAULT;
    if (options.steps == 0)
        options.steps = STEPS_DEFAULT;
    if (options.steps > STEPS_MAX)
        options.steps = STEPS_MAX;
    if (options.preemptions > PREEMPTIONS_MAX)
        options.preemptions = PREEMPTIONS_MAX;
    if (options.seed == 0)
        options.seed = 1;
    if (options.replay == NULL)
        options.replay = getenv("THRUM_SCHEDULE");
    return options;
}

static search search_of(const thrum_check_options *options)
{
    search wanted = {
        .name = options->name,
        .strategy = options->strategy,
        .preemptions_max = options->preemptions,
        .executions_max = options->executions,
        .seconds_max = options->seconds,
        .seed = options->seed,
        .replay = options->replay,
        .quiet = options->quiet,
        .options = {.steps_max = options->steps, .library_is_atomic = true, .abandons = true},
        .body = run_test,
    };
    wanted.options.budgets[BUDGET_STALE] = options->weak_memory;
    wanted.options.budgets[BUDGET_FAILURE] = options->allocation_failures;
    wanted.options.budgets[BUDGET_TICK] = 1;
    return wanted;
}

static void tell(const search_result *found, thrum_check_result *ret_result)
{
    bool failed = found->found.verdict != THRUM_CHECK_NOTHING;
    *ret_result = (thrum_check_result){
        .verdict = found->found.verdict,
        .executions = found->executions,
        .exhausted = found->exhausted,
        .preemptions = found->preemptions,
        .schedule = failed ? found->schedule : NULL,
        .message = failed ? found->found.message : NULL,
    };
}

/** Nothing was found, but not everything was looked at. */
static void say_if_cut(const thrum_check_options *options, const search_result *result)
{
    bool is_exhaustive = options->strategy == THRUM_CHECK_EXHAUSTIVE && options->replay == NULL;
    if (is_exhaustive && !result->exhausted && result->found.verdict == THRUM_CHECK_NOTHING)
        fprintf(
            stderr,
            "%s: nothing found in %llu schedules; these are not all with up to %u preemptions\n",
            options->name, (unsigned long long)result->executions, options->preemptions);
}

int thrum_check_with(void (*test)(void *), void *arg, const thrum_check_options *given)
{
    if (test == NULL)
        return THRUM_EINVAL;
    if (engine.running || is_searching)
        return THRUM_ESTATE;
    thrum_check_options options = options_of(given);
    if (!instrumentation_covers_program()) {
        fprintf(stderr,
                "%s: the program is not compiled for thrum_check: pkg-config --cflags "
                "thrum-check says how\n",
                options.name);
        return THRUM_EINVAL;
    }
    search wanted = search_of(&options);
    present_call = (test_call){test, arg};
    is_searching = true;
    bool valid = strategy_search(&wanted, &last_result);
    is_searching = false;
    if (!valid) {
        fprintf(stderr, "%s: \"%s\" is not a schedule\n", options.name, options.replay);
        return THRUM_EINVAL;
    }
    if (options.ret_result != NULL)
        tell(&last_result, options.ret_result);
    if (!options.quiet)
        say_if_cut(&options, &last_result);
    return last_result.found.verdict == THRUM_CHECK_NOTHING ? 0 : THRUM_EFAILED;
}

/* ---- what tests say ---- */

void thrum_check_fail(const char *what, const char *file, int line)
{
    if (!engine.running) {
        fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
        abort();
    }
    report_step(__builtin_return_address(0), "ASSERTION");
    engine_verdict(THRUM_CHECK_ASSERTION, "%s:%d: assertion failed: %s", file, line, what);
}

/** What assert calls. */
_Noreturn void __assert_fail(const char *what, const char *file, unsigned line,
                             const char *function);
void __assert_fail(const char *what, const char *file, unsigned line, const char *function)
{
    (void)function;
    thrum_check_fail(what, file, (int)line);
}

unsigned thrum_check_choose(unsigned n)
{
    unsigned chosen = engine.running ? strategy_choose(n, BUDGET_NONE, true) : 0;
    if (engine.running)
        engine_event((uintptr_t)&thrum_check_choose, chosen);
    return chosen;
}

/* ---- the program's own allocations, which the linker sends here ---- */

void *__real_malloc(size_t bytes);
void __real_free(void *memory);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__wrap_malloc(size_t bytes);
void __wrap_free(void *memory);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);

static void *allocate(size_t bytes)
{
    void *memory = th_alloc(bytes);
    if (memory == NULL)
        errno = ENOMEM;
    return memory;
}

void *__wrap_malloc(size_t bytes)
{
    return engine.running ? allocate(bytes) : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    size_t all;
    if (!engine.running)
        return __real_calloc(count, bytes);
    if (__builtin_mul_overflow(count, bytes, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    return allocate(all);
}

void __wrap_free(void *memory)
{
    if (world_is_heap(memory))
        th_free(memory);
    else
        __real_free(memory);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    if (!engine.running || (memory != NULL && !world_is_heap(memory)))
        return __real_realloc(memory, bytes);
    void *moved = allocate(bytes);
    if (moved == NULL || memory == NULL)
        return moved;
    size_t before = world_size_of(memory);
    memcpy(moved, memory, before < bytes ? before : bytes);
    __wrap_free(memory);
    return moved;
}

/* ---- the same addresses in every run ---- */

/** Schedules name positions, and whose locks share a bucket depends on addresses: so a program of
 *  which schedules are replayed runs where the kernel does not spread them. */
__attribute__((constructor)) static void stay_in_place(void)
{
    static const char mark[] = "THRUM_CHECK_IN_PLACE";
    int persona = personality(0xFFFFFFFF);
    if (persona == -1 || (persona & ADDR_NO_RANDOMIZE) != 0 || getenv(mark) != NULL)
        return;
    if (personality((unsigned long)persona | ADDR_NO_RANDOMIZE) == -1)
        return;
    setenv(mark, "1", 1);
    char command[4096];
    char *arguments[256];
    FILE *file = fopen("/proc/self/cmdline", "r");
    if (file == NULL)
        return;
    size_t bytes = fread(command, 1, sizeof command - 1, file);
    fclose(file);
    unsigned count = 0;
    command[bytes] = '\0';
    for (size_t at = 0; at < bytes && count < 255; at += strlen(command + at) + 1)
        arguments[count++] = command + at;
    arguments[count] = NULL;
    if (bytes == sizeof command - 1 || count == 255)
        return;
    execv("/proc/self/exe", arguments);
}
