// SPDX-License-Identifier: MIT
/** @file
 *  Children of a case: run a function in a forked process, under a limit, and see what became of
 *  it and what it wrote. */
#define _GNU_SOURCE 1
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void run_in_child(void (*fn)(void *), void *arg)
{
    runner_set_mode(RUNNER_DIRECT);
    fn(arg);
    exit(0);
}

/** Whether all other threads of the process are asleep. */
static bool others_sleep(void)
{
    bool asleep = true;
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL)
        FAIL("/proc/self/task: %s", strerror(errno));
    for (struct dirent *task; asleep && (task = readdir(tasks)) != NULL;) {
        char path[sizeof task->d_name + 32], stat[256] = "";
        if (task->d_name[0] == '.' || atoi(task->d_name) == gettid())
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/stat", task->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            continue; /* it has ended */
        if (fgets(stat, sizeof stat, file) == NULL)
            stat[0] = '\0';
        fclose(file);
        const char *name_end = strrchr(stat, ')');
        asleep = name_end == NULL || name_end[2] == 'S';
    }
    closedir(tasks);
    return asleep;
}

/** AddressSanitizer does not hold its allocator's locks across a fork: a child whose parent had a
 *  thread in there hangs. One that sleeps is not in there. */
static void keep_out_of_allocator(void)
{
    int64_t end = test_now_ns() + INT64_C(1000000000);
    while (TEST_UNDER_ASAN && !others_sleep() && test_now_ns() < end)
        usleep(1000);
}

static pid_t start_child(void (*fn)(void *), void *arg, int fd, const int ends[2])
{
    keep_out_of_allocator();
    fflush(NULL); /* Otherwise the child's exit would write the parent's buffers again. */
    pid_t pid = fork();
    if (pid < 0)
        FAIL("fork: %s", strerror(errno));
    if (pid > 0)
        return pid;
    if (ends != NULL) {
        dup2(ends[1], fd);
        close(ends[0]);
        close(ends[1]);
    }
    run_in_child(fn, arg);
}

static int64_t child_end(void)
{
    return test_now_ns() + (int64_t)runner_wait_limit_s() * 1000000000;
}

static void kill_late_child(pid_t pid, const char *output)
{
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    FAIL("a child process did not end within %d s%s%s", runner_wait_limit_s(),
         *output != '\0' ? ", having written:\n" : "", output);
}

static int await_child(pid_t pid, int64_t end, const char *output)
{
    for (;;) {
        int status = 0;
        pid_t got = waitpid(pid, &status, WNOHANG);
        if (got == pid)
            return status;
        if (got < 0 && errno != EINTR)
            FAIL("waitpid: %s", strerror(errno));
        if (test_now_ns() > end)
            kill_late_child(pid, output);
        runner_pause_us(300);
    }
}

/* Read until the end of the pipe, the death of the child or the deadline. The child's death is
 * looked for too, because a grandchild may keep the pipe open. */
static void read_all(int fd, pid_t pid, int64_t end, char *buffer, size_t size)
{
    size_t used = 0;
    bool dead = false;
    while (test_now_ns() <= end) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int polled = poll(&ready, 1, dead ? 0 : 20);
        if (polled == 0 && dead)
            return;
        if (polled <= 0) {
            siginfo_t info = {0};
            waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
            dead = info.si_pid == pid;
            continue;
        }
        char rest[4096];
        size_t room = size - 1 - used;
        ssize_t got = room > 0 ? read(fd, buffer + used, room) : read(fd, rest, sizeof rest);
        if (got == 0)
            return;
        if (got > 0 && room > 0)
            used += (size_t)got;
        buffer[used] = '\0';
    }
}

int test_run_child(void (*fn)(void *), void *arg)
{
    pid_t pid = start_child(fn, arg, -1, NULL);
    return await_child(pid, child_end(), "");
}

int test_capture(int fd, void (*fn)(void *), void *arg, char *buffer, size_t size)
{
    int ends[2];
    CHECK(buffer != NULL && size > 0);
    buffer[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0)
        FAIL("pipe2: %s", strerror(errno));
    const int64_t end = child_end();
    pid_t pid = start_child(fn, arg, fd, ends);
    close(ends[1]);
    read_all(ends[0], pid, end, buffer, size);
    close(ends[0]);
    return await_child(pid, end, buffer);
}

int test_capture_stderr(void (*fn)(void *), void *arg, char *buffer, size_t size)
{
    return test_capture(STDERR_FILENO, fn, arg, buffer, size);
}

void test_say(const char *line)
{
    CHECK(dprintf(STDOUT_FILENO, "%s\n", line) > 0);
}

void test_check_program(const char *file, int line, const char *name, void (*program)(void *),
                        void *arg, int code, const char *wanted)
{
    char text[4096];
    int status = test_capture(STDOUT_FILENO, program, arg, text, sizeof text);
    test_check_str(file, line, name, text, "what it should write", wanted);
    test_check_exited(file, line, status, code);
}
