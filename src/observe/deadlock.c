/* SPDX-License-Identifier: MIT */
/** @file
 *  Deadlock reports.
 *
 *  Purpose     When a thread is about to sleep without a deadline on something that has an owner,
 *              find out whether the owner waits, over any number of such steps, for this thread; if
 *              so, say who waits for what, once.
 *  State       None of its own but the mode, set before main. What it follows is in the layers
 *              below: a context's `waits_on` names the queue its waiter is in, the waiter (under
 *              the bucket lock) names the owner.
 *  Protocol    The thread has queued its own waiter before it walks, so of the threads that close a
 *              cycle the last to queue sees all of it. Every hop looks at a waiter under the lock
 *              of its bucket: while the waiter is queued, the object it waits for exists.
 *  Certainty   The hops are looked at one after the other, so a walk may see a cycle that never
 *              was. It is walked again: if every thread in it is still in the same wait (`waits`
 *              counts them) for the same owner, then each of them was waiting during the whole
 *              time between the two looks, no owner could release anything, and the cycle is real.
 *              What the second walk has read is told: by then every owner has noted where it took
 *              what it holds.
 *              But a plain Lock can be released by a thread outside the cycle, hence "appear to".
 *              A lock for which that has happened once (TH_FOREIGN) is not followed.
 *  Self        A cycle of one is a lock acquired again by its holder. If the process has no other
 *              thread, nobody can release it: that is misuse. Otherwise it is said, and waited for.
 *  Cost        Nothing on an uncontended path; a hop or two, tens of nanoseconds, before a sleep.
 *  Rejected    A watchdog thread that looks for cycles now and then: it ticks, and it is late. */
#include "observe/deadlock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "park/table.h"
#include "platform/atomic.h"
#include "platform/panic.h"
#include "platform/probe.h"
#include "platform/thread.h"
#include "sync/misuse.h"
#include "sync/ownable.h"
#include "thread/registry.h"

#define HOPS_MAX 64
#define HOPS_SHOWN 16
#define NAME_BYTES 96
#define REPORT_BYTES 4096

/** One thread of a chain: what it waits for, and who owns that. */
typedef struct hop {
    uint32_t thread; /**< owner word of who waits */
    uint32_t waits;  /**< which of its waits */
    uint32_t owner;  /**< owner word of who must act */
    th_wait_kind kind;
    const void *object;
    const char *wait_site; /**< or NULL */
    const char *held_site; /**< or NULL */
} hop;

static bool abort_on_deadlock;

/** Under the bucket lock: fill in the hop from a queued waiter; false if its object has no
 *  owner. */
static bool read_waiter(const th_waiter *waiter, hop *ret_hop)
{
    uint32_t word = waiter->owner;
    if (waiter->owner_word != NULL)
        word = th_load_rlx(waiter->owner_word); /* relaxed: looked at twice, see Certainty */
    if (waiter->kind == TH_WAIT_PLAIN || !waiter->untimed)
        return false;
    if (waiter->owner_word != NULL && (word & TH_FOREIGN) != 0)
        return false;
    ret_hop->owner = th_owner_of(word);
    ret_hop->kind = waiter->kind;
    ret_hop->object = waiter->object;
    ret_hop->wait_site = waiter->site;
    /* relaxed: a note for reports */
    ret_hop->held_site = waiter->held_site != NULL ? th_load_rlx(waiter->held_site) : NULL;
    return ret_hop->owner != 0;
}

/** What `context` waits for at this moment; false if it does not wait, or not for an owner. */
static bool look(const th_context *context, hop *ret_hop)
{
    /* relaxed: checked again under the bucket lock */
    uintptr_t key = th_load_rlx(&context->waits_on);
    if (key == 0)
        return false;
    th_bucket *bucket = th_bucket_lock(key);
    const th_waiter *waiter = bucket->first;
    /* relaxed: under the bucket lock */
    while (waiter != NULL && (waiter->context != context || th_load_rlx(&waiter->key) != key))
        waiter = waiter->next;
    bool owned = waiter != NULL && read_waiter(waiter, ret_hop);
    ret_hop->thread = th_load_rlx(&context->self); /* relaxed: compared in the second walk */
    ret_hop->waits = th_load_rlx(&context->waits); /* relaxed: compared in the second walk */
    th_bucket_unlock(bucket);
    return owned;
}

/** Follow owners from `self`; how many hops lead back to it, or 0. */
static size_t walk(const th_context *self, hop hops[HOPS_MAX])
{
    const th_context *context = self;
    for (size_t count = 0; context != NULL && count < HOPS_MAX; count++) {
        if (!look(context, &hops[count]))
            return 0;
        context = th_context_of(hops[count].owner);
        if (context == self)
            return count + 1;
    }
    return 0;
}

static bool same_cycle(const hop *a, const hop *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (a[i].thread != b[i].thread || a[i].waits != b[i].waits || a[i].owner != b[i].owner)
            return false;
    return true;
}

/* ---- saying it ---- */

typedef struct report {
    char text[REPORT_BYTES];
    size_t used;
} report;

__attribute__((format(printf, 2, 3))) static void add(report *said, const char *format, ...)
{
    size_t room = sizeof said->text - said->used;
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(said->text + said->used, room, format, args);
    va_end(args);
    if (wanted > 0)
        said->used += (size_t)wanted < room ? (size_t)wanted : room - 1;
}

static const char *name_of(uint32_t thread, char buffer[NAME_BYTES])
{
    th_thread_describe(thread, buffer, NAME_BYTES);
    return buffer;
}

static const char *kind_name(th_wait_kind kind)
{
    switch (kind) {
    case TH_WAIT_LOCK: return "Lock";
    case TH_WAIT_RLOCK: return "RLock";
    case TH_WAIT_ONCE: return "Once";
    default: return "object";
    }
}

static void add_hop(report *said, const hop *step)
{
    char waiter[NAME_BYTES], owner[NAME_BYTES];
    name_of(step->thread, waiter);
    name_of(step->owner, owner);
    if (step->kind == TH_WAIT_JOIN) {
        add(said, "  %s joins %s\n", waiter, owner);
        return;
    }
    add(said, "  %s waits for %s %p", waiter, kind_name(step->kind), step->object);
    if (step->wait_site != NULL)
        add(said, " at %s", step->wait_site);
    add(said, ", %s by %s", step->kind == TH_WAIT_ONCE ? "being run" : "held", owner);
    if (step->held_site != NULL)
        add(said, ", taken at %s", step->held_site);
    add(said, "\n");
}

/** Whether an outsider could still end it: any thread may release a plain Lock. */
static bool has_plain_lock(const hop *hops, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (hops[i].kind == TH_WAIT_LOCK)
            return true;
    return false;
}

static void say_cycle(const hop *hops, size_t count)
{
    report said = {.used = 0};
    add(&said, "thrum: deadlock: %zu threads %s for each other\n", count,
        has_plain_lock(hops, count) ? "appear to wait" : "wait");
    for (size_t i = 0; i < count && i < HOPS_SHOWN; i++)
        add_hop(&said, &hops[i]);
    if (count > HOPS_SHOWN)
        add(&said, "  and %zu more, back to the first\n", count - HOPS_SHOWN);
    add(&said, "  to mend it: acquire in one order everywhere, or wait with a deadline (_until)\n");
    th_write_stderr(said.text, said.used);
}

static void say_self(const hop *step)
{
    report said = {.used = 0};
    char name[NAME_BYTES];
    add(&said, "deadlock: %s appears to wait for itself: it acquires %s %p",
        name_of(step->thread, name), kind_name(step->kind), step->object);
    add(&said, "%s%s", step->wait_site != NULL ? " at " : "",
        step->wait_site != NULL ? step->wait_site : "");
    add(&said, ", which it holds already%s%s", step->held_site != NULL ? ", taken at " : "",
        step->held_site != NULL ? step->held_site : "");
    if (th_native_thread_count() == 1) {
        add(&said, "; there is no other thread to release it");
        th_misuse_line(step->object, said.text);
        return;
    }
    th_say("%s; it waits for another thread to release it", said.text);
}

/** Several threads of a cycle may see it at once; one of them reports it: the first to note, at the
 *  context with the smallest owner word, the wait that it is in. */
static bool claim(const hop *hops, size_t count)
{
    const hop *least = hops;
    for (size_t i = 1; i < count; i++)
        if (hops[i].thread < least->thread)
            least = &hops[i];
    th_context *context = th_context_of(least->thread);
    if (context == NULL)
        return false;
    uint32_t reported = th_load_rlx(&context->reported); /* relaxed: the CAS looks again */
    while (reported != least->waits) {
        /* relaxed: decides who speaks, orders nothing */
        if (th_cas_rlx(&context->reported, &reported, least->waits))
            return true;
    }
    return false;
}

static void blocked(const th_waiter *waiter)
{
    hop before[HOPS_MAX], hops[HOPS_MAX];
    /* pairs: itself: of two that have said what they wait for, one sees what the other has said */
    th_fence_sc();
    size_t count = walk(waiter->context, before);
    if (count == 0 || walk(waiter->context, hops) != count || !same_cycle(before, hops, count))
        return;
    if (!claim(hops, count))
        return;
    if (count == 1 && hops[0].kind == TH_WAIT_LOCK)
        say_self(&hops[0]);
    else
        say_cycle(hops, count);
    if (abort_on_deadlock)
        th_abort();
}

static void self_wait(const char *what, const void *object)
{
    if (!th_misuse_tell(object, what))
        th_say("deadlock: %s", what);
    if (abort_on_deadlock)
        th_abort();
}

bool th_deadlock_attach(const char *mode)
{
    bool off = mode != NULL && strcmp(mode, "off") == 0;
    abort_on_deadlock = mode != NULL && strcmp(mode, "abort") == 0;
    th_probe_blocked = off ? NULL : blocked;
    th_probe_self_wait = off ? NULL : self_wait;
    th_probe_describe_thread = th_thread_describe;
    return mode == NULL || off || abort_on_deadlock || strcmp(mode, "report") == 0;
}

TH_CONSTRUCTOR_LAYER static void attach_as_told(void)
{
    const char *mode = secure_getenv("THRUM_DEADLOCK");
    if (!th_deadlock_attach(mode))
        th_say("THRUM_DEADLOCK=%s is not off, report or abort; reporting", mode);
}
