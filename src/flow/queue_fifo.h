/* SPDX-License-Identifier: MIT */
/** @file
 *  Where the items of a FIFO queue are. Inlined: this is the fast path. */
#ifndef TH_FLOW_QUEUE_FIFO_H
#define TH_FLOW_QUEUE_FIFO_H

#include "flow/queue_ends.h"

/** Give an empty queue its first segment; false: no memory. */
bool th_fifo_init(thrum_queue *queue);
/** Free all segments. */
void th_fifo_free(thrum_queue *queue);
/** Go on to the next segment; false (putting): no memory for one. */
bool th_fifo_next_put(thrum_queue *queue);
void th_fifo_next_get(thrum_queue *queue);

/** Under the putting end's lock, with room for them: store items, the first of `n` for which there
 *  is memory. Returns how many. */
static inline size_t th_fifo_store(thrum_queue *queue, void *const *items, size_t n)
{
    th_queue_end *put = &queue->put;
    for (size_t i = 0; i < n; i++) {
        if (put->index == put->limit && !th_fifo_next_put(queue))
            return i;
        put->segment->cells[put->index++] = items[i];
    }
    return n;
}

/** Under the getting end's lock: take `n` items that are there. */
static inline void th_fifo_take(thrum_queue *queue, void **items, size_t n)
{
    th_queue_end *get = &queue->get;
    for (size_t i = 0; i < n; i++) {
        if (get->index == get->limit)
            th_fifo_next_get(queue);
        items[i] = get->segment->cells[get->index++];
    }
}

#endif
