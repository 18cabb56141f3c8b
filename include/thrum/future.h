/* SPDX-License-Identifier: MIT */
/** @file
 *  Future: a result that may not be there yet. Python: concurrent.futures.Future, wait and
 *  as_completed.
 *
 *      thrum_future *future;
 *      thrum_executor_submit(pool, parse, "a.xml", &future);
 *      ...
 *      void *tree;
 *      int status = thrum_future_result(future, &tree);      // waits
 *      if (status == THRUM_EFAILED)
 *          fprintf(stderr, "%s\n", thrum_future_error(future)->message);
 *      thrum_future_free(future);
 *
 *  An executor makes futures; thrum_future_new makes one that is completed by hand. A cancelled
 *  future is done at once, also for thrum_futures_wait and thrum_as_completed (in Python only once
 *  a worker has noticed). A worker of an executor that waits without a deadline for a task of the
 *  same executor runs it itself if nobody has begun it. Where running tasks wait for each other in
 *  a circle, without deadlines, the last to wait is told THRUM_EDEADLK; waits for futures made by
 *  hand, for locks, queues and the like are not followed.
 */
#ifndef THRUM_FUTURE_H
#define THRUM_FUTURE_H

#include <thrum/status.h>
#include <thrum/thread.h>
#include <thrum/time.h>

THRUM_BEGIN_DECLS

/** A future; reference-counted inside, so freeing a handle never harms the task. */
typedef struct thrum_future thrum_future;

/* ---- waiting for one ---- */

/** Wait until the future is done, `deadline` at most, and get what it has come to.
 *  @param future      any future
 *  @param ret_result  where the result goes, if there is one; may be NULL
 *  @param deadline    an instant; THRUM_FOREVER allowed
 *  @return 0; THRUM_EFAILED: see thrum_future_error; THRUM_ECANCELLED; THRUM_EBROKEN: its executor
 *          broke; THRUM_ETIMEDOUT; THRUM_EDEADLK: with THRUM_FOREVER, in a task that it waits for
 *          itself, or in a forked child for a task of the parent's executor; THRUM_EINVAL: NULL
 *  @blocks until `deadline`   @thread any, not signal handlers
 *  @memory acquire: what was done before the future was completed is seen
 *  @python Future.result(timeout)   @since 0.1 */
THRUM_API int thrum_future_result_until(thrum_future *future, void **ret_result,
                                        thrum_time deadline);

/** Wait until the future is done and get what it has come to.
 *  @param future      any future
 *  @param ret_result  where the result goes, if there is one; may be NULL
 *  @return as thrum_future_result_until, but THRUM_ETIMEDOUT
 *  @blocks until done   @thread any   @memory acquire   @python Future.result()   @since 0.1 */
THRUM_API int thrum_future_result(thrum_future *future, void **ret_result);

/** Wait until the future is done, however, `deadline` at most.
 *  @param future    any future
 *  @param deadline  an instant; THRUM_FOREVER allowed
 *  @return 0: it is done; THRUM_ETIMEDOUT; THRUM_EDEADLK: as thrum_future_result_until;
 *          THRUM_EINVAL: NULL
 *  @blocks until `deadline`   @thread any   @memory acquire   @python wait([future], timeout)
 *  @since 0.1 */
THRUM_API int thrum_future_wait_until(thrum_future *future, thrum_time deadline);

/** Wait until the future is done, however.
 *  @param future  any future
 *  @return 0; THRUM_EDEADLK; THRUM_EINVAL
 *  @blocks until done   @thread any   @memory acquire   @python wait([future])   @since 0.1 */
THRUM_API int thrum_future_wait(thrum_future *future);

/* ---- questions ---- */

/** How the future failed. Does not wait.
 *  @param future  any future
 *  @return what thrum_fail or thrum_future_set_error said, valid as long as the future; NULL unless
 *          it has failed (a cancelled one has not), and for NULL
 *  @blocks no   @thread any   @memory acquire   @python Future.exception(), which waits
 *  @since 0.1 */
THRUM_API const thrum_error *thrum_future_error(const thrum_future *future);

/** Whether the future has been cancelled.
 *  @param future  any future; NULL answers false
 *  @return true from a successful cancel on
 *  @blocks no   @thread any   @memory acquire when true   @python Future.cancelled()
 *  @since 0.1 */
THRUM_API bool thrum_future_is_cancelled(const thrum_future *future);

/** Whether somebody is at work on it.
 *  @param future  any future; NULL answers false
 *  @return true from the start of its task, or thrum_future_start, to the end
 *  @blocks no   @thread any   @memory relaxed   @python Future.running()   @since 0.1 */
THRUM_API bool thrum_future_is_running(const thrum_future *future);

/** Whether the future is done: has a result, has failed, or has been cancelled.
 *  @param future  any future; NULL answers false
 *  @return true once done, for ever
 *  @blocks no   @thread any   @memory acquire when true   @python Future.done()   @since 0.1 */
THRUM_API bool thrum_future_is_done(const thrum_future *future);

/* ---- cancelling, callbacks, handles ---- */

/** Cancel the future unless its task has begun. Its callbacks run in the caller, before this
 *  returns.
 *  @param future  any future; NULL answers false
 *  @return true: it is cancelled, now or before; false: it is running, or done otherwise
 *  @blocks no   @thread any   @memory release; acquire if it was cancelled before
 *  @python Future.cancel()   @since 0.1 */
THRUM_API bool thrum_future_cancel(thrum_future *future);

/** Have `callback(future, arg)` called once when the future is done: by the thread that completes
 *  or cancels it, in the order in which callbacks were added; or, if it is done already, by the
 *  caller now. No order is promised between callbacks and those who wait. thrum_fail in a callback
 *  is told to the excepthook and harms nobody.
 *  @param future    any future; the callback borrows it
 *  @param callback  what to call
 *  @param arg       handed to `callback`
 *  @return 0; THRUM_ENOMEM: nothing was added; THRUM_EINVAL: NULL
 *  @blocks no   @thread any   @memory release: the callback sees what the caller did before
 *  @python Future.add_done_callback(fn)   @since 0.1 */
THRUM_API int thrum_future_add_done_callback(thrum_future *future,
                                             void (*callback)(thrum_future *future, void *arg),
                                             void *arg);

/** One more handle of the same future, to be freed on its own.
 *  @param future  any future, or NULL
 *  @return `future`
 *  @blocks no   @thread any   @memory relaxed   @python another reference   @since 0.1 */
THRUM_API thrum_future *thrum_future_ref(thrum_future *future);

/** Drop a handle. A task that has not been run is run all the same; if it then fails and nobody
 *  has a handle or a callback, the excepthook is told. With the last reference the
 *  error goes, and callbacks of a future that was never done are forgotten; results are the
 *  program's own.
 *  @param future  a handle of the caller's, or NULL
 *  @blocks no   @thread any   @memory acq_rel   @python del future   @since 0.1 */
THRUM_API void thrum_future_free(thrum_future *future);

/* ---- completed by hand ---- */

/** A future that is pending until somebody completes it by hand.
 *  @return a handle the caller frees; NULL: no memory
 *  @blocks no   @thread any   @memory none   @python Future()   @since 0.1 */
THRUM_API thrum_future *thrum_future_new(void);

/** Begin the work on a future made by hand: from now on it cannot be cancelled.
 *  @param future  a future of thrum_future_new
 *  @return 0: it is running, and the caller's to complete; THRUM_ECANCELLED: nobody wants it;
 *          THRUM_ESTATE: it is running or done already, or an executor's; THRUM_EINVAL: NULL
 *  @blocks no   @thread any   @memory acquire   @python Future.set_running_or_notify_cancel()
 *  @since 0.1 */
THRUM_API int thrum_future_start(thrum_future *future);

/** Complete a future made by hand with a result. It need not have been started. Waiters may free
 *  their handles, also the last one, while this is still returning.
 *  @param future  a future of thrum_future_new
 *  @param result  what thrum_future_result will give
 *  @return 0; THRUM_ESTATE: it is done already (or cancelled), or an executor's; THRUM_EINVAL: NULL
 *  @blocks no   @thread any   @memory release   @python Future.set_result(result)   @since 0.1 */
THRUM_API int thrum_future_set_result(thrum_future *future, void *result);

/** Complete a future made by hand with a failure. Without memory for the message it fails with a
 *  fixed one, whose code is ENOMEM.
 *  @param future  a future of thrum_future_new
 *  @param code    a number for the program's own use, often an errno
 *  @param format  printf format of the message
 *  @return 0; THRUM_ESTATE: it is done already (or cancelled), or an executor's; THRUM_EINVAL: NULL
 *  @blocks no   @thread any   @memory release   @python Future.set_exception(exception)
 *  @since 0.1 */
THRUM_API int thrum_future_set_error(thrum_future *future, int code, const char *format, ...)
    THRUM_PRINTF(3, 4);

/* ---- waiting for many ---- */

/** When thrum_futures_wait returns. */
typedef enum thrum_return_when {
    THRUM_ALL_COMPLETED = 0,
    THRUM_FIRST_COMPLETED = 1, /**< one is done, however */
    THRUM_FIRST_EXCEPTION =
        2, /**< one has failed (being cancelled is no failure), or all are done */
} thrum_return_when;

/** Wait for several futures, until `deadline` at most; thrum_future_is_done then says which are.
 *  @param futures      the futures; the caller's, unchanged meanwhile. One may occur twice
 *  @param n            how many; with 0 it returns at once
 *  @param return_when  one of thrum_return_when
 *  @param deadline     an instant; THRUM_FOREVER allowed
 *  @return 0: as `return_when` says; THRUM_ETIMEDOUT; THRUM_EDEADLK: with THRUM_FOREVER, in a task
 *          that they wait for themselves, or in a forked child for tasks of the parent's executor;
 *          THRUM_ENOMEM; THRUM_EINVAL: a NULL, another `return_when`, or more than a billion
 *          futures; THRUM_ECANCELLED is reserved
 *  @blocks until `deadline`   @thread any   @memory acquire, of those that are done
 *  @python wait(fs, timeout, return_when)   @since 0.1 */
THRUM_API int thrum_futures_wait_until(thrum_future *const *futures, size_t n,
                                       thrum_return_when return_when, thrum_time deadline);

/** Wait for several futures.
 *  @param futures      the futures; the caller's, unchanged meanwhile. One may occur twice
 *  @param n            how many; with 0 it returns at once
 *  @param return_when  one of thrum_return_when
 *  @return as thrum_futures_wait_until, but THRUM_ETIMEDOUT
 *  @blocks as `return_when` says   @thread any   @memory acquire, of those that are done
 *  @python wait(fs, return_when=...)   @since 0.1 */
THRUM_API int thrum_futures_wait(thrum_future *const *futures, size_t n,
                                 thrum_return_when return_when);

/** Futures as they complete. Used by one thread at a time. */
typedef struct thrum_as_completed thrum_as_completed;

/** Begin to iterate over futures as they complete. It holds references of its own.
 *  @param futures  the futures; one that occurs twice counts once
 *  @param n        how many; may be 0
 *  @return what the caller frees with thrum_as_completed_free; NULL: no memory, or a NULL among
 *          the futures
 *  @blocks no   @thread any   @memory none   @python as_completed(fs)   @since 0.1 */
THRUM_API thrum_as_completed *thrum_as_completed_new(thrum_future *const *futures, size_t n);

/** Wait for the next future to be done, until `deadline` at most: first those that were done when
 *  the iteration began, then the others in the order of their completion.
 *  @param all         what thrum_as_completed_new gave
 *  @param ret_future  where the future goes, lent until `all` is freed; may be NULL
 *  @param deadline    an instant; THRUM_FOREVER allowed
 *  @return 0; THRUM_EEMPTY: all have been given; THRUM_ETIMEDOUT; THRUM_EDEADLK: with
 *          THRUM_FOREVER, in a task that they wait for themselves, or in a forked child for tasks
 *          of the parent's executor; THRUM_EINVAL: NULL; THRUM_ECANCELLED is reserved
 *  @blocks until `deadline`   @thread one at a time   @memory acquire
 *  @python next(iterator), with as_completed(fs, timeout)   @since 0.1 */
THRUM_API int thrum_as_completed_next_until(thrum_as_completed *all, thrum_future **ret_future,
                                            thrum_time deadline);

/** Wait for the next future to be done.
 *  @param all         what thrum_as_completed_new gave
 *  @param ret_future  where the future goes, lent until `all` is freed; may be NULL
 *  @return as thrum_as_completed_next_until, but THRUM_ETIMEDOUT
 *  @blocks until one is done   @thread one at a time   @memory acquire   @python next(iterator)
 *  @since 0.1 */
THRUM_API int thrum_as_completed_next(thrum_as_completed *all, thrum_future **ret_future);

/** End the iteration, finished or not. Futures that it lent go with it, but for handles of the
 *  program's own.
 *  @param all  what thrum_as_completed_new gave, or NULL
 *  @blocks no   @thread none other may use it   @memory acq_rel   @python iterator.close()
 *  @since 0.1 */
THRUM_API void thrum_as_completed_free(thrum_as_completed *all);

THRUM_END_DECLS
#endif
