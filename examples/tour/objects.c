/* SPDX-License-Identifier: MIT */
/** @file
 *  Chapters on the other objects: semaphore, event, barrier, timer, thread-locals, once, the
 *  excepthook. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tour.h"

enum { THREADS_MAX = 8 };

/** Run `target(arg)` in `count` threads, named "A", "B", ..., and wait for all. */
static void in_threads(unsigned count, thrum_target target, void *arg)
{
    thrum_thread *threads[THREADS_MAX];
    for (unsigned i = 0; i < count; i++) {
        char name[] = {(char)('A' + i), '\0'};
        threads[i] = thrum_spawn(target, arg, .name = name);
    }
    for (unsigned i = 0; i < count; i++) {
        thrum_thread_join(threads[i]);
        thrum_thread_free(threads[i]);
    }
}

static const char *my_name(void)
{
    return thrum_thread_name(thrum_current_thread());
}

/* ---- semaphore ---- */

static thrum_semaphore connections = THRUM_BOUNDED_SEMAPHORE(3);
static thrum_lock count_lock;
static int connected, most_connected;

static void note_connected(int change)
{
    THRUM_HOLD(&count_lock);
    connected += change;
    if (connected > most_connected)
        most_connected = connected;
    printf("%s %s, %d connected\n", my_name(), change > 0 ? "connects" : "leaves", connected);
}

static void *talk_to_the_server(void *unused)
{
    thrum_with (&connections) {
        note_connected(+1);
        thrum_sleep(tour_seconds(0.3));
        note_connected(-1);
    }
    return unused;
}

static void semaphore(void)
{
    in_threads(8, talk_to_the_server, NULL);
    int status = thrum_semaphore_release(&connections, 1);
    printf("one release too many: %s\n", thrum_strerror(status));
    tour_require(most_connected <= 3, "never more than three connected");
    tour_require(status == THRUM_EOVERFLOW, "a bounded semaphore that is released too often");
    tour_result("8 threads, never more than %d connected", most_connected);
}

const tour_chapter tour_semaphore = {
    .title = "Semaphore",
    .idea = "A number of permits: so many threads may be inside at a time.",
    .python = "Semaphore, BoundedSemaphore",
    .thrum = "thrum_semaphore",
    .program = semaphore,
};

/* ---- event ---- */

static thrum_event starting_gun;
static thrum_lock finish_lock;
static int runners_off;

static void *run_the_race(void *unused)
{
    printf("%s is ready\n", my_name());
    thrum_event_wait(&starting_gun);
    thrum_with (&finish_lock)
        runners_off++;
    printf("%s runs\n", my_name());
    return unused;
}

static void *fire_the_gun(void *unused)
{
    thrum_sleep(tour_seconds(0.5));
    puts("bang");
    thrum_event_set(&starting_gun);
    return unused;
}

static void event(void)
{
    int status = thrum_event_wait_until(&starting_gun, thrum_after(tour_seconds(0.1)));
    printf("main did not hear it in time: %s\n", thrum_strerror(status));
    thrum_thread *starter = thrum_spawn(fire_the_gun, NULL);
    in_threads(4, run_the_race, NULL);
    thrum_thread_join(starter);
    thrum_thread_free(starter);
    tour_require(status == THRUM_ETIMEDOUT && runners_off == 4, "four who waited for the event");
}

static void check_event(const tour_run *run)
{
    tour_require(run->exit_status == 0, "a program that ends well");
    tour_require(tour_place_of(run, " runs") > tour_place_of(run, "bang"), "nobody who ran early");
    tour_result("4 threads waited for the event, one set let all of them go");
}

const tour_chapter tour_event = {
    .title = "Event",
    .idea = "A flag to wait for: one thread sets it, all that wait go on.",
    .python = "Event",
    .thrum = "thrum_event",
    .program = event,
    .check = check_event,
};

/* ---- barrier ---- */

enum { PARTIES = 3, ROUNDS = 3 };

static int rounds_complete;

static int announce_round(void *unused)
{
    (void)unused;
    printf("all are here: round %d is complete\n", ++rounds_complete);
    return 0;
}

static void *take_part(void *arg)
{
    thrum_barrier *barrier = arg;
    for (int round = 1; round <= ROUNDS; round++) {
        thrum_sleep(tour_seconds(0.05) * (my_name()[0] - 'A'));
        printf("%s has done its part of round %d\n", my_name(), round);
        thrum_barrier_wait(barrier);
        if (rounds_complete < round)
            return thrum_fail(1, "left round %d too early", round);
    }
    return "in step";
}

static void barrier(void)
{
    thrum_barrier barrier;
    thrum_barrier_init(&barrier, PARTIES, announce_round, NULL);
    in_threads(PARTIES, take_part, &barrier);
    tour_require(rounds_complete == ROUNDS, "each round completed once");
    tour_require(thrum_barrier_n_waiting(&barrier) == 0 && !thrum_barrier_is_broken(&barrier),
                 "a barrier that is whole at the end");
    tour_result("%d threads in step over %d rounds", PARTIES, rounds_complete);
}

const tour_chapter tour_barrier = {
    .title = "Barrier",
    .idea = "A fixed number of threads wait for one another, again and again.",
    .python = "Barrier",
    .thrum = "thrum_barrier",
    .program = barrier,
};

/* ---- timer ---- */

enum { TICKS = 5 };

static void *say(void *text)
{
    puts(text);
    return NULL;
}

static thrum_semaphore ticks;

static void *tick(void *unused)
{
    puts("tick");
    thrum_semaphore_release(&ticks, 1);
    return unused;
}

static void timer(void)
{
    thrum_timer *greeting = thrum_timer_new(tour_seconds(1), say, "hello, timer");
    thrum_timer *alarm_clock = thrum_timer_new(tour_seconds(300), say, "too late, too late");
    thrum_timer *metronome = thrum_timer_new(tour_seconds(0.2), tick, NULL, .repeat = true);

    puts("Main: the timers are started");
    thrum_timer_start(greeting);
    thrum_timer_start(alarm_clock);
    bool prevented = thrum_timer_cancel(alarm_clock);
    printf("Main: the alarm is cancelled before it goes off: %s\n", prevented ? "True" : "False");
    thrum_timer_join(greeting);
    bool too_late = !thrum_timer_cancel(greeting);

    thrum_time start = thrum_now();
    thrum_timer_start(metronome);
    for (int i = 0; i < TICKS; i++)
        thrum_semaphore_acquire(&ticks);
    double seconds = tour_elapsed(start);
    bool stopped = thrum_timer_cancel(metronome);
    thrum_timer_join(metronome);
    puts("Main: the metronome is stopped");
    tour_require(prevented && too_late, "a cancel that comes in time, and one that does not");
    tour_require(stopped && seconds >= TICKS * tour_seconds(0.2), "a timer that repeats");
    tour_result("one fired, one was cancelled, one ticked %d times in %.2f s", TICKS, seconds);
    thrum_timer_free(greeting);
    thrum_timer_free(alarm_clock);
    thrum_timer_free(metronome);
}

static void check_timer(const tour_run *run)
{
    tour_require(run->exit_status == 0, "a program that ends well");
    tour_require(tour_in_order(run, "Main: the timers are started", "hello, timer"),
                 "a timer that fires");
    tour_require(tour_place_of(run, "too late") < 0, "a cancelled timer that never fires");
}

const tour_chapter tour_timer = {
    .title = "Timer",
    .idea = "A function called after a while, unless it is cancelled before; or again and again.",
    .python = "Timer(30.0, f), start(), cancel()",
    .thrum = "thrum_timer, .repeat",
    .program = timer,
    .check = check_timer,
};

/* ---- thread-locals ---- */

static int tallies_made, tallies_freed;

static void *new_tally(void)
{
    __atomic_add_fetch(&tallies_made, 1, __ATOMIC_RELAXED);
    return calloc(1, sizeof(int));
}

static void free_tally(void *tally)
{
    __atomic_add_fetch(&tallies_freed, 1, __ATOMIC_RELAXED);
    free(tally);
}

static thrum_local tally = THRUM_LOCAL(new_tally, free_tally);
static thrum_lock tally_lock;
static int tallies_right;

static void *count_to_a_thousand(void *unused)
{
    for (int i = 0; i < 1000; i++) {
        int *mine = thrum_local_get(&tally);
        if (mine != NULL)
            *mine += 1; /* no lock: nobody else has this one */
    }
    const int *mine = thrum_local_get(&tally);
    THRUM_HOLD(&tally_lock);
    printf("%s has counted to %d\n", my_name(), mine != NULL ? *mine : -1);
    tallies_right += mine != NULL && *mine == 1000;
    return unused;
}

static void local(void)
{
    in_threads(4, count_to_a_thousand, NULL);
    tour_require(tallies_right == 4 && tallies_made == 4, "a count for each thread");
    tour_require(tallies_freed == 4, "values that end with their threads");
    tour_result("%d threads, %d values of their own, all freed at the end of their threads",
                tallies_made, tallies_freed);
}

const tour_chapter tour_local = {
    .title = "Thread-locals",
    .idea = "One name, a value for each thread, made at its first use.",
    .python = "local",
    .thrum = "thrum_local",
    .program = local,
};

/* ---- once ---- */

static thrum_once table_once;
static int times_built, rows_seen;

static void build_table(void *arg)
{
    printf("%s builds the table\n", my_name());
    thrum_sleep(tour_seconds(0.2));
    ++*(int *)arg;
}

static void *use_table(void *unused)
{
    thrum_once_run(&table_once, build_table, &times_built);
    printf("%s uses the table\n", my_name());
    __atomic_add_fetch(&rows_seen, times_built, __ATOMIC_RELAXED);
    return unused;
}

static void once(void)
{
    in_threads(4, use_table, NULL);
    tour_require(times_built == 1 && rows_seen == 4, "a table built once and seen by all");
    tour_result("4 threads came, the table was built %d time", times_built);
}

const tour_chapter tour_once = {
    .title = "Once",
    .idea = "Whoever comes first does it, the others wait until it is done.",
    .python = "import module",
    .thrum = "thrum_once_run",
    .program = once,
};

/* ---- excepthook ---- */

static void *divide(void *unused)
{
    (void)unused;
    return thrum_fail(1, "division by zero");
}

static void print_failure(const thrum_thread *thread, const thrum_error *error)
{
    printf("the hook was told: %s failed: %s\n", thrum_thread_name(thread), error->message);
}

static void excepthook(void)
{
    in_threads(1, divide, NULL);
    thrum_set_excepthook(print_failure);
    in_threads(1, divide, NULL);
}

static void check_excepthook(const tour_run *run)
{
    tour_require(run->exit_status == 0, "a program that survives a failed thread");
    tour_require(tour_in_order(run, "Exception in thread A: division by zero",
                               "the hook was told: A failed: division by zero"),
                 "the default words, then the hook's");
    tour_result("the failure was told with the thread's name; the program went on");
}

const tour_chapter tour_excepthook = {
    .title = "A thread that fails",
    .idea = "A failure ends its thread only; the excepthook is told.",
    .python = "raise, threading.excepthook",
    .thrum = "thrum_fail, thrum_set_excepthook",
    .program = excepthook,
    .check = check_excepthook,
};
