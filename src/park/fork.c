/* SPDX-License-Identifier: MIT */
/** @file
 *  Fork.
 *
 *  Purpose     A fork in any state leaves a usable child: the registry of contexts is held across
 *              it, and the child's queues are empty, since nobody waits (park/table.c says why
 *              bucket locks are not held). */
#include "park/fork.h"

#include "park/context.h"
#include "park/table.h"

void th_park_before_fork(void)
{
    th_contexts_before_fork();
}

void th_park_after_fork_parent(void)
{
    th_contexts_after_fork_parent();
}

void th_park_after_fork_child(void)
{
    th_table_after_fork_child();
    th_contexts_after_fork_child();
}
