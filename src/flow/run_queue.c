/* SPDX-License-Identifier: MIT */
/** @file
 *  Run queue.
 *
 *  Purpose     Let a worker put and take its own tasks without a lock, and idle workers steal.
 *  State       Two numbers that only grow, and slots; see the cards.
 *  Protocol    A put writes the slot, then publishes it by the tail. A take reads the slot and then
 *              moves the head by CAS; if that fails, what it read is thrown away. A theft copies
 *              half of the items behind its own tail, moves the victim's head, then its own tail.
 *              The tail alone publishes slots. A head that is newer than the tail that is read
 *              after it looks as if there were nothing: whoever must not miss an item has passed a
 *              fence, or a lock, behind which the tail is new.
 *  Linearised  A put at the store of the tail, a take or theft at the CAS of the head.
 *  Invariants  0 <= tail - head <= size, for whoever reads both in one moment. A slot is written
 *              again only when the head has gone past it, which the owner has seen by acquire; so
 *              who read it in the meantime cannot move the head any more. Numbers do not come
 *              again within a take: that would need four billion tasks.
 *  Rejected    Chase-Lev: the owner takes the newest there, and a task put first may wait for ever.
 *              A private part without CAS: a task behind a long one could not be stolen. */
#include "flow/run_queue.h"

#include "platform/atomic.h"

_Static_assert((TH_RUN_QUEUE_SLOTS & (TH_RUN_QUEUE_SLOTS - 1)) == 0, "numbers wrap around");

static th_item *slot_of(th_run_queue *queue, uint32_t number)
{
    return &queue->slots[number % TH_RUN_QUEUE_SLOTS];
}

/** How many lie between the two, of which the second may be older than the first. */
static uint32_t distance(uint32_t head, uint32_t tail)
{
    return (int32_t)(tail - head) > 0 ? tail - head : 0;
}

/** The two halves may belong to different items: then the CAS that follows fails. */
static th_item read_slot(th_run_queue *queue, uint32_t number)
{
    const th_item *slot = slot_of(queue, number);
    /* relaxed: both; the CAS proves them */
    return (th_item){.target = th_load_rlx(&slot->target), .arg = th_load_rlx(&slot->arg)};
}

static void write_slot(th_run_queue *queue, uint32_t number, th_item item)
{
    th_item *slot = slot_of(queue, number);
    th_store_rlx(&slot->target, item.target); /* relaxed: published by the tail */
    th_store_rlx(&slot->arg, item.arg);       /* relaxed: likewise */
}

bool th_run_queue_push(th_run_queue *queue, th_item item)
{
    uint32_t tail = th_load_rlx(&queue->tail); /* relaxed: the caller's own */
    /* pairs: th_run_queue_take, th_run_queue_steal: who reads a slot has done so */
    if (tail - th_load_acq(&queue->head) == TH_RUN_QUEUE_SLOTS)
        return false;
    write_slot(queue, tail, item);
    th_store_rel(&queue->tail, tail + 1); /* pairs: th_run_queue_take, th_run_queue_steal */
    return true;
}

bool th_run_queue_take(th_run_queue *queue, th_item *ret_item)
{
    uint32_t head = th_load_rlx(&queue->head); /* relaxed: the CAS proves it */
    for (;;) {
        /* pairs: th_run_queue_push */
        if (distance(head, th_load_acq(&queue->tail)) == 0)
            return false;
        *ret_item = read_slot(queue, head);
        if (th_cas_rel(&queue->head, &head, head + 1)) /* pairs: th_run_queue_push */
            return true;
    }
}

bool th_run_queue_steal(th_run_queue *from, th_run_queue *to, th_item *ret_item)
{
    uint32_t tail = th_load_rlx(&to->tail); /* relaxed: the caller's own */
    /* pairs: th_run_queue_take, th_run_queue_steal: who reads a slot has done so */
    (void)th_load_acq(&to->head);
    uint32_t head = th_load_rlx(&from->head); /* relaxed: the CAS proves it */
    for (;;) {
        uint32_t count = distance(head, th_load_acq(&from->tail)); /* pairs: th_run_queue_push */
        if (count == 0)
            return false;
        if (count > TH_RUN_QUEUE_SLOTS) {    /* the head is older than the tail */
            head = th_load_rlx(&from->head); /* relaxed: likewise */
            continue;
        }
        uint32_t taken = count - count / 2;
        *ret_item = read_slot(from, head);
        for (uint32_t i = 1; i < taken; i++)
            write_slot(to, tail + i - 1, read_slot(from, head + i));
        if (th_cas_rel(&from->head, &head, head + taken)) { /* pairs: th_run_queue_push */
            /* pairs: th_run_queue_take, th_run_queue_steal */
            th_store_rel(&to->tail, tail + taken - 1);
            return true;
        }
    }
}

size_t th_run_queue_count(const th_run_queue *queue)
{
    /* pairs: th_run_queue_take, th_run_queue_steal: an item that is gone is seen to be so only by
     * who sees all that its taker did before */
    uint32_t head = th_load_acq(&queue->head);
    return distance(head, th_load_rlx(&queue->tail)); /* relaxed: see Protocol */
}
