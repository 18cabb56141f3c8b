/* SPDX-License-Identifier: MIT */
/** @file
 *  The explorer finds a data race: the database of the tutorials, whose update reads, waits and
 *  writes. In Python, where it takes luck to see an update lost:
 *
 *      class FakeDatabase:
 *          def update(self, name):
 *              local_copy = self.value
 *              local_copy += 1
 *              time.sleep(0.1)
 *              self.value = local_copy
 *
 *  Two threads update it without a lock. The first schedule already shows that nothing orders their
 *  accesses, whether an update was lost this time or not. The exit status is 0 if it is found. */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>
#include <thrum/check.h>

struct fake_database {
    int value;
};

static void *update(void *arg)
{
    struct fake_database *database = arg;
    int local_copy = database->value;
    local_copy += 1;
    thrum_sleep(0.1); /* costs nothing here: the explorer moves the clock */
    database->value = local_copy;
    return NULL;
}

/** What is run again and again, each time under another schedule. */
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
    (void)unused;
}

int main(void)
{
    puts("Two threads update a database without a lock: is there a data race?");
    thrum_check_result found = {.verdict = THRUM_CHECK_NOTHING};
    thrum_check(test, NULL, .name = "race", .ret_result = &found);
    if (found.verdict != THRUM_CHECK_RACE)
        return EXIT_FAILURE;
    printf("Yes: a data race; schedules run: %llu, preemptions: %u.\n",
           (unsigned long long)found.executions, found.preemptions);
    return EXIT_SUCCESS;
}
