/* SPDX-License-Identifier: MIT */
/** @file
 *  Pool: what an executor and its workers share: what comes from outside, the workers, those of
 *  them that sleep; and the list of all executors of the process. */
#ifndef TH_FLOW_POOL_H
#define TH_FLOW_POOL_H

#include "flow/future.h"
#include "flow/inbox.h"
#include "flow/pace.h"
#include "flow/run_queue.h"
#include "platform/backoff.h"
#include "platform/cpu.h"
#include "thread/failure.h"
#include "thrum/event.h"
#include "thrum/executor.h"
#include "thrum/semaphore.h"

/** Bits of an executor's `refusal`. */
enum {
    TH_POOL_IS_SHUT = 1,
    TH_POOL_IS_BROKEN = 2,
    TH_POOL_CANCELS = 4, /**< shut, and what has not started is not to start */
};

typedef struct th_worker {
    th_runner runner;
    thrum_executor *executor;
    thrum_thread *thread;
    /** Card: the next in the list of all workers, which only grows; by who adds it. */
    struct th_worker *next;
    /** Card: 1 from when it takes a task until its target has returned and the callbacks, if there
     *  are any, have been called; and while it has no thread. Set before the task is taken, so that
     *  no task disappears without somebody becoming busy. */
    uint32_t is_busy;
    th_run_queue queue;
    thrum_semaphore wake; /**< a permit for who has taken it off the idle stack */

    /* under the pool's lock */
    struct th_worker *above, *below; /**< in the idle stack; `below`: among the spare ones */
    bool is_idle;

    /* its own */
    th_pace pace;
    uint32_t takes, looks;
    bool has_come;      /**< it was coming, and has not found a task since */
    th_backoff gathers; /**< tries to let more come before it takes from outside */
    th_backoff hunts;   /**< tries to hunt before it sleeps */
    th_failure failure; /**< of a call that nobody has a handle of */
    char name[];
} th_worker;

struct thrum_executor {
    th_task_source source; /**< of all its tasks and runners; the first member */

    /* constant */
    uint32_t generation; /**< th_table_generation when it was made */
    uint32_t max_workers;
    int (*initializer)(void *);
    void *initarg;
    bool is_bounded;
    char *prefix;

    /* under the lock of all executors */
    struct thrum_executor *next_of_all, *previous_of_all;

    thrum_semaphore places; /**< of max_pending */
    /** Card: how many tasks workers have submitted without a place; places that come back pay for
     *  them first. Up by workers, down by who takes a task from PENDING. */
    uint32_t debt;
    th_backoff watches; /**< tries to look on at the first share of a map */
    thrum_event ended;  /**< it is shut and nobody of `alive` is left */

    char apart[TH_CACHE_LINE];
    th_rawlock lock; /**< for what follows; taken after a future's, before park's */
    /** Card: bits of TH_POOL_x, never cleared; set under the lock. IS_SHUT alone: refuse, but do
     *  what is there. With IS_BROKEN or CANCELS what has not started is given up; CANCELS only
     *  after IS_SHUT. Read by workers without the lock. */
    uint32_t refusal;
    th_inbox inbox;  /**< what comes from outside */
    th_worker *idle; /**< those that sleep, or are about to; the last to come first */
    /** Card: how many they are; under the lock, also read by who puts a task into its own queue,
     *  with a fence between the two. */
    size_t idle_count;
    /** Workers that will look for tasks once more before they sleep: one that has been taken off
     *  the stack and is on its way, and those that hunt. While there is one nobody is woken. */
    uint32_t coming;
    uint32_t hunters; /**< of them, those that hunt */
    /** Card: workers with a thread, or about to get one; under the lock, also read without. */
    uint32_t workers;
    uint32_t starting; /**< of them, those that are not in the list yet */
    uint32_t names_given;
    /** Card: the list of all workers; grows under the lock, read anywhere. */
    th_worker *all_workers;
    th_worker *spare; /**< in the list, but their threads could not be started; by `below` */
    size_t alive;     /**< workers that have not left, and who waits for a place */
    bool is_orphan;   /**< freed by one of its workers: the last to leave ends it */
};

/** What is to be done once the lock is released. */
typedef struct th_pool_act {
    th_worker *woken; /**< has been taken off the stack: to be given its permit */
    bool grows;       /**< one more worker has been counted: th_worker_add */
} th_pool_act;

/** An executor that no list knows yet, or NULL. */
thrum_executor *th_pool_new(const thrum_executor_options *options);
/** Free the executor and its workers, whose threads have ended or belong to nobody's process. */
void th_pool_destroy(thrum_executor *executor);
/** In a forked child: the same as far as it can be done, of an executor of the parent's. */
void th_pool_give_up(thrum_executor *executor);

/** Whether it belongs to a process that this one was forked from: then hands off its lock. */
bool th_pool_is_left_behind(const thrum_executor *executor);
/** 0, or why tasks are refused. */
int th_pool_refusal(const thrum_executor *executor);

/** Refuse tasks from now on, let idle workers end, and give up who waits for a place. */
void th_pool_close(thrum_executor *executor);
/** Shut down by now: what has not started is cancelled by whoever comes across it. */
void th_pool_cancel(thrum_executor *executor);
/** Whether what has not started is not to start: it is broken, or cancels. */
bool th_pool_gives_up(const thrum_executor *executor);
/** Refuse tasks from now on since an initializer has failed. */
void th_pool_break(thrum_executor *executor);
/** Take everything that nobody has taken yet: `end` each task, and forget calls without a
 *  handle. */
void th_pool_drain(thrum_executor *executor, void (*end)(thrum_future *task));
/** A task of a bounded executor waits no more, or was not submitted after all. */
void th_pool_free_place(thrum_executor *executor);

/* ---- under the lock ---- */

/** The worker is about to sleep. */
void th_pool_push_idle(thrum_executor *executor, th_worker *worker);
/** The worker changes its mind; false: somebody has taken it off the stack already. */
bool th_pool_remove_idle(thrum_executor *executor, th_worker *worker);
/** There is a task to be taken: take a sleeping worker off the stack, unless one is coming anyway,
 *  or NULL. */
th_worker *th_pool_choose_idle(thrum_executor *executor);
/** There are new tasks, of which `own` in the caller's own queue: whom to wake, whether to grow. */
th_pool_act th_pool_decide(thrum_executor *executor, size_t own);
/** Nobody is left, and nobody may come. */
bool th_pool_is_over(const thrum_executor *executor);

/* ---- the process ---- */

/** Enter the list of all executors, and leave it. */
void th_executors_add(thrum_executor *executor);
void th_executors_remove(thrum_executor *executor);
/** The program ends: all executors, also those to come, are shut; what is queued is done. */
void th_executors_finish(void);
void th_executors_before_fork(void);
void th_executors_after_fork_parent(void);
void th_executors_after_fork_child(void);

#endif
