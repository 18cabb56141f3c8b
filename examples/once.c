/* SPDX-License-Identifier: MIT */
/** @file
 *  Once: whoever comes first does it, the others wait until it is done. Python has no such object;
 *  importing a module does the same:
 *
 *      import table                            # builds the table the first time only
 *      table.squares[7]
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { THREADS = 4, ROWS = 10 };

static thrum_once table_once;
static int squares[ROWS];
static int times_built;

static void build_table(void *unused)
{
    (void)unused;
    for (int i = 0; i < ROWS; i++)
        squares[i] = i * i;
    times_built++;
}

static void *look_up(void *unused)
{
    (void)unused;
    thrum_once_run(&table_once, build_table, NULL); /* after this the table is there */
    return squares[7] == 49 ? "found" : NULL;
}

int main(void)
{
    thrum_thread *threads[THREADS];
    int found = 0;
    for (int i = 0; i < THREADS; i++)
        threads[i] = thrum_spawn(look_up, NULL);
    for (int i = 0; i < THREADS; i++) {
        thrum_thread_join(threads[i]);
        found += thrum_thread_result(threads[i]) != NULL;
        thrum_thread_free(threads[i]);
    }
    printf("%d threads found it, the table was built %d time\n", found, times_built);
    return found == THREADS && times_built == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
