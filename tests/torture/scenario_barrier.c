/* SPDX-License-Identifier: MIT */
/** @file
 *  Scenario: barrier. Rounds alternate between a steady barrier, at which all must be in step,
 *  and a shaky one, which is reset, aborted and left by deadlines: all get a round of it, or none.
 */
#include <string.h>

#include "torture.h"

#define SHAKY_NS 5000000

static thrum_barrier steady, shaky;
static uint64_t round_number;
static unsigned parties;
static bool last_round;
static struct {
    uint64_t round;
} __attribute__((aligned(64))) at[WORKERS_MAX];
static uint64_t taken[WORKERS_MAX]; /* how often each index of the shaky one was given */

/** Run by the last to arrive while all others wait. */
static int everybody_here(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < parties; i++)
        if (at[i].round != round_number)
            torture_count(at[i].round < round_number ? OVERLAP : LOST, 1);
    round_number++;
    last_round = torture_stopping();
    return 0;
}

static void barrier_setup(unsigned workers)
{
    memset(at, 0, sizeof at);
    memset(taken, 0, sizeof taken);
    round_number = 1;
    parties = workers;
    torture_expect(thrum_barrier_init(&steady, workers, everybody_here, NULL), false);
    torture_expect(thrum_barrier_init(&shaky, workers, NULL, NULL), false);
}

static void shake(worker *me)
{
    uint32_t dice = torture_random(me, 64);
    if (dice == 0)
        thrum_barrier_abort(&shaky);
    if (dice < 3 || thrum_barrier_is_broken(&shaky))
        thrum_barrier_reset(&shaky);
    int index = thrum_barrier_wait_until(&shaky, thrum_now() + SHAKY_NS);
    if (index >= 0 && index < (int)parties)
        __atomic_add_fetch(&taken[index], 1, __ATOMIC_RELAXED);
    else if (index != THRUM_EBROKEN)
        torture_count(UNEXPECTED_STATUS, 1);
}

static bool barrier_step(worker *me)
{
    at[me->slot].round++;
    int index = thrum_barrier_wait(&steady);
    if (index < 0 || index >= (int)parties)
        torture_count(UNEXPECTED_STATUS, 1);
    if (round_number != at[me->slot].round + 1)
        torture_count(OVERLAP, 1);
    bool last = last_round;
    shake(me);
    return !last;
}

static void barrier_check(void)
{
    for (unsigned i = 1; i < parties; i++)
        torture_conserve(taken[0], taken[i]);
    if (thrum_barrier_n_waiting(&steady) != 0 || thrum_barrier_n_waiting(&shaky) != 0)
        torture_count(LOST, 1);
}

const scenario scenario_barrier = {
    .name = "barrier",
    .proves = "rounds in step; a round that is broken is given to nobody",
    .setup = barrier_setup,
    .step = barrier_step,
    .check = barrier_check,
    .least = 2,
    .in_mixed = true,
};
