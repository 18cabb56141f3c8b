/* SPDX-License-Identifier: MIT */
/** @file
 *  Semaphore: a number of permits. In Python:
 *
 *      connections = threading.BoundedSemaphore(3)
 *
 *      def talk_to_the_server():
 *          with connections:                   # at most three threads are in here
 *              ...
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { THREADS = 8, PERMITS = 3 };

static thrum_semaphore connections = THRUM_BOUNDED_SEMAPHORE(PERMITS);
static thrum_lock lock;
static int connected, most_connected;

static void *talk_to_the_server(void *unused)
{
    thrum_with (&connections) {
        thrum_with (&lock) {
            connected++;
            most_connected = connected > most_connected ? connected : most_connected;
        }
        thrum_sleep(0.01);
        thrum_with (&lock)
            connected--;
    }
    return unused;
}

int main(void)
{
    thrum_thread *threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = thrum_spawn(talk_to_the_server, NULL);
    for (int i = 0; i < THREADS; i++) {
        thrum_thread_join(threads[i]);
        thrum_thread_free(threads[i]);
    }
    printf("%d threads, at most %d were connected at once\n", THREADS, most_connected);

    int status = thrum_semaphore_release(&connections, 1); /* ValueError in Python */
    printf("one release too many: %s\n", thrum_strerror(status));
    bool is_right = most_connected <= PERMITS && status == THRUM_EOVERFLOW;
    return is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
