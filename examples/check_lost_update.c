/* SPDX-License-Identifier: MIT */
/** @file
 *  The explorer finds a lost update: the database of the tutorials once more (see check_race.c),
 *  now with a value that is atomic and without a sleep. There is no data race any more, but a read
 *  and a write are not an update: another thread may come between them. The explorer looks for a
 *  schedule in which the assertion fails, and prints one with as few preemptions as possible. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>
#include <thrum/check.h>

struct fake_database {
    atomic_int value;
};

static void *update(void *arg)
{
    struct fake_database *database = arg;
    int local_copy = atomic_load(&database->value);
    local_copy += 1;
    atomic_store(&database->value, local_copy);
    return NULL;
}

static void test(void *unused)
{
    struct fake_database database = {.value = 0};
    thrum_thread *threads[2];
    for (int i = 0; i < 2; i++)
        threads[i] = thrum_spawn(update, &database);
    for (int i = 0; i < 2; i++) {
        thrum_thread_join(threads[i]);
        thrum_thread_free(threads[i]);
    }
    thrum_check_assert(database.value == 2);
    (void)unused;
}

int main(void)
{
    puts("Two threads update a database with an atomic value: can an update be lost?");
    thrum_check_result found = {.verdict = THRUM_CHECK_NOTHING};
    thrum_check(test, NULL, .name = "lost update", .ret_result = &found);
    if (found.verdict != THRUM_CHECK_ASSERTION)
        return EXIT_FAILURE;
    printf("Yes: a lost update; schedules run: %llu, preemptions: %u.\n",
           (unsigned long long)found.executions, found.preemptions);
    return EXIT_SUCCESS;
}
