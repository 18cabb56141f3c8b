/* SPDX-License-Identifier: MIT */
/** @file
 *  Tests of src/platform/backoff.h. */
#include "platform/backoff.h"
#include "runner.h"

/** How often it is left out until the next try. */
static int left_out(th_backoff *backoff)
{
    int times = 0;
    while (!th_backoff_tries(backoff))
        times++;
    return times;
}

TEST(backoff, zeroed_tries_at_once)
{
    th_backoff backoff = {0};
    CHECK_EQ(left_out(&backoff), 0);
}

TEST(backoff, what_is_in_vain_is_tried_ever_more_rarely)
{
    th_backoff backoff = {0};
    for (int expected = 1; expected <= TH_BACKOFF_MOST; expected = 2 * expected + 1) {
        th_backoff_tell(&backoff, false);
        CHECK_EQ(left_out(&backoff), expected);
    }
    th_backoff_tell(&backoff, false);
    CHECK_EQ(left_out(&backoff), TH_BACKOFF_MOST);
}

TEST(backoff, what_pays_is_tried_each_time)
{
    th_backoff backoff = {0};
    th_backoff_tell(&backoff, false);
    th_backoff_tell(&backoff, false);
    CHECK_EQ(left_out(&backoff), 3);
    th_backoff_tell(&backoff, true);
    CHECK_EQ(left_out(&backoff), 0);
    CHECK_EQ(left_out(&backoff), 0);
}
