/* SPDX-License-Identifier: MIT */
/** @file
 *  Instrumentation: what compilers call; see instrumentation.c. */
#ifndef TH_EXPLORER_INSTRUMENTATION_H
#define TH_EXPLORER_INSTRUMENTATION_H

#include <stdbool.h>

/** Whether files other than the library's own were compiled with -fsanitize=thread. */
bool instrumentation_covers_program(void);

/** Whether `pc` is in thrum's own code, as a program is linked with it. */
bool instrumentation_is_library(const void *pc);

#endif
