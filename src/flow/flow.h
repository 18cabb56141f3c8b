/* SPDX-License-Identifier: MIT */
/** @file
 *  The flow layer's share of a fork and of the program's beginning. The process layer calls it. */
#ifndef TH_FLOW_FLOW_H
#define TH_FLOW_FLOW_H

/** What the process's constructor calls before main. */
void th_flow_open(void);

/** Hold the layer's registries; let go; or, in the child, where its threads do not exist, forget
 *  them. */
void th_flow_before_fork(void);
void th_flow_after_fork_parent(void);
void th_flow_after_fork_child(void);

#endif
