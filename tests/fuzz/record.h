/* SPDX-License-Identifier: MIT */
/** @file
 *  Record: what the calls of the present execution were, and what they answered. Not observed by
 *  the explorer, as the calls themselves are. */
#ifndef TH_FUZZ_RECORD_H
#define TH_FUZZ_RECORD_H

#include "program.h"
#include "semantics.h"

/** Before the first execution; false: no memory. */
bool record_open(void);

/** The program of the executions to come. */
void record_use(const program *what);
const program *record_program(void);

/** An execution begins. */
void record_start(void);

/** The next call of the running thread; false: it has made all. */
bool record_next(program_call *ret_call);

/** The call of these steps begins, on `object`; the calling thread tells its result. */
void record_begin(const program_call *what, unsigned object, const step_kind *steps, unsigned count,
                  int64_t argument);
/** It has returned. */
void record_end(int64_t result);

/** How often the calling thread holds a lock, if only its holder releases it. */
unsigned record_held(unsigned object);
void record_holds(unsigned object, int more);

/** What thrum_set_misuse_handler gets; and whether it was called, by the running thread, since the
 *  last time of asking. */
void record_misuse(const void *object);
bool record_take_misuse(void);

/** Which bytes count what was seen, for fuzzers; NULL: nobody wants to know. */
#define RECORD_COUNTERS ((size_t)1 << 16)
void record_feed(uint8_t *counters);

/** At the end: ask every object, in quiet; then red unless all of it is legal. */
void record_check(void);
/** The history that was not, a line for each step. */
const char *record_history(void);
/** Histories that were too long to decide, in all executions. */
unsigned long record_undecided(void);

#endif
