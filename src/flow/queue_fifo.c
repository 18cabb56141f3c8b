/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: where the items of a FIFO queue are.
 *
 *  Purpose     Cells that one end fills and the other empties, without a lock in common.
 *  State       A chain of segments; each end stands in one of them (th_queue_end). A queue with a
 *              small maxsize has one segment of just that size, which follows itself: a ring.
 *              Otherwise the first is small, since most queues stay short, and the later ones are
 *              large, since a queue that grows will grow further.
 *  Protocol    The putting end writes a cell, and the link to its segment, before it counts the
 *              item; the getting end reads the count before the cell. In a ring the putting end
 *              reads the getting end's count before it writes the cell again.
 *  Invariants  A segment that the getting end has left is nobody's: the putting end had left it
 *              before. One such is kept, so that a queue that stays short allocates nothing.
 *  Rejected    A ring that grows: it must hold both locks to move the items. */
#include "flow/queue_fifo.h"

#include "platform/memory.h"

#define RING_CELLS_MAX th_limit(4096, 2)
#define FIRST_CELLS th_limit(30, 1)
#define SEGMENT_CELLS th_limit(510, 2)

static th_segment *new_segment(uint32_t size)
{
    th_segment *segment = th_alloc(sizeof *segment + size * sizeof *segment->cells);
    if (segment != NULL)
        segment->size = size;
    return segment;
}

static void enter(th_queue_end *end, th_segment *segment)
{
    end->segment = segment;
    end->index = 0;
    end->limit = segment->size;
}

bool th_fifo_init(thrum_queue *queue)
{
    bool is_ring = queue->maxsize != 0 && queue->maxsize <= RING_CELLS_MAX;
    th_segment *segment = new_segment(is_ring ? (uint32_t)queue->maxsize : FIRST_CELLS);
    if (segment == NULL)
        return false;
    if (is_ring)
        segment->next = segment;
    enter(&queue->put, segment);
    enter(&queue->get, segment);
    return true;
}

bool th_fifo_next_put(thrum_queue *queue)
{
    th_segment *last = queue->put.segment;
    th_segment *next = last;
    if (last->next != last) {
        next = th_swap_acq(&queue->spare, NULL); /* pairs: th_fifo_next_get */
        if (next == NULL)
            next = new_segment(SEGMENT_CELLS);
        if (next == NULL)
            return false;
        last->next = next;
    }
    enter(&queue->put, next);
    return true;
}

void th_fifo_next_get(thrum_queue *queue)
{
    th_segment *left = queue->get.segment;
    enter(&queue->get, left->next);
    if (left->next == left)
        return;
    left->next = NULL;
    if (left->size == SEGMENT_CELLS)
        left = th_swap_rel(&queue->spare, left); /* pairs: th_fifo_next_put */
    th_free(left);
}

void th_fifo_free(thrum_queue *queue)
{
    th_free(th_load_rlx(&queue->spare)); /* relaxed: both locks have been held */
    th_segment *last = queue->put.segment;
    for (th_segment *segment = queue->get.segment, *next; segment != NULL; segment = next) {
        next = segment != last ? segment->next : NULL;
        th_free(segment);
    }
}
