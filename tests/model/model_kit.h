/* SPDX-License-Identifier: MIT */
/** @file
 *  What models share: a section that only one thread may be in, deadlines, and the sequential
 *  specifications of locks and counters. */
#ifndef TH_MODEL_KIT_H
#define TH_MODEL_KIT_H

#include "model.h"
#include "thrum/status.h"
#include "thrum/time.h"

#define NS_PER_MS 1000000

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

/* ---- histories ---- */

/** What is called: with the result 1 where it was granted, else 0. */
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

#endif
