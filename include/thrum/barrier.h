/* SPDX-License-Identifier: MIT */
/** @file
 *  Barrier: a fixed number of threads wait for one another, again and again.
 *  Python: threading.Barrier.
 *
 *      static thrum_barrier round = THRUM_BARRIER(4);
 *
 *      compute_my_part();
 *      if (thrum_barrier_wait(&round) == 0)    // one of the four has index 0
 *          puts("round complete");
 */
#ifndef THRUM_BARRIER_H
#define THRUM_BARRIER_H

#include <thrum/status.h>
#include <thrum/time.h>

THRUM_BEGIN_DECLS

/** A barrier for `parties` threads. Zeroed it is not usable: waiting on it is THRUM_EINVAL. It may
 *  be freed as soon as the waits of all parties have returned. */
typedef struct thrum_barrier {
    uint32_t parties;      /**< private: how many threads make a round */
    uint32_t arrived;      /**< private: how many wait in the round that is filling */
    uint32_t state;        /**< private: open, or broken; see src/sync/barrier.c */
    uint32_t aborts;       /**< private: counts aborts, for one that meets a running action */
    int (*action)(void *); /**< private: run by the last arriver, or NULL */
    void *arg;             /**< private: the action's argument */
} thrum_barrier;

/** A barrier for `parties` threads, without an action. */
#define THRUM_BARRIER(parties)                                                                     \
    {                                                                                              \
        (parties), 0, 0, 0, NULL, NULL                                                             \
    }

/** Set up a barrier that nobody uses.
 *  @param barrier  the memory to initialise
 *  @param parties  how many threads make a round, 1 to 2^31-1
 *  @param action   called by the last thread to arrive, before anyone leaves, with no lock held;
 *                  non-zero breaks the barrier; NULL for none. It must not wait on the barrier
 *  @param arg      handed to `action`
 *  @return 0; THRUM_EINVAL: NULL, or `parties` out of range
 *  @blocks no   @thread none other may use it meanwhile   @memory none
 *  @python Barrier(parties, action)   @since 0.1 */
THRUM_API int thrum_barrier_init(thrum_barrier *barrier, unsigned parties, int (*action)(void *),
                                 void *arg);

/** Wait for the other parties, until `deadline` at most. A deadline that passes breaks the barrier
 *  for all who wait, the caller included.
 *  @param barrier   any initialised barrier
 *  @param deadline  an instant; THRUM_FOREVER allowed
 *  @return the order of arrival, 0 to parties-1; THRUM_EBROKEN: broken, aborted, reset, timed out
 *          or failed action; THRUM_EINVAL: NULL or never initialised; THRUM_ECANCELLED is reserved
 *  @blocks until all have come, or `deadline`   @thread any, not signal handlers
 *  @memory what any party, or the action, did before is seen by all after
 *  @python Barrier.wait(timeout)   @since 0.1 */
THRUM_API int thrum_barrier_wait_until(thrum_barrier *barrier, thrum_time deadline);

/** Wait for the other parties.
 *  @param barrier  any initialised barrier
 *  @return the order of arrival, 0 to parties-1; THRUM_EBROKEN; THRUM_EINVAL; THRUM_ECANCELLED is
 *          reserved
 *  @blocks until all have come   @thread any, not signal handlers   @memory as its twin
 *  @python Barrier.wait()   @since 0.1 */
THRUM_API int thrum_barrier_wait(thrum_barrier *barrier);

/** Make the barrier usable again: those who wait get THRUM_EBROKEN, later arrivals start a new
 *  round. A round that is complete, its action running, is not disturbed.
 *  @param barrier  any initialised barrier; NULL is misuse
 *  @blocks no   @thread any, not signal handlers   @memory acq_rel   @python Barrier.reset()
 *  @since 0.1 */
THRUM_API void thrum_barrier_reset(thrum_barrier *barrier);

/** Break the barrier: those who wait, those who come, and those whose action is still running get
 *  THRUM_EBROKEN until a reset. A round that has been let go keeps its indices (Python may take
 *  them back from threads that have not run yet).
 *  @param barrier  any initialised barrier; NULL is misuse
 *  @blocks no   @thread any, not signal handlers   @memory acq_rel   @python Barrier.abort()
 *  @since 0.1 */
THRUM_API void thrum_barrier_abort(thrum_barrier *barrier);

/** How many threads make a round.
 *  @param barrier  any initialised barrier; NULL answers 0
 *  @return the number of parties
 *  @blocks no   @thread any   @memory none   @python Barrier.parties   @since 0.1 */
THRUM_API unsigned thrum_barrier_parties(const thrum_barrier *barrier);

/** How many threads wait in the round that is filling; stale as soon as it is told.
 *  @param barrier  any initialised barrier; NULL answers 0
 *  @return 0 to parties-1
 *  @blocks no   @thread any   @memory none   @python Barrier.n_waiting   @since 0.1 */
THRUM_API unsigned thrum_barrier_n_waiting(const thrum_barrier *barrier);

/** Whether the barrier is broken.
 *  @param barrier  any initialised barrier; NULL answers false
 *  @return true until the next reset
 *  @blocks no   @thread any   @memory acquire   @python Barrier.broken   @since 0.1 */
THRUM_API bool thrum_barrier_is_broken(const thrum_barrier *barrier);

THRUM_END_DECLS
#endif
