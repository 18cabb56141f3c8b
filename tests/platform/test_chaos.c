/* SPDX-License-Identifier: MIT */
/** @file
 *  Chaos: it decides by its seed, as often as it is told. */
#include "platform/chaos.h"

#include <errno.h>
#include <string.h>

#include "platform/atomic.h"
#include "platform/futex.h"
#include "runner.h"

#define DECISIONS 1000

/** The decisions of the `number`th thread, and how many of them disturb. */
static int decide(uint64_t seed, uint32_t number, uint32_t rate, unsigned char acts[DECISIONS])
{
    int disturbed = 0;
    uint64_t stream = th_chaos_stream(seed, number);
    for (int i = 0; i < DECISIONS; i++) {
        acts[i] = (unsigned char)th_chaos_choose(&stream, rate);
        disturbed += acts[i] != TH_CHAOS_NOTHING;
    }
    return disturbed;
}

TEST(chaos, decides_the_same_with_the_same_seed)
{
    unsigned char acts[DECISIONS], again[DECISIONS];
    for (uint64_t seed = 0; seed < 20; seed++) {
        decide(seed, 3, 500, acts);
        decide(seed, 3, 500, again);
        CHECK_EQ(memcmp(acts, again, sizeof acts), 0);
    }
}

TEST(chaos, decides_otherwise_with_another_seed_and_in_another_thread)
{
    unsigned char acts[DECISIONS], other[DECISIONS];
    for (uint32_t i = 0; i < 20; i++) {
        decide(i, 3, 500, acts);
        decide(i + 1, 3, 500, other);
        CHECK_NE(memcmp(acts, other, sizeof acts), 0);
        decide(i, 4, 500, other);
        CHECK_NE(memcmp(acts, other, sizeof acts), 0);
    }
}

TEST(chaos, disturbs_as_often_as_told_in_every_way)
{
    unsigned char acts[DECISIONS];
    bool seen[4] = {false};
    CHECK_EQ(decide(1, 0, 0, acts), 0);
    CHECK_EQ(decide(1, 0, 1000, acts), DECISIONS);
    int disturbed = decide(1, 0, 500, acts);
    CHECK_GT(disturbed, 400);
    CHECK_LT(disturbed, 600);
    for (int i = 0; i < DECISIONS; i++)
        seen[acts[i]] = true;
    CHECK(seen[TH_CHAOS_NOTHING] && seen[TH_CHAOS_YIELD] && seen[TH_CHAOS_SPIN] &&
          seen[TH_CHAOS_DELAY]);
}

#if defined(TH_BACKEND_CHAOS)

TEST(chaos, waits_return_early_now_and_then)
{
    static const uint32_t word;
    int at_once = 0, soon = 0;
    errno = 77;
    for (int i = 0; i < 1000; i++) {
        thrum_time deadline = THRUM_FOREVER;
        if (th_chaos_cuts_wait(&deadline))
            at_once++;
        else
            soon += deadline != THRUM_FOREVER;
    }
    CHECK_GT(at_once, 0);
    CHECK_GT(soon, 0);
    CHECK_LT(at_once + soon, 1000);
    for (int i = 0; i < 100; i++)
        th_futex_wait(&word, 0, thrum_after(0.001));
    CHECK_EQ(errno, 77);
}

TEST(chaos, points_keep_errno)
{
    errno = 77;
    for (int i = 0; i < 10000; i++)
        th_point();
    CHECK_EQ(errno, 77);
}

#endif
