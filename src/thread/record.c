/* SPDX-License-Identifier: MIT */
/** @file
 *  Record.
 *
 *  Purpose     The memory of a thread: its names, and the word that says how far it has come.
 *  State       See the cards in the header. One counter numbers the threads without a name.
 *  Protocol    A name is never freed before its record, so a reader needs no lock: the pointer it
 *              reads stays good. A name that comes again is not stored again, so a thread that
 *              changes between a few names does not grow. The end is announced like any wake-up:
 *              waiters are taken under the bucket lock, the word changes, they are let go.
 *  Invariants  FINISHED is the last thing that joiners wait for, and final.
 *  Rejected    An event for the end: a join must tell deadlock reports whom it waits for, and an
 *              event has no owner. */
#include "thread/record.h"

#include <string.h>

#include "park/park.h"
#include "platform/atomic.h"
#include "platform/memory.h"

#define DIGITS_MAX 20

/** Card: the last number given to a thread without a name; only grows. */
static uint64_t names_given;

th_name *th_name_new(const char *text)
{
    size_t bytes = strlen(text) + 1;
    th_name *name = th_alloc(sizeof *name + bytes);
    if (name != NULL)
        memcpy(name->text, text, bytes);
    return name;
}

void th_record_push_name(thrum_thread *thread, th_name *name)
{
    name->previous = thread->later_names;
    thread->later_names = name;
    th_store_rel(&thread->name, name->text); /* pairs: thrum_thread_name */
}

bool th_record_reuse_name(thrum_thread *thread, const char *text)
{
    const char *had = thread->first_name;
    th_name *later = thread->later_names;
    for (; later != NULL && strcmp(had, text) != 0; later = later->previous)
        had = later->text;
    bool found = strcmp(had, text) == 0;
    if (found)
        th_store_rel(&thread->name, had); /* pairs: thrum_thread_name */
    return found;
}

/** PREFIX-N. By hand, since every start waits for it. */
static void write_numbered(char *to, const char *prefix, uint64_t number)
{
    char digits[DIGITS_MAX];
    size_t first = sizeof digits;
    for (; number != 0; number /= 10)
        digits[--first] = (char)('0' + number % 10);
    to = stpcpy(to, prefix);
    *to++ = '-';
    memcpy(to, digits + first, sizeof digits - first);
    to[sizeof digits - first] = '\0';
}

/** Name a record nobody else knows yet; false: no memory. */
static bool name_first(thrum_thread *thread, const char *name, const char *prefix)
{
    size_t bytes = name != NULL ? strlen(name) + 1 : 0;
    if (bytes > sizeof thread->first_name) {
        th_name *long_name = th_name_new(name);
        if (long_name != NULL)
            th_record_push_name(thread, long_name);
        return long_name != NULL;
    }
    if (name != NULL)
        memcpy(thread->first_name, name, bytes);
    else /* relaxed: the numbers need only differ */
        write_numbered(thread->first_name, prefix, th_add_rlx(&names_given, 1) + 1);
    thread->name = thread->first_name;
    return true;
}

thrum_thread *th_record_new(const char *name, const char *prefix)
{
    thrum_thread *thread = th_alloc(sizeof *thread);
    if (thread == NULL)
        return NULL;
    thread->references = 1;
    if (name_first(thread, name, prefix))
        return thread;
    th_free(thread);
    return NULL;
}

void th_record_free(thrum_thread *thread)
{
    while (thread->later_names != NULL) {
        th_name *name = thread->later_names;
        thread->later_names = name->previous;
        th_free(name);
    }
    th_free(thread);
}

void th_record_refer(thrum_thread *thread)
{
    th_add_rlx(&thread->references, 1); /* relaxed: see the header */
}

bool th_record_unrefer(thrum_thread *thread)
{
    /* pairs: itself: what others did with the record comes before its memory is freed */
    return !thread->is_static && th_sub_acq_rel(&thread->references, 1) == 1;
}

uint32_t th_record_state(const thrum_thread *thread)
{
    return th_load_acq(&thread->state); /* pairs: th_record_announce_end */
}

void th_record_announce_end(thrum_thread *thread)
{
    th_wake_list wake = {.first = NULL};
    uintptr_t key = (uintptr_t)&thread->state;
    th_bucket *bucket = th_bucket_lock(key);
    for (th_waiter *joiner; (joiner = th_bucket_first(bucket, key)) != NULL;)
        th_wake_list_take(&wake, bucket, joiner, 0);
    th_store_rel(&thread->state, TH_FINISHED); /* pairs: th_record_state */
    th_wake_list_grant(&wake);
    th_bucket_unlock(bucket);
    th_wake_list_resume(&wake);
}
