/* SPDX-License-Identifier: MIT */
/** @file
 *  Executor.
 *
 *  Purpose     concurrent.futures.ThreadPoolExecutor: submit, shut down, free.
 *  State       See flow/pool.h.
 *  Protocol    A submit from outside is one section under the pool's lock: the item is put into the
 *              inbox, and it is decided whom to wake or whether to start a thread, which is done
 *              after it. A submit by one of its workers puts the item into that worker's own queue,
 *              without the lock; into the inbox if the queue is full, or if there may be only one
 *              worker, so that tasks keep their order.
 *              With a bound a submit takes a place first. Who must wait for one is counted as
 *              alive, so that the executor is not freed under it; a shutdown gives it a place, and
 *              with it the answer that it is shut.
 *  Memory      With a future an item is a task, in one allocation with it. Without one it is the
 *              call itself, 16 bytes in a segment or a queue: nothing is allocated for it, and
 *              nobody but the worker that runs it ever looks at it again.
 *  Invariants  A submit that fails has queued nothing. When a thread cannot be started and there is
 *              no other, the item becomes nothing.
 *  Rejected    Tasks in a list by their own pointers, recycled: twice the memory, and a miss of the
 *              cache for each when it is taken and when it is used again. */
#include <limits.h>

#include "flow/pool.h"
#include "flow/worker.h"
#include "platform/atomic.h"
#include "platform/memory.h"
#include "platform/options.h"

/** How a submit waits for a place. */
typedef struct patience {
    bool may_wait;
    thrum_time deadline;
} patience;

thrum_executor *thrum_executor_new_with(const thrum_executor_options *given)
{
    th_self(); /* an abandoned thread stops here */
    thrum_executor_options options = {.size = 0};
    th_copy_options(&options, sizeof options, given);
    if (options.max_workers > INT_MAX || options.max_pending > SIZE_MAX / 2)
        return NULL;
    thrum_executor *executor = th_pool_new(&options);
    if (executor != NULL)
        th_executors_add(executor);
    return executor;
}

/* ---- submit ---- */

/** Take the lock, with a place in the inbox; false: no memory for it, and the lock is not held. */
static bool lock_with_place(thrum_executor *executor)
{
    th_rawlock_acquire(&executor->lock);
    while (th_inbox_needs_segment(&executor->inbox)) {
        th_rawlock_release(&executor->lock);
        th_inbox_segment *segment = th_alloc(sizeof *segment);
        if (segment == NULL)
            return false;
        th_rawlock_acquire(&executor->lock);
        th_inbox_add_segment(&executor->inbox, segment);
    }
    return true;
}

/** Others who were told that a worker comes, which could not be had: another try for them. */
static void try_again(thrum_executor *executor)
{
    th_pool_act act = {.woken = NULL};
    th_rawlock_acquire(&executor->lock);
    /* relaxed: under the lock */
    if (th_load_rlx(&executor->workers) == 0 && executor->inbox.length > 0)
        act = th_pool_decide(executor, 0);
    th_rawlock_release(&executor->lock);
    (void)th_worker_act(executor, act); /* else the next submit tries */
}

/** No thread could be started, as `status` says: 0 if there is one all the same. */
static int withdraw(thrum_executor *executor, th_item item, int status)
{
    th_rawlock_acquire(&executor->lock);
    /* relaxed: under the lock */
    bool is_withdrawn =
        th_load_rlx(&executor->workers) == 0 && th_inbox_withdraw(&executor->inbox, item);
    th_rawlock_release(&executor->lock);
    try_again(executor);
    return is_withdrawn ? status : 0;
}

static int put_outside(thrum_executor *executor, th_item item)
{
    if (!lock_with_place(executor))
        return THRUM_ENOMEM;
    th_pool_act act = {.woken = NULL};
    int status = th_pool_refusal(executor);
    if (status == 0) {
        th_inbox_put(&executor->inbox, item);
        act = th_pool_decide(executor, 0);
    }
    th_rawlock_release(&executor->lock);
    int added = th_worker_act(executor, act);
    return added != 0 ? withdraw(executor, item, added) : status;
}

/** Into the queue of one of its workers, or if that is full, as from outside. */
static int put_inside(thrum_executor *executor, th_worker *worker, th_item item)
{
    int status = th_pool_refusal(executor);
    if (status != 0)
        return status;
    if (executor->max_workers == 1 || !th_run_queue_push(&worker->queue, item))
        return put_outside(executor, item);
    th_worker_announce(worker);
    return 0;
}

static int put(thrum_executor *executor, th_worker *worker, th_item item)
{
    return worker != NULL ? put_inside(executor, worker, item) : put_outside(executor, item);
}

static int put_task(thrum_executor *executor, th_worker *worker, thrum_target target, void *arg,
                    thrum_future **ret_future)
{
    thrum_future *task = th_alloc(sizeof *task);
    if (task == NULL)
        return THRUM_ENOMEM;
    th_task_init(task, &executor->source, target, arg, 2);
    int status = put(executor, worker, (th_item){.arg = task});
    if (status == 0)
        *ret_future = task;
    else
        th_task_destroy(task);
    return status;
}

/** With a place, if there are places. */
static int submit_placed(thrum_executor *executor, th_worker *worker, thrum_target target,
                         void *arg, thrum_future **ret_future)
{
    int status = ret_future != NULL ? put_task(executor, worker, target, arg, ret_future)
                                    : put(executor, worker, (th_item){target, arg});
    if (status != 0 && executor->is_bounded)
        th_pool_free_place(executor);
    return status;
}

static int submit_by_waiting(thrum_executor *executor, thrum_target target, void *arg,
                             thrum_future **ret_future, thrum_time deadline)
{
    th_rawlock_acquire(&executor->lock);
    int status = th_pool_refusal(executor);
    executor->alive += status == 0;
    th_rawlock_release(&executor->lock);
    if (status != 0)
        return status;
    status = thrum_semaphore_acquire_until(&executor->places, deadline);
    if (status == 0)
        status = submit_placed(executor, NULL, target, arg, ret_future);
    th_rawlock_acquire(&executor->lock);
    th_worker_release_and_leave(executor);
    return status;
}

static int submit(thrum_executor *executor, thrum_target target, void *arg,
                  thrum_future **ret_future, patience how)
{
    if (executor == NULL || target == NULL)
        return THRUM_EINVAL;
    th_self(); /* an abandoned thread stops here */
    if (th_pool_is_left_behind(executor))
        return THRUM_ESHUTDOWN;
    th_worker *worker = th_worker_self(executor);
    if (executor->is_bounded && !thrum_semaphore_try_acquire(&executor->places)) {
        if (worker != NULL) {
            th_add_rlx(&executor->debt, 1); /* relaxed: a number */
        } else if (how.may_wait) {
            return submit_by_waiting(executor, target, arg, ret_future, how.deadline);
        } else {
            int status = th_pool_refusal(executor);
            return status != 0 ? status : THRUM_EFULL;
        }
    }
    return submit_placed(executor, worker, target, arg, ret_future);
}

int thrum_executor_submit(thrum_executor *executor, thrum_target target, void *arg,
                          thrum_future **ret_future)
{
    return submit(executor, target, arg, ret_future, (patience){true, THRUM_FOREVER});
}

int thrum_executor_submit_until(thrum_executor *executor, thrum_target target, void *arg,
                                thrum_future **ret_future, thrum_time deadline)
{
    return submit(executor, target, arg, ret_future, (patience){true, deadline});
}

int thrum_executor_try_submit(thrum_executor *executor, thrum_target target, void *arg,
                              thrum_future **ret_future)
{
    return submit(executor, target, arg, ret_future, (patience){false, 0});
}

/* ---- shut down ---- */

static void cancel(thrum_future *task)
{
    (void)thrum_future_cancel(task); /* one that somebody helps with has started */
}

/** Wait for the workers to have ended. */
static int join(thrum_executor *executor, thrum_time deadline)
{
    int status = thrum_event_wait_until(&executor->ended, deadline);
    if (status != 0)
        return status;
    th_pool_drain(executor, cancel); /* what a submit left that could start no thread */
    /* relaxed: all were enlisted before they left, and so before `ended` */
    for (th_worker *worker = th_load_rlx(&executor->all_workers); worker != NULL;
         worker = worker->next) {
        status = thrum_thread_join_until(worker->thread, deadline);
        if (status != 0 && status != THRUM_ESTATE) /* a spare one was never started */
            return status;
    }
    return 0;
}

int thrum_executor_shutdown_until(thrum_executor *executor, unsigned flags, thrum_time deadline)
{
    if (executor == NULL || (flags & ~(unsigned)(THRUM_WAIT | THRUM_CANCEL_FUTURES)) != 0)
        return THRUM_EINVAL;
    th_self(); /* an abandoned thread stops here */
    if (th_pool_is_left_behind(executor)) {
        if ((flags & THRUM_CANCEL_FUTURES) != 0)
            th_pool_drain(executor, cancel);
        return 0;
    }
    bool is_inside = th_worker_self(executor) != NULL;
    th_pool_close(executor);
    if ((flags & THRUM_CANCEL_FUTURES) != 0) {
        th_pool_cancel(executor);
        th_pool_drain(executor, cancel);
    }
    if ((flags & THRUM_WAIT) == 0)
        return 0;
    return is_inside ? THRUM_EDEADLK : join(executor, deadline);
}

int thrum_executor_shutdown(thrum_executor *executor, unsigned flags)
{
    return thrum_executor_shutdown_until(executor, flags, THRUM_FOREVER);
}

/** By one of its workers: the last to leave frees it. */
static void free_inside(thrum_executor *executor)
{
    th_rawlock_acquire(&executor->lock);
    executor->is_orphan = true;
    th_rawlock_release(&executor->lock);
    th_pool_close(executor);
}

void thrum_executor_free(thrum_executor *executor)
{
    th_self(); /* an abandoned thread stops here */
    if (executor == NULL)
        return;
    if (th_pool_is_left_behind(executor)) {
        th_pool_drain(executor, cancel);
        th_pool_give_up(executor);
    } else if (th_worker_self(executor) != NULL) {
        free_inside(executor);
    } else {
        th_pool_close(executor);
        (void)join(executor, THRUM_FOREVER);
        th_pool_destroy(executor);
    }
}
