/* SPDX-License-Identifier: MIT */
/** @file
 *  Models: a few threads on thrum's own objects, explored step by step. tests/model/ holds them;
 *  README.md says how the explorer works.
 *
 *      static thrum_lock lock;
 *      static int inside;
 *
 *      static void pass(void)
 *      {
 *          thrum_lock_acquire(&lock);
 *          model_assert(++inside == 1);
 *          inside--;
 *          thrum_lock_release(&lock);
 *      }
 *
 *      MODEL(lock, excludes, .what = "three threads, one at a time", .threads = {pass, pass, pass})
 *
 *  Every execution starts with all static data as it was before the first, with an empty heap, and
 *  with each thread known to thrum already. Model code may use static variables, th_alloc and
 *  th_free, thrum and th_ functions, and plain C; it must not wait by any other means, do I/O, or
 *  keep anything from one execution to the next. All plain accesses are watched for races. */
#ifndef TH_EXPLORER_MODEL_H
#define TH_EXPLORER_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thrum/check.h"

/** Threads of one execution at most, those made by thrum_spawn included. */
#define MODEL_THREADS 16

typedef struct model {
    const char *noun; /**< the object, e.g. lock */
    const char *behaviour;
    const char *what;                     /**< a line for the table */
    void (*setup)(void);                  /**< before the threads, unobserved; or NULL */
    void (*threads[MODEL_THREADS])(void); /**< bodies, up to the first NULL */
    /** After all threads have ended, unobserved; or NULL. Thread 0 of a model that uses
     *  thrum_spawn may leave daemons behind: see `abandons`. */
    void (*finish)(void);
    unsigned preemptions;      /**< exhaust this bound; 0 means the default: 3, with 4 threads 2 */
    unsigned long_preemptions; /**< the bound of the long form; 0: one more */
    unsigned stale_reads;      /**< weak memory: loads that may read an older store; 0: none */
    unsigned spurious;         /**< waits that may return for nothing */
    unsigned failures;         /**< allocations and thread creations that may fail */
    unsigned ticks;            /**< deadlines that may pass although threads could run; see below */
    bool abandons;             /**< threads other than 0 may be left asleep at the end */
    bool may_deadlock;         /**< all asleep is an end like another; `finish` is called */
    bool may_leak;             /**< memory may be left at the end */
    bool reports_deadlocks;    /**< with thrum's own deadlock reports, which cost many steps */
    /** A specimen: the verdict that the search must come to. */
    enum thrum_check_verdict expects;
    bool sees_nothing; /**< a specimen: every execution is discarded, and that is noticed */
    struct model *next;
} model;

/** A deadline passes for free only when nothing else can run. With `.ticks = n` the clock may also
 *  jump to a pending deadline n times at any other moment. */
#define MODEL(noun_, behaviour_, ...)                                                              \
    static model model_##noun_##_##behaviour_ = {                                                  \
        .noun = #noun_, .behaviour = #behaviour_, __VA_ARGS__};                                    \
    __attribute__((constructor)) static void model_enter_##noun_##_##behaviour_(void)              \
    {                                                                                              \
        model_register(&model_##noun_##_##behaviour_);                                             \
    }

void model_register(model *one);

/** The end of this execution, and of the search: red. */
#define model_assert(condition)                                                                    \
    ((condition) ? (void)0                                                                         \
                 : model_fail("%s:%d: assertion failed: %s", __FILE__, __LINE__, #condition))
_Noreturn void model_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** This execution is of no interest: end it, green. A model of which every execution ends so is
 *  red: nothing was looked at. */
_Noreturn void model_discard(void);

/** 0 .. n-1: all of them are explored, at no cost. */
unsigned model_choose(unsigned n);

/** Which of the model's threads the caller is: 0, 1, ... */
unsigned model_thread(void);

/** Until model_interrupt(NULL) the explorer calls `handler` in this thread, as a signal would, at
 *  one moment of its choice (also at none). Costs a preemption. */
void model_interrupt(void (*handler)(void));

/** In `setup`: the system has no restartable sequences (platform/restart.h). */
void model_without_sequences(void);

/** In `setup`: no thread can fence others (platform/fence.h). */
void model_without_fences(void);

/** In `setup`: the kernel does not tell the ends of threads (platform/ending.h). */
void model_without_endings(void);

/** In `setup`: who is woken may be long in coming (platform/cpu.h). */
void model_with_late_wakes(void);

/** What thrum does in exit, called by this thread. Does not come back. */
_Noreturn void model_exit(void);

/** Both branches of a fork are explored: 0 in the child, in which the caller is the only thread,
 *  1 in the parent. Runs what thrum registered with th_at_fork. In the child `finish` is not
 *  called: check there, then return from the thread's body. */
int model_fork(void);

/** Whether, at the end, thread `thread` sleeps for good (with may_deadlock or abandons), or was
 *  stopped by th_stop_for_good. */
bool model_is_asleep(unsigned thread);
bool model_is_stopped(unsigned thread);

/** Whether memory of thrum, which `handle` points to, has been freed: of what must go although
 *  may_leak is set. */
bool model_is_freed(void *handle);

/** What thrum wrote to stderr in this execution (reports, misuse), as one string. */
const char *model_stderr(void);

/* ---- histories: what calls and returns say, checked against a sequential specification ---- */

/** A call by the calling thread begins: returns its number. */
unsigned model_call(int operation, int64_t argument);
/** It returned. */
void model_return(unsigned call, int64_t result);

typedef struct model_operation {
    unsigned thread;
    int operation;
    int64_t argument;
    int64_t result;
    unsigned called, returned; /**< moments; returned == UINT_MAX: it never did */
} model_operation;

/** A sequential object: `state` of up to MODEL_STATE_BYTES, zeroed. Apply `operation` and answer
 *  whether its result is what the object would say. */
#define MODEL_STATE_BYTES 64
typedef bool model_specification(void *state, const model_operation *operation);

/** In `finish`: red unless the calls of this execution, 24 at most, can be put in one order that
 *  respects which returned before which was called, and that the specification allows. A call that
 *  never returned may be left out, or have any result. */
void model_check_history(model_specification *specification);

#endif
