/* SPDX-License-Identifier: MIT */
/** @file
 *  The version of the headers, and of the library that was linked.
 *
 *      printf("built with thrum %s, running %s\n", THRUM_VERSION_STRING, thrum_version());
 */
#ifndef THRUM_VERSION_H
#define THRUM_VERSION_H

#include <thrum/status.h>

#define THRUM_VERSION_MAJOR 0
#define THRUM_VERSION_MINOR 1
#define THRUM_VERSION_PATCH 0
#define THRUM_VERSION_STRING "0.1.0"

THRUM_BEGIN_DECLS

/** The version of the library at run time.
 *  @return "MAJOR.MINOR.PATCH"; lives for ever
 *  @blocks no   @thread any, also in signal handlers   @python sys.version   @since 0.1 */
THRUM_API const char *thrum_version(void);

THRUM_END_DECLS
#endif
