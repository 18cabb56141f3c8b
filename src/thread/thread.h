/* SPDX-License-Identifier: MIT */
/** @file
 *  Thread: the life of a started thread; and the layer's part in fork. */
#ifndef TH_THREAD_THREAD_H
#define TH_THREAD_THREAD_H

#include "thrum/thread.h"

/** What the process's constructor calls before main. */
void th_thread_open(void);

/** What `wanted` comes to for what the calling thread makes. */
bool th_thread_is_daemon_wanted(enum thrum_daemon wanted);

/** The column of fork, this layer's part. In the child the forking thread is the main thread, all
 *  others have ended, and locks are free. */
void th_thread_before_fork(void);
void th_thread_after_fork_parent(void);
void th_thread_after_fork_child(void);

#endif
