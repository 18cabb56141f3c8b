/* SPDX-License-Identifier: MIT */
/** @file
 *  Scenario: timer. */
#include <signal.h>
#include <string.h>

#include "thrum/timer.h"
#include "torture.h"

#define BATCH 16

/** Of the timers that call once, and of those that were let go while they were pending. */
static struct {
    uint64_t started, called, cancelled;
} once;

/** A timer that a worker follows to its end. */
typedef struct followed {
    thrum_timer *timer;
    unsigned calls; /**< written by the call, seen by who joins */
    bool repeats;
} followed;

/** The service's threads, which outlive scenarios, block the signals of disturbances, as what makes
 *  them does: a handler that comes late would find the next scenario being set up. */
static void timer_setup(unsigned workers)
{
    (void)workers;
    memset(&once, 0, sizeof once);
    sigset_t before;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    disturb_shelter();
    thrum_timer *first = thrum_timer_new(0, NULL, NULL);
    torture_expect(thrum_timer_start(first), false);
    torture_expect(thrum_timer_join(first), false);
    thrum_timer_free(first);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void *call_once(void *arg)
{
    __atomic_add_fetch(&once.called, 1, __ATOMIC_RELAXED);
    if (arg != NULL)
        ++*(unsigned *)arg;
    return NULL;
}

static void *call_again(void *arg)
{
    ++*(unsigned *)arg; /* calls never overlap */
    return NULL;
}

/** Start it; the system may be short of threads for a while. */
static bool start(thrum_timer *timer)
{
    int status = timer == NULL ? THRUM_ENOMEM : thrum_timer_start(timer);
    if (status == 0)
        return true;
    if (status == THRUM_EAGAIN || status == THRUM_ENOMEM)
        thrum_sleep(0.001);
    else
        torture_expect(status, false);
    thrum_timer_free(timer);
    return false;
}

/** Up to 200 us, or at once. */
static double random_interval(worker *me)
{
    return 1e-6 * ((double)torture_random(me, 220) - 20);
}

static void let_one_go(worker *me)
{
    thrum_timer *timer = thrum_timer_new(random_interval(me), call_once, NULL);
    if (!start(timer))
        return;
    __atomic_add_fetch(&once.started, 1, __ATOMIC_RELAXED);
    thrum_timer_free(timer);
}

static bool start_followed(followed *one, worker *me)
{
    double interval = random_interval(me);
    *one = (followed){.repeats = interval > 0 && torture_random(me, 4) == 0};
    one->timer = thrum_timer_new(interval, one->repeats ? call_again : call_once, &one->calls,
                                 .repeat = one->repeats);
    if (!start(one->timer))
        return false;
    if (!one->repeats)
        __atomic_add_fetch(&once.started, 1, __ATOMIC_RELAXED);
    return true;
}

static void end_followed(followed *one, worker *me)
{
    bool cancels = one->repeats || torture_random(me, 2) == 0;
    if (torture_random(me, 2) == 0)
        torture_expect(thrum_timer_join_until(one->timer, torture_soon(me)), true);
    bool cancelled = cancels && thrum_timer_cancel(one->timer);
    if (one->repeats && !cancelled)
        torture_count(LOST, 1);
    torture_expect(thrum_timer_join(one->timer), false);
    if (!one->repeats) {
        __atomic_add_fetch(&once.cancelled, cancelled, __ATOMIC_RELAXED);
        torture_conserve(1, one->calls + cancelled);
    }
    thrum_timer_free(one->timer);
}

static bool timer_step(worker *me)
{
    followed batch[BATCH];
    unsigned count = 1 + torture_random(me, BATCH), started = 0;
    for (unsigned i = 0; i < count; i++) {
        started += start_followed(&batch[started], me);
        if (torture_random(me, 4) == 0)
            let_one_go(me);
    }
    for (unsigned i = 0; i < started; i++)
        end_followed(&batch[i], me);
    return !torture_stopping();
}

/** Those that were let go may still be on their way. */
static void timer_check(void)
{
    uint64_t ended = 0;
    for (int i = 0; i < 1000 && ended != once.started; i++) {
        ended = __atomic_load_n(&once.called, __ATOMIC_RELAXED) + once.cancelled;
        if (ended != once.started)
            thrum_sleep(0.01);
    }
    torture_conserve(once.started, ended);
}

const scenario scenario_timer = {
    .name = "timer",
    .proves = "of a call and its cancel one comes first; none is lost, none comes twice",
    .setup = timer_setup,
    .step = timer_step,
    .check = timer_check,
    .in_mixed = true,
    .outlives = true,
};
