/* SPDX-License-Identifier: MIT */
/** @file
 *  Lock: one thread at a time. Python: threading.Lock.
 *
 *      static thrum_lock lock;                 // zeroed is unlocked
 *
 *      thrum_with (&lock) {                    // with lock:
 *          balance += amount;
 *      }
 */
#ifndef THRUM_LOCK_H
#define THRUM_LOCK_H

#include <thrum/restartable.h>
#include <thrum/status.h>
#include <thrum/time.h>

THRUM_BEGIN_DECLS

/** A lock of 16 bytes, unlocked when zeroed, that needs no destruction and may be freed as soon
 *  as the last operation on it has returned. Not recursive: a thread that acquires a lock it holds
 *  waits until another thread releases it (any thread may), and is told so on stderr. Under
 *  contention a waiter is served at most about a millisecond after its turn. */
typedef struct thrum_lock {
    uint32_t word;     /**< private: owner and queue bits, see src/sync/ownable.h */
    uint32_t reserved; /**< private: zero */
    const char *site;  /**< private: "file:line" of the last acquire, for deadlock reports */
} thrum_lock;

#define THRUM_LOCK_INIT                                                                            \
    {                                                                                              \
        0, 0, 0                                                                                    \
    }

/** Where a macro was used, as "file:line"; what deadlock reports name. */
#define THRUM_SITE __FILE__ ":" THRUM_STRING_OF(__LINE__)
#define THRUM_STRING_OF(x) THRUM_STRING_OF_(x)
#define THRUM_STRING_OF_(x) #x

/** Private: this thread's owner word; 0 when thrum has not met this thread yet. */
extern THRUM_API __thread uint32_t thrum_private_self __attribute__((tls_model("initial-exec")));

/** Private: thrum_private_self, which the end of the program may zero from another thread. */
THRUM_API inline uint32_t thrum_private_me(void)
{
    /* relaxed: an abandoned thread stops soon, not at once */
    return __atomic_load_n(&thrum_private_self, __ATOMIC_RELAXED);
}

/** Private: the waiting half of `thrum_lock_acquire_at`. */
THRUM_API void thrum_lock_acquire_slow(thrum_lock *lock, const char *site);
/** Private: the waking half of `thrum_lock_release`. */
THRUM_API void thrum_lock_release_slow(thrum_lock *lock);

/** Acquire the lock and note where, for deadlock reports; what the macro thrum_lock_acquire calls.
 *  @param lock  any initialised lock
 *  @param site  a string that outlives the hold, such as THRUM_SITE, or NULL
 *  @blocks until the lock is free   @thread any, not signal handlers
 *  @memory acquire; pairs with thrum_lock_release   @python Lock.acquire()   @since 0.1 */
THRUM_API inline void thrum_lock_acquire_at(thrum_lock *lock, const char *site)
{
    uint32_t me = thrum_private_me();
    if (lock != NULL && me != 0) {
        /* relaxed: the exchange looks again */
        uint32_t word = __atomic_load_n(&lock->word, __ATOMIC_RELAXED);
        /* pairs: thrum_lock_release */
        if ((word & ~THRUM_PRIVATE_QUEUED) == 0 &&
            __atomic_compare_exchange_n(&lock->word, &word, word | me, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            /* relaxed: a note for reports; it publishes nothing */
            __atomic_store_n(&lock->site, site, __ATOMIC_RELAXED);
            return;
        }
    }
    thrum_lock_acquire_slow(lock, site);
}

/** Acquire the lock, waiting as long as it takes.
 *  @param lock  any initialised lock; NULL is misuse
 *  @blocks until the lock is free   @thread any, not signal handlers
 *  @memory acquire; pairs with thrum_lock_release   @python Lock.acquire()   @since 0.1 */
THRUM_API void thrum_lock_acquire(thrum_lock *lock);
#define thrum_lock_acquire(lock) thrum_lock_acquire_at((lock), THRUM_SITE)

/** Acquire the lock, waiting until `deadline` at most. A free lock is taken whatever the deadline.
 *  @param lock      any initialised lock
 *  @param deadline  an instant; THRUM_FOREVER allowed
 *  @return 0; THRUM_ETIMEDOUT (not acquired); THRUM_EINVAL: `lock` is NULL
 *  @blocks until `deadline`   @thread any, not signal handlers
 *  @memory acquire on success; pairs with thrum_lock_release
 *  @python Lock.acquire(timeout=...)   @since 0.1 */
THRUM_API int thrum_lock_acquire_until(thrum_lock *lock, thrum_time deadline);

/** Acquire the lock if it is free at this moment.
 *  @param lock  any initialised lock; NULL is misuse
 *  @return true if the caller now holds it
 *  @blocks no   @thread any, not signal handlers   @memory acquire on success
 *  @python Lock.acquire(blocking=False)   @since 0.1 */
THRUM_API bool thrum_lock_try_acquire(thrum_lock *lock);

/** Release the lock. Any thread may release, as in Python; releasing a free lock is misuse. The
 *  lock may be freed by its next holder while this call is still returning.
 *  @param lock  a held lock
 *  @blocks no   @thread any, not signal handlers   @memory release   @python Lock.release()
 *  @since 0.1 */
THRUM_API inline void thrum_lock_release(thrum_lock *lock)
{
    uint32_t me = thrum_private_me();
    /* Otherwise there is a waiter to wake, or the lock is a foreign one, or misused. */
    if (lock == NULL || me == 0 || !thrum_private_free_word(&lock->word, me))
        thrum_lock_release_slow(lock);
}

/** Release the lock, or say that it is not held.
 *  @param lock  any initialised lock
 *  @return 0; THRUM_EPERM: it is free, nothing changed; THRUM_EINVAL: `lock` is NULL
 *  @blocks no   @thread any, not signal handlers   @memory release on success
 *  @python Lock.release() raising RuntimeError   @since 0.1 */
THRUM_API int thrum_lock_release_checked(thrum_lock *lock);

/** Whether some thread holds the lock; stale as soon as it is told.
 *  @param lock  any initialised lock; NULL answers false
 *  @return true while held
 *  @blocks no   @thread any   @memory relaxed   @python Lock.locked()   @since 0.1 */
THRUM_API bool thrum_lock_locked(const thrum_lock *lock);

THRUM_END_DECLS
#endif
