/* SPDX-License-Identifier: MIT */
/** @file
 *  Memory: the only place that allocates. */
#ifndef TH_PLATFORM_MEMORY_H
#define TH_PLATFORM_MEMORY_H

#include <stddef.h>

/** `bytes` zeroed, or NULL. */
void *th_alloc(size_t bytes);

/** Give back what th_alloc gave; NULL does nothing. */
void th_free(void *memory);

/** A copy of `text` to be freed with th_free, or NULL. */
char *th_copy_string(const char *text);

/** Whole pages, zeroed, that are never given back; NULL when there are none. Async-signal-safe. */
void *th_pages(size_t bytes);

#endif
