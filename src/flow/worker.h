/* SPDX-License-Identifier: MIT */
/** @file
 *  Worker: a thread of an executor. */
#ifndef TH_FLOW_WORKER_H
#define TH_FLOW_WORKER_H

#include "flow/pool.h"

/** The worker of `executor` that the calling thread is, or NULL. */
th_worker *th_worker_self(const thrum_executor *executor);

/** Give one more worker, which has been counted, a thread. On failure it is not counted any more:
 *  THRUM_ENOMEM, THRUM_EAGAIN, THRUM_ESHUTDOWN. */
int th_worker_add(thrum_executor *executor);

/** Wake whom, and add what, has been decided; 0 or why no worker could be added. */
int th_worker_act(thrum_executor *executor, th_pool_act act);

/** The calling worker has put tasks into its own queue: see that they are taken. */
void th_worker_announce(th_worker *worker);

/** Somebody who was `alive` is so no longer: under the lock, which it releases. */
void th_worker_release_and_leave(thrum_executor *executor);

#endif
