/* SPDX-License-Identifier: MIT */
/** @file
 *  Python's percent operator, for the three types that a log record is made of. */
#ifndef TH_OBSERVE_LOG_PERCENT_H
#define TH_OBSERVE_LOG_PERCENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "observe/log_format.h"
#include "observe/log_line.h"

/** Append a str by one of s r a. `text` is not terminated, and taken for UTF-8. */
void th_log_percent_text(th_log_line *line, const th_log_piece *piece, const char *text,
                         size_t bytes);

/** Append an int, a sign and a magnitude, by any conversion that Python allows for one. */
void th_log_percent_integer(th_log_line *line, const th_log_piece *piece, bool negative,
                            uint64_t magnitude);

/** Append a float: as an int by d i u, as text by s r a, else by its conversion. */
void th_log_percent_real(th_log_line *line, const th_log_piece *piece, double real);

#endif
