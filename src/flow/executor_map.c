/* SPDX-License-Identifier: MIT */
/** @file
 *  Executor map.
 *
 *  Purpose     Executor.map with all results wanted: a million short calls without a million
 *              futures.
 *  State       A job, shared by the caller and as many tasks ("shares") as may run at once. Under
 *              its raw lock: which inputs have been given out, and what the shares are at work on.
 *  Protocol    A share is given a stretch of inputs, calls the target for each in order, and is
 *              given the next: as many as will soon be done (pace.h), so that long calls are spread
 *              and short ones cost no lock. Once the calls have been so short that it gets the
 *              most, a share is given more than that: a part of all that is left is reserved for
 *              it, so that each processor stays in one region of memory. When nothing is left to be
 *              given out, it takes the further half of what is reserved for another. A failure
 *              moves the end of the inputs to its own place; what lies beyond is not begun.
 *              The job is settled when no stretch before the end is at work any more. The share
 *              that settles it ends right then, so the caller waits for the first share to end, and
 *              looks.
 *  Arrays      A caller whose deadline passes, who is told of a failure, or whose wait could never
 *              end, goes while calls are under way, and the arrays with it. So a share says in a
 *              word of its own (`touches`) that it takes an input or puts a result down, never
 *              during a call, and once it has said so looks whether its stretch has become empty
 *              (`limit`). Who goes empties the stretches and waits until no share touches: for a
 *              few instructions of theirs. This is Dekker's algorithm. Its fence is not the
 *              shares', which would pay for it with every call, but one that the goer makes for all
 *              threads (platform/fence.h); where there is none, the shares have their own. Who goes
 *              when nothing is at work, as after calls that went well, needs neither.
 *  Invariants  All inputs before a failure are called: they were given out before it, or are
 *              reserved for a share that is at work before them.
 *  Who frees   The last of the caller and the shares that are run. Of a share that is cancelled or
 *              broken the caller drops the reference.
 *  Rejected    Copying inputs and results, under a lock, to where only the share touches them:
 *              docs/performance.md, map_large, has the price.
 *              A future for each input: an allocation and several locked instructions each.
 *              The share's own future for the waiting alone: a late slow call would hold up the
 *              report of a failure. */
#include "flow/pace.h"
#include "flow/worker.h"
#include "park/park.h"
#include "platform/atomic.h"
#include "platform/fence.h"
#include "platform/memory.h"
#include "platform/thread.h"
#include "thread/failure.h"

/** How long to wait before looking again whether a share touches the arrays. */
#define TOUCH_NS 20000
/** How long the caller looks on before it submits further shares. */
#define WATCH_US 10
#define STRETCH ((size_t)th_limit(4096, 2))

/** What a share is at work on. */
typedef struct stretch {
    struct job *job;
    struct stretch *next; /**< of those at work; under the job's lock */
    thrum_private_calls calls;
    size_t reserved, reserved_end; /**< what comes after them; under the job's lock */
    size_t done;                   /**< the first without a result */
    bool is_listed;                /**< among those at work; the share's own */
    th_failure failure;
} stretch;

typedef struct job {
    th_rawlock lock; /**< for what follows, down to `has_failed` */
    size_t references;
    size_t next; /**< the input to be given out next */
    size_t end;  /**< where the inputs end: moved by failures, and to 0 by the caller that goes */
    stretch *at_work;
    thrum_future *failed; /**< with the failure at `end` */
    bool is_lost;         /**< a call has ended its thread: this will never be settled */
    bool has_failed;

    /* constant */
    thrum_executor *executor;
    void *const *inputs;
    void **results;
    thrum_target target;
    thrum_private_caller *caller;
    size_t shares;
} job;

/** Under the lock. */
static bool is_settled(const job *all)
{
    if (all->next < all->end || all->is_lost)
        return false;
    for (const stretch *one = all->at_work; one != NULL; one = one->next)
        if (one->calls.begin < all->end)
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

/** Under the lock: the stretch is no longer at work. */
static void unlist(job *all, const stretch *mine)
{
    stretch **link = &all->at_work;
    while (*link != mine)
        link = &(*link)->next;
    *link = mine->next;
}

/** Under the lock: the stretch is no longer at work, and its failure is put down, in `*failed`,
 *  where what is not wanted comes back. */
static void put_down(job *all, const stretch *mine, thrum_future **failed)
{
    unlist(all, mine);
    size_t place = mine->done;
    if (!mine->failure.has_failed || place >= all->end)
        return;
    thrum_future *before = all->failed;
    all->failed = *failed;
    *failed = before;
    all->has_failed = true;
    all->end = place;
    for (stretch *one = all->at_work; one != NULL; one = one->next)
        if (one->calls.begin > place)
            th_store_rlx(&one->calls.limit, 0); /* relaxed: sooner or later */
}

/** Under the lock: reserve what comes next, in order. */
static bool reserve_next(job *all, stretch *mine, size_t most)
{
    if (all->next >= all->end)
        return false;
    size_t share = (all->end - all->next) / (2 * all->shares);
    size_t count = most == STRETCH || share < most ? share : most;
    mine->reserved = all->next;
    all->next += count > 0 ? count : 1;
    mine->reserved_end = all->next;
    return true;
}

/** Under the lock: how much is reserved for `one` before the end. */
static size_t reserved_for(const job *all, const stretch *one)
{
    size_t end = one->reserved_end < all->end ? one->reserved_end : all->end;
    return one->reserved < end ? end - one->reserved : 0;
}

/** Under the lock: reserve the further half of the most that is reserved for another. */
static bool reserve_half(job *all, stretch *mine)
{
    stretch *richest = NULL;
    size_t most = 0;
    for (stretch *one = all->at_work; one != NULL; one = one->next) {
        size_t reserved = reserved_for(all, one);
        if (reserved > most) {
            most = reserved;
            richest = one;
        }
    }
    if (richest == NULL)
        return false;
    mine->reserved_end = richest->reserved + most;
    mine->reserved = mine->reserved_end - (most + 1) / 2;
    richest->reserved_end = mine->reserved;
    return true;
}

/** Under the lock: false if there is nothing left to do. */
static bool pick_up(job *all, stretch *mine, size_t most)
{
    if (reserved_for(all, mine) == 0 && !reserve_next(all, mine, most) && !reserve_half(all, mine))
        return false;
    size_t count = reserved_for(all, mine);
    if (all->next >= all->end) /* others may soon have nothing: leave them some */
        count = (count + 1) / 2;
    mine->calls.begin = mine->reserved;
    mine->reserved += count < most ? count : most;
    th_store_rlx(&mine->calls.limit, mine->reserved); /* relaxed: not listed yet */
    mine->is_listed = true;
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
    if (mine->is_listed)
        put_down(all, mine, &failed);
    bool goes_on = !has_failed && pick_up(all, mine, most);
    th_rawlock_release(&all->lock);
    if (has_failed)
        thrum_future_free(failed);
    th_failure_clear(&mine->failure);
    return goes_on;
}

static void call_all(const job *all, stretch *mine)
{
    th_failure *before = th_failure_exchange(&mine->failure);
    mine->done = all->caller(&mine->calls);
    th_failure_exchange(before);
}

/** A call leaves by pthread_exit or cancellation, and takes the stretch with it. */
static void share_is_lost(void *arg)
{
    stretch *mine = arg;
    job *all = mine->job;
    th_failure_exchange(NULL);
    thrum_private_touch_no_more(&mine->calls); /* if it was cancelled asynchronously */
    if (th_pool_is_left_behind(all->executor))
        return;
    th_rawlock_acquire(&all->lock);
    unlist(all, mine);
    all->is_lost = true;
    th_rawlock_release(&all->lock);
    drop(all);
}

static void *share(void *arg)
{
    job *all = arg;
    stretch mine = {
        .job = all,
        .calls = {.target = all->target, .inputs = all->inputs, .results = all->results},
        .failure = {.limit = &mine.calls.limit}};
    th_pace pace = {.count = 0};
    bool is_left_behind = false; /* in a child that was forked in a call */
    th_cleanup_push(share_is_lost, &mine);
    while (!is_left_behind && exchange(all, &mine, &pace)) {
        call_all(all, &mine);
        is_left_behind = th_pool_is_left_behind(all->executor);
    }
    th_cleanup_pop(0);
    if (!is_left_behind)
        drop(all);
    return NULL;
}

/* ---- the caller ---- */

/** For where nobody can fence others. */
static size_t call_each_strictly(thrum_private_calls *calls)
{
    return thrum_private_call_in_order(calls, calls->results, __ATOMIC_SEQ_CST);
}

static thrum_private_caller *fitting(thrum_private_caller *caller)
{
    if (!th_can_fence_others())
        return call_each_strictly;
    return caller != NULL ? caller : thrum_private_call_each;
}

static job *make_job(thrum_executor *executor, thrum_target target, thrum_private_caller *caller,
                     void *const *inputs, size_t n, void **results, size_t shares)
{
    job *all = th_alloc(sizeof *all);
    if (all == NULL)
        return NULL;
    *all = (job){.references = 1,
                 .end = n,
                 .executor = executor,
                 .inputs = inputs,
                 .results = results,
                 .target = target,
                 .caller = fitting(caller),
                 .shares = shares};
    return all;
}

/** Submit one share more: 0, or why not. */
static int submit_share(thrum_executor *executor, job *all, thrum_future **ret_future,
                        bool may_wait, thrum_time deadline)
{
    th_rawlock_acquire(&all->lock);
    all->references++;
    th_rawlock_release(&all->lock);
    int status = may_wait ? thrum_executor_submit_until(executor, share, all, ret_future, deadline)
                          : thrum_executor_try_submit(executor, share, all, ret_future);
    if (status != 0)
        drop(all);
    return status;
}

/** Look on for a moment whether the first share does it all: then nobody else need be woken, and
 *  the caller need not sleep. Tried ever more rarely while it is in vain. */
static bool is_soon_done(thrum_executor *executor, const thrum_future *first)
{
    th_backoff *watches = &executor->watches;
    if (!th_has_many_cpus() || th_worker_self(executor) != NULL || !th_backoff_tries(watches))
        return false;
    bool paid = false;
    uint32_t pauses = th_pauses_per_us() * WATCH_US;
    for (uint32_t i = 0; !paid && i < th_spin_limit(pauses); i++) {
        th_pause();
        paid = thrum_future_is_done(first);
    }
    th_backoff_tell(watches, paid);
    return paid;
}

static bool is_all_given_out(job *all)
{
    th_rawlock_acquire(&all->lock);
    bool given_out = all->next >= all->end;
    th_rawlock_release(&all->lock);
    return given_out;
}

/** Submit the shares: 0 if there is one at least. Further ones that there is no place for are not
 *  needed. */
static int submit_shares(thrum_executor *executor, job *all, thrum_future **futures,
                         size_t *ret_count, thrum_time deadline)
{
    int status = submit_share(executor, all, &futures[0], true, deadline);
    if (status != 0)
        return status;
    *ret_count = 1;
    if (all->shares == 1 || is_soon_done(executor, futures[0]))
        return 0;
    while (*ret_count < all->shares && !is_all_given_out(all) &&
           submit_share(executor, all, &futures[*ret_count], false, 0) == 0)
        ++*ret_count;
    return 0;
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
    while (!th_pool_is_left_behind(all->executor) && !look_whether_settled(all)) {
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

/** Under the lock, without which a stretch may be gone with its share's stack: no stretch touches
 *  the arrays any more. */
static void close_arrays(job *all, th_context *self)
{
    all->end = 0;
    if (all->at_work == NULL)
        return;
    for (stretch *one = all->at_work; one != NULL; one = one->next)
        th_store_sc(&one->calls.limit, 0); /* pairs: call_each_strictly */
    if (th_can_fence_others())
        th_fence_others(); /* pairs: thrum_private_call_each */
    for (const stretch *one = all->at_work; one != NULL; one = one->next)
        while (th_load_sc(&one->calls.touches) != 0) /* pairs: thrum_private_touch_no_more */
            th_doze(self, thrum_now() + TOUCH_NS);
}

/** Nothing is touched from now on; the failure is the caller's. */
static int close_job(job *all, thrum_future **ret_failed)
{
    th_context *self = th_self(); /* not under the lock, with which nobody must be stopped */
    th_rawlock_acquire(&all->lock);
    close_arrays(all, self);
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
    if (th_pool_is_left_behind(executor))
        return THRUM_ESHUTDOWN; /* a child, forked in a call: what others held stays as it is */
    int failed = close_job(all, status == 0 ? ret_failed : NULL);
    for (size_t i = 0; i < count; i++)
        end_share(all, futures[i]);
    th_free(futures);
    return status != 0 ? status : failed;
}

int thrum_private_map(thrum_executor *executor, thrum_target target, void *const *inputs, size_t n,
                      void **results, thrum_time deadline, thrum_future **ret_failed,
                      thrum_private_caller *caller)
{
    if (executor == NULL || target == NULL || (inputs == NULL && n > 0))
        return THRUM_EINVAL;
    th_self(); /* an abandoned thread stops here */
    if (th_pool_is_left_behind(executor))
        return THRUM_ESHUTDOWN;
    if (n == 0)
        return th_pool_refusal(executor);
    size_t shares = n < executor->max_workers ? n : executor->max_workers;
    job *all = make_job(executor, target, caller, inputs, n, results, shares);
    if (all == NULL)
        return THRUM_ENOMEM;
    int status = map_with(executor, all, deadline, ret_failed);
    drop(all);
    return status;
}

int(thrum_executor_map_until)(thrum_executor *executor, thrum_target target, void *const *inputs,
                              size_t n, void **results, thrum_time deadline,
                              thrum_future **ret_failed)
{
    return thrum_private_map(executor, target, inputs, n, results, deadline, ret_failed, NULL);
}

int(thrum_executor_map)(thrum_executor *executor, thrum_target target, void *const *inputs,
                        size_t n, void **results)
{
    return thrum_private_map(executor, target, inputs, n, results, THRUM_FOREVER, NULL, NULL);
}
