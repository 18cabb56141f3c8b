/* SPDX-License-Identifier: MIT */
/** @file
 *  Timer.
 *
 *  Purpose     threading.Timer: make, start, cancel, join, let go; and repeat.
 *  State       Card of `state`:
 *                  bits 0-2, the phase; under the service's lock but where said otherwise:
 *                      NEW -> QUEUED            thrum_timer_start
 *                      NEW -> OVER              thrum_timer_start, if STOPPED
 *                      QUEUED -> RUNNING        the service, which has taken it
 *                      RUNNING -> QUEUED        its runner, a repeating one
 *                      RUNNING -> OVER          its runner, without the lock
 *                      QUEUED -> OVER           thrum_timer_cancel
 *                  STOPPED   no further call; of a NEW one, or a repeating one that is RUNNING. By
 *                            thrum_timer_cancel, under the lock.
 *                  DETACHED  the handle is gone: who makes it OVER frees it. By thrum_timer_free,
 *                            without the lock, while QUEUED or RUNNING.
 *                  JOINED    somebody may be queued under the word's address. Set under the bucket
 *                            lock by who queues; cleared under it by the last whose deadline
 *                            passes.
 *  Protocol    Whether a call is made or cancelled is decided under the service's lock: the service
 *              takes a job out of the wheel, or thrum_timer_cancel removes it.
 *  Who frees   OVER is the last thing stored in a timer that has a handle, before anyone is let go,
 *              so a joiner may free it. Who makes it OVER finds out by the same exchange whether it
 *              is his to free.
 *  Repeating   The next instant is the last one plus the interval, so lateness does not add up. If
 *              a call has taken longer, the instants it missed are made up for by one.
 *  Fork        In the child a timer that was QUEUED or RUNNING is over, but nobody stores that: it
 *              is known by the generation it was queued in.
 *  Rejected    A reference count: two owners, one of which has at most one moment to let go, are a
 *              bit. A thread name for each timer, as Python has: a number to format for each. */
#include "thrum/timer.h"

#include <string.h>

#include "flow/timer_service.h"
#include "park/park.h"
#include "platform/atomic.h"
#include "platform/memory.h"
#include "platform/options.h"
#include "platform/thread.h"
#include "thread/failure.h"
#include "thread/registry.h"
#include "thread/thread.h"

enum { NEW, QUEUED, RUNNING, OVER, PHASE = 7, STOPPED = 8, DETACHED = 16, JOINED = 32 };

#define NS_PER_S 1e9

struct thrum_timer {
    th_timer_job job; /* the first member: the service knows it only */
    uint32_t state;
    uint32_t runner; /**< Card: owner word of who has taken it last; under the service's lock, read
                          anywhere */
    thrum_target target;
    void *arg;
    thrum_time interval; /**< nanoseconds */
    bool repeats;
    bool has_name;
    char name[];
};

_Static_assert(sizeof(thrum_timer) <= 104, "a million timers: two cache lines each, with malloc's");

static thrum_timer *timer_of(th_timer_job *job)
{
    return (thrum_timer *)job; /* its first member */
}

static uint32_t phase_of(uint32_t state)
{
    return state & PHASE;
}

static bool is_under_way(const thrum_timer *timer, uint32_t state)
{
    uint32_t phase = phase_of(state);
    return (phase == QUEUED || phase == RUNNING) && !th_timer_service_has_lost(&timer->job);
}

/* ---- new ---- */

static thrum_time interval_of(double seconds)
{
    if (!(seconds > 0)) /* NaN too */
        return 0;
    double ns = seconds * NS_PER_S;
    return ns >= (double)THRUM_FOREVER ? THRUM_FOREVER : ns < 1 ? 1 : (thrum_time)ns;
}

thrum_timer *thrum_timer_new_with(double interval, thrum_target target, void *arg,
                                  const thrum_timer_options *given)
{
    thrum_timer_options options = {.size = 0};
    th_copy_options(&options, sizeof options, given);
    bool is_daemon = th_thread_is_daemon_wanted(options.daemon);
    if (options.repeat && !(interval > 0))
        return NULL;
    size_t name_bytes = options.name != NULL ? strlen(options.name) + 1 : 0;
    thrum_timer *timer = th_alloc(sizeof *timer + name_bytes);
    if (timer == NULL)
        return NULL;
    timer->job.is_daemon = is_daemon;
    timer->target = target;
    timer->arg = arg;
    timer->interval = interval_of(interval);
    timer->repeats = options.repeat;
    timer->has_name = name_bytes != 0;
    if (name_bytes != 0)
        memcpy(timer->name, options.name, name_bytes);
    return timer;
}

/* ---- the end of a timer ---- */

/** Make it OVER, after which it may be gone. */
static void end(thrum_timer *timer, th_wake_list *wake)
{
    uintptr_t key = (uintptr_t)&timer->state;
    th_bucket *bucket = NULL;
    uint32_t state = th_load_rlx(&timer->state); /* relaxed: the CAS looks again */
    do {
        if ((state & JOINED) == 0 || bucket != NULL)
            continue;
        bucket = th_bucket_lock(key);
        for (th_waiter *joiner; (joiner = th_bucket_first(bucket, key)) != NULL;)
            th_wake_list_take(wake, bucket, joiner, 0);
        /* pairs: thrum_timer_join_until, thrum_timer_free */
    } while (!th_cas_acq_rel(&timer->state, &state, OVER));
    if (bucket != NULL) {
        th_wake_list_grant(wake);
        th_bucket_unlock(bucket);
    }
    if ((state & DETACHED) != 0)
        th_free(timer);
}

/* ---- the call ---- */

/** Have the thread called as the timer says, or as before it ran timers with names. */
static void take_name(const thrum_timer *timer)
{
    thrum_thread *self = thrum_current_thread();
    const char *name = timer->has_name ? timer->name : self->first_name;
    if (strcmp(thrum_thread_name(self), name) != 0)
        (void)thrum_thread_set_name(self, name); /* without memory it keeps the other name */
}

static void call(const thrum_timer *timer)
{
    if (timer->target == NULL)
        return;
    th_failure failure = {.has_failed = false};
    take_name(timer);
    th_failure *before = th_failure_exchange(&failure);
    (void)timer->target(timer->arg);
    th_failure_exchange(before);
    if (failure.has_failed) {
        th_failure_tell(&failure);
        th_failure_clear(&failure);
    }
}

/** The instant after the one that has been; if later ones have passed as well, the last of them. */
static thrum_time next_instant(const thrum_timer *timer, thrum_time now)
{
    thrum_time when = timer->job.entry.when;
    if (when > THRUM_FOREVER - timer->interval)
        return THRUM_FOREVER;
    when += timer->interval;
    return when < now ? when + (now - when) / timer->interval * timer->interval : when;
}

/** Queue a repeating timer again; false: it is to end. */
static bool repeat(thrum_timer *timer)
{
    if (!timer->repeats || th_timer_service_has_lost(&timer->job))
        return false;
    th_timer_after after = {.resumed = NULL};
    thrum_time when = next_instant(timer, thrum_now());
    th_timer_service_lock();
    /* relaxed: STOPPED is set under the lock */
    bool goes_on = (th_load_rlx(&timer->state) & STOPPED) == 0 &&
                   th_timer_service_add_again(&timer->job, when, &after);
    if (goes_on)
        th_add_rlx(&timer->state, (uint32_t)(QUEUED - RUNNING)); /* relaxed: under the lock */
    th_timer_service_unlock(&after);
    return goes_on;
}

static void call_is_over(void *arg)
{
    th_wake_list wake = {.first = NULL};
    end(arg, &wake);
    th_wake_list_resume(&wake);
}

void th_timer_job_taken(th_timer_job *job, uint32_t runner)
{
    thrum_timer *timer = timer_of(job);
    th_store_rlx(&timer->runner, runner);        /* relaxed: compared only */
    th_add_rlx(&timer->state, RUNNING - QUEUED); /* relaxed: under the lock */
}

void th_timer_job_run(th_timer_job *job)
{
    thrum_timer *timer = timer_of(job);
    th_cleanup_push(call_is_over, timer);
    call(timer);
    th_cleanup_pop(0);
    if (!repeat(timer))
        call_is_over(timer);
}

/* ---- start and cancel ---- */

/** Under the service's lock. */
static int start(thrum_timer *timer, thrum_time when, th_timer_after *after)
{
    uint32_t state = th_load_rlx(&timer->state); /* relaxed: under the lock */
    if (phase_of(state) != NEW)
        return THRUM_ESTATE;
    if ((state & STOPPED) == 0 && !th_timer_service_add(&timer->job, when, after))
        return THRUM_ESHUTDOWN;
    /* pairs: thrum_timer_join_until, thrum_timer_free */
    th_store_rel(&timer->state, (state & STOPPED) != 0 ? OVER : QUEUED);
    return 0;
}

int thrum_timer_start(thrum_timer *timer)
{
    if (timer == NULL)
        return THRUM_EINVAL;
    th_self(); /* an abandoned thread stops here */
    int status = th_timer_service_open();
    if (status != 0)
        return status;
    thrum_time now = thrum_now();
    thrum_time when = timer->interval < THRUM_FOREVER - now ? now + timer->interval : THRUM_FOREVER;
    th_timer_after after = {.resumed = NULL};
    th_timer_service_lock();
    status = start(timer, when, &after);
    th_timer_service_unlock(&after);
    return status;
}

/** Under the service's lock. */
static bool cancel(thrum_timer *timer, th_timer_after *after, th_wake_list *wake)
{
    uint32_t state = th_load_rlx(&timer->state); /* relaxed: under the lock */
    if (phase_of(state) == QUEUED) {
        th_timer_service_remove(&timer->job, after);
        end(timer, wake);
        return true;
    }
    bool may_be_called = phase_of(state) == NEW || (phase_of(state) == RUNNING && timer->repeats);
    if (!may_be_called || (state & STOPPED) != 0)
        return false;
    th_or_rlx(&timer->state, STOPPED); /* relaxed: under the lock */
    return true;
}

bool thrum_timer_cancel(thrum_timer *timer)
{
    if (timer == NULL)
        return false;
    th_self();                                   /* an abandoned thread stops here */
    uint32_t state = th_load_acq(&timer->state); /* pairs: end */
    if (phase_of(state) != NEW && !is_under_way(timer, state))
        return false;
    th_timer_after after = {.resumed = NULL};
    th_wake_list wake = {.first = NULL};
    th_timer_service_lock();
    bool prevented = cancel(timer, &after, &wake);
    th_timer_service_unlock(&after);
    th_wake_list_resume(&wake);
    return prevented;
}

/* ---- join ---- */

static void withdrawn(th_waiter *waiter, th_bucket *bucket)
{
    uint32_t *state = (uint32_t *)waiter->key;
    if (th_bucket_first(bucket, waiter->key) == NULL)
        th_and_rlx(state, ~(uint32_t)JOINED); /* relaxed: under the bucket lock */
}

/** Under the bucket lock: false if it is over; else the word now says that somebody is queued. */
static bool mark_joined(thrum_timer *timer)
{
    uint32_t state = th_load_acq(&timer->state); /* pairs: end */
    while (phase_of(state) != OVER) {
        /* pairs: end; relaxed: who ends it looks for joiners under the bucket lock */
        if (th_cas_acq_rel(&timer->state, &state, state | JOINED))
            return true;
    }
    return false;
}

static int await_end(thrum_timer *timer, th_context *self, thrum_time deadline)
{
    if (deadline != THRUM_FOREVER && thrum_now() >= deadline)
        return THRUM_ETIMEDOUT;
    uintptr_t key = (uintptr_t)&timer->state;
    th_waiter waiter = th_waiter_of(self, TH_WAIT_PLAIN, timer, deadline);
    waiter.withdrawn = withdrawn;
    th_bucket *bucket = th_bucket_lock(key);
    bool waits = mark_joined(timer);
    if (waits)
        th_bucket_append(bucket, &waiter, key);
    th_bucket_unlock(bucket);
    bool is_over = !waits || th_park(&waiter, deadline);
    th_self(); /* an abandoned thread stops here */
    return is_over ? 0 : THRUM_ETIMEDOUT;
}

/** Whether the caller is in the timer's call, also in a child that was forked in it. */
static bool is_own_call(const thrum_timer *timer, uint32_t state, const th_context *self)
{
    /* relaxed: if it is the caller's own it has written it */
    return phase_of(state) == RUNNING && th_load_rlx(&timer->runner) == self->self;
}

/** Whether waiting for a timer that is under way would never end. */
static bool is_hopeless(const thrum_timer *timer, uint32_t state, const th_context *self,
                        thrum_time deadline)
{
    if (is_own_call(timer, state, self))
        return true;
    return deadline == THRUM_FOREVER && timer->job.is_daemon &&
           th_load_rlx(&th_threads.phase) == TH_PHASE_ENDED; /* relaxed: it alone counts */
}

int thrum_timer_join_until(thrum_timer *timer, thrum_time deadline)
{
    if (timer == NULL)
        return THRUM_EINVAL;
    th_context *self = th_self();
    uint32_t state = th_load_acq(&timer->state); /* pairs: end, start */
    if (phase_of(state) == NEW)
        return THRUM_ESTATE;
    if (!is_under_way(timer, state))
        return 0;
    if (is_hopeless(timer, state, self, deadline))
        return THRUM_EDEADLK;
    return await_end(timer, self, deadline);
}

int thrum_timer_join(thrum_timer *timer)
{
    return thrum_timer_join_until(timer, THRUM_FOREVER);
}

/* ---- free ---- */

void thrum_timer_free(thrum_timer *timer)
{
    const th_context *self = th_self(); /* an abandoned thread stops here */
    if (timer == NULL)
        return;
    uint32_t state = th_load_acq(&timer->state); /* pairs: end */
    while (is_under_way(timer, state) || is_own_call(timer, state, self)) {
        /* pairs: end */
        if (th_cas_acq_rel(&timer->state, &state, state | DETACHED))
            return;
    }
    th_free(timer);
}
