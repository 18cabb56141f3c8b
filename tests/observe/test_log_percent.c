/* SPDX-License-Identifier: MIT */
/** @file
 *  Python's percent operator, value by value; the wanted texts are what Python shows. */
#include "observe/log_percent.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "runner.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/** The only piece of a format whose field has the wanted type. */
static th_log_format *compile(const char *field, const char *how)
{
    char text[64];
    th_log_format *format = NULL;
    snprintf(text, sizeof text, "%%(%s)%s", field, how);
    CHECK_STATUS(th_log_format_new(text, NULL, &format), 0);
    CHECK_EQ(format->count, 1);
    return format;
}

static void check_line(th_log_line *line, const char *how, const char *wanted)
{
    if (line->used != strlen(wanted) || memcmp(line->text, wanted, line->used) != 0)
        FAIL("%%%s gives \"%.*s\", not \"%s\"", how, (int)line->used, line->text, wanted);
    CHECK(!line->truncated);
    th_log_line_fini(line);
}

static void check_text(const char *how, const char *text, const char *wanted)
{
    th_log_format *format = compile("message", how);
    th_log_line line;
    th_log_line_init(&line);
    th_log_percent_text(&line, format->pieces, text, strlen(text));
    check_line(&line, how, wanted);
    th_log_format_free(format);
}

static void check_integer(const char *how, long number, const char *wanted)
{
    th_log_format *format = compile("lineno", how);
    th_log_line line;
    th_log_line_init(&line);
    uint64_t magnitude = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    th_log_percent_integer(&line, format->pieces, number < 0, magnitude);
    check_line(&line, how, wanted);
    th_log_format_free(format);
}

static void check_real(const char *how, double real, const char *wanted)
{
    th_log_format *format = compile("created", how);
    th_log_line line;
    th_log_line_init(&line);
    th_log_percent_real(&line, format->pieces, real);
    check_line(&line, how, wanted);
    th_log_format_free(format);
}

TEST(log_percent, pads_and_cuts_text)
{
    check_text("s", "", "");
    check_text("s", "INFO", "INFO");
    check_text("8s", "INFO", "    INFO");
    check_text("-8s", "INFO", "INFO    ");
    check_text("2s", "INFO", "INFO");
    check_text(".2s", "INFO", "IN");
    check_text(".0s", "INFO", "");
    check_text(".s", "INFO", "");
    check_text("6.2s", "INFO", "    IN");
    check_text("-6.2s", "INFO", "IN    ");
    check_text("08s", "INFO", "    INFO");
    check_text("#+ 8s", "INFO", "    INFO");
}

TEST(log_percent, counts_characters_not_bytes)
{
    check_text("6s", "d\xC3\xBC\xC3\xBC", "   d\xC3\xBC\xC3\xBC");
    check_text("-6s", "d\xC3\xBC\xC3\xBC", "d\xC3\xBC\xC3\xBC   ");
    check_text(".2s", "d\xC3\xBC\xC3\xBC", "d\xC3\xBC");
    check_text("3.1s", "\xF0\x9F\x90\x8D!", "  \xF0\x9F\x90\x8D");
}

TEST(log_percent, shows_the_repr_of_text)
{
    check_text("r", "plain", "'plain'");
    check_text("r", "it's", "\"it's\"");
    check_text("r", "\"it\"", "'\"it\"'");
    check_text("r", "it's \"it\"", "'it\\'s \"it\"'");
    check_text("r", "a\\b\n\r\t\x01\x1f\x7f", "'a\\\\b\\n\\r\\t\\x01\\x1f\\x7f'");
    check_text("r", "\xC2\x80\xC2\xA0\xC2\xAD", "'\\x80\\xa0\\xad'");
    check_text("r", "\xC3\xBC\xE2\x82\xAC\xF0\x9F\x90\x8D",
               "'\xC3\xBC\xE2\x82\xAC\xF0\x9F\x90\x8D'");
    check_text("a", "\xC3\xBC\xE2\x82\xAC\xF0\x9F\x90\x8D", "'\\xfc\\u20ac\\U0001f40d'");
    check_text("8r", "abc", "   'abc'");
    check_text("-8.3r", "abc", "'ab     ");
}

TEST(log_percent, shows_bytes_that_are_no_characters)
{
    check_text("r", "\xFF\xC3", "'\\xff\\xc3'");
    check_text("a", "\xE2\x82", "'\\xe2\\x82'");
    check_text("a", "\xE2(\xA1", "'\\xe2(\\xa1'");
    check_text("s", "\xFF\xC3", "\xFF\xC3");
}

TEST(log_percent, shows_integers)
{
    check_integer("d", 0, "0");
    check_integer("d", 42, "42");
    check_integer("i", -42, "-42");
    check_integer("u", 42, "42");
    check_integer("5d", 42, "   42");
    check_integer("-5d", 42, "42   ");
    check_integer("05d", 42, "00042");
    check_integer("05d", -42, "-0042");
    check_integer("-05d", 42, "42   ");
    check_integer("+d", 42, "+42");
    check_integer(" d", 42, " 42");
    check_integer("+ d", 42, "+42");
    check_integer("+06d", 42, "+00042");
    check_integer(".5d", 42, "00042");
    check_integer("8.5d", -42, "  -00042");
    check_integer(".0d", 0, "0");
    check_integer("#d", 42, "42");
    check_integer("ld", 42, "42");
    check_integer("x", 255, "ff");
    check_integer("X", 255, "FF");
    check_integer("o", 8, "10");
    check_integer("#x", 255, "0xff");
    check_integer("#X", 255, "0XFF");
    check_integer("#o", 8, "0o10");
    check_integer("#010x", -255, "-0x00000ff");
    check_integer("#x", 0, "0x0");
    check_integer("20d", INT64_MIN, "-9223372036854775808");
}

TEST(log_percent, shows_integers_as_text_and_floats)
{
    check_integer("s", -42, "-42");
    check_integer("5s", 42, "   42");
    check_integer("05s", 42, "   42");
    check_integer(".1s", 42, "4");
    check_integer("r", 42, "42");
    check_integer("a", 42, "42");
    check_integer("f", -42, "-42.000000");
    check_integer("08.2f", 42, "00042.00");
    check_integer(".1e", 42, "4.2e+01");
    check_integer("G", 42, "42");
}

TEST(log_percent, shows_floats)
{
    check_real("f", 123.75, "123.750000");
    check_real("F", 123.75, "123.750000");
    check_real(".3f", 1700000000.1234567, "1700000000.123");
    check_real(".0f", 123.75, "124");
    check_real("#.0f", 123.75, "124.");
    check_real("010.2f", 123.75, "0000123.75");
    check_real("-10.2f", 123.75, "123.75    ");
    check_real("+.1f", 123.75, "+123.8");
    check_real(" .1f", 123.75, " 123.8");
    check_real("08.1f", -0.5, "-00000.5");
    check_real("e", 123.75, "1.237500e+02");
    check_real(".2E", 123.75, "1.24E+02");
    check_real("g", 123.75, "123.75");
    check_real("#g", 123.75, "123.750");
    check_real(".2G", 1e9, "1E+09");
    check_real("#.2G", 1e9, "1.0E+09");
    check_real("#.0e", 1e9, "1.e+09");
    check_real("#.0E", 1e9, "1.E+09");
    check_real(".40f", 0.1, "0.1000000000000000055511151231257827021182");
}

TEST(log_percent, shows_floats_as_integers_and_text)
{
    check_real("d", 123.0, "123");
    check_real("03d", 7.0, "007");
    check_real("i", 123.99, "123");
    check_real("u", 0.5, "0");
    check_real("d", -0.5, "0");
    check_real("d", -1.5, "-1");
    check_real("s", 123.0, "123.0");
    check_real("s", 0.0, "0.0");
    check_real("s", 0.1, "0.1");
    check_real("s", -2.5, "-2.5");
    check_real("r", 1700000000.1234567, "1700000000.1234567");
    check_real("s", 1700000000.0, "1700000000.0");
    check_real("10s", 7.25, "      7.25");
    check_real("010s", 7.25, "      7.25");
    check_real(".3s", 123.75, "123");
}

TEST(log_percent, a_point_is_a_point_in_every_locale)
{
    static const char *const with_comma[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    const char *found = NULL;
    for (size_t i = 0; i < LENGTH(with_comma) && found == NULL; i++)
        found = setlocale(LC_NUMERIC, with_comma[i]);
    if (found == NULL)
        fprintf(stderr, "no locale with a decimal comma is installed: only C is looked at\n");
    check_real(".2f", 123.75, "123.75");
    check_real("s", 123.75, "123.75");
    check_integer(".1e", 42, "4.2e+01");
    char shown[16];
    snprintf(shown, sizeof shown, "%.1f", 0.5); /* the program's locale is untouched */
    CHECK_STR(shown, found != NULL ? "0,5" : "0.5");
}

TEST(log_percent, without_memory_is_cut_and_marked)
{
    th_log_format *format = compile("created", "9999.100f");
    th_log_format *repr = compile("message", "r");
    char text[4096];
    memset(text, '\n', sizeof text);
    TEST_SWEEP_ALLOCATIONS
    {
        th_log_line line;
        th_log_line_init(&line);
        th_log_percent_real(&line, format->pieces, 1.5);
        CHECK(line.truncated || line.used == 9999);
        th_log_percent_text(&line, repr->pieces, text, sizeof text);
        CHECK(line.truncated == (test_failures_injected() > 0));
        CHECK(line.truncated || line.used == 9999 + 2 * sizeof text + 2);
        th_log_line_finish(&line);
        th_log_line_fini(&line);
    }
    th_log_format_free(format);
    th_log_format_free(repr);
}
