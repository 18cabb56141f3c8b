/* SPDX-License-Identifier: MIT */
/** @file
 *  Wait: for several futures.
 *
 *  Purpose     concurrent.futures.wait and as_completed.
 *  State       A group, in one allocation: a member with a watch for each future; under the group's
 *              raw lock, those that are done, oldest first, and how many are not; and a semaphore
 *              that has a permit when the waiter may go on.
 *  Protocol    The waiter lists the members with their futures; those that are done it tells the
 *              group of itself. Who completes a future tells the group, under the future's lock,
 *              which gives a permit: of as_completed for each future, of futures_wait when what is
 *              waited for has come. The waiter takes the members off the lists that they are
 *              still on, each under its future's lock.
 *  Invariants  Who tells the group touches it under the group's lock only, and under that of a
 *              future whose list the member is on. So the waiter may go once it has held the
 *              group's lock and seen that all have told, or once it has held each future's lock.
 *  Lock order  A future's lock, then a group's, then park's.
 *  Fork        A group of a thread that the child does not have stays listed, and is told there
 *              too: its memory is never freed, which is why it is not on that thread's stack.
 *  Rejected    Waiting for one after the other: up to as many wake-ups as futures, and no first.
 *              Locking all futures at once in the order of their addresses, as Python does. */
#include <stdint.h>

#include "flow/runner.h"
#include "flow/watch.h"
#include "park/table.h"
#include "platform/atomic.h"
#include "platform/memory.h"
#include "thrum/semaphore.h"

#define FUTURES_MAX ((size_t)UINT32_MAX / 4)

enum { EACH = THRUM_FIRST_EXCEPTION + 1 }; /**< after the values of thrum_return_when */

typedef struct member {
    th_watch watch;
    struct group *group;
    thrum_future *future;
    struct member *next; /**< among those that are done; under the group's lock */
} member;

typedef struct group {
    th_rawlock lock;
    int wanted; /**< a thrum_return_when, or EACH */
    size_t unfinished;
    member *first, *last;
    thrum_semaphore permits;
    size_t count;
    member *members;
} group;

static void group_init(group *all, int wanted, size_t count, member *members)
{
    *all = (group){.wanted = wanted,
                   .unfinished = count,
                   .permits = THRUM_SEMAPHORE(0),
                   .count = count,
                   .members = members};
}

/** Under the group's lock: whether the waiter may go on after what has just been told. More permits
 *  than it takes do no harm. */
static bool may_go_on(const group *all, const thrum_future *future)
{
    return all->wanted == EACH || all->wanted == THRUM_FIRST_COMPLETED || all->unfinished == 0 ||
           (all->wanted == THRUM_FIRST_EXCEPTION && th_future_has_failed(future));
}

/** The member's future is done. */
static void tell(th_watch *watch, const thrum_future *future)
{
    member *one = (member *)watch;
    group *all = one->group;
    th_rawlock_acquire(&all->lock);
    one->next = NULL;
    if (all->first == NULL)
        all->first = one;
    else
        all->last->next = one;
    all->last = one;
    all->unfinished--;
    if (may_go_on(all, future))
        (void)thrum_semaphore_release(&all->permits, 1);
    th_rawlock_release(&all->lock);
}

static void list(group *all, member *one, thrum_future *future)
{
    *one = (member){.watch = {.tell = tell}, .group = all, .future = future};
    if (!th_future_watch(future, &one->watch))
        tell(&one->watch, future);
}

/** Afterwards nobody touches the group any more. */
static void unlist(group *all)
{
    th_rawlock_acquire(&all->lock);
    bool all_have_told = all->unfinished == 0;
    th_rawlock_release(&all->lock);
    for (size_t i = 0; i < all->count && !all_have_told; i++)
        th_future_unwatch(all->members[i].future, &all->members[i].watch);
}

/** In a forked child: whether threads that it does not have were to end the wait. */
static bool has_been_left(thrum_future *const *futures, size_t count, int wanted)
{
    bool has_left = false;
    for (size_t i = 0; th_table_generation() != 0 && i < count; i++) {
        if (futures[i] == NULL ||
            (wanted == THRUM_FIRST_EXCEPTION && thrum_future_is_done(futures[i]) &&
             !th_future_has_failed(futures[i])))
            continue; /* given already, or it ends the wait only if it is the last */
        has_left = th_runner_has_left(futures[i]);
        if (has_left == (wanted == THRUM_ALL_COMPLETED))
            return has_left;
    }
    return has_left;
}

/** Take a permit, waiting for it; `runner` is the caller's if the wait is without a deadline. */
static int await_permit(group *all, th_runner *runner, thrum_future *const *futures,
                        thrum_time deadline)
{
    if (thrum_semaphore_try_acquire(&all->permits))
        return 0;
    if (deadline == THRUM_FOREVER && has_been_left(futures, all->count, all->wanted))
        return THRUM_EDEADLK;
    if (runner == NULL)
        return thrum_semaphore_acquire_until(&all->permits, deadline);
    int status =
        th_runner_begin_wait(runner, futures, all->count, all->wanted == THRUM_ALL_COMPLETED);
    if (status != 0)
        return status;
    status = thrum_semaphore_acquire_until(&all->permits, deadline);
    th_runner_end_wait(runner);
    return status;
}

static th_runner *runner_without(thrum_time deadline)
{
    return deadline == THRUM_FOREVER ? th_runner_self() : NULL;
}

/* ---- futures_wait ---- */

static bool are_valid(thrum_future *const *futures, size_t n)
{
    if (n > FUTURES_MAX || (futures == NULL && n > 0))
        return false;
    for (size_t i = 0; i < n; i++)
        if (futures[i] == NULL)
            return false;
    return true;
}

static bool has_come(thrum_future *const *futures, size_t n, thrum_return_when wanted)
{
    size_t done = 0;
    for (size_t i = 0; i < n; i++) {
        if (!thrum_future_is_done(futures[i])) {
            if (wanted == THRUM_ALL_COMPLETED)
                return false;
            continue;
        }
        done++;
        if (wanted == THRUM_FIRST_COMPLETED ||
            (wanted == THRUM_FIRST_EXCEPTION && th_future_has_failed(futures[i])))
            return true;
    }
    return done == n;
}

static int wait_as_group(thrum_future *const *futures, size_t n, thrum_return_when wanted,
                         thrum_time deadline)
{
    th_runner *runner = runner_without(deadline);
    group *all = th_alloc(sizeof *all + n * sizeof *all->members);
    if (all == NULL)
        return THRUM_ENOMEM;
    group_init(all, (int)wanted, n, (member *)(all + 1));
    for (size_t i = 0; i < n; i++)
        list(all, &all->members[i], futures[i]);
    for (size_t i = 0; runner != NULL && i < n && thrum_semaphore_value(&all->permits) == 0; i++)
        th_runner_help(runner, futures[i]);
    int status = await_permit(all, runner, futures, deadline);
    unlist(all);
    th_free(all);
    return status;
}

int thrum_futures_wait_until(thrum_future *const *futures, size_t n, thrum_return_when return_when,
                             thrum_time deadline)
{
    if ((int)return_when < 0 || (int)return_when >= EACH || !are_valid(futures, n))
        return THRUM_EINVAL;
    th_self(); /* an abandoned thread stops here */
    if (n == 1)
        return th_future_await(futures[0], deadline);
    th_runner *runner = runner_without(deadline);
    for (size_t i = 0; runner != NULL && return_when == THRUM_ALL_COMPLETED && i < n; i++)
        th_runner_help(runner, futures[i]); /* before they are watched, which costs */
    if (has_come(futures, n, return_when))
        return 0;
    if (deadline != THRUM_FOREVER && thrum_now() >= deadline)
        return THRUM_ETIMEDOUT;
    return wait_as_group(futures, n, return_when, deadline);
}

int thrum_futures_wait(thrum_future *const *futures, size_t n, thrum_return_when return_when)
{
    return thrum_futures_wait_until(futures, n, return_when, THRUM_FOREVER);
}

/* ---- as_completed ---- */

struct thrum_as_completed {
    group all;              /**< of distinct futures */
    size_t left;            /**< of them, not given yet */
    size_t helped;          /**< a worker has looked at so many whether to run them */
    thrum_future **futures; /**< as they are published for walks: NULL once given */
    member members[];
};

/** The place of `future` in a table of `mask` + 1 places that hold 1 + index, or 0. */
static size_t place_of(const uint32_t *table, size_t mask, thrum_future *const *distinct,
                       const thrum_future *future)
{
    size_t place = (size_t)(((uintptr_t)future * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & mask;
    while (table[place] != 0 && distinct[table[place] - 1] != future)
        place = (place + 1) & mask;
    return place;
}

/** Copy each future once; returns how many they are. */
static size_t copy_distinct(thrum_future **distinct, uint32_t *table, size_t mask,
                            thrum_future *const *futures, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        size_t place = place_of(table, mask, distinct, futures[i]);
        if (table[place] != 0)
            continue;
        distinct[count++] = futures[i];
        table[place] = (uint32_t)count;
    }
    return count;
}

thrum_as_completed *thrum_as_completed_new(thrum_future *const *futures, size_t n)
{
    th_self(); /* an abandoned thread stops here */
    if (!are_valid(futures, n))
        return NULL;
    size_t places = 2;
    while (places < 2 * n)
        places *= 2;
    thrum_as_completed *all = th_alloc(sizeof *all + n * sizeof *all->members +
                                       n * sizeof(thrum_future *) + places * sizeof(uint32_t));
    if (all == NULL)
        return NULL;
    all->futures = (thrum_future **)(all->members + n);
    uint32_t *table = (uint32_t *)(all->futures + n);
    all->left = copy_distinct(all->futures, table, places - 1, futures, n);
    group_init(&all->all, EACH, all->left, all->members);
    for (size_t i = 0; i < all->left; i++) {
        th_future_refer(all->futures[i]);
        list(&all->all, &all->members[i], all->futures[i]);
    }
    return all;
}

/** With a permit: the oldest of those that are done. */
static member *take_first(group *all)
{
    th_rawlock_acquire(&all->lock);
    member *one = all->first;
    all->first = one->next;
    th_rawlock_release(&all->lock);
    return one;
}

/** A worker without a deadline: run unstarted tasks until one of all is done. */
static bool help_until_one_is_done(thrum_as_completed *all, th_runner *runner)
{
    bool is_done = thrum_semaphore_try_acquire(&all->all.permits);
    for (; !is_done && all->helped < all->all.count; all->helped++) {
        thrum_future *future = all->futures[all->helped];
        if (future != NULL && th_runner_help(runner, future))
            is_done = thrum_semaphore_try_acquire(&all->all.permits);
    }
    return is_done;
}

int thrum_as_completed_next_until(thrum_as_completed *all, thrum_future **ret_future,
                                  thrum_time deadline)
{
    if (all == NULL)
        return THRUM_EINVAL;
    th_self(); /* an abandoned thread stops here */
    if (all->left == 0)
        return THRUM_EEMPTY;
    th_runner *runner = runner_without(deadline);
    if (runner == NULL || !help_until_one_is_done(all, runner)) {
        int status = await_permit(&all->all, runner, all->futures, deadline);
        if (status != 0)
            return status;
    }
    member *one = take_first(&all->all);
    all->futures[one - all->members] = NULL;
    all->left--;
    if (ret_future != NULL)
        *ret_future = one->future;
    return 0;
}

int thrum_as_completed_next(thrum_as_completed *all, thrum_future **ret_future)
{
    return thrum_as_completed_next_until(all, ret_future, THRUM_FOREVER);
}

void thrum_as_completed_free(thrum_as_completed *all)
{
    th_self(); /* an abandoned thread stops here */
    if (all == NULL)
        return;
    unlist(&all->all);
    for (size_t i = 0; i < all->all.count; i++)
        th_future_drop(all->members[i].future);
    th_free(all);
}
