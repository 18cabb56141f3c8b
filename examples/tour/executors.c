/* SPDX-License-Identifier: MIT */
/** @file
 *  Chapters on executors: a pool of workers, map, futures, tasks that fail, and tasks that wait for
 *  tasks. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tour.h"

/* ---- using a ThreadPoolExecutor ---- */

static void *thread_function(void *arg)
{
    const char *name = arg;
    thrum_info("Thread %s: starting", name);
    thrum_sleep(tour_seconds(2));
    thrum_info("Thread %s: finishing", name);
    return NULL;
}

static void *const range[] = {"0", "1", "2", "3"};

static void executor(void)
{
    tour_configure_log();
    {
        THRUM_EXECUTOR(two, .max_workers = 2);
        thrum_executor_map(two, thread_function, range, 4, NULL);
    }
    puts("and with 3 workers");
    {
        THRUM_EXECUTOR(three, .max_workers = 3);
        thrum_executor_map(three, thread_function, range, 3, NULL);
    }
}

/** The most tasks that are between their first and their last line at once, from `begin` to `end`
 *  of the output. */
static int most_at_once(const char *begin, const char *end)
{
    int running = 0, most = 0;
    for (const char *line = begin; line < end; line = strchr(line, '\n') + 1) {
        const char *starting = strstr(line, ": starting\n"), *stop = strchr(line, '\n');
        const char *finishing = strstr(line, ": finishing\n");
        if (stop == NULL)
            break;
        running += starting != NULL && starting < stop;
        running -= finishing != NULL && finishing < stop;
        most = running > most ? running : most;
    }
    return most;
}

static void check_executor(const tour_run *run)
{
    long middle = tour_place_of(run, "and with 3 workers");
    tour_require(run->exit_status == 0 && middle >= 0, "a program that ends well");
    if (middle < 0)
        return;
    const char *half = run->output + middle;
    int two = most_at_once(run->output, half);
    int three = most_at_once(half, half + strlen(half));
    tour_require(two == 2 && three == 3, "as many tasks at once as there are workers");
    tour_require(tour_in_order(run, "finishing", "Thread 2: starting") &&
                     tour_in_order(run, "finishing", "Thread 3: starting"),
                 "tasks that wait until a worker is free");
    tour_require(run->seconds >= 3 * tour_seconds(2), "4 tasks on 2 workers in two turns");
    tour_result("4 tasks on %d workers took two turns, 3 on %d took one: %.1f s", two, three,
                run->seconds);
}

const tour_chapter tour_executor = {
    .title = "Using a ThreadPoolExecutor",
    .idea = "A few workers take the tasks as they come; the end of the block waits for all.",
    .python = "with ThreadPoolExecutor() as e:",
    .thrum = "THRUM_EXECUTOR(e, .max_workers = 2)",
    .program = executor,
    .check = check_executor,
};

/* ---- map ---- */

enum { NUMBERS = 6, LAZY = 20, AHEAD = 4 };

/** The bigger the number, the sooner it is done. */
static void *square(void *arg)
{
    intptr_t n = (intptr_t)arg;
    thrum_sleep(tour_seconds(0.1) * (double)(NUMBERS - n));
    printf("%d has been squared\n", (int)n);
    return (void *)(n * n);
}

static void *twice(void *arg)
{
    return (void *)(2 * (intptr_t)arg);
}

/** An endless iterator's state: what it hands out, and how far it was ever ahead. */
struct counting {
    intptr_t next, taken;
    intptr_t most_ahead;
};

static bool next_number(void *state, void **ret_input)
{
    struct counting *counting = state;
    *ret_input = (void *)counting->next++;
    return true;
}

/** Take LAZY results of a map over all numbers there are; how many came in order. */
static int map_lazily(thrum_executor *executor, struct counting *counting)
{
    int right = 0;
    void *result;
    thrum_map *map = thrum_map_new(executor, twice, next_number, counting, .buffersize = AHEAD);
    while (counting->taken < LAZY && thrum_map_next(map, &result) == 0) {
        right += (intptr_t)result == 2 * counting->taken;
        counting->taken++;
        intptr_t ahead = counting->next - counting->taken;
        counting->most_ahead = ahead > counting->most_ahead ? ahead : counting->most_ahead;
    }
    thrum_map_free(map); /* what has not been started is cancelled */
    return right;
}

static void map(void)
{
    void *inputs[NUMBERS], *results[NUMBERS] = {NULL};
    struct counting counting = {.next = 0};
    THRUM_EXECUTOR(executor, .max_workers = NUMBERS);
    for (intptr_t n = 0; n < NUMBERS; n++)
        inputs[n] = (void *)n;
    int status = thrum_executor_map(executor, square, inputs, NUMBERS, results);
    bool in_order = status == 0;
    fputs("squares:", stdout);
    for (intptr_t n = 0; n < NUMBERS; n++) {
        printf(" %d", (int)(intptr_t)results[n]);
        in_order = in_order && (intptr_t)results[n] == n * n;
    }
    int right = map_lazily(executor, &counting);
    printf("\n%d numbers of an endless iterator doubled; never more than %d ahead\n", right,
           (int)counting.most_ahead);
    tour_require(in_order, "results in the order of the inputs");
    tour_require(right == LAZY && counting.most_ahead <= AHEAD, "a lazy map within its bound");
    tour_result("results come in the order of the inputs, whoever is done first");
}

const tour_chapter tour_map = {
    .title = "map",
    .idea = "The same function over many inputs, at the same time; the results keep the order.",
    .python = "Executor.map(f, range(6))",
    .thrum = "thrum_executor_map, thrum_map",
    .program = map,
};

/* ---- futures ---- */

struct job {
    const char *name;
    double seconds;
};

static void *do_job(void *arg)
{
    const struct job *job = arg;
    thrum_sleep(tour_seconds(job->seconds));
    return (void *)(uintptr_t)strlen(job->name);
}

static void futures(void)
{
    static struct job jobs[] = {{"slow", 1.5}, {"quickest", 0.5}, {"middle", 1.0}};
    enum { JOBS = sizeof jobs / sizeof jobs[0] };
    thrum_future *futures[JOBS], *future;
    char order[64] = "";
    THRUM_EXECUTOR(executor, .max_workers = JOBS);
    for (int i = 0; i < JOBS; i++)
        thrum_executor_submit(executor, do_job, &jobs[i], &futures[i]);

    thrum_as_completed *completed = thrum_as_completed_new(futures, JOBS);
    while (thrum_as_completed_next(completed, &future) == 0) {
        void *result = NULL;
        int i = 0;
        thrum_future_result(future, &result); /* done, so it does not wait */
        while (futures[i] != future)
            i++;
        printf("%s is done, its result is %d\n", jobs[i].name, (int)(uintptr_t)result);
        strcat(strcat(order, order[0] == '\0' ? "" : ", "), jobs[i].name);
        tour_require((uintptr_t)result == strlen(jobs[i].name), "the task's own result");
    }
    thrum_as_completed_free(completed);
    for (int i = 0; i < JOBS; i++)
        thrum_future_free(futures[i]);
    bool in_order = strcmp(order, "quickest, middle, slow") == 0;
    bool are_all = strlen(order) == strlen("quickest, middle, slow");
    tour_require(are_all && (in_order || tour_is_fast()), "futures in the order of completion");
    tour_result("submitted as slow, quickest, middle; completed as %s", order);
}

const tour_chapter tour_futures = {
    .title = "Futures, as they complete",
    .idea = "submit gives a future: the result that will be. Take them as they come.",
    .python = "submit, as_completed, result",
    .thrum = "thrum_future, thrum_as_completed",
    .program = futures,
};

/* ---- a task that fails ---- */

static void *divide_by(void *arg)
{
    intptr_t divisor = (intptr_t)arg;
    if (divisor == 0)
        return thrum_fail(EDOM, "division by zero");
    return (void *)(42 / divisor);
}

static void *wait_for_event(void *event)
{
    thrum_event_wait(event);
    return NULL;
}

/** Say in a line what became of a future; its status. */
static int tell(const char *what, thrum_future *future)
{
    void *result = NULL;
    int status = thrum_future_result(future, &result);
    if (status == THRUM_EFAILED)
        printf("%s: it failed: %s\n", what, thrum_future_error(future)->message);
    else if (status == THRUM_ECANCELLED)
        printf("%s: it was cancelled\n", what);
    else
        printf("%s: %d\n", what, (int)(intptr_t)result);
    return status;
}

static void failing_task(void)
{
    static thrum_event gate;
    thrum_future *good = NULL, *bad = NULL, *running = NULL, *waiting = NULL;
    THRUM_EXECUTOR(executor, .max_workers = 1);
    thrum_executor_submit(executor, divide_by, (void *)6, &good);
    thrum_executor_submit(executor, divide_by, NULL, &bad);
    thrum_executor_submit(executor, wait_for_event, &gate, &running);
    thrum_executor_submit(executor, divide_by, (void *)2, &waiting);
    int ok = tell("42 / 6", good), failed = tell("42 / 0", bad);
    bool was_cancelled = thrum_future_cancel(waiting); /* the only worker is busy */
    int cancelled = tell("42 / 2", waiting);
    thrum_event_set(&gate);
    int after = thrum_future_wait(running);
    bool too_late = !thrum_future_cancel(running);
    printf("one that has run cannot be cancelled: %s\n", too_late ? "right" : "wrong");
    tour_require(ok == 0 && failed == THRUM_EFAILED, "a failure that is told to who asks");
    tour_require(was_cancelled && cancelled == THRUM_ECANCELLED, "a task that never ran");
    tour_require(after == 0 && too_late, "a worker that survived the failure");
    tour_result("the failure waited in its future: %s; the worker went on",
                thrum_future_error(bad)->message);
    thrum_future_free(good);
    thrum_future_free(bad);
    thrum_future_free(running);
    thrum_future_free(waiting);
}

const tour_chapter tour_failing_task = {
    .title = "A task that fails, one cancelled",
    .idea = "A task's failure is kept in its future; a task that has not begun can be cancelled.",
    .python = "Future.exception(), cancel()",
    .thrum = "thrum_future_error, _cancel",
    .program = failing_task,
};

/* ---- tasks that wait for tasks ---- */

enum { FIB_OF = 18, FIB_IS = 2584, FIB_TASKS = 4181 };

static thrum_executor *family;

/** Each call submits one half to the pool, does the other, and waits. */
static void *fib(void *arg)
{
    uintptr_t n = (uintptr_t)arg;
    void *half = NULL;
    thrum_future *future;
    if (n < 2)
        return arg;
    if (thrum_executor_submit(family, fib, (void *)(n - 1), &future) != 0)
        return thrum_fail(ENOMEM, "no future");
    uintptr_t other = (uintptr_t)fib((void *)(n - 2));
    int status = thrum_future_result(future, &half);
    thrum_future_free(future);
    return status == 0 ? (void *)((uintptr_t)half + other) : thrum_fail(status, "a part failed");
}

/** Two tasks that wait for each other: a circle. */
static thrum_future *pair[2];
static thrum_event both_are_submitted;
static const char *const pair_names[] = {"chicken", "egg"};

static void *wait_for_other(void *arg)
{
    uintptr_t self = (uintptr_t)arg;
    thrum_event_wait(&both_are_submitted);
    int status = thrum_future_wait(pair[1 - self]);
    printf("the %s waits for the %s: %s\n", pair_names[self], pair_names[1 - self],
           status == 0 ? "it is done" : thrum_strerror(status));
    return status == THRUM_EDEADLK ? "told" : NULL;
}

/** How many of the two were told of the circle. */
static int wait_in_a_circle(void)
{
    int told = 0;
    if (thrum_executor_submit(family, wait_for_other, (void *)0, &pair[0]) != 0 ||
        thrum_executor_submit(family, wait_for_other, (void *)1, &pair[1]) != 0)
        return -1;
    thrum_event_set(&both_are_submitted);
    for (int i = 0; i < 2; i++) {
        void *result = NULL;
        told += thrum_future_result(pair[i], &result) == 0 && result != NULL;
        thrum_future_free(pair[i]);
    }
    return told;
}

static void waiting_tasks(void)
{
    void *result = NULL;
    thrum_future *future;
    THRUM_EXECUTOR(two, .max_workers = 2);
    family = two;
    if (thrum_executor_submit(family, fib, (void *)FIB_OF, &future) == 0) {
        thrum_future_result(future, &result);
        thrum_future_free(future);
    }
    printf("fib(%d) is %d, by %d tasks that wait for tasks, on 2 workers\n", FIB_OF,
           (int)(uintptr_t)result, FIB_TASKS);
    int told = wait_in_a_circle();
    tour_require((uintptr_t)result == FIB_IS, "more waiting tasks than workers, and no deadlock");
    tour_require(told == 1, "one of a circle who is told so");
    tour_result("%d tasks waited on 2 workers without a deadlock; a circle of waits is an error",
                FIB_TASKS);
}

const tour_chapter tour_waiting_tasks = {
    .title = "Tasks that wait for tasks",
    .idea = "Whoever waits for a task that nobody has begun does it himself.",
    .python = "(Python deadlocks here)",
    .thrum = "thrum_future_result in a task",
    .program = waiting_tasks,
};
