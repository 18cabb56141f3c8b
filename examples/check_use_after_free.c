/* SPDX-License-Identifier: MIT */
/** @file
 *  The explorer finds a use after free: a worker says that its job is done, and then touches the
 *  job once more. Who waited for it may have freed it by then. Python keeps an object for as long
 *  as somebody refers to it; in C the last word has to be the last touch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>
#include <thrum/check.h>

struct job {
    int question;
    int answer;
    thrum_event done;
};

static void *work(void *arg)
{
    struct job *job = arg;
    job->answer = 2 * job->question;
    thrum_event_set(&job->done);
    job->question = 0; /* mended: before the event is set */
    return NULL;
}

static void test(void *unused)
{
    struct job *job = calloc(1, sizeof *job);
    job->question = 21;
    thrum_thread *worker = thrum_spawn(work, job);
    thrum_event_wait(&job->done);
    free(job);
    thrum_thread_join(worker);
    thrum_thread_free(worker);
    (void)unused;
}

int main(int argc, char **argv)
{
    puts("A worker touches its job after it has said that it is done: is the job still there?");
    thrum_check_result found;
    int status = thrum_check(test, NULL, .name = "use after free", .ret_result = &found);
    if (found.verdict == THRUM_CHECK_USE_AFTER_FREE)
        printf("No: it was freed; schedules run: %llu, preemptions: %u.\n",
               (unsigned long long)found.executions, found.preemptions);
    if (argc > 1 && strcmp(argv[1], "--raw") == 0)
        return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    return found.verdict == THRUM_CHECK_USE_AFTER_FREE ? EXIT_SUCCESS : EXIT_FAILURE;
}
