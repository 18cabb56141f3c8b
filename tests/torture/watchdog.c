/* SPDX-License-Identifier: MIT */
/** @file
 *  Watchdog: a thread, none of thrum's, that sees that every worker makes progress; when one does
 *  not, it prints where every thread is and ends the program with status 3.
 *
 *  Time is counted in ticks that the watchdog itself has lived through: when the whole machine
 *  stands still, nobody is blamed. Rests of the stutter do not count. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "torture.h"

#define STATUS_STUCK 3
#define TICK_S 0.05
#define ENDING_FACTOR 10 /* the longest end of a run, in units of the patience */

static double idle_s[WORKERS_MAX + 1], main_idle_s, ending_s;
static uint64_t last_operations[WORKERS_MAX + 1], last_phase_count;

/* ---- the dump: no allocation, no stdio, whose locks a stuck thread may hold ---- */

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char text[8192];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t bytes = length < (int)sizeof text ? (size_t)length : sizeof text - 1;
    if (length > 0 && write(STDERR_FILENO, text, bytes) < 0)
        return; /* nothing else can be said */
}

/** The first line of /proc/self/task/TID/FILE, or of what follows `key` in it. */
static const char *look_up(int tid, const char *file, const char *key, char *buffer, size_t bytes)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/%s", tid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, buffer, bytes - 1);
    if (fd >= 0)
        close(fd);
    if (length <= 0)
        return "?";
    buffer[length] = '\0';
    char *text = key == NULL ? buffer : strstr(buffer, key);
    if (text == NULL)
        return "?";
    text += key == NULL ? 0 : strlen(key);
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static void dump_thread(int tid)
{
    char comm[64], state[4096], wchan[128], call[256], stack[1024];
    say("  tid %d  %-15s  state %s  wchan %s  syscall %s  stack %s\n", tid,
        look_up(tid, "comm", NULL, comm, sizeof comm),
        look_up(tid, "status", "State:\t", state, sizeof state),
        look_up(tid, "wchan", NULL, wchan, sizeof wchan),
        look_up(tid, "syscall", NULL, call, sizeof call),
        look_up(tid, "stack", NULL, stack, sizeof stack));
}

/** Straight from the kernel: opendir would take memory from an allocator that may be stuck too. */
static void dump_threads(void)
{
    char buffer[4096];
    int fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    say("threads:\n");
    for (ssize_t bytes; (bytes = getdents64(fd, buffer, sizeof buffer)) > 0;)
        for (ssize_t at = 0; at < bytes;) {
            struct dirent64 entry;
            size_t left = (size_t)(bytes - at);
            memcpy(&entry, buffer + at, left < sizeof entry ? left : sizeof entry);
            if (atoi(entry.d_name) > 0)
                dump_thread(atoi(entry.d_name));
            at += entry.d_reclen;
        }
    close(fd);
}

static void dump_workers(void)
{
    unsigned count = __atomic_load_n(&run.worker_count, __ATOMIC_ACQUIRE);
    say("workers:\n");
    for (unsigned i = 0; i < count; i++) {
        const worker *it = &run.workers[i];
        say("  %s-%u  tid %d  operations %llu  idle %.1f s%s\n", it->scenario->name, it->slot,
            __atomic_load_n(&it->tid, __ATOMIC_RELAXED),
            (unsigned long long)__atomic_load_n(&it->operations, __ATOMIC_RELAXED), idle_s[i],
            __atomic_load_n(&it->ended, __ATOMIC_RELAXED) ? "  ended" : "");
    }
}

static void give_up(int signal)
{
    (void)signal;
    _exit(STATUS_STUCK);
}

/** Print all there is to know, and end. Should the dump itself be stuck, the alarm ends it. */
static _Noreturn void bite(const char *who)
{
    signal(SIGALRM, give_up);
    alarm(20);
    torture_count(STUCK, 1);
    say("thrum-torture: STUCK: %s made no progress for %g s; scenario %s, seed %llu, phase %s\n",
        who, options.patience_s, run.scenario->name, (unsigned long long)options.seed,
        __atomic_load_n(&run.phase, __ATOMIC_RELAXED));
    say("counters: ops %llu", (unsigned long long)run_operations());
    for (int i = 0; i < ZERO_FIELDS; i++)
        say(" %s %llu", zero_field_names[i],
            (unsigned long long)__atomic_load_n(&run.zero[i], __ATOMIC_RELAXED));
    say("\n");
    dump_workers();
    dump_threads();
    table_add(false);
    table_print();
    fflush(stdout);
    _exit(STATUS_STUCK);
}

/* ---- watching ---- */

/** Watch the workers; returns whether some are still at work. */
static bool watch_workers(double seconds)
{
    char name[64];
    bool some = false;
    unsigned count = __atomic_load_n(&run.worker_count, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; i < count; i++) {
        const worker *it = &run.workers[i];
        uint64_t operations = __atomic_load_n(&it->operations, __ATOMIC_RELAXED);
        bool ended = __atomic_load_n(&it->ended, __ATOMIC_RELAXED);
        some = some || !ended;
        idle_s[i] = ended || operations != last_operations[i] ? 0 : idle_s[i] + seconds;
        last_operations[i] = operations;
        if (idle_s[i] > options.patience_s) {
            snprintf(name, sizeof name, "%s-%u", it->scenario->name, it->slot);
            bite(name);
        }
    }
    return some;
}

static void watch_main(double seconds, bool workers)
{
    uint64_t phase_count = __atomic_load_n(&run.phase_count, __ATOMIC_RELAXED);
    const char *phase = __atomic_load_n(&run.phase, __ATOMIC_RELAXED);
    bool running = phase == NULL || strcmp(phase, "running") == 0 || strcmp(phase, "between") == 0;
    bool waits = phase != NULL && strcmp(phase, "ending") == 0;
    bool moved = phase_count != last_phase_count;
    last_phase_count = phase_count;
    main_idle_s = running || moved || (waits && workers) ? 0 : main_idle_s + seconds;
    ending_s = waits ? ending_s + seconds : 0;
    if (main_idle_s > options.patience_s || ending_s > ENDING_FACTOR * options.patience_s)
        bite("the main thread");
}

static void *watch(void *unused)
{
    const struct timespec tick = {0, (long)(TICK_S * 1e9)};
    disturb_shelter();
    for (;;) {
        nanosleep(&tick, NULL);
        if (__atomic_load_n(&run.paused, __ATOMIC_RELAXED))
            continue;
        pthread_mutex_lock(&run_guard);
        watch_main(TICK_S, watch_workers(TICK_S));
        pthread_mutex_unlock(&run_guard);
    }
    return unused;
}

void watchdog_open(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, watch, NULL) != 0 || pthread_detach(thread) != 0) {
        fprintf(stderr, "thrum-torture: cannot start the watchdog\n");
        exit(1);
    }
}
