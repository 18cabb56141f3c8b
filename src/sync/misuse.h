/* SPDX-License-Identifier: MIT */
/** @file
 *  Misuse: bugs of the caller that no status can answer. */
#ifndef TH_SYNC_MISUSE_H
#define TH_SYNC_MISUSE_H

#include <stdbool.h>

/** Call the misuse handler with a line of what happened, ending in who called and from where.
 *  Returns if the handler does; the default does not. */
void th_misuse(const void *object, const void *caller, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Call the misuse handler with a whole line. */
void th_misuse_line(const void *object, const char *line);

/** Call the misuse handler if the program has set one; false if it has not. */
bool th_misuse_tell(const void *object, const char *line);

/** The address to which the function that uses it returns. */
#define TH_CALLER __builtin_extract_return_addr(__builtin_return_address(0))

#endif
