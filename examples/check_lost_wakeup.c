/* SPDX-License-Identifier: MIT */
/** @file
 *  The explorer finds a lost wake-up: a flag that is tested outside the lock, and not again before
 *  the wait. In Python:
 *
 *      def consumer():
 *          if not ready:                       # here the producer may set it and notify nobody,
 *              with condition:
 *                  condition.wait()            # ... and this waits for ever
 *
 *  Mended, the test is made under the lock, in a loop: `while not ready: condition.wait()`. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>
#include <thrum/check.h>

static thrum_lock lock;
static thrum_condition changed;
static atomic_bool ready;

static void *consume(void *unused)
{
    if (!ready) {
        THRUM_HOLD(&lock);
        thrum_condition_wait(&changed, &lock);
    }
    return unused;
}

static void *produce(void *unused)
{
    ready = true;
    thrum_with (&lock)
        thrum_condition_notify(&changed, 1);
    return unused;
}

static void test(void *unused)
{
    thrum_thread *consumer = thrum_spawn(consume, NULL, .name = "Consumer");
    thrum_thread *producer = thrum_spawn(produce, NULL, .name = "Producer");
    thrum_thread_join(producer);
    thrum_thread_join(consumer);
    thrum_thread_free(producer);
    thrum_thread_free(consumer);
    (void)unused;
}

int main(void)
{
    puts("A consumer tests a flag, then waits to be notified: can it miss the notification?");
    thrum_check_result found = {.verdict = THRUM_CHECK_NOTHING};
    thrum_check(test, NULL, .name = "lost wake-up", .ret_result = &found);
    if (found.verdict != THRUM_CHECK_DEADLOCK)
        return EXIT_FAILURE;
    printf("Yes: it sleeps for ever; schedules run: %llu, preemptions: %u.\n",
           (unsigned long long)found.executions, found.preemptions);
    return EXIT_SUCCESS;
}
