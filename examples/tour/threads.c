/* SPDX-License-Identifier: MIT */
/** @file
 *  Chapters on threads: starting, daemons, join, sleepers, many at once. */
#include <stdio.h>
#include <string.h>

#include "tour.h"

/** The thread of the tutorials. */
static void *thread_function(void *arg)
{
    const char *name = arg;
    thrum_info("Thread %s: starting", name);
    thrum_sleep(tour_seconds(2));
    thrum_info("Thread %s: finishing", name);
    return NULL;
}

/* ---- start a thread ---- */

static void start(void)
{
    tour_configure_log();
    thrum_info("Main    : before creating thread");
    thrum_thread *x = thrum_thread_new(thread_function, "1");
    thrum_info("Main    : before running thread");
    thrum_thread_start(x);
    thrum_info("Main    : wait for the thread to finish");
    /* thrum_thread_join(x); */
    thrum_info("Main    : all done");
    thrum_thread_free(x); /* drops the handle; the thread goes on */
}

static void check_start(const tour_run *run)
{
    tour_require(run->exit_status == 0, "a program that ends well");
    tour_require(tour_in_order(run, "Main    : all done", "Thread 1: finishing"),
                 "main done before the thread has finished");
    tour_require(run->seconds >= tour_seconds(2), "a program that waits for its thread");
    tour_result("main was done at once; the program waited %.1f s for its thread", run->seconds);
}

const tour_chapter tour_start = {
    .title = "Start a thread",
    .idea = "A thread is a separate flow of execution. Main goes on; the program waits.",
    .python = "Thread(target), start()",
    .thrum = "thrum_thread_new, thrum_thread_start",
    .program = start,
    .check = check_start,
};

/* ---- daemon threads ---- */

static void daemon_thread(void)
{
    tour_configure_log();
    thrum_info("Main    : before creating thread");
    thrum_thread *x = thrum_thread_new(thread_function, "1", .daemon = THRUM_DAEMON);
    thrum_info("Main    : before running thread");
    thrum_thread_start(x);
    thrum_sleep(tour_seconds(0.5)); /* so that the thread surely gets to its first line */
    thrum_info("Main    : wait for the thread to finish");
    /* thrum_thread_join(x); */
    thrum_info("Main    : all done");
    thrum_thread_free(x);
}

static void check_daemon(const tour_run *run)
{
    tour_require(run->exit_status == 0, "a program that ends well");
    tour_require(tour_place_of(run, "Main    : all done") >= 0, "main done");
    tour_require(tour_place_of(run, "Thread 1: finishing") < 0, "a thread that never finishes");
    tour_require(run->seconds < tour_seconds(2), "a program that does not wait");
    tour_result("the finishing line never came; the program ended after %.1f s", run->seconds);
}

const tour_chapter tour_daemon = {
    .title = "Daemon threads",
    .idea = "A daemon thread is abandoned when the program ends.",
    .python = "Thread(daemon=True)",
    .thrum = ".daemon = THRUM_DAEMON",
    .program = daemon_thread,
    .check = check_daemon,
};

/* ---- join ---- */

static void join(void)
{
    tour_configure_log();
    thrum_info("Main    : before creating thread");
    thrum_thread *x = thrum_thread_new(thread_function, "1");
    thrum_info("Main    : before running thread");
    thrum_thread_start(x);
    thrum_info("Main    : wait for the thread to finish");
    thrum_thread_join(x);
    thrum_info("Main    : all done");
    thrum_thread_free(x);
}

static void check_join(const tour_run *run)
{
    tour_require(run->exit_status == 0, "a program that ends well");
    tour_require(tour_in_order(run, "Thread 1: finishing", "Main    : all done"),
                 "the thread finished before main is done");
    tour_result("main waited: finishing came before all done");
}

const tour_chapter tour_join = {
    .title = "join() a thread",
    .idea = "Join waits until a thread has ended, daemon or not.",
    .python = "Thread.join()",
    .thrum = "thrum_thread_join",
    .program = join,
    .check = check_join,
};

/* ---- sleepers ---- */

static void *sleeper(void *arg)
{
    const char *name = arg;
    printf("I am %s. Going to sleep for 3 seconds\n", name);
    thrum_sleep(tour_seconds(3));
    printf("%s has woken up from sleep\n", name);
    return NULL;
}

static void hello_before(void)
{
    thrum_thread *thread = thrum_thread_new(sleeper, "thread2", .name = "thread1");
    thrum_thread_start(thread);

    printf("\nhello\n");
    thrum_thread_free(thread);
}

static void check_hello_before(const tour_run *run)
{
    tour_require(tour_in_order(run, "hello", "thread2 has woken up"), "hello before the wake-up");
    tour_result("hello came before the wake-up");
}

const tour_chapter tour_hello_before = {
    .title = "A sleeper, not joined",
    .idea = "Nobody has to wait for a sleeping thread to go on with something else.",
    .python = "Thread(target, name=...)",
    .thrum = "thrum_thread_new(..., .name = ...)",
    .program = hello_before,
    .check = check_hello_before,
};

static void hello_after(void)
{
    thrum_thread *thread = thrum_thread_new(sleeper, "thread2", .name = "thread1");
    thrum_thread_start(thread);
    thrum_thread_join(thread);

    printf("\nhello\n");
    thrum_thread_free(thread);
}

static void check_hello_after(const tour_run *run)
{
    tour_require(tour_in_order(run, "thread2 has woken up", "hello"), "hello after the wake-up");
    tour_result("hello came after the wake-up");
}

const tour_chapter tour_hello_after = {
    .title = "A sleeper, joined",
    .idea = "Join is a blocking call: what follows it happens after the thread.",
    .python = "Thread.join()",
    .thrum = "thrum_thread_join",
    .program = hello_after,
    .check = check_hello_after,
};

/* ---- many threads ---- */

enum { MANY = 3, RUNS_MAX = 200 };

static thrum_lock order_lock;
static char order[2 * MANY]; /**< "0 2 1" */

static void note_in_order(const char *name)
{
    thrum_with (&order_lock) {
        strcat(order, order[0] == '\0' ? "" : " ");
        strcat(order, name);
    }
}

static void *noted_thread_function(void *arg)
{
    thread_function(arg);
    note_in_order(arg);
    return NULL;
}

static void *noted_quick_function(void *arg)
{
    thrum_sleep(0.001);
    note_in_order(arg);
    return NULL;
}

static void run_many(void)
{
    static char *const names[MANY] = {"0", "1", "2"};
    thrum_thread *threads[MANY];
    order[0] = '\0';
    for (int index = 0; index < MANY; index++) {
        thrum_info("Main    : create and start thread %d.", index);
        threads[index] = thrum_spawn(noted_thread_function, names[index]);
    }
    for (int index = 0; index < MANY; index++) {
        thrum_info("Main    : before joining thread %d.", index);
        thrum_thread_join(threads[index]);
        thrum_info("Main    : thread %d done", index);
        thrum_thread_free(threads[index]);
    }
}

/** The same in short and without words, until the order differs from `first`. */
static int runs_until_different(const char *first)
{
    static char *const names[MANY] = {"0", "1", "2"};
    int runs = 0;
    do {
        thrum_thread *threads[MANY];
        order[0] = '\0';
        for (int index = 0; index < MANY; index++)
            threads[index] = thrum_spawn(noted_quick_function, names[index]);
        for (int index = 0; index < MANY; index++) {
            thrum_thread_join(threads[index]);
            thrum_thread_free(threads[index]);
        }
        runs++;
    } while (strcmp(first, order) == 0 && runs < RUNS_MAX);
    return runs;
}

static void many_threads(void)
{
    char first[sizeof order];
    tour_configure_log();
    puts("first run");
    run_many();
    strcpy(first, order);
    puts("second run");
    run_many();
    printf("The threads finished in the order %s, and then %s\n", first, order);
    int more = strcmp(first, order) == 0 ? runs_until_different(first) : 0;
    if (more > 0)
        printf("The same; after %d more quick runs: %s\n", more, order);
    tour_result("they finished in the order %s, another time %s", first, order);
}

const tour_chapter tour_many_threads = {
    .title = "Working with many threads",
    .idea = "The order in which threads run is the system's choice and differs from run to run.",
    .python = "threads.append(x), join()",
    .thrum = "an array of thrum_thread *",
    .program = many_threads,
};

/* ---- five sleepers ---- */

static void five_sleepers(void)
{
    enum { SLEEPERS = 5 };
    static char *const names[SLEEPERS] = {"thread_0", "thread_1", "thread_2", "thread_3",
                                          "thread_4"};
    thrum_thread *threads[SLEEPERS];

    thrum_time begin = thrum_now();
    for (int i = 0; i < SLEEPERS; i++)
        threads[i] = thrum_spawn(sleeper, names[i], .name = names[i]);
    for (int i = 0; i < SLEEPERS; i++) {
        thrum_thread_join(threads[i]);
        thrum_thread_free(threads[i]);
    }
    double elapse = tour_elapsed(begin);

    printf("Elapse time:  %f\n", elapse);
    printf("All %d tasks have finished their job\n", SLEEPERS);
    tour_require(elapse < 2 * tour_seconds(3), "five sleeps in the time of one");
    tour_result("%.1f s of sleep took %.2f s", SLEEPERS * tour_seconds(3), elapse);
}

const tour_chapter tour_five_sleepers = {
    .title = "Five sleepers",
    .idea = "Waiting threads cost nothing: five sleep in the time of one.",
    .python = "time.sleep, time.time",
    .thrum = "thrum_sleep, thrum_now",
    .program = five_sleepers,
};
