/* SPDX-License-Identifier: MIT */
/** @file
 *  The format of a log line: Python's "%(asctime)s ..." compiled once, when it is configured. */
#ifndef TH_OBSERVE_LOG_FORMAT_H
#define TH_OBSERVE_LOG_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/** Bytes that a formatted date may take, the terminator included. */
#define TH_LOG_DATE_BYTES 256

/** The largest width or precision. */
#define TH_LOG_WIDTH_MAX 9999

/** What a piece of a line shows; the order is that of the table in log_format.c. */
typedef enum th_log_field {
    TH_LOG_ASCTIME,
    TH_LOG_CREATED,
    TH_LOG_FILENAME,
    TH_LOG_FUNC_NAME,
    TH_LOG_LEVELNAME,
    TH_LOG_LEVELNO,
    TH_LOG_LINENO,
    TH_LOG_MESSAGE,
    TH_LOG_MODULE,
    TH_LOG_MSECS,
    TH_LOG_NAME,
    TH_LOG_PATHNAME,
    TH_LOG_PROCESS,
    TH_LOG_PROCESS_NAME,
    TH_LOG_RELATIVE_CREATED,
    TH_LOG_THREAD,
    TH_LOG_THREAD_NAME,
    TH_LOG_FIELDS,
    TH_LOG_LITERAL = TH_LOG_FIELDS /* text of the format itself */
} th_log_field;

/** The value of a field as Python has it: str, int, float. It decides which conversions fit. */
typedef enum th_log_kind { TH_LOG_TEXT, TH_LOG_INTEGER, TH_LOG_REAL } th_log_kind;

/** One piece of a line: literal text, or a field and how to show it. */
typedef struct th_log_piece {
    th_log_field field;
    th_log_kind kind;
    char conversion;                         /* one of "diuxXoeEfFgGsra" */
    bool left, zero, plus, space, alternate; /* the flags - 0 + ' ' # */
    int width;                               /* 0: none given */
    int precision;                           /* -1: none given */
    const char *text;                        /* of a literal; not terminated */
    size_t bytes;
} th_log_piece;

/** A compiled format. Immutable but for the date, which the log's lock protects. */
typedef struct th_log_format {
    const th_log_piece *pieces;
    size_t count;
    const char *datefmt; /* what strftime gets, after one space; NULL: Python's default, with ms */
    time_t date_second;  /* the second that `date` shows */
    size_t date_bytes;   /* 0: no date has been formatted yet */
    char date[1 + TH_LOG_DATE_BYTES]; /* after one space */
} th_log_format;

/** "%(levelname)s:%(name)s:%(message)s"; needs no memory. */
extern th_log_format th_log_format_default;

/** Compile `format` (NULL: the default; empty: "%(message)s", as in Python) and `datefmt` (NULL or
 *  empty: Python's). Both are copied. Returns 0, THRUM_EINVAL or THRUM_ENOMEM. */
int th_log_format_new(const char *format, const char *datefmt, th_log_format **ret_format);

/** Give it back; NULL and the default are legal. */
void th_log_format_free(th_log_format *format);

/** The date of `second` by the format; only under the log's lock. Returns its length. */
size_t th_log_format_date(th_log_format *format, time_t second, const char **ret_date);

#endif
