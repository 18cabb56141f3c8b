/* SPDX-License-Identifier: MIT */
/** @file
 *  Disturbers: what a busy and hostile machine does to threads, done on purpose.
 *
 *  One thread, none of thrum's, does it all at a tick of a millisecond. Signals go to all threads
 *  of the process but the main thread and its own kind, also to those that are just beginning or
 *  ending; CPUs and priorities are changed for workers only, whose numbers are surely alive. A
 *  single thread cannot be stopped from inside its process; a handler that sleeps does the same:
 *  the thread stands still at whatever instruction it was, with whatever it held. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "torture.h"

#define TARGETS_MAX 4096
#define BURST 6
#define STUTTER_PERIOD ((thrum_time)5000000000)
#define STUTTER_WORK ((thrum_time)4000000000)

static pthread_t disturber_thread;
static int ending;
static worker chance;          /* for torture_random */
static cpu_set_t allowed_cpus; /* at the start of the program */
static int targets[TARGETS_MAX];
static unsigned target_count;

/* ---- handlers ---- */

static int interrupt_signal(void)
{
    return SIGUSR1;
}

static int thrum_signal(void)
{
    return SIGUSR2;
}

static int suspend_signal(void)
{
    return SIGRTMIN + 3;
}

static void suspend(void)
{
    static uint32_t turn;
    uint32_t ms = __atomic_add_fetch(&turn, 7, __ATOMIC_RELAXED) % 23 + 1;
    const struct timespec pause = {0, (long)ms * 1000000};
    nanosleep(&pause, NULL);
}

static void give(void)
{
    thrum_event_set(&run.signal_event);
    if (thrum_semaphore_release(&run.signal_permits, 1) == 0)
        __atomic_add_fetch(&run.permits_given, 1, __ATOMIC_RELAXED);
    else
        torture_count(UNEXPECTED_STATUS, 1);
}

static void on_signal(int signal)
{
    int error = errno;
    __atomic_add_fetch(&run.signals, 1, __ATOMIC_RELAXED);
    if (signal == thrum_signal())
        give();
    else if (signal == suspend_signal())
        suspend();
    errno = error;
}

void disturb_open(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(interrupt_signal(), &action, NULL);
    sigaction(thrum_signal(), &action, NULL);
    sigaction(suspend_signal(), &action, NULL);
    if (sched_getaffinity(0, sizeof allowed_cpus, &allowed_cpus) != 0)
        options.disturb &= ~(unsigned)DISTURB_AFFINITY;
}

void disturb_shelter(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, interrupt_signal());
    sigaddset(&set, thrum_signal());
    sigaddset(&set, suspend_signal());
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* ---- the worker that listens to the handlers ---- */

static bool listen_step(worker *me)
{
    bool last = torture_stopping();
    thrum_time deadline = thrum_now() + 20000000 + torture_random(me, 100000);
    if (torture_expect(thrum_event_wait_until(&run.signal_event, deadline), true))
        thrum_event_clear(&run.signal_event);
    for (int i = 0; i < 100; i++) {
        int status = thrum_semaphore_acquire_until(&run.signal_permits, torture_soon(me));
        if (!torture_expect(status, true))
            break;
        run.permits_taken++;
    }
    return !last;
}

const scenario scenario_listener = {
    .name = "listener",
    .step = listen_step,
    .hidden = true,
};

void disturb_check(void)
{
    const struct timespec pause = {0, 1000000};
    uint64_t given = 0, found = 0;
    /* A thread that has been joined may still be in a handler. */
    for (int ms = 0; ms < 1000; ms++) {
        given = __atomic_load_n(&run.permits_given, __ATOMIC_RELAXED);
        found = run.permits_taken + thrum_semaphore_value(&run.signal_permits);
        if (given == found)
            return;
        nanosleep(&pause, NULL);
    }
    torture_conserve(given, found);
}

/* ---- the disturber ---- */

static bool disturbs(enum disturbance what)
{
    return (options.disturb & (unsigned)what) != 0;
}

static void find_targets(void)
{
    DIR *dir = opendir("/proc/self/task");
    if (dir == NULL)
        return;
    target_count = 0;
    for (struct dirent *entry; target_count < TARGETS_MAX && (entry = readdir(dir)) != NULL;) {
        int tid = atoi(entry->d_name);
        if (tid > 0 && tid != getpid() && tid != gettid())
            targets[target_count++] = tid;
    }
    closedir(dir);
}

static void send(int signal)
{
    if (target_count > 0)
        syscall(SYS_tgkill, getpid(), targets[torture_random(&chance, target_count)], signal);
}

/** ThreadSanitizer may call a handler within a free that glibc makes as it gives back the stacks of
 *  threads; the handler then waits for what that free holds, and all who start threads for both. */
static bool may_send(void)
{
    for (unsigned i = 0; TORTURE_TSAN && i < run.part_count; i++)
        if (run.parts[i]->starts)
            return false;
    return true;
}

static void storm(void)
{
    if (!may_send())
        return;
    for (int i = 0; i < BURST; i++) {
        if (disturbs(DISTURB_SIGNALS))
            send(interrupt_signal());
        if (disturbs(DISTURB_HANDLER) && i % 2 == 0)
            send(thrum_signal());
    }
    if (disturbs(DISTURB_SUSPEND) && torture_random(&chance, 16) == 0)
        send(suspend_signal());
}

/** The number of a worker that is alive, or 0. */
static int worker_tid(unsigned index)
{
    worker *it = &run.workers[index];
    if (__atomic_load_n(&it->ended, __ATOMIC_RELAXED))
        return 0;
    return __atomic_load_n(&it->tid, __ATOMIC_RELAXED);
}

static void set_cpus(int tid, const cpu_set_t *cpus)
{
    if (tid != 0)
        sched_setaffinity(tid, sizeof *cpus, cpus);
}

static void random_cpus(cpu_set_t *cpus, uint32_t one_in)
{
    do {
        CPU_ZERO(cpus);
        for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
            if (CPU_ISSET(cpu, &allowed_cpus) && torture_random(&chance, one_in) == 0)
                CPU_SET(cpu, cpus);
    } while (CPU_COUNT(cpus) == 0);
}

/** Half a second in two, all workers share one CPU. */
static void move(unsigned tick)
{
    cpu_set_t cpus;
    if (tick % 2048 == 1024) {
        do
            random_cpus(&cpus, (uint32_t)CPU_COUNT(&allowed_cpus));
        while (CPU_COUNT(&cpus) != 1);
        for (unsigned i = 0; i < run.worker_count; i++)
            set_cpus(worker_tid(i), &cpus);
    } else if (tick % 2048 == 1536) {
        for (unsigned i = 0; i < run.worker_count; i++)
            set_cpus(worker_tid(i), &allowed_cpus);
    } else if ((tick % 2048 < 1024 || tick % 2048 > 1536) && torture_random(&chance, 16) == 0) {
        random_cpus(&cpus, 2);
        set_cpus(worker_tid(torture_random(&chance, run.worker_count)), &cpus);
    }
}

/** Without the right to it, lowering fails, and all end as nice as can be. */
static void renice(void)
{
    int tid = worker_tid(torture_random(&chance, run.worker_count));
    if (tid != 0)
        setpriority(PRIO_PROCESS, (id_t)tid, (int)torture_random(&chance, 20));
}

static void stutter(thrum_time since)
{
    __atomic_store_n(&run.paused, since % STUTTER_PERIOD >= STUTTER_WORK, __ATOMIC_RELAXED);
}

static void *disturb(void *unused)
{
    const struct timespec pause = {0, 1000000};
    thrum_time began = thrum_now();
    disturb_shelter();
    for (unsigned tick = 0; !__atomic_load_n(&ending, __ATOMIC_RELAXED); tick++) {
        if (tick % 32 == 0)
            find_targets();
        storm();
        if (disturbs(DISTURB_AFFINITY))
            move(tick);
        if (disturbs(DISTURB_NICE) && torture_random(&chance, 16) == 0)
            renice();
        if (disturbs(DISTURB_STUTTER))
            stutter(thrum_now() - began);
        nanosleep(&pause, NULL);
    }
    __atomic_store_n(&run.paused, 0, __ATOMIC_RELAXED);
    return unused;
}

void disturb_start(void)
{
    chance.random = options.seed;
    __atomic_store_n(&ending, 0, __ATOMIC_RELAXED);
    if (pthread_create(&disturber_thread, NULL, disturb, NULL) != 0) {
        fprintf(stderr, "thrum-torture: cannot start the disturber\n");
        exit(1);
    }
}

void disturb_stop(void)
{
    __atomic_store_n(&ending, 1, __ATOMIC_RELAXED);
    pthread_join(disturber_thread, NULL);
}
