/* SPDX-License-Identifier: MIT */
/** @file
 *  Failure.
 *
 *  Purpose     thrum_fail and the excepthook: C's way to say what an exception says.
 *  State       One word, the hook; NULL means the default. Per thread a pointer to the slot that
 *              thrum_fail fills: the target's own, or while an executor runs a task, the task's.
 *  Protocol    A slot belongs to the thread that fills it, until the task has returned.
 *  Invariants  While the hook runs there is no slot, so a hook that fails changes nothing that it
 *              is being told. A failure without memory for its message is still a failure.
 *  Rejected    A slot in the record: a foreign thread that helps an executor would have to be given
 *              a dummy for it, and there may be no memory for one. */
#include "thread/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "park/context.h"
#include "platform/atomic.h"
#include "platform/memory.h"
#include "platform/panic.h"

#define NO_MEMORY_FOR_MESSAGE "(no memory for the message)"
#define LINE_FORMAT "Exception in thread %s: %s\n"
#define LINE_BYTES 512

/** Card: NULL or the program's hook; by thrum_set_excepthook. */
static thrum_excepthook hook_or_default;

static __thread th_failure *own_slot __attribute__((tls_model("initial-exec")));

thrum_excepthook thrum_set_excepthook(thrum_excepthook hook)
{
    th_self();                                      /* an abandoned thread stops here */
    return th_swap_acq_rel(&hook_or_default, hook); /* pairs: th_failure_tell */
}

th_failure *th_failure_exchange(th_failure *failure)
{
    th_failure *before = own_slot;
    own_slot = failure;
    return before;
}

const char *th_failure_message(const th_failure *failure)
{
    return failure->message != NULL ? failure->message : NO_MEMORY_FOR_MESSAGE;
}

void th_failure_clear(th_failure *failure)
{
    th_free(failure->message);
    *failure = (th_failure){.has_failed = false, .limit = failure->limit};
}

/** The formatted text from th_alloc, or NULL. `%m` means the caller's errno, which is kept. */
static char *format_message(const char *format, va_list args)
{
    int saved = errno;
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    char *message = length < 0 ? NULL : th_alloc((size_t)length + 1);
    errno = saved;
    if (message != NULL)
        vsnprintf(message, (size_t)length + 1, format, again);
    va_end(again);
    errno = saved;
    return message;
}

void *thrum_fail(int code, const char *format, ...)
{
    th_self(); /* an abandoned thread stops here */
    th_failure *failure = own_slot;
    if (failure == NULL)
        return NULL;
    va_list args;
    va_start(args, format);
    char *message = format_message(format != NULL ? format : "", args);
    va_end(args);
    th_free(failure->message);
    *failure =
        (th_failure){.has_failed = true, .code = code, .message = message, .limit = failure->limit};
    if (failure->limit != NULL)
        th_store_rlx(failure->limit, 0); /* relaxed: looked at by this thread */
    return NULL;
}

/** What the default hook prints, in one write if there is memory for the line. */
static void print_failure(const char *name, const char *message)
{
    char line[LINE_BYTES];
    char *whole = line;
    size_t bytes = strlen(name) + strlen(message) + sizeof LINE_FORMAT;
    if (bytes > sizeof line)
        whole = th_alloc(bytes);
    if (whole == NULL) {
        whole = line;
        bytes = sizeof line;
    }
    int length = snprintf(whole, bytes, LINE_FORMAT, name, message);
    if (length > 0)
        th_write_stderr(whole, (size_t)length < bytes ? (size_t)length : bytes - 1);
    if (whole != line)
        th_free(whole);
}

void th_failure_tell(const th_failure *failure)
{
    const thrum_thread *self = thrum_current_thread();
    thrum_error error = {.code = failure->code,
                         .message = th_failure_message(failure),
                         .thread_name = thrum_thread_name(self)};
    th_failure *before = th_failure_exchange(NULL);
    /* pairs: thrum_set_excepthook */
    thrum_excepthook hook = th_load_acq(&hook_or_default);
    if (hook != NULL)
        hook(self, &error);
    else
        print_failure(error.thread_name, error.message);
    th_failure_exchange(before);
}
