/* SPDX-License-Identifier: MIT */
/** @file
 *  Fault: calls that fail in the backend of that name, where every kind of call is counted. In all
 *  other backends nothing is left of it.
 *
 *  THRUM_FAULT says which calls fail from the start of the program: `allocation:3` the third,
 *  `mapping:2+` the second and all later ones, several with commas between. In a forked child the
 *  count goes on. THRUM_FAULT_LOG names a file to which the first failure of each kind is appended,
 *  as a line such as `allocation 3`. */
#ifndef TH_PLATFORM_FAULT_H
#define TH_PLATFORM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/backend.h"

typedef enum th_fault_kind {
    TH_FAULT_ALLOCATION, /**< th_alloc and th_copy_string find no memory */
    TH_FAULT_THREAD,     /**< th_thread_create is told that there are enough (THRUM_EAGAIN) */
    TH_FAULT_MAPPING,    /**< th_pages finds no memory */
    TH_FAULT_FUTEX,      /**< th_futex_wait returns at once, not woken */
    TH_FAULT_KINDS
} th_fault_kind;

#if defined(TH_BACKEND_FAULT)

/** Count a call; whether it is to fail. Async-signal-safe; errno is kept. A wait that fails like
 *  all later ones naps first, as waiting without a futex would: a waiter that never slept would
 *  take the processor from those it waits for. */
bool th_fault(th_fault_kind kind);

/** Let the n-th call of a kind from now fail, and all later ones if `and_later`; n 0: none. */
void th_fault_set(th_fault_kind kind, uint32_t n, bool and_later);

/** The same, told as in THRUM_FAULT; false, and nothing changed for what follows, where it makes no
 *  sense. */
bool th_fault_set_by(const char *text);

/** How many calls of a kind there were, and how many failed, since the start. */
uint32_t th_fault_calls(th_fault_kind kind);
uint32_t th_fault_failures(th_fault_kind kind);

#else

static inline bool th_fault(th_fault_kind kind)
{
    (void)kind;
    return false;
}

#endif

#endif
