/* SPDX-License-Identifier: MIT */
/** @file
 *  Scenario: fork. Even slots make children in the middle of what the odd slots do; a child has
 *  what it needs to lock, wait, start threads, and exits with 0. A child that does not is killed
 *  and counted as stuck. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "torture.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static thrum_lock lock;
static thrum_condition condition;
static thrum_semaphore semaphore;
static thrum_event event;

static void fork_setup(unsigned workers)
{
    (void)workers;
    lock = (thrum_lock)THRUM_LOCK_INIT;
    condition = (thrum_condition)THRUM_CONDITION_INIT;
    semaphore = (thrum_semaphore)THRUM_SEMAPHORE(1);
    event = (thrum_event)THRUM_EVENT_INIT;
}

/** Wait and wake on everything, so that a fork meets buckets, queues and lists in use. */
static void churn(worker *me)
{
    for (int i = 0; i < 64; i++) {
        thrum_with (&lock) {
            if (torture_random(me, 4) == 0)
                torture_expect(thrum_condition_wait_until(&condition, &lock, torture_soon(me)),
                               true);
            thrum_condition_notify(&condition, 1);
        }
        torture_expect(thrum_semaphore_acquire(&semaphore), false);
        thrum_event_set(&event);
        torture_expect(thrum_semaphore_release(&semaphore, 1), false);
        torture_expect(thrum_event_wait_until(&event, torture_soon(me)), true);
        thrum_event_clear(&event);
    }
}

typedef struct childhood {
    thrum_lock lock;
    thrum_condition condition;
    thrum_semaphore semaphore;
    thrum_event event;
    bool ready;
} childhood;

static void *live_in_child(void *arg)
{
    childhood *its = arg;
    thrum_with (&its->lock) {
        its->ready = true;
        thrum_condition_notify(&its->condition, 1);
    }
    thrum_event_set(&its->event);
    return thrum_semaphore_release(&its->semaphore, 1) == 0 ? its : NULL;
}

/** The exit status of a child: 0, or the step that failed. */
static int child(void)
{
    childhood its = {0};
    if (thrum_active_count() != 1)
        return 10;
    if (thrum_main_thread() != thrum_current_thread())
        return 11;
    thrum_thread *thread = thrum_spawn(live_in_child, &its, .stack_bytes = torture_stack_bytes());
    if (thread == NULL)
        return 12;
    thrum_lock_acquire(&its.lock);
    while (!its.ready)
        if (thrum_condition_wait(&its.condition, &its.lock) != 0)
            return 13;
    thrum_lock_release(&its.lock);
    if (thrum_event_wait(&its.event) != 0 || thrum_semaphore_acquire(&its.semaphore) != 0)
        return 14;
    if (thrum_thread_join(thread) != 0 || thrum_thread_result(thread) != &its)
        return 15;
    thrum_thread_free(thread);
    return thrum_event_wait_until(&its.event, thrum_after(0.001)) == 0 ? 0 : 16;
}

static void print_stuck_child(pid_t pid)
{
    char path[64], state[512] = "?";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(state, sizeof state, file) == NULL)
            state[0] = '\0';
        fclose(file);
    }
    fprintf(stderr, "thrum-torture: child %d is stuck: %s\n", (int)pid, state);
}

/** Wait for the child, for half the watchdog's patience at most. */
static void wait_for(pid_t pid)
{
    const struct timespec pause = {0, 1000000};
    thrum_time deadline = thrum_after(options.patience_s / 2);
    int status = 0;
    pid_t ended;
    while ((ended = waitpid(pid, &status, WNOHANG)) <= 0) {
        if (ended < 0 && errno != EINTR) {
            torture_count(LOST, 1);
            return;
        }
        if (thrum_now() > deadline) {
            print_stuck_child(pid);
            torture_count(STUCK, 1);
            kill(pid, SIGKILL);
            deadline = THRUM_FOREVER;
        }
        nanosleep(&pause, NULL);
    }
    if (status != 0) {
        fprintf(stderr, "thrum-torture: a child ended with wait status %#x\n", (unsigned)status);
        torture_count(UNEXPECTED_STATUS, 1);
    }
}

static void make_child(worker *me)
{
    bool held = torture_random(me, 4) == 0; /* the child then holds the lock, too */
    if (held)
        thrum_lock_acquire(&lock);
    pid_t pid = fork();
    if (pid == 0) {
        if (held)
            thrum_lock_release(&lock);
        _exit(child());
    }
    if (held)
        thrum_lock_release(&lock);
    if (pid > 0)
        wait_for(pid);
    else if (errno != EAGAIN && errno != ENOMEM)
        torture_count(UNEXPECTED_STATUS, 1);
}

static bool fork_step(worker *me)
{
    if (me->slot % 2 == 1) {
        churn(me);
        return !torture_stopping();
    }
    make_child(me);
    return !torture_stopping();
}

static void fork_check(void)
{
    torture_conserve(1, thrum_semaphore_value(&semaphore));
    if (thrum_lock_locked(&lock))
        torture_count(TIMED_OUT_BUT_TAKEN, 1);
}

const scenario scenario_fork = {
    .name = "fork",
    .proves = "a child made at any moment can lock, wait and start threads",
    .setup = fork_setup,
    .step = fork_step,
    .check = fork_check,
    .least = 2,
    .forks = true,
};

/* ---- the same beside threads that allocate ---- */

/** Be in the allocator most of the time. */
static bool fork_malloc_step(worker *me)
{
    if (me->slot % 2 == 0) {
        make_child(me);
        return !torture_stopping();
    }
    void *pieces[32];
    for (size_t i = 0; i < LENGTH(pieces); i++)
        pieces[i] = malloc(1 + torture_random(me, 4096));
    for (size_t i = 0; i < LENGTH(pieces); i++)
        free(pieces[i]);
    return !torture_stopping();
}

const scenario scenario_fork_malloc = {
    .name = "fork-malloc",
    .proves = "as fork, beside threads whose signal handlers interrupt the allocator",
    .setup = fork_setup,
    .step = fork_malloc_step,
    .check = fork_check,
    .least = 2,
    .forks = true,
};
