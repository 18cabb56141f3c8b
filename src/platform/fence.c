/* SPDX-License-Identifier: MIT */
/** @file
 *  The dear half of an asymmetric fence.
 *
 *  Purpose     Let what is done for each item be stores and loads, at the cost of a system call for
 *              what is done once.
 *  State       One flag, set by a constructor before main: the kernel knows that we will ask.
 *  Protocol    membarrier interrupts the processors on which threads of this process run; a thread
 *              that does not run goes through a barrier when it is switched to.
 *  Without     An older kernel, valgrind, or a filter of system calls: who would fence others has
 *              to do without (src/flow/executor_map.c).
 *  Forbidden   A program that forbids itself membarrier after it has begun panics, since there is
 *              no other way to know what the others see (as in platform/restart.c). */
#include "platform/fence.h"

#include "platform/backend.h"
#include "platform/membarrier.h"

static bool is_registered;

TH_CONSTRUCTOR_SYSTEM static void enlist(void)
{
    is_registered = th_membarrier_register(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

bool th_can_fence_others(void)
{
    return is_registered;
}

void th_fence_others(void)
{
    th_membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED,
                  "membarrier was possible at first, and no more (seccomp?): maps need it");
}
