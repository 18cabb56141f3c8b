/* SPDX-License-Identifier: MIT */
/** @file
 *  Local: one name, a value for each thread. In Python:
 *
 *      class Tally(threading.local):
 *          count = 0
 *
 *      tally = Tally()
 *
 *      def count_to(n):
 *          for _ in range(n):
 *              tally.count += 1                # this thread's own
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

static void *new_tally(void)
{
    return calloc(1, sizeof(int));
}

/** Made at a thread's first get, freed at its end. */
static thrum_local tally = THRUM_LOCAL(new_tally, free);

/** Returns `limit` if this thread has counted that far without any other. */
static void *count_to(void *limit)
{
    int *mine = NULL;
    for (int i = 0; i < *(int *)limit; i++) {
        mine = thrum_local_get(&tally);
        if (mine == NULL)
            return thrum_fail(1, "out of memory");
        *mine += 1;
    }
    printf("%s counted to %d\n", thrum_thread_name(thrum_current_thread()), *mine);
    return *mine == *(int *)limit ? limit : NULL;
}

int main(void)
{
    int ten = 10, thousand = 1000;
    thrum_thread *first = thrum_spawn(count_to, &ten, .name = "first");
    thrum_thread *second = thrum_spawn(count_to, &thousand, .name = "second");
    thrum_thread_join(first);
    thrum_thread_join(second);
    bool both_right = thrum_thread_result(first) != NULL && thrum_thread_result(second) != NULL;
    thrum_thread_free(first);
    thrum_thread_free(second);

    bool main_begins_at_zero = count_to(&ten) != NULL; /* its value ends with the program */
    return both_right && main_begins_at_zero ? EXIT_SUCCESS : EXIT_FAILURE;
}
