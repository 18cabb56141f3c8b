/* SPDX-License-Identifier: MIT */
/** @file
 *  Engine: the threads of one execution, and the moments at which another may run.
 *
 *  What belongs to the explorer itself lies in STATE variables or in mapped memory; every other
 *  static variable of the program, the explorer's own model of the platform included, is part of
 *  the world and set back before each execution. */
#ifndef TH_EXPLORER_ENGINE_H
#define TH_EXPLORER_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"
#include "thrum/check.h"
#include "thrum/time.h"

#define STATE __attribute__((section("explorer_state")))

/** A vector clock: how far of each thread's steps one knows. */
typedef struct vclock {
    int16_t at[MODEL_THREADS];
} vclock;

static inline void vclock_join(vclock *into, const vclock *from)
{
    for (int i = 0; i < MODEL_THREADS; i++)
        if (into->at[i] < from->at[i])
            into->at[i] = from->at[i];
}

typedef enum thread_state {
    THREAD_UNUSED,
    THREAD_READY,
    THREAD_ASLEEP,  /**< on a futex */
    THREAD_JOINING, /**< for another's end */
    THREAD_DONE,
    THREAD_STOPPED, /**< by th_stop_for_good */
    THREAD_GONE,    /**< in a forked child */
} thread_state;

typedef struct engine_thread {
    thread_state state;
    vclock now;           /**< what happened before its next step */
    vclock fence_release; /**< what its relaxed stores publish since a release fence */
    vclock fence_acquire; /**< what an acquire fence would let it know */
    bool has_fence_release;
    uint32_t events;     /**< for the trace hash */
    void *stack_pointer; /**< while another runs */
    void *(*body)(void *);
    void *arg;
    const uint32_t *word; /**< of the futex it sleeps on */
    thrum_time deadline;
    int awaited;           /**< whom it joins */
    void (*handler)(void); /**< see model_interrupt */
    uint32_t run_length;   /**< steps since another ran */
    bool is_owed;          /**< somebody is still to collect it, once */
    bool is_restarted;     /**< its restartable sequence is undone; see memory.h */
    const void *asleep_at; /**< where in the program, for reports */
    const void *call_site; /**< of its present call of the library, for reports */
} engine_thread;

/** What a search allows one execution; see model.h. */
typedef enum budget {
    BUDGET_NONE,
    BUDGET_PREEMPTION,
    BUDGET_STALE,
    BUDGET_SPURIOUS,
    BUDGET_FAILURE,
    BUDGET_TICK,
    BUDGETS
} budget;

typedef struct engine_options {
    unsigned budgets[BUDGETS];
    uint32_t steps_max;
    bool library_is_atomic; /**< switch between calls of thrum only, not inside them */
    bool abandons, may_deadlock, may_leak;
    void (*finish)(void); /**< when all threads have ended; or NULL */
} engine_options;

/** The end of an execution. */
typedef struct outcome {
    enum thrum_check_verdict verdict;
    bool discarded; /**< pruned, or of no interest */
    char message[1024];
} outcome;

typedef struct engine_state {
    bool running; /**< an execution is under way, on a thread of it */
    bool quiet;   /**< no choices: setup, finish */
    bool tracing;
    bool in_child; /**< of model_fork */
    int current;
    int threads_made;
    engine_thread threads[MODEL_THREADS];
    thrum_time clock;
    uint32_t steps;
    uint64_t events;
    uint64_t trace_hash; /**< of all events, whatever the order of unrelated ones */
    uint32_t execution;  /**< number of the present one; stamps what is set back lazily */
    vclock fence_sc;
    engine_options options;
    outcome result;
} engine_state;

extern engine_state engine;

static inline engine_thread *engine_self(void)
{
    return &engine.threads[engine.current];
}

/** Run one execution: `body(arg)` as thread 0, choices by strategy.h. */
void engine_execute(void *(*body)(void *), void *arg, const engine_options *options);

/** Go on as thread `number`, which can run, unobserved. */
void engine_switch(int number);
/** From now on choices are made; any of the threads may be the first to run. */
void engine_begin(void);

/** Begin a thread; its number, or -1: there are too many. */
int engine_spawn(void *(*body)(void *), void *arg);

/** A moment before a visible step of the running thread. `branch`: others may run first. */
void engine_point(bool branch);

/** A moment at which only a signal may arrive; see model_interrupt. */
void engine_signal_point(void);

/** Whether what the caller is about to do ends for nothing, as by a signal: a choice. */
bool engine_is_spurious(void);

/** The running thread sleeps on a futex until woken, until `deadline`. */
void engine_sleep(const uint32_t *word, thrum_time deadline, const void *pc);
/** Wake one sleeper of `word`. */
void engine_wake(const uint32_t *word, const void *pc);
/** Wait for the end of a thread. */
void engine_join(int awaited, const void *pc);

/** Somebody asks for the thread, which platform_model.c has made: red if it has been collected. */
void engine_expect_owed(int number);
/** Somebody collects it: red the second time, and at the end of the execution if nobody has. */
void engine_collect(int number);
_Noreturn void engine_stop(void);
/** Let time pass, at the explorer's choice; what a look at the clock does. */
void engine_look_at_clock(void);
/** A deadline that somebody may come to wait for. */
void engine_note_deadline(thrum_time deadline);
/** A fence in every thread; `what` is said in reports. */
void engine_fence_others(const void *pc, const char *what);
/** The same; and the restartable sequences of all are undone (see memory.h). */
void engine_restart_others(const void *pc);
/** Only the running thread goes on. */
void engine_forget_others(void);

/** End the execution. */
_Noreturn void engine_verdict(enum thrum_check_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
_Noreturn void engine_discard(void);

/** An event of the running thread, on `object`, in the state `version`: what makes two executions
 *  that differ in the order of unrelated events the same. */
void engine_event(uintptr_t object, uint64_t version);

#endif
