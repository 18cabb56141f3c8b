/* SPDX-License-Identifier: MIT */
/** @file
 *  Restartable sequences: they free a word that is simple, leave any other as it is, never overlook
 *  a mark that stays, and are taken back. */
#include "platform/restart.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

#include "park/context.h"
#include "runner.h"
#include "thrum/restartable.h"

enum { ME = 16, QUEUED = THRUM_PRIVATE_QUEUED, MARK = 2, MARKS = 5000 };

static uint32_t word;

static void check_frees_simple_words(void)
{
    const uint32_t simple[][2] = {{ME, 0}, {ME | QUEUED, QUEUED}};
    for (int i = 0; i < 2; i++) {
        /* for no reason it may fail, but not always */
        do
            word = simple[i][0];
        while (!thrum_private_free_word(&word, ME));
        CHECK_EQ(word, simple[i][1]);
    }
    const uint32_t others[] = {0, QUEUED, ME | MARK, ME | MARK | QUEUED, 2 * ME, 2 * ME | QUEUED};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        word = others[i];
        CHECK(!thrum_private_free_word(&word, ME));
        CHECK_EQ(word, others[i]);
    }
}

TEST(restart, a_simple_word_is_freed_and_no_other)
{
    th_self();
    CHECK(thrum_private_sequence == th_restart_sequence());
    check_frees_simple_words();
    thrum_private_sequence = NULL;
    check_frees_simple_words();
}

/** Whether the C library and the kernel have what sequences need. */
static bool has_sequences(void)
{
#if defined(__x86_64__) && __has_include(<sys/rseq.h>)
    long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    return __rseq_size != 0 && commands > 0 &&
           (commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ) != 0;
#else
    return false;
#endif
}

TEST(restart, sequences_are_used_where_there_are_any)
{
    CHECK_EQ(th_restart_sequence() != NULL, has_sequences());
}

TEST(restart, a_sequence_is_taken_back)
{
    th_self();
    for (uint32_t i = 0; i < 4 && thrum_private_sequence != NULL; i++) {
        word = ME | i;
        thrum_private_free_word(&word, ME);
        CHECK_EQ(*thrum_private_sequence, 0);
    }
}

TEST(restart, errno_is_kept)
{
    errno = 1234;
    th_restart_others();
    CHECK_EQ(errno, 1234);
}

static bool stops;
static long marks_seen; /**< by the owner, each before it takes the mark away */

/** Own the word and free it, time and again; a mark is counted, then taken away. */
static void *own_and_free(void *arg)
{
    th_self();
    while (!__atomic_load_n(&stops, __ATOMIC_RELAXED)) {
        uint32_t seen = 0;
        if (!__atomic_compare_exchange_n(&word, &seen, ME, false, __ATOMIC_ACQUIRE,
                                         __ATOMIC_RELAXED) ||
            thrum_private_free_word(&word, ME))
            continue;
        seen = ME;
        if (__atomic_compare_exchange_n(&word, &seen, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            continue;
        CHECK_EQ(seen, ME | MARK);
        __atomic_fetch_add(&marks_seen, 1, __ATOMIC_RELEASE);
        __atomic_store_n(&word, 0, __ATOMIC_RELEASE);
    }
    return arg;
}

/** Mark the word while it is owned; whether the mark stays. */
static bool mark(void)
{
    uint32_t seen = ME;
    if (!__atomic_compare_exchange_n(&word, &seen, ME | MARK, false, __ATOMIC_RELAXED,
                                     __ATOMIC_RELAXED))
        return false;
    th_restart_others();
    return (__atomic_load_n(&word, __ATOMIC_RELAXED) & MARK) != 0 ||
           __atomic_load_n(&marks_seen, __ATOMIC_ACQUIRE) > 0;
}

static void check_no_mark_is_overlooked(void)
{
    test_thread owner;
    test_spawn(&owner, own_and_free, NULL);
    for (long i = 0; i < MARKS; i++) {
        while (!mark())
            continue;
        while ((__atomic_load_n(&word, __ATOMIC_ACQUIRE) & MARK) != 0)
            sched_yield();
        CHECK_EQ(__atomic_exchange_n(&marks_seen, 0, __ATOMIC_ACQUIRE), 1);
    }
    __atomic_store_n(&stops, true, __ATOMIC_RELAXED);
    test_join(&owner);
}

TEST(restart, no_mark_that_stays_is_overlooked)
{
    check_no_mark_is_overlooked();
}

/** A handler has sequences of its own. */
static void free_another_word(int number)
{
    uint32_t another = ME;
    (void)number;
    if (!thrum_private_free_word(&another, ME))
        CHECK_EQ(another, ME);
    else
        CHECK_EQ(another, 0);
}

TEST(restart, no_mark_is_overlooked_among_signals)
{
    struct sigaction action = {.sa_handler = free_another_word, .sa_flags = SA_RESTART};
    CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
    struct itimerval often = {{0, 100}, {0, 100}}, never = {{0, 0}, {0, 0}};
    CHECK_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
    check_no_mark_is_overlooked();
    CHECK_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
}
