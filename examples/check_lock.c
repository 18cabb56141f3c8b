/* SPDX-License-Identifier: MIT */
/** @file
 *  The explorer shows that a lock mends it: the database of the tutorials (see check_race.c),
 *  updated under a lock. In Python:
 *
 *      def locked_update(self, name):
 *          with self._lock:
 *              local_copy = self.value
 *              local_copy += 1
 *              time.sleep(0.1)
 *              self.value = local_copy
 *
 *  All schedules with up to three preemptions are run, and all are well. */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>
#include <thrum/check.h>

struct fake_database {
    int value;
    thrum_lock lock;
};

static void *locked_update(void *arg)
{
    struct fake_database *database = arg;
    thrum_with (&database->lock) {
        int local_copy = database->value;
        local_copy += 1;
        thrum_sleep(0.1);
        database->value = local_copy;
    }
    return NULL;
}

static void test(void *unused)
{
    struct fake_database database = {.value = 0};
    thrum_thread *threads[2];
    for (int i = 0; i < 2; i++)
        threads[i] = thrum_spawn(locked_update, &database);
    for (int i = 0; i < 2; i++) {
        thrum_thread_join(threads[i]);
        thrum_thread_free(threads[i]);
    }
    thrum_check_assert(database.value == 2);
    (void)unused;
}

int main(void)
{
    puts("Two threads update a database under a lock: can anything go wrong?");
    thrum_check_result found = {.verdict = THRUM_CHECK_NOTHING};
    int status = thrum_check(test, NULL, .name = "lock", .preemptions = 3, .ret_result = &found);
    if (status == 0 && found.exhausted)
        printf("No: all %llu schedules with up to %u preemptions are well.\n",
               (unsigned long long)found.executions, found.preemptions);
    return status == 0 && found.exhausted ? EXIT_SUCCESS : EXIT_FAILURE;
}
