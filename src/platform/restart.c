/* SPDX-License-Identifier: MIT */
/** @file
 *  Restartable sequences.
 *
 *  Purpose     Let the release of a lock be a plain store (thrum/restartable.h), at the cost of a
 *              system call for who queues.
 *  State       One flag, set by a constructor before main: the kernel restarts sequences for us.
 *  Protocol    glibc registers every thread with the kernel and says where; membarrier interrupts
 *              the processors on which threads of this process run.
 *  Without     An older kernel or C library, another processor, valgrind,
 *              GLIBC_TUNABLES=glibc.pthread.rseq=0: then no thread has a sequence, and locks are
 *              released by compare-exchange.
 *  Forbidden   A program that forbids itself membarrier after it has begun (seccomp) cannot queue
 *              for a lock: there is no other way to know what the holder sees, so it panics. */
#include "platform/restart.h"

#include <stdbool.h>
#include <stddef.h>

#include "platform/backend.h"
#include "platform/membarrier.h"

/* Where thrum/restartable.h has sequences, if the C library registers threads for them. */
#if defined(__x86_64__) && defined(__LP64__) && defined(__has_include)
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#define HAS_RSEQ 1
#endif
#endif

#if defined(HAS_RSEQ)
static bool restarts;

TH_CONSTRUCTOR_SYSTEM static void enlist(void)
{
    restarts =
        __rseq_size != 0 && th_membarrier_register(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ);
}
#endif

uint64_t *th_restart_sequence(void)
{
#if defined(HAS_RSEQ)
    if (restarts) {
        char *area = (char *)__builtin_thread_pointer() + __rseq_offset;
        return (uint64_t *)(void *)(area + offsetof(struct rseq, rseq_cs));
    }
#endif
    return NULL;
}

void th_restart_others(void)
{
#if defined(HAS_RSEQ)
    if (restarts)
        th_membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ,
                      "membarrier was possible at first, and no more (seccomp?): locks need it, "
                      "unless GLIBC_TUNABLES=glibc.pthread.rseq=0");
#endif
}
