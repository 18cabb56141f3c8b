/* SPDX-License-Identifier: MIT */
/** @file
 *  What every benchmark shares. */
#include "harness.h"

#include <argp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define ROUNDS_MAX 99
#define CONTENDERS_MAX 8

typedef struct options {
    int rounds;
    int cpus;
} options;

static options chosen = {9, 0};

static const struct argp_option accepted[] = {
    {"rounds", 'r', "N", 0, "Rounds per contender (default 9)", 0},
    {"cpus", 'c', "N", 0, "Pin the threads to 1 or 2 processors (default: not pinned)", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case 'r':
        chosen.rounds = atoi(arg);
        if (chosen.rounds < 1 || chosen.rounds > ROUNDS_MAX)
            argp_error(state, "rounds must be 1 to %d", ROUNDS_MAX);
        return 0;
    case 'c':
        chosen.cpus = atoi(arg);
        if (chosen.cpus < 1 || chosen.cpus > 2)
            argp_error(state, "cpus must be 1 or 2");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

double bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double cpu_now(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec * 1e-6 +
           (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec * 1e-6;
}

void bench_place(int index)
{
    if (chosen.cpus == 0)
        return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)(index % chosen.cpus), &set);
    sched_setaffinity(0, sizeof set, &set);
}

void bench_wrong(const char *what)
{
    fprintf(stderr, "wrong result: %s\n", what);
    exit(1);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int bench_main(int argc, char **argv, const char *title, const char *unit, bench_better better,
               const bench_contender *contenders, size_t count)
{
    static double figures[CONTENDERS_MAX][ROUNDS_MAX];
    double cores[CONTENDERS_MAX] = {0};
    const struct argp parser = {accepted, parse, NULL, title, NULL, NULL, NULL};
    argp_parse(&parser, argc, argv, 0, NULL, NULL);

    for (int round = 0; round < chosen.rounds; round++)
        for (size_t i = 0; i < count; i++) {
            double started = bench_now(), cpu = cpu_now();
            figures[i][round] = contenders[i].round();
            cores[i] += (cpu_now() - cpu) / (bench_now() - started) / chosen.rounds;
        }

    printf("%s (%s, %s is better, %d rounds%s)\n", title, unit,
           better == BENCH_LOWER_IS_BETTER ? "lower" : "higher", chosen.rounds,
           chosen.cpus == 1   ? ", one CPU"
           : chosen.cpus == 2 ? ", two CPUs"
                              : "");
    double best_peer = 0;
    for (size_t i = 0; i < count; i++) {
        qsort(figures[i], (size_t)chosen.rounds, sizeof(double), ascending);
        double median = figures[i][chosen.rounds / 2];
        printf("  %-22s %10.4g  [%.4g..%.4g]  %.2f cores\n", contenders[i].name, median,
               figures[i][0], figures[i][chosen.rounds - 1], cores[i]);
        bool ahead = better == BENCH_LOWER_IS_BETTER ? median < best_peer : median > best_peer;
        if (i > 0 && (best_peer == 0 || ahead))
            best_peer = median;
    }
    if (count > 1)
        printf("  thrum / best peer: %.2f\n", figures[0][chosen.rounds / 2] / best_peer);
    return 0;
}
