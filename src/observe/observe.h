/* SPDX-License-Identifier: MIT */
/** @file
 *  The observe layer's share of a fork. The process layer calls it. */
#ifndef TH_OBSERVE_OBSERVE_H
#define TH_OBSERVE_OBSERVE_H

/** Wait until no line is being written, and let none be written until the fork is over. */
void th_observe_before_fork(void);

/** Let lines be written again. */
void th_observe_after_fork_parent(void);

/** The same in the child, where nobody waits for that. */
void th_observe_after_fork_child(void);

#endif
