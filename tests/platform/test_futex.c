/* SPDX-License-Identifier: MIT */
/** @file
 *  Futex: sleeps while the word is as expected, no longer than asked, and without errno. */
#include "platform/futex.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runner.h"

static uint32_t word; /* accessed atomically */

TEST(futex, a_word_that_differs_is_not_waited_on)
{
    word = 1;
    errno = 1234;
    th_futex_wait(&word, 0, THRUM_FOREVER);
    CHECK_EQ(errno, 1234);
}

TEST(futex, a_deadline_in_the_past_returns)
{
    const thrum_time deadlines[] = {INT64_MIN, -1, 0, 1, thrum_now()};
    for (int i = 0; i < 5; i++) {
        errno = 1234;
        th_futex_wait(&word, 0, deadlines[i]);
        CHECK_EQ(errno, 1234);
    }
}

TEST(futex, sleeps_until_its_deadline)
{
    int returns = 0;
    for (thrum_time deadline = thrum_after(0.02); thrum_now() < deadline; returns++)
        th_futex_wait(&word, 0, deadline);
    CHECK_LT(returns, 100); /* it may return early, but does not spin */
}

static void *wait_for_one(void *arg)
{
    const thrum_time *deadline = arg;
    errno = 1234;
    while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) == 0)
        th_futex_wait(&word, 0, *deadline);
    CHECK_EQ(errno, 1234);
    return NULL;
}

TEST(futex, a_sleeper_is_woken)
{
    thrum_time deadlines[] = {THRUM_FOREVER, THRUM_FOREVER - 1};
    for (int i = 0; i < 2; i++) {
        test_thread thread;
        word = 0;
        test_spawn(&thread, wait_for_one, &deadlines[i]);
        test_wait_asleep(thread.tid);
        __atomic_store_n(&word, 1, __ATOMIC_RELEASE);
        errno = 4321;
        th_futex_wake(&word);
        CHECK_EQ(errno, 4321);
        test_join(&thread);
    }
}

TEST(futex, every_wake_frees_one_of_several_sleepers)
{
    thrum_time deadline = THRUM_FOREVER;
    test_thread threads[4];
    for (int i = 0; i < 4; i++)
        test_spawn(&threads[i], wait_for_one, &deadline);
    for (int i = 0; i < 4; i++)
        test_wait_asleep(threads[i].tid);
    __atomic_store_n(&word, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < 4; i++)
        th_futex_wake(&word);
    for (int i = 0; i < 4; i++)
        test_join(&threads[i]);
}

TEST(futex, waking_nobody_does_nothing_even_where_the_word_is_gone)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint32_t *gone = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(gone != MAP_FAILED);
    CHECK_EQ(munmap(gone, page), 0);
    errno = 1234;
    th_futex_wake(&word);
    th_futex_wake(gone);
    CHECK_EQ(errno, 1234);
    CHECK_EQ(word, 0);
}
