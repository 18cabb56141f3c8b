/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: waiting for the other end, and being woken. */
#ifndef TH_FLOW_QUEUE_WAIT_H
#define TH_FLOW_QUEUE_WAIT_H

#include "flow/queue_ends.h"
#include "park/table.h"

/** A put or a get that may have to wait for the other end. */
typedef struct th_queue_wait {
    thrum_queue *queue;
    th_queue_end *own, *other;
    thrum_time deadline;
    int late;         /**< the status when the deadline has passed: ETIMEDOUT, EEMPTY, EFULL */
    uint32_t me;      /**< the caller's owner word */
    th_context *self; /**< the caller, once it has slept */
    bool was_woken;   /**< and has not looked since */
    bool owes_wake;   /**< and the other end is ON_WAY for it: th_queue_pass_on */
} th_queue_wait;

/** Wait until the other end has moved or the queue is shut: 0, look again; or `late`. */
int th_queue_wait_for(th_queue_wait *wait);

/** The caller has looked: if it was woken, the next is woken where there is something for it. */
void th_queue_pass_on(th_queue_wait *wait);

/** Under the lock of `end`, which has moved and has sleepers QUEUED: choose the one to be resumed
 *  when the lock has been released; NULL: there was none. */
th_context *th_queue_wake(th_queue_end *end);

/** Before the queue is freed: shut `end`, and wait for the one that is ON_WAY to pass on. */
void th_queue_await_pass_on(thrum_queue *queue, th_queue_end *end);

/** Choose all sleepers, for good, under the lock of `end`. */
void th_queue_wake_all(th_queue_end *end, th_wake_list *wake);

#endif
