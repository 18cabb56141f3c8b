/* SPDX-License-Identifier: MIT */
/** @file
 *  Log lines: text that grows, and is cut with a mark when there is no memory. */
#include "observe/log_line.h"

#include <errno.h>
#include <string.h>
#include <wchar.h>

#include "runner.h"

#define MARK_BYTES (sizeof TH_LOG_TRUNCATED - 1)

/** th_log_line_vprintf, from arguments. Unchecked: %m is no ISO C. */
static bool print(th_log_line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool formatted = th_log_line_vprintf(line, format, args);
    va_end(args);
    return formatted;
}

static bool ends_in(const th_log_line *line, const char *end)
{
    size_t bytes = strlen(end);
    return line->used >= bytes && memcmp(line->text + line->used - bytes, end, bytes) == 0;
}

/** Whether the text is `count` times `c`, from `start` on. */
static bool is_run(const th_log_line *line, size_t start, char c, size_t count)
{
    for (size_t i = start; i < start + count; i++)
        if (i >= line->used || line->text[i] != c)
            return false;
    return true;
}

TEST(log_line, short_text_needs_no_memory)
{
    th_log_line line;
    th_log_line_init(&line);
    unsigned long before = test_allocations();
    th_log_line_append(&line, "one ", 4);
    th_log_line_fill(&line, '-', 3);
    CHECK(print(&line, " %d%s", 2, "!"));
    th_log_line_printf(&line, "%x", 255U);
    th_log_line_finish(&line);
    CHECK_EQ(line.used, 13);
    CHECK(memcmp(line.text, "one --- 2!ff\n", 13) == 0);
    CHECK_EQ(test_allocations(), before);
    th_log_line_fini(&line);
}

TEST(log_line, grows_as_far_as_needed)
{
    th_log_line line;
    th_log_line_init(&line);
    for (int i = 0; i < 100; i++)
        th_log_line_append(&line, "0123456789", 10);
    th_log_line_fill(&line, 'x', 100000);
    CHECK_EQ(line.used, 101000);
    CHECK(memcmp(line.text + 990, "0123456789", 10) == 0);
    CHECK(is_run(&line, 1000, 'x', 100000));
    CHECK(!line.truncated);
    th_log_line_fini(&line);
}

TEST(log_line, printf_meets_every_edge_of_the_buffer)
{
    for (int width = TH_LOG_LINE_BYTES - 3; width <= TH_LOG_LINE_BYTES + 3; width++) {
        th_log_line line;
        th_log_line_init(&line);
        CHECK(print(&line, "%*s", width, "x"));
        CHECK_EQ(line.used, width);
        CHECK(is_run(&line, 0, ' ', (size_t)width - 1));
        CHECK_EQ(line.text[width - 1], 'x');
        th_log_line_finish(&line);
        CHECK_EQ(line.used, width + 1);
        CHECK(ends_in(&line, "x\n"));
        th_log_line_fini(&line);
    }
}

TEST(log_line, keeps_zero_bytes)
{
    th_log_line line;
    th_log_line_init(&line);
    CHECK(print(&line, "a%cb", '\0'));
    CHECK_EQ(line.used, 3);
    CHECK(memcmp(line.text, "a\0b", 3) == 0);
    th_log_line_fini(&line);
}

TEST(log_line, shows_the_errno_of_the_call_whether_it_grows_or_not)
{
    const char *wanted = strerror(ENOENT);
    for (int width = 1; width <= 2 * TH_LOG_LINE_BYTES; width += 2 * TH_LOG_LINE_BYTES - 1) {
        th_log_line line;
        th_log_line_init(&line);
        errno = ENOENT;
        CHECK(print(&line, "%*s%m", width, "x"));
        CHECK(ends_in(&line, wanted));
        th_log_line_fini(&line);
    }
}

TEST(log_line, says_what_cannot_be_formatted)
{
    th_log_line line;
    th_log_line_init(&line);
    th_log_line_append(&line, "kept", 4);
    static const wchar_t impossible[] = {0x7FFFFFF0, 0};
    CHECK(!print(&line, "%ls", impossible));
    CHECK_EQ(line.used, 4);
    th_log_line_fini(&line);
}

TEST(log_line, without_memory_is_cut_and_marked)
{
    th_log_line line;
    th_log_line_init(&line);
    test_fail_allocations_from(1);
    th_log_line_append(&line, "begin", 5);
    th_log_line_fill(&line, 'x', 10 * TH_LOG_LINE_BYTES);
    th_log_line_append(&line, "never", 5);
    CHECK(print(&line, "never"));
    th_log_line_finish(&line);
    test_fail_allocations_from(0);
    CHECK(line.truncated);
    CHECK_EQ(line.used, TH_LOG_LINE_BYTES);
    CHECK(memcmp(line.text, "begin", 5) == 0);
    CHECK(is_run(&line, 5, 'x', TH_LOG_LINE_BYTES - 5 - MARK_BYTES - 1));
    CHECK(ends_in(&line, "x" TH_LOG_TRUNCATED "\n"));
    th_log_line_fini(&line);
}

TEST(log_line, printf_without_memory_is_cut_and_marked)
{
    th_log_line line;
    th_log_line_init(&line);
    test_fail_allocations_from(1);
    CHECK(print(&line, "begin%*s", 10 * TH_LOG_LINE_BYTES, "x"));
    th_log_line_finish(&line);
    test_fail_allocations_from(0);
    CHECK(memcmp(line.text, "begin  ", 7) == 0);
    CHECK(ends_in(&line, " " TH_LOG_TRUNCATED "\n"));
    th_log_line_fini(&line);
}

TEST(log_line, a_newline_that_does_not_fit_is_made_room_for)
{
    th_log_line line;
    th_log_line_init(&line);
    th_log_line_fill(&line, 'x', TH_LOG_LINE_BYTES);
    test_fail_allocations_from(1);
    th_log_line_finish(&line);
    test_fail_allocations_from(0);
    CHECK_EQ(line.used, TH_LOG_LINE_BYTES);
    CHECK(ends_in(&line, "x" TH_LOG_TRUNCATED "\n"));
    th_log_line_fini(&line);
}

TEST(log_line, is_not_cut_inside_a_character)
{
    for (int shift = 0; shift < 4; shift++) {
        th_log_line line;
        th_log_line_init(&line);
        test_fail_allocations_from(1);
        th_log_line_fill(&line, '.', (size_t)shift);
        for (int i = 0; i < TH_LOG_LINE_BYTES / 2; i++)
            th_log_line_append(&line, "\xF0\x9F\x90\x8D", 4);
        th_log_line_finish(&line);
        test_fail_allocations_from(0);
        size_t text_bytes = line.used - MARK_BYTES - 1 - (size_t)shift;
        CHECK_EQ(text_bytes % 4, 0);
        CHECK(ends_in(&line, "\xF0\x9F\x90\x8D" TH_LOG_TRUNCATED "\n"));
        th_log_line_fini(&line);
    }
}

TEST(log_line, bytes_that_are_no_characters_are_cut_anywhere)
{
    th_log_line line;
    th_log_line_init(&line);
    test_fail_allocations_from(1);
    th_log_line_fill(&line, '\x80', 2 * TH_LOG_LINE_BYTES);
    th_log_line_finish(&line);
    test_fail_allocations_from(0);
    CHECK_EQ(line.used, TH_LOG_LINE_BYTES);
    CHECK(ends_in(&line, "\x80" TH_LOG_TRUNCATED "\n"));
    th_log_line_fini(&line);
}

TEST(log_line, the_mark_alone_is_for_a_piece_of_a_line)
{
    th_log_line line;
    th_log_line_init(&line);
    th_log_line_append(&line, "whole", 5);
    th_log_line_mark(&line);
    CHECK(ends_in(&line, "whole"));
    test_fail_allocations_from(1);
    th_log_line_fill(&line, 'x', 2 * TH_LOG_LINE_BYTES);
    test_fail_allocations_from(0);
    th_log_line_mark(&line);
    CHECK(ends_in(&line, "x" TH_LOG_TRUNCATED));
    CHECK_LT(line.used, TH_LOG_LINE_BYTES);
    th_log_line_fini(&line);
}
