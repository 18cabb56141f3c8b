/* SPDX-License-Identifier: MIT */
/** @file
 *  Run: the workers of a scenario from their start to the check at the end, and what is printed. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "torture.h"

#define SECOND ((thrum_time)1000000000)

const char *const zero_field_names[ZERO_FIELDS] = {
    "lost", "doubled", "overlap", "unexpected_status", "timed_out_but_taken", "stuck",
};

torture_run run;
pthread_mutex_t run_guard = PTHREAD_MUTEX_INITIALIZER;

/* ---- what scenarios call ---- */

bool torture_stopping(void)
{
    return __atomic_load_n(&run.stop, __ATOMIC_RELAXED) != 0;
}

void torture_count(enum zero_field field, uint64_t how_many)
{
    __atomic_add_fetch(&run.zero[field], how_many, __ATOMIC_RELAXED);
}

bool torture_expect(int status, bool may_time_out)
{
    if (status != 0 && !(may_time_out && status == THRUM_ETIMEDOUT))
        torture_count(UNEXPECTED_STATUS, 1);
    return status == 0;
}

void torture_conserve(uint64_t expected, uint64_t found)
{
    if (found < expected)
        torture_count(LOST, expected - found);
    else
        torture_count(DOUBLED, found - expected);
}

void torture_in_order(uint64_t *next, uint64_t number)
{
    if (number > *next)
        torture_count(LOST, number - *next);
    else if (number < *next)
        torture_count(DOUBLED, 1);
    *next = number + 1;
}

/** splitmix64: any seed will do, also neighbours. */
static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint32_t torture_random(worker *me, uint32_t n)
{
    return (uint32_t)((mix(&me->random) >> 32) * n >> 32);
}

thrum_time torture_soon(worker *me)
{
    return thrum_now() + (thrum_time)torture_random(me, 120000) - 20000;
}

size_t torture_stack_bytes(void)
{
    bool roomy = TORTURE_TSAN || TORTURE_ASAN;
    return (options.disturb & DISTURB_STACKS) != 0 && !roomy ? (size_t)32 * 1024 : 0;
}

unsigned torture_scale(unsigned number)
{
    unsigned factor = torture_time_factor();
    return number / (factor < number ? factor : number);
}

/* ---- workers ---- */

static void rest_while_paused(void)
{
    const struct timespec pause = {0, 5000000};
    while (__atomic_load_n(&run.paused, __ATOMIC_RELAXED) && !torture_stopping())
        nanosleep(&pause, NULL);
}

static void *work(void *arg)
{
    worker *me = arg;
    __atomic_store_n(&me->tid, gettid(), __ATOMIC_RELAXED);
    bool again;
    do {
        again = me->scenario->step(me);
        __atomic_store_n(&me->operations, me->operations + 1, __ATOMIC_RELAXED);
        rest_while_paused();
    } while (again);
    __atomic_store_n(&me->ended, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void start_worker(const scenario *chosen, unsigned slot, unsigned slots)
{
    char name[32];
    worker *me = &run.workers[run.worker_count];
    *me = (worker){.scenario = chosen, .slot = slot, .slots = slots};
    me->random = options.seed ^ ((uint64_t)slot << 32);
    for (const char *c = chosen->name; *c != '\0'; c++)
        me->random = me->random * 31 + (unsigned char)*c;
    snprintf(name, sizeof name, "%.10s-%u", chosen->name, slot);
    me->thread = thrum_spawn(work, me, .name = name, .stack_bytes = torture_stack_bytes());
    if (me->thread == NULL) {
        fprintf(stderr, "thrum-torture: cannot start a thread\n");
        exit(1);
    }
    __atomic_store_n(&run.worker_count, run.worker_count + 1, __ATOMIC_RELEASE);
}

/** What the main thread does now; the watchdog reads it. */
static void enter_phase(const char *phase)
{
    __atomic_store_n(&run.phase, phase, __ATOMIC_RELAXED);
    __atomic_add_fetch(&run.phase_count, 1, __ATOMIC_RELAXED);
}

static unsigned workers_of(const scenario *part)
{
    unsigned count = run.scenario->mixed ? 2 : options.threads;
    if (part->most != 0 && count > part->most)
        count = part->most;
    return count < part->least ? part->least : count;
}

static void choose_parts(const scenario *chosen)
{
    run.part_count = 0;
    if (!chosen->mixed)
        run.parts[run.part_count++] = chosen;
    for (size_t i = 0; chosen->mixed && scenarios[i] != NULL; i++)
        if (scenarios[i]->in_mixed && scenario_left_out(scenarios[i]) == NULL)
            run.parts[run.part_count++] = scenarios[i];
}

/** Everything as before the first run, and nobody for the watchdog to look at. */
static void set_up(const scenario *chosen)
{
    pthread_mutex_lock(&run_guard);
    __atomic_store_n(&run.worker_count, 0, __ATOMIC_RELAXED);
    run.scenario = chosen;
    for (int i = 0; i < ZERO_FIELDS; i++)
        run.zero[i] = 0;
    pthread_mutex_unlock(&run_guard);
    enter_phase("setting up");
    __atomic_store_n(&run.stop, 0, __ATOMIC_RELAXED);
    run.signal_event = (thrum_event)THRUM_EVENT_INIT;
    run.signal_permits = (thrum_semaphore)THRUM_SEMAPHORE(0);
    run.signals = run.permits_given = run.permits_taken = 0;
    choose_parts(chosen);
    for (unsigned i = 0; i < run.part_count; i++)
        run.parts[i]->setup(workers_of(run.parts[i]));
    for (unsigned i = 0; i < run.part_count; i++)
        for (unsigned slot = 0; slot < workers_of(run.parts[i]); slot++)
            start_worker(run.parts[i], slot, workers_of(run.parts[i]));
    start_worker(&scenario_listener, 0, 1);
}

static void end_workers(void)
{
    enter_phase("ending");
    __atomic_store_n(&run.stop, 1, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < run.worker_count; i++) {
        torture_expect(thrum_thread_join(run.workers[i].thread), false);
        thrum_thread_free(run.workers[i].thread);
        enter_phase("ending");
    }
}

uint64_t run_operations(void)
{
    uint64_t sum = 0;
    unsigned count = __atomic_load_n(&run.worker_count, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; i < count; i++)
        if (run.workers[i].scenario != &scenario_listener)
            sum += __atomic_load_n(&run.workers[i].operations, __ATOMIC_RELAXED);
    return sum;
}

/* ---- status lines ---- */

static void print_status(thrum_time began, uint64_t *operations, thrum_time *at)
{
    char line[512];
    thrum_time now = thrum_now();
    uint64_t sum = run_operations();
    double rate = (double)(sum - *operations) * 1e9 / (double)(now - *at + 1);
    int length =
        snprintf(line, sizeof line, "%7.1f s  %-10s ops %llu  rate %.0f/s  signals %llu ",
                 (double)(now - began) / 1e9, run.scenario->name, (unsigned long long)sum, rate,
                 (unsigned long long)__atomic_load_n(&run.signals, __ATOMIC_RELAXED));
    for (int i = 0; i < ZERO_FIELDS && length < (int)sizeof line; i++)
        length +=
            snprintf(line + length, sizeof line - (size_t)length, " %s %llu", zero_field_names[i],
                     (unsigned long long)__atomic_load_n(&run.zero[i], __ATOMIC_RELAXED));
    if (!options.quiet)
        puts(line);
    *operations = sum;
    *at = now;
}

static void sleep_until(thrum_time deadline)
{
    const struct timespec until = {deadline / SECOND, deadline % SECOND};
    while (thrum_now() < deadline)
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static bool all_zero(void)
{
    bool zero = true;
    for (int i = 0; i < ZERO_FIELDS; i++)
        zero = zero && __atomic_load_n(&run.zero[i], __ATOMIC_RELAXED) == 0;
    return zero;
}

bool run_scenario(const scenario *chosen)
{
    set_up(chosen);
    disturb_start();
    enter_phase("running");
    uint64_t operations = 0;
    thrum_time began = thrum_now(), at = began;
    thrum_time ends = thrum_after(options.seconds);
    thrum_time interval = (thrum_time)(options.interval_s * 1e9);
    for (thrum_time line = began + interval; line < ends; line += interval) {
        sleep_until(line);
        print_status(began, &operations, &at);
    }
    sleep_until(ends);
    end_workers();
    disturb_stop();
    enter_phase("checking");
    for (unsigned i = 0; i < run.part_count; i++)
        run.parts[i]->check();
    disturb_check();
    if (run_operations() == 0)
        torture_count(STUCK, 1);
    enter_phase("between");
    print_status(began, &operations, &at);
    return all_zero();
}

/* ---- the table ---- */

#define ROWS_MAX 64

static struct {
    const char *name;
    uint64_t operations, zero[ZERO_FIELDS];
    bool passed;
} rows[ROWS_MAX];
static unsigned row_count;

void table_add(bool passed)
{
    if (row_count == ROWS_MAX)
        return;
    rows[row_count].name = run.scenario->name;
    rows[row_count].operations = run_operations();
    for (int i = 0; i < ZERO_FIELDS; i++)
        rows[row_count].zero[i] = __atomic_load_n(&run.zero[i], __ATOMIC_RELAXED);
    rows[row_count++].passed = passed;
}

void table_print(void)
{
    unsigned failed = 0;
    printf("\n%-14s %12s", "scenario", "operations");
    for (int i = 0; i < ZERO_FIELDS; i++)
        printf(" %s", zero_field_names[i]);
    printf(" verdict\n");
    for (unsigned row = 0; row < row_count; row++) {
        printf("%-14s %12llu", rows[row].name, (unsigned long long)rows[row].operations);
        for (int i = 0; i < ZERO_FIELDS; i++)
            printf(" %*llu", (int)strlen(zero_field_names[i]),
                   (unsigned long long)rows[row].zero[i]);
        printf(" %s\n", rows[row].passed ? "passed" : "FAILED");
        failed += !rows[row].passed;
    }
    printf("seed %llu\n%u passed, %u failed\n", (unsigned long long)options.seed,
           row_count - failed, failed);
}
