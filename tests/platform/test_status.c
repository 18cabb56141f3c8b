// SPDX-License-Identifier: MIT
/** @file
 *  Status: the closed list, its numbers and its words; the version. */
#include "thrum/status.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "runner.h"
#include "thrum/version.h"

static const int statuses[] = {
    THRUM_OK,      THRUM_EPERM,     THRUM_EAGAIN,    THRUM_ENOMEM,    THRUM_EINVAL,
    THRUM_EDEADLK, THRUM_EOVERFLOW, THRUM_ESHUTDOWN, THRUM_ETIMEDOUT, THRUM_ECANCELLED,
    THRUM_EEMPTY,  THRUM_EFULL,     THRUM_EFAILED,   THRUM_EBROKEN,   THRUM_ESTATE,
};
enum { COUNT = sizeof statuses / sizeof *statuses };

TEST(status, is_zero_or_negative_and_distinct)
{
    CHECK_EQ(THRUM_OK, 0);
    for (int i = 1; i < COUNT; i++) {
        CHECK_LT(statuses[i], 0);
        for (int j = 0; j < i; j++)
            CHECK_NE(statuses[i], statuses[j]);
    }
}

TEST(status, is_minus_errno_where_errno_has_a_name)
{
    CHECK_EQ(THRUM_EPERM, -EPERM);
    CHECK_EQ(THRUM_EAGAIN, -EAGAIN);
    CHECK_EQ(THRUM_ENOMEM, -ENOMEM);
    CHECK_EQ(THRUM_EINVAL, -EINVAL);
    CHECK_EQ(THRUM_EDEADLK, -EDEADLK);
    CHECK_EQ(THRUM_EOVERFLOW, -EOVERFLOW);
    CHECK_EQ(THRUM_ESHUTDOWN, -ESHUTDOWN);
    CHECK_EQ(THRUM_ETIMEDOUT, -ETIMEDOUT);
    CHECK_EQ(THRUM_ECANCELLED, -ECANCELED);
}

TEST(status, each_has_words_of_its_own)
{
    const char *unknown = thrum_strerror(1);
    for (int i = 0; i < COUNT; i++) {
        const char *words = thrum_strerror(statuses[i]);
        CHECK(words != NULL && words[0] != '\0');
        CHECK(strcmp(words, unknown) != 0);
        for (int j = 0; j < i; j++)
            CHECK(strcmp(words, thrum_strerror(statuses[j])) != 0);
    }
}

TEST(status, other_numbers_are_answered_too)
{
    static const int others[] = {1, 12, -2, -2000, -2006, INT_MAX, INT_MIN};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const char *words = thrum_strerror(others[i]);
        CHECK(words != NULL);
        CHECK_STR(words, thrum_strerror(1));
    }
}

TEST(status, words_live_for_ever)
{
    const char *words = thrum_strerror(THRUM_ETIMEDOUT);
    for (int i = 0; i < COUNT; i++)
        thrum_strerror(statuses[i]);
    CHECK_PTR(thrum_strerror(THRUM_ETIMEDOUT), words);
    CHECK_EQ(test_allocations(), 0);
}

TEST(status, version_of_the_headers_is_that_of_the_library)
{
    char made[32];
    snprintf(made, sizeof made, "%d.%d.%d", THRUM_VERSION_MAJOR, THRUM_VERSION_MINOR,
             THRUM_VERSION_PATCH);
    CHECK_STR(THRUM_VERSION_STRING, made);
    CHECK_STR(thrum_version(), made);
}
