/* SPDX-License-Identifier: MIT */
/** @file
 *  Chaos.
 *
 *  Purpose     Make rare interleavings common: the threads stop in odd places, and waits end for
 *              nothing, by a seed.
 *  State       The seed and the rate, written by a constructor before all others; per thread one
 *              word, its stream of decisions.
 *  Invariants  What a point does is no cancellation point and keeps errno: it may stand between any
 *              two instructions of the library, in signal handlers too.
 *  Rejected    Sleeping at a point: tests that wait until a thread sleeps would take it for one
 *              that has queued. */
#include "platform/chaos.h"

#if defined(TH_BACKEND_CHAOS)

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "platform/atomic.h"
#include "platform/backend.h"
#include "platform/cpu.h"
#include "platform/panic.h"

#define SEED_DEFAULT 1
#define RATE_DEFAULT 20
#define SPIN_PAUSES_MAX 256
#define DELAY_NS_MAX 100000
#define WAIT_NS_MAX 1000000

static uint64_t seed = SEED_DEFAULT;
static uint32_t rate = RATE_DEFAULT;

/** Card: how many threads have come to a point; taken from by each once. */
static uint32_t threads;

/** This thread's decisions; 0 before its first point. */
static __thread uint64_t stream __attribute__((tls_model("initial-exec")));

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = secure_getenv(name);
    return text != NULL && *text != '\0' ? strtoull(text, NULL, 0) : otherwise;
}

TH_CONSTRUCTOR_TOLD static void read_environment(void)
{
    seed = number_of("THRUM_CHAOS_SEED", SEED_DEFAULT);
    uint64_t wanted = number_of("THRUM_CHAOS_RATE", RATE_DEFAULT);
    rate = wanted < 1000 ? (uint32_t)wanted : 1000;
    if (number_of("THRUM_CHAOS_VERBOSE", 0) != 0)
        th_say("chaos: THRUM_CHAOS_SEED=%llu THRUM_CHAOS_RATE=%u", (unsigned long long)seed, rate);
}

static uint64_t *own_stream(void)
{
    if (stream == 0) {
        stream = 1; /* the count is a point itself */
        /* relaxed: a number */
        stream = th_chaos_stream(seed, th_add_rlx(&threads, 1));
    }
    return &stream;
}

static void give_way_until(thrum_time end)
{
    do
        sched_yield();
    while (thrum_now() < end);
}

void th_chaos_point(void)
{
    int saved = errno;
    uint64_t *own = own_stream();
    switch (th_chaos_choose(own, rate)) {
    case TH_CHAOS_NOTHING: break;
    case TH_CHAOS_YIELD: sched_yield(); break;
    case TH_CHAOS_SPIN:
        for (uint64_t i = th_chaos_next(own) % SPIN_PAUSES_MAX; i > 0; i--)
            th_pause();
        break;
    case TH_CHAOS_DELAY:
        give_way_until(thrum_now() + (thrum_time)(th_chaos_next(own) % DELAY_NS_MAX));
        break;
    }
    errno = saved;
}

bool th_chaos_cuts_wait(thrum_time *deadline)
{
    uint64_t number = th_chaos_next(own_stream());
    if (number % 1000 >= (uint64_t)rate * 10)
        return false;
    if ((number >> 32) % 2 == 0)
        return true;
    thrum_time soon = thrum_now() + (thrum_time)((number >> 33) % WAIT_NS_MAX);
    if (*deadline > soon)
        *deadline = soon;
    return false;
}

void th_chaos_after_create(void)
{
    if (th_chaos_next(own_stream()) % 2 == 0)
        sched_yield();
}

#endif
