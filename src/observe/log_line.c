/* SPDX-License-Identifier: MIT */
/** @file
 *  Log lines.
 *
 *  Purpose     Build one line of a log in memory, so that it can be written in one piece.
 *  State       A buffer in the line itself, exchanged for one twice as large on the heap whenever
 *              it is too small.
 *  Invariants  used <= capacity, and capacity is never too small for the mark and the newline, so
 *              that th_log_line_finish needs no memory on a line that was cut. A line that was cut
 *              grows no more: what stands in it is a beginning of what was meant.
 *  Rejected    realloc and open_memstream: both allocate where the layer below cannot make it fail.
 */
#include "observe/log_line.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "platform/memory.h"
#include "platform/panic.h"

void th_log_line_init(th_log_line *line)
{
    line->text = line->near;
    line->used = 0;
    line->capacity = sizeof line->near;
    line->truncated = false;
}

void th_log_line_fini(th_log_line *line)
{
    if (line->text != line->near)
        th_free(line->text);
    line->text = line->near;
}

/** Whether `bytes` more fit, after growing if need be. */
static bool reserve(th_log_line *line, size_t bytes)
{
    th_assert(line->used <= line->capacity);
    if (bytes <= line->capacity - line->used)
        return true;
    size_t capacity = line->capacity;
    while (capacity - line->used < bytes) {
        if (capacity > SIZE_MAX / 2)
            return false;
        capacity *= 2;
    }
    char *larger = th_alloc(capacity);
    if (larger == NULL)
        return false;
    memcpy(larger, line->text, line->used);
    th_log_line_fini(line);
    line->text = larger;
    line->capacity = capacity;
    return true;
}

/** How many of the `bytes` wanted may be appended; marks the line as cut if not all. */
static size_t admit(th_log_line *line, size_t bytes)
{
    if (line->truncated)
        return 0;
    if (reserve(line, bytes))
        return bytes;
    line->truncated = true;
    return line->capacity - line->used;
}

void th_log_line_append(th_log_line *line, const char *text, size_t bytes)
{
    bytes = admit(line, bytes);
    if (bytes > 0)
        memcpy(line->text + line->used, text, bytes);
    line->used += bytes;
}

void th_log_line_fill(th_log_line *line, char c, size_t count)
{
    count = admit(line, count);
    memset(line->text + line->used, c, count);
    line->used += count;
}

bool th_log_line_vprintf(th_log_line *line, const char *format, va_list args)
{
    if (line->truncated)
        return true;
    int error = errno;
    size_t room = line->capacity - line->used;
    va_list again;
    va_copy(again, args);
    int wanted = vsnprintf(line->text + line->used, room, format, args);
    if (wanted >= 0 && (size_t)wanted < room) {
        line->used += (size_t)wanted;
    } else if (wanted >= 0 && reserve(line, (size_t)wanted + 1)) {
        errno = error;
        wanted = vsnprintf(line->text + line->used, (size_t)wanted + 1, format, again);
        line->used += wanted > 0 ? (size_t)wanted : 0;
    } else if (wanted >= 0) {
        line->used += room > 0 ? room - 1 : 0;
        line->truncated = true;
    }
    va_end(again);
    return wanted >= 0;
}

void th_log_line_printf(th_log_line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!th_log_line_vprintf(line, format, args)) /* the C library found no memory */
        line->truncated = true;
    va_end(args);
}

/** The largest place up to `at` where no UTF-8 character is cut. */
static size_t character_start(const char *text, size_t at)
{
    size_t start = at;
    while (start > 0 && at - start < 4 && ((unsigned char)text[start] & 0xC0) == 0x80)
        start--;
    return at - start < 4 ? start : at;
}

void th_log_line_mark(th_log_line *line)
{
    const size_t mark_bytes = sizeof TH_LOG_TRUNCATED - 1;
    const size_t limit = line->capacity - mark_bytes - 1; /* and a newline */
    if (!line->truncated)
        return;
    if (line->used > limit)
        line->used = character_start(line->text, limit);
    memcpy(line->text + line->used, TH_LOG_TRUNCATED, mark_bytes);
    line->used += mark_bytes;
}

void th_log_line_finish(th_log_line *line)
{
    if (!line->truncated && !reserve(line, 1))
        line->truncated = true;
    th_log_line_mark(line);
    line->text[line->used++] = '\n';
}
