/* SPDX-License-Identifier: MIT */
/** @file
 *  The tour: chapters, and the stage on which their programs run. A chapter's program is what main
 *  would be; the tour runs it as a process of its own, shows its output as it comes, and then looks
 *  whether it showed what the chapter says. */
#ifndef TOUR_H
#define TOUR_H

#include <stdbool.h>
#include <thrum.h>

/** How a chapter's program went. */
typedef struct tour_run {
    const char *output; /**< all it wrote, stdout and stderr in the order of writing */
    int exit_status;    /**< or -1 if a signal ended it */
    int signal;         /**< which, or 0 */
    double seconds;     /**< how long the process lived */
} tour_run;

typedef struct tour_chapter {
    const char *title;
    const char *idea;                   /**< one sentence */
    const char *python;                 /**< what Python calls it */
    const char *thrum;                  /**< what thrum calls it */
    void (*program)(void);              /**< runs in a process of its own */
    void (*check)(const tour_run *run); /**< runs in the tour, after it; NULL: nothing to add */
} tour_chapter;

/** Seconds as the tutorials have them; a tenth of that with --fast. */
double tour_seconds(double seconds);

/** Whether --fast was given. */
bool tour_is_fast(void);

/** Configure the log as the tutorials do: "12:34:56: message". */
void tour_configure_log(void);

/** What the closing table says of this chapter. Called by a program or a check. */
void tour_result(const char *format, ...) THRUM_PRINTF(1, 2);

/** Unless `shown`, this chapter has not shown what it says, and the tour fails. */
void tour_require(bool shown, const char *what);

/** How many processors this process may use. */
unsigned tour_processors(void);

/** Seconds since `start`. */
double tour_elapsed(thrum_time start);

/** Where `text` first stands in the output; -1 if nowhere. */
long tour_place_of(const tour_run *run, const char *text);

/** Whether `first` stands in the output, and `second` after it. */
bool tour_in_order(const tour_run *run, const char *first, const char *second);

/** Set up once, before any chapter. False: no memory. */
bool tour_stage_open(bool fast, bool colour);

/** Run a chapter and show it; true if it showed what it says. `ret_result` is what the closing
 *  table says of it. */
bool tour_stage_play(const tour_chapter *chapter, char *ret_result, size_t bytes);

/* threads.c */
extern const tour_chapter tour_start, tour_daemon, tour_join, tour_hello_before, tour_hello_after,
    tour_many_threads, tour_five_sleepers;
/* executors.c */
extern const tour_chapter tour_executor, tour_map, tour_futures, tour_failing_task,
    tour_waiting_tasks;
/* races.c */
extern const tour_chapter tour_one_thread, tour_race, tour_not_silly, tour_lock, tour_references;
/* deadlocks.c */
extern const tour_chapter tour_lock_twice, tour_opposite_order, tour_rlock;
/* pipelines.c */
extern const tour_chapter tour_pipeline_locks, tour_pipeline_condition, tour_pipeline_queue;
/* objects.c */
extern const tour_chapter tour_semaphore, tour_event, tour_barrier, tour_timer, tour_local,
    tour_once, tour_excepthook;
/* parallel.c */
extern const tour_chapter tour_cpu_bound, tour_executor_cpu, tour_global_lock, tour_io_bound,
    tour_executor_io, tour_processes;
/* explorer.c */
extern const tour_chapter tour_explorer;

#endif
