/* SPDX-License-Identifier: MIT */
/** @file
 *  Context: what park knows of a flow of execution: how it sleeps, its owner word, what it waits
 *  for. Contexts are type-stable: recycled, never unmapped, so a late wake-up or a stale look at
 *  one reads a context, if perhaps another's. */
#ifndef TH_PARK_CONTEXT_H
#define TH_PARK_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/backoff.h"
#include "thrum/time.h"

/** How a context suspends itself and is resumed: a futex by default; a virtual thread or an
 *  interpreter's hook installs its own. A parker holds at most one permit. */
typedef struct th_parker {
    /** Consume a permit, waiting for one until `deadline` at most. May return early. */
    void (*suspend)(struct th_parker *parker, thrum_time deadline);
    /** Give a permit, waking the context if it is suspended. Async-signal-safe. Atomic, since a
     *  late wake-up may read it while the context begins its next use. */
    void (*resume)(struct th_parker *parker);
    /** Of the futex parker. Card: 0 no permit; 1 a permit; 2 no permit and suspended. The context
     *  itself moves 1 to 0 and 0 to 2 to 0, resumers swap in 1. */
    uint32_t permit;
} th_parker;

/** The owner word leaves its low four bits to the objects it is stored in. */
#define TH_OWNER_SHIFT 4
#define TH_OWNER_MASK (~(uint32_t)15)

typedef struct th_context {
    th_parker parker;
    /** (generation << 20 | index) << TH_OWNER_SHIFT; never 0; constant while in use. Atomic, since
     *  a look at a recycled context may race with the next use; written under the registry's
     *  lock. */
    uint32_t self;
    /** Card: 1 from th_contexts_stop until the end of the process. Written by the thread that ends
     *  the program, read by the context itself. */
    uint32_t must_stop;
    /** The table key this context is queued under in a wait without a deadline on something owned;
     *  0 otherwise. Written by itself, and by th_bucket_move under both bucket locks. */
    uintptr_t waits_on;
    /** Counts such waits, so that a look can tell one wait from the next. */
    uint32_t waits;
    /** The last of them that a deadlock report was about; see src/observe/deadlock.c. */
    uint32_t reported;
    /** How many pauses th_park may spin, and how many waits go by without spinning once that is
     *  none; see park/park.c. The context's own. */
    uint32_t spin_pauses;
    uint32_t spin_skips;
    uint32_t spin_retry;
    th_backoff yields; /**< tries to give way before it sleeps; the context's own */
    /** Inside thrum_shutdown, so not to be stopped, whatever its thread is; under the registry's
     *  lock. */
    bool is_spared;
    /** Its thread's thrum_private_self, zeroed to stop the inlined fast paths. NULL: not bound. */
    uint32_t *inline_self;
    /** The thread layer's record of this context, or NULL. Only the context itself reads it. */
    void *thread;
    /** The flow layer's record of what this context runs, or NULL; under that layer's lock. */
    void *runner;
    struct th_context *next_free;
} th_context;

/** The calling thread's context; bound on the first call. Stops the caller for good if the program
 *  has ended. Never NULL: without memory for it there is a panic, unless th_context_new was asked
 *  before. Every slow path of every object begins here. */
th_context *th_self(void);

/** Whether the program has ended for this context, so that its next th_self stops it. Who has been
 *  granted something gives it back first. */
bool th_must_stop(const th_context *self);

/** th_self without stopping, for a release: what an abandoned thread holds it gives back first. */
th_context *th_self_to_release(void);

/** The calling thread's context if it has one, without binding or stopping. Async-signal-safe. */
th_context *th_self_or_null(void);

/** A context for a thread that is about to start, or NULL. */
th_context *th_context_new(void);
/** How `context` sleeps and is resumed from now on; the futex until this is called. */
void th_context_install_parker(th_context *context, void (*suspend)(th_parker *, thrum_time),
                               void (*resume)(th_parker *));
/** Whether `context` sleeps on a futex. */
bool th_context_has_default_parker(const th_context *context);
/** Give `context` a permit, waking it if it is suspended. Async-signal-safe. */
void th_context_resume(th_context *context);
/** Make `context` the calling thread's own. */
void th_context_bind(th_context *context);
/** Give a context back: the calling thread's own (it is unbound), or one never bound. */
void th_context_free(th_context *context);
/** Called with the context of a foreign thread when that thread ends, before it is given back. Set
 *  by the thread layer. */
extern void (*th_context_foreign_end)(th_context *context);

/** The context whose owner word is `owner` (low bits ignored), or NULL if it is gone. */
th_context *th_context_of(uint32_t owner);

/** Make every bound context other than the caller's for which `daemon(thread)` says so stop for
 *  good at its next thrum call. `thread` is the thread layer's record, NULL for unknown threads. */
void th_contexts_stop(bool (*daemon)(void *thread));
/** Whether th_contexts_stop leaves the calling thread's context alone; it does not at first. */
void th_context_spare(th_context *context, bool spared);

/** Fork, for src/park/fork.c: hold the registry, let go, or let go and forget all but self. */
void th_contexts_before_fork(void);
void th_contexts_after_fork_parent(void);
void th_contexts_after_fork_child(void);

#endif
