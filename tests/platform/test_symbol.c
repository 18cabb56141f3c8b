/* SPDX-License-Identifier: MIT */
/** @file
 *  Symbols: what an address is called in a report. */
#include "platform/symbol.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "runner.h"

static int datum;

TEST(symbol, code_and_data_of_the_program_name_its_file)
{
    char text[256];
    void *here = __builtin_extract_return_addr(__builtin_return_address(0));
    CHECK_PTR(th_describe_address(here, text, sizeof text), text);
    CHECK_EQ(strncmp(text, "test_symbol(", strlen("test_symbol(")), 0);
    CHECK_CONTAINS(text, "+0x");
    CHECK_STR(strchr(text, ')'), ")");
    th_describe_address(&datum, text, sizeof text);
    CHECK_CONTAINS(text, "test_symbol(");
}

TEST(symbol, a_function_of_a_library_is_named_with_the_distance_from_its_start)
{
    char text[256];
    const char *code = dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
    CHECK(code != NULL);
    th_describe_address(code, text, sizeof text);
    CHECK_CONTAINS(text, "libc");
    CHECK_CONTAINS(text, "(gnu_get_libc_version+0x0)");
    th_describe_address(code + 1, text, sizeof text);
    CHECK_CONTAINS(text, "(gnu_get_libc_version+0x1)");
}

TEST(symbol, an_address_of_nothing_is_printed_as_it_is)
{
    char text[64];
    CHECK_STR(th_describe_address((void *)0x1234, text, sizeof text), "0x1234");
}

TEST(symbol, a_small_buffer_cuts_the_text)
{
    char text[6] = "#####";
    th_describe_address(&datum, text, sizeof text - 1);
    CHECK_STR(text, "test");
    CHECK_STR(th_describe_address((void *)0x1234, text, sizeof text - 1), "0x12");
}
