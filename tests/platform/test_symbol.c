/* SPDX-License-Identifier: MIT */
/** @file
 *  Symbols: addresses of code and data in words, in buffers of any size. */
#include "platform/symbol.h"

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "runner.h"

static int own_data;

TEST(symbol, an_address_of_the_program_names_its_file_and_offset)
{
    char text[256];
    CHECK_PTR(th_describe_address(&own_data, text, sizeof text), text);
    CHECK_CONTAINS(text, "test_symbol(");
    CHECK_CONTAINS(text, "+0x");
    CHECK_LACKS(text, "/");
}

TEST(symbol, code_of_the_program_names_its_file)
{
    char text[256];
    void *here = __builtin_extract_return_addr(__builtin_return_address(0));
    th_describe_address(here, text, sizeof text);
    CHECK_EQ(strncmp(text, "test_symbol(", strlen("test_symbol(")), 0);
    CHECK_STR(strchr(text, ')'), ")");
}

TEST(symbol, a_function_of_a_library_is_named_with_the_distance_from_its_start)
{
    char text[256];
    const char *code = dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
    CHECK(code != NULL);
    th_describe_address(code, text, sizeof text);
    CHECK_CONTAINS(text, "(gnu_get_libc_version+0x0)");
    th_describe_address(code + 1, text, sizeof text);
    CHECK_CONTAINS(text, "(gnu_get_libc_version+0x1)");
}

TEST(symbol, an_address_of_a_library_names_its_symbol)
{
    char text[256];
    const char *address = (const char *)&environ;
    th_describe_address(address + 1, text, sizeof text);
    CHECK_CONTAINS(text, "environ+0x1)");
}

TEST(symbol, an_address_of_nobody_is_a_number)
{
    char text[64];
    CHECK_STR(th_describe_address((const void *)16, text, sizeof text), "0x10");
    th_describe_address(NULL, text, sizeof text);
    CHECK(text[0] != '\0');
}

TEST(symbol, a_short_buffer_is_not_overrun)
{
    for (size_t bytes = 1; bytes < 64; bytes++) {
        char text[65];
        memset(text, '#', sizeof text);
        th_describe_address(&own_data, text, bytes);
        CHECK_LT(strlen(text), bytes);
        CHECK_EQ(text[bytes], '#');
    }
}
