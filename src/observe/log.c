/* SPDX-License-Identifier: MIT */
/** @file
 *  Log.
 *
 *  Purpose     Take messages of any thread and write them as whole lines to one place.
 *  State       `log_state`: the format, the stream and the lock that guards both. The threshold is
 *              a word of its own, which the macros read without the lock. `inside_flag` says that
 *              this thread is at work here.
 *  Protocol    A message is formatted, and the facts about it are taken, without the lock: the
 *              arguments may be long, and asking for the thread may make a dummy for it. The line
 *              is rendered and written in one piece under the lock, by the configuration found
 *              there. A new configuration is made ready without the lock and swapped in under it,
 *              so it is complete, and nobody can be using the old one when it is taken down.
 *  Invariants  While the lock is held no public function of thrum is called, and it is a raw lock:
 *              a daemon thread, which stops for good in some such call when the program ends, never
 *              takes the lock along, so exit handlers can still log.
 *              Each line is written by one write, past all buffers, so nothing is left to do at
 *              exit, and a child made by fork has no copy of a line. The lock is held across a
 *              fork; as dates are made under it, no thread of ours holds the C library's time zone
 *              lock then either.
 *              A signal handler, a stream's own functions, or a fork handler that logs while its
 *              thread is inside does not wait for itself: the message goes to stderr as it is.
 *  Rejected    A thrum_lock: its slow paths are places where daemons stop. Rendering outside the
 *              lock, under a counted reference to the format: the date of the second is kept with
 *              the format, so there is little to win, and a fork could find the time zone lock
 *              held. A thread that writes for all (a QueueListener): lines would be lost when a
 *              program crashes, which is when they are needed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "observe/log_format.h"
#include "observe/log_line.h"
#include "observe/log_render.h"
#include "observe/observe.h"
#include "park/rawlock.h"
#include "platform/atomic.h"
#include "platform/clock.h"
#include "platform/options.h"
#include "platform/panic.h"
#include "platform/shelter.h"
#include "thrum/log.h"
#include "thrum/thread.h"

/** The threshold. Written under the log's lock by a configuration, read by anyone at any time. It
 *  may lag behind a configuration that another thread is making, and orders nothing. */
int thrum_log_threshold = THRUM_LOG_WARNING;

/** How and where lines are written. */
typedef struct configuration {
    th_log_format *format;
    int file;     /* opened here, and to be closed here; -1: the stream it is */
    FILE *stream; /* the program's; NULL: whatever is stderr when a line is written */
} configuration;

static struct {
    th_rawlock lock;
    configuration now; /* guarded by `lock` */
} log_state = {{0}, {&th_log_format_default, -1, NULL}};

/** This thread is inside of the log: it holds the lock, waits for it, or has just released it. Also
 *  read by signal handlers of the thread itself. */
static __thread bool inside_flag;

static bool is_inside(void)
{
    return th_load_rlx(&inside_flag); /* relaxed: this thread's own */
}

static void set_inside(bool now)
{
    th_store_rlx(&inside_flag, now); /* relaxed: this thread's own */
    th_fence_signal();               /* pairs: is_inside in a handler of this thread */
}

/** This thread took the lock for a fork. */
static __thread bool forking;

/** When the library was loaded; what relativeCreated counts from. */
static int64_t loaded_ns;

TH_CONSTRUCTOR_LAYER static void note_load_time(void)
{
    loaded_ns = th_wall_clock_ns();
}

/* ---- The way in and out -------------------------------------------------------------------- */

static void lock_log(void)
{
    set_inside(true);
    th_rawlock_acquire(&log_state.lock);
}

static void unlock_log(void)
{
    th_rawlock_release(&log_state.lock);
    set_inside(false);
}

/* ---- Messages ------------------------------------------------------------------------------ */

/** Write all of `text`. Returns 0 or an errno. */
static int write_to_file(int file, const char *text, size_t bytes)
{
    return th_write(file, text, bytes) ? 0 : errno;
}

/** Write and flush all of `text`. A stream that has a file gets the line past its buffer, since
 *  stdio drops what is in the buffer when a signal interrupts it. Returns 0 or an errno. */
static int write_to_stream(FILE *stream, const char *text, size_t bytes)
{
    int error = 0;
    flockfile(stream);
    fflush(stream); /* what stands in its buffer goes first, and it forgets its offset */
    int file = fileno(stream);
    if (file >= 0)
        error = write_to_file(file, text, bytes);
    else if (fwrite(text, 1, bytes, stream) < bytes || fflush(stream) != 0)
        error = errno;
    funlockfile(stream);
    return error;
}

/** Write one line under the lock. Returns 0 or an errno. */
static int write_line(const th_log_record *record)
{
    th_log_line line;
    th_log_line_init(&line);
    lock_log();
    const configuration *now = &log_state.now;
    th_log_render(&line, now->format, record);
    th_log_line_finish(&line);
    int error = now->file >= 0 ? write_to_file(now->file, line.text, line.used)
                               : write_to_stream(now->stream != NULL ? now->stream : stderr,
                                                 line.text, line.used);
    unlock_log();
    th_log_line_fini(&line);
    return error;
}

/** Write a message with all the facts about it. */
static void write_record(th_log_record *record)
{
    th_shelter outside;
    th_shelter_enter(&outside);
    record->created_ns = th_wall_clock_ns();
    record->relative_ns = record->created_ns - loaded_ns;
    record->thread_name = thrum_thread_name(thrum_current_thread());
    record->thread = thrum_get_ident();
    int error = write_line(record);
    th_shelter_leave(&outside, error);
}

/** Append the message, or, if printf refuses the arguments, the format itself and a mark. */
__attribute__((format(printf, 2, 0))) static void append_message(th_log_line *message,
                                                                 const char *format, va_list args)
{
    static const char mark[] = " [cannot be formatted]";
    if (format != NULL && th_log_line_vprintf(message, format, args))
        return;
    if (format != NULL)
        th_log_line_append(message, format, strlen(format));
    th_log_line_append(message, mark, sizeof mark - 1);
}

void thrum_log_write(int level, const char *pathname, int line, const char *function,
                     const char *format, ...)
{
    const int error = errno;
    th_log_line message;
    th_log_line_init(&message);
    va_list args;
    va_start(args, format);
    append_message(&message, format, args);
    va_end(args);
    if (is_inside()) {
        th_log_line_finish(&message);
        th_write_stderr(message.text, message.used);
    } else {
        th_log_line_mark(&message);
        th_log_record record = {.level = level,
                                .line = line,
                                .pathname = pathname != NULL ? pathname : "(unknown file)",
                                .function = function != NULL ? function : "(unknown function)",
                                .message = message.text,
                                .message_bytes = message.used};
        write_record(&record);
    }
    th_log_line_fini(&message);
    errno = error;
}

/* ---- Configuration ------------------------------------------------------------------------- */

/** Copy what the caller's version of the options has. */
static int read_options(thrum_log_options *ret_options, const thrum_log_options *options)
{
    thrum_log_options read = {.size = sizeof read};
    if (options != NULL && options->size < sizeof options->size)
        return THRUM_EINVAL;
    th_copy_options(&read, sizeof read, options);
    if (read.level < 0 || (read.filename != NULL && read.stream != NULL) ||
        (read.filemode != NULL && read.filename == NULL))
        return THRUM_EINVAL;
    if (read.level == 0)
        read.level = THRUM_LOG_WARNING;
    *ret_options = read;
    return 0;
}

/** Open the file by Python's mode, to be closed on exec as in Python. */
static int open_file(int *ret_file, const char *filename, const char *mode)
{
    if (mode == NULL)
        mode = "a";
    const int how = *mode == 'a' ? O_APPEND : *mode == 'w' ? O_TRUNC : *mode == 'x' ? O_EXCL : 0;
    if (how == 0 || strspn(mode + 1, "bt+") != strlen(mode + 1)) {
        errno = EINVAL;
        return THRUM_EINVAL;
    }
    int file = open(filename, O_WRONLY | O_CREAT | O_CLOEXEC | how, 0666);
    if (file < 0)
        return errno == ENOMEM ? THRUM_ENOMEM : THRUM_EINVAL;
    *ret_file = file;
    return 0;
}

static void take_down(configuration *old)
{
    th_log_format_free(old->format);
    if (old->file >= 0)
        close(old->file);
}

/** Put `next` in force. Returns what was in force before. */
static configuration swap_in(configuration next, int level)
{
    th_shelter outside;
    th_shelter_enter(&outside);
    lock_log();
    configuration old = log_state.now;
    log_state.now = next;
    /* relaxed: a number of its own; see its card */
    th_store_rlx(&thrum_log_threshold, level);
    unlock_log();
    th_shelter_leave(&outside, 0);
    return old;
}

int thrum_log_config_with(const thrum_log_options *options)
{
    const int error = errno;
    if (is_inside())
        return THRUM_EDEADLK;
    thrum_log_options wanted;
    int status = read_options(&wanted, options);
    if (status != 0)
        return status;
    configuration next = {.file = -1, .stream = wanted.stream};
    status = th_log_format_new(wanted.format, wanted.datefmt, &next.format);
    if (status != 0)
        return status;
    if (wanted.filename != NULL) {
        status = open_file(&next.file, wanted.filename, wanted.filemode);
        if (status != 0) {
            th_log_format_free(next.format);
            return status;
        }
    }
    configuration old = swap_in(next, wanted.level);
    take_down(&old);
    errno = error;
    return 0;
}

/* ---- Fork ---------------------------------------------------------------------------------- */

void th_observe_before_fork(void)
{
    if (is_inside()) /* a signal handler forks, and this thread may hold the lock already */
        return;
    forking = true;
    lock_log();
}

void th_observe_after_fork_parent(void)
{
    if (!forking)
        return;
    forking = false;
    unlock_log();
}

void th_observe_after_fork_child(void)
{
    if (!forking)
        return;
    forking = false;
    log_state.lock = (th_rawlock){0}; /* those who waited for it are not here */
    set_inside(false);
}
