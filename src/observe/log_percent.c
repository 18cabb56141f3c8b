/* SPDX-License-Identifier: MIT */
/** @file
 *  Log percent.
 *
 *  Purpose     Show a value as Python's percent operator would, to the last zero.
 *  Protocol    A value becomes a body, which is what stands between the padding, and is put with
 *              its sign or prefix.
 *  Invariants  Widths and precisions of text count characters, as in Python, not bytes, so a UTF-8
 *              character is never cut. A number's decimal point is a point, whatever the program's
 *              locale says.
 *  Rejected    Handing the pieces to snprintf: C and Python differ in `#o`, in `.0d` of zero, in a
 *              float shown by %d or %s, in characters, and in the locale.
 */
#include "observe/log_percent.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_BYTES 24

static bool starts_character(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80;
}

static size_t count_characters(const char *text, size_t bytes)
{
    size_t count = 0;
    for (size_t i = 0; i < bytes; i++)
        count += starts_character(text[i]);
    return count;
}

/** The bytes of the first `characters` characters. */
static size_t cut_characters(const char *text, size_t bytes, size_t characters)
{
    size_t count = 0;
    for (size_t i = 0; i < bytes; i++) {
        count += starts_character(text[i]);
        if (count > characters)
            return i;
    }
    return bytes;
}

static void put_text(th_log_line *line, const th_log_piece *piece, const char *text, size_t bytes)
{
    if (piece->precision >= 0)
        bytes = cut_characters(text, bytes, (size_t)piece->precision);
    size_t padding = 0;
    if (piece->width > 0) {
        size_t characters = count_characters(text, bytes);
        size_t width = (size_t)piece->width;
        padding = width > characters ? width - characters : 0;
    }
    if (!piece->left)
        th_log_line_fill(line, ' ', padding);
    th_log_line_append(line, text, bytes);
    if (piece->left)
        th_log_line_fill(line, ' ', padding);
}

/** The code point at `*at`, which moves past it; a byte that is no UTF-8 stands for itself. */
static uint32_t next_character(const char **at, const char *end)
{
    const unsigned char *bytes = (const unsigned char *)*at;
    const size_t left = (size_t)(end - *at);
    const size_t wanted = bytes[0] >= 0xF0 ? 4 : bytes[0] >= 0xE0 ? 3 : bytes[0] >= 0xC0 ? 2 : 1;
    uint32_t code = bytes[0];
    size_t used = 1;
    if (wanted > 1 && wanted <= left) {
        code = bytes[0] & (0x7FU >> wanted);
        while (used < wanted && (bytes[used] & 0xC0) == 0x80)
            code = code << 6 | (bytes[used++] & 0x3FU);
        if (used < wanted) {
            code = bytes[0];
            used = 1;
        }
    }
    *at += used;
    return code;
}

/** Append one character of a repr whose quote is `quote`; `ascii` escapes all that is not ASCII. */
static void quote_character(th_log_line *line, const char *text, size_t bytes, uint32_t code,
                            char quote, bool ascii)
{
    if (code == '\n')
        th_log_line_append(line, "\\n", 2);
    else if (code == '\r')
        th_log_line_append(line, "\\r", 2);
    else if (code == '\t')
        th_log_line_append(line, "\\t", 2);
    else if (code == '\\' || code == (unsigned char)quote)
        th_log_line_printf(line, "\\%c", (char)code);
    else if ((code >= 0x20 && code < 0x7F) || (code > 0xA0 && code != 0xAD && bytes > 1 && !ascii))
        th_log_line_append(line, text, bytes);
    else if (code < 0x100)
        th_log_line_printf(line, "\\x%02x", code);
    else
        th_log_line_printf(line, code < 0x10000 ? "\\u%04x" : "\\U%08x", code);
}

/** Append Python's repr of a str, or its ascii. Of the characters that Python escapes because they
 *  show nothing, those below U+0100 are escaped here. */
static void quote_text(th_log_line *line, const char *text, size_t bytes, bool ascii)
{
    bool has_single = memchr(text, '\'', bytes) != NULL;
    char quote = has_single && memchr(text, '"', bytes) == NULL ? '"' : '\'';
    th_log_line_fill(line, quote, 1);
    for (const char *at = text; at < text + bytes;) {
        const char *start = at;
        uint32_t code = next_character(&at, text + bytes);
        quote_character(line, start, (size_t)(at - start), code, quote, ascii);
    }
    th_log_line_fill(line, quote, 1);
}

void th_log_percent_text(th_log_line *line, const th_log_piece *piece, const char *text,
                         size_t bytes)
{
    if (piece->conversion == 's') {
        put_text(line, piece, text, bytes);
        return;
    }
    th_log_line quoted;
    th_log_line_init(&quoted);
    quote_text(&quoted, text, bytes, piece->conversion == 'a');
    put_text(line, piece, quoted.text, quoted.used);
    line->truncated = line->truncated || quoted.truncated;
    th_log_line_fini(&quoted);
}

/** Put a number: a sign or prefix, zeros, digits, within the piece's width. */
static void put_number(th_log_line *line, const th_log_piece *piece, const char *prefix,
                       size_t zeros, const char *digits, size_t bytes)
{
    size_t prefix_bytes = strlen(prefix);
    size_t filled = prefix_bytes + zeros + bytes;
    size_t width = (size_t)piece->width;
    size_t padding = width > filled ? width - filled : 0;
    if (piece->zero && !piece->left) {
        zeros += padding;
        padding = 0;
    }
    if (!piece->left)
        th_log_line_fill(line, ' ', padding);
    th_log_line_append(line, prefix, prefix_bytes);
    th_log_line_fill(line, '0', zeros);
    th_log_line_append(line, digits, bytes);
    if (piece->left)
        th_log_line_fill(line, ' ', padding);
}

static const char *sign_of(const th_log_piece *piece, bool negative)
{
    return negative ? "-" : piece->plus ? "+" : piece->space ? " " : "";
}

/** Put an int by one of d i u x X o. */
static void put_integer(th_log_line *line, const th_log_piece *piece, bool negative,
                        uint64_t magnitude)
{
    const char conversion = piece->conversion;
    const unsigned base = conversion == 'o' ? 8 : conversion == 'x' || conversion == 'X' ? 16 : 10;
    const char *figures = conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    char digits[DIGITS_BYTES];
    size_t first = sizeof digits;
    do {
        digits[--first] = figures[magnitude % base];
        magnitude /= base;
    } while (magnitude > 0);
    size_t bytes = sizeof digits - first;
    char prefix[4];
    const char base_mark[] = {'0', conversion, '\0'};
    snprintf(prefix, sizeof prefix, "%s%s", sign_of(piece, negative),
             piece->alternate && base != 10 ? base_mark : "");
    size_t wanted = piece->precision > 0 ? (size_t)piece->precision : 0;
    put_number(line, piece, prefix, wanted > bytes ? wanted - bytes : 0, digits + first, bytes);
}

/** Append a float that is not negative by one of e E f F g G. */
static void append_real(th_log_line *line, const th_log_piece *piece, double real)
{
    const int precision = piece->precision >= 0 ? piece->precision : 6;
    const bool alternate = piece->alternate;
    switch (piece->conversion) {
    case 'e': th_log_line_printf(line, alternate ? "%#.*e" : "%.*e", precision, real); break;
    case 'E': th_log_line_printf(line, alternate ? "%#.*E" : "%.*E", precision, real); break;
    case 'g': th_log_line_printf(line, alternate ? "%#.*g" : "%.*g", precision, real); break;
    case 'G': th_log_line_printf(line, alternate ? "%#.*G" : "%.*G", precision, real); break;
    default: th_log_line_printf(line, alternate ? "%#.*f" : "%.*f", precision, real); break;
    }
}

/** Append Python's repr of a float: the fewest decimals that read back as the same number, and at
 *  least one. Times are too large, or too coarse, for the exponents of other floats. */
static void append_real_repr(th_log_line *line, double real)
{
    char text[64];
    int decimals = 0;
    do {
        snprintf(text, sizeof text, "%.*f", ++decimals, real);
    } while (decimals < 17 && strtod(text, NULL) != real);
    th_log_line_append(line, text, strlen(text));
}

static bool shows_integer(char conversion)
{
    return strchr("diuxXo", conversion) != NULL;
}

void th_log_percent_real(th_log_line *line, const th_log_piece *piece, double real)
{
    const bool negative = real < 0;
    if (shows_integer(piece->conversion)) {
        uint64_t magnitude = (uint64_t)(negative ? -real : real);
        put_integer(line, piece, negative && magnitude > 0, magnitude);
        return;
    }
    th_log_line body;
    th_log_line_init(&body);
    locale_t point = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t programs = uselocale(point); /* without memory for one: the program's own */
    if (strchr("sra", piece->conversion) != NULL) {
        append_real_repr(&body, real);
        put_text(line, piece, body.text, body.used);
    } else {
        append_real(&body, piece, negative ? -real : real);
        put_number(line, piece, sign_of(piece, negative), 0, body.text, body.used);
    }
    uselocale(programs);
    if (point != (locale_t)0)
        freelocale(point);
    line->truncated = line->truncated || body.truncated;
    th_log_line_fini(&body);
}

void th_log_percent_integer(th_log_line *line, const th_log_piece *piece, bool negative,
                            uint64_t magnitude)
{
    if (shows_integer(piece->conversion)) {
        put_integer(line, piece, negative, magnitude);
    } else if (strchr("sra", piece->conversion) != NULL) {
        th_log_piece plain = {.conversion = 'd', .precision = -1};
        th_log_line text;
        th_log_line_init(&text);
        put_integer(&text, &plain, negative, magnitude);
        put_text(line, piece, text.text, text.used);
        th_log_line_fini(&text);
    } else {
        double real = (double)magnitude;
        th_log_percent_real(line, piece, negative ? -real : real);
    }
}
