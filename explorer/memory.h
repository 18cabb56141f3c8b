/* SPDX-License-Identifier: MIT */
/** @file
 *  Memory: what atomic operations read under C11's rules, and which plain accesses race. */
#ifndef TH_EXPLORER_MEMORY_H
#define TH_EXPLORER_MEMORY_H

#include "engine.h"

/** Whether the explorer watches this address: static data, model heap, model stacks. */
bool memory_is_watched(const void *address);

void memory_open(void);
/** Forget what the last execution did. */
void memory_begin(void);

void memory_plain(const void *address, size_t bytes, bool write, const void *pc);

uint64_t memory_load(const void *address, unsigned bytes, int order, const void *pc);
void memory_store(void *address, unsigned bytes, uint64_t value, int order, const void *pc);
/** Replace the value by `change(value, operand)`; returns the one before. */
uint64_t memory_modify(void *address, unsigned bytes, uint64_t (*change)(uint64_t, uint64_t),
                       uint64_t operand, int order, const void *pc);
/** Compare and exchange; returns what was there. */
uint64_t memory_exchange_if(void *address, unsigned bytes, uint64_t expected, uint64_t desired,
                            int order, int failure_order, const void *pc);
void memory_fence(int order);

/** A restartable sequence: load a value and store what `change` makes of it and of the operand, a
 *  release, with others in between. False: not stored, since `change` has said no, or since another
 *  thread has come to engine_restart_others in between, or for nothing. */
bool memory_store_restartable(void *address, unsigned bytes,
                              bool (*change)(uint64_t *value, uint64_t operand), uint64_t operand,
                              const void *pc);

/** The latest value, without an event. */
uint64_t memory_peek(const void *address, unsigned bytes);

/** Freed memory is not to be touched; allocated memory is new. */
void memory_freed(void *address, size_t bytes);
void memory_allocated(void *address, size_t bytes, bool pages);

#endif
