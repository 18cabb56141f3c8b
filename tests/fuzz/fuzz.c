/* SPDX-License-Identifier: MIT */
/** @file
 *  thrum-fuzz: libFuzzer's entry.
 *
 *  Purpose     Let libFuzzer look for inputs that reach what none before has reached.
 *  Apart       libFuzzer lives in a shared object of its own, so that nothing of it is in the world
 *              that is set back before each execution; README.md says more.
 *  Feedback    Its counters are ours, in mapped memory: for each edge of thrum's code that is
 *              passed, for each pair of edges between which another thread took over, and for what
 *              calls answered while what other calls on the same object were under way.
 *  Failures    The explorer catches the signals of crashes, which are verdicts. A verdict becomes
 *              the SIGABRT that libFuzzer waits for. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine.h"
#include "input.h"
#include "record.h"
#include "thin.h"

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*test)(const uint8_t *data, size_t bytes));
void __sanitizer_cov_8bit_counters_init(uint8_t *first, uint8_t *end);
void __sanitizer_cov_trace_pc_guard_init(uint32_t *first, uint32_t *end);
void __sanitizer_cov_trace_pc_guard(const uint32_t *guard);

STATE static uint8_t *counters;
STATE static int last_thread;
STATE static uint32_t last_edge;
STATE static struct sigaction abort_of_fuzzer;
STATE static bool has_begun;

/* ---- what clang's instrumentation of thrum's code calls ---- */

void __sanitizer_cov_trace_pc_guard_init(uint32_t *first, uint32_t *end)
{
    static uint32_t edges;
    for (uint32_t *guard = first; guard < end; guard++)
        *guard = ++edges;
}

static void count(uint32_t what)
{
    uint8_t *counter = &counters[what % RECORD_COUNTERS];
    *counter = (uint8_t)(*counter + (*counter < UINT8_MAX));
}

void __sanitizer_cov_trace_pc_guard(const uint32_t *guard)
{
    if (!engine.running || engine.quiet)
        return;
    count(*guard);
    if (engine.current != last_thread) /* how often does not matter: there are many */
        counters[(last_edge * 4099u + *guard) * 2654435761u >> 16] = 1;
    last_thread = engine.current;
    last_edge = *guard;
}

/* ---- libFuzzer's side ---- */

static int run_input(const uint8_t *data, size_t bytes)
{
    if (!has_begun) /* the first execution sets the explorer's handlers */
        sigaction(SIGABRT, NULL, &abort_of_fuzzer);
    has_begun = true;
    last_thread = -1;
    if (input_run(data, bytes, false))
        return 0;
    fflush(NULL);
    sigaction(SIGABRT, &abort_of_fuzzer, NULL);
    abort();
}

int main(int argc, char **argv)
{
    counters =
        mmap(NULL, RECORD_COUNTERS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (counters == MAP_FAILED) {
        perror("thrum-fuzz: no memory for counters");
        return 2;
    }
    record_feed(counters);
    if (argc == 4 && strcmp(argv[1], "--thin") == 0)
        return thin_folder((unsigned)atoi(argv[2]), argv[3], counters);
    __sanitizer_cov_8bit_counters_init(counters, counters + RECORD_COUNTERS);
    return LLVMFuzzerRunDriver(&argc, &argv, run_input);
}
