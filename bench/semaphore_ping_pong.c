/* SPDX-License-Identifier: MIT */
/** @file
 *  Two threads hand a permit to and fro. */
#include <semaphore.h>

#include "frames.h"
#include "thrum/semaphore.h"

static thrum_semaphore there, back;
static sem_t glibc_there, glibc_back;

static void thrum_hand_over(thrum_semaphore *from, thrum_semaphore *to)
{
    bench_check(thrum_semaphore_acquire(from) == 0 && thrum_semaphore_release(to, 1) == 0,
                "a permit was lost");
}

static void thrum_turn(int me)
{
    thrum_hand_over(me == 0 ? &back : &there, me == 0 ? &there : &back);
}

static void glibc_turn(int me)
{
    sem_wait(me == 0 ? &glibc_back : &glibc_there);
    sem_post(me == 0 ? &glibc_there : &glibc_back);
}

static double thrum_round(void)
{
    thrum_semaphore_init(&back, 1, false);
    thrum_semaphore_init(&there, 0, false);
    return bench_two(thrum_turn);
}

static double glibc_round(void)
{
    sem_init(&glibc_back, 0, 1);
    sem_init(&glibc_there, 0, 0);
    return bench_two(glibc_turn);
}

static const bench_contender contenders[] = {{"thrum", thrum_round}, {"glibc", glibc_round}};

BENCH_VARIANTS(BENCH_PLACED)
BENCH_MAIN("semaphore ping-pong", "thousand round trips per s", BENCH_HIGHER_IS_BETTER, contenders)
