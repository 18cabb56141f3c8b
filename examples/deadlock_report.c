/* SPDX-License-Identifier: MIT */
/** @file
 *  A deadlock that is reported: two threads take two locks in opposite order. In Python this hangs
 *  without a word:
 *
 *      def there():                            def back():
 *          with a:                                 with b:
 *              with b: ...                             with a: ...
 *
 *  thrum writes to stderr who waits where for whom. THRUM_DEADLOCK=abort would also end the
 *  program; here it ends by itself, since the two are daemons. */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

static thrum_lock a, b;
static thrum_barrier both_hold_one = THRUM_BARRIER(2);

static void *there(void *unused)
{
    thrum_with (&a) {
        thrum_barrier_wait(&both_hold_one);
        thrum_with (&b)
            puts("there");
    }
    return unused;
}

static void *back(void *unused)
{
    thrum_with (&b) {
        thrum_barrier_wait(&both_hold_one);
        thrum_with (&a)
            puts("back");
    }
    return unused;
}

int main(void)
{
    thrum_thread *first = thrum_spawn(there, NULL, .name = "There", .daemon = THRUM_DAEMON);
    thrum_thread *second = thrum_spawn(back, NULL, .name = "Back", .daemon = THRUM_DAEMON);

    /* A wait with a deadline never hangs. */
    int status = thrum_thread_join_until(first, thrum_after(0.3));
    printf("waiting for There: %s\n", thrum_strerror(status));
    bool both_stuck = thrum_thread_is_alive(first) && thrum_thread_is_alive(second);
    thrum_thread_free(first);
    thrum_thread_free(second);
    return status == THRUM_ETIMEDOUT && both_stuck ? EXIT_SUCCESS : EXIT_FAILURE;
}
