/* SPDX-License-Identifier: MIT */
/** @file
 *  The explorer finds a use after free: a pointer is looked up under the lock and used later, under
 *  the lock again. In between somebody may have freed what it points to. All accesses are ordered
 *  by the lock, so there is no data race to find, only the wrong order. Python keeps an object for
 *  as long as somebody refers to it:
 *
 *      with lock:
 *          job = current
 *      ...
 *      with lock:
 *          job.answer = 42
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>
#include <thrum/check.h>

struct job {
    int answer;
};

static thrum_lock lock;
static struct job *current;

static void *work(void *unused)
{
    struct job *job = NULL;
    thrum_with (&lock)
        job = current;
    if (job == NULL)
        return unused;
    thrum_with (&lock)
        job->answer = 42; /* mended: look it up and use it under one hold of the lock */
    return unused;
}

static void *cancel(void *unused)
{
    THRUM_HOLD(&lock);
    free(current);
    current = NULL;
    return unused;
}

static void test(void *unused)
{
    current = calloc(1, sizeof *current);
    thrum_thread *worker = thrum_spawn(work, NULL, .name = "Worker");
    thrum_thread *canceller = thrum_spawn(cancel, NULL, .name = "Canceller");
    thrum_thread_join(worker);
    thrum_thread_join(canceller);
    thrum_thread_free(worker);
    thrum_thread_free(canceller);
    (void)unused;
}

int main(void)
{
    puts(
        "A worker keeps a pointer while it lets go of the lock: is what it points to still there?");
    thrum_check_result found = {.verdict = THRUM_CHECK_NOTHING};
    thrum_check(test, NULL, .name = "use after free", .ret_result = &found);
    if (found.verdict != THRUM_CHECK_USE_AFTER_FREE)
        return EXIT_FAILURE;
    printf("No: it was freed; schedules run: %llu, preemptions: %u.\n",
           (unsigned long long)found.executions, found.preemptions);
    return EXIT_SUCCESS;
}
