/* SPDX-License-Identifier: MIT */
/** @file
 *  Atomics by memory order: the name of a call says its order, so that a grep lists every ordering
 *  in the library. They work on plain integers and pointers; a word that is shared is documented by
 *  a card where it is declared.
 *
 *  Every call outside this file carries a note: `pairs: <function>` names the other side of the
 *  order, `relaxed: <reason>` says why none is needed. tools/check_atomics.py enforces it.
 *
 *  Compare-and-swap is the strong form, returns whether it swapped, and stores what it saw in
 *  `*expected` when it did not. The failure order is relaxed (acquire where the name says so).
 */
#ifndef TH_PLATFORM_ATOMIC_H
#define TH_PLATFORM_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/backend.h"

#define th_load_rlx(p) (th_point(), __atomic_load_n((p), __ATOMIC_RELAXED))
#define th_load_acq(p) (th_point(), __atomic_load_n((p), __ATOMIC_ACQUIRE))

#define th_store_rlx(p, v) (th_point(), __atomic_store_n((p), (v), __ATOMIC_RELAXED))
#define th_store_rel(p, v) (th_point(), __atomic_store_n((p), (v), __ATOMIC_RELEASE))

/** Sequentially consistent: of two threads that each store one word so, and then load the other's,
 *  one sees the other's store. */
#define th_load_sc(p) (th_point(), __atomic_load_n((p), __ATOMIC_SEQ_CST))
#define th_store_sc(p, v) (th_point(), __atomic_store_n((p), (v), __ATOMIC_SEQ_CST))

#define th_swap_acq(p, v) (th_point(), __atomic_exchange_n((p), (v), __ATOMIC_ACQUIRE))
#define th_swap_rel(p, v) (th_point(), __atomic_exchange_n((p), (v), __ATOMIC_RELEASE))
#define th_swap_acq_rel(p, v) (th_point(), __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL))

#define th_cas_rlx(p, expected, v)                                                                 \
    (th_point(),                                                                                   \
     __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
#define th_cas_acq(p, expected, v)                                                                 \
    (th_point(),                                                                                   \
     __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
#define th_cas_rel(p, expected, v)                                                                 \
    (th_point(),                                                                                   \
     __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
#define th_cas_acq_rel(p, expected, v)                                                             \
    (th_point(),                                                                                   \
     __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))

#define th_add_rlx(p, v) (th_point(), __atomic_fetch_add((p), (v), __ATOMIC_RELAXED))
#define th_add_acq_rel(p, v) (th_point(), __atomic_fetch_add((p), (v), __ATOMIC_ACQ_REL))
#define th_sub_acq_rel(p, v) (th_point(), __atomic_fetch_sub((p), (v), __ATOMIC_ACQ_REL))
#define th_or_rlx(p, v) (th_point(), __atomic_fetch_or((p), (v), __ATOMIC_RELAXED))
#define th_and_rlx(p, v) (th_point(), __atomic_fetch_and((p), (v), __ATOMIC_RELAXED))

/** The same as a fence, between the store and the load. ThreadSanitizer does not know fences; there
 *  it is an exchange that all fences have in common. */
#if defined(TH_UNDER_TSAN) && !defined(TH_BACKEND_MODEL)
__attribute__((weak)) uint32_t th_fence_word;
#define th_fence_sc() ((void)__atomic_fetch_add(&th_fence_word, 0, __ATOMIC_SEQ_CST))
#else
#define th_fence_sc() (th_point(), __atomic_thread_fence(__ATOMIC_SEQ_CST))
#endif

/** Against signal handlers of the same thread: the compiler keeps the order, the processor does by
 *  itself. */
#define th_fence_signal() __atomic_signal_fence(__ATOMIC_SEQ_CST)

#endif
