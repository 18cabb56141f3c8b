/* SPDX-License-Identifier: MIT */
/** @file
 *  Once: run a function one time, whoever comes first. Python has no such object; a module's
 *  import does the same.
 *
 *      static thrum_once table_once;
 *
 *      thrum_once_run(&table_once, build_table, NULL);   // after this the table is there
 */
#ifndef THRUM_ONCE_H
#define THRUM_ONCE_H

#include <thrum/status.h>

THRUM_BEGIN_DECLS

/** A once, not yet run when zeroed. */
typedef struct thrum_once {
    uint32_t state;    /**< private: not run, runner and queue bit, or done; see src/sync/once.c */
    uint32_t reserved; /**< private: zero */
} thrum_once;

#define THRUM_ONCE_INIT                                                                            \
    {                                                                                              \
        0, 0                                                                                       \
    }

/** Private: the value of a once that has run. */
#define THRUM_PRIVATE_ONCE_DONE 2u

/** Private: the waiting half of `thrum_once_run`. */
THRUM_API void thrum_once_run_slow(thrum_once *once, void (*fn)(void *), void *arg);

/** Call `fn(arg)` unless some thread has, and return when it has been done. Calling it on the same
 *  once from inside `fn` is misuse: it could never return.
 *  @param once  any initialised once; NULL is misuse
 *  @param fn    what to do once; NULL does nothing, once
 *  @param arg   handed to `fn`
 *  @blocks while another thread runs `fn`   @thread any, not signal handlers
 *  @memory what `fn` did is seen by every caller   @python none (importing a module)
 *  @since 0.1 */
THRUM_API inline void thrum_once_run(thrum_once *once, void (*fn)(void *), void *arg)
{
    /* pairs: end_run */
    if (once == NULL || __atomic_load_n(&once->state, __ATOMIC_ACQUIRE) != THRUM_PRIVATE_ONCE_DONE)
        thrum_once_run_slow(once, fn, arg);
}

THRUM_END_DECLS
#endif
