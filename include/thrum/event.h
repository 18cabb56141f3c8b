/* SPDX-License-Identifier: MIT */
/** @file
 *  Event: a flag to wait for. Python: threading.Event.
 *
 *      static thrum_event ready;
 *
 *      thrum_event_wait(&ready);               // in some threads
 *      thrum_event_set(&ready);                // in another: all go on
 */
#ifndef THRUM_EVENT_H
#define THRUM_EVENT_H

#include <thrum/status.h>
#include <thrum/time.h>

THRUM_BEGIN_DECLS

/** An event, not set when zeroed. A set wakes all that wait at that moment, even if a clear comes
 *  before they have run. */
typedef struct thrum_event {
    uint32_t state;    /**< private: bit 0 set, bit 1 somebody may be queued */
    uint32_t reserved; /**< private: zero */
} thrum_event;

#define THRUM_EVENT_INIT                                                                           \
    {                                                                                              \
        0, 0                                                                                       \
    }

/** Set the event and wake all that wait. Setting a set event does nothing. Async-signal-safe. A
 *  woken thread may free the event while this call is still returning.
 *  @param event  any initialised event; NULL is misuse
 *  @blocks no   @thread any, also in signal handlers
 *  @memory release; pairs with thrum_event_wait and thrum_event_is_set   @python Event.set()
 *  @since 0.1 */
THRUM_API void thrum_event_set(thrum_event *event);

/** Clear the event: waits from now on wait for the next set.
 *  @param event  any initialised event; NULL is misuse
 *  @blocks no   @thread any, also in signal handlers   @memory relaxed   @python Event.clear()
 *  @since 0.1 */
THRUM_API void thrum_event_clear(thrum_event *event);

/** Whether the event is set.
 *  @param event  any initialised event; NULL answers false
 *  @return true while set
 *  @blocks no   @thread any, also in signal handlers   @memory acquire when true
 *  @python Event.is_set()   @since 0.1 */
THRUM_API inline bool thrum_event_is_set(const thrum_event *event)
{
    /* pairs: thrum_event_set */
    return event != NULL && (__atomic_load_n(&event->state, __ATOMIC_ACQUIRE) & 1u) != 0;
}

/** Wait until the event is set, until `deadline` at most.
 *  @param event     any initialised event
 *  @param deadline  an instant; THRUM_FOREVER allowed
 *  @return 0: it is set, or was during the wait; THRUM_ETIMEDOUT; THRUM_EINVAL: NULL;
 *          THRUM_ECANCELLED is reserved
 *  @blocks until `deadline`   @thread any, not signal handlers   @memory acquire
 *  @python Event.wait(timeout)   @since 0.1 */
THRUM_API int thrum_event_wait_until(thrum_event *event, thrum_time deadline);

/** Wait until the event is set.
 *  @param event  any initialised event
 *  @return 0; THRUM_EINVAL: NULL; THRUM_ECANCELLED is reserved
 *  @blocks until set   @thread any, not signal handlers   @memory acquire   @python Event.wait()
 *  @since 0.1 */
THRUM_API int thrum_event_wait(thrum_event *event);

THRUM_END_DECLS
#endif
