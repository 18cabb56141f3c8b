/* SPDX-License-Identifier: MIT */
/** @file
 *  RLock: a lock its owner may acquire again. Python: threading.RLock.
 *
 *      static thrum_rlock tree_lock;
 *
 *      void insert(struct tree *tree, int key) {
 *          THRUM_HOLD(&tree_lock);             // may be held by our caller already
 *          ...
 *      }
 */
#ifndef THRUM_RLOCK_H
#define THRUM_RLOCK_H

#include <thrum/lock.h>

THRUM_BEGIN_DECLS

/** A recursive lock, free when zeroed. Only its owner may release it, once per acquire. */
typedef struct thrum_rlock {
    uint32_t word;    /**< private: owner and queue bits, see src/sync/ownable.h */
    uint32_t count;   /**< private: how often the owner holds it, written by the owner only */
    const char *site; /**< private: "file:line" of the outermost acquire */
} thrum_rlock;

#define THRUM_RLOCK_INIT                                                                           \
    {                                                                                              \
        0, 0, 0                                                                                    \
    }

/** Private: the waiting half of `thrum_rlock_acquire_at`. */
THRUM_API void thrum_rlock_acquire_slow(thrum_rlock *lock, const char *site);
/** Private: the waking half of `thrum_rlock_release`. */
THRUM_API void thrum_rlock_release_slow(thrum_rlock *lock);

/** Acquire the lock and note where; what the macro thrum_rlock_acquire calls.
 *  @param lock  any initialised rlock
 *  @param site  a string that outlives the hold, such as THRUM_SITE, or NULL
 *  @blocks until the lock is free or the caller's own   @thread any, not signal handlers
 *  @memory acquire; pairs with thrum_rlock_release   @python RLock.acquire()   @since 0.1 */
THRUM_API inline void thrum_rlock_acquire_at(thrum_rlock *lock, const char *site)
{
    uint32_t me = thrum_private_me();
    if (lock != NULL && me != 0) {
        /* relaxed: the exchange looks again */
        uint32_t word = __atomic_load_n(&lock->word, __ATOMIC_RELAXED);
        /* pairs: thrum_rlock_release */
        if ((word & ~THRUM_PRIVATE_QUEUED) == 0 &&
            __atomic_compare_exchange_n(&lock->word, &word, word | me, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            /* relaxed: the count is read by others only as a hint, the site only by reports */
            __atomic_store_n(&lock->count, 1, __ATOMIC_RELAXED);
            __atomic_store_n(&lock->site, site, __ATOMIC_RELAXED);
            return;
        }
    }
    thrum_rlock_acquire_slow(lock, site);
}

/** Acquire the lock once more, waiting while another thread owns it.
 *  @param lock  any initialised rlock; NULL is misuse
 *  @blocks until the lock is free or the caller's own   @thread any, not signal handlers
 *  @memory acquire; pairs with thrum_rlock_release   @python RLock.acquire()   @since 0.1 */
THRUM_API void thrum_rlock_acquire(thrum_rlock *lock);
#define thrum_rlock_acquire(lock) thrum_rlock_acquire_at((lock), THRUM_SITE)

/** Acquire the lock once more, waiting until `deadline` at most.
 *  @param lock      any initialised rlock
 *  @param deadline  an instant; THRUM_FOREVER allowed
 *  @return 0; THRUM_ETIMEDOUT (not acquired); THRUM_EOVERFLOW: held 2^32-1 times already;
 *          THRUM_EINVAL: `lock` is NULL
 *  @blocks until `deadline`   @thread any, not signal handlers   @memory acquire on success
 *  @python RLock.acquire(timeout=...)   @since 0.1 */
THRUM_API int thrum_rlock_acquire_until(thrum_rlock *lock, thrum_time deadline);

/** Acquire the lock once more if it is free or the caller's own.
 *  @param lock  any initialised rlock; NULL is misuse
 *  @return true if the caller now holds it once more
 *  @blocks no   @thread any, not signal handlers   @memory acquire on success
 *  @python RLock.acquire(blocking=False)   @since 0.1 */
THRUM_API bool thrum_rlock_try_acquire(thrum_rlock *lock);

/** Undo one acquire. Misuse when the caller is not the owner.
 *  @param lock  an rlock the caller owns
 *  @blocks no   @thread the owner   @memory release at the last level   @python RLock.release()
 *  @since 0.1 */
THRUM_API inline void thrum_rlock_release(thrum_rlock *lock)
{
    uint32_t me = thrum_private_me();
    /* relaxed: the count is the owner's own; of no meaning to others, whose word it is not */
    if (lock == NULL || me == 0 || __atomic_load_n(&lock->count, __ATOMIC_RELAXED) != 1 ||
        !thrum_private_free_word(&lock->word, me))
        thrum_rlock_release_slow(lock);
}

/** Undo one acquire, or say that the caller is not the owner.
 *  @param lock  any initialised rlock
 *  @return 0; THRUM_EPERM: not the caller's, nothing changed; THRUM_EINVAL: `lock` is NULL
 *  @blocks no   @thread any, not signal handlers   @memory release at the last level
 *  @python RLock.release() raising RuntimeError   @since 0.1 */
THRUM_API int thrum_rlock_release_checked(thrum_rlock *lock);

/** Whether some thread owns the lock; stale as soon as it is told.
 *  @param lock  any initialised rlock; NULL answers false
 *  @return true while owned by any thread
 *  @blocks no   @thread any   @memory relaxed   @python RLock.locked()   @since 0.1 */
THRUM_API bool thrum_rlock_locked(const thrum_rlock *lock);

/** Whether the caller owns the lock.
 *  @param lock  any initialised rlock; NULL answers false
 *  @return true while the calling thread owns it
 *  @blocks no   @thread any   @memory relaxed   @python RLock._is_owned()   @since 0.1 */
THRUM_API bool thrum_rlock_is_owned(const thrum_rlock *lock);

/** How often the caller holds the lock.
 *  @param lock  any initialised rlock; NULL answers 0
 *  @return the depth; 0 when the caller is not the owner
 *  @blocks no   @thread any   @memory relaxed   @python RLock._recursion_count()   @since 0.1 */
THRUM_API unsigned thrum_rlock_count(const thrum_rlock *lock);

THRUM_END_DECLS
#endif
