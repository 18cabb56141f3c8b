/* SPDX-License-Identifier: MIT */
/** @file
 *  Future, as the flow layer sees it: a future is also the task that an executor runs, in one
 *  allocation. future.c knows nothing of executors but th_task_source. */
#ifndef TH_FLOW_FUTURE_H
#define TH_FLOW_FUTURE_H

#include "park/context.h"
#include "park/rawlock.h"
#include "thrum/future.h"
#include "thrum/thread.h"

/** Card of `state`:
 *      bits 0-2   the phase:
 *          PENDING -> RUNNING              th_task_claim, th_task_break, thrum_future_start: by CAS
 *          PENDING -> CANCELLED            thrum_future_cancel: by CAS; under `lock`, but for one
 *                                          made by hand that nobody waits for
 *          RUNNING -> SUCCEEDED, FAILED, BROKEN    who completes it: by CAS
 *          PENDING -> RUNNING + TAKEN      who completes one made by hand, first: by CAS
 *      SLEPT_ON   somebody may be queued under the future's address; set under its bucket lock
 *      WATCHED    something may be listed in `watches`; set under `lock`
 *                 Both are set by CAS while the phase is not final, and stay. Who completes or
 *                 cancels looks at them in its CAS.
 *      TAKEN      of one made by hand: somebody has set out to complete it; set by CAS while it is
 *                 not set and the phase not final, and stays
 *  A phase from CANCELLED on is final ("done"). A task (made with a source) is completed by who
 *  claimed it, one made by hand by who has taken it. */
enum {
    TH_TASK_PENDING,
    TH_TASK_RUNNING,
    TH_TASK_CANCELLED,
    TH_TASK_SUCCEEDED,
    TH_TASK_FAILED,
    TH_TASK_BROKEN, /**< failed because its executor broke: EBROKEN, with an error */
    TH_TASK_PHASE = 7,
    TH_TASK_SLEPT_ON = 8,
    TH_TASK_WATCHED = 16,
    TH_TASK_TAKEN = 32,
};

/** Whether a state word says "done". */
static inline bool th_task_is_final(uint32_t state)
{
    return (state & TH_TASK_PHASE) >= TH_TASK_CANCELLED;
}

/** Who a task belongs to: what an executor embeds as its first member. */
typedef struct th_task_source {
    /** Told once when a task leaves PENDING, however: it no longer counts as waiting to be run.
     *  May be NULL. Called by th_task_claim after its CAS, and under the future's lock by a cancel;
     *  see th_task_settle. Must not touch the future. */
    void (*left_pending)(struct th_task_source *source);
} th_task_source;

/** A failure as a future keeps it: one allocation with both texts. */
typedef struct th_future_error {
    thrum_error shown;
    char texts[];
} th_future_error;

typedef struct th_watch th_watch;

struct thrum_future {
    uint32_t state;
    /** Card: handles, as_completed's included + 1 while a queue holds the task + 1 of who cancels,
     *  helps or completes by hand, meanwhile. One more by who has one. */
    uint32_t references;
    /** `watches`; cancelling and breaking, see th_task_settle. Before the locks of groups (wait.c)
     *  and of park. */
    th_rawlock lock;
    /** Card: owner word of the context that runs it, while RUNNING, written by the claimer after
     *  its CAS; before that, of a task, the last bits of the generation of processes it was made
     *  in; 0 for one made by hand. Read anywhere. */
    uint32_t runner;
    th_task_source *source; /**< NULL: made by hand. Valid while a queue holds the task. */
    union {
        thrum_target target;    /**< until it has run */
        th_future_error *error; /**< of FAILED, BROKEN; NULL: there was no memory for it */
    };
    union {
        void *arg;    /**< until it has run */
        void *result; /**< of SUCCEEDED */
    };
    th_watch *watches; /**< callbacks and waits, the oldest first; under `lock` */
};

/** Make the memory of a task that has `references`. */
void th_task_init(thrum_future *task, th_task_source *source, thrum_target target, void *arg,
                  uint32_t references);

/** PENDING to RUNNING: true if the caller, a runner (th_runner_enter), is to run it. */
bool th_task_claim(thrum_future *task);

/** Run a claimed task and complete it: thrum_fail in it makes it fail. A failure that nobody can
 *  ask for (no handle but the queue's is left, no callback) goes to the excepthook. Drops no
 *  reference, and needs that of the queue or one of the caller's until it returns. */
void th_task_run(thrum_future *task);
/** The same for a worker: `*is_busy` becomes 0 once the target has returned, before anybody is told
 *  of it, so that who submits the next task by then finds the worker free; but if somebody has
 *  asked to be called back, once that is over. NULL does nothing. */
void th_task_run_busy(thrum_future *task, uint32_t *is_busy);

/** A queue has taken out a task that it cannot claim: wait until who cancelled or broke it has told
 *  the source, so that the source may go. */
void th_task_settle(thrum_future *task);

/** PENDING to BROKEN with this message, for waiters to see EBROKEN; false: it was not pending. */
bool th_task_break(thrum_future *task, const char *message);

/** Drop a reference and say whether it was the last; then the caller ends with th_task_destroy, or
 *  th_task_clear and using the memory again. */
bool th_task_unrefer(thrum_future *task);
/** Free what a task without references holds, but not its own memory. */
void th_task_clear(thrum_future *task);
void th_task_destroy(thrum_future *task);

/* ---- what the files of futures share ---- */

/** Take one more reference, by who has one. */
void th_future_refer(thrum_future *future);
/** Drop it, and free the future if it was the last. */
void th_future_drop(thrum_future *future);

/** Whether the future has failed: has an error. */
bool th_future_has_failed(const thrum_future *future);

/** Sleep until the future is done (true) or the deadline has passed. Does not stop the caller. */
bool th_future_sleep(thrum_future *future, thrum_time deadline);
/** Whether there are callbacks to be called; more may be added meanwhile. */
bool th_future_calls_back(thrum_future *future);
/** The future is done, and its word was `state` just before: wake, tell and call those who wait.
 *  The caller holds a reference. */
void th_future_announce(thrum_future *future, uint32_t state);
/** The future goes: forget those who are still listed. */
void th_watches_forget(thrum_future *future);

/* ---- runners: the workers of executors, as waits see them ---- */

typedef struct th_runner {
    th_task_source *source; /**< whose tasks it may help with */
    /** What it waits for without a deadline, for cycle walks; under the lock of all runners.
     *  futures == NULL: it does not wait. Entries that are NULL do not count. */
    thrum_future *const *futures;
    size_t count;
    bool waits_for_all; /**< or for any */
    /* Private to runner.c, under the same lock: who runs, the list of all runners, the walk that
     * came by last, its list, and what it found. */
    th_context *context;
    struct th_runner *next, *previous;
    uint64_t walk;
    struct th_runner *next_of_walk;
    bool is_stuck;
} th_runner;

/** The calling thread's runner, or NULL. */
th_runner *th_runner_self(void);
/** The calling thread becomes a worker, with `runner->source`; and stops being one, before it
 *  ends. */
void th_runner_enter(th_runner *runner);
void th_runner_leave(void);

/** Wait for one future, as thrum_future_wait_until does: a worker without a deadline runs an
 *  unstarted task of its own executor itself. 0, ETIMEDOUT, EDEADLK (a cycle of waits). */
int th_future_await(thrum_future *future, thrum_time deadline);

/** The status that thrum_future_result gives for a done future: 0, EFAILED, ECANCELLED, EBROKEN. */
int th_future_status(const thrum_future *future);

/** The column of fork: the lock of all runners. */
void th_runners_before_fork(void);
void th_runners_after_fork_parent(void);
void th_runners_after_fork_child(void);

#endif
