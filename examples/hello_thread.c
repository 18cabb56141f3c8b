/* SPDX-License-Identifier: MIT */
/** @file
 *  A thread. In Python:
 *
 *      import threading
 *
 *      def greet(name):
 *          print("hello from", name)
 *
 *      thread = threading.Thread(target=greet, args=("a thread",))
 *      thread.start()
 *      thread.join()
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

static void *greet(void *name)
{
    printf("hello from %s\n", (char *)name);
    return name;
}

int main(void)
{
    thrum_thread *thread = thrum_thread_new(greet, "a thread");
    if (thread == NULL || thrum_thread_start(thread) != 0)
        return EXIT_FAILURE;
    thrum_thread_join(thread);

    bool came_back = thrum_thread_result(thread) != NULL;
    thrum_thread_free(thread);
    return came_back ? EXIT_SUCCESS : EXIT_FAILURE;
}
