/* SPDX-License-Identifier: MIT */
/** @file
 *  Lock and unlock, nobody else wanting it, in a process that has had several threads. */
#include <threads.h>

#include "pairs.h"
#include "peers/glibc_mutex.h"
#include "thrum/lock.h"

static thrum_lock lock;
static mtx_t c11_mutex;

BENCH_PAIRS_OF(thrum_round, thrum_lock_acquire(&lock), thrum_lock_release(&lock))
BENCH_PAIRS_OF(c11_uncontended, mtx_lock(&c11_mutex), mtx_unlock(&c11_mutex))

static double c11_round(void)
{
    mtx_init(&c11_mutex, mtx_plain);
    return c11_uncontended();
}

static const bench_contender contenders[] = {
    {"thrum", thrum_round}, {"glibc", peer_uncontended}, {"C11", c11_round}};

BENCH_MAIN("lock + unlock, uncontended", "ns per pair", BENCH_LOWER_IS_BETTER, contenders)
