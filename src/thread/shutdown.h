/* SPDX-License-Identifier: MIT */
/** @file
 *  Shutdown: the end of the program, as far as threads are concerned. */
#ifndef TH_THREAD_SHUTDOWN_H
#define TH_THREAD_SHUTDOWN_H

#include <stdbool.h>

#include "thread/record.h"

/** Have thrum_shutdown run when the program ends; once is enough. Called at the first use of what
 *  it is for, so that it runs before the exit handlers that were registered earlier, whose objects
 *  the threads may use. Returns 0 or THRUM_ENOMEM. */
int th_shutdown_arm(void);

/** Called by the first thrum_shutdown once no callback is left, before threads are awaited: who
 *  takes work for threads takes no more, and has its threads end when they have done what there is.
 *  Set by the flow layer. */
extern void (*th_shutdown_finish_work)(void);

/** Whether the program's use of threads has ended without waiting for `thread`, which has just been
 *  bound and then must not go on. */
bool th_shutdown_abandons(const thrum_thread *thread);

/** Whether `thread`, alive, has been told to stop, so that it will never end. */
bool th_shutdown_has_stopped(const thrum_thread *thread);

/** In a forked child, after the registry's part. */
void th_shutdown_after_fork_child(void);

#endif
