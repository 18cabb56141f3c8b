/* SPDX-License-Identifier: MIT */
/** @file
 *  Fork: park's part of the column that src/process/process.c calls. */
#ifndef TH_PARK_FORK_H
#define TH_PARK_FORK_H

/** Hold everything; let go; or, in the child, let go and forget all threads but the caller. */
void th_park_before_fork(void);
void th_park_after_fork_parent(void);
void th_park_after_fork_child(void);

#endif
