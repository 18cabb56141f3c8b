/* SPDX-License-Identifier: MIT */
/** @file
 *  Scenario: queue. Even slots put numbered items, odd ones get them, in every way there is, into
 *  queues of every kind. */
#include <string.h>

#include "torture.h"

/** Two FIFO queues, whose order is looked at, and two others. */
enum { RING, CHAIN, STACK, HEAP, QUEUES, FIFOS = STACK };
enum { BATCH = 5 };

/** An item is its producer and its number: of the items it put there, from 1 on. */
#define NUMBER_BITS 40

static struct {
    thrum_queue *queues[QUEUES];
    unsigned producers;                                 /* that have not ended */
    uint64_t number[WORKERS_MAX][QUEUES];               /* of each producer: the last item's */
    uint64_t last[FIFOS][WORKERS_MAX / 2][WORKERS_MAX]; /* that a consumer got of a producer */
    uint64_t put, got, put_sum, got_sum;
} flow;

static int by_address(const void *a, const void *b)
{
    return ((uintptr_t)a > (uintptr_t)b) - ((uintptr_t)a < (uintptr_t)b);
}

static void left_over(void *item)
{
    (void)item;
    torture_count(LOST, 1);
}

static void queue_setup(unsigned workers)
{
    memset(&flow, 0, sizeof flow);
    flow.producers = (workers + 1) / 2;
    flow.queues[RING] = thrum_queue_new(3, .destroy_item = left_over);
    flow.queues[CHAIN] = thrum_queue_new(5000, .destroy_item = left_over);
    flow.queues[STACK] = thrum_queue_new(7, .order = THRUM_LIFO, .destroy_item = left_over);
    flow.queues[HEAP] = thrum_queue_new(1, .order = THRUM_PRIORITY, .compare = by_address,
                                        .destroy_item = left_over);
}

/** Where a worker may wait without a deadline: at a queue where as many of the other kind do. */
static int home_of(const worker *me)
{
    bool has_partner = me->slot % 2 == 1 || me->slot + 1 < me->slots;
    return has_partner ? (int)(me->slot / 2 % QUEUES) : -1;
}

static void end_producing(void)
{
    if (__atomic_sub_fetch(&flow.producers, 1, __ATOMIC_ACQ_REL) == 0)
        for (int i = 0; i < QUEUES; i++)
            thrum_queue_shutdown(flow.queues[i], false);
}

/** Whether `status` is 0; anything but the two refusals given counts as unexpected. */
static bool expect(int status, int refusal, int other)
{
    if (status == 0 || status == refusal || status == other)
        return status == 0;
    return torture_expect(status, false);
}

static bool produce(worker *me)
{
    int where = (int)torture_random(me, QUEUES);
    thrum_queue *queue = flow.queues[where];
    void *items[BATCH];
    uint64_t *number = &flow.number[me->slot][where];
    for (uint64_t i = 0; i < BATCH; i++)
        items[i] = (void *)(uintptr_t)((uint64_t)me->slot << NUMBER_BITS | (*number + i + 1));
    size_t n = 0;
    switch (torture_random(me, 4)) {
    case 0: n = expect(thrum_queue_try_put(queue, items[0]), THRUM_EFULL, 0); break;
    case 1:
        expect(thrum_queue_put_many_until(queue, items, BATCH, &n, torture_soon(me)),
               THRUM_ETIMEDOUT, 0);
        break;
    case 2:
        if (where == home_of(me)) {
            n = expect(thrum_queue_put(queue, items[0]), 0, 0);
            break;
        } /* fallthrough */
    default:
        n = expect(thrum_queue_put_until(queue, items[0], torture_soon(me)), THRUM_ETIMEDOUT, 0);
    }
    for (size_t i = 0; i < n; i++)
        __atomic_fetch_add(&flow.put_sum, (uint64_t)(uintptr_t)items[i], __ATOMIC_RELAXED);
    __atomic_fetch_add(&flow.put, n, __ATOMIC_RELAXED);
    *number += n;
    if (!torture_stopping())
        return true;
    end_producing();
    return false;
}

static void see(const worker *me, int where, uint64_t item)
{
    unsigned producer = (unsigned)(item >> NUMBER_BITS);
    uint64_t number = item & (((uint64_t)1 << NUMBER_BITS) - 1);
    __atomic_fetch_add(&flow.got_sum, item, __ATOMIC_RELAXED);
    __atomic_fetch_add(&flow.got, 1, __ATOMIC_RELAXED);
    if (where >= FIFOS)
        return;
    uint64_t *last = &flow.last[where][me->slot / 2][producer];
    if (number <= *last)
        torture_count(DOUBLED, 1);
    *last = number;
}

static int get_somehow(worker *me, int where, void **items, size_t *ret_got)
{
    thrum_queue *queue = flow.queues[where];
    bool is_home = where == home_of(me);
    *ret_got = 1;
    switch (torture_random(me, 5)) {
    case 0: return thrum_queue_try_get(queue, items);
    case 1: return thrum_queue_get_many_until(queue, items, BATCH, ret_got, torture_soon(me));
    case 2:
        if (is_home)
            return thrum_queue_get_many(queue, items, BATCH, ret_got);
        break;
    case 3:
        if (is_home)
            return thrum_queue_get(queue, items);
        break;
    default: break;
    }
    return thrum_queue_get_until(queue, items, torture_soon(me));
}

/** Ends when every queue has said that it is shut. */
static bool consume(worker *me)
{
    int where = (int)torture_random(me, QUEUES);
    void *items[BATCH];
    size_t n;
    int status = get_somehow(me, where, items, &n);
    if (status == THRUM_ESHUTDOWN)
        me->own[0] |= (uint64_t)1 << where;
    else if (expect(status, THRUM_EEMPTY, THRUM_ETIMEDOUT))
        for (size_t i = 0; i < n; i++) {
            see(me, where, (uint64_t)(uintptr_t)items[i]);
            torture_expect(thrum_queue_task_done(flow.queues[where]), false);
        }
    return me->own[0] != ((uint64_t)1 << QUEUES) - 1;
}

static bool queue_step(worker *me)
{
    return me->slot % 2 == 0 ? produce(me) : consume(me);
}

static void queue_check(void)
{
    torture_conserve(flow.put, flow.got);
    if (flow.put_sum != flow.got_sum)
        torture_count(DOUBLED, 1);
    for (int i = 0; i < QUEUES; i++) {
        torture_expect(thrum_queue_join_until(flow.queues[i], 0), false);
        thrum_queue_free(flow.queues[i]);
    }
}

const scenario scenario_queue = {
    .name = "queue",
    .proves = "queues lose and double nothing and keep their order; no wake-up is lost",
    .setup = queue_setup,
    .step = queue_step,
    .check = queue_check,
    .least = 2,
    .in_mixed = true,
};
