/* SPDX-License-Identifier: MIT */
/** @file
 *  thrum-torture: what its parts share.
 *
 *  A scenario is a step that its workers repeat, and a few numbers that must stay zero. A run is
 *  one scenario, or several at once, for some seconds under disturbers, with a watchdog beside it.
 *  The watchdog and the disturber wait for nothing of thrum's, so that they still speak when thrum
 *  does not; nor does the main thread, before it joins the workers. */
#ifndef TORTURE_H
#define TORTURE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "thrum.h"
#include "thrum/queue.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TORTURE_TSAN 1
#elif __has_feature(address_sanitizer)
#define TORTURE_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define TORTURE_TSAN 1
#elif defined(__SANITIZE_ADDRESS__)
#define TORTURE_ASAN 1
#endif
#if !defined(TORTURE_TSAN)
#define TORTURE_TSAN 0
#endif
#if !defined(TORTURE_ASAN)
#define TORTURE_ASAN 0
#endif

/* ---- options ---- */

/** What disturbs the workers; `--disturb` names them. */
enum disturbance {
    DISTURB_AFFINITY = 1 << 0, /**< other CPUs, now and then one for all */
    DISTURB_NICE = 1 << 1,     /**< other priorities */
    DISTURB_SIGNALS = 1 << 2,  /**< EINTR in every wait */
    DISTURB_HANDLER = 1 << 3,  /**< handlers that set an event and release a semaphore */
    DISTURB_SUSPEND = 1 << 4,  /**< handlers that sleep: the thread stands still where it was */
    DISTURB_STUTTER = 1 << 5,  /**< all work rests one second in five */
    DISTURB_STACKS = 1 << 6,   /**< the smallest stacks */
    DISTURB_ALL = (1 << 7) - 1
};

typedef struct torture_options {
    const char *scenarios; /**< a list of names, or "all" */
    double seconds;        /**< for each scenario */
    double interval_s;     /**< between two status lines */
    double patience_s;     /**< the longest time without progress, factor included */
    uint64_t seed;
    unsigned threads; /**< workers of a scenario */
    unsigned disturb; /**< a set of disturbances */
    bool quiet, list; /**< no status lines; only list the scenarios */
} torture_options;

struct scenario;
extern torture_options options;

/** Read the command line into `options`. Returns -1 to go on, otherwise the exit status. */
int options_read(int argc, char **argv);

/** Whether `--scenario` names this one. */
bool options_choose(const struct scenario *chosen);

/* ---- scenarios ---- */

/** The fields that must be zero. */
enum zero_field {
    LOST,                /**< an item, a permit, a wake-up, a line went missing */
    DOUBLED,             /**< one came twice, or more came out than went in */
    OVERLAP,             /**< two were where one may be; memory was touched after its end */
    UNEXPECTED_STATUS,   /**< a call answered what its header does not promise */
    TIMED_OUT_BUT_TAKEN, /**< a timed wait failed and took all the same */
    STUCK,               /**< a worker stopped making progress */
    ZERO_FIELDS
};

extern const char *const zero_field_names[ZERO_FIELDS];

typedef struct worker worker;

/** How a scenario is made. `setup` is called before its workers live, `check` after; `step` does
 *  one operation, or a few, and returns false when the worker is to end. The mixed one has none of
 *  them, the listener only a step. A scenario ends by itself,
 *  in order, once torture_stopping(): nobody is woken from outside. */
typedef struct scenario {
    const char *name, *proves;
    void (*setup)(unsigned workers);
    bool (*step)(worker *me);
    void (*check)(void);
    unsigned least, most; /**< workers; 0 for no limit above */
    bool forks;           /**< left out under Thread- and AddressSanitizer, not `in_mixed` */
    bool outlives;        /**< some of its threads live on: left out under ThreadSanitizer */
    bool starts;          /**< threads all the time: without signals under ThreadSanitizer */
    bool hidden;          /**< a specimen of what must be found: not part of "all" */
    bool mixed;           /**< all others with `in_mixed` at once */
    bool in_mixed;
} scenario;

/** Why a scenario cannot run in this build, or NULL. AddressSanitizer's allocator is not locked
 *  across a fork, as glibc's is: a child made beside threads that allocate may find it locked.
 *  ThreadSanitizer runs the handlers of a thread that sleeps only when it wakes, which may be in
 *  the next scenario if the thread lives on. */
const char *scenario_left_out(const scenario *chosen);

/** All scenarios; NULL ends the list. */
extern const scenario *const scenarios[];

extern const scenario scenario_lock, scenario_rlock, scenario_once, scenario_condition,
    scenario_semaphore, scenario_bounded, scenario_event, scenario_barrier, scenario_thread,
    scenario_local, scenario_thousands, scenario_fork, scenario_lifetime, scenario_log,
    scenario_fork_malloc, scenario_queue, scenario_executor, scenario_timer, scenario_stuck,
    scenario_item_lost, scenario_listener;

/** A worker: a thread of thrum's that repeats the step of a scenario. */
struct worker {
    const scenario *scenario;
    unsigned slot, slots; /**< which worker of its scenario, out of how many */
    uint64_t random;      /**< the state of torture_random */
    thrum_thread *thread;
    int tid;             /**< the kernel's number; 0 before its first instruction */
    int ended;           /**< it makes no further steps */
    uint64_t operations; /**< how many steps are done */
    uint64_t own[4];     /**< the scenario's, for this worker alone */
} __attribute__((aligned(64)));

/** Whether the time of the run is over. */
bool torture_stopping(void);

/** Count something that must not be. */
void torture_count(enum zero_field field, uint64_t how_many);

/** Count `status` as unexpected unless it is 0, or THRUM_ETIMEDOUT where `may_time_out`. Returns
 *  whether it is 0. */
bool torture_expect(int status, bool may_time_out);

/** Count what is missing of `expected` as lost, what is beyond as doubled. */
void torture_conserve(uint64_t expected, uint64_t found);

/** Numbers come one after the other: count those before `number` that did not come as lost, one
 *  that comes again as doubled. `*next` is the number expected, and then the one after `number`. */
void torture_in_order(uint64_t *next, uint64_t number);

/** A random number below `n`. */
uint32_t torture_random(worker *me, uint32_t n);

/** Up to 100 us away, or just past. */
thrum_time torture_soon(worker *me);

/** The stack of a new thread: the smallest with DISTURB_STACKS, otherwise the default. */
size_t torture_stack_bytes(void);

/** A number reduced to what sanitizers and emulators can bear in the time there is. */
unsigned torture_scale(unsigned number);

/* ---- a run ---- */

#define WORKERS_MAX 512
#define PARTS_MAX 32

typedef struct torture_run {
    const scenario *scenario;
    const scenario *parts[PARTS_MAX]; /**< it alone, or those of mixed */
    unsigned part_count;
    worker workers[WORKERS_MAX + 1]; /**< the last one listens to the handlers */
    unsigned worker_count;
    uint64_t zero[ZERO_FIELDS];
    const char *phase;    /**< what the main thread does */
    uint64_t phase_count; /**< changes with every progress of the main thread */
    int stop;             /**< the workers are to end */
    int paused;           /**< stutter: the work rests */
    thrum_event signal_event;
    thrum_semaphore signal_permits;
    uint64_t signals, permits_given, permits_taken;
} torture_run;

/** The run that is going on, or the last. */
extern torture_run run;
/** Held by the watchdog while it looks, and while the workers of the last run are forgotten. */
extern pthread_mutex_t run_guard;

/** Run one scenario and print its status lines. Returns whether all fields are zero. */
bool run_scenario(const scenario *chosen);

/** Sum of the steps of all workers. */
uint64_t run_operations(void);

/** Put the run into the table; print it with its last line, `N passed, N failed`. */
void table_add(bool passed);
void table_print(void);

/* ---- beside it ---- */

/** The disturber, a thread that is none of thrum's; started and ended around a run. */
void disturb_start(void);
void disturb_stop(void);
/** Install the handlers, once. */
void disturb_open(void);
/** Keep the storm's signals away from the calling thread. */
void disturb_shelter(void);
/** Count the permits that handlers gave: each was taken, or is still there. */
void disturb_check(void);

/** Start the thread that ends the program with status 3 when there is no progress. */
void watchdog_open(void);

/** THRUM_TEST_TIME_FACTOR, otherwise 4 under a sanitizer and 1 elsewhere. */
unsigned torture_time_factor(void);

#endif
