/* SPDX-License-Identifier: MIT */
/** @file
 *  Where the items of a LIFO or a PRIORITY queue are. All under the one lock of such a queue. */
#ifndef TH_FLOW_QUEUE_ARRAY_H
#define TH_FLOW_QUEUE_ARRAY_H

#include "flow/queue_ends.h"

/** Store items, the first of `n` for which there is memory. Returns how many. `held` items are
 *  there already. */
size_t th_array_store(thrum_queue *queue, size_t held, void *const *items, size_t n);

/** Take `n` of the `held` items. */
void th_array_take(thrum_queue *queue, size_t held, void **items, size_t n);

#endif
