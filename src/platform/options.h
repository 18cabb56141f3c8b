/* SPDX-License-Identifier: MIT */
/** @file
 *  Options: structs that begin with their size, as their caller was compiled to know it. */
#ifndef TH_PLATFORM_OPTIONS_H
#define TH_PLATFORM_OPTIONS_H

#include <stddef.h>
#include <string.h>

/** Copy what the caller's version of the options has into those of today, zeroed, of `bytes`; what
 *  it does not know yet stays zero. `given` NULL: all of it. */
static inline void th_copy_options(void *options, size_t bytes, const void *given)
{
    if (given == NULL)
        return;
    size_t known = *(const size_t *)given; /* the first member */
    memcpy(options, given, known < bytes ? known : bytes);
}

#endif
