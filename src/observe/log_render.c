/* SPDX-License-Identifier: MIT */
/** @file
 *  Log rendering.
 *
 *  Purpose     Turn a record into a line, field by field.
 *  Protocol    A field has a value, of the type it has in Python (str, int or float); log_percent.c
 *              shows it by the conversion that the format asks for.
 *  Invariants  The names in a date follow the program's locale, as in Python; numbers do not.
 */
#include "observe/log_render.h"

#include <stdio.h>
#include <string.h>

#include "observe/log_percent.h"
#include "platform/thread.h"
#include "thrum/log.h"

#define NS_PER_S 1000000000
#define NS_PER_MS 1000000
#define LEVEL_NAME_BYTES 24

/** The value of one field of one record. */
typedef struct value {
    th_log_kind kind;
    const char *text; /* of a TEXT */
    size_t bytes;
    bool negative; /* of an INTEGER, whose magnitude may be a 64-bit ident */
    uint64_t magnitude;
    double real; /* of a REAL */
} value;

static value text_value(const char *text, size_t bytes)
{
    return (value){.kind = TH_LOG_TEXT, .text = text, .bytes = bytes};
}

static value string_value(const char *text)
{
    return text_value(text, strlen(text));
}

static value unsigned_value(uint64_t number)
{
    return (value){.kind = TH_LOG_INTEGER, .magnitude = number};
}

static value int_value(int number)
{
    uint64_t magnitude = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    return (value){.kind = TH_LOG_INTEGER, .negative = number < 0, .magnitude = magnitude};
}

static value real_value(double real)
{
    return (value){.kind = TH_LOG_REAL, .real = real};
}

static int64_t second_of(const th_log_record *record)
{
    int64_t second = record->created_ns / NS_PER_S;
    return second - (record->created_ns % NS_PER_S < 0);
}

static int ms_of(const th_log_record *record)
{
    return (int)((record->created_ns - second_of(record) * NS_PER_S) / NS_PER_MS);
}

/** "INFO", or "Level 25" written to `buffer`. */
static const char *level_name(int level, char buffer[LEVEL_NAME_BYTES])
{
    switch (level) {
    case 0: return "NOTSET";
    case THRUM_LOG_DEBUG: return "DEBUG";
    case THRUM_LOG_INFO: return "INFO";
    case THRUM_LOG_WARNING: return "WARNING";
    case THRUM_LOG_ERROR: return "ERROR";
    case THRUM_LOG_CRITICAL: return "CRITICAL";
    default: snprintf(buffer, LEVEL_NAME_BYTES, "Level %d", level); return buffer;
    }
}

static const char *file_name(const char *pathname)
{
    const char *slash = strrchr(pathname, '/');
    return slash != NULL ? slash + 1 : pathname;
}

/** The file's name without its last suffix; dots that begin it are no suffix. */
static value module_value(const char *pathname)
{
    const char *name = file_name(pathname);
    const char *dot = strrchr(name, '.');
    bool is_suffix = dot != NULL && strspn(name, ".") < (size_t)(dot - name);
    return is_suffix ? text_value(name, (size_t)(dot - name)) : string_value(name);
}

/** The value of `field`; `buffer` is for level names, and lives as long as the value. */
static value value_of(th_log_field field, const th_log_record *record,
                      char buffer[LEVEL_NAME_BYTES])
{
    switch (field) {
    case TH_LOG_CREATED: return real_value((double)record->created_ns / 1e9);
    case TH_LOG_FILENAME: return string_value(file_name(record->pathname));
    case TH_LOG_FUNC_NAME: return string_value(record->function);
    case TH_LOG_LEVELNAME: return string_value(level_name(record->level, buffer));
    case TH_LOG_LEVELNO: return int_value(record->level);
    case TH_LOG_LINENO: return int_value(record->line);
    case TH_LOG_MESSAGE: return text_value(record->message, record->message_bytes);
    case TH_LOG_MODULE: return module_value(record->pathname);
    case TH_LOG_MSECS: return real_value(ms_of(record));
    case TH_LOG_NAME: return string_value("root");
    case TH_LOG_PATHNAME: return string_value(record->pathname);
    case TH_LOG_PROCESS: return int_value(record->process != 0 ? record->process : th_process_id());
    case TH_LOG_PROCESS_NAME: return string_value("MainProcess");
    case TH_LOG_RELATIVE_CREATED: return real_value((double)record->relative_ns / 1e6);
    case TH_LOG_THREAD: return unsigned_value(record->thread);
    case TH_LOG_THREAD_NAME: return string_value(record->thread_name);
    case TH_LOG_ASCTIME: /* has a line of its own, and is put by put_asctime */
    case TH_LOG_LITERAL: break;
    }
    return string_value("");
}

/** Put the date; Python's default one has milliseconds. */
static void put_asctime(th_log_line *line, const th_log_piece *piece, th_log_format *format,
                        const th_log_record *record)
{
    const char *date;
    size_t bytes = th_log_format_date(format, (time_t)second_of(record), &date);
    char text[TH_LOG_DATE_BYTES + sizeof ",000"];
    memcpy(text, date, bytes);
    if (format->datefmt == NULL) {
        int ms = ms_of(record);
        const char tail[] = {',', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10),
                             (char)('0' + ms % 10)};
        memcpy(text + bytes, tail, sizeof tail);
        bytes += sizeof tail;
    }
    th_log_percent_text(line, piece, text, bytes);
}

static void put_piece(th_log_line *line, const th_log_piece *piece, th_log_format *format,
                      const th_log_record *record)
{
    if (piece->field == TH_LOG_LITERAL) {
        th_log_line_append(line, piece->text, piece->bytes);
        return;
    }
    if (piece->field == TH_LOG_ASCTIME) {
        put_asctime(line, piece, format, record);
        return;
    }
    char buffer[LEVEL_NAME_BYTES];
    value shown = value_of(piece->field, record, buffer);
    switch (shown.kind) {
    case TH_LOG_TEXT: th_log_percent_text(line, piece, shown.text, shown.bytes); break;
    case TH_LOG_INTEGER:
        th_log_percent_integer(line, piece, shown.negative, shown.magnitude);
        break;
    case TH_LOG_REAL: th_log_percent_real(line, piece, shown.real); break;
    }
}

void th_log_render(th_log_line *line, th_log_format *format, const th_log_record *record)
{
    for (size_t i = 0; i < format->count; i++)
        put_piece(line, &format->pieces[i], format, record);
}
