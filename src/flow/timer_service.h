/* SPDX-License-Identifier: MIT */
/** @file
 *  Timer service: the threads that run what is due, one service for the whole process. It knows
 *  nothing of timers but th_timer_job; timer.c says what happens to a job. */
#ifndef TH_FLOW_TIMER_SERVICE_H
#define TH_FLOW_TIMER_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/timer_wheel.h"
#include "park/context.h"

/** What is to be run at an instant: the first member of a timer. */
typedef struct th_timer_job {
    th_timer_entry entry; /**< under the service's lock */
    uint32_t process;     /**< the generation of processes (forks) that it was added in */
    bool is_daemon;       /**< the end of the program does not await it; constant */
} th_timer_job;

/** What is left to do once the service's lock has been released. Zeroed: nothing. */
typedef struct th_timer_after {
    th_context *resumed; /**< a thread that is to look again */
    bool lets_end;       /**< the end of the program awaits no job any more */
    bool needs_thread;   /**< nobody would look at the wheel but who runs a job */
} th_timer_after;

/** See to it that there is a thread. Returns 0, or what thrum_thread_start returns, or
 *  THRUM_ENOMEM. */
int th_timer_service_open(void);

/** The lock of all jobs, taken before the registry's and park's. Nothing that may stop the caller
 *  is called under it. */
void th_timer_service_lock(void);
void th_timer_service_unlock(const th_timer_after *after);

/** Under the lock: run the job at `when`; false: the program has ended. */
bool th_timer_service_add(th_timer_job *job, thrum_time when, th_timer_after *after);
/** The same in the thread that has just run the job, and will look for the next. */
bool th_timer_service_add_again(th_timer_job *job, thrum_time when, th_timer_after *after);
/** Under the lock: take back a job that has been added and not been taken. */
void th_timer_service_remove(th_timer_job *job, th_timer_after *after);

/** Whether the job was added in a process that this one was forked from: it is not there any
 *  more. */
bool th_timer_service_has_lost(const th_timer_job *job);

/* ---- what timer.c does with jobs ---- */

/** Under the lock: the job is due, and `runner`, an owner word, will run it. */
void th_timer_job_taken(th_timer_job *job, uint32_t runner);
/** Run it, in the thread that has taken it; then it may be added again, or be gone. */
void th_timer_job_run(th_timer_job *job);

/* ---- the process ---- */

void th_timer_service_before_fork(void);
void th_timer_service_after_fork_parent(void);
void th_timer_service_after_fork_child(void);

/** How many threads the service has, and how many of them sleep without a task: for tests. */
void th_timer_service_count(unsigned *ret_threads, unsigned *ret_idle);

#endif
