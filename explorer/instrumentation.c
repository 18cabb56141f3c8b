/* SPDX-License-Identifier: MIT */
/** @file
 *  Instrumentation.
 *
 *  Purpose     The functions that a compiler calls for every access of code compiled with
 *              -fsanitize=thread. Such code, thrum's and the program's, is linked with these in
 *              place of ThreadSanitizer's: so the explorer sees every atomic operation with its
 *              order, and every plain access, of sources that know nothing of it.
 *  Protocol    Outside executions, and for thread-local variables, the operation is done at once;
 *              otherwise memory.c does it.
 *  Rejected    Shims in the sources: the fast paths of the public headers and the program's own
 *              atomics would escape, and every plain access would have to be marked by hand. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine.h"
#include "instrumentation.h"
#include "memory.h"
#include "report.h"
#include "world.h"

#define HERE __builtin_return_address(0)

STATE static bool program_seen;

bool instrumentation_covers_program(void)
{
    return program_seen;
}

/** Every file so compiled calls this before main. */
void __tsan_init(void)
{
    if (!instrumentation_is_library(HERE))
        program_seen = true;
}

/* ---- functions ---- */

extern const char __start_thrum_text[] __attribute__((weak)),
    __stop_thrum_text[] __attribute__((weak));

bool instrumentation_is_library(const void *pc)
{
    return (const char *)pc >= __start_thrum_text && (const char *)pc < __stop_thrum_text;
}

/** Where a program calls the library, or is called by it, others may run first. */
void __tsan_func_entry(void *caller)
{
    if (!engine.running || !engine.options.library_is_atomic)
        return;
    report_enter(caller);
    bool into = instrumentation_is_library(HERE), from = instrumentation_is_library(caller);
    if (into == from)
        return;
    engine_point(true);
    if (into)
        report_call(HERE, caller);
}

void __tsan_func_exit(void)
{
    if (engine.running && engine.options.library_is_atomic)
        report_leave();
}

/* ---- plain accesses ---- */

#define PLAIN(bytes)                                                                               \
    void __tsan_read##bytes(void *address)                                                         \
    {                                                                                              \
        memory_plain(address, bytes, false, HERE);                                                 \
    }                                                                                              \
    void __tsan_write##bytes(void *address)                                                        \
    {                                                                                              \
        memory_plain(address, bytes, true, HERE);                                                  \
    }                                                                                              \
    void __tsan_unaligned_read##bytes(void *address)                                               \
    {                                                                                              \
        memory_plain(address, bytes, false, HERE);                                                 \
    }                                                                                              \
    void __tsan_unaligned_write##bytes(void *address)                                              \
    {                                                                                              \
        memory_plain(address, bytes, true, HERE);                                                  \
    }                                                                                              \
    void __tsan_volatile_read##bytes(void *address)                                                \
    {                                                                                              \
        memory_plain(address, bytes, false, HERE);                                                 \
    }                                                                                              \
    void __tsan_volatile_write##bytes(void *address)                                               \
    {                                                                                              \
        memory_plain(address, bytes, true, HERE);                                                  \
    }                                                                                              \
    void __tsan_read_write##bytes(void *address)                                                   \
    {                                                                                              \
        memory_plain(address, bytes, false, HERE);                                                 \
        memory_plain(address, bytes, true, HERE);                                                  \
    }

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void __tsan_read_range(void *address, unsigned long bytes)
{
    memory_plain(address, bytes, false, HERE);
}

void __tsan_write_range(void *address, unsigned long bytes)
{
    memory_plain(address, bytes, true, HERE);
}

void __tsan_vptr_update(void **address, void *unused)
{
    (void)unused;
    memory_plain(address, sizeof *address, true, HERE);
}

void __tsan_vptr_read(void **address)
{
    memory_plain(address, sizeof *address, false, HERE);
}

/* ---- copies: clang's calls say that they are watched, gcc's are sent here by the linker ---- */

void *__wrap_memcpy(void *to, const void *from, size_t bytes)
{
    memory_plain(from, bytes, false, HERE);
    memory_plain(to, bytes, true, HERE);
    return __real_memcpy(to, from, bytes);
}

void *__wrap_memmove(void *to, const void *from, size_t bytes)
{
    memory_plain(from, bytes, false, HERE);
    memory_plain(to, bytes, true, HERE);
    return __real_memmove(to, from, bytes);
}

void *__wrap_memset(void *to, int byte, size_t bytes)
{
    memory_plain(to, bytes, true, HERE);
    return __real_memset(to, byte, bytes);
}

void *__tsan_memcpy(void *to, const void *from, size_t bytes)
    __attribute__((alias("__wrap_memcpy")));
void *__tsan_memmove(void *to, const void *from, size_t bytes)
    __attribute__((alias("__wrap_memmove")));
void *__tsan_memset(void *to, int byte, size_t bytes) __attribute__((alias("__wrap_memset")));

/* ---- atomic operations ---- */

static uint64_t change_swap(uint64_t value, uint64_t operand)
{
    (void)value;
    return operand;
}

static uint64_t change_add(uint64_t value, uint64_t operand)
{
    return value + operand;
}

static uint64_t change_sub(uint64_t value, uint64_t operand)
{
    return value - operand;
}

static uint64_t change_and(uint64_t value, uint64_t operand)
{
    return value & operand;
}

static uint64_t change_or(uint64_t value, uint64_t operand)
{
    return value | operand;
}

static uint64_t change_xor(uint64_t value, uint64_t operand)
{
    return value ^ operand;
}

static uint64_t change_nand(uint64_t value, uint64_t operand)
{
    return ~(value & operand);
}

/** Operations on thread-local words are done at once, but a signal may arrive before. */
static bool is_watched(const void *address)
{
    if (memory_is_watched(address))
        return true;
    engine_signal_point();
    return false;
}

#define MODIFY(bits, name, change, native)                                                         \
    uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t *at,                       \
                                                uint##bits##_t operand, int order)                 \
    {                                                                                              \
        if (!is_watched((void *)at))                                                               \
            return native;                                                                         \
        return (uint##bits##_t)memory_modify((void *)at, bits / 8, change, operand, order, HERE);  \
    }

#define COMPARE_EXCHANGE(bits, strength)                                                           \
    int __tsan_atomic##bits##_compare_exchange_##strength(                                         \
        volatile uint##bits##_t *at, uint##bits##_t *expected, uint##bits##_t desired, int order,  \
        int failure_order)                                                                         \
    {                                                                                              \
        uint##bits##_t wanted = *expected;                                                         \
        bool watched = is_watched((void *)at); /* a handler may run in here */                     \
        uint##bits##_t before = *at;                                                               \
        if (watched)                                                                               \
            before = (uint##bits##_t)memory_exchange_if((void *)at, bits / 8, wanted, desired,     \
                                                        order, failure_order, HERE);               \
        else if (before == wanted)                                                                 \
            *at = desired;                                                                         \
        *expected = before;                                                                        \
        return before == wanted;                                                                   \
    }

#define ATOMIC(bits)                                                                               \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *at, int order)        \
    {                                                                                              \
        if (!is_watched((const void *)at))                                                         \
            return *at;                                                                            \
        return (uint##bits##_t)memory_load((const void *)at, bits / 8, order, HERE);               \
    }                                                                                              \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *at, uint##bits##_t value, int order) \
    {                                                                                              \
        if (!is_watched((void *)at))                                                               \
            *at = value;                                                                           \
        else                                                                                       \
            memory_store((void *)at, bits / 8, value, order, HERE);                                \
    }                                                                                              \
    MODIFY(bits, exchange, change_swap, __atomic_exchange_n(at, operand, __ATOMIC_SEQ_CST))        \
    MODIFY(bits, fetch_add, change_add, __atomic_fetch_add(at, operand, __ATOMIC_SEQ_CST))         \
    MODIFY(bits, fetch_sub, change_sub, __atomic_fetch_sub(at, operand, __ATOMIC_SEQ_CST))         \
    MODIFY(bits, fetch_and, change_and, __atomic_fetch_and(at, operand, __ATOMIC_SEQ_CST))         \
    MODIFY(bits, fetch_or, change_or, __atomic_fetch_or(at, operand, __ATOMIC_SEQ_CST))            \
    MODIFY(bits, fetch_xor, change_xor, __atomic_fetch_xor(at, operand, __ATOMIC_SEQ_CST))         \
    MODIFY(bits, fetch_nand, change_nand, __atomic_fetch_nand(at, operand, __ATOMIC_SEQ_CST))      \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                                     \
        volatile uint##bits##_t *at, uint##bits##_t expected, uint##bits##_t desired, int order,   \
        int failure_order)                                                                         \
    {                                                                                              \
        if (is_watched((void *)at))                                                                \
            return (uint##bits##_t)memory_exchange_if((void *)at, bits / 8, expected, desired,     \
                                                      order, failure_order, HERE);                 \
        uint##bits##_t before = *at;                                                               \
        if (before == expected)                                                                    \
            *at = desired;                                                                         \
        return before;                                                                             \
    }                                                                                              \
    COMPARE_EXCHANGE(bits, strong)                                                                 \
    COMPARE_EXCHANGE(bits, weak)

ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

void __tsan_atomic_thread_fence(int order)
{
    if (engine.running)
        memory_fence(order);
}

void __tsan_atomic_signal_fence(int order)
{
    (void)order;
}
