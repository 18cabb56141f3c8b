/* SPDX-License-Identifier: MIT */
/** @file
 *  Semantics.
 *
 *  Purpose     threading's objects in the plainest form: no waiting, no atomics, step by step.
 *  Waits       A wait on a condition is four steps: the thread queues, lets the lock go, leaves the
 *              queue (notified, or because of its deadline), takes the lock back. Others may come
 *              between any two of them. A wait on an event or a barrier is two.
 *  Differs     From Python where the headers say so: notify needs no lock; a set wakes all that
 *              wait, even if a clear follows at once; a barrier can be used again as soon as it is
 *              full. */
#include "semantics.h"

#include <string.h>

#include "thrum/status.h"

/** Of a wait. */
enum { PHASE_NONE, PHASE_WAITS, PHASE_LET_GO, PHASE_BROKEN, PHASE_TAKEN, PHASE_RUNS };

void semantics_begin(const program_object *whom, group_state *ret_state)
{
    memset(ret_state, 0, sizeof *ret_state);
    if (whom->kind == KIND_SEMAPHORE)
        ret_state->permits = whom->value;
}

static bool agrees(const history_step *next, int64_t answer)
{
    return next->result == RESULT_PENDING || next->result == answer;
}

static bool gave_up(const history_step *next)
{
    return next->result == THRUM_ETIMEDOUT;
}

/** Whether a pending step with a deadline, which passes in the end, may end that way. */
static bool may_give_up(const history_step *next)
{
    return next->timed && (next->result == RESULT_PENDING || gave_up(next));
}

/* ---- locks ---- */

static bool acquire(const program_object *whom, group_state *state, const history_step *next)
{
    uint8_t me = (uint8_t)(next->thread + 1);
    bool again = whom->kind == KIND_RLOCK && state->owner == me;
    bool can = state->owner == 0 || again;
    if (gave_up(next) || (!can && may_give_up(next)))
        return next->timed && !can;
    if (!can || !agrees(next, 0))
        return false;
    state->owner = me;
    state->depth = (uint8_t)(again ? state->depth + 1 : 1);
    return true;
}

static bool release(const program_object *whom, group_state *state, const history_step *next)
{
    bool can = whom->kind == KIND_RLOCK ? state->owner == next->thread + 1 : state->owner != 0;
    if (!agrees(next, can ? 0 : THRUM_EPERM))
        return false;
    if (can && --state->depth == 0)
        state->owner = 0;
    return true;
}

/* ---- condition ---- */

static bool queue(group_state *state, const history_step *next)
{
    if (state->owner != next->thread + 1)
        return false;
    state->queue[state->queued++] = next->thread;
    state->threads[next->thread].phase = PHASE_WAITS;
    state->threads[next->thread].where = next->object;
    return true;
}

static bool let_go(group_state *state, const history_step *next)
{
    if (state->owner != next->thread + 1)
        return false;
    state->threads[next->thread].depth = state->depth;
    state->owner = state->depth = 0;
    return true;
}

static void unqueue(group_state *state, unsigned place)
{
    state->queued--;
    memmove(&state->queue[place], &state->queue[place + 1], state->queued - place);
    state->queue[state->queued] = 0;
}

static bool leave(group_state *state, const history_step *next)
{
    bool notified = state->threads[next->thread].phase == PHASE_LET_GO;
    if (notified ? !agrees(next, 0) : !may_give_up(next))
        return false;
    for (unsigned i = 0; i < state->queued; i++)
        if (state->queue[i] == next->thread)
            unqueue(state, i--);
    state->threads[next->thread].phase = PHASE_NONE;
    state->threads[next->thread].where = 0;
    return true;
}

static bool take_back(group_state *state, const history_step *next)
{
    if (state->owner != 0)
        return false;
    state->owner = (uint8_t)(next->thread + 1);
    state->depth = state->threads[next->thread].depth;
    state->threads[next->thread].depth = 0;
    return true;
}

static bool notify(group_state *state, const history_step *next)
{
    int64_t left = next->argument;
    for (unsigned i = 0; i < state->queued && left > 0; i++) {
        unsigned thread = state->queue[i];
        if (state->threads[thread].where != next->object)
            continue;
        state->threads[thread].phase = PHASE_LET_GO;
        unqueue(state, i--);
        left--;
    }
    return true;
}

/* ---- semaphore ---- */

static bool take_permit(group_state *state, const history_step *next)
{
    if (state->permits == 0)
        return may_give_up(next);
    if (!agrees(next, 0))
        return false;
    state->permits--;
    return true;
}

static bool give_permits(const program_object *whom, group_state *state, const history_step *next)
{
    int64_t most = whom->bounded ? (int64_t)whom->value : (int64_t)UINT32_MAX;
    int64_t answer = state->permits + next->argument > most ? THRUM_EOVERFLOW : 0;
    if (next->argument == 0)
        answer = THRUM_EINVAL;
    if (!agrees(next, answer))
        return false;
    if (answer == 0)
        state->permits += next->argument;
    return true;
}

/* ---- event ---- */

static bool set(group_state *state)
{
    state->flag = 1;
    for (unsigned i = 0; i < PROGRAM_THREADS; i++)
        if (state->threads[i].phase == PHASE_WAITS)
            state->threads[i].phase = PHASE_LET_GO;
    return true;
}

static bool event_leave(group_state *state, const history_step *next)
{
    bool let_go_already = state->threads[next->thread].phase == PHASE_LET_GO;
    if (let_go_already ? !agrees(next, 0) : !may_give_up(next))
        return false;
    state->threads[next->thread].phase = PHASE_NONE;
    return true;
}

/* ---- barrier ---- */

static void tell_all(group_state *state, uint8_t phase)
{
    for (unsigned i = 0; i < PROGRAM_THREADS; i++)
        if (state->threads[i].phase == PHASE_WAITS)
            state->threads[i].phase = phase;
    state->arrived = 0;
}

/** The last to arrive takes the round out; it lets it go as it departs. Until then an abort breaks
 *  the round, and others may begin the next. */
static bool arrive(const program_object *whom, group_state *state, const history_step *next)
{
    uint8_t me = next->thread;
    if (state->flag) {
        state->threads[me].phase = PHASE_BROKEN;
        return true;
    }
    state->threads[me].phase = PHASE_WAITS;
    state->threads[me].where = state->arrived++;
    if (state->arrived < whom->value)
        return true;
    tell_all(state, PHASE_TAKEN);
    for (unsigned i = 0; i < PROGRAM_THREADS; i++)
        if (state->threads[i].phase == PHASE_TAKEN && state->threads[i].depth == 0)
            state->threads[i].depth = (uint8_t)(me + 1);
    state->threads[me].phase = PHASE_RUNS;
    state->threads[me].depth = 0;
    return true;
}

/** The last to arrive departs first: the others of its round get the outcome. */
static bool let_round_go(group_state *state, const history_step *next)
{
    uint8_t me = next->thread;
    bool broken = state->threads[me].depth != 0;
    if (!agrees(next, broken ? THRUM_EBROKEN : state->threads[me].where))
        return false;
    for (unsigned i = 0; i < PROGRAM_THREADS; i++) {
        if (state->threads[i].phase != PHASE_TAKEN || state->threads[i].depth != me + 1)
            continue;
        state->threads[i].phase = broken ? PHASE_BROKEN : PHASE_LET_GO;
        state->threads[i].depth = 0;
    }
    return true;
}

static bool give_up_at_barrier(group_state *state, const history_step *next)
{
    if (!next->timed || !agrees(next, THRUM_EBROKEN))
        return false;
    state->flag = 1;
    tell_all(state, PHASE_BROKEN);
    return true;
}

static bool depart(group_state *state, const history_step *next)
{
    uint8_t me = next->thread;
    bool departs = false;
    switch (state->threads[me].phase) {
    case PHASE_LET_GO: departs = agrees(next, state->threads[me].where); break;
    case PHASE_BROKEN: departs = agrees(next, THRUM_EBROKEN); break;
    case PHASE_RUNS: departs = let_round_go(state, next); break;
    case PHASE_WAITS: departs = give_up_at_barrier(state, next); break;
    default: break;
    }
    if (departs)
        memset(&state->threads[me], 0, sizeof state->threads[me]);
    return departs;
}

static bool abort_barrier(group_state *state)
{
    tell_all(state, PHASE_BROKEN);
    state->flag = 1;
    for (unsigned i = 0; i < PROGRAM_THREADS; i++)
        if (state->threads[i].phase == PHASE_RUNS)
            state->threads[i].depth = 1;
    return true;
}

static bool reset_barrier(group_state *state)
{
    tell_all(state, PHASE_BROKEN);
    state->flag = 0;
    return true;
}

/* ---- all of them ---- */

static bool run(group_state *state, const history_step *next)
{
    if (!agrees(next, !state->flag))
        return false;
    state->flag = 1;
    return true;
}

static bool clear(group_state *state)
{
    state->flag = 0;
    return true;
}

static bool event_queue(group_state *state, const history_step *next)
{
    state->threads[next->thread].phase = state->flag ? PHASE_LET_GO : PHASE_WAITS;
    return true;
}

bool semantics_step(const program_object *whom, group_state *state, const history_step *next)
{
    bool mine = state->owner == next->thread + 1;
    switch ((step_kind)next->kind) {
    case STEP_ACQUIRE: return acquire(whom, state, next);
    case STEP_RELEASE: return release(whom, state, next);
    case STEP_LOCKED: return agrees(next, state->owner != 0);
    case STEP_COUNT: return agrees(next, mine ? state->depth : 0);
    case STEP_QUEUE: return queue(state, next);
    case STEP_LET_GO: return let_go(state, next);
    case STEP_LEAVE: return leave(state, next);
    case STEP_TAKE_BACK: return take_back(state, next);
    case STEP_WAIT_REFUSED: return !mine && agrees(next, THRUM_EPERM);
    case STEP_NOTIFY: return notify(state, next);
    case STEP_TAKE_PERMIT: return take_permit(state, next);
    case STEP_GIVE_PERMITS: return give_permits(whom, state, next);
    case STEP_VALUE: return agrees(next, state->permits);
    case STEP_SET: return set(state);
    case STEP_CLEAR: return clear(state);
    case STEP_IS_SET: return agrees(next, state->flag);
    case STEP_EVENT_QUEUE: return event_queue(state, next);
    case STEP_EVENT_LEAVE: return event_leave(state, next);
    case STEP_ARRIVE: return arrive(whom, state, next);
    case STEP_DEPART: return depart(state, next);
    case STEP_ABORT: return abort_barrier(state);
    case STEP_RESET: return reset_barrier(state);
    case STEP_N_WAITING: return agrees(next, state->arrived);
    case STEP_IS_BROKEN: return agrees(next, state->flag);
    case STEP_RUN: return run(state, next);
    }
    return false;
}
