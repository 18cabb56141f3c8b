/* SPDX-License-Identifier: MIT */
/** @file
 *  Executor map.
 *
 *  Purpose     Executor.map with all results wanted: a million short calls without a million
 *              futures.
 *  State       A job, shared by the caller and as many tasks ("shares") as may run at once. Under
 *              its raw lock: which inputs have been given out, and what the shares are at work on.
 *  Protocol    A share takes a stretch of inputs, in order, calls the target for each, puts the
 *              results down, and takes the next, in one section under the lock: as many as will
 *              soon be done (pace.h), so that long calls are spread and short ones cost no lock. A
 *              failure moves the end of the inputs to its own place; what lies beyond is not begun.
 *              The job is settled when no stretch before the end is at work any more. The share
 *              that settles it ends right then, so the caller waits for the first share to end, and
 *              looks.
 *  Invariants  Inputs and results are touched under the lock only, and until the caller closes the
 *              job; so a caller whose deadline passes, or whose wait could never end, may go. All
 *              inputs before a failure are called: they were given out before it.
 *  Who frees   The last of the caller and the shares that are run. Of a share that is cancelled or
 *              broken the caller drops the reference.
 *  Rejected    A future for each input: an allocation and several locked instructions each. The
 *              share's own future for the waiting alone would do, but a late slow call would hold up
 *              the report of a failure. */
#include <string.h>

#include "flow/pace.h"
#include "flow/pool.h"
#include "platform/atomic.h"
#include "platform/memory.h"
#include "thread/failure.h"

#define STRETCH ((size_t)th_limit(64, 2))

/** What a share is at work on. */
typedef struct stretch {
    struct stretch *next; /**< of those at work; under the job's lock */
    size_t begin, count;
    size_t done;           /**< how many have been called without failing */
    void *values[STRETCH]; /**< the inputs, then the results */
    th_failure failure;
} stretch;

typedef struct job {
    th_rawlock lock; /**< for what follows, but `target`, `shares` */
    size_t references;
    size_t next; /**< the input to be given out next */
    /** Card: where the inputs end, moved down by failures; under the lock, read by shares without,
     *  as a hint. */
    size_t end;
    stretch *at_work;
    void *const *inputs; /**< NULL: the caller has gone */
    void **results;
    thrum_future *failed; /**< with the failure at `end` */
    bool has_failed;
    thrum_target target;
    size_t shares;
} job;

/** Under the lock. */
static bool is_settled(const job *all)
{
    if (all->next < all->end)
        return false;
    for (const stretch *one = all->at_work; one != NULL; one = one->next)
        if (one->begin < all->end)
            return false;
    return true;
}

static void drop(job *all)
{
    th_rawlock_acquire(&all->lock);
    bool is_last = --all->references == 0;
    th_rawlock_release(&all->lock);
    if (!is_last)
        return;
    thrum_future_free(all->failed);
    th_free(all);
}

/* ---- a share ---- */

/** Under the lock: the stretch is no longer at work; its results and its failure are put down, the
 *  latter in `*failed`, where what is not wanted comes back. */
static void put_down(job *all, stretch *mine, thrum_future **failed)
{
    stretch **link = &all->at_work;
    while (*link != mine)
        link = &(*link)->next;
    *link = mine->next;
    if (all->results != NULL)
        memcpy(all->results + mine->begin, mine->values, mine->done * sizeof *mine->values);
    size_t place = mine->begin + mine->done;
    if (!mine->failure.has_failed || place >= all->end)
        return;
    thrum_future *before = all->failed;
    all->failed = *failed;
    *failed = before;
    all->has_failed = true;
    th_store_rlx(&all->end, place); /* relaxed: under the lock, or a hint */
}

/** Under the lock: false if there is nothing left to do. */
static bool pick_up(job *all, stretch *mine, size_t most)
{
    if (all->inputs == NULL || all->next >= all->end)
        return false;
    size_t share = (all->end - all->next) / (2 * all->shares);
    most = most < share ? most : share;
    mine->begin = all->next;
    mine->count = most > 0 ? most : 1;
    mine->done = 0;
    memcpy(mine->values, all->inputs + mine->begin, mine->count * sizeof *mine->values);
    all->next += mine->count;
    mine->next = all->at_work;
    all->at_work = mine;
    return true;
}

/** A future that failed as the stretch did, or NULL. */
static thrum_future *make_failed(const th_failure *failure)
{
    thrum_future *failed = thrum_future_new();
    if (failed != NULL)
        (void)thrum_future_set_error(failed, failure->code, "%s", th_failure_message(failure));
    return failed;
}

/** Finish one stretch and begin the next. */
static bool exchange(job *all, stretch *mine, th_pace *pace)
{
    size_t most = th_pace_next(pace, STRETCH);
    bool has_failed = mine->failure.has_failed;
    thrum_future *failed = has_failed ? make_failed(&mine->failure) : NULL;
    th_rawlock_acquire(&all->lock);
    if (mine->count > 0)
        put_down(all, mine, &failed);
    bool goes_on = !has_failed && pick_up(all, mine, most);
    th_rawlock_release(&all->lock);
    if (has_failed)
        thrum_future_free(failed);
    th_failure_clear(&mine->failure);
    return goes_on;
}

static void call_all(job *all, stretch *mine)
{
    th_failure *before = th_failure_exchange(&mine->failure);
    while (mine->done < mine->count) {
        /* relaxed: a hint; what lies beyond a failure need not be called */
        if (mine->begin + mine->done >= th_load_rlx(&all->end))
            break;
        void *result = all->target(mine->values[mine->done]);
        if (mine->failure.has_failed)
            break;
        mine->values[mine->done++] = result;
    }
    th_failure_exchange(before);
}

static void *share(void *arg)
{
    job *all = arg;
    stretch mine = {.next = NULL};
    th_pace pace = {.count = 0};
    while (exchange(all, &mine, &pace))
        call_all(all, &mine);
    drop(all);
    return NULL;
}

/* ---- the caller ---- */

static job *make_job(thrum_target target, void *const *inputs, size_t n, void **results,
                     size_t shares)
{
    job *all = th_alloc(sizeof *all);
    if (all == NULL)
        return NULL;
    *all = (job){.references = 1,
                 .end = n,
                 .inputs = inputs,
                 .results = results,
                 .target = target,
                 .shares = shares};
    return all;
}

/** Submit the shares: 0 if there is one at least. */
static int submit_shares(thrum_executor *executor, job *all, thrum_future **futures,
                         size_t *ret_count, thrum_time deadline)
{
    int status = 0;
    for (size_t i = 0; i < all->shares && status == 0; i++) {
        th_rawlock_acquire(&all->lock);
        all->references++;
        bool is_enough = i > 0 && all->next >= all->end;
        th_rawlock_release(&all->lock);
        if (is_enough)
            status = THRUM_EEMPTY;
        else if (i > 0) /* one that there is no place for is not needed */
            status = thrum_executor_try_submit(executor, share, all, &futures[i]);
        else
            status = thrum_executor_submit_until(executor, share, all, &futures[i], deadline);
        if (status == 0)
            ++*ret_count;
        else
            drop(all);
    }
    return *ret_count > 0 ? 0 : status;
}

static bool look_whether_settled(job *all)
{
    th_rawlock_acquire(&all->lock);
    bool settled = is_settled(all);
    th_rawlock_release(&all->lock);
    return settled;
}

/** A share is done, or not needed any more: drop it, and its reference if it was never run. Returns
 *  what kept it from being run, or 0. */
static int end_share(job *all, thrum_future *future)
{
    int status = 0;
    bool is_cancelled = thrum_future_cancel(future);
    th_task_settle(future); /* one that is being broken is broken then */
    if (is_cancelled)
        status = THRUM_ECANCELLED;
    else if (thrum_future_is_done(future) && th_future_status(future) == THRUM_EBROKEN)
        status = THRUM_EBROKEN;
    if (status != 0)
        drop(all);
    thrum_future_free(future);
    return status;
}

/** Wait until the job is settled: 0, or why it never will be. */
static int await_job(job *all, thrum_future **futures, size_t *count, thrum_time deadline)
{
    int status = 0;
    while (!look_whether_settled(all)) {
        if (*count == 0)
            return status; /* what kept the last share from being run */
        int waited = thrum_futures_wait_until(futures, *count, THRUM_FIRST_COMPLETED, deadline);
        if (waited != 0)
            return waited;
        for (size_t i = *count; i-- > 0;) {
            if (!thrum_future_is_done(futures[i]))
                continue;
            int ended = end_share(all, futures[i]);
            status = ended != 0 ? ended : status;
            futures[i] = futures[--*count];
        }
    }
    return 0;
}

/** Nothing is touched from now on; the failure is the caller's. */
static int close_job(job *all, thrum_future **ret_failed)
{
    th_rawlock_acquire(&all->lock);
    all->inputs = NULL;
    all->results = NULL;
    th_store_rlx(&all->end, 0); /* relaxed: under the lock, or a hint */
    bool has_failed = all->has_failed;
    if (has_failed && ret_failed != NULL) {
        *ret_failed = all->failed;
        all->failed = NULL;
    }
    th_rawlock_release(&all->lock);
    return has_failed ? THRUM_EFAILED : 0;
}

static int map_with(thrum_executor *executor, job *all, thrum_time deadline,
                    thrum_future **ret_failed)
{
    thrum_future **futures = th_alloc(all->shares * sizeof(thrum_future *));
    if (futures == NULL)
        return THRUM_ENOMEM;
    size_t count = 0;
    int status = submit_shares(executor, all, futures, &count, deadline);
    if (status == 0)
        status = await_job(all, futures, &count, deadline);
    int failed = close_job(all, status == 0 ? ret_failed : NULL);
    for (size_t i = 0; i < count; i++)
        end_share(all, futures[i]);
    th_free(futures);
    return status != 0 ? status : failed;
}

int thrum_executor_map_until(thrum_executor *executor, thrum_target target, void *const *inputs,
                             size_t n, void **results, thrum_time deadline,
                             thrum_future **ret_failed)
{
    if (executor == NULL || target == NULL || (inputs == NULL && n > 0))
        return THRUM_EINVAL;
    th_self(); /* an abandoned thread stops here */
    if (th_pool_is_left_behind(executor))
        return THRUM_ESHUTDOWN;
    if (n == 0)
        return th_pool_refusal(executor);
    size_t shares = n < executor->max_workers ? n : executor->max_workers;
    job *all = make_job(target, inputs, n, results, shares);
    if (all == NULL)
        return THRUM_ENOMEM;
    int status = map_with(executor, all, deadline, ret_failed);
    drop(all);
    return status;
}

int thrum_executor_map(thrum_executor *executor, thrum_target target, void *const *inputs, size_t n,
                       void **results)
{
    return thrum_executor_map_until(executor, target, inputs, n, results, THRUM_FOREVER, NULL);
}
