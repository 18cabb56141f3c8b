/* SPDX-License-Identifier: MIT */
/** @file
 *  PriorityQueue, task_done and join: workers take the most urgent job there is. In Python:
 *
 *      jobs = queue.PriorityQueue()
 *
 *      def worker():
 *          while True:
 *              urgency, name = jobs.get()
 *              ...
 *              jobs.task_done()
 *
 *      threading.Thread(target=worker, daemon=True).start()
 *      jobs.join()                             # until every job has been done
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>
#include <thrum/queue.h>

enum { WORKERS = 2 };

typedef struct job {
    int urgency; /* the lowest first; equal ones in the order they came */
    const char *name;
} job;

static job jobs_of_today[] = {{3, "sweep the floor"},  {1, "put out the fire"},
                              {2, "answer the phone"}, {3, "water the plants"},
                              {1, "call the brigade"}, {2, "open the post"}};

enum { JOBS = sizeof jobs_of_today / sizeof *jobs_of_today };

static int done;

static int by_urgency(const void *a, const void *b)
{
    return ((const job *)a)->urgency - ((const job *)b)->urgency;
}

static void *work(void *arg)
{
    thrum_queue *jobs = arg;
    for (void *item; thrum_queue_get(jobs, &item) == 0; thrum_queue_task_done(jobs)) {
        const job *now = item;
        printf("%d %s\n", now->urgency, now->name);
        __atomic_add_fetch(&done, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

int main(void)
{
    thrum_queue *jobs = thrum_queue_new(0, .order = THRUM_PRIORITY, .compare = by_urgency);
    for (int i = 0; i < JOBS; i++)
        thrum_queue_put(jobs, &jobs_of_today[i]);

    thrum_thread *workers[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        workers[i] = thrum_spawn(work, jobs);
    thrum_queue_join(jobs);
    printf("all done\n");
    bool is_right = done == JOBS;

    thrum_queue_shutdown(jobs, false); /* the workers are told that nothing more comes */
    for (int i = 0; i < WORKERS; i++) {
        thrum_thread_join(workers[i]);
        thrum_thread_free(workers[i]);
    }
    thrum_queue_free(jobs);
    return is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
