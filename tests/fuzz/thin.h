/* SPDX-License-Identifier: MIT */
/** @file
 *  Thin: the few inputs of a folder that together reach most. */
#ifndef TH_FUZZ_THIN_H
#define TH_FUZZ_THIN_H

#include <stdint.h>

/** Print the names of up to `wanted` files of `folder`, the most telling one first; 0, or 1: the
 *  folder cannot be read. `counters` are those that record_feed was given. */
int thin_folder(unsigned wanted, const char *folder, uint8_t *counters);

#endif
