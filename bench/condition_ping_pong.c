/* SPDX-License-Identifier: MIT */
/** @file
 *  Two threads take turns under one lock and condition. */
#include "frames.h"
#include "peers/glibc_mutex.h"
#include "thrum/condition.h"

static int turn;
static thrum_lock lock;
static thrum_condition changed;

static void thrum_turn(int me)
{
    thrum_lock_acquire(&lock);
    while (turn != me)
        bench_check(thrum_condition_wait(&changed, &lock) == 0, "a wait failed");
    turn = !me;
    thrum_condition_notify(&changed, 1);
    thrum_lock_release(&lock);
}

static double thrum_round(void)
{
    return bench_two(thrum_turn);
}

static const bench_contender contenders[] = {{"thrum", thrum_round}, {"glibc", peer_condition}};

BENCH_VARIANTS(BENCH_PLACED)
BENCH_MAIN("condition ping-pong", "thousand round trips per s", BENCH_HIGHER_IS_BETTER, contenders)
