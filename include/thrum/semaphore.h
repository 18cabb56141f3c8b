/* SPDX-License-Identifier: MIT */
/** @file
 *  Semaphore: a number of permits. Python: threading.Semaphore and BoundedSemaphore.
 *
 *      static thrum_semaphore connections = THRUM_BOUNDED_SEMAPHORE(4);
 *
 *      thrum_with (&connections) {             // at most four threads are in here
 *          talk_to_the_server();
 *      }
 */
#ifndef THRUM_SEMAPHORE_H
#define THRUM_SEMAPHORE_H

#include <thrum/status.h>
#include <thrum/time.h>

THRUM_BEGIN_DECLS

/** A semaphore. Zeroed it has no permits and no bound. Permits go to sleeping waiters directly,
 *  first come, first served; a permit nobody waits for is taken by whoever comes. */
typedef struct thrum_semaphore {
    uint64_t state;   /**< private: bit 0 somebody may be queued, bits 1-32 permits */
    uint32_t limit;   /**< private: the most permits a bounded semaphore may hold */
    uint32_t bounded; /**< private: whether `limit` counts */
} thrum_semaphore;

/** A semaphore of `value` permits that may be released beyond that. */
#define THRUM_SEMAPHORE(value)                                                                     \
    {                                                                                              \
        (uint64_t)(value) << 1, 0, 0                                                               \
    }
/** A semaphore of `value` permits that refuses to hold more. */
#define THRUM_BOUNDED_SEMAPHORE(value)                                                             \
    {                                                                                              \
        (uint64_t)(value) << 1, (value), 1                                                         \
    }

/** Set a semaphore that nobody uses to `value` permits.
 *  @param semaphore  the memory to initialise; NULL is misuse
 *  @param value      permits at the start
 *  @param bounded    whether more than `value` permits are refused
 *  @blocks no   @thread none other may use it meanwhile   @memory none
 *  @python Semaphore(value), BoundedSemaphore(value)   @since 0.1 */
THRUM_API void thrum_semaphore_init(thrum_semaphore *semaphore, unsigned value, bool bounded);

/** Take a permit, waiting until `deadline` at most. A permit at hand is taken whatever the
 *  deadline.
 *  @param semaphore  any initialised semaphore
 *  @param deadline   an instant; THRUM_FOREVER allowed
 *  @return 0; THRUM_ETIMEDOUT; THRUM_EINVAL: NULL; THRUM_ECANCELLED is reserved
 *  @blocks until `deadline`   @thread any, not signal handlers
 *  @memory acquire; pairs with thrum_semaphore_release
 *  @python Semaphore.acquire(timeout=...)   @since 0.1 */
THRUM_API int thrum_semaphore_acquire_until(thrum_semaphore *semaphore, thrum_time deadline);

/** Take a permit, waiting as long as it takes.
 *  @param semaphore  any initialised semaphore
 *  @return 0; THRUM_EINVAL: NULL; THRUM_ECANCELLED is reserved
 *  @blocks until a permit comes   @thread any, not signal handlers   @memory acquire
 *  @python Semaphore.acquire()   @since 0.1 */
THRUM_API int thrum_semaphore_acquire(thrum_semaphore *semaphore);

/** Take a permit if there is one at this moment.
 *  @param semaphore  any initialised semaphore; NULL is misuse
 *  @return true if the caller took one
 *  @blocks no   @thread any   @memory acquire on success
 *  @python Semaphore.acquire(blocking=False)   @since 0.1 */
THRUM_API bool thrum_semaphore_try_acquire(thrum_semaphore *semaphore);

/** Give `n` permits, all or none. Async-signal-safe; a handler that has interrupted its own thread
 *  inside a thrum call gives them as soon as that call lets it, before the call returns. A woken
 *  thread may free the semaphore while
 *  this call is still returning.
 *  @param semaphore  any initialised semaphore
 *  @param n          how many permits
 *  @return 0; THRUM_EINVAL: n is 0 or NULL; THRUM_EOVERFLOW: beyond the bound (or 2^32-1), nothing
 *          was released
 *  @blocks no   @thread any, also in signal handlers   @memory release
 *  @python Semaphore.release(n)   @since 0.1 */
THRUM_API int thrum_semaphore_release(thrum_semaphore *semaphore, unsigned n);

/** Permits at this moment; stale as soon as it is told.
 *  @param semaphore  any initialised semaphore; NULL answers 0
 *  @return how many permits could be taken without waiting
 *  @blocks no   @thread any, also in signal handlers   @memory relaxed
 *  @python Semaphore._value   @since 0.1 */
THRUM_API unsigned thrum_semaphore_value(const thrum_semaphore *semaphore);

THRUM_END_DECLS
#endif
