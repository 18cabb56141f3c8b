/* SPDX-License-Identifier: MIT */
/** @file
 *  Registry: which threads live, which have ended but are not collected yet, and how far the end of
 *  the program has come. */
#ifndef TH_THREAD_REGISTRY_H
#define TH_THREAD_REGISTRY_H

#include "park/rawlock.h"
#include "thread/record.h"

/** Card of `phase`, under the registry's lock, also read without:
 *      RUNNING -> CALLBACKS   by the first thrum_shutdown
 *      CALLBACKS -> JOINING   by it, when no callback is left; none can be added any more
 *      JOINING -> ENDED       by it, when nobody is awaited; no thread can be started any more
 *      any -> RUNNING         in a forked child in which that call does not go on */
enum { TH_PHASE_RUNNING, TH_PHASE_CALLBACKS, TH_PHASE_JOINING, TH_PHASE_ENDED };

typedef struct th_thread_list {
    thrum_thread *first, *last;
} th_thread_list;

/** Everything under `lock`, which is taken before park's locks, never inside a bucket lock. Nothing
 *  that may stop the caller (th_self) is called under it. */
typedef struct th_registry {
    th_rawlock lock;
    th_thread_list living; /**< in order of birth */
    th_thread_list ended;  /**< whose OS threads nobody has collected */
    size_t living_count;
    /** started, not daemons, alive, not inside thrum_shutdown; and holds (th_registry_hold_end) */
    size_t awaited;
    thrum_event nobody_awaited; /**< set after `awaited` became 0; cleared by who waits for it */
    thrum_thread *main;         /**< the main thread's record; changes in forked children only */
    uint32_t phase;
    uint32_t runner; /**< owner word of the thread inside the first thrum_shutdown, or 0 */
} th_registry;

extern th_registry th_threads;

/** Make the calling thread, if it is the process's first, known as the main thread; and listen to
 *  the ends of foreign threads. Called once by a constructor. */
void th_registry_open(void);

/** The calling thread's record; a foreign thread gets a dummy. Never NULL: without memory for it
 *  the answer is a static dummy which all such threads share. */
thrum_thread *th_registry_self(void);
/** The same without making a dummy: NULL for a foreign thread that has none. */
thrum_thread *th_registry_self_or_null(void);

/** Begin to start: the record is living, and two more references are held, the OS thread's and the
 *  starter's. Returns 0, THRUM_ESTATE or THRUM_ESHUTDOWN. */
int th_registry_admit(thrum_thread *thread);
/** Take the last admit back, but for the starter's reference: no thread could be made. */
void th_registry_retract(thrum_thread *thread);
/** The starter knows the OS thread, which may be far on its way, or gone. */
void th_registry_introduce(thrum_thread *thread, pthread_t os_thread);
/** The new thread's first act: it has an OS thread, whose name is set. */
void th_registry_meet(thrum_thread *thread);
/** The thread's last act but announcing its end: it is living no more. */
void th_registry_leave(thrum_thread *thread);
/** The OS thread lets go of its own record. */
void th_registry_let_go(thrum_thread *thread);

/** Drop a reference; the last frees the record and lets its OS thread collect itself. */
void th_registry_drop(thrum_thread *thread);
/** Let nobody collect the OS thread of a living thread, since the caller waits for it. False:
 *  somebody else does, it is not known yet, the thread has ended or is the main thread. */
bool th_registry_claim(thrum_thread *thread, pthread_t *ret_os_thread);
/** Take the claim back, if the claimant `must` or the thread has announced its end although it is
 *  still to end the program; false: not now. */
bool th_registry_unclaim(thrum_thread *thread, bool must);
bool th_registry_is_claimed(const thrum_thread *thread);
/** Collect the OS thread of a thread that has ended, unless somebody else has. */
void th_registry_collect(thrum_thread *thread);
/** Collect those of all threads that have ended, or wait until their joiners have. */
void th_registry_collect_all(void);

/** Step in and out of thrum_shutdown, during which nobody awaits the thread; NULL does nothing. */
void th_registry_enter_shutdown(thrum_thread *thread);
void th_registry_leave_shutdown(thrum_thread *thread);
/** Have the end of the program await one thing more, which is not a thread, until it is let go.
 *  False: the program has ended already. */
bool th_registry_hold_end(void);
void th_registry_let_end(void);
/** Make the calling thread, one that thrum_thread_start made, a daemon or not from now on: what it
 *  runs for others is awaited or not. */
void th_registry_turn_daemon(thrum_thread *thread, bool daemon);
/** Wait until nobody is awaited. */
void th_registry_await_all(void);

/** Write `"NAME" (tid N)` of the thread that owns `owner`, or that it is gone, into `buffer`.
 *  Returns how many bytes. Call without bucket locks. */
size_t th_thread_describe(uint32_t owner, char *buffer, size_t bytes);

/** In a forked child, under the lock: the calling thread is the main thread and the only one. */
void th_registry_forget_others(void);

#endif
