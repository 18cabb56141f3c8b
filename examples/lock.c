/* SPDX-License-Identifier: MIT */
/** @file
 *  Lock: one thread at a time. In Python:
 *
 *      import threading
 *
 *      balance = 0
 *      lock = threading.Lock()
 *
 *      def deposit():
 *          global balance
 *          for _ in range(100000):
 *              with lock:
 *                  balance += 1
 *
 *      threads = [threading.Thread(target=deposit) for _ in range(2)]
 *      ...
 *      print(balance)                          # 200000
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { THREADS = 2, DEPOSITS = 100000 };

static thrum_lock lock; /* zeroed is unlocked */
static int balance;

static void *deposit(void *unused)
{
    for (int i = 0; i < DEPOSITS; i++) {
        thrum_with (&lock)
            balance += 1;
    }
    return unused;
}

int main(void)
{
    thrum_thread *threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = thrum_spawn(deposit, NULL);
    for (int i = 0; i < THREADS; i++) {
        thrum_thread_join(threads[i]);
        thrum_thread_free(threads[i]);
    }
    printf("the balance is %d\n", balance);
    return balance == THREADS * DEPOSITS ? EXIT_SUCCESS : EXIT_FAILURE;
}
