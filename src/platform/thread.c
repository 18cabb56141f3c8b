/* SPDX-License-Identifier: MIT */
/** @file
 *  The operating system's threads.
 *
 *  Purpose     A thin face over pthreads: statuses instead of errno values, names that fit.
 *  Invariants  th_thread_reap is called once per thread, and only after the thread has announced
 *              its end, so the pthread_join in it is not a wait that a deadline could be asked for.
 */
#include "platform/thread.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/chaos.h"
#include "platform/fault.h"
#include "thrum/status.h"

#define OS_NAME_BYTES 16
#define STACK_BYTES_MAX ((size_t)1 << 46)

bool th_stack_bytes_valid(size_t stack_bytes)
{
    return stack_bytes == 0 || (stack_bytes >= TH_STACK_BYTES_MIN && stack_bytes < STACK_BYTES_MAX);
}

static size_t whole_pages(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) / page * page;
}

int th_thread_create(pthread_t *ret_thread, void *(*start)(void *), void *arg, size_t stack_bytes)
{
    if (!th_stack_bytes_valid(stack_bytes))
        return THRUM_EINVAL;
    if (th_fault(TH_FAULT_THREAD))
        return THRUM_EAGAIN;
    pthread_attr_t attributes;
    pthread_attr_t *attributes_or_default = NULL;
    if (stack_bytes != 0) {
        if (pthread_attr_init(&attributes) != 0)
            return THRUM_ENOMEM;
        attributes_or_default = &attributes;
        int error = pthread_attr_setstacksize(&attributes, whole_pages(stack_bytes));
        if (error != 0) {
            pthread_attr_destroy(&attributes);
            return THRUM_EINVAL;
        }
    }
    int error = pthread_create(ret_thread, attributes_or_default, start, arg);
    if (attributes_or_default != NULL)
        pthread_attr_destroy(&attributes);
    th_chaos_after_create();
    return error == 0 ? 0 : error == ENOMEM ? THRUM_ENOMEM : THRUM_EAGAIN;
}

pthread_t th_thread_self(void)
{
    return pthread_self();
}

bool th_thread_is_self(pthread_t thread)
{
    return pthread_equal(thread, pthread_self()) != 0;
}

void th_thread_reap(pthread_t thread)
{
    int state = th_cancel_disable();
    pthread_join(thread, NULL);
    th_cancel_restore(state);
}

void th_thread_detach(pthread_t thread)
{
    pthread_detach(thread);
}

void th_thread_set_os_name(pthread_t thread, const char *name)
{
    char cut[OS_NAME_BYTES];
    size_t bytes = strlen(name);
    if (bytes > sizeof cut - 1) {
        bytes = sizeof cut - 1;
        while (bytes > 0 && ((unsigned char)name[bytes] & 0xC0) == 0x80)
            bytes--;
    }
    memcpy(cut, name, bytes);
    cut[bytes] = '\0';
    pthread_setname_np(thread, cut);
}

void th_thread_set_exact_sleep(void)
{
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

uint32_t th_native_id(void)
{
    return (uint32_t)syscall(SYS_gettid);
}

bool th_is_first_thread(void)
{
    return th_native_id() == (uint32_t)th_process_id();
}

unsigned th_native_thread_count(void)
{
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL)
        return 0;
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

void th_stop_for_good(void)
{
    for (;;)
        pause();
}

int th_key_create(th_key *ret_key, void (*destructor)(void *value))
{
    return pthread_key_create(ret_key, destructor) == 0 ? 0 : THRUM_EAGAIN;
}

void th_key_set(th_key key, void *value)
{
    pthread_setspecific(key, value);
}

int th_cancel_disable(void)
{
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    return state;
}

void th_cancel_restore(int state)
{
    pthread_setcancelstate(state, NULL);
}

int th_at_exit(void (*handler)(void))
{
    return atexit(handler) == 0 ? 0 : THRUM_ENOMEM;
}

int th_at_fork(void (*before)(void), void (*after_parent)(void), void (*after_child)(void))
{
    return pthread_atfork(before, after_parent, after_child) == 0 ? 0 : THRUM_ENOMEM;
}

int th_process_id(void)
{
    return getpid();
}
