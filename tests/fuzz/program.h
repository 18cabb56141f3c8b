/* SPDX-License-Identifier: MIT */
/** @file
 *  Program: what the bytes of an input say: objects, the calls that threads make on them, and the
 *  schedule. Any bytes are a program. */
#ifndef TH_FUZZ_PROGRAM_H
#define TH_FUZZ_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PROGRAM_THREADS 4
#define PROGRAM_OBJECTS 8
#define PROGRAM_CALLS 64
#define PROGRAM_SCHEDULE 256

typedef enum kind {
    KIND_LOCK,
    KIND_RLOCK,
    KIND_CONDITION,
    KIND_SEMAPHORE,
    KIND_EVENT,
    KIND_BARRIER,
    KIND_ONCE,
} kind;

typedef enum verb {
    VERB_ACQUIRE,
    VERB_TRY_ACQUIRE,
    VERB_ACQUIRE_UNTIL,
    VERB_RELEASE,
    VERB_RELEASE_CHECKED,
    VERB_LOCKED,
    VERB_COUNT,
    VERB_IS_OWNED,
    VERB_WAIT,
    VERB_WAIT_UNTIL,
    VERB_NOTIFY,
    VERB_NOTIFY_ALL,
    VERB_VALUE,
    VERB_SET,
    VERB_CLEAR,
    VERB_IS_SET,
    VERB_ABORT,
    VERB_RESET,
    VERB_N_WAITING,
    VERB_IS_BROKEN,
    VERB_RUN,
    VERB_PAUSE,  /**< sleep until a deadline, whatever the object */
    VERB_MISUSE, /**< a call with NULL for the object: number `n` of them */
} verb;

typedef enum program_deadline {
    DEADLINE_NEVER,
    DEADLINE_SOON,
    DEADLINE_LATE,
    DEADLINE_PAST
} program_deadline;

typedef struct program_object {
    kind kind;
    unsigned value; /**< a semaphore's permits, a barrier's parties */
    bool bounded;
    /** A lock that conditions use: only who holds it releases it. */
    bool guarded;
    unsigned lock; /**< a condition's; any other object's own number */
} program_object;

typedef struct program_call {
    uint8_t thread, verb, object, deadline;
    uint32_t n;
    bool bare; /**< on a condition: without the lock, but for a wait that needs a plain one */
} program_call;

typedef struct program {
    unsigned threads, object_count, call_count;
    program_object objects[PROGRAM_OBJECTS];
    program_call calls[PROGRAM_CALLS];
    unsigned stale_reads, spurious, ticks; /**< as in explorer/model.h */
    uint8_t schedule[PROGRAM_SCHEDULE];
    size_t schedule_bytes;
} program;

void program_decode(const uint8_t *data, size_t bytes, program *ret_program);

/** Whether the call is one that waits. */
bool program_waits(verb what);

/** "thrum_lock_acquire(&lock0)" and the like. */
void program_say_call(const program *one, const program_call *what, char *text, size_t bytes);

/** The program in words like C's. */
void program_print(const program *one, FILE *to);

#endif
