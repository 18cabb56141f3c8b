/* SPDX-License-Identifier: MIT */
/** @file
 *  The operating system's threads: create, name, number, reap. Statuses are thrum's. */
#ifndef TH_PLATFORM_THREAD_H
#define TH_PLATFORM_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The least stack a thread may ask for (Python's own limit). */
#define TH_STACK_BYTES_MIN ((size_t)32 * 1024)

/** Start a joinable thread. `stack_bytes` 0 means the system's default.
 *  Returns 0, THRUM_EAGAIN, THRUM_ENOMEM or THRUM_EINVAL (stack size). */
int th_thread_create(pthread_t *ret_thread, void *(*start)(void *), void *arg, size_t stack_bytes);

/** Whether `stack_bytes` can be a stack size: 0, or at least TH_STACK_BYTES_MIN. */
bool th_stack_bytes_valid(size_t stack_bytes);

/** Collect a thread that has said that it is ending; waits for its last few instructions only. */
void th_thread_reap(pthread_t thread);

/** Let a thread collect itself when it ends. */
void th_thread_detach(pthread_t thread);

/** Show the first 15 bytes of `name`, cut at a whole UTF-8 character, in the system's tools. */
void th_thread_set_os_name(pthread_t thread, const char *name);

/** The kernel's number of the calling thread. */
uint32_t th_native_id(void);

/** How many threads the kernel counts in this process; 0 when it does not say. */
unsigned th_native_thread_count(void);

/** Never return, never run again: where an abandoned thread stops. */
_Noreturn void th_stop_for_good(void);

#endif
