/* SPDX-License-Identifier: MIT */
/** @file
 *  Runner.
 *
 *  Purpose     Workers that wait for tasks: they run unstarted ones of their own executor
 *              themselves, so that a saturated pool goes on, and are told when a wait could never
 *              end.
 *  State       Under one raw lock: in each worker's context its runner, in each runner what it
 *              waits for without a deadline, and the list of runners. In each running task the
 *              owner word of its worker.
 *  Protocol    Before a worker sleeps it publishes what it waits for, and walks from there: it
 *              gathers the waiting workers that can be reached, takes them all for stuck, and then
 *              lets go those that can go on: that wait for all of some futures none of which a
 *              stuck one runs, or for any of some of which one is such. When a round lets nobody
 *              go, the rest is stuck; if that goes for what the walker waits for, it is told.
 *  Why what is stuck is so for ever
 *              What a worker waits for is published and withdrawn under the lock, around its sleep;
 *              a worker that has published can do nothing else, and completes nothing of what it
 *              runs, until its wait ends. A task below on the same stack cannot go on before those
 *              above it have returned. That a task runs, and on whom, was written by that worker
 *              before it published, so it is seen; that it has ended, likewise.
 *  Why none is missed
 *              The last to publish of those that get stuck together sees all the others. (To mark
 *              what leads back to the walker would miss some: two who wait for each other or for
 *              the walker are stuck once the walker is, though not by way of it.)
 *  Not seen    Waits with a deadline (they end); for futures made by hand, for locks and the like;
 *              for an unstarted task of another executor.
 *  Lock order  This lock, then nothing: owner words are looked up without.
 *  Rejected    A wait-for edge per future: every start of a task would pay for it. Helping with any
 *              task at hand: the one waited for may be done long before that returns, and the stack
 *              grows without bound. */
#include "flow/runner.h"

#include "park/table.h"
#include "platform/atomic.h"

static th_rawlock runners_lock;
static th_runner *first_runner;
static uint64_t walks; /**< counted, so that marks of earlier ones do not count */

/* ---- who is one ---- */

th_runner *th_runner_self(void)
{
    const th_context *self = th_self_or_null();
    return self != NULL ? self->runner : NULL;
}

void th_runner_enter(th_runner *runner)
{
    th_context *self = th_self();
    *runner = (th_runner){.source = runner->source, .context = self};
    th_rawlock_acquire(&runners_lock);
    runner->next = first_runner;
    if (first_runner != NULL)
        first_runner->previous = runner;
    first_runner = runner;
    self->runner = runner;
    th_rawlock_release(&runners_lock);
}

/** Under the lock. */
static void forget(th_runner *runner)
{
    if (runner->previous != NULL)
        runner->previous->next = runner->next;
    else
        first_runner = runner->next;
    if (runner->next != NULL)
        runner->next->previous = runner->previous;
    runner->context->runner = NULL;
}

void th_runner_leave(void)
{
    th_runner *runner = th_runner_self();
    if (runner == NULL)
        return;
    th_rawlock_acquire(&runners_lock);
    forget(runner);
    th_rawlock_release(&runners_lock);
}

/* ---- walks, under the lock ---- */

/** Who is at work on the future, or NULL. */
static th_runner *runner_of(const thrum_future *future)
{
    /* relaxed: both; see Why what is stuck is so for ever */
    if (future == NULL || (th_load_rlx(&future->state) & TH_TASK_PHASE) != TH_TASK_RUNNING)
        return NULL;
    uint32_t owner = th_load_rlx(&future->runner); /* relaxed: likewise */
    const th_context *context = owner != 0 ? th_context_of(owner) : NULL;
    return context != NULL ? context->runner : NULL;
}

/** List me and the waiting runners that can be reached from me. */
static void gather(th_runner *me)
{
    walks++;
    me->walk = walks;
    me->next_of_walk = NULL;
    th_runner *last = me;
    for (th_runner *runner = me; runner != NULL; runner = runner->next_of_walk) {
        runner->is_stuck = true;
        for (size_t i = 0; i < runner->count; i++) {
            th_runner *other = runner_of(runner->futures[i]);
            if (other == NULL || other->futures == NULL || other->walk == walks)
                continue;
            other->walk = walks;
            other->next_of_walk = NULL;
            last->next_of_walk = other;
            last = other;
        }
    }
}

/** Whether what `runner` waits for may come, by who is taken for stuck so far. */
static bool can_go_on(const th_runner *runner)
{
    for (size_t i = 0; i < runner->count; i++) {
        if (runner->futures[i] == NULL)
            continue;
        const th_runner *other = runner_of(runner->futures[i]);
        bool may_complete = other == NULL || other->futures == NULL || !other->is_stuck;
        if (may_complete != runner->waits_for_all)
            return may_complete;
    }
    return runner->waits_for_all;
}

static bool is_stuck(th_runner *me)
{
    gather(me);
    for (bool went = true; went;) {
        went = false;
        for (th_runner *runner = me->next_of_walk; runner != NULL; runner = runner->next_of_walk) {
            if (!runner->is_stuck || !can_go_on(runner))
                continue;
            runner->is_stuck = false;
            went = true;
        }
    }
    return !can_go_on(me);
}

/* ---- waiting ---- */

int th_runner_begin_wait(th_runner *runner, thrum_future *const *futures, size_t count, bool all)
{
    th_rawlock_acquire(&runners_lock);
    runner->futures = futures;
    runner->count = count;
    runner->waits_for_all = all;
    bool never_ends = is_stuck(runner);
    if (never_ends)
        runner->futures = NULL;
    th_rawlock_release(&runners_lock);
    return never_ends ? THRUM_EDEADLK : 0;
}

void th_runner_end_wait(th_runner *runner)
{
    th_rawlock_acquire(&runners_lock);
    runner->futures = NULL;
    th_rawlock_release(&runners_lock);
}

bool th_runner_help(th_runner *runner, thrum_future *future)
{
    if (future->source == NULL || future->source != runner->source || !th_task_claim(future))
        return false;
    th_future_refer(future); /* its task may free the handle */
    th_task_run(future);
    th_future_drop(future);
    return true;
}

bool th_runner_has_left(const thrum_future *future)
{
    uint32_t generation = th_table_generation();
    if (generation == 0)
        return false;
    th_rawlock_acquire(&runners_lock);
    /* relaxed: a thread of this process has entered and claimed before it was told of; what is
     * unstarted was made before it was told of, and its last bits change with the phase */
    uint32_t phase = th_load_rlx(&future->state) & TH_TASK_PHASE;
    uint32_t runner = th_load_rlx(&future->runner); /* relaxed: likewise */
    bool has_left =
        phase == TH_TASK_RUNNING && (runner & TH_OWNER_MASK) != 0 && runner_of(future) == NULL;
    has_left =
        has_left || (phase == TH_TASK_PENDING && future->source != NULL &&
                     (runner & TH_OWNER_MASK) == 0 && runner != (generation & ~TH_OWNER_MASK));
    th_rawlock_release(&runners_lock);
    return has_left && !thrum_future_is_done(future);
}

static int await_as_runner(th_runner *self, thrum_future *future)
{
    if (th_runner_help(self, future))
        return 0;
    int status = th_runner_begin_wait(self, &future, 1, true);
    if (status != 0)
        return status;
    th_future_sleep(future, THRUM_FOREVER);
    th_runner_end_wait(self);
    th_self(); /* an abandoned thread stops here */
    return 0;
}

int th_future_await(thrum_future *future, thrum_time deadline)
{
    th_context *self = th_self();
    if (thrum_future_is_done(future))
        return 0;
    if (deadline != THRUM_FOREVER && thrum_now() >= deadline)
        return THRUM_ETIMEDOUT;
    if (deadline == THRUM_FOREVER && th_runner_has_left(future))
        return THRUM_EDEADLK;
    if (deadline == THRUM_FOREVER && self->runner != NULL)
        return await_as_runner(self->runner, future);
    bool is_done = th_future_sleep(future, deadline);
    th_self(); /* an abandoned thread stops here */
    return is_done ? 0 : THRUM_ETIMEDOUT;
}

/* ---- fork ---- */

void th_runners_before_fork(void)
{
    th_rawlock_acquire(&runners_lock);
}

void th_runners_after_fork_parent(void)
{
    th_rawlock_release(&runners_lock);
}

/** The others are gone with their threads. */
void th_runners_after_fork_child(void)
{
    const th_context *self = th_self_or_null();
    for (th_runner *runner = first_runner, *next; runner != NULL; runner = next) {
        next = runner->next;
        if (runner->context != self)
            forget(runner);
    }
    runners_lock = (th_rawlock){0};
}
