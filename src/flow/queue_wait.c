/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: how those of one end wait for the other.
 *
 *  Purpose     Sleep while the queue is empty (getters) or full (putters), and wake no more than
 *              are useful.
 *  State       `sleepers` of the end that must move (card in queue_ends.h), and the queue of that
 *              word's address in park's table.
 *  Protocol    Who finds nothing takes the lock of the *other* end and looks once more: while it
 *              holds that lock the end cannot move. If there is still nothing it says QUEUED and
 *              queues, before it releases the lock. So who moves the end reads a plain word under a
 *              lock that it holds anyway, and no fence is needed.
 *              Who moves an end with sleepers QUEUED wakes the first. If others are queued, the end
 *              is ON_WAY until the woken one has looked: a burst of items makes one wake-up, which
 *              the woken pass on as long as there is something left. With nobody else queued there
 *              is nothing to pass on.
 *              A woken one that finds nothing, since others may come before it, queues again at the
 *              front.
 *              Who is on the way takes the end's lock once more, whatever it finds. So a shutdown,
 *              which wakes all others, leaves ON_WAY, and who frees the queue queues for its turn.
 *  Invariants  While somebody is queued at an end that has moved for it, the end is ON_WAY.
 *  Looking     Before it sleeps, a thread watches the other end's count for a moment, which costs
 *              less than a sleep and leaves its lock alone. If the other end moves, it lets it move
 *              on for another moment (gather.h). If the watching is in vain it gives way a few
 *              times: where both ends share a processor, the other end then fills or empties the
 *              queue in one go, and nobody has to sleep or be woken. Each end learns whether each
 *              of them pays: what was in vain is tried again ever more rarely.
 *  Rejected    A flag beside the counts, as lock-free queues have it: a store and a fence on every
 *              put and get. */
#include "flow/queue_wait.h"

#include "flow/gather.h"
#include "park/give_way.h"
#include "park/park.h"

#define LOOK_US_MAX 5

/** What a waker tells a sleeper. */
enum { GO_ALONE, OWES_WAKE };

/** Not the end's own address: that is its lock's. */
static uintptr_t key_of(const th_queue_end *end)
{
    return (uintptr_t)&end->sleepers;
}

/** How much there is for `own` to do, about. Under either lock it is never 0 in error. */
static uint64_t work_for(const thrum_queue *queue, const th_queue_end *own)
{
    uint64_t got = th_queue_count(&queue->get);
    uint64_t held = th_queue_count(&queue->put) - got;
    if (own == &queue->get)
        return held;
    if (queue->maxsize == 0)
        return UINT64_MAX;
    return held < queue->maxsize ? queue->maxsize - held : 0;
}

static bool is_blocked(const thrum_queue *queue, const th_queue_end *own)
{
    return work_for(queue, own) == 0;
}

/* ---- looking ---- */

static uint32_t spin_budget(th_patience *patience)
{
    if (!th_has_many_cpus())
        return 0;
    uint32_t pauses = th_load_rlx(&patience->pauses); /* relaxed: it tunes */
    if (pauses == 0 && th_backoff_tries(&patience->spins))
        return th_pauses_per_us() * LOOK_US_MAX;
    return pauses;
}

static void spin_paid(th_patience *patience, uint32_t used)
{
    uint32_t most = th_pauses_per_us() * LOOK_US_MAX;
    uint32_t before = th_load_rlx(&patience->pauses); /* relaxed: it tunes */
    uint32_t more = before / 2 + used * 2 + th_pauses_per_us();
    th_store_rlx(&patience->pauses, more < most ? more : most); /* relaxed: likewise */
    th_backoff_tell(&patience->spins, true);
}

static void spin_was_vain(th_patience *patience, uint32_t budget)
{
    bool was_trying = th_load_rlx(&patience->pauses) != 0; /* relaxed: it tunes */
    bool goes_on = was_trying && budget / 2 >= th_pauses_per_us() / 2;
    th_store_rlx(&patience->pauses, goes_on ? budget / 2 : 0); /* relaxed: likewise */
    if (!goes_on)
        th_backoff_tell(&patience->spins, false);
}

static uint64_t work_for_waiter(const void *arg)
{
    const th_queue_wait *wait = arg;
    return work_for(wait->queue, wait->own);
}

/** Watch the other end for a moment; true if there is something to do. */
static bool spin(const th_queue_wait *wait)
{
    th_patience *patience = &wait->own->patience;
    uint32_t budget = spin_budget(patience);
    for (uint32_t used = 0; used < th_spin_limit(budget); used++) {
        th_pause();
        if (!is_blocked(wait->queue, wait->own)) {
            spin_paid(patience, used);
            th_gather(&patience->gathers, work_for_waiter, wait);
            return true;
        }
    }
    if (budget != 0)
        spin_was_vain(patience, budget);
    return false;
}

static bool has_work(const void *arg)
{
    return work_for_waiter(arg) != 0;
}

/* ---- sleeping ---- */

/** Under the end's lock: say that somebody is queued. */
static void mark_queued(th_queue_end *end, bool owed_wake)
{
    bool is_on_way = end->sleepers == TH_SLEEPERS_ON_WAY && !owed_wake &&
                     end->generation == th_table_generation();
    if (!is_on_way)
        end->sleepers = TH_SLEEPERS_QUEUED;
}

/** Queue at the other end, unless there is something to do after all, or will never be. */
static bool enqueue(th_queue_wait *wait, th_waiter *waiter)
{
    th_queue_end *other = wait->other;
    uintptr_t key = key_of(other);
    th_inner_acquire(other->lock, wait->me);
    bool must_wait = !other->is_shut && is_blocked(wait->queue, wait->own);
    if (must_wait) {
        mark_queued(other, wait->owes_wake);
        wait->owes_wake = false;
        th_bucket *bucket = th_bucket_lock(key);
        if (wait->was_woken)
            th_bucket_prepend(bucket, waiter, key);
        else
            th_bucket_append(bucket, waiter, key);
        th_bucket_unlock(bucket);
    }
    th_inner_release(other->lock, wait->me);
    return must_wait;
}

/** An abandoned thread takes nothing, passes on what it owes, and stops. One look decides: who is
 *  abandoned only after it goes on, and must not stop with a wake-up in its hands. */
static void stop_if_abandoned(th_queue_wait *wait)
{
    if (!th_must_stop(wait->self))
        return;
    th_queue_pass_on(wait);
    th_self();
}

int th_queue_wait_for(th_queue_wait *wait)
{
    if (wait->deadline != THRUM_FOREVER && thrum_now() >= wait->deadline)
        return wait->late;
    th_backoff *yields = &wait->own->patience.yields;
    if (!wait->was_woken && (spin(wait) || th_give_way(yields, has_work, wait)))
        return 0;
    if (wait->self == NULL)
        wait->self = th_self();
    th_waiter waiter = th_waiter_of(wait->self, TH_WAIT_PLAIN, wait->queue, wait->deadline);
    if (!enqueue(wait, &waiter))
        return 0;
    wait->was_woken = th_park(&waiter, wait->deadline);
    wait->owes_wake = wait->was_woken && waiter.token == OWES_WAKE;
    stop_if_abandoned(wait);
    return wait->was_woken ? 0 : wait->late;
}

/* ---- waking ---- */

th_context *th_queue_wake(th_queue_end *end)
{
    th_wake_list wake = {.first = NULL};
    uintptr_t key = key_of(end);
    end->sleepers = TH_SLEEPERS_NOBODY;
    th_bucket *bucket = th_bucket_lock(key);
    th_waiter *first = th_bucket_first(bucket, key);
    if (first != NULL) {
        th_wake_list_take(&wake, bucket, first, GO_ALONE);
        if (th_bucket_first(bucket, key) != NULL) {
            end->sleepers = TH_SLEEPERS_ON_WAY;
            end->generation = th_table_generation();
            th_wake_list_set_token(&wake, OWES_WAKE);
        }
        th_wake_list_grant(&wake);
    }
    th_bucket_unlock(bucket);
    return wake.root;
}

void th_queue_wake_all(th_queue_end *end, th_wake_list *wake)
{
    uintptr_t key = key_of(end);
    if (end->sleepers != TH_SLEEPERS_ON_WAY)
        end->sleepers = TH_SLEEPERS_NOBODY;
    th_bucket *bucket = th_bucket_lock(key);
    for (th_waiter *waiter; (waiter = th_bucket_first(bucket, key)) != NULL;)
        th_wake_list_take(wake, bucket, waiter, GO_ALONE);
    th_wake_list_grant(wake);
    th_bucket_unlock(bucket);
}

void th_queue_pass_on(th_queue_wait *wait)
{
    wait->was_woken = false;
    if (!wait->owes_wake)
        return;
    wait->owes_wake = false;
    th_queue_end *other = wait->other;
    th_context *next = NULL;
    th_inner_acquire(other->lock, wait->me);
    if (other->sleepers == TH_SLEEPERS_ON_WAY) {
        if (!other->is_shut && is_blocked(wait->queue, wait->own))
            other->sleepers = TH_SLEEPERS_QUEUED;
        else
            next = th_queue_wake(other);
    }
    th_inner_release(other->lock, wait->me);
    if (next != NULL)
        th_context_resume(next);
}

void th_queue_await_pass_on(thrum_queue *queue, th_queue_end *end)
{
    uint32_t me = th_inner_me();
    uintptr_t key = key_of(end);
    th_waiter waiter = th_waiter_of(th_self(), TH_WAIT_PLAIN, queue, THRUM_FOREVER);
    th_inner_acquire(end->lock, me);
    end->is_shut = true;
    bool must_wait =
        end->sleepers == TH_SLEEPERS_ON_WAY && end->generation == th_table_generation();
    if (must_wait) {
        th_bucket *bucket = th_bucket_lock(key);
        th_bucket_prepend(bucket, &waiter, key);
        th_bucket_unlock(bucket);
    }
    th_inner_release(end->lock, me);
    if (must_wait)
        th_park(&waiter, THRUM_FOREVER);
}
