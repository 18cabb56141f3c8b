/* SPDX-License-Identifier: MIT */
/** @file
 *  Time: instants on the monotonic clock, which no clock change disturbs. A function that waits
 *  takes an instant ("until"), so a loop of waits needs no arithmetic. Python: time.monotonic.
 *
 *      thrum_time deadline = thrum_after(2.5);
 *      while (!done && thrum_condition_wait_until(&changed, &lock, deadline) == 0) { ... }
 */
#ifndef THRUM_TIME_H
#define THRUM_TIME_H

#include <thrum/status.h>

THRUM_BEGIN_DECLS

/** An instant in nanoseconds on CLOCK_MONOTONIC. */
typedef int64_t thrum_time;

/** The instant that never comes: a wait without a deadline. */
#define THRUM_FOREVER INT64_MAX

/** The present instant.
 *  @return nanoseconds on the monotonic clock
 *  @blocks no   @thread any, also in signal handlers   @python time.monotonic_ns   @since 0.1 */
THRUM_API thrum_time thrum_now(void);

/** The instant `seconds` from now.
 *  @param seconds  a duration; NaN and negative mean now, past the clock's end means THRUM_FOREVER
 *  @return an instant for any `_until` function
 *  @blocks no   @thread any, also in signal handlers   @python time.monotonic() + seconds
 *  @since 0.1 */
THRUM_API thrum_time thrum_after(double seconds);

/** Sleep. Signals do not shorten it. NaN and negative durations return at once.
 *  @param seconds  how long to sleep
 *  @return 0; THRUM_ECANCELLED is reserved for a cancelled wait
 *  @blocks yes   @thread any   @memory none   @python time.sleep (where negative is ValueError)
 *  @since 0.1 */
THRUM_API int thrum_sleep(double seconds);

/** Sleep until an instant; one that has passed returns at once.
 *  @param deadline  the instant to wake at; THRUM_FOREVER sleeps for good
 *  @return 0; THRUM_ECANCELLED is reserved for a cancelled wait
 *  @blocks yes   @thread any   @memory none   @python time.sleep(deadline - time.monotonic())
 *  @since 0.1 */
THRUM_API int thrum_sleep_until(thrum_time deadline);

THRUM_END_DECLS
#endif
