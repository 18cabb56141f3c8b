/* SPDX-License-Identifier: MIT */
/** @file
 *  The processor.
 *
 *  Purpose     Calibrate the pause instruction once, so that "spin for two microseconds" means that
 *              on every machine: the instruction takes 10 cycles on some and 140 on others.
 *  State       Two words written by a constructor before main, read by anyone after. */
#include "platform/cpu.h"

#include <sched.h>

#include "platform/backend.h"
#include "thrum/time.h"

#define SAMPLE_PAUSES 64
#define SAMPLES 5

static uint32_t pauses_per_us = 16;
static unsigned cpu_count = 2;

/** The best of a few samples: an interrupted one only looks slower. */
TH_CONSTRUCTOR_SYSTEM static void calibrate(void)
{
    thrum_time best = THRUM_FOREVER;
    for (int sample = 0; sample < SAMPLES; sample++) {
        thrum_time start = thrum_now();
        for (int i = 0; i < SAMPLE_PAUSES; i++)
            th_pause();
        thrum_time took = thrum_now() - start;
        if (took < best)
            best = took;
    }
    if (best < 1)
        best = 1;
    thrum_time per_us = SAMPLE_PAUSES * (thrum_time)1000 / best;
    pauses_per_us = per_us < 1 ? 1 : per_us > 1000 ? 1000 : (uint32_t)per_us;

    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
        cpu_count = (unsigned)CPU_COUNT(&allowed);
}

uint32_t th_pauses_per_us(void)
{
    return pauses_per_us;
}

int th_has_many_cpus(void)
{
    return cpu_count > 1;
}

unsigned th_cpu_count(void)
{
    return cpu_count;
}

void th_yield(void)
{
    sched_yield();
}
