/* SPDX-License-Identifier: MIT */
/** @file
 *  Thread.
 *
 *  Purpose     threading.Thread: make, start, join, ask, let go.
 *  State       The record (thread/record.h) and where it is listed (thread/registry.h).
 *  Protocol    Start: the record becomes living, gets a context, whose owner word is the thread's
 *              ident, and then a thread. So everything is known when start returns, without waiting
 *              for the new thread; only the kernel's number is learned from that thread itself.
 *              When something is missing, each step is taken back, and start may be tried again.
 *              End, when the target has returned:
 *                  1. a failure is told to the excepthook
 *                  2. the thread's locals are destroyed
 *                  3. it leaves the registry, announces its end, gives its context back, lets go
 *                     of its record
 *              pthread_exit and cancellation, in the target or in a callback of steps 1 and 2, end
 *              up in the destructor of a pthread key, which goes on after the callback.
 *              Join: the first joiner waits until the kernel says that the OS thread has ended
 *              (platform/ending.h), for which it claims the record; it stands in the queue of the
 *              record's owner word, which nobody wakes, to be seen by deadlock walks. Others, and
 *              all where the kernel cannot be asked, queue under the state word and are woken by
 *              the announcement. Then one of the joiners collects the OS thread. A thread that
 *              calls exit announces its end and goes on, in shutdown.c, until nobody is awaited:
 *              before that it sends its claimant away.
 *  Invariants  Nothing of the program's runs after the end is announced, but for destructors of
 *              pthread keys. An abandoned thread announces no end. The OS thread of every record is
 *              collected or detached exactly once.
 *  Rejected    A hand-shake in start, as Python has it: two context switches, and a hang if the
 *              child fails before it. Cleanup handlers instead of a key: callbacks would run in the
 *              middle of unwinding, where a second pthread_exit aborts if clang has compiled us. */
#include "thread/thread.h"

#include <stdio.h>
#include <string.h>

#include "park/park.h"
#include "platform/atomic.h"
#include "platform/options.h"
#include "platform/probe.h"
#include "platform/thread.h"
#include "thread/local.h"
#include "thread/registry.h"
#include "thread/shutdown.h"

#define NAME_PREFIX "Thread"
#define LINE_BYTES 256

/** Card: the stack size of threads that are given none; by thrum_set_stack_size. */
static size_t default_stack_bytes;

/* ---- the life of a thread ---- */

/** Holds a started thread's record until its last step; see Protocol. Made at the first start. */
static th_key finish_key;
/** Card: 1 once finish_key has been made, under the registry's lock. */
static uint32_t has_finish_key;

static void tell_failure(thrum_thread *thread)
{
    th_self(); /* an abandoned thread stops here */
    th_failure_exchange(NULL);
    if (thread->failure.has_failed)
        th_failure_tell(&thread->failure);
}

static void conclude(thrum_thread *thread)
{
    th_key_set(finish_key, NULL);
    th_failure_exchange(NULL);
    th_failure_clear(&thread->failure);
    th_locals_abandon();
    th_registry_leave(thread);
    th_record_announce_end(thread);
    th_context_free(th_self_or_null());
    th_registry_let_go(thread);
}

/** End the calling thread; a second time, go on: with the next step, or with the next value. */
static void finish(thrum_thread *thread)
{
    if (!thread->is_finishing) {
        thread->is_finishing = true;
        tell_failure(thread);
    }
    th_locals_end();
    conclude(thread);
}

static void finish_after_exit(void *value)
{
    th_key_set(finish_key, value); /* a callback may exit again */
    finish(value);
}

static int make_finish_key(void)
{
    int status = 0;
    th_rawlock_acquire(&th_threads.lock);
    /* relaxed: under the lock */
    if (th_load_rlx(&has_finish_key) == 0) {
        if (th_key_create(&finish_key, finish_after_exit) == 0)
            th_store_rel(&has_finish_key, 1); /* pairs: make_run */
        else
            status = THRUM_EAGAIN;
    }
    th_rawlock_release(&th_threads.lock);
    return status;
}

/** From STARTING, unless the other of the two that say so has been here, and more. */
static void say_running(thrum_thread *thread)
{
    uint32_t starting = TH_STARTING;
    /* pairs: th_record_state: the ident, for one */
    th_cas_rel(&thread->state, &starting, TH_RUNNING);
}

static void run_target(thrum_thread *thread)
{
    th_failure_exchange(&thread->failure);
    if (thread->target == NULL)
        return;
    void *result = thread->target(thread->arg);
    thread->result = thread->failure.has_failed ? NULL : result;
}

static void *thread_main(void *arg)
{
    th_context *context = arg;
    thrum_thread *thread = context->thread;
    th_context_bind(context);
    say_running(thread);
    th_registry_meet(thread);
    if (th_shutdown_abandons(thread))
        th_stop_for_good();
    th_key_set(finish_key, thread);
    run_target(thread);
    finish(thread);
    return NULL;
}

/** Give an admitted thread a context and make it run. */
static int make_run(thrum_thread *thread)
{
    int status = th_shutdown_arm();
    if (status == 0 && th_load_acq(&has_finish_key) == 0) /* pairs: make_finish_key */
        status = make_finish_key();
    if (status != 0)
        return status;
    th_context *context = th_context_new();
    if (context == NULL)
        return THRUM_ENOMEM;
    context->thread = thread;
    th_store_rlx(&thread->owner, context->self); /* relaxed: seen with RUNNING */
    pthread_t os_thread;
    status = th_thread_create(&os_thread, thread_main, context, thread->stack_bytes);
    if (status == 0)
        th_registry_introduce(thread, os_thread);
    else
        th_context_free(context);
    return status;
}

int thrum_thread_start(thrum_thread *thread)
{
    if (thread == NULL)
        return THRUM_EINVAL;
    th_self(); /* an abandoned thread stops here */
    int status = th_registry_admit(thread);
    if (status != 0)
        return status;
    status = make_run(thread);
    if (status == 0)
        say_running(thread);
    else
        th_registry_retract(thread);
    th_registry_drop(thread); /* the starter's own: the target may have freed the handle */
    return status;
}

/* ---- handles ---- */

bool th_thread_is_daemon_wanted(enum thrum_daemon wanted)
{
    if (wanted == THRUM_DAEMON || wanted == THRUM_NOT_DAEMON)
        return wanted == THRUM_DAEMON;
    const thrum_thread *self = th_registry_self_or_null();
    return self == NULL || thrum_thread_is_daemon(self);
}

thrum_thread *thrum_thread_new_with(thrum_target target, void *arg,
                                    const thrum_thread_options *given)
{
    th_self(); /* an abandoned thread stops here */
    thrum_thread_options options = {.size = 0};
    th_copy_options(&options, sizeof options, given);
    thrum_thread *thread = th_record_new(options.name, NAME_PREFIX);
    if (thread == NULL)
        return NULL;
    thread->target = target;
    thread->arg = arg;
    thread->daemon = th_thread_is_daemon_wanted(options.daemon);
    thread->stack_bytes = options.stack_bytes;
    if (thread->stack_bytes == 0) /* relaxed: a number */
        thread->stack_bytes = th_load_rlx(&default_stack_bytes);
    return thread;
}

thrum_thread *thrum_spawn_with(thrum_target target, void *arg, const thrum_thread_options *options)
{
    thrum_thread *thread = thrum_thread_new_with(target, arg, options);
    if (thread == NULL || thrum_thread_start(thread) == 0)
        return thread;
    thrum_thread_free(thread);
    return NULL;
}

void thrum_thread_free(thrum_thread *thread)
{
    th_self(); /* an abandoned thread stops here */
    if (thread != NULL)
        th_registry_drop(thread);
}

/* ---- join ---- */

static int refuse_self(const thrum_thread *self)
{
    char line[LINE_BYTES];
    snprintf(line, sizeof line, "thread \"%s\" (tid %u) joins itself, which can never end",
             thrum_thread_name(self), th_native_id());
    if (th_probe_self_wait != NULL)
        th_probe_self_wait(line, self);
    return THRUM_EDEADLK;
}

static bool gives_up(void *thread, bool is_late)
{
    return th_registry_unclaim(thread, is_late);
}

/** Wait for the OS thread, which the caller has claimed; false: it has not ended by `deadline`, or
 *  the thread has announced its end because it ends the program. */
static bool await_os_thread(thrum_thread *thread, pthread_t os_thread, th_context *self,
                            thrum_time deadline)
{
    th_waiter waiter = th_waiter_of(self, TH_WAIT_JOIN, thread, deadline);
    waiter.owner = th_load_rlx(&thread->owner); /* relaxed: it has been started */
    uintptr_t key = (uintptr_t)&thread->owner;
    bool has_ended = th_park_until_ended(&waiter, key, os_thread, deadline, gives_up, thread);
    if (has_ended)
        (void)th_registry_unclaim(thread, true);
    return has_ended;
}

static int await_end(thrum_thread *thread, thrum_time deadline)
{
    if (deadline != THRUM_FOREVER && thrum_now() >= deadline)
        return THRUM_ETIMEDOUT;
    if (deadline == THRUM_FOREVER && th_shutdown_has_stopped(thread))
        return THRUM_EDEADLK;
    pthread_t os_thread;
    th_context *self = th_self(); /* before the claim, with which nobody must be stopped */
    if (th_can_park_until_ended(self) && th_registry_claim(thread, &os_thread) &&
        await_os_thread(thread, os_thread, self, deadline))
        return 0;
    uintptr_t key = (uintptr_t)&thread->state;
    th_waiter waiter = th_waiter_of(self, TH_WAIT_JOIN, thread, deadline);
    waiter.owner = th_load_rlx(&thread->owner); /* relaxed: it has been started */
    th_bucket *bucket = th_bucket_lock(key);
    bool has_ended = th_record_state(thread) == TH_FINISHED;
    if (!has_ended)
        th_bucket_append(bucket, &waiter, key);
    th_bucket_unlock(bucket);
    if (has_ended)
        return 0;
    th_announce_wait(&waiter);
    return th_park(&waiter, deadline) ? 0 : THRUM_ETIMEDOUT;
}

int thrum_thread_join_until(thrum_thread *thread, thrum_time deadline)
{
    if (thread == NULL)
        return THRUM_EINVAL;
    const thrum_thread *self = th_registry_self_or_null();
    uint32_t state = th_record_state(thread);
    if (state == TH_NEW || state == TH_STARTING || thread->kind == TH_KIND_DUMMY)
        return THRUM_ESTATE;
    if (state == TH_RUNNING) {
        int status = thread == self ? refuse_self(self) : await_end(thread, deadline);
        if (status != 0)
            return status;
    }
    th_registry_collect(thread);
    return 0;
}

int thrum_thread_join(thrum_thread *thread)
{
    return thrum_thread_join_until(thread, THRUM_FOREVER);
}

/* ---- questions ---- */

void *thrum_thread_result(thrum_thread *thread)
{
    return thread != NULL && th_record_state(thread) == TH_FINISHED ? thread->result : NULL;
}

bool thrum_thread_is_alive(const thrum_thread *thread)
{
    return thread != NULL && th_record_state(thread) == TH_RUNNING;
}

const char *thrum_thread_name(const thrum_thread *thread)
{
    return thread != NULL ? th_load_acq(&thread->name) : NULL; /* pairs: th_record_push_name */
}

/** Rename to `later`, or, where that is NULL, to a name that the thread has had; false: it has
 *  not. */
static bool change_name(thrum_thread *thread, const char *name, th_name *later)
{
    th_rawlock_acquire(&th_threads.lock);
    bool changes = later != NULL || th_record_reuse_name(thread, name);
    if (later != NULL)
        th_record_push_name(thread, later);
    /* the lock keeps the thread from leaving; one that has not met yet sets its name, too */
    if (changes && thread->list == TH_IN_LIVING && thread->has_os_thread)
        th_thread_set_os_name(thread->os_thread, name);
    th_rawlock_release(&th_threads.lock);
    return changes;
}

int thrum_thread_set_name(thrum_thread *thread, const char *name)
{
    if (thread == NULL || name == NULL)
        return THRUM_EINVAL;
    th_self(); /* an abandoned thread stops here */
    if (strcmp(thrum_thread_name(thread), name) == 0)
        return 0;
    if (change_name(thread, name, NULL))
        return 0;
    th_name *later = th_name_new(name);
    if (later == NULL)
        return THRUM_ENOMEM;
    change_name(thread, name, later);
    return 0;
}

bool thrum_thread_is_daemon(const thrum_thread *thread)
{
    /* relaxed: a word; only the thread itself changes it once it runs */
    return thread != NULL && th_load_rlx(&thread->daemon) != 0;
}

int thrum_thread_set_daemon(thrum_thread *thread, bool daemon)
{
    if (thread == NULL)
        return THRUM_EINVAL;
    th_self(); /* an abandoned thread stops here */
    th_rawlock_acquire(&th_threads.lock);
    /* relaxed: both under the lock, under which a thread is admitted */
    bool is_new = th_load_rlx(&thread->state) == TH_NEW;
    if (is_new)
        th_store_rlx(&thread->daemon, daemon);
    th_rawlock_release(&th_threads.lock);
    return is_new ? 0 : THRUM_ESTATE;
}

uint64_t thrum_thread_ident(const thrum_thread *thread)
{
    return thread != NULL ? th_load_rlx(&thread->owner) : 0; /* relaxed: a number */
}

uint64_t thrum_thread_native_id(const thrum_thread *thread)
{
    if (thread == NULL)
        return 0;
    /* the first act of a thread that is running is to say its number */
    if (thread->kind == TH_KIND_STARTED && th_record_state(thread) == TH_RUNNING)
        thrum_event_wait((thrum_event *)(uintptr_t)&thread->met);
    return th_load_rlx(&thread->native_id); /* relaxed: a number */
}

int thrum_set_stack_size(size_t bytes)
{
    th_self(); /* an abandoned thread stops here */
    if (!th_stack_bytes_valid(bytes))
        return THRUM_EINVAL;
    th_store_rlx(&default_stack_bytes, bytes); /* relaxed: a number */
    return 0;
}

/* ---- the process ---- */

void th_thread_open(void)
{
    th_registry_open();
}

void th_thread_before_fork(void)
{
    th_rawlock_acquire(&th_threads.lock);
    th_locals_before_fork();
}

void th_thread_after_fork_parent(void)
{
    th_locals_after_fork_parent();
    th_rawlock_release(&th_threads.lock);
}

void th_thread_after_fork_child(void)
{
    th_locals_after_fork_child();
    th_registry_forget_others();
    th_shutdown_after_fork_child();
}
