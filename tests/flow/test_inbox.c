/* SPDX-License-Identifier: MIT */
/** @file
 *  Inbox: order over many segments, which ones are used again, and items taken out of the
 *  middle. */
#include "flow/inbox.h"

#include "platform/memory.h"
#include "runner.h"

enum { MANY = 5 * TH_SEGMENT_ITEMS };

static void *no_call(void *arg)
{
    return arg;
}

static th_item item_of(intptr_t number)
{
    return (th_item){.target = no_call, .arg = (void *)number};
}

static void put(th_inbox *inbox, intptr_t number)
{
    if (th_inbox_needs_segment(inbox))
        th_inbox_add_segment(inbox, HAVE(th_alloc(sizeof(th_inbox_segment))));
    th_inbox_put(inbox, item_of(number));
}

static void check_take(th_inbox *inbox, intptr_t number)
{
    th_item item;
    th_inbox_segment *unused = NULL;
    CHECK(th_inbox_take(inbox, &item, &unused));
    CHECK_EQ((intptr_t)item.arg, number);
    th_free(unused);
}

static void check_empty(th_inbox *inbox)
{
    th_item item;
    th_inbox_segment *unused = NULL;
    CHECK_EQ(inbox->length, 0);
    CHECK(!th_inbox_take(inbox, &item, &unused));
    CHECK_PTR(unused, NULL);
}

TEST(inbox, first_in_first_out)
{
    th_inbox inbox;
    th_inbox_init(&inbox, HAVE(th_alloc(sizeof(th_inbox_segment))));
    check_empty(&inbox);
    for (int round = 0; round < 3; round++) {
        for (intptr_t i = 0; i < MANY; i++)
            put(&inbox, i);
        CHECK_EQ(inbox.length, MANY);
        for (intptr_t i = 0; i < MANY; i++)
            check_take(&inbox, i);
        check_empty(&inbox);
    }
    th_inbox_fini(&inbox);
}

TEST(inbox, puts_and_takes_in_turn)
{
    th_inbox inbox;
    th_inbox_init(&inbox, HAVE(th_alloc(sizeof(th_inbox_segment))));
    unsigned long before = test_allocations();
    intptr_t taken = 0;
    for (intptr_t i = 0; i < MANY; i++) {
        put(&inbox, i);
        if (i % 100 >= 50)
            check_take(&inbox, taken++);
        if (i % 100 >= 50 && inbox.length > 0)
            check_take(&inbox, taken++);
    }
    while (taken < MANY)
        check_take(&inbox, taken++);
    check_empty(&inbox);
    CHECK_LE(test_allocations() - before, 2); /* segments are used again */
    th_inbox_fini(&inbox);
}

TEST(inbox, what_is_left_is_freed)
{
    th_inbox inbox;
    th_inbox_init(&inbox, HAVE(th_alloc(sizeof(th_inbox_segment))));
    for (intptr_t i = 0; i < MANY; i++)
        put(&inbox, i);
    for (intptr_t i = 0; i < 2 * TH_SEGMENT_ITEMS; i++)
        check_take(&inbox, i);
    th_inbox_fini(&inbox);
}

TEST(inbox, withdrawn_items_become_nothing)
{
    th_inbox inbox;
    th_inbox_init(&inbox, HAVE(th_alloc(sizeof(th_inbox_segment))));
    CHECK(!th_inbox_withdraw(&inbox, item_of(1)));
    for (intptr_t i = 0; i < MANY; i++)
        put(&inbox, i);
    check_take(&inbox, 0);
    CHECK(!th_inbox_withdraw(&inbox, item_of(0)));
    for (intptr_t i = 1; i < MANY; i += 100) {
        CHECK(th_inbox_withdraw(&inbox, item_of(i)));
        CHECK(!th_inbox_withdraw(&inbox, item_of(i)));
    }
    for (intptr_t i = 1; i < MANY; i++)
        check_take(&inbox, i % 100 == 1 ? 0 : i);
    check_empty(&inbox);
    th_inbox_fini(&inbox);
}
