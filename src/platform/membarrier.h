/* SPDX-License-Identifier: MIT */
/** @file
 *  The system call membarrier, for restart.c and fence.c. */
#ifndef TH_PLATFORM_MEMBARRIER_H
#define TH_PLATFORM_MEMBARRIER_H

#include <errno.h>
#include <linux/membarrier.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/panic.h"

/** Ask for a command's registration; false: the kernel does not have it, or may not be asked. */
static inline bool th_membarrier_register(int registration)
{
    return syscall(SYS_membarrier, registration, 0, 0) == 0;
}

/** Carry out a registered command. A program that has forbidden it meanwhile ends with `panic`. */
static inline void th_membarrier(int command, const char *panic)
{
    int saved = errno;
    if (syscall(SYS_membarrier, command, 0, 0) != 0)
        th_panic("%s", panic);
    errno = saved;
}

#endif
