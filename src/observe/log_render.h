/* SPDX-License-Identifier: MIT */
/** @file
 *  From a record, which holds the facts about one message, to the line that shows them. */
#ifndef TH_OBSERVE_LOG_RENDER_H
#define TH_OBSERVE_LOG_RENDER_H

#include <stddef.h>
#include <stdint.h>

#include "observe/log_format.h"
#include "observe/log_line.h"

/** What is known about one message. All facts are taken once, so they fit each other. */
typedef struct th_log_record {
    int level;
    int line;
    const char *pathname;
    const char *function;
    const char *message; /* not terminated */
    size_t message_bytes;
    const char *thread_name;
    uint64_t thread;
    int process;         /* 0: the calling one, which costs a system call where it is shown */
    int64_t created_ns;  /* since 1970 */
    int64_t relative_ns; /* since the library was loaded */
} th_log_record;

/** Append to `line` what `format` says of `record`. Only under the log's lock, for the date. */
void th_log_render(th_log_line *line, th_log_format *format, const th_log_record *record);

#endif
