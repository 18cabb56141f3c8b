/* SPDX-License-Identifier: MIT */
/** @file
 *  Many threads, each with work of its own; they end in any order. In Python:
 *
 *      import threading
 *
 *      def square(index):
 *          squares[index] = index * index
 *
 *      squares = [0] * 10
 *      threads = [threading.Thread(target=square, args=(i,)) for i in range(10)]
 *      for thread in threads:
 *          thread.start()
 *      for thread in threads:
 *          thread.join()
 *      print(sum(squares))
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { THREADS = 10 };

static void *square(void *arg)
{
    int *number = arg; /* this thread's own: no lock is needed */
    *number *= *number;
    return NULL;
}

int main(void)
{
    int numbers[THREADS];
    thrum_thread *threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        threads[i] = thrum_spawn(square, &numbers[i]);
    }

    int sum = 0;
    for (int i = 0; i < THREADS; i++) {
        thrum_thread_join(threads[i]); /* from here on we see what it wrote */
        thrum_thread_free(threads[i]);
        sum += numbers[i];
    }
    printf("the squares of 0 to 9 make %d\n", sum);
    return sum == 285 ? EXIT_SUCCESS : EXIT_FAILURE;
}
