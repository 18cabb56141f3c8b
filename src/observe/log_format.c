/* SPDX-License-Identifier: MIT */
/** @file
 *  Log formats.
 *
 *  Purpose     Read Python's percent style once, so that a line needs no parsing and a mistake is
 *              found when the log is configured, not when the first line is written.
 *  State       One block of memory: the format, its pieces, a copy of the text that the literal
 *              pieces point into, a copy of the date format.
 *  Protocol    The pieces are written here and only read afterwards. The date of the last second is
 *              kept, since a line differs from the one before in its milliseconds at most: strftime
 *              costs more than the rest of a line. Whoever asks for a date holds the log's lock,
 *              which also keeps the C library's time zone lock from being held across a fork.
 *  Invariants  Every conversion fits the kind of its field, so rendering cannot fail. A "%%" is a
 *              literal that points at its second sign: no text is rewritten. strftime answers 0
 *              both for an empty date and for one too long; the space in front of every date
 *              format makes the empty date a 1.
 *  Rejected    Interpreting the text per line: the checks would come too late and every time.
 */
#include "observe/log_format.h"

#include <string.h>

#include "observe/log_line.h"
#include "platform/memory.h"
#include "thrum/status.h"

/** The fields, by th_log_field. */
static const struct {
    const char *name;
    th_log_kind kind;
} fields[TH_LOG_FIELDS] = {
    [TH_LOG_ASCTIME] = {"asctime", TH_LOG_TEXT},
    [TH_LOG_CREATED] = {"created", TH_LOG_REAL},
    [TH_LOG_FILENAME] = {"filename", TH_LOG_TEXT},
    [TH_LOG_FUNC_NAME] = {"funcName", TH_LOG_TEXT},
    [TH_LOG_LEVELNAME] = {"levelname", TH_LOG_TEXT},
    [TH_LOG_LEVELNO] = {"levelno", TH_LOG_INTEGER},
    [TH_LOG_LINENO] = {"lineno", TH_LOG_INTEGER},
    [TH_LOG_MESSAGE] = {"message", TH_LOG_TEXT},
    [TH_LOG_MODULE] = {"module", TH_LOG_TEXT},
    [TH_LOG_MSECS] = {"msecs", TH_LOG_REAL},
    [TH_LOG_NAME] = {"name", TH_LOG_TEXT},
    [TH_LOG_PATHNAME] = {"pathname", TH_LOG_TEXT},
    [TH_LOG_PROCESS] = {"process", TH_LOG_INTEGER},
    [TH_LOG_PROCESS_NAME] = {"processName", TH_LOG_TEXT},
    [TH_LOG_RELATIVE_CREATED] = {"relativeCreated", TH_LOG_REAL},
    [TH_LOG_THREAD] = {"thread", TH_LOG_INTEGER},
    [TH_LOG_THREAD_NAME] = {"threadName", TH_LOG_TEXT},
};

#define FIELD(which)                                                                               \
    {                                                                                              \
        .field = (which), .kind = TH_LOG_TEXT, .conversion = 's', .precision = -1                  \
    }
#define COLON                                                                                      \
    {                                                                                              \
        .field = TH_LOG_LITERAL, .precision = -1, .text = ":", .bytes = 1                          \
    }

static const th_log_piece default_pieces[] = {FIELD(TH_LOG_LEVELNAME), COLON, FIELD(TH_LOG_NAME),
                                              COLON, FIELD(TH_LOG_MESSAGE)};

th_log_format th_log_format_default = {
    .pieces = default_pieces,
    .count = sizeof default_pieces / sizeof *default_pieces,
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/** Read "(name)" at `*at`: sets field and kind, and moves past it. */
static bool read_field(th_log_piece *piece, const char **at)
{
    const char *name = *at + 1;
    const char *end = **at == '(' ? strchr(name, ')') : NULL;
    if (end == NULL)
        return false;
    size_t bytes = (size_t)(end - name);
    for (int which = 0; which < TH_LOG_FIELDS; which++) {
        if (strlen(fields[which].name) == bytes && memcmp(fields[which].name, name, bytes) == 0) {
            piece->field = (th_log_field)which;
            piece->kind = fields[which].kind;
            *at = end + 1;
            return true;
        }
    }
    return false;
}

/** Read the flags at `*at`, and move past them. */
static void read_flags(th_log_piece *piece, const char **at)
{
    for (;; ++*at) {
        switch (**at) {
        case '-': piece->left = true; break;
        case '0': piece->zero = true; break;
        case '+': piece->plus = true; break;
        case ' ': piece->space = true; break;
        case '#': piece->alternate = true; break;
        default: return;
        }
    }
}

/** Read a number, which may be missing, at `*at`, and move past it. */
static bool read_number(int *ret_number, const char **at)
{
    int number = 0;
    for (; is_digit(**at); ++*at) {
        number = number * 10 + (**at - '0');
        if (number > TH_LOG_WIDTH_MAX)
            return false;
    }
    *ret_number = number;
    return true;
}

/** Whether a value of `kind` can be shown by `conversion`. */
static bool conversion_fits(th_log_kind kind, char conversion)
{
    static const char *const fitting[] = {
        [TH_LOG_TEXT] = "sra",
        [TH_LOG_INTEGER] = "sradiuxXoeEfFgG",
        [TH_LOG_REAL] = "sradiueEfFgG",
    };
    return conversion != '\0' && strchr(fitting[kind], conversion) != NULL;
}

/** Read what follows a percent sign that begins a field, and move past it. */
static bool read_piece(th_log_piece *piece, const char **at)
{
    *piece = (th_log_piece){.precision = -1};
    if (!read_field(piece, at))
        return false;
    read_flags(piece, at);
    if (!read_number(&piece->width, at))
        return false;
    if (**at == '.') {
        ++*at;
        if (!read_number(&piece->precision, at))
            return false;
    }
    if (**at == 'h' || **at == 'l' || **at == 'L') /* of C, and ignored, as in Python */
        ++*at;
    piece->conversion = **at;
    if (!conversion_fits(piece->kind, piece->conversion))
        return false;
    ++*at;
    return true;
}

/** Fill `pieces` from `text`. Python refuses a format without a single field, and so does this. */
static int read_format(th_log_piece *pieces, size_t *ret_count, const char *text)
{
    size_t count = 0;
    bool has_field = false;
    for (const char *at = text; *at != '\0';) {
        th_log_piece *piece = &pieces[count++];
        if (*at == '%' && at[1] != '%') {
            at++;
            if (!read_piece(piece, &at))
                return THRUM_EINVAL;
            has_field = true;
            continue;
        }
        at += *at == '%'; /* the second sign of "%%" is the text */
        size_t bytes = 1 + strcspn(at + 1, "%");
        *piece =
            (th_log_piece){.field = TH_LOG_LITERAL, .precision = -1, .text = at, .bytes = bytes};
        at += bytes;
    }
    *ret_count = count;
    return has_field ? 0 : THRUM_EINVAL;
}

/** How many pieces `text` has at most: one for each percent sign and one after it. */
static size_t count_pieces_at_most(const char *text)
{
    size_t count = 1;
    for (; (text = strchr(text, '%')) != NULL; text++)
        count += 2;
    return count;
}

int th_log_format_new(const char *text, const char *datefmt, th_log_format **ret_format)
{
    if (text == NULL) {
        *ret_format = &th_log_format_default;
        return 0;
    }
    if (*text == '\0')
        text = "%(message)s";
    size_t text_bytes = strlen(text) + 1;
    size_t date_bytes = datefmt != NULL && *datefmt != '\0' ? strlen(datefmt) + 2 : 0;
    size_t pieces_bytes = count_pieces_at_most(text) * sizeof(th_log_piece);
    th_log_format *format = th_alloc(sizeof *format + pieces_bytes + text_bytes + date_bytes);
    if (format == NULL)
        return THRUM_ENOMEM;
    th_log_piece *pieces = (th_log_piece *)(format + 1);
    char *text_copy = (char *)pieces + pieces_bytes;
    memcpy(text_copy, text, text_bytes);
    if (date_bytes > 0) {
        char *date_copy = text_copy + text_bytes;
        date_copy[0] = ' ';
        memcpy(date_copy + 1, datefmt, date_bytes - 1);
        format->datefmt = date_copy;
    }
    format->pieces = pieces;
    int status = read_format(pieces, &format->count, text_copy);
    const char *date;
    if (status == 0) {
        th_log_format_date(format, 0, &date);
        status = format->date_bytes > 0 ? 0 : THRUM_EINVAL;
    }
    if (status != 0) {
        th_log_format_free(format);
        return status;
    }
    *ret_format = format;
    return 0;
}

void th_log_format_free(th_log_format *format)
{
    if (format != &th_log_format_default)
        th_free(format);
}

size_t th_log_format_date(th_log_format *format, time_t second, const char **ret_date)
{
    if (format->date_bytes == 0 || format->date_second != second) {
        const char *datefmt = format->datefmt != NULL ? format->datefmt : " %Y-%m-%d %H:%M:%S";
        struct tm when = {0};
        format->date_bytes = 0;
        if (localtime_r(&second, &when) != NULL) /* NULL: a year that an int does not hold */
            format->date_bytes = strftime(format->date, sizeof format->date, datefmt, &when);
        format->date_second = second;
    }
    if (format->date_bytes == 0) {
        *ret_date = TH_LOG_TRUNCATED;
        return sizeof TH_LOG_TRUNCATED - 1;
    }
    *ret_date = format->date + 1;
    return format->date_bytes - 1;
}
