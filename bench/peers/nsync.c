/* SPDX-License-Identifier: MIT */
/** @file
 *  Google nsync: mutex and condition variable. */
#include <nsync.h>

static nsync_mu mu = NSYNC_MU_INIT;
static nsync_cv changed = NSYNC_CV_INIT;

#define LOCK() nsync_mu_lock(&mu)
#define UNLOCK() nsync_mu_unlock(&mu)
#define WAIT() nsync_cv_wait(&changed, &mu)
#define SIGNAL() nsync_cv_signal(&changed)
#define BROADCAST() nsync_cv_broadcast(&changed)
#include "mutex_peer.h"

static double memory(void)
{
    bench_note("condition", sizeof(nsync_cv));
    bench_note("once", sizeof(nsync_once));
    return sizeof(nsync_mu);
}

static const bench_entry entries[] = {
    {"lock_uncontended", {"nsync_mu", peer_uncontended}},
    {"lock_contended", {"nsync_mu", peer_contended}},
    {"condition_ping_pong", {"nsync_cv", peer_condition}},
    {"wake_all", {"nsync_cv", peer_wake_all}},
    {"memory", {"nsync", memory}},
};

BENCH_PEER_MAIN(entries)
