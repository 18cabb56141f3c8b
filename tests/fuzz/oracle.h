/* SPDX-License-Identifier: MIT */
/** @file
 *  Oracle: whether the steps of an execution could have come one after the other, as Python's
 *  objects allow, and leave waiting only those that must. */
#ifndef TH_FUZZ_ORACLE_H
#define TH_FUZZ_ORACLE_H

#include "semantics.h"

/** Steps of one thread at most: a wait on a condition is six, with its lock. */
#define STEPS_MAX (PROGRAM_CALLS * 6)

/** The steps on one object or group, by thread, each in the order of the thread. */
typedef struct history {
    const program_object *whom;
    const history_step *steps[HISTORY_THREADS][STEPS_MAX];
    unsigned count[HISTORY_THREADS];
    /** Order by what threads knew of one another, not by the clock: an older value may be read of
     *  what was written before but not published. */
    bool weak;
} history;

typedef enum oracle_answer { ORACLE_LEGAL, ORACLE_ILLEGAL, ORACLE_UNDECIDED } oracle_answer;

/** Before the first execution; false: no memory. */
bool oracle_open(void);

oracle_answer oracle_judge(const history *what);

#endif
