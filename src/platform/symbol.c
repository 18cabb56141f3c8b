/* SPDX-License-Identifier: MIT */
/** @file
 *  Symbols.
 *
 *  Purpose     Say where an address is, as far as the dynamic linker knows; addr2line knows
 *  more. */
#include "platform/symbol.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

const char *th_describe_address(const void *address, char *buffer, size_t bytes)
{
    Dl_info info;
    if (dladdr(address, &info) == 0 || info.dli_fname == NULL) {
        snprintf(buffer, bytes, "%p", address);
        return buffer;
    }
    const char *slash = strrchr(info.dli_fname, '/');
    const char *file = slash != NULL ? slash + 1 : info.dli_fname;
    const void *base = info.dli_saddr != NULL ? info.dli_saddr : info.dli_fbase;
    const char *symbol = info.dli_saddr != NULL && info.dli_sname != NULL ? info.dli_sname : "";
    snprintf(buffer, bytes, "%s(%s+0x%zx)", file, symbol,
             (size_t)((uintptr_t)address - (uintptr_t)base));
    return buffer;
}
