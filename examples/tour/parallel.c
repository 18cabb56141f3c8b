/* SPDX-License-Identifier: MIT */
/** @file
 *  Chapters on speed: computing on all processors, the lock that would prevent it, waiting for many
 *  answers at once, and processes. */
#define _GNU_SOURCE 1
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tour.h"

enum { WORKERS_MAX = 16, ATTEMPTS = 5, SLICES = 64 };

/** A speed-up counts from here on; and a machine that gives less than this many processors cannot
 *  show one. */
#define SPEED_UP_LEAST 1.2

/* ---- the work ---- */

static bool is_prime(unsigned n)
{
    for (unsigned divisor = 2; divisor * divisor <= n; divisor++)
        if (n % divisor == 0)
            return false;
    return n >= 2;
}

static unsigned numbers_to_try(void)
{
    return tour_is_fast() ? 800000 : 3000000;
}

/** Count the primes of one slice; every worker takes slices until none is left. */
static unsigned primes_of_slice(unsigned slice)
{
    unsigned per_slice = numbers_to_try() / SLICES, count = 0;
    for (unsigned n = slice * per_slice; n < (slice + 1) * per_slice; n++)
        count += is_prime(n);
    return count;
}

struct work {
    thrum_lock lock; /**< guards what follows */
    unsigned next, primes;
    thrum_lock *global_lock; /**< held while computing, or NULL */
};

static void *compute(void *arg)
{
    struct work *work = arg;
    for (;;) {
        unsigned slice = SLICES, primes = 0;
        thrum_with (&work->lock)
            slice = work->next < SLICES ? work->next++ : SLICES;
        if (slice == SLICES)
            return NULL;
        if (work->global_lock == NULL) {
            primes = primes_of_slice(slice);
        } else {
            thrum_with (work->global_lock)
                primes = primes_of_slice(slice);
        }
        thrum_with (&work->lock)
            work->primes += primes;
    }
}

/** How a measurement went. */
struct timing {
    double seconds;    /**< by the clock on the wall */
    double processors; /**< kept busy, on the average */
    unsigned primes;
};

static double processor_seconds(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static struct timing time_threads(unsigned workers, thrum_lock *global_lock)
{
    struct work work = {.global_lock = global_lock};
    thrum_thread *threads[WORKERS_MAX];
    thrum_time start = thrum_now();
    double used = processor_seconds();
    for (unsigned i = 0; i < workers; i++)
        threads[i] = thrum_spawn(compute, &work);
    for (unsigned i = 0; i < workers; i++) {
        thrum_thread_join(threads[i]);
        thrum_thread_free(threads[i]);
    }
    struct timing timing = {.seconds = tour_elapsed(start), .primes = work.primes};
    timing.processors = (processor_seconds() - used) / timing.seconds;
    return timing;
}

static unsigned workers(void)
{
    unsigned processors = tour_processors();
    return processors < WORKERS_MAX ? processors : WORKERS_MAX;
}

static void print_timing(const char *what, struct timing timing)
{
    printf("%-28s %u primes in %.3f s, %.1f processors busy\n", what, timing.primes, timing.seconds,
           timing.processors);
}

/* ---- CPU-bound work ---- */

static void cpu_bound(void)
{
    double speed_up = 0;
    struct timing one, all;
    for (int attempt = 0; attempt < ATTEMPTS && speed_up < SPEED_UP_LEAST; attempt++) {
        one = time_threads(1, NULL);
        print_timing("one thread:", one);
        all = time_threads(workers(), NULL);
        print_timing("a thread per processor:", all);
        speed_up = one.seconds / all.seconds;
    }
    bool one_processor = speed_up < SPEED_UP_LEAST && all.processors < SPEED_UP_LEAST;
    tour_require(one.primes == all.primes, "the same answer from one thread and from many");
    tour_require(speed_up >= SPEED_UP_LEAST || one_processor, "a speed-up");
    tour_result("%u threads: %.2f times as fast as one%s", workers(), speed_up,
                one_processor ? " (the machine gave one processor only)" : "");
}

const tour_chapter tour_cpu_bound = {
    .title = "CPU-bound work on all processors",
    .idea = "There is no interpreter lock: threads compute at the same time.",
    .python = "(multiprocessing)",
    .thrum = "thrum_spawn",
    .program = cpu_bound,
};

/* ---- the same with an executor ---- */

static void *primes_of(void *slice)
{
    return (void *)(uintptr_t)primes_of_slice((unsigned)(uintptr_t)slice);
}

static struct timing time_executor(unsigned workers)
{
    void *slices[SLICES], *primes[SLICES] = {NULL};
    struct timing timing = {.primes = 0};
    thrum_time start = thrum_now();
    double used = processor_seconds();
    THRUM_EXECUTOR(executor, .max_workers = workers);
    for (uintptr_t i = 0; i < SLICES; i++)
        slices[i] = (void *)i;
    int status = thrum_executor_map(executor, primes_of, slices, SLICES, primes);
    for (int i = 0; status == 0 && i < SLICES; i++)
        timing.primes += (unsigned)(uintptr_t)primes[i];
    timing.seconds = tour_elapsed(start);
    timing.processors = (processor_seconds() - used) / timing.seconds;
    return timing;
}

static void executor_cpu(void)
{
    double speed_up = 0;
    struct timing one, all;
    for (int attempt = 0; attempt < ATTEMPTS && speed_up < SPEED_UP_LEAST; attempt++) {
        one = time_executor(1);
        print_timing("one worker:", one);
        all = time_executor(workers());
        print_timing("a worker per processor:", all);
        speed_up = one.seconds / all.seconds;
    }
    bool one_processor = speed_up < SPEED_UP_LEAST && all.processors < SPEED_UP_LEAST;
    tour_require(one.primes == all.primes && one.primes > 0, "the same answer from one worker");
    tour_require(speed_up >= SPEED_UP_LEAST || one_processor, "a speed-up");
    tour_result("%u workers: %.2f times as fast as one%s", workers(), speed_up,
                one_processor ? " (the machine gave one processor only)" : "");
}

const tour_chapter tour_executor_cpu = {
    .title = "An executor on CPU-bound work",
    .idea = "map over the slices of a computation: the workers share them out.",
    .python = "(ProcessPoolExecutor)",
    .thrum = "thrum_executor_map",
    .program = executor_cpu,
};

/* ---- the GIL by contrast ---- */

static void global_lock(void)
{
    static thrum_lock interpreter_lock;
    struct timing one = time_threads(1, NULL);
    print_timing("one thread:", one);
    struct timing locked = time_threads(workers(), &interpreter_lock);
    print_timing("many, under one lock:", locked);
    struct timing all = time_threads(workers(), NULL);
    print_timing("many, without it:", all);
    tour_require(one.primes == locked.primes && one.primes == all.primes, "the same answer");
    tour_require(locked.processors < 1.5, "one thread at a time under a global lock");
    tour_result("%u threads under one lock: %.2f times as fast as one; without it: %.2f", workers(),
                one.seconds / locked.seconds, one.seconds / all.seconds);
}

const tour_chapter tour_global_lock = {
    .title = "What the GIL does",
    .idea = "One lock for everything lets one thread run at a time, however many processors.",
    .python = "the GIL",
    .thrum = "a thrum_lock around all work",
    .program = global_lock,
};

/* ---- I/O-bound work ---- */

enum { REQUESTS = 8 };

/** One request: write a byte, wait for the answer. */
static void *request(void *arg)
{
    const int *socket = arg;
    char answer = '?';
    if (write(*socket, &answer, 1) != 1 || read(*socket, &answer, 1) != 1 || answer != '!')
        return thrum_fail(1, "no answer");
    return NULL;
}

/** The server's side of a connection: it answers after a while, again and again. */
static void *answer(void *arg)
{
    const int *socket = arg;
    for (char byte; read(*socket, &byte, 1) == 1;) {
        thrum_sleep(tour_seconds(0.4));
        if (write(*socket, "!", 1) != 1)
            break;
    }
    return NULL;
}

/** A server in a process of its own, with a thread per connection. */
static void start_server(int clients[REQUESTS])
{
    static int servers[REQUESTS];
    for (int i = 0; i < REQUESTS; i++) {
        int ends[2] = {-1, -1};
        tour_require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "a connection");
        clients[i] = ends[0];
        servers[i] = ends[1];
    }
    pid_t server = fork();
    for (int i = 0; i < REQUESTS; i++) {
        close(server == 0 ? clients[i] : servers[i]);
        if (server == 0)
            thrum_thread_free(thrum_spawn(answer, &servers[i]));
    }
    if (server == 0)
        exit(EXIT_SUCCESS); /* once its threads have ended */
}

static void io_bound(void)
{
    int clients[REQUESTS];
    thrum_thread *threads[REQUESTS];
    start_server(clients);

    thrum_time start = thrum_now();
    for (int i = 0; i < REQUESTS; i++)
        request(&clients[i]);
    double in_turn = tour_elapsed(start);
    printf("one request after the other: %d answers in %.2f s\n", REQUESTS, in_turn);

    start = thrum_now();
    for (int i = 0; i < REQUESTS; i++)
        threads[i] = thrum_spawn(request, &clients[i]);
    for (int i = 0; i < REQUESTS; i++) {
        thrum_thread_join(threads[i]);
        thrum_thread_free(threads[i]);
        close(clients[i]);
    }
    double at_once = tour_elapsed(start);
    printf("a thread for each request:   %d answers in %.2f s\n", REQUESTS, at_once);
    wait(NULL);
    tour_require(in_turn > 1.5 * at_once, "overlapping waits");
    tour_result("%d requests: %.1f times as fast with a thread each", REQUESTS, in_turn / at_once);
}

const tour_chapter tour_io_bound = {
    .title = "I/O-bound work",
    .idea = "While one thread waits for an answer, the others ask their questions.",
    .python = "Thread, or ThreadPoolExecutor",
    .thrum = "thrum_spawn",
    .program = io_bound,
};

/* ---- the same with an executor ---- */

/** Seconds that all requests take with so many workers; 0: some were not answered. */
static double time_requests(int clients[REQUESTS], unsigned workers)
{
    thrum_future *futures[REQUESTS] = {NULL};
    bool all_answered = true;
    thrum_time start = thrum_now();
    THRUM_EXECUTOR(executor, .max_workers = workers, .thread_name_prefix = "request");
    for (int i = 0; i < REQUESTS; i++)
        thrum_executor_submit(executor, request, &clients[i], &futures[i]);
    for (int i = 0; i < REQUESTS; i++) {
        all_answered = thrum_future_wait(futures[i]) == 0 && all_answered;
        all_answered = thrum_future_error(futures[i]) == NULL && all_answered;
        thrum_future_free(futures[i]);
    }
    return all_answered ? tour_elapsed(start) : 0;
}

static void executor_io(void)
{
    static const unsigned workers_tried[] = {1, 2, 4, 8};
    int clients[REQUESTS];
    double one = 0, seconds = 0;
    start_server(clients);
    for (unsigned i = 0; i < sizeof workers_tried / sizeof workers_tried[0]; i++) {
        seconds = time_requests(clients, workers_tried[i]);
        one = i == 0 ? seconds : one;
        printf("%u worker%s: %d answers in %.2f s, %.1f times as fast\n", workers_tried[i],
               i == 0 ? " " : "s", REQUESTS, seconds, one / seconds);
        tour_require(seconds > 0, "an answer to each request");
    }
    for (int i = 0; i < REQUESTS; i++)
        close(clients[i]);
    wait(NULL);
    tour_require(one > 1.5 * seconds, "overlapping waits");
    tour_result("%d requests: %.1f times as fast with 8 workers as with 1", REQUESTS,
                one / seconds);
}

const tour_chapter tour_executor_io = {
    .title = "An executor on I/O-bound work",
    .idea = "N workers wait for N answers at a time: close to N times as fast on any machine.",
    .python = "ThreadPoolExecutor.submit",
    .thrum = "thrum_executor_submit",
    .program = executor_io,
};

/* ---- processes ---- */

enum { STARTS = 100 };

/** A worker process: every `workers`th slice, the count written to the pipe. It uses thrum too. */
static void compute_in_child(unsigned first, unsigned step, int pipe_end)
{
    struct work work = {.next = SLICES};
    for (unsigned slice = first; slice < SLICES; slice += step) {
        thrum_with (&work.lock)
            work.primes += primes_of_slice(slice);
    }
    thrum_thread *helper = thrum_spawn(compute, &work); /* threads can be started here, too */
    int status = thrum_thread_join(helper);
    bool sent = write(pipe_end, &work.primes, sizeof work.primes) == sizeof work.primes;
    _exit(status == 0 && sent ? EXIT_SUCCESS : EXIT_FAILURE);
}

static double time_processes(unsigned workers, unsigned *ret_primes)
{
    int ends[2];
    *ret_primes = 0;
    if (pipe(ends) != 0)
        return 0;
    thrum_time start = thrum_now();
    for (unsigned i = 0; i < workers; i++)
        if (fork() == 0)
            compute_in_child(i, workers, ends[1]);
    close(ends[1]);
    for (unsigned primes; read(ends[0], &primes, sizeof primes) == sizeof primes;)
        *ret_primes += primes;
    close(ends[0]);
    while (wait(NULL) > 0)
        ;
    return tour_elapsed(start);
}

static double microseconds_per_thread(void)
{
    thrum_time start = thrum_now();
    for (int i = 0; i < STARTS; i++) {
        thrum_thread *thread = thrum_spawn(NULL, NULL);
        thrum_thread_join(thread);
        thrum_thread_free(thread);
    }
    return tour_elapsed(start) * 1e6 / STARTS;
}

static double microseconds_per_process(void)
{
    thrum_time start = thrum_now();
    for (int i = 0; i < STARTS; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(EXIT_SUCCESS);
        waitpid(child, NULL, 0);
    }
    return tour_elapsed(start) * 1e6 / STARTS;
}

static void processes(void)
{
    struct timing threads = time_threads(workers(), NULL);
    print_timing("threads:", threads);
    unsigned primes;
    double seconds = time_processes(workers(), &primes);
    printf("%-28s %u primes in %.3f s\n", "processes:", primes, seconds);
    double thread = microseconds_per_thread(), process = microseconds_per_process();
    printf("to start and join one thread: %.0f us; one process: %.0f us\n", thread, process);
    tour_require(primes == threads.primes, "the same answer from threads and from processes");
    tour_result("threads %.3f s, processes %.3f s; to start one: %.0f us, %.0f us", threads.seconds,
                seconds, thread, process);
}

const tour_chapter tour_processes = {
    .title = "Processes",
    .idea = "Forked children use thrum too; processes share nothing and cost more to start.",
    .python = "multiprocessing, os.fork",
    .thrum = "fork()",
    .program = processes,
};
