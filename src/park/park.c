/* SPDX-License-Identifier: MIT */
/** @file
 *  Park.
 *
 *  Purpose     Sleep until granted, or until the deadline; and plain sleep.
 *  Protocol    The waiter has been queued under its bucket's lock (park/table.h). It looks at its
 *              own state, first spinning, then suspended by its context's parker, so that the same
 *              code serves a thread and whatever else can suspend itself. On its deadline it
 *              decides its own fate with the CAS that a waker would use.
 *  Ends        Of an OS thread the kernel tells the end (platform/ending.h), to one who then sleeps
 *              in the kernel and not by its parker: woken by the thread itself, it would sleep
 *              twice. Its waiter is queued all the same, for deadlock walks.
 *  Spinning    Before it suspends, a waiter looks at its state for about as long as a wake-up
 *              costs. Each context learns: a spin that was in vain halves its budget, one that
 *              paid enlarges it, and a context whose budget has gone tries again for long, but
 *              ever more rarely. With both sides on one processor that soon ends spinning; but then
 *              it pays to give way (give_way.h), which each context learns likewise.
 *  Invariants  A granted waiter resumes those it was given before it returns, whatever woke it. A
 *              permit left over from an earlier wait only makes suspend return early.
 *  Stopping    th_park does not stop an abandoned thread: it may have been granted something that
 *              others wait for. Its callers do, once they have passed that on.
 *  Rejected    sched_yield while spinning: where spinning pays it is a system call for nothing. */
#include "park/park.h"

#include "park/give_way.h"
#include "platform/atomic.h"
#include "platform/cpu.h"
#include "platform/ending.h"
#include "platform/probe.h"

#define SPIN_US_MAX 20
#define SPIN_RETRY_MIN 32
#define SPIN_RETRY_MAX 4096

/** Leave the queue because the deadline has passed; false if a waker was quicker. */
static bool withdraw(th_waiter *waiter)
{
    uintptr_t key;
    th_bucket *bucket;
    for (;;) {
        /* relaxed: looked at again under the lock, which alone lets it change */
        key = th_load_rlx(&waiter->key);
        bucket = th_bucket_lock(key);
        /* relaxed: under the bucket lock */
        if (th_load_rlx(&waiter->key) == key)
            break;
        th_bucket_unlock(bucket);
    }
    uint32_t waiting = TH_WAITING;
    /* relaxed: under the bucket lock, where all fates are decided */
    bool timed_out = th_cas_rlx(&waiter->state, &waiting, TH_TIMED_OUT);
    if (timed_out) {
        th_bucket_remove(bucket, waiter);
        if (waiter->withdrawn != NULL)
            waiter->withdrawn(waiter, bucket);
    }
    th_bucket_unlock(bucket);
    return timed_out;
}

static bool is_granted(const th_waiter *waiter)
{
    /* pairs: th_wake_list_grant */
    return th_load_acq(&waiter->state) == TH_GRANTED;
}

static bool has_been_granted(const void *waiter)
{
    return is_granted(waiter);
}

/** How many pauses to spin this time. Without luck so far: none, but for a long try now and
 *  then. */
static uint32_t spin_budget(th_context *self)
{
    if (self->spin_pauses != 0 || !th_has_many_cpus())
        return self->spin_pauses;
    if (++self->spin_skips < self->spin_retry)
        return 0;
    self->spin_skips = 0;
    return th_pauses_per_us() * SPIN_US_MAX;
}

static void spin_paid(th_context *self, uint32_t used)
{
    uint32_t most = th_pauses_per_us() * SPIN_US_MAX;
    uint32_t more = self->spin_pauses / 2 + used * 2 + th_pauses_per_us();
    self->spin_pauses = more < most ? more : most;
    self->spin_retry = SPIN_RETRY_MIN;
}

static void spin_was_vain(th_context *self, uint32_t budget)
{
    self->spin_pauses = budget / 2 >= th_pauses_per_us() / 2 ? budget / 2 : 0;
    if (self->spin_pauses == 0 && self->spin_retry < SPIN_RETRY_MAX)
        self->spin_retry *= 2;
}

/** Look for the grant for as long as this context's luck suggests; true if it came. */
static bool spin(const th_waiter *waiter)
{
    th_context *self = waiter->context;
    bool was_trying = self->spin_pauses != 0;
    uint32_t budget = spin_budget(self);
    for (uint32_t used = 0; used < th_spin_limit(budget); used++) {
        if (is_granted(waiter)) {
            spin_paid(self, used);
            return true;
        }
        th_pause();
    }
    if (budget != 0)
        spin_was_vain(self, was_trying ? budget : 0);
    return is_granted(waiter);
}

/** Sleep until `deadline`, or until one is overdue; again when one has waited twice as long. */
static void sleep_once(th_waiter *waiter, thrum_time deadline)
{
    th_parker *parker = &waiter->context->parker;
    bool looks_up = waiter->overdue != NULL && waiter->overdue_at < deadline;
    parker->suspend(parker, looks_up ? waiter->overdue_at : deadline);
    if (!looks_up || is_granted(waiter))
        return;
    thrum_time now = thrum_now();
    if (now < waiter->overdue_at)
        return;
    waiter->overdue(waiter);
    waiter->overdue_at = now + (now - waiter->since);
}

bool th_park(th_waiter *waiter, thrum_time deadline)
{
    th_context *self = waiter->context;
    bool granted = spin(waiter) || th_give_way(&self->yields, has_been_granted, waiter);
    while (!granted) {
        if (deadline != THRUM_FOREVER && thrum_now() >= deadline) {
            if (withdraw(waiter))
                break;
            deadline = THRUM_FOREVER; /* chosen: the grant is on its way */
        }
        sleep_once(waiter, deadline);
        granted = is_granted(waiter);
    }
    for (int i = 0; granted && i < 2; i++)
        if (waiter->wakes_next[i] != NULL)
            th_context_resume(waiter->wakes_next[i]);
    if (waiter->untimed)
        th_store_rlx(&self->waits_on, 0); /* relaxed: deadlock walks look under the bucket lock */
    return granted;
}

void th_announce_wait(const th_waiter *waiter)
{
    if (waiter->untimed && th_probe_blocked != NULL)
        th_probe_blocked(waiter);
}

bool th_can_park_until_ended(const th_context *self)
{
    return th_endings_are_told() && th_context_has_default_parker(self);
}

/** Leave the queue in which nobody looks for waiters to wake. */
static void leave(th_waiter *waiter, uintptr_t key)
{
    th_bucket *bucket = th_bucket_lock(key);
    const th_waiter *found = bucket->first;
    while (found != NULL && found != waiter)
        found = found->next;
    if (found != NULL) /* not so in a child that a signal handler has forked meanwhile */
        th_bucket_remove(bucket, waiter);
    if (waiter->untimed)
        th_store_rlx(&waiter->context->waits_on, 0); /* relaxed: as in th_park */
    th_bucket_unlock(bucket);
}

bool th_park_until_ended(th_waiter *waiter, uintptr_t key, pthread_t os_thread, thrum_time deadline,
                         bool (*gives_up)(void *arg, bool is_late), void *arg)
{
    th_bucket *bucket = th_bucket_lock(key);
    th_bucket_append(bucket, waiter, key);
    th_bucket_unlock(bucket);
    th_announce_wait(waiter);
    bool has_ended, is_late;
    do {
        has_ended = th_ending_await(os_thread, deadline);
        is_late = !has_ended && deadline != THRUM_FOREVER && thrum_now() >= deadline;
    } while (!has_ended && !gives_up(arg, is_late));
    leave(waiter, key);
    return has_ended;
}

void th_doze(th_context *self, thrum_time deadline)
{
    self->parker.suspend(&self->parker, deadline);
}

int thrum_sleep_until(thrum_time deadline)
{
    th_context *self = th_self();
    while (thrum_now() < deadline)
        th_doze(self, deadline);
    th_self(); /* an abandoned thread stops here */
    return 0;
}

int thrum_sleep(double seconds)
{
    return thrum_sleep_until(thrum_after(seconds));
}
