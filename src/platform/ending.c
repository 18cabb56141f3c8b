/* SPDX-License-Identifier: MIT */
/** @file
 *  The end of an OS thread, as the kernel tells it.
 *
 *  Purpose     What pthread_join does, but with a deadline on our clock, and so that another thread
 *              can end the wait.
 *  State       How far behind its pthread_t the word lies in which the kernel keeps a thread's
 *              number until it has ended, and then 0. The same for all threads; learned once, by a
 *              constructor, and only believed if the word shows the number of who asks.
 *  Protocol    glibc has the kernel clear that word and wake who sleeps on it (clone and
 *              CLONE_CHILD_CLEARTID, set_tid_address), and its own pthread_join sleeps on it. The
 *              word's memory stays until the thread is collected. That wake-up is not private to
 *              the process, so the sleep is not either.
 *  Without     Another C library, or a kernel without PR_GET_TID_ADDRESS: joiners park instead, as
 *              src/thread/thread.c says.
 *  Rejected    pthread_clockjoin_np: nobody can end it before its time. Waking the joiner from the
 *              thread's last steps in our code: then it sleeps twice, for those and in
 *              pthread_join; and on a busy processor it takes the place of the thread that it then
 *              waits for, which comes back milliseconds later. */
#include "platform/ending.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>

#include "platform/backend.h"
#include "platform/futex.h"
#include "platform/thread.h"

#define DISTANCE_MAX 4096

/** Card: 0: not known; by the constructor, then constant. */
static uintptr_t distance;

/** A call of its own, which no compiler looks into, and ThreadSanitizer neither. */
#if defined(__clang__)
#define UNWATCHED __attribute__((noinline, no_sanitize("thread")))
#else
#define UNWATCHED __attribute__((noipa, no_sanitize("thread")))
#endif

/** What the word says now. Unwatched, since ThreadSanitizer takes the birth of a thread for a write
 *  to all that lies beside its stack. It asks for no order: the registry's lock, which the thread
 *  has had before it ended, gives it. */
static UNWATCHED uint32_t number_in(const uint32_t *word)
{
    return *word;
}

TH_CONSTRUCTOR_SYSTEM static void find_word(void)
{
    const uint32_t *word = NULL;
    if (sizeof word != sizeof(uint64_t) || prctl(PR_GET_TID_ADDRESS, &word, 0UL, 0UL, 0UL) != 0)
        return;
    uintptr_t behind = (uintptr_t)word - (uintptr_t)th_thread_self();
    if (behind < DISTANCE_MAX && number_in(word) == th_native_id())
        distance = behind;
}

/** Card: the thread's number, then 0; by the kernel. */
static uint32_t *word_of(pthread_t thread)
{
    return (uint32_t *)((uintptr_t)thread + distance);
}

bool th_endings_are_told(void)
{
    return distance != 0;
}

bool th_ending_await(pthread_t thread, thrum_time deadline)
{
    const uint32_t *word = word_of(thread);
    uint32_t number = number_in(word);
    if (number == 0)
        return true;
    th_futex_wait_shared(word, number, deadline);
    return number_in(word) == 0;
}

void th_ending_rouse(pthread_t thread)
{
    th_futex_wake_shared(word_of(thread));
}
