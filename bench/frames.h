/* SPDX-License-Identifier: MIT */
/** @file
 *  The work itself, the same for every contender in C and C++: what is not the contender's own is
 *  done here, by plain pthreads, and so is the check that the work was done. The sizes are those of
 *  peers in other languages too. */
#ifndef THRUM_BENCH_FRAMES_H
#define THRUM_BENCH_FRAMES_H

#include "harness.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BENCH_PAIRS 5000000     /* lock + unlock */
#define BENCH_CONTENDED_S 0.5   /* how long threads want one lock */
#define BENCH_TURNS 20000       /* round trips, cycles of a barrier */
#define BENCH_THREADS_RUN 2000  /* threads started and joined */
#define BENCH_SLEEPERS 32       /* woken at once, */
#define BENCH_WAKES 20          /* so often */
#define BENCH_ITEMS 2000000     /* through a queue */
#define BENCH_QUEUE_SIZE 1024   /* of a bounded one */
#define BENCH_BATCH 16          /* items put at a time, and got at most */
#define BENCH_QUEUE_TURNS 20000 /* round trips through two queues */
#define BENCH_WORKERS 2         /* of an executor */
#define BENCH_TASKS 1000000     /* empty ones */
#define BENCH_SUBMITS 20000     /* each waited for */
#define BENCH_FUTURES 200000    /* completed by hand, */
#define BENCH_ASKED 10          /* and asked so often */
#define BENCH_MAP_LARGE 1000000 /* items of each map */
#define BENCH_MAPS_LARGE 10     /* of so many, */
#define BENCH_MAP_SMALL 1000    /* and of each */
#define BENCH_MAPS_SMALL 10000  /* of so many */
#define BENCH_TIMERS 1000000    /* started and cancelled */
#define BENCH_LATE_TIMERS 10000 /* that fire, */
#define BENCH_LATE_SPAN_S 1.0   /* spread over so long */
#define BENCH_IDLE_S 2.0        /* that an idle process is watched */

/* ---- threads that begin together ---- */

/** Seconds that `threads` threads take for body(0), body(1), ... from their common start. */
double bench_crew(int threads, void (*body)(int index));

/** The process has had a second thread from here on: glibc's locks skip their atomics before. */
void bench_second_thread(void);

/* ---- locks ---- */

/** ns per pair of `pairs(n)`, which locks and unlocks n times. */
double bench_uncontended(void (*pairs)(long n));

extern bool bench_stop;
static inline bool bench_stopped(void)
{
    return __atomic_load_n(&bench_stop, __ATOMIC_RELAXED);
}

/** Adds 1 to the counter under the lock again and again until bench_stopped(); says how often. */
typedef long (*bench_hammer)(volatile long *counter);

/** Million pairs per s of so many threads as `--threads` says. */
double bench_contended(bench_hammer hammer);

/* ---- two threads in turn ---- */

/** Thousand round trips per s: thread `me`, 0 or 1, calls turn(me) BENCH_TURNS times. */
double bench_two(void (*turn)(int me));

/* ---- threads ---- */

/** us per thread: one() starts a thread that adds 1 to `ran`, and joins it; beside as many busy
 *  threads as `--threads` says, or none. */
double bench_threads_run(void (*one)(void), const long *ran);

/* ---- waking many ---- */

/** Mean us that wake(i) costs the waker while BENCH_SLEEPERS threads are in sleeper(i); reset(i)
 *  when all are awake, NULL if there is nothing to do. i counts from 0 to BENCH_WAKES - 1. */
double bench_wake_all(void (*sleeper)(int wake), void (*wake)(int wake), void (*reset)(int wake));

/* ---- queues ---- */

/** Puts the numbers first, first + 1, ... n of them, never 0. */
typedef void (*bench_producer)(int index, uintptr_t first, long n);
/** Gets n items and returns their sum. */
typedef uint64_t (*bench_consumer)(int index, long n);

/** Million items per s through a queue with `--threads` producers and as many consumers. */
double bench_queue(bench_producer produce, bench_consumer consume);

/** us per round trip: there(i) puts into one queue and gets from the other, back() the reverse;
 *  both return what they got. */
double bench_queue_turns(uintptr_t (*there)(uintptr_t item), uintptr_t (*back)(void));

/* ---- executors ---- */

/** An empty task is counted, so that it is known to have run. */
void bench_task_ran(void);

/** ns per task: run(n, workers) runs n tasks, each calling bench_task_ran(). */
double bench_executor(void (*run)(long n, int workers));

/** ns per task: run(n, workers) submits n tasks, each of which returns one of the numbers 1 to n,
 *  then reads all results and returns their sum. */
double bench_futures(uint64_t (*run)(long n, int workers));

/** us per task: one(i) submits a task that returns i, waits for it and returns its result. */
double bench_submit_wait(uintptr_t (*one)(uintptr_t i));

/** What a map computes of an item: called by some contenders through a pointer, inlined by none. */
uintptr_t bench_map_item(uintptr_t item);
/** The same for those whose functions take and return pointers. */
void *bench_map_target(void *item);

/** Fills the outputs with the items of the inputs. */
typedef void (*bench_mapper)(const uintptr_t *inputs, uintptr_t *outputs, long n);

/** ns per item of `maps` maps of n items, after one to warm up. */
double bench_map(bench_mapper map, long n, long maps);

/* ---- futures completed by hand ---- */

/** ns per future: one(i) makes a future, completes it with i, asks it BENCH_ASKED times, frees it,
 *  and returns the sum of the answers. */
double bench_futures_by_hand(uintptr_t (*one)(uintptr_t i));

/** Thousand round trips per s: BENCH_TURNS times, a thread completes a future for which another
 *  waits, and then waits for the one with which that answers. The futures are made before the two
 *  begin, and freed when both have ended; ask() waits for the result. */
double bench_future_turns(void *(*make)(void), void (*complete)(void *future, uintptr_t result),
                          uintptr_t (*ask)(void *future), void (*drop)(void *future));

/* ---- timers ---- */

/** Timer i of those that never fire is to do so after this: 1 to 61 minutes, in no order. */
#define BENCH_TIMER_S(i) (60 + (double)((i)*7919L % 3600))

/** ns per timer that cycle(n) starts and cancels, n of them all pending at once. */
double bench_timers(void (*cycle)(long n));

/** The offset in seconds from now after which timer i is to fire; not in the order of i. */
double bench_due(int i);

/** us by which the median timer fired late, p99 as a note: seconds when each was due, and fired. */
double bench_lateness(const double *due, const double *fired);

/* ---- memory ---- */

#define BENCH_RESIDENT_THREADS 200

/** Bytes that each of n objects which make(n) makes takes of malloc's. */
double bench_heap(void (*make)(long n), long n);

/** Bytes that each of n objects which make(n) makes adds to the resident memory. */
double bench_resident(void (*make)(long n), long n);

/* ---- nothing ---- */

/** CPU ms per s of this process while it does nothing, wake-ups per s as a note. */
double bench_idle(void);

#ifdef __cplusplus
}
#endif

#endif
