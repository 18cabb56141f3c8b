/* SPDX-License-Identifier: MIT */
/** @file
 *  Barrier.
 *
 *  Purpose     threading.Barrier.
 *  State       All of it under the bucket lock of the barrier's address, except that is_broken
 *              looks from outside:
 *                  arrived  how many are queued in the round that is filling
 *                  state    0 open, BROKEN from an abort, a missed deadline or a failed action
 *                           until the next reset
 *                  aborts   counts aborts, so that an abort during an action is not forgotten by a
 *                           reset that follows it
 *  Protocol    Every arrival but the last queues. The last takes all of them out of the queue, runs
 *              the action without any lock, and lets them go with the outcome; who arrives
 *              meanwhile queues for the next round. Since each waiter is told its outcome, there
 *              is no draining phase as in Python: a barrier can be used again, or reset, at once.
 *  Deadlines   A waiter whose deadline passes breaks the barrier for all the others from under the
 *              bucket lock. If it has been taken out already, the round is complete and it waits
 *              for the action like the others.
 *  Who frees   The last arriver touches the barrier before it lets anyone go, not after. */
#include "thrum/barrier.h"

#include <limits.h>

#include "park/park.h"
#include "platform/atomic.h"
#include "platform/thread.h"
#include "sync/misuse.h"

_Static_assert(sizeof(thrum_barrier) == 32, "the barrier's size is part of the ABI");

enum { OPEN = 0, BROKEN = 1 };

/** What a waiter is told: whether its round was complete. */
enum { TOLD_BROKEN = 0, TOLD_COMPLETE = 1 };

/** A waiter, and whom it lets go if its deadline passes. */
typedef struct party {
    th_waiter waiter; /**< first: a waiter in the queue of a barrier is a party */
    th_wake_list wake;
} party;

int thrum_barrier_init(thrum_barrier *barrier, unsigned parties, int (*action)(void *), void *arg)
{
    if (barrier == NULL || parties == 0 || parties > INT_MAX)
        return THRUM_EINVAL;
    *barrier = (thrum_barrier){parties, 0, OPEN, 0, action, arg};
    return 0;
}

static void set_arrived(thrum_barrier *barrier, uint32_t arrived)
{
    th_store_rlx(&barrier->arrived, arrived); /* relaxed: under the bucket lock */
}

static void set_state(thrum_barrier *barrier, uint32_t state)
{
    th_store_rel(&barrier->state, state); /* pairs: thrum_barrier_is_broken */
}

/** Under the bucket lock: empty the round that is filling. */
static void take_all(thrum_barrier *barrier, th_bucket *bucket, th_wake_list *wake, uint32_t told)
{
    uintptr_t key = (uintptr_t)barrier;
    for (th_waiter *waiter; (waiter = th_bucket_first(bucket, key)) != NULL;)
        th_wake_list_take(wake, bucket, waiter, told);
    set_arrived(barrier, 0);
}

static void withdrawn(th_waiter *waiter, th_bucket *bucket)
{
    party *late = (party *)waiter;
    thrum_barrier *barrier = (thrum_barrier *)waiter->key;
    take_all(barrier, bucket, &late->wake, TOLD_BROKEN);
    set_state(barrier, BROKEN);
    th_wake_list_grant(&late->wake);
}

/** A complete round whose action runs: those who wait for its outcome. */
typedef struct round_of {
    thrum_barrier *barrier;
    th_wake_list wake;
    uint32_t aborts;     /**< before the action */
    uint32_t generation; /**< of the process, before the action */
    bool failed;
    bool broken;
} round_of;

/** The action has ended, one way or another: tell the outcome. */
static void end_round(void *arg)
{
    round_of *round = arg;
    thrum_barrier *barrier = round->barrier;
    th_wake_list next_round = {.first = NULL};
    th_bucket *bucket = th_bucket_lock((uintptr_t)barrier);
    if (round->generation != th_table_generation()) /* the action forked: the others are not here */
        round->wake = (th_wake_list){.first = NULL};
    round->broken = round->failed || barrier->aborts != round->aborts;
    if (round->broken)
        th_wake_list_set_token(&round->wake, TOLD_BROKEN);
    if (round->failed) {
        take_all(barrier, bucket, &next_round, TOLD_BROKEN);
        set_state(barrier, BROKEN);
    }
    th_wake_list_grant(&next_round);
    th_wake_list_grant(&round->wake);
    th_bucket_unlock(bucket);
    th_wake_list_resume(&next_round);
    th_wake_list_resume(&round->wake);
}

/** The last of the round, holding the bucket lock: run the action, let the others go.
 *  An action that leaves by pthread_exit or cancellation has failed. */
static int complete(thrum_barrier *barrier, th_bucket *bucket, int index)
{
    round_of round = {barrier, {.first = NULL}, barrier->aborts, th_table_generation(), false,
                      false};
    take_all(barrier, bucket, &round.wake, TOLD_COMPLETE);
    th_bucket_unlock(bucket);
    if (barrier->action != NULL) {
        round.failed = true;
        th_cleanup_push(end_round, &round);
        bool failed = barrier->action(barrier->arg) != 0;
        round.failed = failed;
        th_cleanup_pop(0);
    }
    end_round(&round);
    return round.broken ? THRUM_EBROKEN : index;
}

/** Under the bucket lock: how many wait. In a forked child the parent's threads are counted but not
 *  queued; they do not wait here. */
static uint32_t waiting(const thrum_barrier *barrier, th_bucket *bucket)
{
    /* relaxed: under the bucket lock */
    return th_bucket_first(bucket, (uintptr_t)barrier) == NULL ? 0 : th_load_rlx(&barrier->arrived);
}

int thrum_barrier_wait_until(thrum_barrier *barrier, thrum_time deadline)
{
    if (barrier == NULL || barrier->parties == 0)
        return THRUM_EINVAL;
    party caller = {th_waiter_of(th_self(), TH_WAIT_PLAIN, barrier, deadline), {.first = NULL}};
    caller.waiter.withdrawn = withdrawn;
    th_bucket *bucket = th_bucket_lock((uintptr_t)barrier);
    if (barrier->state == BROKEN) {
        th_bucket_unlock(bucket);
        return THRUM_EBROKEN;
    }
    uint32_t index = waiting(barrier, bucket);
    if (index + 1 == barrier->parties)
        return complete(barrier, bucket, (int)index);
    set_arrived(barrier, index + 1);
    th_bucket_append(bucket, &caller.waiter, (uintptr_t)barrier);
    th_bucket_unlock(bucket);
    bool granted = th_park(&caller.waiter, deadline);
    th_wake_list_resume(&caller.wake);
    th_self(); /* an abandoned thread stops here */
    return granted && caller.waiter.token == TOLD_COMPLETE ? (int)index : THRUM_EBROKEN;
}

int thrum_barrier_wait(thrum_barrier *barrier)
{
    return thrum_barrier_wait_until(barrier, THRUM_FOREVER);
}

static void dismiss_all(thrum_barrier *barrier, uint32_t state, uint32_t aborts)
{
    th_wake_list wake = {.first = NULL};
    th_bucket *bucket = th_bucket_lock((uintptr_t)barrier);
    take_all(barrier, bucket, &wake, TOLD_BROKEN);
    set_state(barrier, state);
    barrier->aborts += aborts;
    th_wake_list_grant(&wake);
    th_bucket_unlock(bucket);
    th_wake_list_resume(&wake);
}

void thrum_barrier_reset(thrum_barrier *barrier)
{
    if (barrier == NULL)
        th_misuse(barrier, TH_CALLER, "reset of a barrier that is NULL");
    else
        dismiss_all(barrier, OPEN, 0);
}

void thrum_barrier_abort(thrum_barrier *barrier)
{
    if (barrier == NULL)
        th_misuse(barrier, TH_CALLER, "abort of a barrier that is NULL");
    else
        dismiss_all(barrier, BROKEN, 1);
}

unsigned thrum_barrier_parties(const thrum_barrier *barrier)
{
    return barrier == NULL ? 0 : barrier->parties;
}

unsigned thrum_barrier_n_waiting(const thrum_barrier *barrier)
{
    if (barrier == NULL)
        return 0;
    th_bucket *bucket = th_bucket_lock((uintptr_t)barrier);
    uint32_t count = waiting(barrier, bucket);
    th_bucket_unlock(bucket);
    return count;
}

bool thrum_barrier_is_broken(const thrum_barrier *barrier)
{
    /* pairs: set_state */
    return barrier != NULL && th_load_acq(&barrier->state) == BROKEN;
}
