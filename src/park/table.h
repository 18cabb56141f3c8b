/* SPDX-License-Identifier: MIT */
/** @file
 *  Table: the queues of everything that waits, by address. An object owns a word with a bit
 *  "somebody may be queued"; the queue itself is here, under the object's address.
 *
 *  A wait: lock the bucket of the object, look at the object once more, queue a waiter that lives
 *  on the stack, unlock, th_park (park/park.h). A wake: lock the bucket, pop waiters into a
 *  th_wake_list, change the object, th_wake_list_grant, unlock, th_wake_list_resume. */
#ifndef TH_PARK_TABLE_H
#define TH_PARK_TABLE_H

#include "park/context.h"
#include "park/rawlock.h"

/** What a waiter waits for, as deadlock reports name it. */
typedef enum th_wait_kind {
    TH_WAIT_PLAIN, /**< nobody owns it: condition, semaphore, event, barrier */
    TH_WAIT_LOCK,
    TH_WAIT_RLOCK,
    TH_WAIT_JOIN,
    TH_WAIT_ONCE,
} th_wait_kind;

/** Card of `state`. The fate of a waiter is decided by the one CAS that leaves TH_WAITING:
 *      WAITING -> CHOSEN    by a waker, under the bucket lock, when the waiter leaves the queue
 *      WAITING -> TIMED_OUT by the waiter itself, under the bucket lock, when it leaves the queue
 *      CHOSEN  -> GRANTED   by the same waker; its last access to the waiter
 *  Once GRANTED, the waiter may return and its stack be reused. */
enum { TH_WAITING, TH_CHOSEN, TH_GRANTED, TH_TIMED_OUT };

struct th_bucket;

typedef struct th_waiter {
    struct th_waiter *next, *previous; /**< of the queue or wake list; under the bucket lock */
    uintptr_t key;                     /**< whose queue; under the lock(s) of its bucket(s) */
    th_context *context;               /**< who waits */
    uint32_t state;
    uint32_t token;               /**< the waker's word to the waiter; set before GRANTED */
    th_context *wakes_next[2];    /**< whom the waiter resumes in turn; set before GRANTED */
    th_wait_kind kind;            /**< for reports */
    const void *object;           /**< for reports: what is waited for */
    const uint32_t *owner_word;   /**< for reports: where the owner stands; NULL: in `owner` */
    uint32_t owner;               /**< for reports: who must act, if that never changes */
    const char *const *held_site; /**< for reports: where the owner's site stands, or NULL */
    const char *site;             /**< for reports: where the wait is in the program, or NULL */
    thrum_time since;             /**< when the wait began, where fairness asks for it */
    bool untimed;                 /**< without a deadline: what deadlock walks follow */
    bool moved;                   /**< th_bucket_move has taken it to another queue */
    /** Called under the lock of `bucket` when the waiter has timed out and left the queue of its
     *  key, to tidy the object up. */
    void (*withdrawn)(struct th_waiter *waiter, struct th_bucket *bucket);
    /** Called by the waiter itself if it has not been granted by `overdue_at`, and again each time
     *  it has waited twice as long since `since`; or NULL. May grant the waiter itself. */
    void (*overdue)(struct th_waiter *waiter);
    thrum_time overdue_at;
} th_waiter;

typedef struct th_bucket {
    th_rawlock lock;
    th_waiter *first, *last;
} __attribute__((aligned(64))) th_bucket;

/** Start a waiter for the calling context. */
static inline th_waiter th_waiter_of(th_context *self, th_wait_kind kind, const void *object,
                                     thrum_time deadline)
{
    return (th_waiter){
        .context = self, .kind = kind, .object = object, .untimed = deadline == THRUM_FOREVER};
}

th_bucket *th_bucket_lock(uintptr_t key);
void th_bucket_unlock(th_bucket *bucket);
/** Lock the buckets of two keys, in an order that cannot deadlock; the same bucket is locked
 *  once. */
void th_bucket_lock_two(uintptr_t a, uintptr_t b, th_bucket **ret_a, th_bucket **ret_b);
void th_bucket_unlock_two(th_bucket *a, th_bucket *b);

/** Queue a waiter. An untimed wait for something owned is published for deadlock walks. */
void th_bucket_append(th_bucket *bucket, th_waiter *waiter, uintptr_t key);
void th_bucket_prepend(th_bucket *bucket, th_waiter *waiter, uintptr_t key);
/** The waiter that has been longest in the queue of `key`, or NULL. */
th_waiter *th_bucket_first(th_bucket *bucket, uintptr_t key);
/** Take the longest waiter of `from_key` to the end of the queue of `to_key`. */
void th_bucket_move(th_bucket *from, th_bucket *to, th_waiter *waiter, uintptr_t to_key);

/** Waiters chosen for waking. Zeroed is empty. */
typedef struct th_wake_list {
    th_waiter *first, *last; /**< the chosen, in order */
    th_waiter *parent;       /**< whose wakes_next is filled next */
    unsigned filled;         /**< how many of the parent's two are */
    th_context *root;        /**< whom the waker itself resumes */
} th_wake_list;

/** Take a waiter out of its queue to wake it: it becomes CHOSEN. */
void th_wake_list_take(th_wake_list *list, th_bucket *bucket, th_waiter *waiter, uint32_t token);
/** Change what all the chosen will be told. */
void th_wake_list_set_token(th_wake_list *list, uint32_t token);
/** Let the chosen go: afterwards neither they nor, perhaps, the object they waited for may be
 *  touched. Call under the bucket lock, as the last thing. */
void th_wake_list_grant(th_wake_list *list);
/** Resume the first; each woken waiter resumes two more. Call without bucket locks. */
void th_wake_list_resume(const th_wake_list *list);

/** Take a waiter out of its queue without waking it. */
void th_bucket_remove(th_bucket *bucket, th_waiter *waiter);

/** In a forked child: the table is empty, nobody but the forking thread exists. */
void th_table_after_fork_child(void);

/** How many forks lie between the first process and this one: waiters taken out of their queues in
 *  another generation are on stacks that are gone. */
uint32_t th_table_generation(void);

#endif
