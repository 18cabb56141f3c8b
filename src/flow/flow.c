/* SPDX-License-Identifier: MIT */
/** @file
 *  Flow: what must happen once per process in this layer, in the order of its lock ranks. */
#include "flow/flow.h"

#include "flow/future.h"
#include "flow/pool.h"
#include "flow/timer_service.h"
#include "thread/shutdown.h"

void th_flow_open(void)
{
    th_shutdown_finish_work = th_executors_finish;
}

void th_flow_before_fork(void)
{
    th_timer_service_before_fork();
    th_executors_before_fork();
    th_runners_before_fork();
}

void th_flow_after_fork_parent(void)
{
    th_runners_after_fork_parent();
    th_executors_after_fork_parent();
    th_timer_service_after_fork_parent();
}

void th_flow_after_fork_child(void)
{
    th_runners_after_fork_child();
    th_executors_after_fork_child();
    th_timer_service_after_fork_child();
}
