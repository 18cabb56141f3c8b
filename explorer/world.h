/* SPDX-License-Identifier: MIT */
/** @file
 *  World: the memory of an execution, set back before the next. */
#ifndef TH_EXPLORER_WORLD_H
#define TH_EXPLORER_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A region of memory that is watched. */
typedef struct region {
    char *first;
    size_t bytes;
} region;

/** Map stacks and heaps; does nothing the second time. */
void world_open(void);
/** From now on world_rewind returns to this moment. */
void world_remember(void);
void world_rewind(void);

region world_data(void);   /**< static variables of the program */
region world_mapped(void); /**< stacks, then heaps */

/** The highest address of a thread's stack. */
char *world_stack_top(int number);
/** Whose stack `address` is in, or -1. */
int world_stack_of(const void *address);
bool world_is_thread_local(const void *address);
/** Another thread's copy of a thread-local variable, valid while that thread does not run. */
void *world_thread_local_address(int number, void *address);
void world_save_thread_local(int number);
void world_load_thread_local(int number);
void world_begin_thread_local(int number);

/** Memory from the heap of thread `number`, zeroed, never used before in this execution; NULL: no
 *  room. */
void *world_allocate(int number, size_t bytes);
/** False: no such block, or freed before. */
bool world_free(void *memory, size_t *ret_bytes);
size_t world_size_of(void *memory);
/** Whether it was a block. */
bool world_is_freed(void *memory);
/** A block that was not freed, or NULL. */
void *world_find_leak(size_t *ret_bytes, size_t *ret_blocks);
/** A block of pages that are never given back. */
void *world_allocate_pages(int number, size_t bytes);
bool world_is_heap(const void *address);

#endif
