/* SPDX-License-Identifier: MIT */
/** @file
 *  Runner: what a worker does before it sleeps on futures without a deadline. */
#ifndef TH_FLOW_RUNNER_H
#define TH_FLOW_RUNNER_H

#include "flow/future.h"

/** Run the future if it is a task of the worker's own source that nobody has begun. */
bool th_runner_help(th_runner *runner, thrum_future *future);

/** In a forked child: whether the task was to run, or ran, in a thread that the child does not
 *  have, so that it will never be done unless it is cancelled. */
bool th_runner_has_left(const thrum_future *future);

/** The calling worker is about to wait for these, which stay until th_runner_end_wait: 0; or
 *  THRUM_EDEADLK, and nothing is to be ended: the wait could never end. */
int th_runner_begin_wait(th_runner *runner, thrum_future *const *futures, size_t count, bool all);
void th_runner_end_wait(th_runner *runner);

#endif
