/* SPDX-License-Identifier: MIT */
/** @file
 *  Registry.
 *
 *  Purpose     Answer who is alive, who I am, and who must still be waited for.
 *  State       Two lists of records and a few numbers under one raw lock; two static records: the
 *              main thread's, and a dummy for threads there is no memory for.
 *  Protocol    A thread is living from its start to its last act but one: it leaves the list, then
 *              announces its end, gives its context back and lets go of its record, so that after a
 *              join it is no longer enumerated. A record that has left is on the list of the ended
 *              until its OS thread has been collected: by a joiner, who claims the record for that,
 *              before or after it has left; by the freer of the last handle; or by the end of the
 *              program, which waits until joiners have collected what they claim.
 *  Invariants  A living record holds a reference to itself, so enumerate may take one more. No
 *              reference is taken to a record that is not living, except by thrum_shutdown on its
 *              leaving. context->thread is written before the context is bound or under this lock,
 *              and th_contexts_stop runs under it, so the record it looks at exists.
 *  Lock order  This lock, then park's. Bucket locks are never held when it is taken.
 *  Awaiting    The end of the program waits for a number to become 0, not for one thread after the
 *              other: a thread that is itself inside thrum_shutdown must stop being awaited.
 *  Rejected    Detaching every OS thread: the process would end under threads that have announced
 *              their end and are still running destructors. A lock-free list: starting a thread
 *              costs some ten microseconds, the lock some ten nanoseconds. */
#include "thread/registry.h"

#include "park/context.h"
#include "park/park.h"
#include "platform/atomic.h"
#include "platform/panic.h"
#include "platform/thread.h"
#include "thread/local.h"

/** How long to wait before looking again whether an OS thread has been collected. */
#define LOOK_NS INT64_C(1000000)
#define MAIN_NAME "MainThread"
#define DUMMY_PREFIX "Dummy"

static thrum_thread main_record = {.state = TH_RUNNING,
                                   .kind = TH_KIND_MAIN,
                                   .list = TH_IN_LIVING,
                                   .is_static = true,
                                   .name = MAIN_NAME};

/** What foreign threads are told they are when there is no memory; in no list. */
static thrum_thread shared_dummy = {
    .state = TH_RUNNING,
    .owner = TH_OWNER_MASK,
    .daemon = 1,
    .kind = TH_KIND_DUMMY,
    .is_static = true,
    .name = DUMMY_PREFIX,
};

th_registry th_threads = {
    .living = {&main_record, &main_record},
    .living_count = 1,
    .main = &main_record,
};

static th_key main_key;

/* ---- under the lock ---- */

static th_thread_list *list_of(const thrum_thread *thread)
{
    return thread->list == TH_IN_LIVING ? &th_threads.living : &th_threads.ended;
}

static void link_last(thrum_thread *thread, int list)
{
    thread->list = list;
    th_thread_list *of = list_of(thread);
    thread->next = NULL;
    thread->previous = of->last;
    if (of->last != NULL)
        of->last->next = thread;
    else
        of->first = thread;
    of->last = thread;
    th_threads.living_count += list == TH_IN_LIVING && !thread->is_hidden;
}

static void unlink_thread(thrum_thread *thread)
{
    if (thread->list == TH_IN_NO_LIST)
        return;
    th_thread_list *of = list_of(thread);
    if (thread->previous != NULL)
        thread->previous->next = thread->next;
    else
        of->first = thread->next;
    if (thread->next != NULL)
        thread->next->previous = thread->previous;
    else
        of->last = thread->previous;
    th_threads.living_count -= thread->list == TH_IN_LIVING && !thread->is_hidden;
    thread->list = TH_IN_NO_LIST;
}

static void await(thrum_thread *thread)
{
    /* relaxed: a daemon is made one under this lock */
    thread->is_awaited = thread->kind == TH_KIND_STARTED && th_load_rlx(&thread->daemon) == 0 &&
                         thread->list == TH_IN_LIVING && thread != th_threads.main;
    th_threads.awaited += thread->is_awaited;
}

/** True if it was the last; then nobody_awaited is to be set, outside the lock. */
static bool await_no_more(thrum_thread *thread)
{
    bool was = thread->is_awaited;
    thread->is_awaited = false;
    th_threads.awaited -= was;
    return was && th_threads.awaited == 0;
}

/* ---- who am I ---- */

/** Let the calling thread be the one that `thread` records. */
static void become(thrum_thread *thread, th_context *self)
{
    th_rawlock_acquire(&th_threads.lock);
    th_store_rlx(&thread->owner, self->self); /* relaxed: an ident is a number */
    thread->os_thread = th_thread_self();
    thread->has_os_thread = true;
    /* relaxed: a number; who sees met sees it */
    th_store_rlx(&thread->native_id, th_native_id());
    if (thread->kind == TH_KIND_DUMMY) {
        thread->holds_itself = true;
        link_last(thread, TH_IN_LIVING);
    }
    self->thread = thread;
    th_rawlock_release(&th_threads.lock);
    thrum_event_set(&thread->met);
}

static __attribute__((noinline)) thrum_thread *meet_unknown(th_context *self, bool make_dummy)
{
    if (th_is_first_thread()) {
        become(th_threads.main, self);
        return th_threads.main;
    }
    if (!make_dummy)
        return NULL;
    thrum_thread *dummy = th_record_new(NULL, DUMMY_PREFIX);
    if (dummy == NULL)
        return &shared_dummy;
    dummy->kind = TH_KIND_DUMMY;
    dummy->state = TH_RUNNING;
    dummy->daemon = 1;
    become(dummy, self);
    return dummy;
}

thrum_thread *th_registry_self(void)
{
    th_context *self = th_self();
    return self->thread != NULL ? self->thread : meet_unknown(self, true);
}

thrum_thread *th_registry_self_or_null(void)
{
    th_context *self = th_self();
    return self->thread != NULL ? self->thread : meet_unknown(self, false);
}

thrum_thread *thrum_current_thread(void)
{
    return th_registry_self();
}

thrum_thread *thrum_main_thread(void)
{
    th_self();
    return th_threads.main;
}

uint64_t thrum_get_ident(void)
{
    return th_self()->self;
}

uint64_t thrum_get_native_id(void)
{
    th_self();
    return th_native_id();
}

/** A foreign thread, or the main thread by pthread_exit, ends; its context is still its own. */
static void foreign_thread_ends(th_context *context)
{
    th_self(); /* an abandoned thread stops here */
    th_locals_end();
    thrum_thread *thread = context->thread;
    if (thread == NULL)
        return;
    th_rawlock_acquire(&th_threads.lock);
    context->thread = NULL;
    unlink_thread(thread);
    thread->has_os_thread = false;
    th_rawlock_release(&th_threads.lock);
    th_record_announce_end(thread);
    th_registry_let_go(thread);
}

static void main_thread_ends(void *value)
{
    th_context *context = value;
    if (context != th_self_or_null())
        return;
    foreign_thread_ends(context);
    th_context_free(context);
}

void th_registry_open(void)
{
    th_context_foreign_end = foreign_thread_ends;
    if (th_key_create(&main_key, main_thread_ends) != 0)
        th_panic("no thread-specific key is left");
    if (!th_is_first_thread())
        return;
    th_context *self = th_self_or_null();
    if (self == NULL) {
        self = th_context_new();
        if (self == NULL)
            th_panic("no memory to meet the main thread");
        th_context_bind(self);
        th_key_set(main_key, self);
    }
    if (self->thread == NULL)
        become(&main_record, self);
}

/* ---- births and deaths ---- */

int th_registry_admit(thrum_thread *thread)
{
    int status = 0;
    th_rawlock_acquire(&th_threads.lock);
    /* relaxed: a state leaves NEW under this lock only, the phase changes under it */
    if (th_load_rlx(&thread->state) != TH_NEW) {
        status = THRUM_ESTATE;
    } else if (th_load_rlx(&th_threads.phase) == TH_PHASE_ENDED) {
        status = THRUM_ESHUTDOWN;
    } else {
        th_store_rlx(&thread->state, TH_STARTING); /* relaxed: under the lock */
        th_record_refer(thread);
        th_record_refer(thread);
        thread->holds_itself = true;
        link_last(thread, TH_IN_LIVING);
        await(thread);
    }
    th_rawlock_release(&th_threads.lock);
    return status;
}

void th_registry_retract(thrum_thread *thread)
{
    th_rawlock_acquire(&th_threads.lock);
    unlink_thread(thread);
    bool last_awaited = await_no_more(thread);
    thread->holds_itself = false;
    th_record_unrefer(thread);
    th_store_rlx(&thread->owner, 0);      /* relaxed: an ident is a number */
    th_store_rlx(&thread->state, TH_NEW); /* relaxed: admit looks under the lock */
    th_rawlock_release(&th_threads.lock);
    if (last_awaited)
        thrum_event_set(&th_threads.nobody_awaited);
}

/** Under the lock. */
static void set_os_thread(thrum_thread *thread, pthread_t os_thread)
{
    thread->os_thread = os_thread;
    thread->has_os_thread = true;
}

void th_registry_introduce(thrum_thread *thread, pthread_t os_thread)
{
    th_rawlock_acquire(&th_threads.lock);
    if (thread->list == TH_IN_LIVING)
        set_os_thread(thread, os_thread);
    th_rawlock_release(&th_threads.lock);
}

void th_registry_meet(thrum_thread *thread)
{
    th_rawlock_acquire(&th_threads.lock);
    set_os_thread(thread, th_thread_self());
    th_thread_set_os_name(thread->os_thread, thread->name);
    /* relaxed: both under the lock. A daemon that the end has overtaken stays without a number: it
     * will not run, and th_shutdown_has_stopped knows it by that. */
    bool is_too_late =
        th_load_rlx(&th_threads.phase) == TH_PHASE_ENDED && th_load_rlx(&thread->daemon) != 0;
    if (!is_too_late) /* relaxed: a number; who sees met sees it */
        th_store_rlx(&thread->native_id, th_native_id());
    th_rawlock_release(&th_threads.lock);
    thrum_event_set(&thread->met);
}

void th_registry_leave(thrum_thread *thread)
{
    th_rawlock_acquire(&th_threads.lock);
    unlink_thread(thread);
    link_last(thread, TH_IN_ENDED);
    bool last_awaited = await_no_more(thread);
    /* relaxed: the phase changes under this lock */
    if (th_load_rlx(&th_threads.phase) == TH_PHASE_JOINING) {
        th_record_refer(thread);
        thread->is_held_for_collection = true;
    }
    th_rawlock_release(&th_threads.lock);
    if (last_awaited)
        thrum_event_set(&th_threads.nobody_awaited);
}

bool th_registry_claim(thrum_thread *thread, pthread_t *ret_os_thread)
{
    th_rawlock_acquire(&th_threads.lock);
    bool claims = thread->list == TH_IN_LIVING && th_record_state(thread) == TH_RUNNING &&
                  thread->kind == TH_KIND_STARTED && thread != th_threads.main &&
                  thread->has_os_thread && !thread->is_claimed;
    if (claims) {
        thread->is_claimed = true;
        *ret_os_thread = thread->os_thread;
    }
    th_rawlock_release(&th_threads.lock);
    return claims;
}

bool th_registry_unclaim(thrum_thread *thread, bool must)
{
    th_rawlock_acquire(&th_threads.lock);
    bool is_exiting = thread->list == TH_IN_LIVING && th_record_state(thread) == TH_FINISHED;
    if (must || is_exiting)
        thread->is_claimed = false;
    th_rawlock_release(&th_threads.lock);
    return must || is_exiting;
}

bool th_registry_is_claimed(const thrum_thread *thread)
{
    th_rawlock_acquire(&th_threads.lock);
    bool is_claimed = thread->is_claimed;
    th_rawlock_release(&th_threads.lock);
    return is_claimed;
}

/** Of a record that nobody refers to; if it is on the list of the ended its OS thread collects
 *  itself. */
static void destroy(thrum_thread *thread)
{
    th_rawlock_acquire(&th_threads.lock);
    bool is_uncollected = thread->list == TH_IN_ENDED && !thread->is_claimed;
    unlink_thread(thread);
    th_rawlock_release(&th_threads.lock);
    if (is_uncollected)
        th_thread_detach(thread->os_thread);
    th_record_free(thread);
}

void th_registry_let_go(thrum_thread *thread)
{
    th_rawlock_acquire(&th_threads.lock);
    bool last = thread->holds_itself && th_record_unrefer(thread);
    thread->holds_itself = false;
    th_rawlock_release(&th_threads.lock);
    if (last)
        destroy(thread);
}

void th_registry_drop(thrum_thread *thread)
{
    if (th_record_unrefer(thread))
        destroy(thread);
}

static void reap(pthread_t os_thread)
{
    if (th_thread_is_self(os_thread))
        th_thread_detach(os_thread);
    else
        th_thread_reap(os_thread);
}

/** Have the caller collect the OS thread of one that has ended; false: another does, or has. */
static bool claim_ended(thrum_thread *thread, pthread_t *ret_os_thread)
{
    th_rawlock_acquire(&th_threads.lock);
    bool claims = thread->list == TH_IN_ENDED && !thread->is_claimed;
    if (claims) {
        thread->is_claimed = true;
        *ret_os_thread = thread->os_thread;
    }
    th_rawlock_release(&th_threads.lock);
    return claims;
}

/** The OS thread has been collected: take the record off the list. Returns whether the caller is to
 *  drop the reference that was held for that. */
static bool end_claim(thrum_thread *thread)
{
    th_rawlock_acquire(&th_threads.lock);
    unlink_thread(thread);
    bool was_held = thread->is_held_for_collection;
    thread->is_claimed = thread->has_os_thread = thread->is_held_for_collection = false;
    th_rawlock_release(&th_threads.lock);
    return was_held;
}

void th_registry_collect(thrum_thread *thread)
{
    pthread_t os_thread;
    if (!claim_ended(thread, &os_thread))
        return;
    reap(os_thread);
    if (end_claim(thread))
        th_registry_drop(thread);
}

/** Take the longest ended that nobody claims; false: there is none. */
static bool take_any_ended(thrum_thread **ret_held, pthread_t *ret_os_thread)
{
    th_rawlock_acquire(&th_threads.lock);
    thrum_thread *thread = th_threads.ended.first;
    while (thread != NULL && thread->is_claimed)
        thread = thread->next;
    if (thread != NULL) {
        unlink_thread(thread);
        *ret_os_thread = thread->os_thread;
        *ret_held = thread->is_held_for_collection ? thread : NULL;
        thread->is_held_for_collection = false;
    }
    th_rawlock_release(&th_threads.lock);
    return thread != NULL;
}

/** Whether a joiner still waits for an OS thread other than the caller's to end. */
static bool others_collect(void)
{
    th_rawlock_acquire(&th_threads.lock);
    const thrum_thread *thread = th_threads.ended.first;
    while (thread != NULL && (!thread->is_claimed || th_thread_is_self(thread->os_thread)))
        thread = thread->next;
    th_rawlock_release(&th_threads.lock);
    return thread != NULL;
}

void th_registry_collect_all(void)
{
    thrum_thread *held;
    pthread_t os_thread;
    for (;;) {
        while (take_any_ended(&held, &os_thread)) {
            reap(os_thread);
            if (held != NULL)
                th_registry_drop(held);
        }
        if (!others_collect())
            return;
        th_doze(th_self(), thrum_now() + LOOK_NS); /* seldom: destructors of keys run */
    }
}

/* ---- the end of the program ---- */

void th_registry_enter_shutdown(thrum_thread *thread)
{
    if (thread == NULL)
        return;
    th_rawlock_acquire(&th_threads.lock);
    bool last_awaited = await_no_more(thread);
    th_rawlock_release(&th_threads.lock);
    if (last_awaited)
        thrum_event_set(&th_threads.nobody_awaited);
}

void th_registry_leave_shutdown(thrum_thread *thread)
{
    if (thread == NULL)
        return;
    th_rawlock_acquire(&th_threads.lock);
    await(thread);
    th_rawlock_release(&th_threads.lock);
}

bool th_registry_hold_end(void)
{
    th_rawlock_acquire(&th_threads.lock);
    /* relaxed: the phase changes under this lock */
    bool in_time = th_load_rlx(&th_threads.phase) != TH_PHASE_ENDED;
    th_threads.awaited += in_time;
    th_rawlock_release(&th_threads.lock);
    return in_time;
}

void th_registry_let_end(void)
{
    th_rawlock_acquire(&th_threads.lock);
    bool last_awaited = --th_threads.awaited == 0;
    th_rawlock_release(&th_threads.lock);
    if (last_awaited)
        thrum_event_set(&th_threads.nobody_awaited);
}

void th_registry_turn_daemon(thrum_thread *thread, bool daemon)
{
    th_rawlock_acquire(&th_threads.lock);
    th_store_rlx(&thread->daemon, daemon); /* relaxed: the end looks under the lock */
    bool last_awaited = await_no_more(thread) && daemon;
    await(thread);
    th_rawlock_release(&th_threads.lock);
    if (last_awaited)
        thrum_event_set(&th_threads.nobody_awaited);
}

static bool somebody_is_awaited(void)
{
    th_rawlock_acquire(&th_threads.lock);
    bool somebody = th_threads.awaited > 0;
    if (somebody)
        thrum_event_clear(&th_threads.nobody_awaited);
    th_rawlock_release(&th_threads.lock);
    return somebody;
}

void th_registry_await_all(void)
{
    while (somebody_is_awaited())
        thrum_event_wait(&th_threads.nobody_awaited);
}

/* ---- fork ---- */

/** Let a record go whose thread is not in this process. */
static void forget(thrum_thread *thread)
{
    unlink_thread(thread);
    thread->is_awaited = thread->has_os_thread = false;
    th_store_rlx(&thread->state, TH_FINISHED); /* relaxed: no other thread exists */
    thrum_event_set(&thread->met);
    bool last = thread->is_held_for_collection && th_record_unrefer(thread);
    last = (thread->holds_itself && th_record_unrefer(thread)) || last;
    thread->holds_itself = thread->is_held_for_collection = false;
    if (last)
        th_record_free(thread);
}

static void forget_all_but(const thrum_thread *self, const th_thread_list *list)
{
    for (thrum_thread *thread = list->first, *next; thread != NULL; thread = next) {
        next = thread->next;
        if (thread != self)
            forget(thread);
    }
}

/** The record of the only thread of this process, which had none or is a dummy, becomes a main
 *  thread's; one that was started stays what it is, and is the main thread. */
static void promote(thrum_thread *self)
{
    if (self->kind != TH_KIND_STARTED) {
        self->kind = TH_KIND_MAIN;
        /* relaxed: no other thread exists */
        th_store_rlx(&self->daemon, 0);
        th_store_rlx(&self->state, TH_RUNNING);
        th_store_rlx(&self->name, MAIN_NAME);
    }
    if (self->list == TH_IN_NO_LIST)
        link_last(self, TH_IN_LIVING);
    if (th_threads.main != self)
        th_record_refer(self); /* a main thread's record is valid for ever */
    th_threads.main = self;
}

void th_registry_forget_others(void)
{
    th_context *context = th_self_or_null();
    thrum_thread *self = context != NULL ? context->thread : NULL;
    if (self == NULL)
        self = &main_record;
    forget_all_but(self, &th_threads.living);
    forget_all_but(self, &th_threads.ended);
    promote(self);
    th_threads.living_count = 1; /* also if the caller was hidden until now */
    self->is_hidden = self->is_awaited = self->is_claimed = false;
    self->os_thread = th_thread_self();
    self->has_os_thread = true;
    /* relaxed: no other thread exists; the ident stays */
    th_store_rlx(&self->native_id, th_native_id());
    if (context != NULL) {
        th_store_rlx(&self->owner, context->self);
        context->thread = self;
    }
    th_threads.awaited = 0;
    th_threads.nobody_awaited = (thrum_event)THRUM_EVENT_INIT;
    th_threads.lock = (th_rawlock){0};
}
