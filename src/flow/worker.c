/* SPDX-License-Identifier: MIT */
/** @file
 *  Worker.
 *
 *  Purpose     What a thread of an executor does: find a task, run it, sleep when there is none.
 *  State       Its record (flow/pool.h) with its own queue.
 *  Protocol    It looks into its own queue, then takes tasks from outside, as many as it can soon
 *              run, into that queue; then it steals half of another worker's. So that nothing waits
 *              for ever behind a stream of other tasks, every 61st look begins outside, and every
 *              8th that finds the own queue empty begins at the others'. With one worker there are
 *              no such looks, and tasks keep their order. When there is nothing it sleeps; see
 *              pool.c for why no task is left lying then.
 *              A task that is taken may have been run by who waited for it, or cancelled: then the
 *              reference of the queue is dropped, and that is all.
 *  Leaving     When nothing is left outside and the pool is shut, a worker counts itself out and
 *              then looks at the others' queues once more. Who puts a task into its own queue looks
 *              at the count afterwards, with a fence between the two steps of either: so the worker
 *              comes back, or another is started, and no task lies behind one that waits for it.
 *  Who frees   The last to leave a pool that is shut touches it last in setting `ended`, or frees
 *              it if it has been freed by one of its workers.
 *  Fork        A worker that forks in a task is the only thread of the child, and of an executor
 *              that is left behind: it looks for no further task.
 *  Gathering   Before it takes from outside a worker lets more tasks come, as long as that pays
 *              (gather.h): it needs the lock that those who submit need.
 *  Hunting     Before it sleeps a worker looks out for tasks for some microseconds, as long as that
 *              pays: falling asleep and being woken cost more, to it and to who submits.
 *  Rejected    A thread that ends after some idle time: Python's stay. */
#include "flow/worker.h"

#include <stdio.h>
#include <string.h>

#include "flow/gather.h"
#include "platform/atomic.h"
#include "platform/memory.h"
#include "thread/failure.h"

#define LOOKS_BETWEEN_OUTSIDE 61
#define TAKES_BETWEEN_THEFTS 8
/** Most items taken from outside at once. */
#define HANDFUL ((uint32_t)th_limit(64, 2))
/** How long to hunt, and how many may at once. */
#define HUNT_US 10
#define LOOKS_PER_US 8
#define HUNT_LOOKS (HUNT_US * LOOKS_PER_US)
#define HUNTERS_MOST 2
#define NUMBER_BYTES 12

#define BROKEN_MESSAGE "a thread initializer failed, the thread pool is not usable anymore"

th_worker *th_worker_self(const thrum_executor *executor)
{
    th_runner *runner = th_runner_self();
    return runner != NULL && runner->source == &executor->source ? (th_worker *)runner : NULL;
}

/* ---- finding tasks ---- */

static void set_busy(th_worker *worker, uint32_t busy)
{
    /* relaxed: taking a task is what publishes that it is busy; being told of the outcome, that it
     * is not */
    th_store_rlx(&worker->is_busy, busy);
}

static void give_permit(th_worker *worker)
{
    if (worker != NULL)
        (void)thrum_semaphore_release(&worker->wake, 1);
}

static bool take_own(th_worker *worker, th_item *ret_item)
{
    if (th_run_queue_count(&worker->queue) == 0)
        return false;
    set_busy(worker, 1);
    bool taken = th_run_queue_take(&worker->queue, ret_item);
    if (!taken)
        set_busy(worker, 0);
    return taken;
}

static uint64_t outside(const void *arg)
{
    const thrum_executor *executor = arg;
    return th_load_rlx(&executor->inbox.length); /* relaxed: a hint */
}

/** Somebody may be submitting task after task: let more come, if there is no handful yet. */
static void gather(th_worker *worker)
{
    uint64_t there = outside(worker->executor);
    if (there > 0 && there < HANDFUL)
        th_gather(&worker->gathers, outside, worker->executor);
}

/** Under the lock: how many of what is outside are a worker's. Those that sleep leave theirs to who
 *  is awake, and steal them if they wake in time. */
static size_t share_of(const thrum_executor *executor)
{
    /* relaxed: under the lock */
    size_t workers = th_load_rlx(&executor->workers);
    size_t awake = workers - executor->idle_count;
    return executor->inbox.length / (awake > 0 ? awake : 1);
}

/** Take items from outside, at most `most`: one to run, the others into the own queue. */
static bool take_outside(th_worker *worker, uint32_t most, th_item *ret_item)
{
    thrum_executor *executor = worker->executor;
    th_inbox_segment *unused = NULL;
    th_rawlock_acquire(&executor->lock);
    size_t share = share_of(executor);
    bool taken = th_inbox_take(&executor->inbox, ret_item, &unused);
    if (taken)
        set_busy(worker, 1);
    for (size_t count = 1; count < most && count < share; count++) {
        th_item item;
        (void)th_inbox_take(&executor->inbox, &item, &unused);
        if (item.target == NULL)
            __builtin_prefetch(item.arg, 1); /* the task, which its submitter has just written */
        (void)th_run_queue_push(&worker->queue, item); /* it is empty when `most` is not 1 */
    }
    th_rawlock_release(&executor->lock);
    th_free(unused);
    return taken;
}

/** The next of all workers, in a circle. */
static th_worker *next_worker(const th_worker *worker)
{
    th_worker *next = th_load_acq(&worker->next); /* pairs: enlist */
    /* relaxed: the first is always the same, and was enlisted before any of them ran */
    return next != NULL ? next : th_load_rlx(&worker->executor->all_workers);
}

static bool steal(th_worker *worker, th_item *ret_item)
{
    for (th_worker *other = next_worker(worker); other != worker; other = next_worker(other)) {
        if (th_run_queue_count(&other->queue) == 0)
            continue;
        set_busy(worker, 1);
        if (th_run_queue_steal(&other->queue, &worker->queue, ret_item)) {
            if (th_run_queue_count(&worker->queue) > 0)
                th_worker_announce(worker);
            return true;
        }
        set_busy(worker, 0);
    }
    return false;
}

static bool is_work_queued(const th_worker *worker)
{
    for (const th_worker *other = next_worker(worker); other != worker; other = next_worker(other))
        if (th_run_queue_count(&other->queue) > 0)
            return true;
    return false;
}

/** The caller was coming, so that others were not woken, and has found a task: if there is more, it
 *  wakes the next. */
static void pass_on(th_worker *worker)
{
    thrum_executor *executor = worker->executor;
    worker->has_come = false;
    /* relaxed: what the caller kept from waking somebody was there before it came */
    if (th_load_rlx(&executor->idle_count) == 0)
        return;
    th_rawlock_acquire(&executor->lock); /* under which others take their handfuls */
    bool is_more = executor->inbox.length > 0 || th_run_queue_count(&worker->queue) > 0 ||
                   is_work_queued(worker);
    th_worker *woken = is_more ? th_pool_choose_idle(executor) : NULL;
    th_rawlock_release(&executor->lock);
    give_permit(woken);
}

/** Look into all places, in the order that Protocol says. */
static bool look(th_worker *worker, th_item *ret_item)
{
    bool is_alone = worker->executor->max_workers == 1;
    if (!is_alone && ++worker->looks % LOOKS_BETWEEN_OUTSIDE == 0 &&
        take_outside(worker, 1, ret_item))
        return true;
    if (take_own(worker, ret_item))
        return true;
    if (!is_alone && ++worker->takes % TAKES_BETWEEN_THEFTS == 0 && steal(worker, ret_item))
        return true;
    gather(worker);
    if (take_outside(worker, th_pace_next(&worker->pace, HANDFUL), ret_item))
        return true;
    return !is_alone && steal(worker, ret_item);
}

static bool find(th_worker *worker, th_item *ret_item)
{
    bool found = look(worker, ret_item);
    if (found && worker->has_come)
        pass_on(worker);
    return found;
}

/* ---- sleeping ---- */

/** Look out for tasks for about as long as it costs to be woken; at the other workers' queues,
 *  which are many lines, less often. */
static void hunt(th_worker *worker)
{
    const thrum_executor *executor = worker->executor;
    uint32_t pauses = th_pauses_per_us() / LOOKS_PER_US + 1;
    bool paid = false;
    for (uint32_t look = 1; !paid && look <= th_spin_limit(HUNT_LOOKS); look++) {
        for (uint32_t i = 0; i < th_spin_limit(pauses); i++)
            th_pause();
        paid = outside(executor) > 0 ||
               (look % th_spin_limit(LOOKS_PER_US) == 0 && is_work_queued(worker));
    }
    th_backoff_tell(&worker->hunts, paid);
}

/** Under the lock: one that was coming has come; what is queued from now on wakes another. */
static void arrive(th_worker *worker)
{
    worker->executor->coming--;
    worker->has_come = true;
}

typedef enum outlook { HAS_TASKS, IS_OVER, MAY_SLEEP } outlook;

/** Under the lock. */
static outlook outlook_of(const thrum_executor *executor)
{
    if (executor->inbox.length > 0)
        return HAS_TASKS;
    return th_load_rlx(&executor->refusal) != 0 ? IS_OVER : MAY_SLEEP; /* relaxed: under the lock */
}

/** Hunt, unless enough others do, and then lie down if there is still nothing. */
static outlook hunt_and_lie_down(th_worker *worker)
{
    thrum_executor *executor = worker->executor;
    bool hunts = th_has_many_cpus() && th_backoff_tries(&worker->hunts);
    th_rawlock_acquire(&executor->lock);
    outlook seen = outlook_of(executor);
    if (seen == MAY_SLEEP && hunts && executor->hunters < HUNTERS_MOST) {
        executor->hunters++;
        executor->coming++;
        th_rawlock_release(&executor->lock);
        hunt(worker);
        th_rawlock_acquire(&executor->lock);
        executor->hunters--;
        arrive(worker);
        seen = outlook_of(executor);
    }
    if (seen == MAY_SLEEP)
        th_pool_push_idle(executor, worker);
    th_rawlock_release(&executor->lock);
    return seen;
}

/** Count the worker in or out; false: others have taken its place. */
static bool count(th_worker *worker, bool in)
{
    thrum_executor *executor = worker->executor;
    th_rawlock_acquire(&executor->lock);
    uint32_t workers = th_load_rlx(&executor->workers); /* relaxed: under the lock */
    bool may = !in || workers < executor->max_workers;
    if (may) {
        th_store_rlx(&executor->workers, in ? workers + 1 : workers - 1); /* relaxed: likewise */
        set_busy(worker, !in);
    }
    th_rawlock_release(&executor->lock);
    return may;
}

/** The executor is shut, and there is nothing more outside: whether the worker, which is to leave,
 *  is needed all the same. */
static bool comes_back(th_worker *worker)
{
    (void)count(worker, false);
    th_fence_sc(); /* pairs: th_worker_announce */
    return is_work_queued(worker) && count(worker, true);
}

/** Sleep until there may be something; false: there is nothing, and the executor is shut. */
static bool rest(th_worker *worker)
{
    thrum_executor *executor = worker->executor;
    outlook seen = hunt_and_lie_down(worker);
    if (seen == HAS_TASKS)
        return true;
    if (seen == IS_OVER)
        return comes_back(worker);
    th_fence_sc(); /* pairs: th_worker_announce */
    if (is_work_queued(worker)) {
        th_rawlock_acquire(&executor->lock);
        bool is_removed = th_pool_remove_idle(executor, worker);
        th_rawlock_release(&executor->lock);
        if (is_removed)
            return true;
    }
    (void)thrum_semaphore_acquire(&worker->wake);
    th_rawlock_acquire(&executor->lock);
    arrive(worker);
    th_rawlock_release(&executor->lock);
    return true;
}

void th_worker_announce(th_worker *worker)
{
    thrum_executor *executor = worker->executor;
    th_fence_sc(); /* pairs: rest */
    /* relaxed: both; after the fence */
    if (th_load_rlx(&executor->idle_count) == 0 &&
        th_load_rlx(&executor->workers) == executor->max_workers)
        return;
    th_rawlock_acquire(&executor->lock);
    th_pool_act act = th_pool_decide(executor, th_run_queue_count(&worker->queue));
    th_rawlock_release(&executor->lock);
    (void)th_worker_act(executor, act); /* the caller itself will do it otherwise */
}

/* ---- running ---- */

static void break_task(thrum_future *task)
{
    (void)th_task_break(task, BROKEN_MESSAGE);
}

/** A call that nobody has a handle of. */
static void run_call(th_worker *worker, th_item call)
{
    if (worker->executor->is_bounded)
        th_pool_free_place(worker->executor);
    if (!th_pool_gives_up(worker->executor))
        (void)call.target(call.arg);
    if (worker->failure.has_failed) {
        th_failure_tell(&worker->failure);
        th_failure_clear(&worker->failure);
    }
    set_busy(worker, 0);
}

static void run_task(th_worker *worker, thrum_future *task)
{
    bool is_given_up = th_pool_gives_up(worker->executor);
    if (is_given_up && th_pool_refusal(worker->executor) == THRUM_EBROKEN)
        break_task(task);
    else if (is_given_up)
        (void)thrum_future_cancel(task);
    if (!is_given_up && th_task_claim(task)) {
        th_task_run_busy(task, &worker->is_busy);
    } else {
        set_busy(worker, 0);
        th_task_settle(task);
    }
    if (th_task_unrefer(task))
        th_task_destroy(task);
}

static void run(th_worker *worker, th_item item)
{
    if (item.target != NULL)
        run_call(worker, item);
    else if (item.arg != NULL)
        run_task(worker, item.arg);
    else
        set_busy(worker, 0);
}

/** Run the initializer; false: it has failed, and the executor is broken. */
static bool initialise(thrum_executor *executor)
{
    if (executor->initializer == NULL)
        return true;
    th_failure failure = {.has_failed = false};
    th_failure *before = th_failure_exchange(&failure);
    int status = executor->initializer(executor->initarg);
    th_failure_exchange(before);
    bool has_failed = status != 0 || failure.has_failed;
    if (has_failed) {
        if (!failure.has_failed) {
            th_failure_exchange(&failure);
            thrum_fail(status, "the initializer of executor %s failed: %d", executor->prefix,
                       status);
            th_failure_exchange(before);
        }
        th_pool_break(executor);
        th_pool_drain(executor, break_task);
        th_failure_tell(&failure);
    }
    th_failure_clear(&failure);
    return !has_failed;
}

void th_worker_release_and_leave(thrum_executor *executor)
{
    executor->alive--;
    bool is_over = th_pool_is_over(executor);
    bool is_orphan = executor->is_orphan;
    th_rawlock_release(&executor->lock);
    if (is_over && is_orphan)
        th_pool_destroy(executor);
    else if (is_over)
        thrum_event_set(&executor->ended);
}

static void leave(th_worker *worker)
{
    thrum_executor *executor = worker->executor;
    if (th_pool_is_left_behind(executor))
        return;
    th_rawlock_acquire(&executor->lock);
    th_worker_release_and_leave(executor);
}

static void *work(void *arg)
{
    th_worker *worker = arg;
    thrum_executor *executor = worker->executor;
    worker->runner.source = &executor->source;
    th_runner_enter(&worker->runner);
    bool goes_on = initialise(executor);
    th_failure *before = th_failure_exchange(&worker->failure);
    for (th_item item; goes_on;) {
        bool found = find(worker, &item);
        if (found)
            run(worker, item);
        goes_on = !th_pool_is_left_behind(executor) && (found || rest(worker));
    }
    th_failure_exchange(before);
    th_runner_leave();
    leave(worker);
    return NULL;
}

/* ---- growing ---- */

static th_worker *make(thrum_executor *executor, uint32_t number)
{
    size_t name_bytes = strlen(executor->prefix) + NUMBER_BYTES;
    th_worker *worker = th_alloc(sizeof *worker + name_bytes);
    if (worker == NULL)
        return NULL;
    worker->executor = executor;
    snprintf(worker->name, name_bytes, "%s_%u", executor->prefix, number);
    worker->thread =
        thrum_thread_new(work, worker, .name = worker->name, .daemon = THRUM_NOT_DAEMON);
    if (worker->thread != NULL)
        return worker;
    th_free(worker);
    return NULL;
}

/** One whose thread could not be started before, or NULL; then with the number for a new one. */
static th_worker *take_spare(thrum_executor *executor, uint32_t *ret_number)
{
    th_rawlock_acquire(&executor->lock);
    th_worker *spare = executor->spare;
    if (spare != NULL) {
        executor->spare = spare->below;
        executor->starting--;
        set_busy(spare, 0);
    } else {
        *ret_number = executor->names_given++;
    }
    th_rawlock_release(&executor->lock);
    return spare;
}

static void enlist(thrum_executor *executor, th_worker *worker)
{
    th_rawlock_acquire(&executor->lock);
    executor->starting--;
    /* the first at the head, the others after the last, in the order of their names */
    th_worker **link = &executor->all_workers;
    while (*link != NULL)
        link = &(*link)->next;
    th_store_rel(link, worker); /* pairs: next_worker */
    th_rawlock_release(&executor->lock);
}

/** No thread for `worker`, or no memory for a worker of that number: it is counted no longer. */
static void take_back(thrum_executor *executor, th_worker *worker, uint32_t number)
{
    th_rawlock_acquire(&executor->lock);
    if (worker != NULL) {
        set_busy(worker, 1);
        worker->below = executor->spare;
        executor->spare = worker;
    } else {
        executor->starting--;
        if (executor->names_given == number + 1)
            executor->names_given = number;
    }
    /* relaxed: under the lock, or a hint */
    th_store_rlx(&executor->workers, executor->workers - 1);
    th_worker_release_and_leave(executor);
}

int th_worker_add(thrum_executor *executor)
{
    uint32_t number = 0;
    th_worker *worker = take_spare(executor, &number);
    if (worker == NULL) {
        worker = make(executor, number);
        if (worker != NULL)
            enlist(executor, worker);
    }
    int status = worker != NULL ? thrum_thread_start(worker->thread) : THRUM_ENOMEM;
    if (status != 0)
        take_back(executor, worker, number);
    return status;
}

int th_worker_act(thrum_executor *executor, th_pool_act act)
{
    give_permit(act.woken);
    return act.grows ? th_worker_add(executor) : 0;
}
