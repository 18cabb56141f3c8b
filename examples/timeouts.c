/* SPDX-License-Identifier: MIT */
/** @file
 *  Timeouts: every call that can wait has a twin that ends in _until and takes an instant, so a
 *  loop of waits needs no arithmetic. In Python:
 *
 *      lock.acquire(timeout=0.05)              # False
 *      event.wait(timeout=0.05)                # False
 *      thread.join(timeout=0.05)               # None; ask is_alive()
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

static thrum_lock lock;
static thrum_event never;
static thrum_semaphore none = THRUM_SEMAPHORE(0);
static thrum_barrier pair = THRUM_BARRIER(2);

static bool say(const char *what, int status, int expected)
{
    printf("%-10s %s\n", what, thrum_strerror(status));
    return status == expected;
}

static void *wait_long(void *unused)
{
    thrum_event_wait(&never);
    return unused;
}

int main(void)
{
    thrum_thread *thread = thrum_spawn(wait_long, NULL);
    thrum_lock_acquire(&lock);

    thrum_time deadline = thrum_after(0.05); /* one deadline for all of them together */
    bool right = say("lock", thrum_lock_acquire_until(&lock, deadline), THRUM_ETIMEDOUT);
    right &= say("event", thrum_event_wait_until(&never, deadline), THRUM_ETIMEDOUT);
    right &= say("semaphore", thrum_semaphore_acquire_until(&none, deadline), THRUM_ETIMEDOUT);
    right &= say("join", thrum_thread_join_until(thread, deadline), THRUM_ETIMEDOUT);
    right &= say("barrier", thrum_barrier_wait_until(&pair, deadline), THRUM_EBROKEN);
    right &= thrum_now() >= deadline;

    thrum_lock_release(&lock);
    right &= say("free lock", thrum_lock_acquire_until(&lock, deadline), 0); /* past, but free */
    thrum_lock_release(&lock);
    thrum_event_set(&never);
    thrum_thread_join(thread);
    thrum_thread_free(thread);
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
