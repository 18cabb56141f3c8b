/* SPDX-License-Identifier: MIT */
/** @file
 *  Enumerate.
 *
 *  Purpose     Answer who is alive: threading.enumerate, active_count, and names for reports.
 *  State       None; the registry's lists, under its lock.
 *  Invariants  A thread is told with a reference, which the living can always give. */
#include <stdio.h>

#include "park/context.h"
#include "platform/atomic.h"
#include "platform/thread.h"
#include "thread/registry.h"

/** Store up to `capacity` of the living, each with a reference; how many there are. */
static size_t store_living(thrum_thread **buffer, size_t capacity)
{
    size_t stored = 0;
    th_rawlock_acquire(&th_threads.lock);
    size_t count = th_threads.living_count;
    thrum_thread *thread = th_threads.living.first;
    for (; buffer != NULL && stored < capacity && thread != NULL; thread = thread->next) {
        if (thread->is_hidden)
            continue;
        th_record_refer(thread);
        buffer[stored++] = thread;
    }
    th_rawlock_release(&th_threads.lock);
    return count;
}

size_t thrum_enumerate(thrum_thread **buffer, size_t capacity)
{
    th_self();
    size_t count = store_living(buffer, capacity);
    if (count > 0)
        return count;
    /* main has gone by pthread_exit and nobody is known: the caller becomes known, if it can */
    thrum_thread *self = th_registry_self();
    if (!self->is_static)
        return store_living(buffer, capacity);
    if (buffer != NULL && capacity > 0)
        buffer[0] = self; /* lives for ever: freeing the handle does nothing */
    return 1;
}

size_t thrum_active_count(void)
{
    return thrum_enumerate(NULL, 0);
}

static size_t describe(const char *name, uint32_t native_id, char *buffer, size_t bytes)
{
    int length = name != NULL ? snprintf(buffer, bytes, "\"%s\" (tid %u)", name, native_id)
                              : snprintf(buffer, bytes, "a thread that has ended");
    return length < 0 || bytes == 0 ? 0 : (size_t)length < bytes ? (size_t)length : bytes - 1;
}

size_t th_thread_describe(uint32_t owner, char *buffer, size_t bytes)
{
    owner &= TH_OWNER_MASK;
    th_rawlock_acquire(&th_threads.lock);
    thrum_thread *thread = th_threads.living.first;
    while (thread != NULL && th_load_rlx(&thread->owner) != owner) /* relaxed: under the lock */
        thread = thread->next;
    const char *name = thread != NULL ? thread->name : NULL;
    /* relaxed: a number for a report */
    uint32_t native_id = thread != NULL ? th_load_rlx(&thread->native_id) : 0;
    th_context *self = th_self_or_null();
    if (thread == NULL && self != NULL && self->self == owner) {
        name = "a foreign thread";
        native_id = th_native_id();
    }
    size_t written = describe(name, native_id, buffer, bytes);
    th_rawlock_release(&th_threads.lock);
    return written;
}
