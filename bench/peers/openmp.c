/* SPDX-License-Identifier: MIT */
/** @file
 *  OpenMP: compiled once for GCC's libgomp and once for LLVM's libomp (BENCH_RUNTIME names it).
 *  Its threads spin for a while before they sleep; OMP_WAIT_POLICY is left at the default. */
#include <omp.h>

#include "frames.h"

/* ---- barrier ---- */

static double barrier(void)
{
    long cycles[2] = {0, 0};
    double started = bench_now();
#pragma omp parallel num_threads(2)
    {
        bench_place(omp_get_thread_num());
        for (int i = 0; i < BENCH_TURNS; i++) {
            cycles[omp_get_thread_num()]++;
#pragma omp barrier
        }
    }
    double seconds = bench_now() - started;
    bench_check(cycles[0] == BENCH_TURNS && cycles[1] == BENCH_TURNS, "a thread did not take part");
    return BENCH_TURNS / seconds / 1e3;
}

/* ---- tasks ---- */

/** The submitting thread and so many others, as in `single` all others run tasks. */
static void run_empty(long n, int workers)
{
#pragma omp parallel num_threads(workers + 1)
#pragma omp single
    for (long i = 0; i < n; i++) {
#pragma omp task
        bench_task_ran();
    }
}

static double executor(void)
{
    return bench_executor(run_empty);
}

/* ---- map ---- */

static void map(const uintptr_t *inputs, uintptr_t *outputs, long n)
{
#pragma omp parallel for num_threads(BENCH_WORKERS)
    for (long i = 0; i < n; i++)
        outputs[i] = bench_map_item(inputs[i]);
}

static double map_large(void)
{
    return bench_map(map, BENCH_MAP_LARGE, BENCH_MAPS_LARGE);
}

static double map_small(void)
{
    return bench_map(map, BENCH_MAP_SMALL, BENCH_MAPS_SMALL);
}

static double idle(void)
{
    run_empty(100, BENCH_WORKERS);
    return bench_idle();
}

static const bench_entry entries[] = {
    {"barrier_of_two", {BENCH_RUNTIME " (spins)", barrier}},
    {"executor_empty", {BENCH_RUNTIME " task", executor}},
    {"map_large", {BENCH_RUNTIME " parallel for", map_large}},
    {"map_small", {BENCH_RUNTIME " parallel for", map_small}},
    {"idle", {BENCH_RUNTIME, idle}},
};

BENCH_PEER_MAIN(entries)
