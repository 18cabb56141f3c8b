/* SPDX-License-Identifier: MIT */
/** @file
 *  Inbox: what comes to an executor from outside, first in, first out, without bound. Not for
 *  several threads: everything is called under the executor's lock. */
#ifndef TH_FLOW_INBOX_H
#define TH_FLOW_INBOX_H

#include "flow/run_queue.h"

enum { TH_SEGMENT_ITEMS = th_limit(255, 2) };

typedef struct th_inbox_segment {
    struct th_inbox_segment *next;
    th_item items[TH_SEGMENT_ITEMS];
} th_inbox_segment;

/** `taken` items of the first segment are gone, `put` of the last are filled; one that was emptied
 *  is kept, or as many as several who wanted to put at once have brought. */
typedef struct th_inbox {
    th_inbox_segment *first, *last, *spare;
    size_t taken, put;
    size_t length; /**< Card: how many items; under the lock, also read without, as a hint */
} th_inbox;

/** With a segment of th_alloc. */
void th_inbox_init(th_inbox *inbox, th_inbox_segment *segment);
/** Free what it has. */
void th_inbox_fini(th_inbox *inbox);

/** Whether the next put needs one more segment. */
bool th_inbox_needs_segment(const th_inbox *inbox);
/** Have it: a segment of th_alloc. */
void th_inbox_add_segment(th_inbox *inbox, th_inbox_segment *segment);

/** Put an item at the end; there is a place for it. */
void th_inbox_put(th_inbox *inbox, th_item item);

/** Take the oldest item; false: there is none. A segment that is not needed any more comes to
 *  `*ret_unused`, if that is NULL so far, to be freed by th_free. */
bool th_inbox_take(th_inbox *inbox, th_item *ret_item, th_inbox_segment **ret_unused);

/** Make an item that is there nothing; false: it is not. */
bool th_inbox_withdraw(th_inbox *inbox, th_item item);

#endif
