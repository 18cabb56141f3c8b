/* SPDX-License-Identifier: MIT */
/** @file
 *  Executor: a pool of threads that run tasks. Python: concurrent.futures.ThreadPoolExecutor.
 *
 *      THRUM_EXECUTOR(pool, .max_workers = 2);      // shut down, waiting, at the end of the block
 *      thrum_future *future;
 *      if (thrum_executor_submit(pool, parse, "a.xml", &future) == 0) {
 *          void *tree;
 *          int status = thrum_future_result(future, &tree);
 *          thrum_future_free(future);
 *      }
 *
 *  A thread is started for a task while there are fewer than `max_workers` and none of them is
 *  free. With one worker tasks start in the order in which they were submitted, but for those that
 *  a task waits for. With several this holds for those submitted from outside, but for a few dozen
 *  that a worker has taken at once; a task's own subtasks may start before them. Waiting inside a
 *  task, without a deadline, for another of the same executor never deadlocks: see future.h. When
 *  the program ends, what has been submitted is done first. In a forked child the parent's
 *  executors refuse tasks with THRUM_ESHUTDOWN, shutting one down there waits for nothing, and
 *  waits without end for their tasks are answered THRUM_EDEADLK.
 *
 *  A task returns. One that ends its thread instead (pthread_exit) leaves its future undone, and
 *  who waits for the executor waiting; a map waits until its deadline then.
 */
#ifndef THRUM_EXECUTOR_H
#define THRUM_EXECUTOR_H

#include <thrum/calls.h>
#include <thrum/future.h>

THRUM_BEGIN_DECLS

/** An executor; an opaque handle. */
typedef struct thrum_executor thrum_executor;

/** Options of thrum_executor_new. */
typedef struct thrum_executor_options {
    size_t size;                              /**< private: sizeof, filled in by the macro */
    unsigned max_workers THRUM_PRIVATE_UNSET; /**< 0: the lesser of 32 and processors + 4 */
    /** copied; workers are PREFIX_0, PREFIX_1, ...; NULL or "": "ThreadPoolExecutor-N" */
    const char *thread_name_prefix THRUM_PRIVATE_UNSET;
    /** runs in each worker before its first task; not 0, or thrum_fail, breaks the executor */
    int (*initializer)(void *initarg) THRUM_PRIVATE_UNSET;
    void *initarg THRUM_PRIVATE_UNSET; /**< handed to `initializer` */
    /** most tasks that are submitted and not started; who submits more waits; 0: no bound */
    size_t max_pending THRUM_PRIVATE_UNSET;
} thrum_executor_options;

/** Create an executor without macro; what thrum_executor_new calls.
 *  @param options  with `size` set, or NULL
 *  @return a handle the caller frees; NULL: no memory, or an option that looks negative
 *  @blocks no   @thread any   @memory none   @python ThreadPoolExecutor(...)   @since 0.1 */
THRUM_API thrum_executor *thrum_executor_new_with(const thrum_executor_options *options);

/** Create an executor: `thrum_executor_new(.max_workers = 4, .thread_name_prefix = "io")`. The
 *  options are those of thrum_executor_options. No thread is started yet.
 *  @return a handle the caller frees; NULL: no memory, or an option that looks negative
 *  @blocks no   @thread any   @memory none   @python ThreadPoolExecutor(...)   @since 0.1 */
#define thrum_executor_new(...)                                                                    \
    thrum_executor_new_with(THRUM_PRIVATE_OPTIONS(thrum_executor_options, __VA_ARGS__))

/* ---- tasks ---- */

/** Have a worker call `target(arg)`. With `.max_pending` it waits until there is room; a worker of
 *  the executor never does.
 *  @param executor    any executor
 *  @param target      what to run; `return thrum_fail(...)` in it makes the task fail
 *  @param arg         handed to `target`
 *  @param ret_future  where a handle goes that the caller frees; NULL: fire and forget, and a
 *                     failure is told to the excepthook
 *  @return 0; THRUM_ESHUTDOWN: it is shut down, or the program ends; THRUM_EBROKEN: an initializer
 *          has failed; THRUM_ENOMEM; THRUM_EAGAIN: there is no thread, and none could be started;
 *          THRUM_EINVAL: NULL. On failure nothing was submitted
 *  @blocks with `.max_pending`, until there is room   @thread any, not signal handlers
 *  @memory release: the task sees what the caller did before
 *  @python Executor.submit(fn, arg)   @since 0.1 */
THRUM_API int thrum_executor_submit(thrum_executor *executor, thrum_target target, void *arg,
                                    thrum_future **ret_future);

/** The same, waiting for room until `deadline` at most.
 *  @param executor    any executor
 *  @param target      what to run
 *  @param arg         handed to `target`
 *  @param ret_future  where a handle goes that the caller frees; or NULL
 *  @param deadline    an instant; THRUM_FOREVER allowed
 *  @return as thrum_executor_submit; THRUM_ETIMEDOUT: there was no room
 *  @blocks with `.max_pending`, until `deadline`   @thread any   @memory release
 *  @python none   @since 0.1 */
THRUM_API int thrum_executor_submit_until(thrum_executor *executor, thrum_target target, void *arg,
                                          thrum_future **ret_future, thrum_time deadline);

/** The same, if there is room at this moment.
 *  @param executor    any executor
 *  @param target      what to run
 *  @param arg         handed to `target`
 *  @param ret_future  where a handle goes that the caller frees; or NULL
 *  @return as thrum_executor_submit; THRUM_EFULL: there is no room
 *  @blocks no   @thread any   @memory release   @python none   @since 0.1 */
THRUM_API int thrum_executor_try_submit(thrum_executor *executor, thrum_target target, void *arg,
                                        thrum_future **ret_future);

/* ---- map ---- */

/** Call `target` with each of `n` inputs in the workers, and wait for all: results[i] becomes
 *  target(inputs[i]). Short calls go to the workers by the handful. If one fails, those after it
 *  that have not begun are not made, and this returns once those before it are done.
 *  @param executor  any executor
 *  @param target    what to call
 *  @param inputs    the arguments
 *  @param n         how many; with 0 it returns at once, what a submit would be refused with
 *  @param results   where `n` results go; NULL: they are not wanted. After a failure those of
 *                   calls before the first failed one are there
 *  @return 0; THRUM_EFAILED: a call failed (thrum_executor_map_until says how); THRUM_ECANCELLED:
 *          the executor was shut down with THRUM_CANCEL_FUTURES; THRUM_EDEADLK: in a task that an
 *          input waits for; and as thrum_executor_submit, though with THRUM_ENOMEM calls may have
 *          been made
 *  @blocks until all calls are made   @thread any   @memory release, then acquire
 *  @python list(Executor.map(fn, inputs))   @since 0.1 */
THRUM_API int thrum_executor_map(thrum_executor *executor, thrum_target target, void *const *inputs,
                                 size_t n, void **results);

/** The same until `deadline` at most, and with the first failure in the order of the inputs.
 *  @param executor    any executor
 *  @param target      what to call
 *  @param inputs      the arguments
 *  @param n           how many
 *  @param results     where `n` results go; NULL: they are not wanted
 *  @param deadline    an instant; THRUM_FOREVER allowed
 *  @param ret_failed  with THRUM_EFAILED, where a failed future goes that the caller frees: ask
 *                     thrum_future_error (NULL: there was no memory for it); may be NULL
 *  @return as thrum_executor_map; THRUM_ETIMEDOUT: calls that have not begun are not made, and
 *          nothing is written to `results` any more; those under way go on, so the modules of
 *          `target` and of the caller stay loaded
 *  @blocks until `deadline`   @thread any   @memory release, then acquire
 *  @python list(Executor.map(fn, inputs, timeout=...))   @since 0.1 */
THRUM_API int thrum_executor_map_until(thrum_executor *executor, thrum_target target,
                                       void *const *inputs, size_t n, void **results,
                                       thrum_time deadline, thrum_future **ret_failed);

/** Private: thrum_executor_map_until, with what makes the calls; NULL: the library's own. */
THRUM_API int thrum_private_map(thrum_executor *executor, thrum_target target, void *const *inputs,
                                size_t n, void **results, thrum_time deadline,
                                thrum_future **ret_failed, thrum_private_caller *caller);

#if defined(__OPTIMIZE__)
/** Private: thrum_executor_map, with calls made in this module. */
THRUM_PRIVATE_INLINE int thrum_private_map_here(thrum_executor *executor, thrum_target target,
                                                void *const *inputs, size_t n, void **results)
{
    return thrum_private_map(executor, target, inputs, n, results, THRUM_FOREVER, NULL,
                             thrum_private_call_each);
}

/** Private: thrum_executor_map_until, likewise. */
THRUM_PRIVATE_INLINE int thrum_private_map_here_until(thrum_executor *executor, thrum_target target,
                                                      void *const *inputs, size_t n, void **results,
                                                      thrum_time deadline,
                                                      thrum_future **ret_failed)
{
    return thrum_private_map(executor, target, inputs, n, results, deadline, ret_failed,
                             thrum_private_call_each);
}

#define thrum_executor_map(...) thrum_private_map_here(__VA_ARGS__)
#define thrum_executor_map_until(...) thrum_private_map_here_until(__VA_ARGS__)
#endif

/** A map that is consumed result by result. Used by one thread at a time. */
typedef struct thrum_map thrum_map;

/** Options of thrum_map_new. */
typedef struct thrum_map_options {
    size_t size; /**< private: sizeof, filled in by the macro */
    /** most tasks whose results have not been taken; 0: all inputs are submitted at once */
    size_t buffersize THRUM_PRIVATE_UNSET;
    /** the latest that thrum_map_new and thrum_map_next wait; 0: for ever */
    thrum_time deadline THRUM_PRIVATE_UNSET;
} thrum_map_options;

/** Create a map without macro; what thrum_map_new calls.
 *  @param executor  any executor, which must outlive the map
 *  @param target    what to call with each input
 *  @param next      gives the next input: true, and the input in `*ret_input`; false: no more.
 *                   Called by thrum_map_new and thrum_map_next, never again after a false
 *  @param state     handed to `next`
 *  @param options   with `size` set, or NULL
 *  @return a handle the caller frees; NULL: no memory, executor, target or next is NULL, or a
 *          buffersize that looks negative
 *  @blocks as thrum_executor_submit   @thread any   @memory release
 *  @python Executor.map(fn, iterable, buffersize=...)   @since 0.1 */
THRUM_API thrum_map *thrum_map_new_with(thrum_executor *executor, thrum_target target,
                                        bool (*next)(void *state, void **ret_input), void *state,
                                        const thrum_map_options *options);

#define THRUM_PRIVATE_MAP_CALL(executor, target, next, state, ...)                                 \
    thrum_map_new_with((executor), (target), (next), (state),                                      \
                       THRUM_PRIVATE_OPTIONS(thrum_map_options, __VA_ARGS__))

/** Create a map: `thrum_map_new(pool, parse, next_path, &paths, .buffersize = 8)`. As many inputs
 *  as the options allow are submitted at once, the others as results are taken. What submitting
 *  fails with is told by thrum_map_next, at the input's place.
 *  @param executor  any executor, which must outlive the map
 *  @param target    what to call with each input
 *  @param next      gives the next input
 *  @return a handle the caller frees; NULL: no memory, executor, target or next is NULL, or a
 *          buffersize that looks negative
 *  @blocks as thrum_executor_submit   @thread any   @memory release
 *  @python Executor.map(fn, iterable, buffersize=...)   @since 0.1 */
#define thrum_map_new(executor, target, next, ...)                                                 \
    THRUM_PRIVATE_MAP_CALL(executor, target, next, __VA_ARGS__, )

/** Wait for the next result, in the order of the inputs, until `deadline` at most.
 *  @param map         what thrum_map_new gave
 *  @param ret_result  where the result goes; may be NULL
 *  @param deadline    an instant; THRUM_FOREVER allowed. The map's own counts if it is earlier
 *  @return 0; THRUM_EEMPTY: no more; THRUM_ESTATE: called by its own `next`. Once: THRUM_EFAILED,
 *          THRUM_EBROKEN: see thrum_map_error; THRUM_ECANCELLED; and the map is at its end, what
 *          has not begun is cancelled. Nothing lost, and told again by the next call:
 *          THRUM_ETIMEDOUT; THRUM_EDEADLK; THRUM_ESHUTDOWN, THRUM_EBROKEN, THRUM_EAGAIN,
 *          THRUM_ENOMEM: the next input could not be submitted; THRUM_EINVAL: NULL
 *  @blocks until `deadline`   @thread one at a time   @memory acquire
 *  @python next(iterator)   @since 0.1 */
THRUM_API int thrum_map_next_until(thrum_map *map, void **ret_result, thrum_time deadline);

/** Wait for the next result, in the order of the inputs.
 *  @param map         what thrum_map_new gave
 *  @param ret_result  where the result goes; may be NULL
 *  @return as thrum_map_next_until
 *  @blocks until there is one, and, with .max_pending, room for the next inputs
 *  @thread one at a time   @memory acquire
 *  @python next(iterator)   @since 0.1 */
THRUM_API int thrum_map_next(thrum_map *map, void **ret_result);

/** How the map failed.
 *  @param map  what thrum_map_new gave
 *  @return what thrum_fail said, valid as long as the map; NULL unless a task has failed or was
 *          broken, and for NULL
 *  @blocks no   @thread one at a time   @memory none   @python the exception   @since 0.1 */
THRUM_API const thrum_error *thrum_map_error(const thrum_map *map);

/** End the map, finished or not: what has not begun is cancelled, what runs goes on.
 *  @param map  what thrum_map_new gave, or NULL
 *  @blocks no   @thread none other may use it   @memory acq_rel   @python iterator.close()
 *  @since 0.1 */
THRUM_API void thrum_map_free(thrum_map *map);

/* ---- the end ---- */

/** Flags of thrum_executor_shutdown. */
enum thrum_shutdown_flags {
    THRUM_WAIT = 1,           /**< return when the workers have ended */
    THRUM_CANCEL_FUTURES = 2, /**< cancel the tasks that have not started */
};

/** Take no more tasks; those that are there are done, or cancelled. Who waits for room in submit is
 *  told THRUM_ESHUTDOWN. May be called again, with other flags.
 *  @param executor  any executor
 *  @param flags     0, or what thrum_shutdown_flags says, combined by |
 *  @return 0; THRUM_EDEADLK: THRUM_WAIT in one of its own workers (it is shut down all the same);
 *          THRUM_EINVAL: NULL, or other flags
 *  @blocks with THRUM_WAIT, until the workers have ended   @thread any, not signal handlers
 *  @memory acquire with THRUM_WAIT   @python Executor.shutdown(wait, cancel_futures)   @since
 *  0.1 */
THRUM_API int thrum_executor_shutdown(thrum_executor *executor, unsigned flags);

/** The same, waiting until `deadline` at most.
 *  @param executor  any executor
 *  @param flags     as thrum_executor_shutdown
 *  @param deadline  an instant; THRUM_FOREVER allowed
 *  @return as thrum_executor_shutdown; THRUM_ETIMEDOUT: it is shut down, but works still
 *  @blocks until `deadline`   @thread any   @memory acquire with THRUM_WAIT
 *  @python Executor.shutdown()   @since 0.1 */
THRUM_API int thrum_executor_shutdown_until(thrum_executor *executor, unsigned flags,
                                            thrum_time deadline);

/** Shut down, wait until the workers have ended, and free. In one of its own workers it does not
 *  wait: the last worker to end frees it. In a forked child it does not wait either, and what the
 *  parent has queued is cancelled in the child.
 *  @param executor  an executor that nobody else uses, or NULL
 *  @blocks until the workers have ended   @thread any   @memory acquire
 *  @python Executor.__exit__()   @since 0.1 */
THRUM_API void thrum_executor_free(thrum_executor *executor);

/** Private: the end of a scope. */
static inline void thrum_private_executor_end(thrum_executor **executor)
{
    thrum_executor_free(*executor);
}

#define THRUM_PRIVATE_EXECUTOR(name, ...)                                                          \
    thrum_executor *(name) __attribute__((cleanup(thrum_private_executor_end), unused)) =          \
        thrum_executor_new(__VA_ARGS__)

/** Declare an executor for the rest of the enclosing block, at whose end, however it is left, it is
 *  shut down, waiting, and freed: `THRUM_EXECUTOR(pool, .max_workers = 2);`. Declare what its tasks
 *  use before it: what is declared later is gone when it waits for them. The options are those of
 *  thrum_executor_new; without memory it is NULL, which functions that return a status answer
 *  THRUM_EINVAL, and thrum_map_new with NULL.
 *  @blocks at the end of the block   @thread any   @memory acquire
 *  @python with ThreadPoolExecutor(...) as pool:   @since 0.1 */
#define THRUM_EXECUTOR(...) THRUM_PRIVATE_EXECUTOR(__VA_ARGS__, )

THRUM_END_DECLS
#endif
