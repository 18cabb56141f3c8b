/* SPDX-License-Identifier: MIT */
/** @file
 *  The operating system's threads: create, name, number, reap; what belongs to one of them, and to
 *  the process they make up. Statuses are thrum's. */
#ifndef TH_PLATFORM_THREAD_H
#define TH_PLATFORM_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/backend.h"

/** The least stack a thread may ask for (Python's own limit). */
#define TH_STACK_BYTES_MIN ((size_t)32 * 1024)

/** Start a joinable thread. `stack_bytes` 0 means the system's default.
 *  Returns 0, THRUM_EAGAIN, THRUM_ENOMEM or THRUM_EINVAL (stack size). */
int th_thread_create(pthread_t *ret_thread, void *(*start)(void *), void *arg, size_t stack_bytes);

/** Whether `stack_bytes` can be a stack size: 0, or at least TH_STACK_BYTES_MIN. */
bool th_stack_bytes_valid(size_t stack_bytes);

/** Call `handler(arg)` if the thread ends, by pthread_exit or cancellation, before the
 *  th_cleanup_pop in the same block. With `execute` other than 0 the pop calls it as well. */
#define th_cleanup_push(handler, arg) pthread_cleanup_push(handler, arg)
#define th_cleanup_pop(execute) pthread_cleanup_pop(execute)

/** The calling thread. */
pthread_t th_thread_self(void);

/** Whether `thread` is the calling thread. */
bool th_thread_is_self(pthread_t thread);

/** Collect a thread that has said that it is ending; waits for its last few instructions only. Not
 *  a cancellation point: a cancelled collector would leave the thread behind. */
void th_thread_reap(pthread_t thread);

/** Let a thread collect itself when it ends. */
void th_thread_detach(pthread_t thread);

/** Show the first 15 bytes of `name`, cut at a whole UTF-8 character, in the system's tools. */
void th_thread_set_os_name(pthread_t thread, const char *name);

/** From now on the calling thread's sleeps end when they are meant to, rather than up to 50 us
 *  later, together with others'. Threads that it starts inherit that. */
void th_thread_set_exact_sleep(void);

/** The kernel's number of the calling thread. */
uint32_t th_native_id(void);

/** Whether the calling thread is the one that the process began with. */
bool th_is_first_thread(void);

/** How many threads the kernel counts in this process; 0 when it does not say. */
unsigned th_native_thread_count(void);

/** Never return, never run again: where an abandoned thread stops. */
_Noreturn void th_stop_for_good(void);

/** A pointer of each thread's own, NULL at first. */
typedef pthread_key_t th_key;

/** Make a key. A thread that ends with a pointer other than NULL passes it to `destructor`, with
 *  the key set to NULL. Returns 0, or THRUM_EAGAIN: the system has no more keys. */
int th_key_create(th_key *ret_key, void (*destructor)(void *value));

/** Set the calling thread's pointer. Where there is no memory, its destructor is not called. */
void th_key_set(th_key key, void *value);

/** Where another thread finds the calling thread's own variable at `address`. */
#if defined(TH_BACKEND_MODEL)
void *th_thread_local_address(void *address);
#else
static inline void *th_thread_local_address(void *address)
{
    return address;
}
#endif

/** Hold cancellation of the calling thread back; returns what th_cancel_restore wants. */
int th_cancel_disable(void);
void th_cancel_restore(int state);

/** Call `handler` when the process exits. Returns 0 or THRUM_ENOMEM. */
int th_at_exit(void (*handler)(void));

/** Call these around each fork: `before` and `after_parent` in the parent, `after_child` in the
 *  child. Returns 0 or THRUM_ENOMEM. */
int th_at_fork(void (*before)(void), void (*after_parent)(void), void (*after_child)(void));

/** The kernel's number of the process. */
int th_process_id(void);

#endif
