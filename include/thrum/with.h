/* SPDX-License-Identifier: MIT */
/** @file
 *  With: hold a lock, an rlock or a semaphore for a scope. Python: the with statement.
 *
 *      THRUM_HOLD(&lock);                      // to the end of the enclosing block
 *
 *      thrum_with (&lock) {                    // for this block
 *          if (nothing_to_do)
 *              return;                         // released here too
 *      }
 *
 *  Both release on `return`, `goto` and the end of the block, and when the thread is cancelled or
 *  calls pthread_exit; `longjmp` releases nothing. In `thrum_with`, which is a loop of one round,
 *  `break` and `continue` leave the with, not a loop around it.
 */
#ifndef THRUM_WITH_H
#define THRUM_WITH_H

#include <thrum/lock.h>
#include <thrum/rlock.h>
#include <thrum/semaphore.h>

THRUM_BEGIN_DECLS

/** Private: what a scope holds, and how it lets go. */
typedef struct thrum_hold {
    void *object;
    void (*release)(void *object);
    bool entered;
} thrum_hold;

/** Private: release one permit of a held semaphore. */
THRUM_API void thrum_hold_release_semaphore(void *semaphore);
/** Private: release a held lock. */
THRUM_API void thrum_hold_release_lock(void *lock);
/** Private: release a held rlock. */
THRUM_API void thrum_hold_release_rlock(void *lock);

/** Private: acquire a lock for a scope. */
static inline thrum_hold thrum_hold_lock(thrum_lock *lock, const char *site)
{
    thrum_hold hold = {lock, thrum_hold_release_lock, false};
    thrum_lock_acquire_at(lock, site);
    return hold;
}

/** Private: acquire an rlock for a scope. */
static inline thrum_hold thrum_hold_rlock(thrum_rlock *lock, const char *site)
{
    thrum_hold hold = {lock, thrum_hold_release_rlock, false};
    thrum_rlock_acquire_at(lock, site);
    return hold;
}

/** Private: take a permit for a scope; a failed wait holds nothing. */
static inline thrum_hold thrum_hold_semaphore(thrum_semaphore *semaphore, const char *site)
{
    thrum_hold hold = {NULL, thrum_hold_release_semaphore, false};
    (void)site;
    if (thrum_semaphore_acquire(semaphore) == 0)
        hold.object = semaphore;
    return hold;
}

/** Private: the end of a scope. */
static inline void thrum_hold_end(thrum_hold *hold)
{
    if (hold->object == NULL)
        return;
    if (hold->release == thrum_hold_release_lock)
        thrum_lock_release((thrum_lock *)hold->object);
    else if (hold->release == thrum_hold_release_rlock)
        thrum_rlock_release((thrum_rlock *)hold->object);
    else
        hold->release(hold->object);
}

/** Private: true for the one round of `thrum_with`, and only if the object is held. */
static inline bool thrum_hold_enter(thrum_hold *hold)
{
    bool first = !hold->entered && hold->object != NULL;
    hold->entered = true;
    return first;
}

THRUM_END_DECLS

#define THRUM_PRIVATE_JOIN(a, b) THRUM_PRIVATE_JOIN_(a, b)
#define THRUM_PRIVATE_JOIN_(a, b) a##b

#ifdef __cplusplus
/** Private: acquire whatever can be held. */
inline thrum_hold thrum_private_hold(thrum_lock *lock, const char *site)
{
    return thrum_hold_lock(lock, site);
}
/** Private: likewise. */
inline thrum_hold thrum_private_hold(thrum_rlock *lock, const char *site)
{
    return thrum_hold_rlock(lock, site);
}
/** Private: likewise. */
inline thrum_hold thrum_private_hold(thrum_semaphore *semaphore, const char *site)
{
    return thrum_hold_semaphore(semaphore, site);
}
#else
#define thrum_private_hold(object, site)                                                           \
    _Generic((object), thrum_lock *                                                                \
             : thrum_hold_lock, thrum_rlock *                                                      \
             : thrum_hold_rlock, thrum_semaphore *                                                 \
             : thrum_hold_semaphore)((object), (site))
#endif

/** Hold `object` from here to the end of the enclosing block. One per line.
 *  @param object  a thrum_lock *, thrum_rlock * or thrum_semaphore *
 *  @blocks until acquired   @thread any, not signal handlers   @memory acquire, then release
 *  @python with object: (for the rest of the block)   @since 0.1 */
#define THRUM_HOLD(object)                                                                         \
    thrum_hold THRUM_PRIVATE_JOIN(thrum_hold_at_line_, __LINE__)                                   \
        __attribute__((cleanup(thrum_hold_end), unused)) =                                         \
            thrum_private_hold((object), THRUM_SITE)

/** Hold `object` for the statement or block that follows.
 *  @param object  a thrum_lock *, thrum_rlock * or thrum_semaphore *
 *  @blocks until acquired   @thread any, not signal handlers   @memory acquire, then release
 *  @python with object:   @since 0.1 */
#define thrum_with(object)                                                                         \
    for (thrum_hold THRUM_PRIVATE_JOIN(thrum_with_at_line_, __LINE__)                              \
             __attribute__((cleanup(thrum_hold_end))) = thrum_private_hold((object), THRUM_SITE);  \
         thrum_hold_enter(&THRUM_PRIVATE_JOIN(thrum_with_at_line_, __LINE__));)

#endif
