/* SPDX-License-Identifier: MIT */
/** @file
 *  What every benchmark program in C and C++ shares: its command line and the line it prints.
 *  bench/README.md says what both are; peers in other languages keep to the same.
 *
 *  A file of bench/ is one published number. It says what is measured, and has thrum's contender
 *  first and then those of the C library:
 *
 *      static const bench_contender contenders[] = {{"thrum", run_thrum}, {"glibc", run_glibc}};
 *      BENCH_MAIN("lock, uncontended", "ns per pair", BENCH_LOWER_IS_BETTER, contenders)
 *
 *  A file of bench/peers/ is one peer, with its contenders for any of these numbers:
 *
 *      static const bench_entry entries[] = {{"lock_uncontended", {"nsync_mu", lock_uncontended}}};
 *      BENCH_PEER_MAIN(entries)
 */
#ifndef THRUM_BENCH_HARNESS_H
#define THRUM_BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#define BENCH_NORETURN [[noreturn]]
#else
#define BENCH_NORETURN _Noreturn
#endif

/** One round: does the work, checks that it was done, returns the figure. */
typedef double (*bench_round)(void);

/** Who competes. A name that ends in parentheses is of another kind than a blocking object of
 *  kernel threads, and says so: "(spins)", "(goroutines)", "(relaxed order)". */
typedef struct bench_contender {
    const char *name;
    bench_round round;
} bench_contender;

typedef struct bench_entry {
    const char *workload;
    bench_contender contender;
} bench_entry;

typedef enum bench_better { BENCH_LOWER_IS_BETTER, BENCH_HIGHER_IS_BETTER } bench_better;

/** The program of one number, called as the file is. Returns an exit status. */
int bench_main(int argc, char **argv, const char *title, const char *unit, bench_better better,
               const bench_contender *contenders, size_t count);

#define BENCH_MAIN(title, unit, better, contenders)                                                \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return bench_main(argc, argv, (title), (unit), (better), (contenders),                     \
                          sizeof(contenders) / sizeof *(contenders));                              \
    }

/** The variants in which a number is measured, options separated by commas: each is a row. */
extern const char *bench_variants;
#define BENCH_VARIANTS(options) const char *bench_variants = (options);

/** Two threads: once both on one processor, once on two. */
#define BENCH_PLACED "--cpus 1,--cpus 2"
/** Producers, and as many consumers, of a queue; workers of an executor. */
#define BENCH_SIDES "--threads 1,--threads 2,--threads 4,--threads 8,--threads 32"
#define BENCH_WORKER_COUNTS                                                                        \
    "--threads 1,--threads 2,--threads 4,--threads 8,--threads 16,--threads 64"

/** The program of one peer. Returns an exit status. */
int bench_peer_main(int argc, char **argv, const bench_entry *entries, size_t count);

#define BENCH_PEER_MAIN(entries)                                                                   \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return bench_peer_main(argc, argv, (entries), sizeof(entries) / sizeof *(entries));        \
    }

/** Seconds on the monotonic clock. */
double bench_now(void);

/** CPU seconds of this process. */
double bench_cpu(void);

/** What `--threads N` asked for, or else `otherwise`. */
int bench_threads(int otherwise);

/** What `--cpus N` asked for, or 0. */
int bench_cpus(void);

/** Put the calling thread on a processor, if `--cpus 1` or `--cpus 2` asked for it: with one, every
 *  thread is on the first that this process may use. */
void bench_place(int index);

/** A further figure of this round, shown beside the main one. Names are unique and live on. */
void bench_note(const char *name, double value);

/** End the program with a message: a contender has not done its work. */
BENCH_NORETURN void bench_wrong(const char *what);

/** End the program with a message: this contender has no such variant. */
BENCH_NORETURN void bench_skip(const char *why);

/** End the program if `done` is false. */
static inline void bench_check(bool done, const char *what)
{
    if (!done)
        bench_wrong(what);
}

#ifdef __cplusplus
}
#endif

#endif
