/* SPDX-License-Identifier: MIT */
/** @file
 *  Condition: wait for what another thread makes true. Here a bounded buffer. In Python:
 *
 *      lock = threading.Lock()
 *      not_empty = threading.Condition(lock)
 *      not_full = threading.Condition(lock)
 *
 *      def put(item):
 *          with lock:
 *              while len(items) == PLACES:
 *                  not_full.wait()
 *              items.append(item)
 *              not_empty.notify()
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { PLACES = 4, ITEMS = 1000 };

static thrum_lock lock;
static thrum_condition not_empty, not_full;
static int items[PLACES];
static unsigned put_count, got_count;

static void put(int item)
{
    THRUM_HOLD(&lock);
    while (put_count - got_count == PLACES)
        thrum_condition_wait(&not_full, &lock); /* the lock is named at the wait */
    items[put_count++ % PLACES] = item;
    thrum_condition_notify(&not_empty, 1);
}

static int get(void)
{
    THRUM_HOLD(&lock);
    while (put_count == got_count)
        thrum_condition_wait(&not_empty, &lock);
    int item = items[got_count++ % PLACES];
    thrum_condition_notify(&not_full, 1);
    return item;
}

static void *produce(void *unused)
{
    for (int item = 1; item <= ITEMS; item++)
        put(item);
    return unused;
}

int main(void)
{
    long sum = 0;
    thrum_thread *producer = thrum_spawn(produce, NULL);
    for (int i = 0; i < ITEMS; i++)
        sum += get();
    thrum_thread_join(producer);
    thrum_thread_free(producer);
    printf("%d items came through %d places, their sum is %ld\n", ITEMS, PLACES, sum);
    return sum == 500500 ? EXIT_SUCCESS : EXIT_FAILURE;
}
