/* SPDX-License-Identifier: MIT */
/** @file
 *  What every benchmark shares: rounds in which thrum and its peers alternate, so that a noisy
 *  minute meets all of them; medians, spread, CPU time, and the ratio of thrum to the best peer.
 *
 *      static const bench_contender contenders[] = {{"thrum", run_thrum}, {"glibc", run_glibc}};
 *      BENCH_MAIN("lock, uncontended", "ns per pair", BENCH_LOWER_IS_BETTER, contenders)
 */
#ifndef THRUM_BENCH_HARNESS_H
#define THRUM_BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>

/** One round: does the work, checks that it was done, returns the figure. */
typedef double (*bench_round)(void);

typedef struct bench_contender {
    const char *name;
    bench_round round;
} bench_contender;

typedef enum bench_better { BENCH_LOWER_IS_BETTER, BENCH_HIGHER_IS_BETTER } bench_better;

/** Run `--rounds N` (default 9) rounds of every contender in turn and print the table. The first
 *  contender is thrum. Returns an exit status. */
int bench_main(int argc, char **argv, const char *title, const char *unit, bench_better better,
               const bench_contender *contenders, size_t count);

#define BENCH_MAIN(title, unit, better, contenders)                                                \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return bench_main(argc, argv, (title), (unit), (better), (contenders),                     \
                          sizeof(contenders) / sizeof *(contenders));                              \
    }

/** Seconds on the monotonic clock. */
double bench_now(void);

/** Put the calling thread on one processor (0 or 1), if `--cpus 1` or `--cpus 2` asked for it: with
 *  one, every thread is on processor 0. */
void bench_place(int index);

/** End the program with a message: a contender has not done its work. */
_Noreturn void bench_wrong(const char *what);

#endif
