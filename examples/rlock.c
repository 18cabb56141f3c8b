/* SPDX-License-Identifier: MIT */
/** @file
 *  RLock: a lock its owner may acquire again, so that functions that lock can call each other and
 *  themselves. In Python:
 *
 *      import threading
 *
 *      lock = threading.RLock()
 *      visited = 0
 *
 *      def visit(depth):
 *          global visited
 *          with lock:
 *              visited += 1
 *              if depth > 0:
 *                  visit(depth - 1)
 *                  visit(depth - 1)
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

static thrum_rlock lock;
static unsigned visited, deepest;

static void visit(int depth)
{
    THRUM_HOLD(&lock); /* to the end of this function */
    visited++;
    if (thrum_rlock_count(&lock) > deepest)
        deepest = thrum_rlock_count(&lock);
    if (depth > 0) {
        visit(depth - 1);
        visit(depth - 1);
    }
}

static void *visit_all(void *unused)
{
    visit(4);
    return unused;
}

int main(void)
{
    thrum_thread *other = thrum_spawn(visit_all, NULL);
    visit(4);
    thrum_thread_join(other);
    thrum_thread_free(other);

    printf("%u visits, the lock was held up to %u times at once\n", visited, deepest);
    bool is_free = !thrum_rlock_locked(&lock);
    return visited == 2 * 31 && deepest == 5 && is_free ? EXIT_SUCCESS : EXIT_FAILURE;
}
