/* SPDX-License-Identifier: MIT */
/** @file
 *  Report: a failing schedule as a table of steps. */
#ifndef TH_EXPLORER_REPORT_H
#define TH_EXPLORER_REPORT_H

#include "strategy.h"

/** Whether places and objects are said by their names: that takes long, and the search itself does
 *  not need it. Later: they are only noted, and all are looked up when the next is wanted. */
typedef enum report_names { REPORT_NO_NAMES, REPORT_NAMES_LATER, REPORT_NAMES } report_names;
void report_want_names(report_names wanted);

/** While the engine traces: the running thread does something visible at `pc` (NULL: nowhere). */
void report_step(const void *pc, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The running thread enters a function from `caller`, and leaves the one it entered last. */
void report_enter(const void *caller);
void report_leave(void);

/** The running thread has entered the library's function at `callee` from `caller`. */
void report_call(const void *callee, const void *caller);

/** A step for each sleeping thread: where it sleeps. */
void report_sleepers(void);

/** "file.c:12 (function)" of a return address, or as good as it can be said. */
const char *report_place(const void *pc, char *buffer, size_t bytes);

/** "name+8" of data, "heap of thread 1", "stack of thread 0", ... */
const char *report_object(const void *address, char *buffer, size_t bytes);

void report_begin(void);
/** Print the steps of the traced execution and what was found. */
void report_print(const search *wanted, const search_result *result);

#endif
