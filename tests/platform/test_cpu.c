/* SPDX-License-Identifier: MIT */
/** @file
 *  The processor: what spinning is measured in. */
#include "platform/cpu.h"

#include <sched.h>

#include "runner.h"

TEST(cpu, a_microsecond_has_pauses_and_always_as_many)
{
    const uint32_t pauses = th_pauses_per_us();
    CHECK_GE(pauses, 1);
    CHECK_LE(pauses, 1000);
    for (uint32_t i = 0; i < 10 * pauses; i++)
        th_pause();
    CHECK_EQ(th_pauses_per_us(), pauses);
}

TEST(cpu, many_processors_are_more_than_one_that_this_process_may_use)
{
    cpu_set_t allowed;
    CHECK_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    CHECK_EQ(th_has_many_cpus() != 0, CPU_COUNT(&allowed) > 1);
}

TEST(cpu, yield_comes_back)
{
    for (int i = 0; i < 1000; i++)
        th_yield();
}
