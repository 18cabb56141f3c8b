/* SPDX-License-Identifier: MIT */
/** @file
 *  Tests of src/platform/options.h: what callers of other versions know of the options. */
#include "platform/options.h"
#include "runner.h"

typedef struct today {
    size_t size;
    int first, second;
} today;

typedef struct yesterday {
    size_t size;
    int first;
} yesterday;

typedef struct tomorrow {
    size_t size;
    int first, second, third;
} tomorrow;

TEST(options, none_are_all_zero)
{
    today options = {.size = 0};
    th_copy_options(&options, sizeof options, NULL);
    CHECK_EQ(options.first, 0);
    CHECK_EQ(options.second, 0);
}

TEST(options, of_today_are_copied)
{
    today given = {sizeof given, 1, 2}, options = {.size = 0};
    th_copy_options(&options, sizeof options, &given);
    CHECK_EQ(options.first, 1);
    CHECK_EQ(options.second, 2);
}

TEST(options, of_yesterday_lack_the_later_fields)
{
    struct {
        yesterday given;
        int beyond;
    } old = {{offsetof(today, second), 1}, 99};
    today options = {.size = 0};
    th_copy_options(&options, sizeof options, &old.given);
    CHECK_EQ(options.first, 1);
    CHECK_EQ(options.second, 0);
}

TEST(options, of_tomorrow_are_cut)
{
    tomorrow given = {sizeof given, 1, 2, 3};
    struct {
        today options;
        int beyond;
    } mine = {{.size = 0}, 99};
    th_copy_options(&mine.options, sizeof mine.options, &given);
    CHECK_EQ(mine.options.second, 2);
    CHECK_EQ(mine.beyond, 99);
}
