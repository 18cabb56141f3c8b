/* SPDX-License-Identifier: MIT */
/** @file
 *  Deadlock reports: said, not suffered. Attached to the probes of the layers below by a
 *  constructor, as THRUM_DEADLOCK says: off, report (the default), or abort. */
#ifndef TH_OBSERVE_DEADLOCK_H
#define TH_OBSERVE_DEADLOCK_H

#include <stdbool.h>

/** Attach as `mode` says: "off", "report", "abort"; NULL is report. False: another word, which is
 *  taken as report. */
bool th_deadlock_attach(const char *mode);

#endif
