/* SPDX-License-Identifier: MIT */
/** @file
 *  Log formats: what is understood, what is refused, and the dates. */
#include "observe/log_format.h"

#include <stdlib.h>
#include <string.h>

#include "runner.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static th_log_format *compile(const char *text)
{
    th_log_format *format = NULL;
    CHECK_STATUS(th_log_format_new(text, NULL, &format), 0);
    CHECK(format != NULL);
    return format;
}

static void check_literal(const th_log_piece *piece, const char *text)
{
    CHECK_EQ(piece->field, TH_LOG_LITERAL);
    CHECK_EQ(piece->bytes, strlen(text));
    CHECK(memcmp(piece->text, text, piece->bytes) == 0);
}

TEST(log_format, compiles_into_pieces)
{
    th_log_format *format = compile("[%(levelname)-8s] 100%% %(msecs)03d%%%(message).5s!");
    CHECK_EQ(format->count, 8);
    check_literal(&format->pieces[0], "[");
    CHECK_EQ(format->pieces[1].field, TH_LOG_LEVELNAME);
    CHECK_EQ(format->pieces[1].kind, TH_LOG_TEXT);
    CHECK_EQ(format->pieces[1].conversion, 's');
    CHECK(format->pieces[1].left);
    CHECK_EQ(format->pieces[1].width, 8);
    CHECK_EQ(format->pieces[1].precision, -1);
    check_literal(&format->pieces[2], "] 100");
    check_literal(&format->pieces[3], "% ");
    CHECK_EQ(format->pieces[4].field, TH_LOG_MSECS);
    CHECK_EQ(format->pieces[4].kind, TH_LOG_REAL);
    CHECK_EQ(format->pieces[4].conversion, 'd');
    CHECK(format->pieces[4].zero && !format->pieces[4].left);
    CHECK_EQ(format->pieces[4].width, 3);
    check_literal(&format->pieces[5], "%");
    CHECK_EQ(format->pieces[6].field, TH_LOG_MESSAGE);
    CHECK_EQ(format->pieces[6].precision, 5);
    check_literal(&format->pieces[7], "!");
    th_log_format_free(format);
}

TEST(log_format, keeps_no_reference_to_the_text)
{
    char text[] = "literal %(message)s";
    char date[] = "year %Y";
    th_log_format *format = NULL;
    CHECK_STATUS(th_log_format_new(text, date, &format), 0);
    memset(text, '?', sizeof text - 1);
    memset(date, '?', sizeof date - 1);
    check_literal(&format->pieces[0], "literal ");
    CHECK_STR(format->datefmt, " year %Y");
    th_log_format_free(format);
}

TEST(log_format, reads_every_flag)
{
    th_log_format *format = compile("%(lineno)-0+ #12.34x");
    const th_log_piece *piece = format->pieces;
    CHECK(piece->left && piece->zero && piece->plus && piece->space && piece->alternate);
    CHECK_EQ(piece->width, 12);
    CHECK_EQ(piece->precision, 34);
    CHECK_EQ(piece->conversion, 'x');
    th_log_format_free(format);
}

TEST(log_format, knows_every_field)
{
    static const struct {
        const char *text;
        th_log_field field;
    } known[] = {
        {"%(asctime)s", TH_LOG_ASCTIME},
        {"%(created)f", TH_LOG_CREATED},
        {"%(filename)s", TH_LOG_FILENAME},
        {"%(funcName)s", TH_LOG_FUNC_NAME},
        {"%(levelname)s", TH_LOG_LEVELNAME},
        {"%(levelno)d", TH_LOG_LEVELNO},
        {"%(lineno)d", TH_LOG_LINENO},
        {"%(message)s", TH_LOG_MESSAGE},
        {"%(module)s", TH_LOG_MODULE},
        {"%(msecs)d", TH_LOG_MSECS},
        {"%(name)s", TH_LOG_NAME},
        {"%(pathname)s", TH_LOG_PATHNAME},
        {"%(process)d", TH_LOG_PROCESS},
        {"%(processName)s", TH_LOG_PROCESS_NAME},
        {"%(thread)d", TH_LOG_THREAD},
        {"%(threadName)s", TH_LOG_THREAD_NAME},
        {"%(relativeCreated)d", TH_LOG_RELATIVE_CREATED},
    };
    CHECK_EQ(LENGTH(known), TH_LOG_FIELDS);
    for (size_t i = 0; i < LENGTH(known); i++) {
        th_log_format *format = compile(known[i].text);
        CHECK_EQ(format->count, 1);
        CHECK_EQ(format->pieces[0].field, known[i].field);
        th_log_format_free(format);
    }
}

TEST(log_format, the_default_is_what_its_text_compiles_into)
{
    th_log_format *format = compile("%(levelname)s:%(name)s:%(message)s");
    CHECK_EQ(format->count, th_log_format_default.count);
    for (size_t i = 0; i < format->count; i++) {
        const th_log_piece *a = &format->pieces[i];
        const th_log_piece *b = &th_log_format_default.pieces[i];
        CHECK_EQ(a->field, b->field);
        CHECK_EQ(a->kind, b->kind);
        CHECK_EQ(a->conversion, b->conversion);
        CHECK_EQ(a->width, b->width);
        CHECK_EQ(a->precision, b->precision);
        CHECK_EQ(a->bytes, b->bytes);
        CHECK(!b->left && !b->zero && !b->plus && !b->space && !b->alternate);
        CHECK(a->bytes == 0 || memcmp(a->text, b->text, a->bytes) == 0);
    }
    th_log_format_free(format);
}

TEST(log_format, null_is_the_default_and_needs_no_memory)
{
    test_fail_allocations_from(1);
    CHECK_PTR(compile(NULL), &th_log_format_default);
    test_fail_allocations_from(0);
    th_log_format_free(&th_log_format_default);
    th_log_format_free(NULL);
}

TEST(log_format, empty_is_the_message_alone)
{
    th_log_format *format = compile("");
    CHECK_EQ(format->count, 1);
    CHECK_EQ(format->pieces[0].field, TH_LOG_MESSAGE);
    th_log_format_free(format);
}

TEST(log_format, refuses_what_is_malformed)
{
    static const char *const wrong[] = {
        "no field",
        "%%",
        "%",
        "%(message)s %",
        "%s",
        "%d %(message)s",
        "%(",
        "%()s",
        "%(message",
        "%(message)",
        "%(message) ",
        "%(message)-",
        "%(message)10",
        "%(message)10.",
        "%(message)l",
        "%(messages)s",
        "%(messag)s",
        "%(Message)s",
        "%( message)s",
        "%(taskName)s",
        "%(message)d",
        "%(message)x",
        "%(message)f",
        "%(message)c",
        "%(message)n",
        "%(message)%",
        "%(asctime)d",
        "%(threadName)d",
        "%(lineno)c",
        "%(lineno)p",
        "%(created)x",
        "%(created)o",
        "%(msecs)X",
        "%(message)*s",
        "%(message).*s",
        "%(message).-1s",
        "%(message)lls",
        "%(message)10000s",
        "%(message).10000s",
        "%(message)99999999999999999999s",
        "%(message)s %(nosuch)s",
    };
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        th_log_format *format = NULL;
        if (th_log_format_new(wrong[i], NULL, &format) != THRUM_EINVAL)
            FAIL("\"%s\" is not refused", wrong[i]);
        CHECK_PTR(format, NULL);
    }
}

TEST(log_format, survives_every_allocation_failing)
{
    TEST_SWEEP_ALLOCATIONS
    {
        th_log_format *format = NULL;
        int status = th_log_format_new("%(asctime)s %(message)s", "%H:%M:%S", &format);
        CHECK_STATUS(status, test_failures_injected() > 0 ? THRUM_ENOMEM : 0);
        CHECK((format != NULL) == (status == 0));
        th_log_format_free(format);
    }
}

/* ---- dates ---- */

/** Central Europe, without need of a time zone database. */
static void live_in_central_europe(void)
{
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
}

static void check_date(th_log_format *format, time_t second, const char *wanted)
{
    const char *date = NULL;
    size_t bytes = th_log_format_date(format, second, &date);
    CHECK_EQ(bytes, strlen(wanted));
    CHECK(memcmp(date, wanted, bytes) == 0);
}

TEST(log_format, dates_are_local)
{
    live_in_central_europe();
    th_log_format *format = NULL;
    CHECK_STATUS(th_log_format_new("%(asctime)s", "%d.%m.%y %H:%M:%S %Z", &format), 0);
    check_date(format, 1700000000, "14.11.23 23:13:20 CET");
    check_date(format, 1700000000, "14.11.23 23:13:20 CET");
    check_date(format, 1700000001, "14.11.23 23:13:21 CET");
    check_date(format, 1690000000, "22.07.23 06:26:40 CEST");
    check_date(format, 0, "01.01.70 01:00:00 CET");
    check_date(format, -1, "01.01.70 00:59:59 CET");
    th_log_format_free(format);
}

TEST(log_format, the_default_date_is_pythons)
{
    live_in_central_europe();
    static const char *const unset[] = {NULL, ""};
    for (size_t i = 0; i < LENGTH(unset); i++) {
        th_log_format *format = NULL;
        CHECK_STATUS(th_log_format_new("%(asctime)s", unset[i], &format), 0);
        CHECK_PTR(format->datefmt, NULL);
        check_date(format, 1700000000, "2023-11-14 23:13:20");
        th_log_format_free(format);
    }
}

TEST(log_format, a_date_may_be_empty)
{
    th_log_format *format = compile("%(asctime)s");
    format->datefmt = " "; /* what "%p" comes to where a language has no such words */
    check_date(format, 1700000000, "");
    check_date(format, 1700000000, "");
    th_log_format_free(format);
}

TEST(log_format, refuses_a_date_that_is_too_long)
{
    char date[TH_LOG_DATE_BYTES + 1];
    memset(date, 'x', sizeof date);
    th_log_format *format = NULL;
    date[TH_LOG_DATE_BYTES] = '\0';
    CHECK_STATUS(th_log_format_new("%(asctime)s", date, &format), THRUM_EINVAL);
    date[TH_LOG_DATE_BYTES - 1] = '\0';
    CHECK_STATUS(th_log_format_new("%(asctime)s", date, &format), 0);
    check_date(format, 1700000000, date);
    th_log_format_free(format);
}

TEST(log_format, a_date_that_is_too_long_later_is_marked)
{
    char date[TH_LOG_DATE_BYTES];
    setenv("TZ", "ABC-1", 1);
    tzset();
    memset(date, 'x', sizeof date);
    strcpy(date + sizeof date - 7, "%Z");
    th_log_format *format = NULL;
    CHECK_STATUS(th_log_format_new("%(asctime)s", date, &format), 0);
    setenv("TZ", "ABCDEFGHIJ-1", 1);
    tzset();
    check_date(format, 1700000000, "[truncated]");
    setenv("TZ", "ABC-1", 1);
    tzset();
    const char *shown = NULL;
    CHECK_EQ(th_log_format_date(format, 1700000001, &shown), TH_LOG_DATE_BYTES - 4);
    th_log_format_free(format);
}

TEST(log_format, a_year_beyond_all_years_is_marked)
{
    th_log_format *format = compile("%(asctime)s");
    check_date(format, INT64_MAX, "[truncated]");
    th_log_format_free(format);
}
