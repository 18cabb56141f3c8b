/* SPDX-License-Identifier: MIT */
/** @file
 *  Google nsync: mutex and condition variable. */
#include <nsync.h>

#include "frames.h"

static nsync_mu mu = NSYNC_MU_INIT;
static nsync_cv changed = NSYNC_CV_INIT;
static int turn, woken;

static void pairs(long n)
{
    for (long i = 0; i < n; i++) {
        nsync_mu_lock(&mu);
        nsync_mu_unlock(&mu);
    }
}

static long hammer(volatile long *counter)
{
    long count = 0;
    for (; !bench_stopped(); count++) {
        nsync_mu_lock(&mu);
        *counter = *counter + 1;
        nsync_mu_unlock(&mu);
    }
    return count;
}

static void take_turn(int me)
{
    nsync_mu_lock(&mu);
    while (turn != me)
        nsync_cv_wait(&changed, &mu);
    turn = !me;
    nsync_cv_signal(&changed);
    nsync_mu_unlock(&mu);
}

static void sleeper(int wake)
{
    nsync_mu_lock(&mu);
    while (woken <= wake)
        nsync_cv_wait(&changed, &mu);
    nsync_mu_unlock(&mu);
}

static void wake_all(int wake)
{
    nsync_mu_lock(&mu);
    woken = wake + 1;
    nsync_cv_broadcast(&changed);
    nsync_mu_unlock(&mu);
}

static double uncontended(void)
{
    return bench_uncontended(pairs);
}

static double contended(void)
{
    return bench_contended(hammer);
}

static double condition(void)
{
    return bench_two(take_turn);
}

static double waking(void)
{
    return bench_wake_all(sleeper, wake_all, NULL);
}

static double memory(void)
{
    bench_note("condition", sizeof(nsync_cv));
    bench_note("once", sizeof(nsync_once));
    return sizeof(nsync_mu);
}

static const bench_entry entries[] = {
    {"lock_uncontended", {"nsync_mu", uncontended}},
    {"lock_contended", {"nsync_mu", contended}},
    {"condition_ping_pong", {"nsync_cv", condition}},
    {"wake_all", {"nsync_cv", waking}},
    {"memory", {"nsync", memory}},
};

BENCH_PEER_MAIN(entries)
