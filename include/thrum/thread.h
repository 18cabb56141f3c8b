/* SPDX-License-Identifier: MIT */
/** @file
 *  Thread: a separate flow of execution. Python: threading.Thread.
 *
 *      void *work(void *arg) { printf("hello from %s\n", (char *)arg); return NULL; }
 *
 *      thrum_thread *t = thrum_spawn(work, "a thread", .name = "greeter");
 *      thrum_thread_join(t);
 *      thrum_thread_free(t);
 *
 *  A program ends only when its non-daemon threads have: when main returns or exit() is called they
 *  are joined. Daemon threads are abandoned where they are: at their next thrum call they stop for
 *  good.
 */
#ifndef THRUM_THREAD_H
#define THRUM_THREAD_H

#include <thrum/status.h>
#include <thrum/time.h>

THRUM_BEGIN_DECLS

/** A thread; reference-counted inside, so freeing a handle never harms the thread. */
typedef struct thrum_thread thrum_thread;

/** What a thread runs. Its return value is kept for thrum_thread_result. */
typedef void *(*thrum_target)(void *arg);

/** Whether the end of the program waits for a thread. */
enum thrum_daemon {
    THRUM_INHERIT = 0,    /**< as the creating thread (a foreign pthread counts as a daemon) */
    THRUM_DAEMON = 1,     /**< abandoned at the end of the program */
    THRUM_NOT_DAEMON = 2, /**< joined at the end of the program */
};

/** Options of thrum_thread_new and thrum_spawn. */
typedef struct thrum_thread_options {
    size_t size;                                  /**< private: sizeof, filled in by the macro */
    const char *name THRUM_PRIVATE_UNSET;         /**< copied; NULL: "Thread-N" */
    enum thrum_daemon daemon THRUM_PRIVATE_UNSET; /**< one of thrum_daemon */
    size_t stack_bytes THRUM_PRIVATE_UNSET;       /**< 0: the default of thrum_set_stack_size */
} thrum_thread_options;

/** Create a thread without macro; what thrum_thread_new calls.
 *  @param target   what to run; NULL runs nothing
 *  @param arg      handed to `target`
 *  @param options  with `size` set, or NULL
 *  @return a handle the caller frees; NULL: no memory
 *  @blocks no   @thread any   @memory none   @python Thread(target=..., args=...)   @since 0.1 */
THRUM_API thrum_thread *thrum_thread_new_with(thrum_target target, void *arg,
                                              const thrum_thread_options *options);

/** Create and start a thread without macro; what thrum_spawn calls.
 *  @param target   what to run; NULL runs nothing
 *  @param arg      handed to `target`
 *  @param options  with `size` set, or NULL
 *  @return a handle the caller frees; NULL: no memory, or no thread could be started
 *  @blocks no   @thread any   @memory release: the target sees what the caller did before
 *  @python Thread(...).start()   @since 0.1 */
THRUM_API thrum_thread *thrum_spawn_with(thrum_target target, void *arg,
                                         const thrum_thread_options *options);

#define THRUM_PRIVATE_THREAD_CALL(function, target, arg, ...)                                      \
    function((target), (arg), THRUM_PRIVATE_OPTIONS(thrum_thread_options, __VA_ARGS__))

/** Create a thread: `thrum_thread_new(target, arg, .name = "reader", .daemon = THRUM_DAEMON)`.
 *  The options are those of thrum_thread_options.
 *  @param target  what to run
 *  @return a handle the caller frees; NULL: no memory
 *  @blocks no   @thread any   @memory none   @python Thread(target=..., args=...)   @since 0.1 */
#define thrum_thread_new(target, ...)                                                              \
    THRUM_PRIVATE_THREAD_CALL(thrum_thread_new_with, target, __VA_ARGS__, )

/** Create and start a thread: `thrum_spawn(target, arg, ...options)`.
 *  @param target  what to run
 *  @return a handle the caller frees; NULL: no memory, or no thread could be started
 *  @blocks no   @thread any   @memory release   @python Thread(...).start()   @since 0.1 */
#define thrum_spawn(target, ...) THRUM_PRIVATE_THREAD_CALL(thrum_spawn_with, target, __VA_ARGS__, )

/** Start the thread. It can be started once.
 *  @param thread  a thread that has not been started
 *  @return 0; THRUM_ESTATE: started before; THRUM_EAGAIN: the system has no more threads, may be
 *          tried again; THRUM_ENOMEM: as EAGAIN, for memory; THRUM_ESHUTDOWN: the process is
 *          ending; THRUM_EINVAL: NULL, or a stack size out of range
 *  @blocks no   @thread any   @memory release: the target sees what the caller did before
 *  @python Thread.start()   @since 0.1 */
THRUM_API int thrum_thread_start(thrum_thread *thread);

/** Wait until the thread has ended, `deadline` at most. Any number of threads may join, again and
 *  again. Joining the main thread waits for the end of main.
 *  @param thread    a started thread
 *  @param deadline  an instant; THRUM_FOREVER allowed
 *  @return 0: it has ended; THRUM_ETIMEDOUT; THRUM_ESTATE: not started, or a dummy thread;
 *          THRUM_EDEADLK: the caller itself, or, with THRUM_FOREVER, a daemon that has been stopped
 *          by the end of the program; THRUM_EINVAL: NULL; THRUM_ECANCELLED is reserved
 *  @blocks until `deadline`   @thread any   @memory acquire: what the thread did is seen
 *  @python Thread.join(timeout), which returns None always   @since 0.1 */
THRUM_API int thrum_thread_join_until(thrum_thread *thread, thrum_time deadline);

/** Wait until the thread has ended.
 *  @param thread  a started thread
 *  @return 0; THRUM_ESTATE; THRUM_EDEADLK; THRUM_EINVAL; THRUM_ECANCELLED is reserved
 *  @blocks until it ends   @thread any   @memory acquire   @python Thread.join()   @since 0.1 */
THRUM_API int thrum_thread_join(thrum_thread *thread);

/** What the target returned.
 *  @param thread  any thread
 *  @return the value; NULL before the end, for a target that failed, and for NULL
 *  @blocks no   @thread any   @memory acquire   @python none (Future.result)   @since 0.1 */
THRUM_API void *thrum_thread_result(thrum_thread *thread);

/** Drop the handle. A running thread goes on; borrowed handles (thrum_current_thread,
 *  thrum_main_thread) are not to be freed.
 *  @param thread  a handle of the caller's, or NULL
 *  @blocks no   @thread any   @memory acq_rel   @python del thread   @since 0.1 */
THRUM_API void thrum_thread_free(thrum_thread *thread);

/** Whether the thread has been started and has not ended.
 *  @param thread  any thread; NULL answers false
 *  @return true from the return of start until just before a join returns
 *  @blocks no   @thread any   @memory acquire when false   @python Thread.is_alive()
 *  @since 0.1 */
THRUM_API bool thrum_thread_is_alive(const thrum_thread *thread);

/** The thread's name.
 *  @param thread  any thread
 *  @return a string that lives as long as the thread, also across set_name; NULL for NULL
 *  @blocks no   @thread any   @memory acquire   @python Thread.name   @since 0.1 */
THRUM_API const char *thrum_thread_name(const thrum_thread *thread);

/** Rename the thread; the operating system shows the first 15 bytes.
 *  @param thread  any thread
 *  @param name    copied; any string, also an empty one
 *  @return 0; THRUM_ENOMEM: the old name stays; THRUM_EINVAL: NULL
 *  @blocks no   @thread any   @memory release   @python Thread.name = name   @since 0.1 */
THRUM_API int thrum_thread_set_name(thrum_thread *thread, const char *name);

/** Whether the end of the program abandons the thread.
 *  @param thread  any thread; NULL answers false
 *  @return true for a daemon
 *  @blocks no   @thread any   @memory relaxed   @python Thread.daemon   @since 0.1 */
THRUM_API bool thrum_thread_is_daemon(const thrum_thread *thread);

/** Make the thread a daemon, or not.
 *  @param thread  a thread that has not been started
 *  @param daemon  whether the end of the program abandons it
 *  @return 0; THRUM_ESTATE: started; THRUM_EINVAL: NULL
 *  @blocks no   @thread any   @memory relaxed   @python Thread.daemon = daemon   @since 0.1 */
THRUM_API int thrum_thread_set_daemon(thrum_thread *thread, bool daemon);

/** The thread's identifier: unique among the living, may come again after its end.
 *  @param thread  any thread
 *  @return non-zero once started, also after the end; 0 before start and for NULL
 *  @blocks no   @thread any   @memory relaxed   @python Thread.ident   @since 0.1 */
THRUM_API uint64_t thrum_thread_ident(const thrum_thread *thread);

/** The kernel's number of the thread. Right after start it may have to wait for the thread's first
 *  instructions.
 *  @param thread  any thread
 *  @return the kernel's thread id; 0 before start and for NULL
 *  @blocks briefly   @thread any   @memory acquire   @python Thread.native_id   @since 0.1 */
THRUM_API uint64_t thrum_thread_native_id(const thrum_thread *thread);

/** The caller's own thread. A thread thrum did not start gets a dummy: "Dummy-N", a daemon.
 *  @return a borrowed handle, valid as long as the thread runs; never NULL
 *  @blocks no   @thread any   @memory none   @python threading.current_thread()   @since 0.1 */
THRUM_API thrum_thread *thrum_current_thread(void);

/** The thread that runs main; in a forked child, the one that forked.
 *  @return a borrowed handle, valid for ever; never NULL
 *  @blocks no   @thread any   @memory none   @python threading.main_thread()   @since 0.1 */
THRUM_API thrum_thread *thrum_main_thread(void);

/** The caller's identifier.
 *  @return non-zero
 *  @blocks no   @thread any   @memory none   @python threading.get_ident()   @since 0.1 */
THRUM_API uint64_t thrum_get_ident(void);

/** The kernel's number of the calling thread.
 *  @return non-zero
 *  @blocks no   @thread any   @memory none   @python threading.get_native_id()   @since 0.1 */
THRUM_API uint64_t thrum_get_native_id(void);

/** How many threads are alive: the main thread, started threads, dummies.
 *  @return at least 1
 *  @blocks no   @thread any   @memory acquire   @python threading.active_count()   @since 0.1 */
THRUM_API size_t thrum_active_count(void);

/** The threads that are alive.
 *  @param buffer    where to store up to `capacity` handles, each with a reference the caller frees
 *  @param capacity  how many fit; 0 only counts (`buffer` may then be NULL)
 *  @return how many are alive, which may be more than `capacity`
 *  @blocks no   @thread any   @memory acquire   @python threading.enumerate()   @since 0.1 */
THRUM_API size_t thrum_enumerate(thrum_thread **buffer, size_t capacity);

/** The stack size of threads created from now on without one of their own.
 *  @param bytes  0: the system's default; else at least 32 KiB, rounded up to whole pages
 *  @return 0; THRUM_EINVAL: too small or too large, the setting stays
 *  @blocks no   @thread any   @memory relaxed   @python threading.stack_size(n)   @since 0.1 */
THRUM_API int thrum_set_stack_size(size_t bytes);

/** How a target or task failed. */
typedef struct thrum_error {
    int code;                /**< the caller's own number, often an errno */
    const char *message;     /**< formatted by thrum_fail; never NULL */
    const char *thread_name; /**< the thread it failed in; never NULL */
} thrum_error;

/** Fail: `return thrum_fail(EIO, "cannot read %s", path);` makes the running target or task a
 *  failed one. A thread's failure goes to the excepthook when the target returns. The last call
 *  counts. Outside of a target it does nothing.
 *  @param code    a number for the program's own use
 *  @param format  printf format of the message
 *  @return NULL, always
 *  @blocks no   @thread any   @memory none   @python raise   @since 0.1 */
THRUM_API void *thrum_fail(int code, const char *format, ...) THRUM_PRINTF(2, 3);

/** Told of every thread whose target failed, in that thread, before it ends.
 *  @param thread  the thread that failed
 *  @param error   what thrum_fail said; valid during the call */
typedef void (*thrum_excepthook)(const thrum_thread *thread, const thrum_error *error);

/** Replace the excepthook. The default prints "Exception in thread NAME: MESSAGE" to stderr.
 *  @param hook  the new hook; NULL restores the default
 *  @return the hook in force before; NULL stands for the default
 *  @blocks no   @thread any   @memory acq_rel   @python threading.excepthook = hook   @since 0.1 */
THRUM_API thrum_excepthook thrum_set_excepthook(thrum_excepthook hook);

/** Have `callback(arg)` called when the program ends, before its threads are joined; the last
 *  registered is called first.
 *  @param callback  what to call
 *  @param arg       handed to `callback`
 *  @return 0; THRUM_ESHUTDOWN: the process is ending already; THRUM_ENOMEM; THRUM_EINVAL: NULL
 *  @blocks no   @thread any   @memory release   @python threading._register_atexit   @since 0.1 */
THRUM_API int thrum_at_shutdown(void (*callback)(void *), void *arg);

/** End the program's use of threads: run the shutdown callbacks, join all non-daemon threads, those
 *  started meanwhile included (the caller excepted), and stop the daemon threads at their next
 *  thrum call. Runs by itself when main returns or exit() is called; a second call waits for the
 *  first.
 *  @return 0; THRUM_ESTATE: called from inside a shutdown callback
 *  @blocks until the last non-daemon thread has ended   @thread any   @memory acquire
 *  @python threading._shutdown()   @since 0.1 */
THRUM_API int thrum_shutdown(void);

THRUM_END_DECLS
#endif
