/* SPDX-License-Identifier: MIT */
/** @file
 *  Ownable.
 *
 *  Purpose     The contended half of lock and rlock.
 *  State       The object's word (card in the header); the queue in park's table.
 *  Protocol    Anyone may take a free lock, waiters or not: the running thread that takes it again
 *              keeps its caches warm and needs no system call. A release with waiters wakes one of
 *              them, the designated waker's rule: while it is on its way (QUEUED without WAKE),
 *              further releases wake nobody (but see Late) and cost what they cost alone. A woken
 *              waiter that finds the lock taken goes back to the head of the queue, and if it has
 *              been waiting for more than a millisecond it asks for HANDOFF: being awake and
 *              spinning, it is given the lock by the next release. So the lock is hardly ever
 *              owned by a thread that sleeps (no convoy), and nobody is overtaken for longer than
 *              a millisecond after its turn has come (no starvation).
 *  Late        The kernel may put a woken waiter behind the holder, on the same processor, where it
 *              waits for the holder's time slice to end, four milliseconds say, and nobody else is
 *              woken. So who queues looks up after half a millisecond, and again each time it has
 *              waited twice as long: if a waiter is still, or again, on its way, it wakes the
 *              oldest of the others as well.
 *  Marks       The usual release is a load and a store, between which another processor may set a
 *              flag that the store then wipes out. So who sets one restarts such releases, which
 *              takes microseconds and nothing of who releases, and looks whether the flag is there
 *              still. If it is not, the lock has been freed, which is as good as having been seen.
 *  Who frees   A release decides everything under the bucket lock and frees the word with its last
 *              access to it. After that the next owner may free the memory.
 *  Spinning    A newcomer spins only while nobody is queued, and looks again after half a
 *              microsecond, after one, and after two, then queues. Nobody spins for a queue. Each
 *              look takes the cache line from the holder, which does more work meanwhile than it
 *              takes to fetch the line: looking more often is slower for all.
 *  Fork        A forked child finds QUEUED or a missing WAKE left by vanished threads; the first to
 *              queue sets WAKE, and a release that finds no queue clears QUEUED.
 *  Rejected    Handing over at every release: throughput falls to the rate of wake-ups. Random
 *              hand-over (parking_lot): a bound only in the mean. MCS queues: a waiter with a
 *              deadline cannot leave one. */
#include "sync/ownable.h"

#include "platform/atomic.h"
#include "platform/cpu.h"
#include "platform/restart.h"
#include "thrum/status.h"

#define SPIN_ROUNDS 5
#define SPIN_US_MAX 2

/** What the taker of a free word makes of it. A woken waiter leaves the wake-up of the next one, if
 *  there is one, to its own release. */
static uint32_t taken_word(uint32_t word, uint32_t me, bool woken)
{
    return word | me | (woken && (word & TH_QUEUED) != 0 ? (uint32_t)TH_WAKE : 0);
}

static bool take(const th_ownable *lock, const th_context *self, bool woken)
{
    uint32_t word = th_load_rlx(lock->word); /* relaxed: the CAS looks again */
    while (th_owner_of(word) == 0) {
        /* pairs: th_ownable_release, thrum_lock_release */
        if (th_cas_acq(lock->word, &word, taken_word(word, self->self, woken)))
            return true;
    }
    return false;
}

bool th_ownable_try(const th_ownable *lock, const th_context *self)
{
    return take(lock, self, false);
}

/** Try for a moment. A newcomer gives up as soon as somebody is queued, a woken waiter does not. */
static bool spin(const th_ownable *lock, const th_context *self, bool woken)
{
    if (!th_has_many_cpus())
        return take(lock, self, woken);
    uint32_t pauses = th_pauses_per_us() / 2 + 1, pauses_max = th_pauses_per_us() * SPIN_US_MAX;
    for (uint32_t round = 0; round < th_spin_limit(SPIN_ROUNDS); round++) {
        if (take(lock, self, woken))
            return true;
        /* relaxed: a hint whether spinning makes sense */
        if (!woken && (th_load_rlx(lock->word) & TH_QUEUED) != 0)
            return false;
        for (uint32_t i = 0; i < th_spin_limit(pauses); i++)
            th_pause();
        pauses = pauses * 2 < pauses_max ? pauses * 2 : pauses_max;
    }
    return take(lock, self, woken);
}

/** After `marks` were set in what was `word`: whether they stay. If they are new, the holder may be
 *  about to store over them what it makes of the old word (thrum_private_free_word). */
static bool marks_stay(const th_ownable *lock, uint32_t word, uint32_t marks)
{
    uint32_t owner = th_owner_of(word);
    if ((word & marks) == marks || owner == 0 || owner == thrum_private_me())
        return true;
    th_restart_others();
    /* relaxed: from now on the holder sees them, or this is what it stored, or came later */
    return (th_load_rlx(lock->word) & marks) == marks;
}

/** Under the bucket lock: take the lock after all (true), or mark it so that a release looks
 *  here. */
static bool take_or_mark(const th_ownable *lock, const th_context *self, uint32_t mark, bool woken)
{
    uint32_t word = th_load_rlx(lock->word); /* relaxed: the CAS looks again */
    for (;;) {
        bool is_free = th_owner_of(word) == 0;
        uint32_t next = is_free ? taken_word(word, self->self, woken) : word | mark;
        /* pairs: th_ownable_release, thrum_lock_release */
        if (!th_cas_acq(lock->word, &word, next))
            continue;
        if (marks_stay(lock, word, mark))
            return is_free;
    }
}

/** Queue the waiter; true if the lock was free after all and is now the caller's. */
static bool enqueue(const th_ownable *lock, th_waiter *waiter, bool woken)
{
    uintptr_t key = (uintptr_t)lock->object;
    th_bucket *bucket = th_bucket_lock(key);
    uint32_t mark = TH_QUEUED;
    if (woken || th_bucket_first(bucket, key) == NULL)
        mark |= TH_WAKE;
    if (woken && thrum_now() - waiter->since > TH_TURN_NS)
        mark |= TH_HANDOFF;
    bool taken = take_or_mark(lock, waiter->context, mark, woken);
    if (!taken && woken)
        th_bucket_prepend(bucket, waiter, key);
    else if (!taken)
        th_bucket_append(bucket, waiter, key);
    th_bucket_unlock(bucket);
    return taken;
}

/** A woken waiter gives up: whoever releases next wakes another. */
static void pass_on_wake(const th_ownable *lock)
{
    uint32_t word = th_load_rlx(lock->word); /* relaxed: the CAS looks again */
    while ((word & TH_QUEUED) != 0) {
        /* relaxed: the lock is held (or was taken), its release looks at the flag in the same
         * word */
        if (th_cas_rlx(lock->word, &word, word | TH_WAKE) && marks_stay(lock, word, TH_WAKE))
            return;
    }
}

/** If a woken waiter, not this one, is on its way still, wake another. */
static void wake_another(th_waiter *waiter)
{
    th_wake_list wake = {.first = NULL};
    uintptr_t key = (uintptr_t)waiter->object;
    th_bucket *bucket = th_bucket_lock(key);
    uint32_t word = th_load_rlx(waiter->owner_word); /* relaxed: a hint */
    /* relaxed: under the bucket lock, where all fates are decided */
    bool waits = th_load_rlx(&waiter->state) == TH_WAITING;
    th_waiter *oldest = th_bucket_first(bucket, key);
    if (waits && (word & (TH_QUEUED | TH_WAKE)) == TH_QUEUED)
        th_wake_list_take(&wake, bucket, oldest, TH_WOKEN);
    th_wake_list_grant(&wake);
    th_bucket_unlock(bucket);
    th_wake_list_resume(&wake);
}

static void describe_wait(th_waiter *waiter, const th_ownable *lock, const char *site)
{
    waiter->owner_word = lock->word;
    waiter->held_site = lock->site;
    waiter->site = site;
}

static int wait_for(const th_ownable *lock, th_context *self, const char *site, thrum_time deadline,
                    bool woken)
{
    thrum_time since = thrum_now();
    for (;;) {
        th_waiter waiter = th_waiter_of(self, lock->kind, lock->object, deadline);
        describe_wait(&waiter, lock, site);
        waiter.since = since;
        if (!woken && th_wakes_may_be_late()) {
            waiter.overdue = wake_another;
            waiter.overdue_at = since + TH_TURN_NS / 2;
        }
        if (enqueue(lock, &waiter, woken))
            return 0;
        th_announce_wait(&waiter); /* each time: the owner may be another by now */
        if (!th_park(&waiter, deadline))
            return THRUM_ETIMEDOUT;
        if (waiter.token == TH_OWNED)
            return 0;
        woken = waiter.token == TH_WOKEN;
        if (spin(lock, self, woken))
            return 0;
        if (deadline != THRUM_FOREVER && thrum_now() >= deadline) {
            if (woken)
                pass_on_wake(lock);
            return th_ownable_try(lock, self) ? 0 : THRUM_ETIMEDOUT;
        }
    }
}

static void note_site(const th_ownable *lock, const char *site)
{
    th_store_rlx(lock->site, site); /* relaxed: a note for reports */
}

/** An abandoned thread does not stop with a lock that it was granted while it waited. */
static void stop_if_abandoned(const th_ownable *lock, const th_context *self, bool owned)
{
    if (!th_must_stop(self))
        return;
    if (owned)
        th_ownable_release(lock, self);
    th_self();
}

int th_ownable_acquire(const th_ownable *lock, th_context *self, const char *site,
                       thrum_time deadline)
{
    int status = 0;
    if (!th_ownable_try(lock, self)) {
        if (deadline != THRUM_FOREVER && thrum_now() >= deadline)
            return THRUM_ETIMEDOUT;
        if (!spin(lock, self, false))
            status = wait_for(lock, self, site, deadline, false);
    }
    if (status == 0)
        note_site(lock, site);
    stop_if_abandoned(lock, self, status == 0);
    return status;
}

void th_ownable_acquire_inside(const th_ownable *lock, th_context *self)
{
    if (!spin(lock, self, false))
        wait_for(lock, self, NULL, THRUM_FOREVER, false);
}

void th_ownable_reacquire(const th_ownable *lock, th_context *self, const char *site,
                          uint32_t token)
{
    bool woken = token == TH_WOKEN;
    if (token != TH_OWNED && !spin(lock, self, woken))
        wait_for(lock, self, site, THRUM_FOREVER, woken);
    note_site(lock, site);
    stop_if_abandoned(lock, self, true);
}

bool th_ownable_expect_waiters(const th_ownable *lock, th_bucket *bucket)
{
    /* With nobody queued, the waiter on its way may be one that a fork has left behind. */
    bool nobody_queued = th_bucket_first(bucket, (uintptr_t)lock->object) == NULL;
    uint32_t word = th_load_rlx(lock->word); /* relaxed: the CAS looks again */
    for (;;) {
        bool held = th_owner_of(word) != 0;
        bool on_its_way = !nobody_queued && (word & (TH_QUEUED | TH_WAKE)) == TH_QUEUED;
        uint32_t marks = held && !on_its_way ? TH_QUEUED | TH_WAKE : TH_QUEUED;
        /* relaxed: the queue is under the bucket lock, which the next waking release takes */
        if (!th_cas_rlx(lock->word, &word, word | marks))
            continue;
        if (marks_stay(lock, word, marks))
            return held || on_its_way;
    }
}

/** Release and wake the oldest waiter, or hand over to it; false: the word has changed meanwhile,
 *  which the caller looks at again. */
static bool release_to_queue(const th_ownable *lock)
{
    th_wake_list wake = {.first = NULL};
    uintptr_t key = (uintptr_t)lock->object;
    th_bucket *bucket = th_bucket_lock(key);
    /* relaxed: while WAKE is set every release takes the bucket lock */
    uint32_t word = th_load_rlx(lock->word);
    if (th_owner_of(word) == 0 || (word & TH_WAKE) == 0) {
        th_bucket_unlock(bucket);
        return false;
    }
    th_waiter *oldest = th_bucket_first(bucket, key);
    if (oldest != NULL)
        th_wake_list_take(&wake, bucket, oldest, TH_WOKEN);
    uint32_t queued = th_bucket_first(bucket, key) != NULL ? TH_QUEUED : 0;
    uint32_t next;
    do {
        bool hand_over = oldest != NULL && (word & TH_HANDOFF) != 0;
        next = (word & TH_FOREIGN) | queued;
        if (hand_over)
            next = taken_word(next, oldest->context->self, true);
        /* pairs: take, take_or_mark, thrum_lock_acquire_at; from here on the lock may be gone */
    } while (!th_cas_rel(lock->word, &word, next));
    if (th_owner_of(next) != 0)
        th_wake_list_set_token(&wake, TH_OWNED);
    th_wake_list_grant(&wake);
    th_bucket_unlock(bucket);
    th_wake_list_resume(&wake);
    return true;
}

/** Before one who is not the owner releases: whether the word has FOREIGN, so that from now on each
 *  owner's own release sees it; false: nobody holds the lock. Under the bucket lock, so that one
 *  that finds FOREIGN set comes after the barrier of who has set it. */
static bool mark_foreign(const th_ownable *lock)
{
    bool is_marked = false;
    th_bucket *bucket = th_bucket_lock((uintptr_t)lock->object);
    uint32_t word = th_load_rlx(lock->word); /* relaxed: the CAS looks again */
    while (!is_marked && th_owner_of(word) != 0) {
        /* relaxed: it says nothing of other memory */
        if (th_cas_rlx(lock->word, &word, word | TH_FOREIGN)) {
            is_marked = marks_stay(lock, word, TH_FOREIGN);
            word = th_load_rlx(lock->word); /* relaxed: looked at again */
        }
    }
    th_bucket_unlock(bucket);
    return is_marked;
}

bool th_ownable_release(const th_ownable *lock, const th_context *self)
{
    bool is_marked = false;
    uint32_t word = th_load_rlx(lock->word); /* relaxed: the CAS looks again */
    for (;;) {
        uint32_t owner = th_owner_of(word);
        if (owner == 0)
            return false;
        if (owner != self->self && !is_marked) {
            if (!mark_foreign(lock))
                return false;
            is_marked = true;
            word = th_load_rlx(lock->word); /* relaxed: looked at again */
            continue;
        }
        if ((word & TH_WAKE) != 0) {
            if (release_to_queue(lock))
                return true;
            word = th_load_rlx(lock->word); /* relaxed: looked at again */
            continue;
        }
        /* pairs: take, take_or_mark, thrum_lock_acquire_at; from here on the lock may be gone */
        if (th_cas_rel(lock->word, &word, word & ~TH_OWNER_MASK))
            return true;
    }
}
