/* SPDX-License-Identifier: MIT */
/** @file
 *  Input: run one. */
#ifndef TH_FUZZ_INPUT_H
#define TH_FUZZ_INPUT_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** Inputs are no longer: the rest is ignored. */
#define INPUT_BYTES 512

/** Read a file; false: it cannot be opened. */
bool input_read(const char *path, uint8_t data[INPUT_BYTES], size_t *ret_bytes);

/** The files of a folder, in order; the caller frees each and all. -1: it is none. */
int input_list(const char *folder, struct dirent ***ret_entries);

/** Run the program of an input under its schedule; true if all was legal. Otherwise the program and
 *  the shortest schedule found that fails the same way are printed, unless `quiet`. */
bool input_run(const uint8_t *data, size_t bytes, bool quiet);

/** What the last execution was: another if any step of it was. */
uint64_t input_fingerprint(void);

void input_print(const uint8_t *data, size_t bytes, FILE *to);

#endif
