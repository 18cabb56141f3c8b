/* SPDX-License-Identifier: MIT */
/** @file
 *  Pool.
 *
 *  Purpose     What executor.c and worker.c do to the state they share, each in a few lines.
 *  State       Tasks from outside in the inbox, and each worker's own in its queue (run_queue.h).
 *              Under the pool's lock: the inbox, the stack of idle workers, and numbers.
 *  Waking      A new task wakes a sleeping worker, the last to fall asleep, unless one is `coming`:
 *              on its way, or hunting before it sleeps. That one leaves this number under the lock,
 *              and looks for tasks afterwards, so it sees the new one; and if it finds one and
 *              there are more, wherever, it wakes the next. So a burst wakes as many as find work,
 *              and each wake-up is paid by another thread. Who was not coming need not wake
 *              anybody.
 *  Falling asleep
 *              A worker that finds nothing pushes itself on the stack in the section in which it
 *              sees that the inbox is empty, then looks at all queues once more. Who puts a task
 *              into its own queue looks at the stack afterwards. A fence between the two steps of
 *              either makes one of them see the other.
 *  Growing     As many tasks as are waiting to be taken, so many workers must be free, or as many
 *              as there may be: a worker is free unless it is busy. It becomes busy before it takes
 *              a task, and free before anybody is told that the task is done, or once the
 *              callbacks of one that has any have been called; so after three submits with a wait
 *              after each there is one thread, after three of tasks that block there are three. A
 *              look that comes in between starts a thread too many rather than one too few.
 *  Invariants  A task that is waiting, and a worker that sleeps or may be started: then somebody is
 *              awake who will look (a worker on its way, or one that has not fallen asleep yet), or
 *              no thread could be started when the task came. tests/model/model_executor.c shows
 *              it.
 *  Lock order  That of all executors, a future's, a pool's, park's. No user code, no allocation.
 *  Rejected    A count of free workers, as Python's semaphore of idle ones: it must be exact, so
 *              each task would change it under a lock. One queue for all: each task would be taken
 *              under the lock that submits need. */
#include "flow/pool.h"

#include <limits.h>
#include <stdio.h>

#include "park/table.h"
#include "platform/atomic.h"
#include "platform/memory.h"

#define WORKERS_DEFAULT_MOST 32
#define WORKERS_MORE_THAN_CPUS 4
#define NAME_PREFIX "ThreadPoolExecutor-"
#define NUMBER_BYTES 12
/** More places than there can be threads that wait for one. */
#define PLACES_FOR_ALL (UINT32_MAX / 2)

static th_rawlock executors_lock;
static thrum_executor *first_executor;
static bool program_ends;

/** Card: the number of executors without a name so far; only grows. */
static uint32_t prefixes_given;

/* ---- birth and death ---- */

static char *make_prefix(const char *given)
{
    if (given != NULL && given[0] != '\0')
        return th_copy_string(given);
    char prefix[sizeof NAME_PREFIX + NUMBER_BYTES];
    /* relaxed: the numbers need only differ */
    snprintf(prefix, sizeof prefix, NAME_PREFIX "%u", th_add_rlx(&prefixes_given, 1));
    return th_copy_string(prefix);
}

static uint32_t default_workers(void)
{
    unsigned workers = th_cpu_count() + WORKERS_MORE_THAN_CPUS;
    return workers < WORKERS_DEFAULT_MOST ? workers : WORKERS_DEFAULT_MOST;
}

/** A task of a bounded executor waits no more. */
static void left_pending(th_task_source *source)
{
    th_pool_free_place((thrum_executor *)source);
}

void th_pool_free_place(thrum_executor *executor)
{
    uint32_t debt = th_load_rlx(&executor->debt); /* relaxed: a number */
    while (debt > 0) {
        if (th_cas_rlx(&executor->debt, &debt, debt - 1)) /* relaxed: likewise */
            return;
    }
    (void)thrum_semaphore_release(&executor->places, 1);
}

thrum_executor *th_pool_new(const thrum_executor_options *options)
{
    thrum_executor *executor = th_alloc(sizeof *executor);
    if (executor == NULL)
        return NULL;
    th_inbox_segment *segment = th_alloc(sizeof *segment);
    executor->prefix = make_prefix(options->thread_name_prefix);
    if (executor->prefix == NULL || segment == NULL) {
        th_free(segment);
        th_free(executor->prefix);
        th_free(executor);
        return NULL;
    }
    th_inbox_init(&executor->inbox, segment);
    executor->generation = th_table_generation();
    executor->max_workers = options->max_workers != 0 ? options->max_workers : default_workers();
    executor->initializer = options->initializer;
    executor->initarg = options->initarg;
    /* a bound that cannot be reached is none */
    executor->is_bounded = options->max_pending != 0 && options->max_pending < PLACES_FOR_ALL;
    if (executor->is_bounded) {
        executor->source.left_pending = left_pending;
        thrum_semaphore_init(&executor->places, (unsigned)options->max_pending, false);
    }
    return executor;
}

static void free_all(thrum_executor *executor)
{
    for (th_worker *worker = executor->all_workers, *next; worker != NULL; worker = next) {
        next = worker->next;
        thrum_thread_free(worker->thread);
        th_free(worker);
    }
    th_free(executor->prefix);
    th_free(executor);
}

void th_pool_destroy(thrum_executor *executor)
{
    th_executors_remove(executor);
    th_inbox_fini(&executor->inbox);
    free_all(executor);
}

void th_pool_give_up(thrum_executor *executor)
{
    const th_runner *self = th_runner_self();
    if (self != NULL && self->source == &executor->source)
        return; /* the caller is one of its workers, and still to leave */
    th_inbox_fini(&executor->inbox);
    free_all(executor);
}

bool th_pool_is_left_behind(const thrum_executor *executor)
{
    return executor->generation != th_table_generation();
}

/* ---- refusing ---- */

int th_pool_refusal(const thrum_executor *executor)
{
    uint32_t refusal = th_load_rlx(&executor->refusal); /* relaxed: only says no */
    if ((refusal & TH_POOL_IS_BROKEN) != 0)
        return THRUM_EBROKEN;
    return refusal != 0 ? THRUM_ESHUTDOWN : 0;
}

/** Under the lock: returns whether it was not refusing for that reason before. */
static bool refuse(thrum_executor *executor, uint32_t reason)
{
    uint32_t before = th_load_rlx(&executor->refusal); /* relaxed: under the lock */
    th_store_rlx(&executor->refusal, before | reason); /* relaxed: read under the lock, or a hint */
    return (before & reason) == 0;
}

static void unlist_idle(thrum_executor *executor, th_worker *worker)
{
    if (worker->above != NULL)
        worker->above->below = worker->below;
    else
        executor->idle = worker->below;
    if (worker->below != NULL)
        worker->below->above = worker->above;
    worker->is_idle = false;
    /* relaxed: who reads it without the lock is a step behind, and looks under the lock then */
    th_store_rlx(&executor->idle_count, executor->idle_count - 1);
}

/** Under the lock: take all off the stack; they are coming, and stay linked by `below`. */
static th_worker *take_all_idle(thrum_executor *executor)
{
    th_worker *first = executor->idle;
    for (th_worker *worker = first; worker != NULL; worker = worker->below) {
        worker->is_idle = false;
        executor->coming++;
    }
    executor->idle = NULL;
    th_store_rlx(&executor->idle_count, 0); /* relaxed: as in unlist_idle */
    return first;
}

void th_pool_close(thrum_executor *executor)
{
    th_rawlock_acquire(&executor->lock);
    bool is_first = refuse(executor, TH_POOL_IS_SHUT);
    th_worker *woken = take_all_idle(executor);
    bool is_over = th_pool_is_over(executor);
    th_rawlock_release(&executor->lock);
    for (th_worker *worker = woken, *next; worker != NULL; worker = next) {
        next = worker->below;
        (void)thrum_semaphore_release(&worker->wake, 1);
    }
    if (is_first && executor->is_bounded)
        (void)thrum_semaphore_release(&executor->places, PLACES_FOR_ALL);
    if (is_first && is_over) /* else who left last has said it, or whoever closed it first */
        thrum_event_set(&executor->ended);
}

void th_pool_cancel(thrum_executor *executor)
{
    th_rawlock_acquire(&executor->lock);
    (void)refuse(executor, TH_POOL_CANCELS);
    th_rawlock_release(&executor->lock);
}

bool th_pool_gives_up(const thrum_executor *executor)
{
    /* relaxed: what was queued before is drained by who has set it, or seen to be given up here */
    return (th_load_rlx(&executor->refusal) & (TH_POOL_IS_BROKEN | TH_POOL_CANCELS)) != 0;
}

void th_pool_break(thrum_executor *executor)
{
    th_rawlock_acquire(&executor->lock);
    bool is_first = refuse(executor, TH_POOL_IS_BROKEN);
    th_rawlock_release(&executor->lock);
    if (is_first && executor->is_bounded)
        (void)thrum_semaphore_release(&executor->places, PLACES_FOR_ALL);
}

bool th_pool_is_over(const thrum_executor *executor)
{
    /* relaxed: under the lock */
    return executor->alive == 0 && (th_load_rlx(&executor->refusal) & TH_POOL_IS_SHUT) != 0;
}

/** Under the lock, as the ways on from it: the first of all workers. */
static th_worker *workers_of(const thrum_executor *executor)
{
    return th_load_rlx(&executor->all_workers); /* relaxed: under the lock */
}

static th_worker *after(const th_worker *worker)
{
    return th_load_rlx(&worker->next); /* relaxed: under the lock */
}

static bool take_any(thrum_executor *executor, th_item *ret_item)
{
    th_inbox_segment *unused = NULL;
    th_rawlock_acquire(&executor->lock);
    bool taken = th_inbox_take(&executor->inbox, ret_item, &unused);
    for (th_worker *one = workers_of(executor); !taken && one != NULL; one = after(one))
        taken = th_run_queue_take(&one->queue, ret_item);
    th_rawlock_release(&executor->lock);
    th_free(unused);
    return taken;
}

void th_pool_drain(thrum_executor *executor, void (*end)(thrum_future *task))
{
    for (th_item item; take_any(executor, &item);) {
        thrum_future *task = item.arg;
        if (item.target != NULL && executor->is_bounded)
            th_pool_free_place(executor);
        if (item.target != NULL || task == NULL)
            continue;
        end(task);
        th_task_settle(task);
        if (th_task_unrefer(task))
            th_task_destroy(task);
    }
}

/* ---- who sleeps, who comes, under the lock ---- */

void th_pool_push_idle(thrum_executor *executor, th_worker *worker)
{
    worker->above = NULL;
    worker->below = executor->idle;
    if (executor->idle != NULL)
        executor->idle->above = worker;
    executor->idle = worker;
    worker->is_idle = true;
    /* relaxed: the fence after it, in the worker's rest, is what counts */
    th_store_rlx(&executor->idle_count, executor->idle_count + 1);
}

bool th_pool_remove_idle(thrum_executor *executor, th_worker *worker)
{
    if (!worker->is_idle)
        return false;
    unlist_idle(executor, worker);
    return true;
}

th_worker *th_pool_choose_idle(thrum_executor *executor)
{
    th_worker *worker = executor->idle;
    if (worker == NULL || executor->coming > 0)
        return NULL;
    unlist_idle(executor, worker);
    executor->coming++;
    return worker;
}

/** Whether more tasks wait than workers are free. */
static bool lacks_workers(const thrum_executor *executor)
{
    size_t waiting = executor->inbox.length, available = executor->starting;
    for (th_worker *worker = workers_of(executor); worker != NULL; worker = after(worker))
        waiting += th_run_queue_count(&worker->queue);
    /* after the queues: who has taken a task from one is seen to be busy */
    for (th_worker *worker = workers_of(executor); worker != NULL; worker = after(worker))
        available += th_load_rlx(&worker->is_busy) == 0; /* relaxed: read after what it precedes */
    return waiting > available;
}

th_pool_act th_pool_decide(thrum_executor *executor, size_t own)
{
    th_pool_act act = {.woken = NULL};
    uint32_t workers = th_load_rlx(&executor->workers); /* relaxed: under the lock */
    act.grows = workers < executor->max_workers &&
                executor->inbox.length + own > executor->idle_count && lacks_workers(executor);
    if (act.grows) {
        th_store_rlx(&executor->workers, workers + 1); /* relaxed: under the lock, or a hint */
        executor->starting++;
        executor->alive++;
    }
    act.woken = th_pool_choose_idle(executor);
    return act;
}

/* ---- the process ---- */

void th_executors_add(thrum_executor *executor)
{
    th_rawlock_acquire(&executors_lock);
    executor->next_of_all = first_executor;
    if (first_executor != NULL)
        first_executor->previous_of_all = executor;
    first_executor = executor;
    bool is_too_late = program_ends;
    th_rawlock_release(&executors_lock);
    if (is_too_late)
        th_pool_close(executor);
}

void th_executors_remove(thrum_executor *executor)
{
    th_rawlock_acquire(&executors_lock);
    if (executor->previous_of_all != NULL)
        executor->previous_of_all->next_of_all = executor->next_of_all;
    else if (first_executor == executor)
        first_executor = executor->next_of_all;
    if (executor->next_of_all != NULL)
        executor->next_of_all->previous_of_all = executor->previous_of_all;
    th_rawlock_release(&executors_lock);
}

void th_executors_finish(void)
{
    th_rawlock_acquire(&executors_lock);
    program_ends = true;
    for (thrum_executor *one = first_executor; one != NULL; one = one->next_of_all)
        th_pool_close(one);
    th_rawlock_release(&executors_lock);
}

void th_executors_before_fork(void)
{
    th_rawlock_acquire(&executors_lock);
    for (thrum_executor *one = first_executor; one != NULL; one = one->next_of_all)
        th_rawlock_acquire(&one->lock);
}

void th_executors_after_fork_parent(void)
{
    for (thrum_executor *one = first_executor; one != NULL; one = one->next_of_all)
        th_rawlock_release(&one->lock);
    th_rawlock_release(&executors_lock);
}

/** The parent's executors are left behind, and the end of the program is its own. */
void th_executors_after_fork_child(void)
{
    for (thrum_executor *one = first_executor; one != NULL; one = one->next_of_all)
        one->lock = (th_rawlock){0};
    first_executor = NULL;
    program_ends = false;
    executors_lock = (th_rawlock){0};
}
