/* SPDX-License-Identifier: MIT */
/** @file
 *  Log: lines with time, level and thread, whole even when many threads write at once.
 *  Python: logging.basicConfig, logging.info and their family.
 *
 *      thrum_log_config(.level = THRUM_LOG_INFO, .format = "%(asctime)s: %(message)s",
 *                       .datefmt = "%H:%M:%S");
 *      thrum_info("Thread %d: starting", 1);            // 12:34:56: Thread 1: starting
 *
 *  Without a thrum_log_config, warnings and worse go to stderr as "WARNING:root:message".
 */
#ifndef THRUM_LOG_H
#define THRUM_LOG_H

#include <stdio.h>

#include <thrum/status.h>

THRUM_BEGIN_DECLS

/** How grave a message is. Any number may stand between them; it is shown as "Level 25". */
enum thrum_log_level {
    THRUM_LOG_DEBUG = 10,
    THRUM_LOG_INFO = 20,
    THRUM_LOG_WARNING = 30, /**< the least level that is written by default */
    THRUM_LOG_ERROR = 40,
    THRUM_LOG_CRITICAL = 50,
};

/** Options of thrum_log_config.
 *
 *  `format` is Python's: `%(FIELD)s` with Python's flags, width, precision and conversions d i u x
 *  X o e E f F g G s r a; `%%` is a percent sign. The fields:
 *
 *      asctime      when: `datefmt`, or "2024-05-06 07:08:09,123"   created          s since 1970
 *      levelname    INFO ...   levelno  20 ...                      msecs            0 to 999
 *      message      what was said                                   relativeCreated  ms of running
 *      threadName   thread (its ident)                              name             "root"
 *      processName  process (its pid)                               funcName   lineno
 *      pathname     src/main.c   filename  main.c   module  main */
typedef struct thrum_log_options {
    size_t size THRUM_PRIVATE_UNSET;          /**< private: sizeof, filled in by the macro */
    int level THRUM_PRIVATE_UNSET;            /**< least level written; 0: THRUM_LOG_WARNING */
    const char *format THRUM_PRIVATE_UNSET;   /**< NULL: "%(levelname)s:%(name)s:%(message)s" */
    const char *datefmt THRUM_PRIVATE_UNSET;  /**< for strftime, in local time */
    const char *filename THRUM_PRIVATE_UNSET; /**< a file to open instead of a stream */
    const char *filemode THRUM_PRIVATE_UNSET; /**< "a" (default), "w" or "x", as Python's */
    FILE *stream THRUM_PRIVATE_UNSET;         /**< NULL: stderr; not closed by thrum */
} thrum_log_options;

/** Private: the least level that is written. */
extern THRUM_API int thrum_log_threshold;

/** Say from now on what is written, how, and where, without macro; what thrum_log_config calls.
 *  @param options  with `size` set; NULL: all defaults
 *  @return 0; THRUM_EINVAL: a malformed format or one without a field, an unknown field, a
 *          conversion that does not fit its field, a width above 9999, a date above 255 bytes, a
 *          negative level, `filename` with `stream`, `filemode` without `filename`, no `size`, or a
 *          file that cannot be opened (errno says why); THRUM_ENOMEM; THRUM_EDEADLK: called from
 *          inside the log, by a stream's own functions. On failure everything stays as it was
 *  @blocks while a line is being written   @thread any, not signal handlers
 *  @memory when it returns, the former stream is no longer used, and may be closed
 *  @python logging.basicConfig   @since 0.1 */
THRUM_API int thrum_log_config_with(const thrum_log_options *options);

/** Say from now on what is written, how, and where:
 *  `thrum_log_config(.level = THRUM_LOG_INFO, .format = "%(threadName)s: %(message)s")`.
 *  The options are those of thrum_log_options; in C++ they are named in the order of the struct.
 *  The newest configuration wins as a whole, where Python's basicConfig needs force=True.
 *  @return 0; THRUM_EINVAL; THRUM_ENOMEM; THRUM_EDEADLK; as thrum_log_config_with
 *  @blocks while a line is being written   @thread any, not signal handlers
 *  @memory when it returns, the former stream is no longer used, and may be closed
 *  @python logging.basicConfig   @since 0.1 */
#define thrum_log_config(...)                                                                      \
    thrum_log_config_with(THRUM_PRIVATE_OPTIONS(thrum_log_options, __VA_ARGS__))

/** Write one line, whatever its level; what the macros below call once the level is enabled. A line
 *  that finds no memory is cut and ends in "[truncated]". A line that cannot be written (full disk,
 *  closed pipe) is lost without harm. errno is preserved, and may be shown by `%m`.
 *  @param level     the level to show
 *  @param pathname  the source file; it and `function` are used during the call only
 *  @param line      the line in it
 *  @param function  the function in it
 *  @param format    printf format of the message
 *  @blocks while other lines are being written   @thread any, not signal handlers
 *  @memory none   @python Logger.handle   @since 0.1 */
THRUM_API void thrum_log_write(int level, const char *pathname, int line, const char *function,
                               const char *format, ...) THRUM_PRINTF(5, 6);

/** Whether messages of `level` are written at present; one load.
 *  @param level  a level
 *  @return true if thrum_log(level, ...) would write
 *  @blocks no   @thread any, also in signal handlers   @memory relaxed
 *  @python Logger.isEnabledFor   @since 0.1 */
static inline bool thrum_log_enabled(int level)
{
    /* relaxed: a number that orders nothing; a change is seen soon, by its own thread at once */
    return level >= __atomic_load_n(&thrum_log_threshold, __ATOMIC_RELAXED);
}

/** Private: a message of a constant level; an expression without value. */
#define THRUM_PRIVATE_LOG(level, ...)                                                              \
    (thrum_log_enabled(level)                                                                      \
         ? thrum_log_write((level), __FILE__, __LINE__, __func__, __VA_ARGS__)                     \
         : (void)0)

/** Write a message of any level: `thrum_log(25, "half done")`. A statement.
 *  @param level  a level; evaluated once. What follows (a printf format and its arguments) is
 *                evaluated only if that level is enabled
 *  @blocks, @thread, @memory  as thrum_log_write   @python logging.log   @since 0.1 */
#define thrum_log(level, ...)                                                                      \
    do {                                                                                           \
        const int thrum_private_level = (level);                                                   \
        THRUM_PRIVATE_LOG(thrum_private_level, __VA_ARGS__);                                       \
    } while (0)

/** Write a message of level DEBUG, INFO, WARNING, ERROR or CRITICAL: a printf format and its
 *  arguments, which are evaluated only if the level is enabled. Expressions without value.
 *  @blocks, @thread, @memory  as thrum_log_write   @python logging.debug ...   @since 0.1 */
#define thrum_log_debug(...) THRUM_PRIVATE_LOG(THRUM_LOG_DEBUG, __VA_ARGS__)
#define thrum_log_info(...) THRUM_PRIVATE_LOG(THRUM_LOG_INFO, __VA_ARGS__)
#define thrum_log_warning(...) THRUM_PRIVATE_LOG(THRUM_LOG_WARNING, __VA_ARGS__)
#define thrum_log_error(...) THRUM_PRIVATE_LOG(THRUM_LOG_ERROR, __VA_ARGS__)
#define thrum_log_critical(...) THRUM_PRIVATE_LOG(THRUM_LOG_CRITICAL, __VA_ARGS__)

/** The same in short. There is no thrum_error: that is the struct of thread.h.
 *  @blocks, @thread, @memory  as thrum_log_write   @python logging.debug ...   @since 0.1 */
#define thrum_debug(...) thrum_log_debug(__VA_ARGS__)
#define thrum_info(...) thrum_log_info(__VA_ARGS__)
#define thrum_warning(...) thrum_log_warning(__VA_ARGS__)
#define thrum_critical(...) thrum_log_critical(__VA_ARGS__)

THRUM_END_DECLS
#endif
