/* SPDX-License-Identifier: MIT */
/** @file
 *  Calls: the bodies of a program's threads, as the explorer runs them. */
#ifndef TH_FUZZ_CALLS_H
#define TH_FUZZ_CALLS_H

/** Before the threads. */
void calls_setup(void);
/** A thread's body. */
void calls_thread(void);
/** After all. */
void calls_finish(void);

#endif
