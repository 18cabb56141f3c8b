// SPDX-License-Identifier: MIT
/** @file
 *  Purpose. Stand between the objects of a test executable and the allocator (and pthread_create):
 *  know which allocations are alive, and make a chosen one fail.
 *
 *  How. The linker replaces each call of a function in wrap.txt, in objects linked statically, by a
 *  call of its __wrap_ twin here. Calls inside shared libraries, libc foremost, go past it. So a
 *  block may be freed here that was never seen, such as one from open_memstream; it is ignored.
 *
 *  State. An open-addressed table of live pointers with their size and caller, and counters.
 *
 *  Invariants. A slot is written by the thread that owns the block, between its allocation and its
 *  release, so slots need no lock. Every access is relaxed on purpose: an ordering here would give
 *  the program under test an ordering that it lacks without the runner, and hide its races from
 *  ThreadSanitizer.
 *
 *  Rejected. A header in front of each block: it would blunt AddressSanitizer's red zones. */
#define _GNU_SOURCE 1
#include "internal.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOT_COUNT ((size_t)1 << 17)
#define PROBE_MAX 2048
#define SLOT_FREE ((uintptr_t)0)
#define SLOT_GONE ((uintptr_t)1)

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_reallocarray(void *block, size_t count, size_t size);
void __real_free(void *block);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__real_memalign(size_t alignment, size_t size);
int __real_posix_memalign(void **ret_block, size_t alignment, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t length);
int __real_vasprintf(char **ret_text, const char *format, va_list args);
int __real_pthread_create(pthread_t *handle, const pthread_attr_t *attr, void *(*fn)(void *),
                          void *arg);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_reallocarray(void *block, size_t count, size_t size);
void __wrap_free(void *block);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_memalign(size_t alignment, size_t size);
int __wrap_posix_memalign(void **ret_block, size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);
int __wrap_vasprintf(char **ret_text, const char *format, va_list args);
int __wrap_asprintf(char **ret_text, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_pthread_create(pthread_t *handle, const pthread_attr_t *attr, void *(*fn)(void *),
                          void *arg);

/* One kind of call that can be made to fail. */
typedef struct injector {
    atomic_ulong calls;   /* Calls since the case started. */
    atomic_ulong fail_at; /* The call that fails, counted like `calls`; 0 for none. */
    atomic_bool and_later;
} injector;

static atomic_uintptr_t slots[SLOT_COUNT];
static atomic_uintptr_t callers[SLOT_COUNT];
static atomic_size_t sizes[SLOT_COUNT];
static atomic_long live;
static atomic_bool overflowed;
static injector allocation;
static injector creation;
static atomic_uint injected;

#define GET(word) atomic_load_explicit(&(word), memory_order_relaxed)
#define SET(word, value) atomic_store_explicit(&(word), (value), memory_order_relaxed)
#define ADD(word, value) atomic_fetch_add_explicit(&(word), (value), memory_order_relaxed)
#define CALLER ((uintptr_t)__builtin_return_address(0))

static size_t slot_of(uintptr_t block)
{
    return (size_t)(((uint64_t)block * UINT64_C(0x9e3779b97f4a7c15)) >> 40) % SLOT_COUNT;
}

static void enter(const void *block, size_t size, uintptr_t caller)
{
    if (block == NULL)
        return;
    size_t at = slot_of((uintptr_t)block);
    for (int probe = 0; probe < PROBE_MAX; probe++, at = (at + 1) % SLOT_COUNT) {
        uintptr_t seen = GET(slots[at]);
        if (seen > SLOT_GONE ||
            !atomic_compare_exchange_strong_explicit(&slots[at], &seen, (uintptr_t)block,
                                                     memory_order_relaxed, memory_order_relaxed))
            continue;
        SET(sizes[at], size);
        SET(callers[at], caller);
        ADD(live, 1);
        return;
    }
    SET(overflowed, true);
}

/* Take the block out of the table, before its address can be handed out again. */
static bool leave(const void *block, size_t *ret_size, uintptr_t *ret_caller)
{
    if (block == NULL)
        return false;
    size_t at = slot_of((uintptr_t)block);
    for (int probe = 0; probe < PROBE_MAX; probe++, at = (at + 1) % SLOT_COUNT) {
        uintptr_t seen = GET(slots[at]);
        if (seen == SLOT_FREE)
            return false;
        if (seen != (uintptr_t)block)
            continue;
        *ret_size = GET(sizes[at]);
        *ret_caller = GET(callers[at]);
        SET(slots[at], SLOT_GONE);
        ADD(live, -1);
        return true;
    }
    return false;
}

static bool must_fail(injector *one)
{
    unsigned long call = ADD(one->calls, 1) + 1;
    unsigned long fail_at = GET(one->fail_at);
    if (fail_at == 0 || call < fail_at || (call > fail_at && !GET(one->and_later)))
        return false;
    ADD(injected, 1);
    return true;
}

static bool allocation_fails(void)
{
    if (!must_fail(&allocation))
        return false;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size)
{
    void *block = allocation_fails() ? NULL : __real_malloc(size);
    enter(block, size, CALLER);
    return block;
}

void *__wrap_calloc(size_t count, size_t size)
{
    void *block = allocation_fails() ? NULL : __real_calloc(count, size);
    enter(block, count * size, CALLER);
    return block;
}

static void *resize(void *block, size_t count, size_t size, uintptr_t caller)
{
    size_t old_size;
    uintptr_t old_caller;
    bool known = leave(block, &old_size, &old_caller);
    void *moved = __real_reallocarray(block, count, size);
    if (moved != NULL)
        enter(moved, count * size, caller);
    else if (known && !(count == 0 || size == 0)) /* Size 0 has freed the block. */
        enter(block, old_size, old_caller);
    return moved;
}

void *__wrap_realloc(void *block, size_t size)
{
    return allocation_fails() ? NULL : resize(block, 1, size, CALLER);
}

void *__wrap_reallocarray(void *block, size_t count, size_t size)
{
    return allocation_fails() ? NULL : resize(block, count, size, CALLER);
}

void __wrap_free(void *block)
{
    size_t size;
    uintptr_t caller;
    leave(block, &size, &caller);
    __real_free(block);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    void *block = allocation_fails() ? NULL : __real_aligned_alloc(alignment, size);
    enter(block, size, CALLER);
    return block;
}

void *__wrap_memalign(size_t alignment, size_t size)
{
    void *block = allocation_fails() ? NULL : __real_memalign(alignment, size);
    enter(block, size, CALLER);
    return block;
}

int __wrap_posix_memalign(void **ret_block, size_t alignment, size_t size)
{
    if (must_fail(&allocation))
        return ENOMEM;
    int error = __real_posix_memalign(ret_block, alignment, size);
    if (error == 0)
        enter(*ret_block, size, CALLER);
    return error;
}

char *__wrap_strdup(const char *text)
{
    char *copy = allocation_fails() ? NULL : __real_strdup(text);
    enter(copy, copy != NULL ? strlen(copy) + 1 : 0, CALLER);
    return copy;
}

char *__wrap_strndup(const char *text, size_t length)
{
    char *copy = allocation_fails() ? NULL : __real_strndup(text, length);
    enter(copy, copy != NULL ? strlen(copy) + 1 : 0, CALLER);
    return copy;
}

static int print(char **ret_text, const char *format, va_list args, uintptr_t caller)
{
    if (allocation_fails())
        return -1;
    int length = __real_vasprintf(ret_text, format, args);
    if (length >= 0)
        enter(*ret_text, (size_t)length + 1, caller);
    return length;
}

int __wrap_vasprintf(char **ret_text, const char *format, va_list args)
{
    return print(ret_text, format, args, CALLER);
}

int __wrap_asprintf(char **ret_text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = print(ret_text, format, args, CALLER);
    va_end(args);
    return length;
}

int __wrap_pthread_create(pthread_t *handle, const pthread_attr_t *attr, void *(*fn)(void *),
                          void *arg)
{
    return must_fail(&creation) ? EAGAIN : __real_pthread_create(handle, attr, fn, arg);
}

int runner_thread_create(pthread_t *handle, void *(*fn)(void *), void *arg)
{
    return __real_pthread_create(handle, NULL, fn, arg);
}

static void arm(injector *one, unsigned n, bool and_later)
{
    SET(one->fail_at, 0);
    SET(one->and_later, and_later);
    if (n == 0)
        return;
    SET(injected, 0);
    SET(one->fail_at, GET(one->calls) + n);
}

void test_fail_allocation(unsigned n)
{
    arm(&allocation, n, false);
}

void test_fail_allocations_from(unsigned n)
{
    arm(&allocation, n, true);
}

void test_fail_thread_creation(unsigned n)
{
    arm(&creation, n, false);
}

void test_fail_thread_creations_from(unsigned n)
{
    arm(&creation, n, true);
}

unsigned long test_allocations(void)
{
    return GET(allocation.calls);
}

unsigned long test_thread_creations(void)
{
    return GET(creation.calls);
}

long test_live_allocations(void)
{
    return GET(live);
}

unsigned test_failures_injected(void)
{
    return GET(injected);
}

/* Bounds a sweep over code that never gets through its allocations. */
#define SWEEP_MAX 10000

bool test_sweep_next(test_sweep *sweep)
{
    if (sweep->n == 0)
        sweep->live = GET(live);
    sweep->arm(0);
    bool failed = GET(injected) > 0;
    long left = GET(live) - sweep->live;
    if (sweep->n > 0 && left > runner_allowed.allocations)
        test_fail(sweep->file, sweep->line, "%ld allocations leaked in the run where call %u %s",
                  left, sweep->n, failed ? "failed" : "would have failed");
    if (sweep->n > 0 && !failed)
        return false;
    if (sweep->n == SWEEP_MAX)
        test_fail(sweep->file, sweep->line, "the sweep does not end after %d runs", SWEEP_MAX);
    sweep->arm(++sweep->n);
    return true;
}

void test_sweep_end(test_sweep *sweep)
{
    sweep->arm(0);
}

void runner_memory_start(void)
{
    arm(&allocation, 0, false);
    arm(&creation, 0, false);
    SET(allocation.calls, 0);
    SET(creation.calls, 0);
    SET(injected, 0);
    SET(live, 0);
    for (size_t at = 0; at < SLOT_COUNT; at++) {
        if (GET(slots[at]) != SLOT_FREE)
            SET(slots[at], SLOT_FREE);
    }
}

/* Name the place of a call: "function at file:line" with addr2line's help, else an address. */
static void describe_caller(char *buffer, size_t size, uintptr_t caller)
{
    Dl_info info;
    struct link_map *map = NULL;
    char command[600];
    snprintf(buffer, size, "%#jx", (uintmax_t)caller);
    const void *address = (const void *)caller;
    if (dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) == 0 || map == NULL)
        return;
    const uintmax_t offset = (uintmax_t)caller - 1 - (uintmax_t)map->l_addr;
    snprintf(buffer, size, "%s+%#jx", info.dli_fname, offset);
    snprintf(command, sizeof command, "addr2line -sfpe '%s' %#jx 2>/dev/null", info.dli_fname,
             offset);
    FILE *pipe = popen(command, "re");
    if (pipe == NULL)
        return;
    char line[256] = "";
    if (fgets(line, sizeof line, pipe) != NULL && line[0] != '?') {
        line[strcspn(line, "\n")] = '\0';
        snprintf(buffer, size, "%s", line);
    }
    pclose(pipe);
}

void runner_memory_describe(char *buffer, size_t size)
{
    size_t used = (size_t)snprintf(buffer, size, "%ld allocations leaked%s", GET(live),
                                   GET(overflowed) ? " (and the table overflowed)" : "");
    int shown = 0;
    for (size_t at = 0; at < SLOT_COUNT && shown < 5 && used < size; at++) {
        if (GET(slots[at]) <= SLOT_GONE)
            continue;
        char place[400];
        describe_caller(place, sizeof place, GET(callers[at]));
        used += (size_t)snprintf(buffer + used, size - used, "\n  %zu bytes in %s", GET(sizes[at]),
                                 place);
        shown++;
    }
}
