/* SPDX-License-Identifier: MIT */
/** @file
 *  Timer: a call to be made later, once or again and again. Python: threading.Timer.
 *
 *      void *save(void *path) { write_draft(path); return NULL; }
 *
 *      thrum_timer *timer = thrum_timer_new(30.0, save, "draft.txt", .repeat = true);
 *      thrum_timer_start(timer);
 *      ...
 *      thrum_timer_cancel(timer);             // no call begins any more
 *      thrum_timer_join(timer);               // and none is under way
 *      thrum_timer_free(timer);
 *
 *  All timers share a few threads, which sleep until the next call is due. A slow call delays no
 *  other timer's as a rule. By a millisecond it may: the first after a run of short ones, and while
 *  as many are under way as the service has threads, until it adds some. A burst of short calls is
 *  run by those few threads, one after the other. Timers due at the same instant begin in the order
 *  in which they were started. In a forked child the parent's timers are over.
 */
#ifndef THRUM_TIMER_H
#define THRUM_TIMER_H

#include <thrum/thread.h>

THRUM_BEGIN_DECLS

/** A timer: starts once, and after that its call is pending, runs, and is over, or is cancelled. */
typedef struct thrum_timer thrum_timer;

/** Options of thrum_timer_new. */
typedef struct thrum_timer_options {
    size_t size;                          /**< private: sizeof, filled in by the macro */
    const char *name THRUM_PRIVATE_UNSET; /**< copied; what the thread is called during the call.
                                               NULL: "Timer-N", a name of the service's threads */
    /** Whether the end of the program abandons the timer rather than waiting for its call. Unset:
     *  as the thread that makes it; a thread that thrum has not made counts as a daemon. */
    enum thrum_daemon daemon THRUM_PRIVATE_UNSET;
    /** Call again every interval, counted from the start: late calls delay none that follow. Calls
     *  never overlap; those missed during a call are made up for by one, right after it. */
    bool repeat THRUM_PRIVATE_UNSET;
} thrum_timer_options;

/** Create a timer without macro; what thrum_timer_new calls.
 *  @param interval  seconds from the start to the call; zero, negative and NaN call at once, past
 *                   the end of the clock never calls. With `.repeat` it must be positive.
 *  @param target    what to call; its result is ignored; NULL calls nothing
 *  @param arg       handed to `target`
 *  @param options   with `size` set, or NULL
 *  @return a handle the caller frees; NULL: no memory, or an interval that cannot be repeated
 *  @blocks no   @thread any   @memory none   @python Timer(interval, target, args=...)
 *  @since 0.1 */
THRUM_API thrum_timer *thrum_timer_new_with(double interval, thrum_target target, void *arg,
                                            const thrum_timer_options *options);

#define THRUM_PRIVATE_TIMER_CALL(interval, target, arg, ...)                                       \
    thrum_timer_new_with((interval), (target), (arg),                                              \
                         THRUM_PRIVATE_OPTIONS(thrum_timer_options, __VA_ARGS__))

/** Create a timer: `thrum_timer_new(2.5, target, arg, .name = "late", .repeat = true)`. The options
 *  are those of thrum_timer_options.
 *  @param interval  seconds, see thrum_timer_new_with
 *  @param target    what to call
 *  @return a handle the caller frees; NULL: no memory, or an interval that cannot be repeated
 *  @blocks no   @thread any   @memory none   @python Timer(interval, target, args=...)
 *  @since 0.1 */
#define thrum_timer_new(interval, target, ...)                                                     \
    THRUM_PRIVATE_TIMER_CALL(interval, target, __VA_ARGS__, )

/** Start the timer: the call is due after its interval. It can be started once. One that was
 *  cancelled before starts too, and is over at once.
 *  @param timer  a timer that has not been started
 *  @return 0; THRUM_ESTATE: started before; THRUM_EAGAIN, THRUM_ENOMEM: no thread to make the call
 *          can be had, may be tried again; THRUM_ESHUTDOWN: the program has ended; THRUM_EINVAL:
 *          NULL
 *  @blocks no   @thread any   @memory release: the target sees what the caller did before
 *  @python Timer.start()   @since 0.1 */
THRUM_API int thrum_timer_start(thrum_timer *timer);

/** Cancel: the call, or a further call of a repeating timer, is not made. A call that has begun
 *  goes on (thrum_timer_join waits for it).
 *  @param timer  any timer; NULL answers false
 *  @return true if a call would have been made but for this cancel; false if it has been made, has
 *          begun, or was cancelled before
 *  @blocks no   @thread any, also from the timer's own call   @memory acq_rel
 *  @python Timer.cancel(), which returns None   @since 0.1 */
THRUM_API bool thrum_timer_cancel(thrum_timer *timer);

/** Wait until the timer is over, `deadline` at most: the call has returned, or was cancelled. A
 *  repeating one is over once it is cancelled and no call is under way.
 *  @param timer     a started timer
 *  @param deadline  an instant; THRUM_FOREVER allowed
 *  @return 0: it is over; THRUM_ETIMEDOUT; THRUM_ESTATE: not started; THRUM_EDEADLK: from its own
 *          call, or, with THRUM_FOREVER, a daemon that the end of the program has abandoned;
 *          THRUM_EINVAL: NULL; THRUM_ECANCELLED is reserved
 *  @blocks until `deadline`   @thread any   @memory acquire: what the call did is seen
 *  @python Timer.join(timeout), which returns None always   @since 0.1 */
THRUM_API int thrum_timer_join_until(thrum_timer *timer, thrum_time deadline);

/** Wait until the timer is over.
 *  @param timer  a started timer
 *  @return 0; THRUM_ESTATE; THRUM_EDEADLK; THRUM_EINVAL; THRUM_ECANCELLED is reserved
 *  @blocks until it is over   @thread any   @memory acquire   @python Timer.join()   @since 0.1 */
THRUM_API int thrum_timer_join(thrum_timer *timer);

/** Drop the handle. A pending call is made all the same, a repeating timer then goes on to the end
 *  of the program: cancel first if that is not meant.
 *  @param timer  a handle of the caller's, or NULL; also from the timer's own call
 *  @blocks no   @thread any, none other may use it meanwhile   @memory acq_rel
 *  @python del timer   @since 0.1 */
THRUM_API void thrum_timer_free(thrum_timer *timer);

THRUM_END_DECLS
#endif
