/* SPDX-License-Identifier: MIT */
/** @file
 *  Engine.
 *
 *  Purpose     Run the threads of one execution, one at a time, on coroutines of one kernel thread,
 *              and hand every choice to the strategy.
 *  Protocol    A thread runs until a point: before a visible step or a pause (engine_point), where
 *              another may take over; at a sleep, a join or its end, where another must. The stack
 *              of the thread that stops switches directly to that of the next. When nobody can
 *              run, time jumps to the next deadline; when there is none, all are asleep for good.
 *  The end     A verdict, or the end of the last thread, switches to the host's stack and leaves
 *              the others where they are: their memory is set back, nothing of theirs is run.
 *  Fairness    A thread that runs for very long while others could is made to wait once: loops that
 *              look for a change end that way, others become livelocks. */
#include "engine.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coroutine.h"
#include "memory.h"
#include "report.h"
#include "strategy.h"
#include "world.h"

#define RUN_LENGTH_MAX 2000
#define CLOCK_START ((thrum_time)1000000000)
#define DEADLINES_NOTED 16
#define SIGNAL_STACK_BYTES 65536

STATE engine_state engine;
STATE static void *host_stack;
STATE static thrum_time deadlines_noted[DEADLINES_NOTED];
STATE static unsigned deadlines_noted_count;
STATE static bool catches_crashes;
STATE static char signal_stack[SIGNAL_STACK_BYTES];

/* ---- the end of an execution ---- */

static _Noreturn void go_to_host(void)
{
    void *abandoned;
    engine.running = false;
    coroutine_switch(&abandoned, host_stack);
    abort();
}

void engine_verdict(enum thrum_check_verdict verdict, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(engine.result.message, sizeof engine.result.message, format, args);
    va_end(args);
    engine.result.verdict = verdict;
    go_to_host();
}

void engine_discard(void)
{
    engine.result.discarded = true;
    go_to_host();
}

static void crashed(int number)
{
    if (!engine.running) {
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    engine_verdict(THRUM_CHECK_CRASH, "thread %d was ended by signal %d (%s)", engine.current,
                   number, strsignal(number));
}

static void catch_crashes(void)
{
    if (catches_crashes)
        return;
    catches_crashes = true;
    stack_t stack = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
    sigaltstack(&stack, NULL);
    struct sigaction action = {.sa_handler = crashed, .sa_flags = SA_ONSTACK | SA_NODEFER};
    const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        sigaction(fatal[i], &action, NULL);
}

/* ---- who can run ---- */

static bool is_alive(const engine_thread *one)
{
    return one->state == THREAD_READY || one->state == THREAD_ASLEEP ||
           one->state == THREAD_JOINING;
}

static bool can_run(const engine_thread *one)
{
    switch (one->state) {
    case THREAD_READY: return true;
    case THREAD_ASLEEP: return one->deadline <= engine.clock;
    case THREAD_JOINING: return engine.threads[one->awaited].state == THREAD_DONE;
    default: return false;
    }
}

/** Threads other than the current one that can run, beginning after it. */
static unsigned others(int candidates[MODEL_THREADS])
{
    unsigned count = 0;
    for (int i = 1; i < engine.threads_made; i++) {
        int number = (engine.current + i) % engine.threads_made;
        if (can_run(&engine.threads[number]))
            candidates[count++] = number;
    }
    return count;
}

static void switch_to(int number)
{
    engine_thread *from = engine_self();
    if (number == engine.current)
        return;
    from->run_length = 0;
    world_save_thread_local(engine.current);
    engine.current = number;
    world_load_thread_local(number);
    coroutine_switch(&from->stack_pointer, engine_self()->stack_pointer);
}

void engine_switch(int number)
{
    switch_to(number);
}

void engine_begin(void)
{
    int candidates[MODEL_THREADS];
    engine.quiet = false;
    unsigned count = 0;
    for (int i = 0; i < engine.threads_made; i++)
        candidates[count++] = i;
    switch_to(candidates[strategy_choose_thread(candidates, count, false)]);
}

/* ---- time ---- */

/** The earliest moment after now at which somebody's deadline passes, or THRUM_FOREVER. */
static thrum_time next_deadline(bool of_sleepers_only)
{
    thrum_time next = THRUM_FOREVER;
    for (int i = 0; i < engine.threads_made; i++) {
        const engine_thread *one = &engine.threads[i];
        if (one->state == THREAD_ASLEEP && one->deadline > engine.clock && one->deadline < next)
            next = one->deadline;
    }
    for (unsigned i = 0; i < deadlines_noted_count && !of_sleepers_only; i++)
        if (deadlines_noted[i] > engine.clock && deadlines_noted[i] < next)
            next = deadlines_noted[i];
    return next;
}

static void jump_to(thrum_time moment)
{
    engine.clock = moment;
    engine_event((uintptr_t)&engine.clock, (uint64_t)moment);
    report_step(NULL, "the clock jumps to a deadline");
}

/** At the explorer's choice let the next deadline pass now. */
static void may_jump(bool of_sleepers_only, bool branch)
{
    if (engine.quiet || engine.options.budgets[BUDGET_TICK] == 0)
        return;
    thrum_time next = next_deadline(of_sleepers_only);
    if (next != THRUM_FOREVER && strategy_choose(2, BUDGET_TICK, branch) != 0)
        jump_to(next);
}

void engine_look_at_clock(void)
{
    if (!engine.running)
        return;
    may_jump(false, true);
    engine_event((uintptr_t)&engine.clock, (uint64_t)engine.clock);
}

void engine_note_deadline(thrum_time deadline)
{
    unsigned i = 0;
    while (i < deadlines_noted_count && deadlines_noted[i] > engine.clock)
        i++;
    if (!engine.running || deadline == THRUM_FOREVER || i == DEADLINES_NOTED)
        return;
    deadlines_noted[i] = deadline; /* in the place of one that has passed, if there is one */
    if (i == deadlines_noted_count)
        deadlines_noted_count++;
}

/* ---- points ---- */

static void maybe_interrupt(engine_thread *self)
{
    void (*handler)(void) = self->handler;
    if (handler == NULL || strategy_choose(2, BUDGET_PREEMPTION, true) == 0)
        return;
    self->handler = NULL;
    engine_event((uintptr_t)&self->handler, 1);
    report_step(NULL, "a signal handler runs");
    handler();
    self->is_restarted = true;
    report_step(NULL, "the signal handler returns");
}

void engine_signal_point(void)
{
    if (engine.running && !engine.quiet)
        maybe_interrupt(engine_self());
}

static void count_step(void)
{
    if (++engine.steps > engine.options.steps_max)
        engine_verdict(
            THRUM_CHECK_LIVELOCK,
            "livelock: no end after %u steps; thread %d runs, or several wait by looking",
            engine.steps, engine.current);
}

void engine_point(bool branch)
{
    engine_thread *self = engine_self();
    count_step();
    if (engine.quiet)
        return;
    maybe_interrupt(self);
    may_jump(true, branch);
    bool too_long = ++self->run_length > RUN_LENGTH_MAX;
    if (!strategy_is_choice_here(branch) && !too_long)
        return;
    int candidates[MODEL_THREADS + 1];
    candidates[0] = engine.current;
    unsigned count = 1 + others(candidates + 1);
    if (too_long && count > 1)
        switch_to(candidates[1]);
    else
        switch_to(candidates[strategy_choose_thread(candidates, count, true)]);
}

static const char *sleepers(void)
{
    STATE static char text[256];
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < engine.threads_made && used + 16 < sizeof text; i++)
        if (is_alive(&engine.threads[i]))
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%d", used ? ", " : "", i);
    return text;
}

static bool somebody_is_alive(void)
{
    for (int i = 0; i < engine.threads_made; i++)
        if (is_alive(&engine.threads[i]))
            return true;
    return false;
}

static void look_for_leaks(void)
{
    for (int i = 0; i < engine.threads_made; i++)
        if (engine.threads[i].is_owed && engine.threads[i].state == THREAD_DONE)
            engine_verdict(THRUM_CHECK_LEAK, "thread %d has ended and was not collected", i);
    size_t bytes, blocks;
    char place[128];
    const void *leaked = world_find_leak(&bytes, &blocks);
    if (leaked != NULL)
        engine_verdict(THRUM_CHECK_LEAK, "%zu bytes in %zu blocks were not freed; the first is %s",
                       bytes, blocks, report_object(leaked, place, sizeof place));
}

/** No verdict was reached; what `finish` says may still be one. */
static _Noreturn void end_well(void)
{
    engine.quiet = true;
    if (engine.options.finish != NULL && !engine.in_child)
        engine.options.finish();
    if (!engine.options.may_leak && !engine.in_child)
        look_for_leaks();
    go_to_host();
}

/** Nobody can run and no deadline is left. */
static _Noreturn void all_asleep(void)
{
    if (!somebody_is_alive() || engine.options.may_deadlock)
        end_well();
    report_sleepers();
    engine_verdict(THRUM_CHECK_DEADLOCK,
                   "deadlock: threads %s are asleep, and nothing will wake them", sleepers());
}

/** The current thread cannot go on: another does, or time passes, or it is the end. Returns when
 *  somebody switches back. */
static void go_away(void)
{
    int candidates[MODEL_THREADS];
    for (;;) {
        unsigned count = others(candidates);
        if (can_run(engine_self()))
            candidates[count++] = engine.current;
        if (count > 0) {
            switch_to(candidates[strategy_choose_thread(candidates, count, false)]);
            return;
        }
        thrum_time next = next_deadline(true);
        if (next == THRUM_FOREVER)
            all_asleep();
        jump_to(next);
    }
}

/* ---- sleeping and waking ---- */

bool engine_is_spurious(void)
{
    return engine.options.budgets[BUDGET_SPURIOUS] > 0 && !engine.quiet &&
           strategy_choose(2, BUDGET_SPURIOUS, true) != 0;
}

void engine_sleep(const uint32_t *word, thrum_time deadline, const void *pc)
{
    engine_thread *self = engine_self();
    if (deadline <= engine.clock)
        return;
    if (engine_is_spurious()) {
        engine_event((uintptr_t)word, 3);
        report_step(pc, "futex wait returns for nothing");
        return;
    }
    report_step(pc, "futex wait: sleeps");
    self->word = word;
    self->deadline = deadline;
    self->asleep_at = pc;
    self->state = THREAD_ASLEEP;
    go_away();
    bool woken = self->state == THREAD_READY;
    self->state = THREAD_READY;
    self->word = NULL;
    engine_event((uintptr_t)word, woken ? 1 : 2);
    report_step(pc, woken ? "futex wait: woken" : "futex wait: the deadline has passed");
}

void engine_wake(const uint32_t *word, const void *pc)
{
    unsigned sleepers[MODEL_THREADS];
    unsigned count = 0;
    for (int i = 0; i < engine.threads_made; i++) {
        const engine_thread *one = &engine.threads[i];
        if (one->state == THREAD_ASLEEP && one->word == word && !can_run(one))
            sleepers[count++] = (unsigned)i;
    }
    unsigned chosen = count > 1 ? strategy_choose(count, BUDGET_NONE, true) : 0;
    if (count > 0)
        engine.threads[sleepers[chosen]].state = THREAD_READY;
    engine_event((uintptr_t)word, 4 + (count > 0 ? sleepers[chosen] : MODEL_THREADS));
    report_step(pc, count > 0 ? "futex wake: wakes thread %u" : "futex wake: nobody sleeps",
                count > 0 ? sleepers[chosen] : 0);
}

void engine_join(int awaited, const void *pc)
{
    engine_thread *self = engine_self();
    if (engine.threads[awaited].state != THREAD_DONE) {
        report_step(pc, "waits for the end of thread %d", awaited);
        self->state = THREAD_JOINING;
        self->awaited = awaited;
        self->asleep_at = pc;
        go_away();
        self->state = THREAD_READY;
    }
    vclock_join(&self->now, &engine.threads[awaited].now);
    engine_event((uintptr_t)&engine.threads[awaited], 1);
}

void engine_expect_owed(int number)
{
    if (!engine.threads[number].is_owed)
        engine_verdict(THRUM_CHECK_CRASH, "thread %d is asked for, but has been collected", number);
}

void engine_collect(int number)
{
    engine_expect_owed(number);
    engine.threads[number].is_owed = false;
}

void engine_stop(void)
{
    report_step(NULL, "is stopped for good");
    engine_self()->state = THREAD_STOPPED;
    go_away();
    abort();
}

void engine_forget_others(void)
{
    for (int i = 0; i < engine.threads_made; i++) {
        if (i != engine.current && engine.threads[i].state != THREAD_DONE)
            engine.threads[i].state = THREAD_GONE;
        /* the child's memory is a copy: what the others did is in it */
        vclock_join(&engine_self()->now, &engine.threads[i].now);
    }
    engine.in_child = true;
    engine_event((uintptr_t)&engine.in_child, 1);
}

/* ---- births and deaths ---- */

static bool is_the_end(void)
{
    return engine.options.abandons && engine.current == 0;
}

static void thread_entry(void)
{
    engine_thread *self = engine_self();
    self->body(self->arg);
    self->state = THREAD_DONE;
    engine_event((uintptr_t)self, 2);
    report_step(NULL, "ends");
    if (is_the_end())
        end_well();
    go_away();
    abort();
}

int engine_spawn(void *(*body)(void *), void *arg)
{
    if (engine.threads_made == MODEL_THREADS)
        return -1;
    int number = engine.threads_made++;
    engine_thread *made = &engine.threads[number];
    memset(made, 0, sizeof *made);
    made->state = THREAD_READY;
    made->body = body;
    made->arg = arg;
    made->deadline = THRUM_FOREVER;
    if (number > 0) {
        made->now = engine_self()->now;
        engine_self()->now.at[engine.current]++;
        world_begin_thread_local(number);
        engine_event((uintptr_t)made, 3);
    }
    made->now.at[number] = 1;
    made->stack_pointer = coroutine_begin(world_stack_top(number), thread_entry);
    return number;
}

void engine_execute(void *(*body)(void *), void *arg, const engine_options *options)
{
    uint32_t execution = engine.execution + 1;
    bool tracing = engine.tracing;
    catch_crashes();
    world_rewind();
    int threads_made = engine.threads_made;
    memset(&engine, 0, offsetof(engine_state, threads));
    memset(engine.threads, 0, (size_t)threads_made * sizeof *engine.threads);
    memset((char *)&engine + offsetof(engine_state, clock), 0,
           sizeof engine - offsetof(engine_state, clock));
    engine.execution = execution;
    engine.tracing = tracing;
    engine.clock = CLOCK_START;
    engine.options = *options;
    deadlines_noted_count = 0;
    memory_begin();
    engine_spawn(body, arg);
    engine.running = true;
    coroutine_switch(&host_stack, engine.threads[0].stack_pointer);
    engine.running = false;
}

/** The running thread knows what all knew before, and each knows what that one did. */
void engine_fence_others(const void *pc, const char *what)
{
    engine_point(true);
    vclock before = engine_self()->now;
    uint64_t moment = 0;
    for (int i = 0; i < engine.threads_made; i++) {
        vclock_join(&engine_self()->now, &engine.threads[i].now);
        moment = moment * 31 + engine.threads[i].events;
    }
    for (int i = 0; i < engine.threads_made; i++) {
        engine_thread *one = &engine.threads[i];
        vclock_join(&one->now, &before);
        vclock_join(&one->now, &one->fence_acquire);
        one->fence_release = one->now;
        one->has_fence_release = true;
        one->now.at[i]++;
    }
    engine_event((uintptr_t)&engine_fence_others, moment);
    report_step(pc, "%s", what);
}

void engine_restart_others(const void *pc)
{
    engine_fence_others(pc, "restarts the sequences of the others");
    for (int i = 0; i < engine.threads_made; i++)
        engine.threads[i].is_restarted = true;
}

void engine_event(uintptr_t object, uint64_t version)
{
    engine_thread *self = engine_self();
    uint64_t hash = ((uint64_t)engine.current << 56) ^ ((uint64_t)++self->events << 32) ^ version;
    hash = (hash ^ (object * UINT64_C(0x9E3779B97F4A7C15))) * UINT64_C(0xBF58476D1CE4E5B9);
    hash ^= hash >> 29;
    hash *= UINT64_C(0x94D049BB133111EB);
    engine.trace_hash += hash ^ (hash >> 32);
    engine.events++;
}
