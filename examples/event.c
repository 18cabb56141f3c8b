/* SPDX-License-Identifier: MIT */
/** @file
 *  Event: a flag to wait for. In Python:
 *
 *      ready = threading.Event()
 *
 *      def worker():
 *          ready.wait()
 *          ...
 *
 *      ready.set()                             # all that wait go on
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { WORKERS = 4 };

static thrum_event ready;
static int answer; /* written before the set, so read without a lock after the wait */

static void *work(void *unused)
{
    (void)unused;
    thrum_event_wait(&ready);
    return answer == 42 ? "saw it" : NULL;
}

int main(void)
{
    thrum_thread *workers[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        workers[i] = thrum_spawn(work, NULL);

    answer = 42;
    thrum_event_set(&ready);

    int saw_it = 0;
    for (int i = 0; i < WORKERS; i++) {
        thrum_thread_join(workers[i]);
        saw_it += thrum_thread_result(workers[i]) != NULL;
        thrum_thread_free(workers[i]);
    }
    printf("%d of %d workers saw the answer\n", saw_it, WORKERS);
    return saw_it == WORKERS ? EXIT_SUCCESS : EXIT_FAILURE;
}
