/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: what is done. */
#ifndef TH_FLOW_QUEUE_DONE_H
#define TH_FLOW_QUEUE_DONE_H

#include "flow/queue_ends.h"

/** Count up to `n` items as done, as the last access to the queue. Returns how many: fewer if not
 *  as many are unfinished. */
size_t th_queue_make_done(thrum_queue *queue, size_t n);

#endif
