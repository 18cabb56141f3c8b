/* SPDX-License-Identifier: MIT */
/** @file
 *  Oracle.
 *
 *  Purpose     Wing and Gong's search for a linearization, by thread: what has been done is said by
 *              how many steps of each thread, so a history may be long while threads are few.
 *  The end     All that returned is done, and every call that never returned is where the semantics
 *              cannot go on either: so a permit that is there, a set event, a notification, a free
 *              lock with somebody asleep is no legal end.
 *  Limits      Dead ends are remembered as Lowe does; when the table is full the history counts as
 *              undecided. */
#include "oracle.h"

#include <stdlib.h>
#include <string.h>

#include "engine.h"

#define DEAD_ENDS_BITS 13
#define DEAD_ENDS (1u << DEAD_ENDS_BITS)

typedef struct place {
    uint16_t done[HISTORY_THREADS];
    group_state state;
} place;

typedef struct dead_end {
    uint32_t search; /**< in which it was found */
    place where;
} dead_end;

STATE static dead_end *dead_ends;
STATE static uint32_t searches;
STATE static unsigned dead_end_count;

static dead_end *find_dead_end(const place *where)
{
    uint64_t hash = 0;
    const unsigned char *bytes = (const unsigned char *)where;
    for (size_t i = 0; i < sizeof *where; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001B3);
    for (size_t i = hash * UINT64_C(0x9E3779B97F4A7C15) >> (64 - DEAD_ENDS_BITS);;
         i = (i + 1) % DEAD_ENDS) {
        dead_end *one = &dead_ends[i];
        if (one->search != searches || memcmp(&one->where, where, sizeof *where) == 0)
            return one;
    }
}

static const history_step *next_of(const history *what, const place *at, unsigned thread)
{
    return at->done[thread] < what->count[thread] ? what->steps[thread][at->done[thread]] : NULL;
}

static bool is_pending(const history_step *one)
{
    return one->returned == MOMENT_NEVER;
}

/** Whether `first` had returned when `second` was called. */
static bool precedes(const history *what, const history_step *first, const history_step *second)
{
    if (is_pending(first) || first->thread == PROGRAM_THREADS)
        return false;
    if (what->weak && second->thread < PROGRAM_THREADS)
        return second->knows[first->thread] >= first->at;
    return first->returned < second->called;
}

static bool may_be_next(const history *what, const place *at, const history_step *wanted)
{
    for (unsigned i = 0; i < HISTORY_THREADS; i++) {
        const history_step *other = next_of(what, at, i);
        if (other != NULL && other != wanted && precedes(what, other, wanted))
            return false;
    }
    return true;
}

/** Whether everything has been done, and those who wait must. */
static bool is_end(const history *what, const place *at)
{
    for (unsigned i = 0; i < HISTORY_THREADS; i++) {
        const history_step *next = next_of(what, at, i);
        bool never_returns = what->count[i] > 0 && is_pending(what->steps[i][what->count[i] - 1]);
        if (next == NULL && !never_returns)
            continue;
        place after = *at;
        if (next == NULL || next->result != RESULT_PENDING ||
            semantics_step(what->whom, &after.state, next))
            return false;
    }
    return true;
}

/** The threads that have a next step, the one that returned first in front: most often it was. */
static unsigned in_order_of_return(const history *what, const place *at,
                                   unsigned order[HISTORY_THREADS])
{
    unsigned count = 0;
    for (unsigned i = 0; i < HISTORY_THREADS; i++) {
        const history_step *next = next_of(what, at, i);
        if (next == NULL)
            continue;
        unsigned at_place = count++;
        for (; at_place > 0 && next_of(what, at, order[at_place - 1])->returned > next->returned;
             at_place--)
            order[at_place] = order[at_place - 1];
        order[at_place] = i;
    }
    return count;
}

static oracle_answer search_from(const history *what, const place *at)
{
    if (is_end(what, at))
        return ORACLE_LEGAL;
    if (dead_end_count > 0 && find_dead_end(at)->search == searches)
        return ORACLE_ILLEGAL;
    if (dead_end_count >= DEAD_ENDS / 2)
        return ORACLE_UNDECIDED;
    unsigned order[HISTORY_THREADS];
    unsigned count = in_order_of_return(what, at, order);
    for (unsigned i = 0; i < count; i++) {
        const history_step *next = next_of(what, at, order[i]);
        place after;
        memcpy(&after, at, sizeof after);
        if (!may_be_next(what, at, next) || !semantics_step(what->whom, &after.state, next))
            continue;
        after.done[order[i]]++;
        oracle_answer answer = search_from(what, &after);
        if (answer != ORACLE_ILLEGAL)
            return answer;
    }
    dead_end *found = find_dead_end(at);
    found->search = searches;
    memcpy(&found->where, at, sizeof *at);
    dead_end_count++;
    return ORACLE_ILLEGAL;
}

bool oracle_open(void)
{
    if (dead_ends == NULL)
        dead_ends = calloc(DEAD_ENDS, sizeof *dead_ends);
    return dead_ends != NULL;
}

oracle_answer oracle_judge(const history *what)
{
    place start;
    memset(&start, 0, sizeof start);
    semantics_begin(what->whom, &start.state);
    searches++;
    dead_end_count = 0;
    return search_from(what, &start);
}
