/* SPDX-License-Identifier: MIT */
/** @file
 *  Semantics: what Python's objects do when one step comes after another. */
#ifndef TH_FUZZ_SEMANTICS_H
#define TH_FUZZ_SEMANTICS_H

#include <limits.h>

#include "program.h"

/** The result of a call that has not returned. */
#define RESULT_PENDING INT64_MAX
/** A moment that has not come. */
#define MOMENT_NEVER UINT_MAX

/** Threads of a history: those of the program, and the one that looks at the objects at the end. */
#define HISTORY_THREADS (PROGRAM_THREADS + 1)

/** What happens at one moment. A call is one step, or several: a wait begins and ends. */
typedef enum step_kind {
    STEP_ACQUIRE,
    STEP_RELEASE,
    STEP_LOCKED,
    STEP_COUNT,
    /* of a condition's wait */
    STEP_QUEUE,
    STEP_LET_GO,
    STEP_LEAVE,
    STEP_TAKE_BACK,
    STEP_WAIT_REFUSED,
    STEP_NOTIFY,
    STEP_TAKE_PERMIT,
    STEP_GIVE_PERMITS,
    STEP_VALUE,
    STEP_SET,
    STEP_CLEAR,
    STEP_IS_SET,
    STEP_EVENT_QUEUE,
    STEP_EVENT_LEAVE,
    STEP_ARRIVE,
    STEP_DEPART,
    STEP_ABORT,
    STEP_RESET,
    STEP_N_WAITING,
    STEP_IS_BROKEN,
    STEP_RUN,
} step_kind;

typedef struct history_step {
    uint8_t kind;
    uint8_t thread;
    uint8_t object;
    bool timed; /**< it may give up: it only tries, or has a deadline */
    int64_t argument;
    int64_t result;
    unsigned called, returned; /**< moments between which it happens */
    /** On weak memory: how far of each thread's steps its thread knew when it was called, and how
     *  far its own had come when it returned. */
    int16_t knows[PROGRAM_THREADS];
    int16_t at;
} history_step;

/** An object, or a lock and the conditions that use it. */
typedef struct group_state {
    int64_t permits;
    uint8_t owner, depth; /**< owner: 1 + a thread, or 0 */
    uint8_t flag;         /**< an event's, or whether a barrier is broken, or a once has run */
    uint8_t arrived;
    uint8_t queued, queue[PROGRAM_THREADS]; /**< waiters of conditions, the oldest first */
    struct {
        uint8_t phase; /**< of its wait */
        uint8_t where; /**< the condition it waits on, or its index at the barrier */
        /** How often it held the rlock; or 1 + who was the last of its round at the barrier, of
         *  which that one itself has 1 if it was aborted. */
        uint8_t depth;
    } threads[HISTORY_THREADS];
} group_state;

/** The state of an object at the start. */
void semantics_begin(const program_object *whom, group_state *ret_state);

/** Do a step if its result is what Python would say; otherwise answer false and change nothing. A
 *  pending step is done if it can be. */
bool semantics_step(const program_object *whom, group_state *state, const history_step *next);

#endif
