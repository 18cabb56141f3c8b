/* SPDX-License-Identifier: MIT */
/** @file
 *  Coroutine: stacks that take turns on one kernel thread. */
#ifndef TH_EXPLORER_COROUTINE_H
#define TH_EXPLORER_COROUTINE_H

/** A stack that, when first switched to, calls `entry`, which must not return. */
void *coroutine_begin(char *stack_top, void (*entry)(void));

/** Go on with the stack whose pointer is `to`; the caller's is stored in `*ret_from`. Returns when
 *  somebody switches back. */
void coroutine_switch(void **ret_from, void *to);

#endif
