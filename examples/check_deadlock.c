/* SPDX-License-Identifier: MIT */
/** @file
 *  The explorer finds a deadlock: two threads take two locks in opposite orders. In Python:
 *
 *      def transfer(source, target, amount):
 *          with source.lock:
 *              with target.lock:
 *                  source.balance -= amount
 *                  target.balance += amount
 *
 *  One thread transfers there, one back. It goes well nearly always; the explorer finds the
 *  schedule in which each holds one lock and waits for the other. It needs no barrier to bring that
 *  about, as deadlock_report.c does. */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>
#include <thrum/check.h>

struct account {
    thrum_lock lock;
    int balance;
};

static struct account savings = {.balance = 100}, current = {.balance = 100};

static void transfer(struct account *source, struct account *target, int amount)
{
    thrum_with (&source->lock) {
        thrum_with (&target->lock) {
            source->balance -= amount;
            target->balance += amount;
        }
    }
}

static void *there(void *unused)
{
    transfer(&savings, &current, 10);
    return unused;
}

static void *back(void *unused)
{
    transfer(&current, &savings, 20);
    return unused;
}

static void test(void *unused)
{
    thrum_thread *first = thrum_spawn(there, NULL, .name = "There");
    thrum_thread *second = thrum_spawn(back, NULL, .name = "Back");
    thrum_thread_join(first);
    thrum_thread_join(second);
    thrum_thread_free(first);
    thrum_thread_free(second);
    thrum_check_assert(savings.balance + current.balance == 200);
    (void)unused;
}

int main(void)
{
    puts("Two threads take two locks in opposite orders: can they block each other?");
    thrum_check_result found = {.verdict = THRUM_CHECK_NOTHING};
    thrum_check(test, NULL, .name = "deadlock", .ret_result = &found);
    if (found.verdict != THRUM_CHECK_DEADLOCK)
        return EXIT_FAILURE;
    printf("Yes: a deadlock; schedules run: %llu, preemptions: %u.\n",
           (unsigned long long)found.executions, found.preemptions);
    return EXIT_SUCCESS;
}
