/* SPDX-License-Identifier: MIT */
/** @file
 *  Misuse.
 *
 *  Purpose     One way to tell a caller of its bug, replaceable by the program.
 *  State       One word, the handler; NULL means the default. */
#include "sync/misuse.h"

#include <stdarg.h>
#include <stdio.h>

#include "park/context.h"
#include "platform/atomic.h"
#include "platform/panic.h"
#include "platform/probe.h"
#include "platform/symbol.h"
#include "thrum/status.h"

#define LINE_BYTES 768
#define NAME_BYTES 128

static thrum_misuse_handler handler_or_default;

thrum_misuse_handler thrum_set_misuse_handler(thrum_misuse_handler handler)
{
    /* pairs: th_misuse_tell */
    return th_swap_acq_rel(&handler_or_default, handler);
}

bool th_misuse_tell(const void *object, const char *line)
{
    /* pairs: thrum_set_misuse_handler */
    thrum_misuse_handler handler = th_load_acq(&handler_or_default);
    if (handler != NULL)
        handler(line, object);
    return handler != NULL;
}

void th_misuse_line(const void *object, const char *line)
{
    if (!th_misuse_tell(object, line))
        th_panic("misuse: %s", line);
}

void th_misuse(const void *object, const void *caller, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list args;
    va_start(args, format);
    int used = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (used < 0)
        used = 0;

    char name[NAME_BYTES] = "a thread";
    char place[NAME_BYTES];
    th_context *self = th_self_or_null();
    if (self != NULL && th_probe_describe_thread != NULL)
        th_probe_describe_thread(self->self, name, sizeof name);
    if ((size_t)used < sizeof line)
        snprintf(line + used, sizeof line - (size_t)used, ", by %s, called from %s", name,
                 th_describe_address(caller, place, sizeof place));
    th_misuse_line(object, line);
}
