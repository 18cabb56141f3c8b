// SPDX-License-Identifier: MIT
/** @file
 *  What the runner's own files share; test files include runner.h alone. */
#ifndef THRUM_TEST_RUNNER_INTERNAL_H
#define THRUM_TEST_RUNNER_INTERNAL_H

#include "runner.h"

/** How a failed check leaves the process. */
typedef enum runner_mode {
    RUNNER_REPORT, /* An ordinary case: tell Check, which exits. */
    RUNNER_DIRECT, /* A case that must die or exit, or a child of a case: print, then _exit. */
    RUNNER_ABORT   /* No fork: print and abort, where a debugger stops. */
} runner_mode;

void runner_set_mode(runner_mode mode);

/** Forget all allocations and counts of the past and switch injection off. */
void runner_memory_start(void);
/** Describe the allocations that are alive, a few at most, in `buffer`. */
void runner_memory_describe(char *buffer, size_t size);

/** pthread_create as libc has it: never counted, never made to fail. */
int runner_thread_create(pthread_t *handle, void *(*fn)(void *), void *arg);

/** Sleep for `us` microseconds, whatever signals arrive. */
void runner_pause_us(unsigned us);

/** The allowances of the case under way. */
typedef struct runner_allowance {
    int threads;
    int descriptors;
    int allocations;
    int wait_s; /* Before the factor. */
} runner_allowance;

extern runner_allowance runner_allowed;

/** Seconds that a wait for a state or a child may take now. */
int runner_wait_limit_s(void);

#endif
