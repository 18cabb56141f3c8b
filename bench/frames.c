/* SPDX-License-Identifier: MIT */
/** @file
 *  The work that all contenders in C and C++ share. */
#include "frames.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define CREW_MAX 128

static void sleep_s(double seconds)
{
    struct timespec left = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&left, NULL);
}

/* ---- threads that begin together ---- */

static pthread_barrier_t crew_ready;
static void (*crew_body)(int index);

static void *crew_member(void *arg)
{
    int index = (int)(intptr_t)arg;
    bench_place(index);
    pthread_barrier_wait(&crew_ready);
    crew_body(index);
    return NULL;
}

/** Start the crew; it begins at the returned second. */
static double crew_start(pthread_t *crew, int threads, void (*body)(int index))
{
    bench_check(threads <= CREW_MAX, "too many threads");
    crew_body = body;
    pthread_barrier_init(&crew_ready, NULL, (unsigned)threads + 1);
    for (int i = 0; i < threads; i++)
        bench_check(pthread_create(&crew[i], NULL, crew_member, (void *)(intptr_t)i) == 0,
                    "no more threads");
    double started = bench_now();
    pthread_barrier_wait(&crew_ready);
    return started;
}

static void crew_join(pthread_t *crew, int threads)
{
    for (int i = 0; i < threads; i++)
        pthread_join(crew[i], NULL);
    pthread_barrier_destroy(&crew_ready);
}

double bench_crew(int threads, void (*body)(int index))
{
    pthread_t crew[CREW_MAX];
    double started = crew_start(crew, threads, body);
    crew_join(crew, threads);
    return bench_now() - started;
}

static void *nothing(void *arg)
{
    return arg;
}

void bench_second_thread(void)
{
    pthread_t thread;
    bench_check(pthread_create(&thread, NULL, nothing, NULL) == 0, "no more threads");
    pthread_join(thread, NULL);
}

/* ---- locks ---- */

double bench_uncontended(void (*pairs)(long n))
{
    bench_second_thread();
    pairs(BENCH_PAIRS / 100);
    double started = bench_now();
    pairs(BENCH_PAIRS);
    return (bench_now() - started) / BENCH_PAIRS * 1e9;
}

bool bench_stop;
static bench_hammer hammering;
static volatile long counter;
static long served[CREW_MAX];

static void hammer_body(int index)
{
    served[index] = hammering(&counter);
}

double bench_contended(bench_hammer hammer)
{
    int threads = bench_threads(2);
    pthread_t crew[CREW_MAX];
    hammering = hammer;
    counter = 0;
    __atomic_store_n(&bench_stop, false, __ATOMIC_RELAXED);
    double started = crew_start(crew, threads, hammer_body);
    sleep_s(BENCH_CONTENDED_S);
    __atomic_store_n(&bench_stop, true, __ATOMIC_RELAXED);
    double seconds = bench_now() - started;
    crew_join(crew, threads);
    long sum = 0, least = served[0], most = served[0];
    for (int i = 0; i < threads; i++) {
        sum += served[i];
        least = served[i] < least ? served[i] : least;
        most = served[i] > most ? served[i] : most;
    }
    bench_check(sum == counter && sum > 0, "the counter lost updates");
    bench_note("least/most", (double)least / (double)most);
    return (double)sum / seconds / 1e6;
}

/* ---- two threads in turn ---- */

static void (*turn_of)(int me);

static void turns_body(int me)
{
    for (int i = 0; i < BENCH_TURNS; i++)
        turn_of(me);
}

double bench_two(void (*turn)(int me))
{
    turn_of = turn;
    return BENCH_TURNS / bench_crew(2, turns_body) / 1e3;
}

/* ---- threads ---- */

static void *be_busy(void *stop)
{
    while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED))
        continue;
    return NULL;
}

double bench_threads_run(void (*one)(void), const long *ran)
{
    bool stop = false;
    pthread_t busy[CREW_MAX];
    int busy_count = bench_threads(0);
    for (int i = 0; i < busy_count; i++)
        bench_check(pthread_create(&busy[i], NULL, be_busy, &stop) == 0, "no more threads");
    long before = *ran;
    double started = bench_now();
    for (int i = 0; i < BENCH_THREADS_RUN; i++)
        one();
    double seconds = bench_now() - started;
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (int i = 0; i < busy_count; i++)
        pthread_join(busy[i], NULL);
    bench_check(*ran - before == BENCH_THREADS_RUN, "a thread did not run");
    return seconds / BENCH_THREADS_RUN * 1e6;
}

/* ---- waking many ---- */

#define SETTLE_S 0.003

static void (*sleep_in)(int wake);
static pthread_barrier_t all_awake;
static int awake;

static void sleeper_body(int index)
{
    (void)index;
    for (int i = 0; i < BENCH_WAKES; i++) {
        sleep_in(i);
        __atomic_fetch_add(&awake, 1, __ATOMIC_RELAXED);
        pthread_barrier_wait(&all_awake);
        pthread_barrier_wait(&all_awake);
    }
}

double bench_wake_all(void (*sleeper)(int wake), void (*wake)(int wake), void (*reset)(int wake))
{
    pthread_t crew[CREW_MAX];
    double spent = 0, reached = 0;
    sleep_in = sleeper;
    awake = 0;
    pthread_barrier_init(&all_awake, NULL, BENCH_SLEEPERS + 1);
    crew_start(crew, BENCH_SLEEPERS, sleeper_body);
    for (int i = 0; i < BENCH_WAKES; i++) {
        sleep_s(SETTLE_S);
        bench_check(__atomic_load_n(&awake, __ATOMIC_RELAXED) == i * BENCH_SLEEPERS,
                    "somebody did not sleep");
        double started = bench_now();
        wake(i);
        spent += bench_now() - started;
        pthread_barrier_wait(&all_awake);
        reached += bench_now() - started;
        if (reset != NULL)
            reset(i);
        pthread_barrier_wait(&all_awake);
    }
    crew_join(crew, BENCH_SLEEPERS);
    pthread_barrier_destroy(&all_awake);
    bench_note("us until all ran", reached / BENCH_WAKES * 1e6);
    return spent / BENCH_WAKES * 1e6;
}

/* ---- queues ---- */

static bench_producer producing;
static bench_consumer consuming;
static int sides;
static uint64_t sums[CREW_MAX];

static void queue_body(int index)
{
    long share = BENCH_ITEMS / sides;
    if (index % 2 == 0)
        producing(index / 2, (uintptr_t)(index / 2) * (uintptr_t)share + 1, share);
    else
        sums[index / 2] = consuming(index / 2, share);
}

double bench_queue(bench_producer produce, bench_consumer consume)
{
    sides = bench_threads(1);
    producing = produce;
    consuming = consume;
    double seconds = bench_crew(2 * sides, queue_body);
    uint64_t sum = 0, items = (uint64_t)(BENCH_ITEMS / sides * sides);
    for (int i = 0; i < sides; i++)
        sum += sums[i];
    bench_check(sum == items * (items + 1) / 2, "items were lost or came twice");
    return (double)items / seconds / 1e6;
}

static uintptr_t (*go_there)(uintptr_t item);
static uintptr_t (*go_back)(void);

static void queue_turns_body(int me)
{
    for (uintptr_t i = 1; i <= BENCH_QUEUE_TURNS; i++) {
        uintptr_t got = me == 0 ? go_there(i) : go_back();
        bench_check(got == i, "an item was lost");
    }
}

double bench_queue_turns(uintptr_t (*there)(uintptr_t item), uintptr_t (*back)(void))
{
    go_there = there;
    go_back = back;
    return bench_crew(2, queue_turns_body) / BENCH_QUEUE_TURNS * 1e6;
}

/* ---- executors ---- */

/** Each thread counts on a line of its own, which it finds once. */
static struct {
    _Alignas(64) long ran;
} counts[CREW_MAX];
static int counting;
static _Thread_local long *mine;

void bench_task_ran(void)
{
    if (mine == NULL) {
        int index = __atomic_fetch_add(&counting, 1, __ATOMIC_RELAXED);
        bench_check(index < CREW_MAX, "too many threads");
        mine = &counts[index].ran;
    }
    __atomic_store_n(mine, *mine + 1, __ATOMIC_RELAXED);
}

static long tasks_ran(void)
{
    long sum = 0;
    for (int i = 0; i < CREW_MAX; i++)
        sum += __atomic_load_n(&counts[i].ran, __ATOMIC_RELAXED);
    return sum;
}

double bench_executor(void (*run)(long n, int workers))
{
    long before = tasks_ran();
    double started = bench_now();
    run(BENCH_TASKS, bench_threads(BENCH_WORKERS));
    double seconds = bench_now() - started;
    bench_check(tasks_ran() - before == BENCH_TASKS, "tasks did not run, or twice");
    return seconds / BENCH_TASKS * 1e9;
}

double bench_futures(uint64_t (*run)(long n, int workers))
{
    double started = bench_now();
    uint64_t sum = run(BENCH_TASKS, bench_threads(BENCH_WORKERS));
    double seconds = bench_now() - started;
    bench_check(sum == (uint64_t)BENCH_TASKS * (BENCH_TASKS + 1) / 2, "a result is wrong");
    return seconds / BENCH_TASKS * 1e9;
}

double bench_submit_wait(uintptr_t (*one)(uintptr_t i))
{
    one(1);
    double started = bench_now();
    for (uintptr_t i = 1; i <= BENCH_SUBMITS; i++)
        bench_check(one(i) == i, "a result is wrong");
    return (bench_now() - started) / BENCH_SUBMITS * 1e6;
}

static uint64_t scrambled(uint64_t item)
{
    return item * UINT64_C(0x9e3779b97f4a7c15) >> 40;
}

uintptr_t bench_map_item(uintptr_t item)
{
    return (uintptr_t)scrambled(item);
}

void *bench_map_target(void *item)
{
    return (void *)(uintptr_t)scrambled((uintptr_t)item);
}

double bench_map(bench_mapper map, long n, long maps)
{
    uintptr_t *inputs = calloc((size_t)n, sizeof *inputs);
    uintptr_t *outputs = calloc((size_t)n, sizeof *outputs);
    bench_check(inputs != NULL && outputs != NULL, "no memory");
    for (long i = 0; i < n; i++)
        inputs[i] = (uintptr_t)i + 1;
    map(inputs, outputs, n);
    double started = bench_now();
    for (long i = 0; i < maps; i++)
        map(inputs, outputs, n);
    double seconds = bench_now() - started;
    for (long i = 0; i < n; i++)
        bench_check(outputs[i] == bench_map_item(inputs[i]), "a map's result is wrong");
    free(inputs);
    free(outputs);
    return seconds / (double)(n * maps) * 1e9;
}

/* ---- futures completed by hand ---- */

double bench_futures_by_hand(uintptr_t (*one)(uintptr_t i))
{
    double started = bench_now();
    for (uintptr_t i = 1; i <= BENCH_FUTURES; i++)
        bench_check(one(i) == BENCH_ASKED * i, "a result is wrong");
    return (bench_now() - started) / BENCH_FUTURES * 1e9;
}

static void *going[BENCH_TURNS], *coming[BENCH_TURNS];
static void (*complete_one)(void *future, uintptr_t result);
static uintptr_t (*ask_one)(void *future);

static void future_turns_body(int me)
{
    for (uintptr_t i = 0; i < BENCH_TURNS; i++) {
        if (me == 0)
            complete_one(going[i], i + 1);
        uintptr_t got = ask_one(me == 0 ? coming[i] : going[i]);
        bench_check(got == i + 1, "a result is wrong");
        if (me != 0)
            complete_one(coming[i], got);
    }
}

double bench_future_turns(void *(*make)(void), void (*complete)(void *future, uintptr_t result),
                          uintptr_t (*ask)(void *future), void (*drop)(void *future))
{
    complete_one = complete;
    ask_one = ask;
    for (int i = 0; i < BENCH_TURNS; i++) {
        going[i] = make();
        coming[i] = make();
    }
    double seconds = bench_crew(2, future_turns_body);
    for (int i = 0; i < BENCH_TURNS; i++) {
        drop(going[i]);
        drop(coming[i]);
    }
    return BENCH_TURNS / seconds / 1e3;
}

/* ---- timers ---- */

double bench_timers(void (*cycle)(long n))
{
    double started = bench_now();
    cycle(BENCH_TIMERS);
    return (bench_now() - started) / BENCH_TIMERS * 1e9;
}

double bench_due(int i)
{
    /* Spread as by a golden-ratio step, so that they are not started in the order they are due. */
    double turn = (double)i * 0.6180339887498949;
    return 0.1 + BENCH_LATE_SPAN_S * (turn - (double)(long)turn);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_lateness(const double *due, const double *fired)
{
    static double late[BENCH_LATE_TIMERS];
    for (int i = 0; i < BENCH_LATE_TIMERS; i++) {
        bench_check(fired[i] != 0, "a timer did not fire");
        late[i] = (fired[i] - due[i]) * 1e6;
    }
    qsort(late, BENCH_LATE_TIMERS, sizeof *late, ascending);
    bench_note("p99 us", late[BENCH_LATE_TIMERS / 100 * 99]);
    bench_note("earliest us", late[0]);
    return late[BENCH_LATE_TIMERS / 2];
}

/* ---- memory ---- */

static double allocated(void)
{
    struct mallinfo2 account = mallinfo2();
    return (double)account.uordblks + (double)account.hblkhd;
}

double bench_heap(void (*make)(long n), long n)
{
    make(1); /* what comes with the first */
    double before = allocated();
    make(n);
    return (allocated() - before) / (double)n;
}

static double resident(void)
{
    long pages = 0, all;
    FILE *file = fopen("/proc/self/statm", "r");
    bench_check(file != NULL && fscanf(file, "%ld %ld", &all, &pages) == 2, "no statm");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

double bench_resident(void (*make)(long n), long n)
{
    make(1);
    sleep_s(0.05);
    double before = resident();
    make(n);
    sleep_s(0.2); /* they have begun, and sleep */
    return (resident() - before) / (double)n;
}

/* ---- nothing ---- */

double bench_idle(void)
{
    struct rusage before, after;
    sleep_s(0.2);
    getrusage(RUSAGE_SELF, &before);
    double cpu = bench_cpu();
    sleep_s(BENCH_IDLE_S);
    cpu = bench_cpu() - cpu;
    getrusage(RUSAGE_SELF, &after);
    /* The watcher's own sleep is one switch. */
    bench_note("wake-ups per s", (double)(after.ru_nvcsw - before.ru_nvcsw - 1) / BENCH_IDLE_S);
    return cpu / BENCH_IDLE_S * 1e3;
}
