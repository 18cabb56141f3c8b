// SPDX-License-Identifier: MIT
/** @file
 *  Memory: zeroed, freed, copied; NULL and an untouched errno when there is none. */
#include "platform/memory.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "runner.h"

TEST(memory, is_zeroed)
{
    for (size_t bytes = 1; bytes < 5000; bytes = bytes * 2 + 1) {
        unsigned char *memory = th_alloc(bytes);
        CHECK(memory != NULL);
        for (size_t i = 0; i < bytes; i++)
            CHECK_EQ(memory[i], 0);
        memset(memory, 255, bytes);
        th_free(memory);
    }
    CHECK_EQ(test_live_allocations(), 0);
}

TEST(memory, free_of_null_does_nothing)
{
    th_free(NULL);
}

TEST(memory, a_copied_string_is_equal_and_ones_own)
{
    char text[] = "reader-1 \xc3\xa9";
    char *copy = th_copy_string(text);
    CHECK(copy != NULL);
    CHECK_STR(copy, text);
    text[0] = 'R';
    CHECK_EQ(copy[0], 'r');
    th_free(copy);
    copy = th_copy_string("");
    CHECK_STR(copy, "");
    th_free(copy);
}

TEST(memory, that_is_not_there_is_null)
{
    test_fail_allocation(1);
    CHECK_PTR(th_alloc(16), NULL);
    test_fail_allocation(1);
    CHECK_PTR(th_copy_string("text"), NULL);
    CHECK_EQ(test_failures_injected(), 1);
    test_fail_allocation(0);
    CHECK_EQ(test_live_allocations(), 0);
}

TEST(memory, pages_are_zeroed_and_aligned)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    unsigned char *pages = th_pages(page * 2 + 1);
    CHECK(pages != NULL);
    CHECK_EQ((uintptr_t)pages % page, 0);
    for (size_t i = 0; i < page * 3; i++)
        CHECK_EQ(pages[i], 0);
    pages[page * 3 - 1] = 1;
    CHECK_EQ(test_allocations(), 0);
}

TEST(memory, pages_that_are_not_there_are_null_and_errno_is_kept)
{
    errno = 77;
    CHECK_PTR(th_pages(SIZE_MAX / 2), NULL);
    CHECK_PTR(th_pages(0), NULL);
    CHECK_EQ(errno, 77);
}
