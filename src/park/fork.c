/* SPDX-License-Identifier: MIT */
/** @file
 *  Fork.
 *
 *  Purpose     A fork in any state leaves a usable child: park's locks are held across it, so
 *              nobody is in the middle of a queue, and the child's queues are empty, since nobody
 *              waits.
 *  Protocol    Registry before buckets, as everywhere; let go in the opposite order. */
#include "park/fork.h"

#include "park/context.h"
#include "park/table.h"

void th_park_before_fork(void)
{
    th_contexts_before_fork();
    th_table_before_fork();
}

void th_park_after_fork_parent(void)
{
    th_table_after_fork(false);
    th_contexts_after_fork_parent();
}

void th_park_after_fork_child(void)
{
    th_table_after_fork(true);
    th_contexts_after_fork_child();
}
