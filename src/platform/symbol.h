/* SPDX-License-Identifier: MIT */
/** @file
 *  Symbols: code and data addresses in words, for reports. */
#ifndef TH_PLATFORM_SYMBOL_H
#define TH_PLATFORM_SYMBOL_H

#include <stddef.h>

/** Write "FILE(symbol+0x12)", "FILE(+0x1234)" or "0x1234" into `buffer`; returns `buffer`. */
const char *th_describe_address(const void *address, char *buffer, size_t bytes);

#endif
