/* SPDX-License-Identifier: MIT */
/** @file
 *  What the machine itself takes: nothing that stands on it can take less. Each contender is one of
 *  its limits, in ns. */
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "frames.h"

#define STEPS 20000000
#define TRIPS 200000
#define WAKES 20000

static uint32_t word;

/** ns per call of steps(n), which does something n times. */
static double timed(void (*steps)(long n), long n)
{
    steps(n / 10);
    double started = bench_now();
    steps(n);
    return (bench_now() - started) / (double)n * 1e9;
}

static void locked_adds(long n)
{
    for (long i = 0; i < n; i++)
        __atomic_fetch_add(&word, 1, __ATOMIC_SEQ_CST);
}

static void exchanges(long n)
{
    for (long i = 0; i < n; i++) {
        uint32_t expected = 0;
        __atomic_compare_exchange_n(&word, &expected, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
        __atomic_store_n(&word, 0, __ATOMIC_RELEASE);
    }
}

static void exchanges_and_back(long n)
{
    for (long i = 0; i < n; i++) {
        uint32_t expected = 0;
        __atomic_compare_exchange_n(&word, &expected, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
        expected = 1;
        __atomic_compare_exchange_n(&word, &expected, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    }
}

static void system_calls(long n)
{
    for (long i = 0; i < n; i++)
        syscall(SYS_getppid);
}

static double locked_instruction(void)
{
    return timed(locked_adds, STEPS);
}

static double one_locked_pair(void)
{
    word = 0;
    return timed(exchanges, STEPS);
}

static double two_locked_pair(void)
{
    word = 0;
    return timed(exchanges_and_back, STEPS);
}

static double system_call(void)
{
    return timed(system_calls, STEPS / 20);
}

/** The word is `me` when it is this thread's turn. */
static void spin_turns(int me)
{
    for (long i = 0; i < TRIPS; i++) {
        while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) != (uint32_t)me)
            ;
        __atomic_store_n(&word, (uint32_t)!me, __ATOMIC_RELEASE);
    }
}

static double line_round_trip(void)
{
    if (bench_cpus() == 1) {
        bench_skip("a line does not travel on one processor");
    }
    word = 0;
    return bench_crew(2, spin_turns) / TRIPS * 1e9;
}

static void futex_turns(int me)
{
    for (long i = 0; i < WAKES; i++) {
        while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) != (uint32_t)me)
            syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, !me, NULL, NULL, 0);
        __atomic_store_n(&word, (uint32_t)!me, __ATOMIC_RELEASE);
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

/** Half a round trip: from before the wake until the woken one runs. */
static double futex_wake_to_run(void)
{
    word = 0;
    return bench_crew(2, futex_turns) / (2.0 * WAKES) * 1e9;
}

static bool are_over;

/** One restarts the sequences of the other, which runs if there is a processor for it. */
static void restart_turns(int me)
{
    if (me == 1) {
        while (bench_cpus() > 1 && !__atomic_load_n(&are_over, __ATOMIC_RELAXED))
            ;
        return;
    }
    for (long i = 0; i < WAKES; i++)
        bench_check(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0) == 0,
                    "no barrier");
    __atomic_store_n(&are_over, true, __ATOMIC_RELAXED);
}

static double restart_of_sequences(void)
{
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0) != 0)
        bench_skip("the kernel has no barrier for restartable sequences");
    are_over = false;
    return bench_crew(2, restart_turns) / WAKES * 1e9;
}

static const bench_contender contenders[] = {
    {"a locked instruction", locked_instruction},   {"compare-exchange and store", one_locked_pair},
    {"two compare-exchanges", two_locked_pair},     {"a system call", system_call},
    {"cache line, round trip", line_round_trip},    {"futex wake to run", futex_wake_to_run},
    {"restart of sequences", restart_of_sequences},
};

BENCH_VARIANTS(BENCH_PLACED)
BENCH_MAIN("limits of this machine", "ns", BENCH_LOWER_IS_BETTER, contenders)
