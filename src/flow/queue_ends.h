/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue, inside: its two ends. What moves through them is in queue_fifo.h and queue_array.h. */
#ifndef TH_FLOW_QUEUE_ENDS_H
#define TH_FLOW_QUEUE_ENDS_H

#include "platform/backoff.h"
#include "platform/cpu.h"
#include "sync/inner.h"
#include "thrum/queue.h"

/** Where FIFO items are: a chain of segments, or one that follows itself. */
typedef struct th_segment {
    struct th_segment *next; /**< written by the putting end before the first item in `next` is */
    uint32_t size;
    void *cells[];
} th_segment;

/** What an end knows of those who wait for it to move: getters sleep at the putting end, putters
 *  at the getting end. Card of `sleepers`, under the lock of the end:
 *      NOBODY   nobody is queued under this word's address
 *      QUEUED   somebody may be queued, nobody is on the way: who moves the end wakes the first
 *      ON_WAY   one has been woken and has yet to look, others may be queued: who moves the end
 *               wakes nobody. The woken one passes the wake on when it has looked, or queues again.
 *               Legal to be left behind by a thread that a fork has not copied: the next to queue
 *               sees that `generation` is not its own. */
enum { TH_SLEEPERS_NOBODY, TH_SLEEPERS_QUEUED, TH_SLEEPERS_ON_WAY };

/** How long those of one end look at the other before they sleep; see queue_wait.c. */
typedef struct th_patience {
    /** Card: how many pauses the next will spin; 0: none, unless it is time for a try. By whoever
     *  has spun, relaxed: it tunes, nothing depends on it. */
    uint32_t pauses;
    th_backoff spins;   /**< tries to spin once `pauses` is 0 */
    th_backoff gathers; /**< tries to let more come once a spin has paid */
    th_backoff yields;  /**< tries to give way */
} th_patience;

typedef struct th_queue_end {
    thrum_lock own_lock;
    thrum_lock *lock; /**< what guards this end: its own lock; LIFO, PRIORITY: the putting end's */
    uint64_t seen;    /**< the other end's count as it was last looked at; under the lock */
    th_segment *segment; /**< FIFO: where the next item goes to, or comes from; under the lock */
    uint32_t index;      /**< its cell in the segment, or `limit`: in the next segment */
    uint32_t limit;      /**< the size of the segment */
    uint32_t sleepers;   /**< see above */
    bool is_shut;        /**< under the lock; of both ends once set */
    /** Card: how many items have passed this end; what is in the queue is the difference. Written
     *  under the lock, with release; read by anyone. */
    uint64_t count __attribute__((aligned(TH_CACHE_LINE)));
    th_patience patience;
    uint32_t generation; /**< of the process (th_table_generation), when ON_WAY was set */
} __attribute__((aligned(TH_CACHE_LINE))) th_queue_end;

struct thrum_queue {
    void *memory; /**< what th_free wants; the queue is aligned within */
    size_t maxsize;
    enum thrum_queue_order order;
    int (*compare)(const void *a, const void *b);
    void (*destroy_item)(void *item);
    th_queue_end put, get;
    /** Card: bit 0 JOINERS: somebody may be queued under this word's address. Set under the bucket
     *  lock by who queues, cleared under it by who makes the last item done, or by the last joiner
     *  whose deadline passes. The rest: how many items are done, times 2; up by CAS. */
    uint64_t done __attribute__((aligned(TH_CACHE_LINE)));
    /** FIFO. Card: a segment that the getting end has left behind, or NULL. Swapped in by the
     *  getting end, out by the putting end. */
    th_segment *spare;
    void *array;     /**< LIFO: items. PRIORITY: a heap of th_queue_entry. Under the lock. */
    size_t capacity; /**< of `array`, in elements */
};

/** How many items have passed an end. */
static inline uint64_t th_queue_count(const th_queue_end *end)
{
    return th_load_acq(&end->count); /* pairs: advance */
}

/** The same under the end's lock. */
static inline uint64_t th_queue_count_here(const th_queue_end *end)
{
    return th_load_rlx(&end->count); /* relaxed: under its lock */
}

#endif
