/* SPDX-License-Identifier: MIT */
/** @file
 *  Scenarios: the list of them all, the mixed one, and the specimens: faults on purpose, to show
 *  that faults are found. */
#include <string.h>

#include "torture.h"

static void nothing(void)
{
}

static const scenario scenario_mixed = {
    .name = "mixed",
    .proves = "all of these at once",
    .mixed = true,
};

/* ---- specimens ---- */

static thrum_event never_set;

static void stuck_setup(unsigned workers)
{
    (void)workers;
    never_set = (thrum_event)THRUM_EVENT_INIT;
}

/** Slot 1 waits for what nobody does; the others go on until the end. */
static bool stuck_step(worker *me)
{
    if (me->slot == 1 && me->operations > 100)
        torture_expect(thrum_event_wait(&never_set), false);
    thrum_sleep(0.0001);
    return !torture_stopping();
}

const scenario scenario_stuck = {
    .name = "specimen-stuck",
    .proves = "that a worker which waits for ever is found",
    .setup = stuck_setup,
    .step = stuck_step,
    .check = nothing,
    .least = 2,
    .hidden = true,
};

static struct {
    thrum_semaphore empty, full;
    uint64_t item, sent, received;
} parcel;

static void item_lost_setup(unsigned workers)
{
    (void)workers;
    memset(&parcel, 0, sizeof parcel);
    parcel.empty = (thrum_semaphore)THRUM_SEMAPHORE(1);
}

/** Slot 0 sends numbers to slot 1, and forgets the tenth. */
static bool item_lost_step(worker *me)
{
    uint64_t number = ++me->own[0];
    if (me->slot == 1) {
        torture_expect(thrum_semaphore_acquire(&parcel.full), false);
        bool last = parcel.item == 0;
        parcel.received += !last;
        torture_expect(thrum_semaphore_release(&parcel.empty, 1), false);
        return !last;
    }
    bool last = torture_stopping() && number > 10;
    parcel.sent += !last;
    if (number == 10)
        return true;
    torture_expect(thrum_semaphore_acquire(&parcel.empty), false);
    parcel.item = last ? 0 : number;
    torture_expect(thrum_semaphore_release(&parcel.full, 1), false);
    return !last;
}

static void item_lost_check(void)
{
    torture_conserve(parcel.sent, parcel.received);
}

const scenario scenario_item_lost = {
    .name = "specimen-lost",
    .proves = "that an item which goes missing is found",
    .setup = item_lost_setup,
    .step = item_lost_step,
    .check = item_lost_check,
    .least = 2,
    .most = 2,
    .hidden = true,
};

/* One a line. */
/* clang-format off */
const scenario *const scenarios[] = {
    &scenario_lock,
    &scenario_rlock,
    &scenario_condition,
    &scenario_semaphore,
    &scenario_bounded,
    &scenario_event,
    &scenario_barrier,
    &scenario_once,
    &scenario_thread,
    &scenario_local,
    &scenario_fork,
    &scenario_lifetime,
    &scenario_log,
    &scenario_queue,
    &scenario_executor,
    &scenario_timer,
    &scenario_thousands,
    &scenario_mixed,
    &scenario_fork_malloc,
    &scenario_stuck,
    &scenario_item_lost,
    NULL,
};
/* clang-format on */

const char *scenario_left_out(const scenario *chosen)
{
    if (TORTURE_TSAN && (chosen->forks || chosen->outlives))
        return "left out under ThreadSanitizer";
    if (TORTURE_ASAN && chosen->forks)
        return "left out under AddressSanitizer";
    return NULL;
}
