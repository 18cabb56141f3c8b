/* SPDX-License-Identifier: MIT */
/** @file
 *  Private: the calls of thrum_executor_map.
 *
 *  They are made in the program's module, with inputs and results in its arrays. Those may go while
 *  calls are under way, since a map ends early at a deadline or a failure. So whoever makes the
 *  calls says when it touches them, never during a call, and looks each time whether there is
 *  something left to do; src/flow/executor_map.c tells how the two sides agree. */
#ifndef THRUM_CALLS_H
#define THRUM_CALLS_H

#include <stddef.h>
#include <stdint.h>

#include <thrum/thread.h>

THRUM_BEGIN_DECLS

#ifdef __cplusplus
#define THRUM_PRIVATE_INLINE inline
#else
#define THRUM_PRIVATE_INLINE static inline
#endif
/** Into each caller, where what is constant there is left out. */
#define THRUM_PRIVATE_EXPANDED THRUM_PRIVATE_INLINE __attribute__((always_inline))

/** Private: a stretch of the inputs of a map, to be called one after the other. */
typedef struct thrum_private_calls {
    /** Card: 1 while the arrays may be touched, else 0; by who makes the calls. The owner of the
     *  arrays sets `limit` to 0, fences all threads, and waits for 0; src/flow/executor_map.c. */
    uint32_t touches;
    thrum_target target;
    void *const *inputs; /**< of the map; touched like `results`: see `touches` */
    void **results;      /**< of the map, or NULL */
    size_t begin;        /**< of the stretch */
    /** Card: where the stretch ends; by who makes the calls, before the first. Becomes 0 meanwhile,
     *  by a call that fails; by who has failed before the stretch; by the owner of the arrays when
     *  it goes. */
    size_t limit;
} thrum_private_calls;

/** Private: makes the calls and puts the results in their places; the first input without one. */
typedef size_t thrum_private_caller(thrum_private_calls *calls);

/** Private: from now on the arrays may be touched, up to the returned input. `order` is relaxed
 *  where the owner of the arrays makes the fence for all, else sequentially consistent. */
THRUM_PRIVATE_INLINE size_t thrum_private_touch(thrum_private_calls *calls, int order)
{
    __atomic_store_n(&calls->touches, 1, order);  /* pairs: close_arrays */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);      /* pairs: close_arrays */
    return __atomic_load_n(&calls->limit, order); /* pairs: close_arrays */
}

/** Private: until the next thrum_private_touch the arrays may go. */
THRUM_PRIVATE_INLINE void thrum_private_touch_no_more(thrum_private_calls *calls)
{
    __atomic_store_n(&calls->touches, 0, __ATOMIC_RELEASE); /* pairs: close_arrays */
}

/** Private: what thrum_private_caller says. Each instruction counts here (docs/performance.md,
 *  map_large). */
THRUM_PRIVATE_EXPANDED size_t thrum_private_call_in_order(thrum_private_calls *calls,
                                                          void **results, int order)
{
    thrum_target target = calls->target;
    void *const *inputs = calls->inputs;
    size_t at = calls->begin;
    size_t limit = thrum_private_touch(calls, order);
    while (at < limit) {
        void *input = inputs[at];
        thrum_private_touch_no_more(calls);
        void *result = target(input);
        limit = thrum_private_touch(calls, order);
        if (at >= limit)
            break;
        if (results != NULL)
            results[at] = result;
        at++;
    }
    thrum_private_touch_no_more(calls);
    return at;
}

/** Private: it is compiled into the program, and not into the library, because calls and returns
 *  within one of them are faster than from one to the other (docs/performance.md, map_large). */
THRUM_PRIVATE_INLINE size_t thrum_private_call_each(thrum_private_calls *calls)
{
    if (calls->results == NULL)
        return thrum_private_call_in_order(calls, NULL, __ATOMIC_RELAXED);
    return thrum_private_call_in_order(calls, calls->results, __ATOMIC_RELAXED);
}

THRUM_END_DECLS
#endif
