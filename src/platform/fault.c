/* SPDX-License-Identifier: MIT */
/** @file
 *  Fault.
 *
 *  Purpose     Count the calls that may fail, and let the chosen ones do so.
 *  State       Four words per kind. They are relaxed: an order of theirs would be one that the
 *              library lacks otherwise.
 *  Rejected    A chance per call: a sweep over n reaches every call once, and again. */
#include "platform/fault.h"

#if defined(TH_BACKEND_FAULT)

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "platform/atomic.h"
#include "platform/backend.h"
#include "platform/panic.h"

#define NAP_NS 1000000
#define LINE_BYTES 32

static const char *const names[TH_FAULT_KINDS] = {"allocation", "thread", "mapping", "futex"};

/** Card: `calls` and `failures` only grow; `first` is the number of the call that fails, 0 for
 *  none, `last` that of the last which does. Written by th_fault_set, read by every call. */
typedef struct injector {
    uint32_t calls, failures;
    uint32_t first, last;
} injector;

static injector injectors[TH_FAULT_KINDS];
static const char *log_path;

/** Append a line by bare system calls, which are no cancellation points. */
static void log_failure(th_fault_kind kind, uint32_t call)
{
    char line[LINE_BYTES];
    size_t begin = sizeof line - 1, name_bytes = strlen(names[kind]);
    line[begin] = '\n';
    do
        line[--begin] = (char)('0' + call % 10);
    while ((call /= 10) != 0);
    line[--begin] = ' ';
    begin -= name_bytes;
    memcpy(line + begin, names[kind], name_bytes);
    long file =
        syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0)
        return;
    syscall(SYS_write, file, line + begin, sizeof line - begin);
    syscall(SYS_close, file);
}

static void nap(void)
{
    const struct timespec length = {0, NAP_NS};
    syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &length, NULL);
}

bool th_fault(th_fault_kind kind)
{
    injector *one = &injectors[kind];
    /* relaxed: numbers; see State */
    uint32_t call = th_add_rlx(&one->calls, 1) + 1;
    uint32_t first = th_load_rlx(&one->first), last = th_load_rlx(&one->last);
    if (first == 0 || call < first || call > last)
        return false;
    int saved = errno;
    /* relaxed: a number */
    if (th_add_rlx(&one->failures, 1) == 0 && log_path != NULL)
        log_failure(kind, call);
    if (kind == TH_FAULT_FUTEX && last > first)
        nap();
    errno = saved;
    return true;
}

void th_fault_set(th_fault_kind kind, uint32_t n, bool and_later)
{
    injector *one = &injectors[kind];
    /* relaxed: numbers; who sets them while others call knows what that means */
    uint32_t first = n == 0 ? 0 : th_load_rlx(&one->calls) + n;
    th_store_rlx(&one->last, and_later ? UINT32_MAX : first);
    th_store_rlx(&one->first, first);
}

/** Read `kind:n` or `kind:n+` and what follows; NULL: it is neither. */
static const char *set_one(const char *text)
{
    for (int kind = 0; kind < TH_FAULT_KINDS; kind++) {
        size_t bytes = strlen(names[kind]);
        if (strncmp(text, names[kind], bytes) != 0 || text[bytes] != ':')
            continue;
        const char *digits = text + bytes + 1;
        char *end;
        unsigned long n = strtoul(digits, &end, 10);
        if (*digits < '0' || *digits > '9' || n == 0 || n > INT32_MAX)
            return NULL;
        bool and_later = *end == '+';
        th_fault_set((th_fault_kind)kind, (uint32_t)n, and_later);
        return end + and_later;
    }
    return NULL;
}

bool th_fault_set_by(const char *text)
{
    while ((text = set_one(text)) != NULL) {
        if (*text == '\0')
            return true;
        if (*text++ != ',')
            return false;
    }
    return false;
}

TH_CONSTRUCTOR_TOLD static void read_environment(void)
{
    log_path = secure_getenv("THRUM_FAULT_LOG");
    const char *text = secure_getenv("THRUM_FAULT");
    if (text != NULL && *text != '\0' && !th_fault_set_by(text))
        th_panic("THRUM_FAULT=%s is not a list like allocation:3,thread:1+,mapping:2,futex:5",
                 text);
}

uint32_t th_fault_calls(th_fault_kind kind)
{
    return th_load_rlx(&injectors[kind].calls); /* relaxed: a number */
}

uint32_t th_fault_failures(th_fault_kind kind)
{
    return th_load_rlx(&injectors[kind].failures); /* relaxed: a number */
}

#endif
