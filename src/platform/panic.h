/* SPDX-License-Identifier: MIT */
/** @file
 *  Panic: what cannot be answered with a status. And the writer every report uses. */
#ifndef TH_PLATFORM_PANIC_H
#define TH_PLATFORM_PANIC_H

#include <stdbool.h>
#include <stddef.h>

/** Write `text` to `file`, all of it, also when signals interrupt it; false: errno says why not.
 *  Async-signal-safe. */
bool th_write(int file, const char *text, size_t bytes);

/** Write `text` to stderr, all of it, without stdio. Async-signal-safe; errno is kept. */
void th_write_stderr(const char *text, size_t bytes);

/** Write "thrum: " and the formatted line to stderr in one piece. */
void th_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** End the process, with a core dump. */
_Noreturn void th_abort(void);

/** th_say, then th_abort. */
_Noreturn void th_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** An invariant of the library. Checked always: each is a compare on a slow path. */
#define th_assert(condition)                                                                       \
    ((condition) ? (void)0                                                                         \
                 : th_panic("%s:%d: broken invariant: %s", __FILE__, __LINE__, #condition))

#endif
