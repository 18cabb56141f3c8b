/* SPDX-License-Identifier: MIT */
/** @file
 *  Inbox.
 *
 *  Purpose     Hold a million calls in 16 bytes each, and hand them out by cache lines.
 *  State       A list of segments, the first and the last of which are filled in part.
 *  Invariants  There is always a segment. When the last item is taken, the next is put where the
 *              first one was, so that an inbox which is nearly empty stays in one place in memory.
 *  Rejected    A list of tasks by their own pointers: who takes many of them must wait for each
 *              one's memory before the next is known, and a call that nobody asks for needs an
 *              allocation. A ring that doubles: the growth would be under the lock. */
#include "flow/inbox.h"

#include "platform/atomic.h"
#include "platform/memory.h"

static void set_length(th_inbox *inbox, size_t length)
{
    th_store_rlx(&inbox->length, length); /* relaxed: under the lock, or a hint */
}

void th_inbox_init(th_inbox *inbox, th_inbox_segment *segment)
{
    *inbox = (th_inbox){.first = segment, .last = segment};
}

static void free_list(th_inbox_segment *first)
{
    for (th_inbox_segment *one = first, *next; one != NULL; one = next) {
        next = one->next;
        th_free(one);
    }
}

void th_inbox_fini(th_inbox *inbox)
{
    free_list(inbox->first);
    free_list(inbox->spare);
}

bool th_inbox_needs_segment(const th_inbox *inbox)
{
    return inbox->put == TH_SEGMENT_ITEMS && inbox->spare == NULL;
}

void th_inbox_add_segment(th_inbox *inbox, th_inbox_segment *segment)
{
    segment->next = inbox->spare;
    inbox->spare = segment;
}

void th_inbox_put(th_inbox *inbox, th_item item)
{
    if (inbox->put == TH_SEGMENT_ITEMS) {
        th_inbox_segment *segment = inbox->spare;
        inbox->spare = segment->next;
        segment->next = NULL;
        inbox->last->next = segment;
        inbox->last = segment;
        inbox->put = 0;
    }
    inbox->last->items[inbox->put++] = item;
    set_length(inbox, inbox->length + 1);
}

bool th_inbox_take(th_inbox *inbox, th_item *ret_item, th_inbox_segment **ret_unused)
{
    if (inbox->length == 0)
        return false;
    th_inbox_segment *first = inbox->first;
    *ret_item = first->items[inbox->taken++];
    set_length(inbox, inbox->length - 1);
    if (inbox->length == 0) {
        inbox->taken = inbox->put = 0; /* in the last segment, which is the first */
    } else if (inbox->taken == TH_SEGMENT_ITEMS) {
        inbox->first = first->next;
        inbox->taken = 0;
        if (inbox->spare == NULL || *ret_unused != NULL)
            th_inbox_add_segment(inbox, first);
        else
            *ret_unused = first;
    }
    return true;
}

static bool is_same(const th_item *a, th_item b)
{
    return a->target == b.target && a->arg == b.arg;
}

bool th_inbox_withdraw(th_inbox *inbox, th_item item)
{
    /* the last to have come goes without a trace, unless its segment would be left empty */
    if (inbox->length > 0 && inbox->put > 1 && is_same(&inbox->last->items[inbox->put - 1], item)) {
        inbox->put--;
        set_length(inbox, inbox->length - 1);
        if (inbox->length == 0)
            inbox->taken = inbox->put = 0;
        return true;
    }
    size_t at = inbox->taken, left = inbox->length;
    for (th_inbox_segment *one = inbox->first; left > 0; left--) {
        th_item *there = &one->items[at];
        if (is_same(there, item)) {
            *there = (th_item){.target = NULL};
            return true;
        }
        if (++at == TH_SEGMENT_ITEMS) {
            one = one->next;
            at = 0;
        }
    }
    return false;
}
