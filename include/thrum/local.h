/* SPDX-License-Identifier: MIT */
/** @file
 *  Local: one value per thread. Python: threading.local.
 *
 *      static thrum_local buffer = THRUM_LOCAL(new_buffer, free);
 *
 *      char *mine = thrum_local_get(&buffer);  // made on this thread's first call
 */
#ifndef THRUM_LOCAL_H
#define THRUM_LOCAL_H

#include <thrum/status.h>

THRUM_BEGIN_DECLS

/** A thread-local variable; zeroed, or THRUM_LOCAL_INIT, its values start as NULL. */
typedef struct thrum_local {
    void *(*create)(void);   /**< makes a thread's first value; NULL: it is NULL */
    void (*destroy)(void *); /**< takes a value at its thread's end; NULL: nothing is done */
    uint64_t key;            /**< private: given at the first use, never used again */
} thrum_local;

#define THRUM_LOCAL_INIT                                                                           \
    {                                                                                              \
        NULL, NULL, 0                                                                              \
    }
/** A local whose first value per thread is `create()` and whose values end in `destroy(value)`. */
#define THRUM_LOCAL(create, destroy)                                                               \
    {                                                                                              \
        (create), (destroy), 0                                                                     \
    }

/** This thread's value, made by `create` at the first call in a thread.
 *  @param local  any initialised local
 *  @return the value; NULL: never set, `create` returned NULL (it is asked again next time), no
 *          memory, or `local` is NULL
 *  @blocks no   @thread any, not signal handlers   @memory none: the value is this thread's own
 *  @python local.attribute   @since 0.1 */
THRUM_API void *thrum_local_get(thrum_local *local);

/** Replace this thread's value; the old one is destroyed. At the end of a thread its values are
 *  destroyed before a join of it returns. Setting NULL forgets the value; setting the value it has
 *  changes nothing.
 *  @param local  any initialised local
 *  @param value  the new value; the local owns it if it has a `destroy`
 *  @return 0; THRUM_ENOMEM: the old value stays and `value` is still the caller's; THRUM_EINVAL:
 *          `local` is NULL
 *  @blocks no   @thread any, not signal handlers   @memory none   @python local.attribute = value
 *  @since 0.1 */
THRUM_API int thrum_local_set(thrum_local *local, void *value);

/** Destroy the values of all threads, as dropping the last reference to Python's object does.
 *  Afterwards the local is as new. No thread may use it meanwhile.
 *  @param local  any initialised local; NULL does nothing
 *  @blocks no   @thread any, not signal handlers   @memory acq_rel   @python del local
 *  @since 0.1 */
THRUM_API void thrum_local_free(thrum_local *local);

THRUM_END_DECLS
#endif
