/* SPDX-License-Identifier: MIT */
/** @file
 *  What models share: a section that only one thread may be in, deadlines, items that are waited
 *  for under a lock, threads and the program's end, and the sequential specifications of locks and
 *  counters. */
#ifndef TH_MODEL_KIT_H
#define TH_MODEL_KIT_H

#include "model.h"
#include "thrum/condition.h"
#include "thrum/lock.h"
#include "thrum/status.h"
#include "thrum/thread.h"
#include "thrum/time.h"

/** A plain variable that a lock guards: any two unordered visits are a data race. */
typedef struct kit_section {
    int inside;
    int visits;
} kit_section;

static inline void kit_visit(kit_section *section)
{
    model_assert(section->inside == 0);
    section->inside = 1;
    section->visits++;
    section->inside = 0;
}

/** A deadline that lies ahead, and one that lies further ahead. */
static inline thrum_time kit_soon(void)
{
    return thrum_after(0.002);
}

static inline thrum_time kit_late(void)
{
    return thrum_after(0.004);
}

/** Who says that a deadline has passed is right. */
static inline void kit_has_passed(thrum_time deadline)
{
    model_assert(thrum_now() >= deadline);
}

/* ---- items ---- */

/** Wait until there is an item, and take it. */
static inline void kit_consume(thrum_lock *lock, thrum_condition *condition, int *items)
{
    thrum_lock_acquire(lock);
    while (*items == 0)
        model_assert(thrum_condition_wait(condition, lock) == 0);
    --*items;
    thrum_lock_release(lock);
}

static inline void kit_produce(thrum_lock *lock, thrum_condition *condition, int *items)
{
    thrum_lock_acquire(lock);
    ++*items;
    thrum_condition_notify(condition, 1);
    thrum_lock_release(lock);
}

/* ---- threads ---- */

static inline thrum_thread *kit_spawn(thrum_target target, void *arg)
{
    thrum_thread *thread = thrum_spawn(target, arg);
    model_assert(thread != NULL);
    return thread;
}

static inline void kit_join_and_free(thrum_thread *thread)
{
    model_assert(thrum_thread_join(thread) == 0);
    thrum_thread_free(thread);
}

static inline void *kit_end_at_once(void *arg)
{
    return arg;
}

/** The program ends while a thread of this kind runs, whose handle nobody has. */
static inline void kit_end_beside(thrum_target target, enum thrum_daemon kind)
{
    thrum_thread *thread = thrum_spawn(target, NULL, .daemon = kind);
    model_assert(thread != NULL);
    thrum_thread_free(thread);
    model_assert(thrum_shutdown() == 0);
}

/* ---- histories ---- */

/** What is called. KIT_ACQUIRE has the result 1 where it was granted, else 0. */
enum { KIT_ACQUIRE, KIT_RELEASE };

/** An owner, or none. Who is refused was so while somebody owned it. */
static inline bool kit_lock_specification(void *state, const model_operation *operation)
{
    int64_t *owner = state;
    int64_t caller = (int64_t)operation->thread + 1;
    if (operation->operation == KIT_RELEASE) {
        bool owned = *owner == caller;
        *owner = 0;
        return owned;
    }
    if (operation->result == 0)
        return *owner != 0;
    bool was_free = *owner == 0;
    *owner = caller;
    return was_free;
}

/** Permits: a release adds as many as its argument says. Who is refused was so while there was
 *  none. */
static inline bool kit_counter_specification(void *state, const model_operation *operation)
{
    int64_t *permits = state;
    if (operation->operation == KIT_RELEASE) {
        *permits += operation->argument;
        return operation->result == 0;
    }
    if (operation->result == 0)
        return *permits == 0;
    return (*permits)-- > 0;
}

#endif
