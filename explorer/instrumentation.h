/* SPDX-License-Identifier: MIT */
/** @file
 *  Instrumentation: what compilers call; see instrumentation.c. */
#ifndef TH_EXPLORER_INSTRUMENTATION_H
#define TH_EXPLORER_INSTRUMENTATION_H

#include <stdbool.h>
#include <stddef.h>

/** Whether files other than the library's own were compiled with -fsanitize=thread. */
bool instrumentation_covers_program(void);

/** Whether `pc` is in thrum's own code, as a program is linked with it. */
bool instrumentation_is_library(const void *pc);

/** The C library's, for the explorer itself: by their own names the linker sends all calls to
 *  instrumentation.c. */
void *__real_memcpy(void *to, const void *from, size_t bytes);
void *__real_memmove(void *to, const void *from, size_t bytes);
void *__real_memset(void *to, int byte, size_t bytes);

#endif
