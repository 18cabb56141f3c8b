/* SPDX-License-Identifier: MIT */
/** @file
 *  Concurrency Kit: spin locks, and its ring of pointers; as that never waits, whoever finds it
 *  full or empty spins a while and then yields. */
#include <ck_ring.h>
#include <ck_spinlock.h>
#include <sched.h>

#include "pairs.h"

static ck_spinlock_fas_t fas = CK_SPINLOCK_FAS_INITIALIZER;
static ck_spinlock_ticket_t ticket = CK_SPINLOCK_TICKET_INITIALIZER;

BENCH_PAIRS_OF(fas_uncontended, ck_spinlock_fas_lock(&fas), ck_spinlock_fas_unlock(&fas))
BENCH_PAIRS_OF(ticket_uncontended, ck_spinlock_ticket_lock(&ticket),
               ck_spinlock_ticket_unlock(&ticket))
BENCH_HAMMER_OF(fas_contended, ck_spinlock_fas_lock_eb(&fas), ck_spinlock_fas_unlock(&fas))

/* ---- ring ---- */

static ck_ring_t ring, ring_back;
static ck_ring_buffer_t slots[BENCH_QUEUE_SIZE], slots_back[BENCH_QUEUE_SIZE];

/** Wait for the ring to change: the further along, the less eagerly. */
static void pause_a_while(unsigned *tries)
{
    if (++*tries < 200)
        ck_pr_stall();
    else
        sched_yield();
}

static void put(ck_ring_t *to, ck_ring_buffer_t *buffer, uintptr_t item)
{
    unsigned tries = 0;
    while (!ck_ring_enqueue_mpmc(to, buffer, (void *)item))
        pause_a_while(&tries);
}

static uintptr_t get(ck_ring_t *from, ck_ring_buffer_t *buffer)
{
    void *item;
    unsigned tries = 0;
    while (!ck_ring_dequeue_mpmc(from, buffer, &item))
        pause_a_while(&tries);
    return (uintptr_t)item;
}

static void produce(int index, uintptr_t first, long n)
{
    (void)index;
    for (long i = 0; i < n; i++)
        put(&ring, slots, first + (uintptr_t)i);
}

static uint64_t consume(int index, long n)
{
    (void)index;
    uint64_t sum = 0;
    for (long i = 0; i < n; i++)
        sum += get(&ring, slots);
    return sum;
}

static uintptr_t there(uintptr_t item)
{
    put(&ring, slots, item);
    return get(&ring_back, slots_back);
}

static uintptr_t back(void)
{
    uintptr_t item = get(&ring, slots);
    put(&ring_back, slots_back, item);
    return item;
}

static double queue(void)
{
    ck_ring_init(&ring, BENCH_QUEUE_SIZE);
    return bench_queue(produce, consume);
}

static double queue_turns(void)
{
    ck_ring_init(&ring, BENCH_QUEUE_SIZE);
    ck_ring_init(&ring_back, BENCH_QUEUE_SIZE);
    return bench_queue_turns(there, back);
}

static const bench_entry entries[] = {
    {"lock_uncontended", {"ck_spinlock_fas (spins)", fas_uncontended}},
    {"lock_uncontended", {"ck_spinlock_ticket (spins)", ticket_uncontended}},
    {"lock_contended", {"ck_spinlock_fas (spins)", fas_contended}},
    {"queue_bounded", {"ck_ring (spins)", queue}},
    {"queue_ping_pong", {"ck_ring (spins)", queue_turns}},
};

BENCH_PEER_MAIN(entries)
