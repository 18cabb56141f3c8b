/* SPDX-License-Identifier: MIT */
/** @file
 *  One lock, 64 threads, a counter under it. */
#include "lock_contended.h"

LOCK_CONTENDED_MAIN(64)
