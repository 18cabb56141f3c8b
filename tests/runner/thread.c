// SPDX-License-Identifier: MIT
/** @file
 *  Threads, gates, awaited states and signal storms, on pthreads alone. */
#define _GNU_SOURCE 1
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A call of pthreads that cannot fail unless the test is wrong. */
static void sure(int error, const char *what)
{
    if (error != 0)
        FAIL("%s: %s", what, strerror(error));
}

pid_t test_thread_id(void)
{
    return (pid_t)syscall(SYS_gettid);
}

int64_t test_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void runner_pause_us(unsigned us)
{
    struct timespec left = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
        continue;
}

static void *thread_main(void *arg)
{
    test_thread *thread = arg;
    void *(*fn)(void *) = thread->fn;
    void *fn_arg = thread->arg;
    pthread_mutex_lock(&thread->mutex);
    thread->tid = test_thread_id();
    pthread_cond_signal(&thread->cond);
    pthread_mutex_unlock(&thread->mutex);
    return fn(fn_arg);
}

void test_spawn(test_thread *thread, void *(*fn)(void *), void *arg)
{
    *thread = (test_thread){.fn = fn, .arg = arg};
    sure(pthread_mutex_init(&thread->mutex, NULL), "pthread_mutex_init");
    sure(pthread_cond_init(&thread->cond, NULL), "pthread_cond_init");
    sure(runner_thread_create(&thread->handle, thread_main, thread), "pthread_create");
    pthread_mutex_lock(&thread->mutex);
    while (thread->tid == 0)
        pthread_cond_wait(&thread->cond, &thread->mutex);
    pthread_mutex_unlock(&thread->mutex);
}

void *test_join(test_thread *thread)
{
    void *result = NULL;
    sure(pthread_join(thread->handle, &result), "pthread_join");
    pthread_cond_destroy(&thread->cond);
    pthread_mutex_destroy(&thread->mutex);
    return result;
}

static void gate_set(test_gate *gate, bool is_open)
{
    pthread_mutex_lock(&gate->mutex);
    gate->is_open = is_open;
    pthread_cond_broadcast(&gate->cond);
    pthread_mutex_unlock(&gate->mutex);
}

void test_gate_open(test_gate *gate)
{
    gate_set(gate, true);
}

void test_gate_close(test_gate *gate)
{
    gate_set(gate, false);
}

void test_gate_wait(test_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->waiting++;
    pthread_cond_broadcast(&gate->cond);
    while (!gate->is_open)
        pthread_cond_wait(&gate->cond, &gate->mutex);
    gate->waiting--;
    pthread_mutex_unlock(&gate->mutex);
}

bool test_gate_is_open(test_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    bool is_open = gate->is_open;
    pthread_mutex_unlock(&gate->mutex);
    return is_open;
}

void test_gate_await(test_gate *gate, int count)
{
    pthread_mutex_lock(&gate->mutex);
    while (gate->waiting < count)
        pthread_cond_wait(&gate->cond, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}

void test_wait_until_at(const char *file, int line, const char *name, bool (*predicate)(void *),
                        void *arg)
{
    const int limit_s = runner_wait_limit_s();
    const int64_t end = test_now_ns() + (int64_t)limit_s * 1000000000;
    while (!predicate(arg)) {
        if (test_now_ns() > end)
            test_fail(file, line, "%s does not hold after %d s", name, limit_s);
        runner_pause_us(200);
    }
}

/* Read a file of this process about one of its threads; empty when it cannot be read. */
static void read_task(char *buffer, size_t size, pid_t tid, const char *leaf)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/%s", (int)tid, leaf);
    buffer[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t got = read(fd, buffer, size - 1);
    buffer[got > 0 ? got : 0] = '\0';
    close(fd);
}

bool test_is_sleeping(pid_t tid)
{
    char text[512];
    read_task(text, sizeof text, tid, "stat");
    /* The name in parentheses may itself hold parentheses, so the last one ends it. */
    const char *end = strrchr(text, ')');
    if (end == NULL || end[1] != ' ' || end[2] != 'S')
        return false;
    read_task(text, sizeof text, tid, "syscall");
    /* Where the kernel tells: "running" or "-1 ..." means in no system call. */
    return strncmp(text, "running", 7) != 0 && strncmp(text, "-1 ", 3) != 0;
}

static bool is_asleep(void *arg)
{
    const pid_t *tid = arg;
    if (!test_is_sleeping(*tid))
        return false;
    runner_pause_us(200);
    return test_is_sleeping(*tid);
}

void test_wait_asleep_at(const char *file, int line, pid_t tid)
{
    test_wait_until_at(file, line, "the thread is asleep", is_asleep, &tid);
}

static void ignore_signal(int signo)
{
    (void)signo;
}

static void *send_signals(void *arg)
{
    test_signals *storm = arg;
    while (!__atomic_load_n(&storm->stop, __ATOMIC_ACQUIRE)) {
        if (pthread_kill(storm->target, storm->signo) == 0)
            storm->sent++;
        runner_pause_us(storm->every_us);
    }
    return NULL;
}

void test_send_signals(test_signals *storm, pthread_t target, int signo, unsigned every_us)
{
    *storm = (test_signals){.target = target, .signo = signo, .every_us = every_us};
    struct sigaction action;
    sigaction(signo, NULL, &action);
    storm->owns_handler = !(action.sa_flags & SA_SIGINFO) && action.sa_handler == SIG_DFL;
    if (storm->owns_handler) {
        memset(&action, 0, sizeof action);
        action.sa_handler = ignore_signal;
        sigaction(signo, &action, NULL);
    }
    test_spawn(&storm->sender, send_signals, storm);
}

unsigned long test_stop_signals(test_signals *storm)
{
    __atomic_store_n(&storm->stop, true, __ATOMIC_RELEASE);
    test_join(&storm->sender);
    if (storm->owns_handler) {
        /* Ignoring discards a signal that is still pending; the default might end the process. */
        signal(storm->signo, SIG_IGN);
        signal(storm->signo, SIG_DFL);
    }
    return storm->sent;
}
