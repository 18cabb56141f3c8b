/* SPDX-License-Identifier: MIT */
/** @file
 *  History.
 *
 *  Purpose     Wing and Gong's search for a linearization, with the sets of done operations and
 *              states that lead nowhere remembered, as Lowe does.
 *  Protocol    Any operation whose call precedes the return of every operation not done yet may be
 *              next. An operation that never returned may be next or never happen.
 *  Limits      HISTORY_MAX operations: a set of them is a word. */
#include "history.h"

#include <limits.h>
#include <string.h>

#include "engine.h"

#define DEAD_ENDS 1024

typedef struct dead_end {
    uint32_t done;
    unsigned char state[MODEL_STATE_BYTES];
} dead_end;

typedef struct linearization {
    const model_operation *operations;
    unsigned count;
    uint32_t must_be_done; /**< those that returned */
    model_specification *specification;
    unsigned dead_end_count;
    dead_end dead_ends[DEAD_ENDS];
} linearization;

static bool is_dead_end(const linearization *run, uint32_t done, const void *state)
{
    for (unsigned i = 0; i < run->dead_end_count; i++)
        if (run->dead_ends[i].done == done &&
            memcmp(run->dead_ends[i].state, state, MODEL_STATE_BYTES) == 0)
            return true;
    return false;
}

static void note_dead_end(linearization *run, uint32_t done, const void *state)
{
    if (run->dead_end_count == DEAD_ENDS)
        return;
    dead_end *added = &run->dead_ends[run->dead_end_count++];
    added->done = done;
    memcpy(added->state, state, MODEL_STATE_BYTES);
}

/** The first return among those not done: nothing called after it can come before. */
static unsigned first_return(const linearization *run, uint32_t done)
{
    unsigned first = UINT_MAX;
    for (unsigned i = 0; i < run->count; i++)
        if ((done >> i & 1) == 0 && run->operations[i].returned < first)
            first = run->operations[i].returned;
    return first;
}

static bool search_from(linearization *run, uint32_t done, const void *state)
{
    if ((done & run->must_be_done) == run->must_be_done)
        return true;
    if (is_dead_end(run, done, state))
        return false;
    unsigned limit = first_return(run, done);
    for (unsigned i = 0; i < run->count; i++) {
        const model_operation *next = &run->operations[i];
        if ((done >> i & 1) != 0 || next->called > limit)
            continue;
        unsigned char after[MODEL_STATE_BYTES];
        memcpy(after, state, sizeof after);
        bool allowed = run->specification(after, next);
        if ((allowed || next->returned == UINT_MAX) &&
            search_from(run, done | UINT32_C(1) << i, after))
            return true;
    }
    note_dead_end(run, done, state);
    return false;
}

bool history_is_linear(const model_operation *operations, unsigned count,
                       model_specification *specification)
{
    STATE static linearization run;
    unsigned char state[MODEL_STATE_BYTES] = {0};
    run.operations = operations;
    run.count = count;
    run.specification = specification;
    run.must_be_done = 0;
    run.dead_end_count = 0;
    for (unsigned i = 0; i < count; i++)
        if (operations[i].returned != UINT_MAX)
            run.must_be_done |= UINT32_C(1) << i;
    return search_from(&run, 0, state);
}
