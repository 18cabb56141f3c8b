/* SPDX-License-Identifier: MIT */
/** @file
 *  Record: what the library knows of one thread, and the handle that programs hold. */
#ifndef TH_THREAD_RECORD_H
#define TH_THREAD_RECORD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thread/failure.h"
#include "thrum/event.h"
#include "thrum/thread.h"

typedef enum th_thread_kind {
    TH_KIND_STARTED, /**< made by thrum_thread_new */
    TH_KIND_MAIN,    /**< runs main */
    TH_KIND_DUMMY,   /**< a foreign thread that has asked who it is */
} th_thread_kind;

/** Card of `state`, which is also the address that joiners queue under, but for one with a claim:
 *      NEW -> STARTING       by thrum_thread_start, under the registry's lock
 *      STARTING -> NEW       by the same call, under the same lock, when no thread could be made
 *      STARTING -> RUNNING   by the new thread or by the same call, whichever comes first (CAS)
 *      any -> FINISHED       by th_record_announce_end, under the bucket lock of the joiners; and
 *                            in a forked child, for the threads that are not in it
 *  Main and dummy records begin as RUNNING. */
enum { TH_NEW, TH_STARTING, TH_RUNNING, TH_FINISHED };

/** Which list of the registry a record is in. */
enum { TH_IN_NO_LIST, TH_IN_LIVING, TH_IN_ENDED };

/** A name given after the first; kept as long as its thread. */
typedef struct th_name {
    struct th_name *previous;
    char text[];
} th_name;

#define TH_FIRST_NAME_BYTES 32

struct thrum_thread {
    /** Card: handles + 1 while the OS thread holds itself + 1 during its start + 1 while the end of
     *  the program has it to collect. Grows under the registry's lock only; who takes it to 0 frees
     *  the record. Of the static records it means nothing. */
    uint32_t references;
    uint32_t state;
    /** Card: the owner word of its context, which is its ident; 0 before the start. Written by who
     *  starts it, by the thread itself where it was not started, never changed back but by a start
     *  that failed. */
    uint32_t owner;
    uint32_t native_id; /**< Card: 0, then for ever the kernel's number; by the thread itself */
    /** Card: 0 or 1; under the registry's lock: while NEW, or by th_registry_turn_daemon. Read
     *  anywhere. */
    uint32_t daemon;
    const char *name; /**< Card: the present name; under the registry's lock, read anywhere */
    thrum_event met;  /**< set once native_id is known */
    thrum_target target;
    void *arg;
    size_t stack_bytes;
    void *result;       /**< published by FINISHED */
    th_failure failure; /**< the target's; the thread's own */
    bool is_finishing;  /**< the target has ended, by whatever way; the thread's own */

    /* under the registry's lock */
    th_thread_kind kind;
    int list;                             /**< which one it is in */
    struct thrum_thread *next, *previous; /**< in that list */
    th_name *later_names;                 /**< the last given first */
    pthread_t os_thread;                  /**< meaningful while has_os_thread */
    bool has_os_thread;                   /**< once its starter or the thread itself said so */
    bool holds_itself;                    /**< one of the references is the OS thread's */
    bool is_awaited;                      /**< counted among those whom the program's end awaits */
    bool is_claimed;                      /**< a joiner waits for the OS thread, or collects it */
    bool is_held_for_collection;          /**< one of the references is thrum_shutdown's */

    bool is_static; /**< never freed; constant */
    bool is_hidden; /**< the library's own: not enumerated, not counted; constant once started */
    char first_name[TH_FIRST_NAME_BYTES];
};

/** A record with one reference and its first name, or NULL. `name` NULL means PREFIX-N, where N
 *  counts all such names. */
thrum_thread *th_record_new(const char *name, const char *prefix);

/** Free a record nobody refers to. */
void th_record_free(thrum_thread *thread);

/** One reference more, by who holds one or knows that the record does. */
void th_record_refer(thrum_thread *thread);
/** One less; true if it was the last, and the record is the caller's to free. */
bool th_record_unrefer(thrum_thread *thread);

/** A name to give later, not yet the thread's, or NULL. */
th_name *th_name_new(const char *text);

/** Give the thread that name. Call under the registry's lock. */
void th_record_push_name(thrum_thread *thread, th_name *name);

/** Give the thread a name that it has had, if it has had this one; false: it has not. Call under
 *  the registry's lock. */
bool th_record_reuse_name(thrum_thread *thread, const char *text);

/** Finished: all joiners wake. The caller's reference keeps the record. */
void th_record_announce_end(thrum_thread *thread);

/** The state, with what happened before it was reached. */
uint32_t th_record_state(const thrum_thread *thread);

#endif
