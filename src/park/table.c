/* SPDX-License-Identifier: MIT */
/** @file
 *  Table.
 *
 *  Purpose     Queues for objects of a few bytes.
 *  State       A fixed array of buckets, each a raw lock and a list of the waiters of all objects
 *              that hash to it. Waiters are on the stacks of those who wait.
 *  Protocol    See the header. Who queues looks at the object under the bucket lock, and who makes
 *              the object free looks for waiters under it: one of the two sees the other, so no
 *              wake-up is lost. A waker decides, changes the object, grants, unlocks, and only then
 *              makes system calls.
 *  Waking many The chosen form a binary tree: a waker resumes the root, every woken waiter resumes
 *              up to two more before it returns. N sleepers cost the waker one system call, and
 *              the last is woken after log N wake-ups. A waiter that sees its grant without
 *              sleeping does its share all the same. The tree is made of contexts, which outlive
 *              any wait.
 *  Why a table Queues in the objects were the alternative. So objects stay small (an event is 8
 *              bytes), a timed-out waiter never touches an object that may be gone, and above all
 *              a forked child forgets the waiters of its parent's threads by clearing one array: a
 *              queue inside an object would go on handing permits to ghosts. The price is a hash
 *              and shared buckets.
 *  Fork        Bucket locks are not held across a fork: a signal handler of another thread may want
 *              one while that thread is inside malloc, whose locks fork takes. The child empties
 *              the buckets, whatever state they are in. The objects do not mind: each settles its
 *              word with one store or exchange, a word that says that somebody is queued is put
 *              right by whoever finds nobody, and only the forking thread is there to wait.
 *  Signals     Every bucket lock is announced to park/signal.h before it is taken. */
#include "park/table.h"

#include <stddef.h>

#include "park/signal.h"
#include "platform/atomic.h"
#include "platform/backend.h"
#include "platform/panic.h"

#define BUCKET_BITS th_limit(10, 4)
#define BUCKETS (1u << BUCKET_BITS)

static th_bucket buckets[BUCKETS];
static uint32_t generation; /**< written in a forked child before it has other threads */

/* ---- buckets ---- */

static th_bucket *bucket_of(uintptr_t key)
{
    return &buckets[((uint64_t)key * UINT64_C(0x9E3779B97F4A7C15)) >> (64 - BUCKET_BITS)];
}

th_bucket *th_bucket_lock(uintptr_t key)
{
    th_bucket *bucket = bucket_of(key);
    th_signal_enter();
    th_rawlock_acquire(&bucket->lock);
    return bucket;
}

void th_bucket_unlock(th_bucket *bucket)
{
    th_rawlock_release(&bucket->lock);
    th_signal_leave();
}

void th_bucket_lock_two(uintptr_t a, uintptr_t b, th_bucket **ret_a, th_bucket **ret_b)
{
    th_bucket *first = bucket_of(a);
    th_bucket *second = bucket_of(b);
    *ret_a = first;
    *ret_b = second;
    th_signal_enter();
    th_rawlock_acquire(first < second ? &first->lock : &second->lock);
    if (first != second)
        th_rawlock_acquire(first < second ? &second->lock : &first->lock);
}

void th_bucket_unlock_two(th_bucket *a, th_bucket *b)
{
    if (a != b)
        th_rawlock_release(&b->lock);
    th_bucket_unlock(a);
}

static void publish(th_waiter *waiter, uintptr_t key)
{
    if (!waiter->untimed || waiter->kind == TH_WAIT_PLAIN)
        return;
    /* relaxed: read by deadlock walks, which look again under the bucket lock */
    th_store_rlx(&waiter->context->waits, waiter->context->waits + 1);
    th_store_rlx(&waiter->context->waits_on, key);
}

static void set_key(th_waiter *waiter, uintptr_t key)
{
    /* relaxed: withdraw looks at it again under the bucket lock */
    th_store_rlx(&waiter->key, key);
    publish(waiter, key);
}

void th_bucket_append(th_bucket *bucket, th_waiter *waiter, uintptr_t key)
{
    set_key(waiter, key);
    waiter->next = NULL;
    waiter->previous = bucket->last;
    if (bucket->last != NULL)
        bucket->last->next = waiter;
    else
        bucket->first = waiter;
    bucket->last = waiter;
}

void th_bucket_prepend(th_bucket *bucket, th_waiter *waiter, uintptr_t key)
{
    set_key(waiter, key);
    waiter->previous = NULL;
    waiter->next = bucket->first;
    if (bucket->first != NULL)
        bucket->first->previous = waiter;
    else
        bucket->last = waiter;
    bucket->first = waiter;
}

void th_bucket_remove(th_bucket *bucket, th_waiter *waiter)
{
    if (waiter->previous != NULL)
        waiter->previous->next = waiter->next;
    else
        bucket->first = waiter->next;
    if (waiter->next != NULL)
        waiter->next->previous = waiter->previous;
    else
        bucket->last = waiter->previous;
}

th_waiter *th_bucket_first(th_bucket *bucket, uintptr_t key)
{
    th_waiter *waiter = bucket->first;
    /* relaxed: under the bucket lock */
    while (waiter != NULL && th_load_rlx(&waiter->key) != key)
        waiter = waiter->next;
    return waiter;
}

void th_bucket_move(th_bucket *from, th_bucket *to, th_waiter *waiter, uintptr_t to_key)
{
    th_bucket_remove(from, waiter);
    waiter->moved = true;
    th_bucket_append(to, waiter, to_key);
}

/* ---- waking ---- */

void th_wake_list_take(th_wake_list *list, th_bucket *bucket, th_waiter *waiter, uint32_t token)
{
    uint32_t waiting = TH_WAITING;
    /* relaxed: under the bucket lock, where all fates are decided */
    bool chosen = th_cas_rlx(&waiter->state, &waiting, TH_CHOSEN);
    th_assert(chosen);
    th_bucket_remove(bucket, waiter);
    waiter->token = token;
    waiter->next = NULL;
    waiter->previous = list->last;
    if (list->first == NULL) {
        list->first = list->parent = waiter;
        list->root = waiter->context;
    } else {
        list->last->next = waiter;
        list->parent->wakes_next[list->filled++] = waiter->context;
        if (list->filled == 2) {
            list->parent = list->parent->next;
            list->filled = 0;
        }
    }
    list->last = waiter;
}

void th_wake_list_set_token(th_wake_list *list, uint32_t token)
{
    for (th_waiter *waiter = list->first; waiter != NULL; waiter = waiter->next)
        waiter->token = token;
}

void th_wake_list_grant(th_wake_list *list)
{
    /* From the last to the first: a waiter may run, and resume the later ones that it was given, as
     * soon as it is granted; one resumed before its own grant would go back to sleep for good. */
    for (th_waiter *waiter = list->last, *previous; waiter != NULL; waiter = previous) {
        previous = waiter->previous;
        /* pairs: is_granted; the waiter's stack is its own again */
        th_store_rel(&waiter->state, TH_GRANTED);
    }
    list->first = list->last = NULL;
}

void th_wake_list_resume(const th_wake_list *list)
{
    if (list->root != NULL)
        th_context_resume(list->root);
}

/* ---- fork ---- */

uint32_t th_table_generation(void)
{
    return generation;
}

void th_table_after_fork_child(void)
{
    generation++;
    for (uint32_t i = 0; i < BUCKETS; i++)
        buckets[i] = (th_bucket){.first = NULL};
}
