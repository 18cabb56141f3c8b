/* SPDX-License-Identifier: MIT */
/** @file
 *  Process: the one file that knows every layer.
 *
 *  Purpose     What must happen once per process, in layer order: open the layers before main, and
 *              take each through fork.
 *  Protocol    Before a fork every layer, from the top down, takes the locks of its registries, so
 *              that the child gets a copy in which none is half changed; queues, which it empties,
 *              may be (park/table.c). Afterwards, from the bottom up, the parent lets go, and the
 *              child forgets the threads it does not have. A layer above may use those below in
 *              its part.
 *  Invariants  A layer's locks are taken before those of the layers below, here as everywhere else.
 *  Rejected    One handler per layer: the order of handlers is the order of constructors, which the
 *              linker decides. */
#include "flow/flow.h"
#include "observe/observe.h"
#include "park/fork.h"
#include "platform/panic.h"
#include "platform/thread.h"
#include "thread/thread.h"

static void before_fork(void)
{
    th_observe_before_fork();
    th_flow_before_fork();
    th_thread_before_fork();
    th_park_before_fork();
}

static void after_fork_parent(void)
{
    th_park_after_fork_parent();
    th_thread_after_fork_parent();
    th_flow_after_fork_parent();
    th_observe_after_fork_parent();
}

static void after_fork_child(void)
{
    th_park_after_fork_child();
    th_thread_after_fork_child();
    th_flow_after_fork_child();
    th_observe_after_fork_child();
}

TH_CONSTRUCTOR_LAYER static void open_process(void)
{
    th_thread_open();
    th_flow_open();
    if (th_at_fork(before_fork, after_fork_parent, after_fork_child) != 0)
        th_panic("no memory to be told of forks");
}
