/* SPDX-License-Identifier: MIT */
/** @file
 *  Barrier: a fixed number of threads wait for one another, round after round. In Python:
 *
 *      barrier = threading.Barrier(3, action=publish)
 *
 *      def work(index):
 *          for _ in range(ROUNDS):
 *              parts[index] += index
 *              barrier.wait()                  # publish() has run when this returns
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { PARTIES = 3, ROUNDS = 5 };

static thrum_barrier barrier;
static int parts[PARTIES];
static int total, rounds;

/** Called by the last to arrive, while the others still wait: it may read what all have written. */
static int publish(void *unused)
{
    (void)unused;
    total = 0;
    for (int i = 0; i < PARTIES; i++)
        total += parts[i];
    printf("round %d: %d\n", ++rounds, total);
    return 0;
}

static void *work(void *arg)
{
    int *part = arg;
    int step = (int)(part - parts) + 1;
    for (int round = 1; round <= ROUNDS; round++) {
        *part += step;
        int index = thrum_barrier_wait(&barrier); /* 0 to 2, the order of arrival */
        if (index < 0)
            return thrum_fail(index, "the barrier: %s", thrum_strerror(index));
    }
    return NULL;
}

int main(void)
{
    thrum_thread *threads[PARTIES];
    thrum_barrier_init(&barrier, PARTIES, publish, NULL);
    for (int i = 0; i < PARTIES; i++)
        threads[i] = thrum_spawn(work, &parts[i]);
    for (int i = 0; i < PARTIES; i++) {
        thrum_thread_join(threads[i]);
        thrum_thread_free(threads[i]);
    }
    return rounds == ROUNDS && total == (1 + 2 + 3) * ROUNDS ? EXIT_SUCCESS : EXIT_FAILURE;
}
