/* SPDX-License-Identifier: MIT */
/** @file
 *  World.
 *
 *  Purpose     Start every execution from the same memory, at the same addresses, in microseconds.
 *  State       Three kinds of memory: the program's static variables, copied once and copied back;
 *              the thread-local block of the one kernel thread, of which every thread of an
 *              execution has a copy while it does not run; and a mapping of stacks and heaps.
 *  Protocol    A heap only grows and is never reused within an execution, so that a late access to
 *              freed memory is seen. Each thread has its own, so that addresses do not depend on
 *              who allocated first. The next execution begins with empty heaps, but for what
 *              constructors allocated.
 *  Rejected    A process for each execution: fork costs a hundred times an execution. */
#include "world.h"

#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "engine.h"
#include "instrumentation.h"

#define STACK_BYTES ((size_t)256 * 1024)
#define HEAP_BYTES ((size_t)1024 * 1024)
#define GUARD_BYTES ((size_t)4096)
#define BLOCKS_MAX 4096
#define HEADER_BYTES 16
#define MAPPED_AT ((void *)0x500000000000)

extern char __data_start[], _end[];
extern char __start_explorer_state[], __stop_explorer_state[];

typedef struct block {
    char *memory;
    size_t bytes;
    bool freed;
    bool is_pages;
} block;

typedef struct world_state {
    char *mapped; /**< stacks, heaps */
    char *thread_local_block;
    size_t thread_local_bytes;
    const char *thread_local_initial;
    size_t thread_local_initial_bytes;
    char *thread_local_copies; /**< MODEL_THREADS of them, and one of the moment remembered */
    char *data_copy;
    char *heap_copy;
    size_t heap_copied;
    size_t heap_used[MODEL_THREADS];
    block *blocks;
    uint32_t block_count, blocks_remembered;
} world_state;

STATE static world_state world;

static void *map(void *at, size_t bytes)
{
    void *memory =
        mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        perror("thrum-check: no memory for the explorer");
        exit(2);
    }
    return memory;
}

/** Find the thread-local block of the program itself: the first module. */
static int find_thread_local(struct dl_phdr_info *info, size_t bytes, void *unused)
{
    (void)bytes;
    (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_TLS)
            continue;
        world.thread_local_block = info->dlpi_tls_data;
        world.thread_local_bytes = header->p_memsz;
        world.thread_local_initial = (const char *)(info->dlpi_addr + header->p_vaddr);
        world.thread_local_initial_bytes = header->p_filesz;
    }
    return 1;
}

void world_open(void)
{
    if (world.mapped != NULL)
        return;
    world.mapped = map(MAPPED_AT, MODEL_THREADS * (STACK_BYTES + HEAP_BYTES));
    for (int i = 0; i < MODEL_THREADS; i++) /* a stack that overflows is a crash */
        mprotect(world.mapped + (size_t)i * STACK_BYTES, GUARD_BYTES, PROT_NONE);
    world.blocks = map(NULL, BLOCKS_MAX * sizeof(block));
    dl_iterate_phdr(find_thread_local, NULL);
    world.thread_local_copies = map(NULL, (MODEL_THREADS + 1) * world.thread_local_bytes + 1);
}

static size_t state_offset(void)
{
    return (size_t)(__start_explorer_state - __data_start);
}

static size_t state_end_offset(void)
{
    return (size_t)(__stop_explorer_state - __data_start);
}

region world_data(void)
{
    return (region){__data_start, (size_t)(_end - __data_start)};
}

region world_mapped(void)
{
    return (region){world.mapped, MODEL_THREADS * (STACK_BYTES + HEAP_BYTES)};
}

static char *heap_of(int number)
{
    return world.mapped + MODEL_THREADS * STACK_BYTES + (size_t)number * HEAP_BYTES;
}

static char *thread_local_copy(int number)
{
    return world.thread_local_copies + (size_t)number * world.thread_local_bytes;
}

void world_remember(void)
{
    size_t data_bytes = world_data().bytes;
    if (world.data_copy == NULL)
        world.data_copy = map(NULL, data_bytes);
    __real_memcpy(world.data_copy, __data_start, data_bytes);
    if (world.heap_copy == NULL)
        world.heap_copy = map(NULL, HEAP_BYTES);
    world.heap_copied = world.heap_used[0];
    __real_memcpy(world.heap_copy, heap_of(0), world.heap_copied);
    world.blocks_remembered = world.block_count;
    world_save_thread_local(MODEL_THREADS);
}

void world_rewind(void)
{
    size_t before = state_offset(), after = state_end_offset();
    __real_memcpy(__data_start, world.data_copy, before);
    __real_memcpy(__data_start + after, world.data_copy + after, world_data().bytes - after);
    __real_memcpy(heap_of(0), world.heap_copy, world.heap_copied);
    __real_memset(world.heap_used, 0, sizeof world.heap_used);
    world.heap_used[0] = world.heap_copied;
    world.block_count = world.blocks_remembered;
    world_load_thread_local(MODEL_THREADS);
}

/* ---- stacks and thread-local variables ---- */

char *world_stack_top(int number)
{
    return world.mapped + (size_t)(number + 1) * STACK_BYTES;
}

int world_stack_of(const void *address)
{
    size_t offset = (size_t)((const char *)address - world.mapped);
    return offset < MODEL_THREADS * STACK_BYTES ? (int)(offset / STACK_BYTES) : -1;
}

bool world_is_thread_local(const void *address)
{
    return (size_t)((const char *)address - world.thread_local_block) < world.thread_local_bytes;
}

void *world_thread_local_address(int number, void *address)
{
    return thread_local_copy(number) + ((char *)address - world.thread_local_block);
}

void world_save_thread_local(int number)
{
    __real_memcpy(thread_local_copy(number), world.thread_local_block, world.thread_local_bytes);
}

void world_load_thread_local(int number)
{
    __real_memcpy(world.thread_local_block, thread_local_copy(number), world.thread_local_bytes);
}

void world_begin_thread_local(int number)
{
    char *copy = thread_local_copy(number);
    __real_memset(copy, 0, world.thread_local_bytes);
    __real_memcpy(copy, world.thread_local_initial, world.thread_local_initial_bytes);
}

/* ---- heaps ---- */

static void *allocate(int number, size_t bytes, bool is_pages)
{
    world_open();
    size_t whole = (bytes + HEADER_BYTES + 15) & ~(size_t)15;
    if (bytes > HEAP_BYTES || whole > HEAP_BYTES - world.heap_used[number] ||
        world.block_count == BLOCKS_MAX)
        return NULL;
    char *start = heap_of(number) + world.heap_used[number];
    world.heap_used[number] += whole;
    __real_memset(start, 0, whole);
    block *added = &world.blocks[world.block_count];
    *added = (block){start + HEADER_BYTES, bytes, false, is_pages};
    __real_memcpy(start, &world.block_count, sizeof world.block_count);
    world.block_count++;
    return added->memory;
}

void *world_allocate(int number, size_t bytes)
{
    return allocate(number, bytes, false);
}

void *world_allocate_pages(int number, size_t bytes)
{
    return allocate(number, bytes, true);
}

bool world_is_heap(const void *address)
{
    size_t offset = (size_t)((const char *)address - world.mapped);
    return world.mapped != NULL && offset >= MODEL_THREADS * STACK_BYTES &&
           offset < MODEL_THREADS * (STACK_BYTES + HEAP_BYTES);
}

static block *block_of(void *memory)
{
    uint32_t number;
    if (!world_is_heap(memory))
        return NULL;
    __real_memcpy(&number, (char *)memory - HEADER_BYTES, sizeof number);
    if (number >= world.block_count || world.blocks[number].memory != memory)
        return NULL;
    return &world.blocks[number];
}

bool world_free(void *memory, size_t *ret_bytes)
{
    block *freed = block_of(memory);
    if (freed == NULL || freed->freed)
        return false;
    freed->freed = true;
    *ret_bytes = freed->bytes;
    return true;
}

size_t world_size_of(void *memory)
{
    const block *one = block_of(memory);
    return one != NULL ? one->bytes : 0;
}

bool world_is_freed(void *memory)
{
    const block *one = block_of(memory);
    return one != NULL && one->freed;
}

void *world_find_leak(size_t *ret_bytes, size_t *ret_blocks)
{
    void *first = NULL;
    *ret_bytes = *ret_blocks = 0;
    for (uint32_t i = world.blocks_remembered; i < world.block_count; i++) {
        const block *one = &world.blocks[i];
        if (one->freed || one->is_pages)
            continue;
        if (first == NULL)
            first = one->memory;
        *ret_bytes += one->bytes;
        (*ret_blocks)++;
    }
    return first;
}
