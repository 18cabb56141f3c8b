/* SPDX-License-Identifier: MIT */
/** @file
 *  Raw lock: one at a time, and nobody sleeps on a free one. */
#include "park/rawlock.h"

#include <signal.h>

#include "runner.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static th_rawlock lock;
static test_gate gate = TEST_GATE_INIT;
static unsigned counter; /* under the lock, with care taken by nobody else */

static uint32_t word_of(const th_rawlock *raw)
{
    return __atomic_load_n(&raw->word, __ATOMIC_RELAXED);
}

TEST(rawlock, zeroed_is_free_and_can_be_held_again_and_again)
{
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(word_of(&lock), 0);
        th_rawlock_acquire(&lock);
        CHECK_NE(word_of(&lock), 0);
        th_rawlock_release(&lock);
    }
    CHECK_EQ(word_of(&lock), 0);
}

TEST(rawlock, locks_are_independent)
{
    static th_rawlock locks[3];
    for (size_t i = 0; i < LENGTH(locks); i++)
        th_rawlock_acquire(&locks[i]);
    th_rawlock_release(&locks[1]);
    CHECK_NE(word_of(&locks[0]), 0);
    CHECK_EQ(word_of(&locks[1]), 0);
    CHECK_NE(word_of(&locks[2]), 0);
}

enum { ROUNDS = 50000 };

static void *count_under_the_lock(void *arg)
{
    test_gate_wait(&gate);
    for (int i = 0; i < ROUNDS; i++) {
        th_rawlock_acquire(&lock);
        unsigned before = counter;
        __asm__ __volatile__("" ::: "memory");
        counter = before + 1;
        th_rawlock_release(&lock);
    }
    return arg;
}

TEST_LIMIT(rawlock, excludes_and_orders_the_sections_of_four_threads, 120)
{
    test_thread threads[4];
    for (size_t i = 0; i < LENGTH(threads); i++)
        test_spawn(&threads[i], count_under_the_lock, NULL);
    test_gate_await(&gate, LENGTH(threads));
    test_gate_open(&gate);
    for (size_t i = 0; i < LENGTH(threads); i++)
        test_join(&threads[i]);
    CHECK_EQ(counter, LENGTH(threads) * ROUNDS);
    CHECK_EQ(word_of(&lock), 0);
}

static void *count_once(void *arg)
{
    th_rawlock_acquire(&lock);
    counter++;
    th_rawlock_release(&lock);
    return arg;
}

TEST(rawlock, all_that_sleep_on_it_get_their_turn)
{
    test_thread threads[6];
    th_rawlock_acquire(&lock);
    for (size_t i = 0; i < LENGTH(threads); i++)
        test_spawn(&threads[i], count_once, NULL);
    for (size_t i = 0; i < LENGTH(threads); i++)
        test_wait_asleep(threads[i].tid);
    CHECK_EQ(counter, 0);
    th_rawlock_release(&lock);
    for (size_t i = 0; i < LENGTH(threads); i++)
        test_join(&threads[i]);
    CHECK_EQ(counter, LENGTH(threads));
    CHECK_EQ(word_of(&lock), 0);
}

static unsigned signals_handled; /* accessed atomically */

static void count_signal(int signo)
{
    (void)signo;
    __atomic_fetch_add(&signals_handled, 1, __ATOMIC_RELAXED);
}

static bool two_hundred_came(void *unused)
{
    (void)unused;
    return __atomic_load_n(&signals_handled, __ATOMIC_RELAXED) >= 200;
}

TEST(rawlock, signals_let_nobody_in)
{
    test_thread thread;
    test_signals storm;
    struct sigaction counting = {.sa_handler = count_signal};
    CHECK_EQ(sigaction(SIGUSR1, &counting, NULL), 0);
    th_rawlock_acquire(&lock);
    test_spawn(&thread, count_once, NULL);
    test_wait_asleep(thread.tid);
    test_send_signals(&storm, thread.handle, SIGUSR1, 20);
    test_wait_until(two_hundred_came, NULL);
    CHECK_EQ(counter, 0);
    test_stop_signals(&storm);
    th_rawlock_release(&lock);
    test_join(&thread);
    CHECK_EQ(counter, 1);
}
