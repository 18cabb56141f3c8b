/* SPDX-License-Identifier: MIT */
/** @file
 *  Panic.
 *
 *  Purpose     One line to stderr in one write, so that lines of several threads do not mix. */
#include "platform/panic.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "platform/backend.h"

#define LINE_BYTES 1024

#if !defined(TH_BACKEND_MODEL) /* the explorer keeps what is said, and makes an abort a verdict */

bool th_write(int file, const char *text, size_t bytes)
{
    while (bytes > 0) {
        ssize_t written = write(file, text, bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        text += written;
        bytes -= (size_t)written;
    }
    return true;
}

void th_write_stderr(const char *text, size_t bytes)
{
    int saved = errno;
    th_write(STDERR_FILENO, text, bytes);
    errno = saved;
}

void th_abort(void)
{
    abort();
}

#endif

static void say(const char *format, va_list args)
{
    char line[LINE_BYTES] = "thrum: ";
    size_t used = 7;
    int more = vsnprintf(line + used, sizeof line - used - 1, format, args);
    if (more > 0)
        used += (size_t)more < sizeof line - used - 1 ? (size_t)more : sizeof line - used - 2;
    line[used++] = '\n';
    th_write_stderr(line, used);
}

void th_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

void th_panic(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    th_abort();
}
