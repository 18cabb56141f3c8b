/* SPDX-License-Identifier: MIT */
/** @file
 *  One lock wanted by several threads all the time; the counter under it must come out right. */
#include "pairs.h"
#include "peers/glibc_mutex.h"
#include "thrum/lock.h"

static thrum_lock lock;
static pthread_mutex_t adaptive = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;

BENCH_HAMMER_OF(thrum_round, thrum_lock_acquire(&lock), thrum_lock_release(&lock))
BENCH_HAMMER_OF(adaptive_round, pthread_mutex_lock(&adaptive), pthread_mutex_unlock(&adaptive))

static const bench_contender contenders[] = {
    {"thrum", thrum_round}, {"glibc", peer_contended}, {"glibc adaptive", adaptive_round}};

BENCH_VARIANTS("--threads 1,--threads 2,--threads 4,--threads 8,--threads 16,--threads 64")
BENCH_MAIN("one lock, wanted all the time", "million pairs per s", BENCH_HIGHER_IS_BETTER,
           contenders)
