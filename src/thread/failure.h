/* SPDX-License-Identifier: MIT */
/** @file
 *  Failure: what thrum_fail said, and who is told. */
#ifndef TH_THREAD_FAILURE_H
#define TH_THREAD_FAILURE_H

#include "thrum/thread.h"

/** How one target or task failed; zeroed, it has not. */
typedef struct th_failure {
    bool has_failed;
    int code;
    char *message; /**< from th_alloc, or NULL: there was no memory for it */
    size_t *limit; /**< becomes 0 with the failure, for who makes many calls; or NULL */
} th_failure;

/** From now on thrum_fail in the calling thread writes to `failure` (NULL: nowhere). Returns where
 *  it wrote before. Who runs a task puts its slot in, calls the task, puts the former one back. */
th_failure *th_failure_exchange(th_failure *failure);

/** The message; never NULL. */
const char *th_failure_message(const th_failure *failure);

/** Tell the excepthook, in the calling thread, where thrum_fail means nothing meanwhile. */
void th_failure_tell(const th_failure *failure);

/** Free the message: it has not failed. */
void th_failure_clear(th_failure *failure);

#endif
