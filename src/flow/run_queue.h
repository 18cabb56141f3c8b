/* SPDX-License-Identifier: MIT */
/** @file
 *  Run queue: a worker's own items, a ring of fixed size. The owner puts at the tail; the owner and
 *  thieves take from the head, so that the oldest is always the next. */
#ifndef TH_FLOW_RUN_QUEUE_H
#define TH_FLOW_RUN_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/future.h"
#include "platform/backend.h"

/** What a queue holds: a call that nobody has a handle of; or with `target` NULL a task, in `arg`,
 *  with a reference; or nothing, with both NULL. */
typedef struct th_item {
    thrum_target target;
    void *arg;
} th_item;

enum { TH_RUN_QUEUE_SLOTS = th_limit(256, 4) };

typedef struct th_run_queue {
    uint32_t head; /**< Card: the oldest item's number; moves up by the CAS of who takes it */
    uint32_t tail; /**< Card: the next item's number; moved up by the owner alone */
    th_item slots[TH_RUN_QUEUE_SLOTS]; /**< Card: number modulo size; by the owner alone */
} th_run_queue;

/** By the owner: put an item at the end; false: the ring is full. */
bool th_run_queue_push(th_run_queue *queue, th_item item);

/** By anyone: take the oldest item; false: there is none. */
bool th_run_queue_take(th_run_queue *queue, th_item *ret_item);

/** By the owner of `to`, which is empty: take the older half of another queue, the oldest to
 *  `*ret_item` and the others into `to`; false: there was none. */
bool th_run_queue_steal(th_run_queue *from, th_run_queue *to, th_item *ret_item);

/** How many items there are at this moment; what the caller knows to have been put is seen. */
size_t th_run_queue_count(const th_run_queue *queue);

#endif
