/* SPDX-License-Identifier: MIT */
/** @file
 *  Local: the values that threads keep in thrum_local variables. */
#ifndef TH_THREAD_LOCAL_H
#define TH_THREAD_LOCAL_H

#include "thrum/local.h"

/** Destroy the calling thread's values. Destroying may set others; those are destroyed too, in as
 *  many rounds as pthread keys allow. Runs callbacks; call without locks. */
void th_locals_end(void);

/** Free the calling thread's memory for values without destroying any, should some be left. */
void th_locals_abandon(void);

/** The column of fork. In the child the values of vanished threads are forgotten, not destroyed. */
void th_locals_before_fork(void);
void th_locals_after_fork_parent(void);
void th_locals_after_fork_child(void);

#endif
