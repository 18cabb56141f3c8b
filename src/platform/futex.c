/* SPDX-License-Identifier: MIT */
/** @file
 *  Futex.
 *
 *  Purpose     Two system calls, with the library's idea of time and without errno.
 *  Protocol    FUTEX_WAIT_BITSET takes an absolute deadline on the monotonic clock, so a signal
 *              that interrupts the wait does not lengthen it. Every reason to return (woken, word
 *              changed, signal, deadline) looks the same to the caller, which has to look anyway.
 *  Rejected    futex_waitv and FUTEX_REQUEUE: queues are ours (src/park/table.c), the kernel only
 *              ever knows one sleeper per word. */
#include "platform/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "platform/chaos.h"
#include "platform/fault.h"

#define NS_PER_S 1000000000

static void sleep_on(const uint32_t *word, uint32_t expected, thrum_time deadline, int operation)
{
    if (th_fault(TH_FAULT_FUTEX) || th_chaos_cuts_wait(&deadline))
        return;
    int saved = errno;
    struct timespec until = {0, 0};
    const struct timespec *until_or_never = NULL;
    if (deadline != THRUM_FOREVER) {
        if (deadline > 0) {
            until.tv_sec = (time_t)(deadline / NS_PER_S);
            until.tv_nsec = (long)(deadline % NS_PER_S);
        }
        until_or_never = &until;
    }
    syscall(SYS_futex, word, operation, expected, until_or_never, NULL, FUTEX_BITSET_MATCH_ANY);
    errno = saved;
}

static void wake_on(const uint32_t *word, int operation)
{
    int saved = errno;
    syscall(SYS_futex, word, operation, 1, NULL, NULL, 0);
    errno = saved;
}

void th_futex_wait(const uint32_t *word, uint32_t expected, thrum_time deadline)
{
    sleep_on(word, expected, deadline, FUTEX_WAIT_BITSET_PRIVATE);
}

void th_futex_wake(const uint32_t *word)
{
    wake_on(word, FUTEX_WAKE_PRIVATE);
}

void th_futex_wait_shared(const uint32_t *word, uint32_t expected, thrum_time deadline)
{
    sleep_on(word, expected, deadline, FUTEX_WAIT_BITSET);
}

void th_futex_wake_shared(const uint32_t *word)
{
    wake_on(word, FUTEX_WAKE);
}
