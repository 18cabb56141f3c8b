/* SPDX-License-Identifier: MIT */
/** @file
 *  Watch: what is listed with a future to be told when it is done. */
#ifndef TH_FLOW_WATCH_H
#define TH_FLOW_WATCH_H

#include "flow/future.h"

struct th_watch {
    struct th_watch *next, *previous; /**< a circle, the first's previous is the last */
    /** Called once under the future's lock, by who completes it; afterwards the watch may be gone.
     *  NULL: a callback of the program's, see watch.c. */
    void (*tell)(struct th_watch *watch, const thrum_future *future);
    bool is_listed; /**< under the future's lock */
};

/** List a watch: false if the future is done, then it is not listed and will not be told. */
bool th_future_watch(thrum_future *future, th_watch *watch);
/** Take the watch off the list unless it has been told; afterwards it will not be touched. */
void th_future_unwatch(thrum_future *future, th_watch *watch);

#endif
