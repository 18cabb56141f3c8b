/* SPDX-License-Identifier: MIT */
/** @file
 *  Strategy: which way every choice of an execution goes, and which execution is next. */
#ifndef TH_EXPLORER_STRATEGY_H
#define TH_EXPLORER_STRATEGY_H

#include "engine.h"

/** One of `n` ways, 0 being the ordinary one; the others are taken only while `from` has something
 *  left, and cost one of it. `branch` false: no choice, but the position counts. */
unsigned strategy_choose(unsigned n, budget from, bool branch);

/** A point has been reached: whether strategy_choose_thread is to be asked here. */
bool strategy_is_choice_here(bool branch);

/** Which of `n` threads goes on, `candidates[0]` being the ordinary one. `is_preemption`: that one
 *  could go on, and the others cost a preemption. */
unsigned strategy_choose_thread(const int *candidates, unsigned n, bool is_preemption);

/** A location turned out to be shared that was not branched at before: explore anew. */
void strategy_note_newly_shared(void);

typedef struct search {
    const char *name;
    enum thrum_check_strategy strategy;
    unsigned preemptions_max;
    uint64_t executions_max;
    double seconds_max;
    uint64_t seed;
    const char *replay; /**< or NULL */
    /** Or NULL: one execution, whose choices these bytes make; see strategy.c. The same bytes make
     *  the same execution, whatever was run before. */
    const uint8_t *bytes;
    size_t bytes_count;
    bool quiet;
    engine_options options;
    void *(*body)(void *);
    void *arg;
} search;

typedef struct search_result {
    outcome found;
    uint64_t executions; /**< all, pruned ones included */
    uint64_t seen;       /**< those that came to their end: neither pruned nor discarded */
    bool exhausted;
    unsigned preemptions; /**< of the failing schedule, or the bound that was exhausted */
    double seconds;
    char schedule[65536];
} search_result;

/** Search; a failing schedule is shrunk and, unless quiet, reported. Returns false if `replay` is
 *  not a schedule. */
bool strategy_search(const search *wanted, search_result *ret_result);

#endif
