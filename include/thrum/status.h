/* SPDX-License-Identifier: MIT */
/** @file
 *  Status codes and misuse. Every thrum function that can fail returns 0 or one of the negative
 *  codes below, each standing for one Python exception; `thrum_strerror` says it in words.
 *
 *      int status = thrum_event_wait_until(&ready, thrum_after(0.5));
 *      if (status != 0)
 *          fprintf(stderr, "not ready: %s\n", thrum_strerror(status));
 */
#ifndef THRUM_STATUS_H
#define THRUM_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define THRUM_BEGIN_DECLS extern "C" {
#define THRUM_END_DECLS }
#else
#define THRUM_BEGIN_DECLS
#define THRUM_END_DECLS
#endif

#define THRUM_API __attribute__((visibility("default")))
#define THRUM_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))

/* Private: options are designated initialisers, in C++ too, where a temporary has no address and a
 * field that is left out is warned of unless it has a default. */
#ifdef __cplusplus
template <typename T> inline const T *thrum_private_address(const T &value)
{
    return &value;
}
#define THRUM_PRIVATE_UNSET = {}
#define THRUM_PRIVATE_OPTIONS(type, ...)                                                           \
    thrum_private_address(__extension__ type{.size = sizeof(type), __VA_ARGS__})
#else
#define THRUM_PRIVATE_UNSET
#define THRUM_PRIVATE_OPTIONS(type, ...) (&(type){.size = sizeof(type), __VA_ARGS__})
#endif

THRUM_BEGIN_DECLS

/** The closed list of failures. Where errno has a name for it the value is `-errno`. */
enum thrum_status {
    THRUM_OK = 0,
    THRUM_EPERM = -1,        /**< RuntimeError: release of what is not held */
    THRUM_EAGAIN = -11,      /**< RuntimeError: can't start new thread */
    THRUM_ENOMEM = -12,      /**< MemoryError */
    THRUM_EINVAL = -22,      /**< ValueError, TypeError */
    THRUM_EDEADLK = -35,     /**< RuntimeError: a wait that can never end */
    THRUM_EOVERFLOW = -75,   /**< ValueError: released, or done, too often */
    THRUM_ESHUTDOWN = -108,  /**< queue.ShutDown; RuntimeError after shutdown */
    THRUM_ETIMEDOUT = -110,  /**< TimeoutError; False from a timed wait */
    THRUM_ECANCELLED = -125, /**< CancelledError */
    THRUM_EEMPTY = -2001,    /**< queue.Empty, from try forms */
    THRUM_EFULL = -2002,     /**< queue.Full, from try forms */
    THRUM_EFAILED = -2003,   /**< the task failed: its thrum_error has code and message */
    THRUM_EBROKEN = -2004,   /**< BrokenBarrierError, BrokenExecutor */
    THRUM_ESTATE = -2005,    /**< RuntimeError, InvalidStateError: started twice, ... */
};

/** What `status` means, in words.
 *  @param status  0 or a THRUM_E* code; other values are answered too
 *  @return a string that lives for ever; never NULL
 *  @blocks no   @thread any, also in signal handlers   @python str(exception)   @since 0.1 */
THRUM_API const char *thrum_strerror(int status);

/** Called on a bug of the caller: the release of a lock that is not held, a NULL object where no
 *  status can say so, a wait for oneself that can never end.
 *  @param what    one line: what happened, to which object, who owns it, who called
 *  @param object  the object concerned, or NULL */
typedef void (*thrum_misuse_handler)(const char *what, const void *object);

/** Replace the misuse handler. The default prints "thrum: WHAT" to stderr and aborts. When a
 *  handler returns, the offending call does nothing (a release) or goes on waiting (an acquire).
 *  @param handler  the new handler; NULL restores the default
 *  @return the handler in force before; NULL stands for the default
 *  @blocks no   @thread any   @memory acq_rel   @python RuntimeError raised by release()
 *  @since 0.1 */
THRUM_API thrum_misuse_handler thrum_set_misuse_handler(thrum_misuse_handler handler);

THRUM_END_DECLS
#endif
