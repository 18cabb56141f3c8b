/* SPDX-License-Identifier: MIT */
/** @file
 *  Backend: exactly one is chosen, and sizes are the real ones but in models. */
#include "platform/backend.h"

#include "runner.h"

TEST(backend, is_one)
{
    CHECK_EQ(TH_BACKENDS, 1);
    CHECK_EQ(th_limit(10, 4), 10);
}
