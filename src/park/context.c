/* SPDX-License-Identifier: MIT */
/** @file
 *  Context.
 *
 *  Purpose     Give every thread, ours or foreign, an owner word and a way to sleep.
 *  State       A registry of chunks of contexts, indexed by the number in the owner word, and a
 *              first-in first-out list of free ones, under one raw lock. Per thread
 *              a pointer to its context, and what the inlined fast paths read: thrum_private_self,
 *              and thrum_private_sequence, which stays as it is once it is set.
 *  Protocol    th_self binds on first use. A foreign thread's context goes back through a pthread
 *              key when the thread ends, a thrum thread's by th_context_free.
 *  Invariants  A context is never unmapped. Its owner word changes only while it is free, and comes
 *              again only after 256 uses of it, each of which waited for all other free contexts.
 *              thrum_private_self is 0 in a thread without a context and in one that must stop.
 *  Stopping    th_contexts_stop marks the contexts of daemons and zeroes their thrum_private_self,
 *              so that the next inlined fast path fails into th_self, which never returns.
 *  Rejected    Freeing contexts: a waker resumes a context after the waiter may have gone, and a
 *              deadlock walk reads the contexts of others. Hazard pointers for that would cost more
 *              than the memory. */
#include "park/context.h"

#include "park/rawlock.h"
#include "platform/atomic.h"
#include "platform/backend.h"
#include "platform/cpu.h"
#include "platform/futex.h"
#include "platform/memory.h"
#include "platform/panic.h"
#include "platform/restart.h"
#include "platform/thread.h"
#include "thrum/lock.h"

#define INDEX_BITS th_limit(20, 8)
#define INDEX_MASK ((1u << INDEX_BITS) - 1)
#define GENERATION_STEP (1u << (INDEX_BITS + TH_OWNER_SHIFT))
#define CHUNK_BITS th_limit(8, 3)
#define CHUNK_SIZE (1u << CHUNK_BITS)
#define CHUNKS (1u << (INDEX_BITS - CHUNK_BITS))

__thread uint32_t thrum_private_self;
__thread uint64_t *thrum_private_sequence;
static __thread th_context *self_context __attribute__((tls_model("initial-exec")));

void (*th_context_foreign_end)(th_context *context) = NULL;

static th_rawlock registry_lock;
static th_context *chunks[CHUNKS]; /**< filled in order under the lock, read without */
static uint32_t contexts_made;     /**< under the lock; index 0 is never used */
static th_context *free_first, *free_last;
static th_key end_key;

static void futex_suspend(th_parker *parker, thrum_time deadline)
{
    uint32_t permit = 0;
    /* pairs: futex_resume, also when a permit is there already */
    if (th_cas_acq(&parker->permit, &permit, 2))
        th_futex_wait(&parker->permit, 2, deadline);
    /* pairs: futex_resume */
    th_swap_acq(&parker->permit, 0);
}

static void futex_resume(th_parker *parker)
{
    /* pairs: futex_suspend */
    if (th_swap_rel(&parker->permit, 1) == 2)
        th_futex_wake(&parker->permit);
}

void th_context_install_parker(th_context *context, void (*suspend)(th_parker *, thrum_time),
                               void (*resume)(th_parker *))
{
    context->parker.suspend = suspend;
    /* relaxed: what it points to is constant; a late waker may call the one before */
    th_store_rlx(&context->parker.resume, resume);
}

bool th_context_has_default_parker(const th_context *context)
{
    return context->parker.suspend == futex_suspend;
}

void th_context_resume(th_context *context)
{
    /* relaxed: see th_context_install_parker */
    void (*resume)(th_parker *) = th_load_rlx(&context->parker.resume);
    resume(&context->parker);
}

/** Under the registry's lock: map one more context, or NULL. */
static th_context *make_context(void)
{
    uint32_t index = contexts_made + 1;
    if (index > INDEX_MASK)
        return NULL;
    th_context *chunk = chunks[index >> CHUNK_BITS];
    if (chunk == NULL) {
        chunk = th_pages(CHUNK_SIZE * sizeof(th_context));
        if (chunk == NULL)
            return NULL;
        /* pairs: th_context_of */
        th_store_rel(&chunks[index >> CHUNK_BITS], chunk);
    }
    contexts_made = index;
    th_context *context = &chunk[index & (CHUNK_SIZE - 1)];
    /* relaxed: nobody knows the context yet */
    th_store_rlx(&context->self, index << TH_OWNER_SHIFT);
    return context;
}

th_context *th_context_new(void)
{
    th_rawlock_acquire(&registry_lock);
    th_context *context = free_first;
    if (context != NULL) {
        free_first = context->next_free;
        if (free_first == NULL)
            free_last = NULL;
        /* relaxed: an owner word is compared, nothing is read through it */
        th_store_rlx(&context->self, th_load_rlx(&context->self) + GENERATION_STEP);
    } else {
        context = make_context();
    }
    th_rawlock_release(&registry_lock);
    if (context == NULL)
        return NULL;
    context->next_free = NULL;
    th_context_install_parker(context, futex_suspend, futex_resume);
    context->spin_pauses = th_has_many_cpus() ? th_pauses_per_us() * 2 : 0;
    context->spin_skips = 0;
    context->spin_retry = 1;
    context->is_spared = false;
    context->thread = NULL;
    return context;
}

void th_context_bind(th_context *context)
{
    self_context = context;
    thrum_private_sequence = th_restart_sequence();
    th_rawlock_acquire(&registry_lock);
    context->inline_self = th_thread_local_address(&thrum_private_self);
    /* relaxed: both words are this thread's own, or stopped under this lock */
    if (th_load_rlx(&context->must_stop) == 0)
        th_store_rlx(&thrum_private_self, th_load_rlx(&context->self));
    th_rawlock_release(&registry_lock);
}

void th_context_free(th_context *context)
{
    th_rawlock_acquire(&registry_lock);
    if (context == self_context) {
        self_context = NULL;
        /* relaxed: this thread's own word */
        th_store_rlx(&thrum_private_self, 0);
    }
    context->inline_self = NULL;
    context->thread = NULL;
    if (free_last != NULL)
        free_last->next_free = context;
    else
        free_first = context;
    free_last = context;
    th_rawlock_release(&registry_lock);
}

static void foreign_thread_ends(void *value)
{
    th_context *context = value;
    if (context != self_context)
        return;
    if (th_context_foreign_end != NULL)
        th_context_foreign_end(context);
    th_context_free(context);
}

TH_CONSTRUCTOR_SYSTEM static void make_end_key(void)
{
    if (th_key_create(&end_key, foreign_thread_ends) != 0)
        th_panic("no thread-specific key is left");
}

static __attribute__((noinline)) th_context *bind_or_stop(void)
{
    if (self_context != NULL)
        th_stop_for_good();
    th_context *context = th_context_new();
    if (context == NULL)
        th_panic("no memory to meet a thread that was not started by thrum");
    th_context_bind(context);
    th_key_set(end_key, context);
    return context;
}

th_context *th_self(void)
{
    th_context *context = self_context;
    /* relaxed: stopping promises no order */
    if (context != NULL && th_load_rlx(&context->must_stop) == 0)
        return context;
    return bind_or_stop();
}

bool th_must_stop(const th_context *self)
{
    return th_load_rlx(&self->must_stop) != 0; /* relaxed: stopping promises no order */
}

th_context *th_self_to_release(void)
{
    return self_context != NULL ? self_context : th_self();
}

th_context *th_self_or_null(void)
{
    return self_context;
}

th_context *th_context_of(uint32_t owner)
{
    uint32_t index = (owner >> TH_OWNER_SHIFT) & INDEX_MASK;
    /* pairs: make_context */
    th_context *chunk = th_load_acq(&chunks[index >> CHUNK_BITS]);
    if (index == 0 || chunk == NULL)
        return NULL;
    th_context *context = &chunk[index & (CHUNK_SIZE - 1)];
    /* relaxed: compared only */
    return th_load_rlx(&context->self) == (owner & TH_OWNER_MASK) ? context : NULL;
}

void th_contexts_stop(bool (*daemon)(void *thread))
{
    th_rawlock_acquire(&registry_lock);
    for (uint32_t index = 1; index <= contexts_made; index++) {
        th_context *context = &chunks[index >> CHUNK_BITS][index & (CHUNK_SIZE - 1)];
        if (context->inline_self == NULL || context == self_context || context->is_spared ||
            !daemon(context->thread))
            continue;
        /* relaxed: seen at the latest when that thread's caches say so; no order is promised */
        th_store_rlx(&context->must_stop, 1);
        th_store_rlx(context->inline_self, 0);
    }
    th_rawlock_release(&registry_lock);
}

void th_context_spare(th_context *context, bool spared)
{
    th_rawlock_acquire(&registry_lock);
    context->is_spared = spared;
    th_rawlock_release(&registry_lock);
}

void th_contexts_before_fork(void)
{
    th_rawlock_acquire(&registry_lock);
}

void th_contexts_after_fork_parent(void)
{
    th_rawlock_release(&registry_lock);
}

/** The other contexts are lost with their threads: their owner words stay taken, so that a lock a
 *  vanished thread held is never mistaken for one of a new thread's. */
void th_contexts_after_fork_child(void)
{
    for (uint32_t index = 1; index <= contexts_made; index++) {
        th_context *context = &chunks[index >> CHUNK_BITS][index & (CHUNK_SIZE - 1)];
        if (context != self_context)
            context->inline_self = NULL;
        /* relaxed: no other thread exists; the child's end is not the parent's */
        th_store_rlx(&context->must_stop, 0);
    }
    if (self_context != NULL) /* relaxed: this thread's own words */
        th_store_rlx(&thrum_private_self, th_load_rlx(&self_context->self));
    registry_lock.word = 0;
}
