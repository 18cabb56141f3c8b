/* SPDX-License-Identifier: MIT */
/** @file
 *  Condition: wait for something that another thread makes true. Python: threading.Condition.
 *
 *      thrum_lock_acquire(&lock);
 *      while (queue_is_empty())                // another thread may be quicker
 *          thrum_condition_wait(&not_empty, &lock);
 *      take_item();
 *      thrum_lock_release(&lock);
 */
#ifndef THRUM_CONDITION_H
#define THRUM_CONDITION_H

#include <thrum/lock.h>
#include <thrum/rlock.h>

THRUM_BEGIN_DECLS

/** A condition, valid when zeroed. The lock is named at each wait: a thrum_lock or a thrum_rlock,
 *  the same one for all who wait at a time. Waiters are woken first come, first served, each by
 *  exactly one notification; there are no spurious wake-ups. */
typedef struct thrum_condition {
    uint32_t waiters;  /**< private: 1 while somebody may be queued */
    uint32_t reserved; /**< private: zero */
} thrum_condition;

#define THRUM_CONDITION_INIT                                                                       \
    {                                                                                              \
        0, 0                                                                                       \
    }

/** Private: the two lock types of `thrum_condition_wait` and its variants. */
THRUM_API int thrum_condition_wait_lock(thrum_condition *, thrum_lock *, thrum_time);
/** Private: see thrum_condition_wait_lock. */
THRUM_API int thrum_condition_wait_rlock(thrum_condition *, thrum_rlock *, thrum_time);
/** Private: see thrum_condition_wait_lock. */
THRUM_API int thrum_condition_wait_for_lock(thrum_condition *, thrum_lock *,
                                            bool (*predicate)(void *), void *arg, thrum_time);
/** Private: see thrum_condition_wait_lock. */
THRUM_API int thrum_condition_wait_for_rlock(thrum_condition *, thrum_rlock *,
                                             bool (*predicate)(void *), void *arg, thrum_time);

/** Wake up to `n` waiters, those that have waited longest. The lock need not be held, but usually
 *  is: then the woken wait for it in its own queue and none runs into a closed door.
 *  @param condition  any initialised condition; NULL is misuse
 *  @param n          how many waiters at most; 0 wakes none
 *  @blocks no   @thread any, not signal handlers
 *  @memory what was done under the lock is seen by the woken   @python Condition.notify(n), which
 *          insists on the lock   @since 0.1 */
THRUM_API void thrum_condition_notify(thrum_condition *condition, size_t n);

/** Wake all that wait at this moment.
 *  @param condition  any initialised condition; NULL is misuse
 *  @blocks no   @thread any, not signal handlers   @memory as thrum_condition_notify
 *  @python Condition.notify_all()   @since 0.1 */
THRUM_API void thrum_condition_notify_all(thrum_condition *condition);

THRUM_END_DECLS

#ifdef __cplusplus
/* C++ chooses by overload what C chooses by _Generic below; the documentation is there. */
#define THRUM_PRIVATE_CONDITION_OVERLOADS(type, suffix)                                            \
    inline int thrum_condition_wait_until(thrum_condition *c, type *lock, thrum_time deadline)     \
    {                                                                                              \
        return thrum_condition_wait_##suffix(c, lock, deadline);                                   \
    }                                                                                              \
    inline int thrum_condition_wait(thrum_condition *c, type *lock)                                \
    {                                                                                              \
        return thrum_condition_wait_##suffix(c, lock, THRUM_FOREVER);                              \
    }                                                                                              \
    inline int thrum_condition_wait_for_until(                                                     \
        thrum_condition *c, type *lock, bool (*predicate)(void *), void *arg, thrum_time deadline) \
    {                                                                                              \
        return thrum_condition_wait_for_##suffix(c, lock, predicate, arg, deadline);               \
    }                                                                                              \
    inline int thrum_condition_wait_for(thrum_condition *c, type *lock, bool (*predicate)(void *), \
                                        void *arg)                                                 \
    {                                                                                              \
        return thrum_condition_wait_for_##suffix(c, lock, predicate, arg, THRUM_FOREVER);          \
    }
THRUM_PRIVATE_CONDITION_OVERLOADS(thrum_lock, lock)
THRUM_PRIVATE_CONDITION_OVERLOADS(thrum_rlock, rlock)
#undef THRUM_PRIVATE_CONDITION_OVERLOADS
#else

/** Release the lock (an rlock at all its levels), sleep until notified or until `deadline`,
 *  acquire the lock again (to the same depth), and only then return; so the return may come later
 *  than the deadline. A notification that races with the deadline is never lost: who consumed it
 *  returns 0.
 *  @param condition  any initialised condition
 *  @param lock       a thrum_lock * that is held, or a thrum_rlock * the caller owns
 *  @param deadline   an instant; THRUM_FOREVER allowed; one that has passed only polls
 *  @return 0: notified; THRUM_ETIMEDOUT; THRUM_EPERM: the lock is not held, nothing was done;
 *          THRUM_EINVAL: NULL; THRUM_ECANCELLED is reserved. But for EPERM and EINVAL the lock is
 *          held again
 *  @blocks until `deadline`, then for the lock   @thread any, not signal handlers
 *  @memory release, then acquire, of the lock   @python Condition.wait(timeout)   @since 0.1 */
#define thrum_condition_wait_until(condition, lock, deadline)                                      \
    _Generic((lock), thrum_lock *                                                                  \
             : thrum_condition_wait_lock, thrum_rlock *                                            \
             : thrum_condition_wait_rlock)((condition), (lock), (deadline))

/** thrum_condition_wait_until without a deadline.
 *  @param condition  any initialised condition
 *  @param lock       a thrum_lock * that is held, or a thrum_rlock * the caller owns
 *  @return 0: notified; THRUM_EPERM; THRUM_EINVAL; THRUM_ECANCELLED is reserved
 *  @blocks until notified   @thread any, not signal handlers   @memory as its twin
 *  @python Condition.wait()   @since 0.1 */
#define thrum_condition_wait(condition, lock)                                                      \
    thrum_condition_wait_until((condition), (lock), THRUM_FOREVER)

/** Wait until `predicate(arg)` is true, testing it under the lock, now and after every
 *  notification, and once more when the deadline has passed.
 *  @param condition  any initialised condition
 *  @param lock       a thrum_lock * that is held, or a thrum_rlock * the caller owns
 *  @param predicate  tested with the lock held; must not wait
 *  @param arg        handed to `predicate`
 *  @param deadline   an instant; THRUM_FOREVER allowed
 *  @return 0: the predicate is true; THRUM_ETIMEDOUT: it is false and the deadline has passed;
 *          THRUM_EPERM; THRUM_EINVAL; THRUM_ECANCELLED is reserved
 *  @blocks until `deadline`, then for the lock   @thread any, not signal handlers
 *  @memory as thrum_condition_wait_until   @python Condition.wait_for(predicate, timeout)
 *  @since 0.1 */
#define thrum_condition_wait_for_until(condition, lock, predicate, arg, deadline)                  \
    _Generic((lock), thrum_lock *                                                                  \
             : thrum_condition_wait_for_lock, thrum_rlock *                                        \
             : thrum_condition_wait_for_rlock)((condition), (lock), (predicate), (arg),            \
                                               (deadline))

/** thrum_condition_wait_for_until without a deadline.
 *  @param condition  any initialised condition
 *  @param lock       a thrum_lock * that is held, or a thrum_rlock * the caller owns
 *  @param predicate  tested with the lock held; must not wait
 *  @param arg        handed to `predicate`
 *  @return 0: the predicate is true; THRUM_EPERM; THRUM_EINVAL; THRUM_ECANCELLED is reserved
 *  @blocks until the predicate is true   @thread any, not signal handlers   @memory as its twin
 *  @python Condition.wait_for(predicate)   @since 0.1 */
#define thrum_condition_wait_for(condition, lock, predicate, arg)                                  \
    thrum_condition_wait_for_until((condition), (lock), (predicate), (arg), THRUM_FOREVER)

#endif
#endif
