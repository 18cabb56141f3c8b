/* SPDX-License-Identifier: MIT */
/** @file
 *  Shutdown.
 *
 *  Purpose     End a program as Python does: callbacks, then non-daemon threads, then nothing of
 *              ours runs any more.
 *  State       The phase (card in thread/registry.h) and a stack of callbacks, under the registry's
 *              lock; and whether the exit handler is registered.
 *  Protocol    The first caller runs the callbacks, last registered first, also those that they
 *              register; from then on none can be. The main thread counts as ended, and the flow
 *              layer is told to finish its work and take no more. Then it waits
 *              until nobody is awaited, in a loop, since threads may start threads; in the same
 *              section that finds nobody, the phase becomes ENDED, no thread can start, and all
 *              daemons are told to stop. A daemon that is not bound yet looks at the phase when it
 *              is. A later caller waits for the first, then awaits threads that have come to be
 *              awaited again (the first caller itself may go on), and tells daemons again.
 *  Callers     A thread inside thrum_shutdown is not awaited, whichever call it made. One that is
 *              in exit() will not come back, so it counts as ended for its joiners, of whom one may
 *              sleep until the kernel says so, and is sent away.
 *  Collecting  The OS threads of those who have ended are collected before daemons and unknown
 *              threads are told to stop: a destructor of a pthread key that calls thrum is such an
 *              unknown thread, and to wait for it once it has stopped would never end.
 *  Locals      At exit, the values of the thread that called exit are destroyed, as C++ does, and
 *              before daemons stop, since destroying may need locks that they hold. An explicit
 *              thrum_shutdown leaves them alone.
 *  Fork        The child of the thread that runs the callbacks goes on with them. In any other
 *              child the end is called off: it may use threads, and has its own end. Callbacks not
 *              yet called are called there too, as exit handlers are.
 *  Limit       A foreign thread whose first call of all comes after the end is not known, and not
 *              stopped.
 *  Rejected    Joining one thread after the other: two threads that both call thrum_shutdown would
 *              wait for each other. pthread_cancel of daemons: it runs their destructors against a
 *              program in ruins. */
#include "thread/shutdown.h"

#include "park/context.h"
#include "park/park.h"
#include "platform/atomic.h"
#include "platform/ending.h"
#include "platform/memory.h"
#include "platform/thread.h"
#include "thread/local.h"
#include "thread/registry.h"

typedef struct at_shutdown {
    struct at_shutdown *next;
    void (*callback)(void *arg);
    void *arg;
} at_shutdown;

#define DISMISSAL_NS INT64_C(1000000)

/** Under the registry's lock; the last registered first. */
static at_shutdown *callbacks;

/** Card: 1 once the exit handler is registered; 0 again in a forked child that may have lost it. */
static uint32_t is_armed;

void (*th_shutdown_finish_work)(void);

/** Set when the first thrum_shutdown has done its work. */
static thrum_event has_ended;

/* ---- callbacks ---- */

int thrum_at_shutdown(void (*callback)(void *), void *arg)
{
    if (callback == NULL)
        return THRUM_EINVAL;
    th_self(); /* an abandoned thread stops here */
    int status = th_shutdown_arm();
    if (status != 0)
        return status;
    at_shutdown *added = th_alloc(sizeof *added);
    if (added == NULL)
        return THRUM_ENOMEM;
    added->callback = callback;
    added->arg = arg;
    th_rawlock_acquire(&th_threads.lock);
    /* relaxed: the phase changes under this lock */
    bool too_late = th_load_rlx(&th_threads.phase) >= TH_PHASE_JOINING;
    if (!too_late) {
        added->next = callbacks;
        callbacks = added;
    }
    th_rawlock_release(&th_threads.lock);
    if (too_late)
        th_free(added);
    return too_late ? THRUM_ESHUTDOWN : 0;
}

/** Take the callback whose turn it is; with the last gone, begin to join. */
static at_shutdown *next_callback(void)
{
    th_rawlock_acquire(&th_threads.lock);
    at_shutdown *taken = callbacks;
    if (taken != NULL)
        callbacks = taken->next;
    else /* relaxed: read under this lock */
        th_store_rlx(&th_threads.phase, TH_PHASE_JOINING);
    th_rawlock_release(&th_threads.lock);
    return taken;
}

static void run_callbacks(void)
{
    for (at_shutdown *taken; (taken = next_callback()) != NULL;) {
        at_shutdown called = *taken;
        th_free(taken);
        called.callback(called.arg);
    }
}

/* ---- the end ---- */

/** Under the registry's lock. */
static bool is_abandoned(void *record)
{
    const thrum_thread *thread = record;
    if (thread == NULL)
        return true;
    /* relaxed: changes under this lock */
    return thread != th_threads.main && th_load_rlx(&thread->daemon) != 0;
}

static bool has_ended_for(const thrum_thread *thread)
{
    /* pairs: end_if_nobody_is_awaited */
    return th_load_acq(&th_threads.phase) == TH_PHASE_ENDED && thread != th_threads.main &&
           th_load_rlx(&thread->daemon) != 0; /* relaxed: only the thread itself changes it */
}

bool th_shutdown_abandons(const thrum_thread *thread)
{
    return has_ended_for(thread);
}

bool th_shutdown_has_stopped(const thrum_thread *thread)
{
    if (!has_ended_for(thread))
        return false;
    /* relaxed: the marks were set before the phase was */
    const th_context *context = th_context_of(th_load_rlx(&thread->owner));
    return context == NULL || th_load_rlx(&context->must_stop) != 0 ||
           th_load_rlx(&thread->native_id) == 0;
}

/** End, unless a thread has been started that must be awaited. */
static bool end_if_nobody_is_awaited(void)
{
    th_rawlock_acquire(&th_threads.lock);
    bool ends = th_threads.awaited == 0;
    if (ends) {
        th_contexts_stop(is_abandoned);
        th_store_rel(&th_threads.phase, TH_PHASE_ENDED); /* pairs: th_shutdown_abandons */
    }
    th_rawlock_release(&th_threads.lock);
    return ends;
}

typedef enum caller_role { FIRST, LATER, INSIDE } caller_role;

static caller_role role_of_caller(uint32_t owner)
{
    th_rawlock_acquire(&th_threads.lock);
    caller_role role = LATER;
    /* relaxed: the phase changes under this lock */
    if (th_load_rlx(&th_threads.phase) == TH_PHASE_RUNNING) {
        role = FIRST;
        th_threads.runner = owner;
        th_store_rlx(&th_threads.phase, TH_PHASE_CALLBACKS); /* relaxed: under the lock */
    } else if (th_threads.runner == owner) {
        role = INSIDE;
    }
    th_rawlock_release(&th_threads.lock);
    return role;
}

static void finish_first(void)
{
    th_rawlock_acquire(&th_threads.lock);
    th_threads.runner = 0;
    th_rawlock_release(&th_threads.lock);
    thrum_event_set(&has_ended);
}

/** The caller's own record, which says that it must not be stopped; NULL: no memory for one. */
static thrum_thread *own_record(void)
{
    thrum_thread *self = th_registry_self();
    return self->is_static && self != th_threads.main ? NULL : self;
}

/** A joiner that sleeps until this OS thread ends, which now ends the program, goes away. It may
 *  only be about to sleep, and would not be roused: hence again and again. */
static void dismiss_claimant(const thrum_thread *self)
{
    while (th_registry_is_claimed(self)) {
        th_ending_rouse(th_thread_self());
        th_doze(th_self(), thrum_now() + DISMISSAL_NS);
    }
}

static int shut_down(bool at_exit)
{
    thrum_thread *self = own_record();
    caller_role role = role_of_caller(th_self()->self);
    if (role == INSIDE)
        return THRUM_ESTATE;
    th_context_spare(th_self(), true);
    th_registry_enter_shutdown(self);
    if (role == FIRST) {
        run_callbacks();
        th_record_announce_end(th_threads.main);
        if (th_shutdown_finish_work != NULL)
            th_shutdown_finish_work();
    }
    if (at_exit && self != NULL) {
        th_record_announce_end(self);
        dismiss_claimant(self);
    }
    if (role == LATER)
        thrum_event_wait(&has_ended);
    th_registry_await_all();
    if (at_exit)
        th_locals_end();
    do {
        th_registry_await_all();
        th_registry_collect_all();
    } while (!end_if_nobody_is_awaited());
    if (role == FIRST)
        finish_first();
    if (!at_exit) {
        th_registry_leave_shutdown(self);
        th_context_spare(th_self(), false);
    }
    return 0;
}

int thrum_shutdown(void)
{
    return shut_down(false);
}

static void program_ends(void)
{
    (void)shut_down(true);
}

int th_shutdown_arm(void)
{
    uint32_t no = 0;
    /* relaxed: one registers; another may go on before it has, which only matters if that one calls
     * exit before the first has come out of th_at_exit */
    if (!th_cas_rlx(&is_armed, &no, 1) || th_at_exit(program_ends) == 0)
        return 0;
    th_store_rlx(&is_armed, 0); /* relaxed: the next caller tries again */
    return THRUM_ENOMEM;
}

void th_shutdown_after_fork_child(void)
{
    /* relaxed: all of it, no other thread exists */
    const th_context *self = th_self_or_null();
    uint32_t phase = th_load_rlx(&th_threads.phase);
    has_ended = (thrum_event)THRUM_EVENT_INIT;
    if (phase == TH_PHASE_RUNNING)
        return;
    if (self != NULL && th_threads.runner == self->self && phase != TH_PHASE_ENDED)
        return;
    th_store_rlx(&th_threads.phase, TH_PHASE_RUNNING); /* relaxed: see above */
    th_store_rlx(&is_armed, 0);                        /* relaxed: likewise */
    th_threads.runner = 0;
}
