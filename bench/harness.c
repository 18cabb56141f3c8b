/* SPDX-License-Identifier: MIT */
/** @file
 *  The command line and the line of figures of every benchmark program in C and C++. */
#include "harness.h"

#include <argp.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define THREADS_MAX 64
#define NOTES_MAX 16
#define NOT_MEASURED 3 /* exit status */

const char *bench_variants __attribute__((weak)) = "";

static struct {
    int cpus, threads;
    const char *one; /* WORKLOAD/CONTENDER, or NULL: all */
    bool list;
} chosen;

static struct {
    const char *name;
    double value;
} notes[NOTES_MAX];
static size_t noted;

static const struct argp_option accepted[] = {
    {"list", 'l', NULL, 0, "Say what can be measured, one line each, fields separated by tabs", 0},
    {"one", 'o', "WORKLOAD/CONTENDER", 0, "Measure only this (default: all)", 0},
    {"cpus", 'c', "N", 0, "Put the threads on 1 or 2 processors (default: anywhere)", 0},
    {"threads", 't', "N", 0, "So many threads, where that can be chosen", 0},
    {0},
};

static int number(struct argp_state *state, const char *arg, int most)
{
    char *end;
    errno = 0;
    long value = strtol(arg, &end, 10);
    if (errno != 0 || *end != '\0' || value < 1 || value > most)
        argp_error(state, "%s: not a number from 1 to %d", arg, most);
    return (int)value;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case 'l': chosen.list = true; return 0;
    case 'o': chosen.one = arg; return 0;
    case 'c': chosen.cpus = number(state, arg, 2); return 0;
    case 't': chosen.threads = number(state, arg, THREADS_MAX); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

double bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double bench_cpu(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return (double)spent.tv_sec + (double)spent.tv_nsec * 1e-9;
}

int bench_threads(int otherwise)
{
    return chosen.threads != 0 ? chosen.threads : otherwise;
}

int bench_cpus(void)
{
    return chosen.cpus;
}

/** The processors this process could use when it began; threads inherit a narrower set later. */
static cpu_set_t usable;

__attribute__((constructor)) static void find_usable(void)
{
    sched_getaffinity(0, sizeof usable, &usable);
}

void bench_place(int index)
{
    if (chosen.cpus == 0)
        return;
    int skip = index % chosen.cpus;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &usable) || skip-- > 0)
            continue;
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        sched_setaffinity(0, sizeof set, &set);
        return;
    }
    bench_wrong("there are not as many processors");
}

void bench_note(const char *name, double value)
{
    bench_check(noted < NOTES_MAX, "too many notes");
    notes[noted].name = name;
    notes[noted++].value = value;
}

void bench_wrong(const char *what)
{
    fprintf(stderr, "wrong result: %s\n", what);
    exit(1);
}

void bench_skip(const char *why)
{
    fprintf(stderr, "%s\n", why);
    exit(NOT_MEASURED);
}

/** Measure one round and print its line. */
static void measure(const char *workload, const bench_contender *contender)
{
    noted = 0;
    double started = bench_now(), cpu = bench_cpu();
    double figure = contender->round();
    double cpu_s = bench_cpu() - cpu, wall_s = bench_now() - started;
    printf("{\"workload\": \"%s\", \"contender\": \"%s\", \"figure\": %.9g, \"wall_s\": %.6f, "
           "\"cpu_s\": %.6f, \"checked\": true, \"notes\": {",
           workload, contender->name, figure, wall_s, cpu_s);
    for (size_t i = 0; i < noted; i++)
        printf("%s\"%s\": %.9g", i > 0 ? ", " : "", notes[i].name, notes[i].value);
    printf("}}\n");
    fflush(stdout);
}

/** Whether `--one` wants this. */
static bool wanted(const char *workload, const char *contender)
{
    if (chosen.one == NULL)
        return true;
    size_t length = strlen(workload);
    return strncmp(chosen.one, workload, length) == 0 && chosen.one[length] == '/' &&
           strcmp(chosen.one + length + 1, contender) == 0;
}

/** List or measure one; whether it was wanted. */
static bool meet(const char *workload, const bench_contender *contender)
{
    if (chosen.list)
        printf("contender\t%s\t%s\n", workload, contender->name);
    else if (wanted(workload, contender->name))
        measure(workload, contender);
    else
        return false;
    return true;
}

static void read_options(int argc, char **argv, const char *about)
{
    const struct argp parser = {accepted, parse, NULL, about, NULL, NULL, NULL};
    argp_parse(&parser, argc, argv, 0, NULL, NULL);
}

/** The exit status: asking for what there is not is an error. */
static int ended(bool any)
{
    if (!any)
        fprintf(stderr, "%s: no such contender: %s\n", program_invocation_short_name, chosen.one);
    return any ? 0 : 2;
}

int bench_main(int argc, char **argv, const char *title, const char *unit, bench_better better,
               const bench_contender *contenders, size_t count)
{
    const char *workload = program_invocation_short_name;
    read_options(argc, argv, title);
    if (chosen.list)
        printf("workload\t%s\t%s\t%s\t%s\t%s\n", workload, title, unit,
               better == BENCH_LOWER_IS_BETTER ? "lower" : "higher", bench_variants);
    bool any = false;
    for (size_t i = 0; i < count; i++)
        any |= meet(workload, &contenders[i]);
    return ended(any);
}

int bench_peer_main(int argc, char **argv, const bench_entry *entries, size_t count)
{
    read_options(argc, argv, "A peer's side of thrum's benchmarks");
    bool any = false;
    for (size_t i = 0; i < count; i++)
        any |= meet(entries[i].workload, &entries[i].contender);
    return ended(any);
}
