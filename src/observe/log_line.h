/* SPDX-License-Identifier: MIT */
/** @file
 *  A growing piece of text that never fails: without memory it is cut, and says so. */
#ifndef TH_OBSERVE_LOG_LINE_H
#define TH_OBSERVE_LOG_LINE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/** Bytes before the heap is needed; most lines are shorter. */
#define TH_LOG_LINE_BYTES 512

/** What a line that was cut ends in. */
#define TH_LOG_TRUNCATED "[truncated]"

/** A line; used by one thread at a time, and never copied. */
typedef struct th_log_line {
    char *text;      /* `near` or the heap; not terminated */
    size_t used;     /* bytes of it that are filled */
    size_t capacity; /* bytes of it that there are */
    bool truncated;  /* something did not fit; nothing is appended any more */
    char near[TH_LOG_LINE_BYTES];
} th_log_line;

void th_log_line_init(th_log_line *line);

/** Give back the heap, if it was used. */
void th_log_line_fini(th_log_line *line);

/** Append `bytes` bytes. */
void th_log_line_append(th_log_line *line, const char *text, size_t bytes);

/** Append `count` times `c`. */
void th_log_line_fill(th_log_line *line, char c, size_t count);

/** Append in the manner of vprintf; `%m` is the errno at the call. False if the arguments cannot be
 *  formatted; nothing is appended then. */
bool th_log_line_vprintf(th_log_line *line, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/** Append in the manner of printf; what cannot be formatted cuts the line. */
void th_log_line_printf(th_log_line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Append the mark if the line was cut. At most once. */
void th_log_line_mark(th_log_line *line);

/** Append the newline, and before it the mark if the line was cut. */
void th_log_line_finish(th_log_line *line);

#endif
