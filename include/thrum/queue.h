/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: hands items from thread to thread. Python: queue.Queue, LifoQueue, PriorityQueue.
 *
 *      thrum_queue *queue = thrum_queue_new(10);           // queue.Queue(maxsize=10)
 *
 *      thrum_queue_put(queue, message);                    // a producer: waits while full
 *
 *      void *message;                                      // a consumer: waits while empty
 *      while (thrum_queue_get(queue, &message) == 0)
 *          store(message);                                 // until it is shut down
 *
 *  An item is any pointer, NULL too. A queue of lowest-first items needs to know how they compare:
 *  `thrum_queue_new(0, .order = THRUM_PRIORITY, .compare = by_urgency)`.
 */
#ifndef THRUM_QUEUE_H
#define THRUM_QUEUE_H

#include <thrum/status.h>
#include <thrum/time.h>

THRUM_BEGIN_DECLS

/** A queue. Any number of threads may put and get. An item that was got belongs to whoever got
 *  it, who sees what its putter did before. */
typedef struct thrum_queue thrum_queue;

/** Which item leaves first. */
enum thrum_queue_order {
    THRUM_FIFO = 0,     /**< the oldest: the order of the puts, whichever threads made them */
    THRUM_LIFO = 1,     /**< the newest */
    THRUM_PRIORITY = 2, /**< the lowest by `.compare`; equal ones in the order they came */
};

/** Options of thrum_queue_new. */
typedef struct thrum_queue_options {
    size_t size;                                      /**< private: sizeof; the macro's */
    enum thrum_queue_order order THRUM_PRIVATE_UNSET; /**< one of thrum_queue_order */
    /** Compares two items as qsort's function does: below, equal to, above 0. THRUM_PRIORITY needs
     *  it. It is called under the queue's lock: it must return, and not use the queue. */
    int (*compare)(const void *a, const void *b) THRUM_PRIVATE_UNSET;
    /** Called for every item that nobody will get, by thrum_queue_free and by an immediate
     *  shutdown; never under a lock. NULL: items need no destruction. */
    void (*destroy_item)(void *item) THRUM_PRIVATE_UNSET;
} thrum_queue_options;

/** Create a queue without macro; what thrum_queue_new calls.
 *  @param maxsize  how many items it holds at most; 0: no limit
 *  @param options  with `size` set, or NULL
 *  @return a queue for thrum_queue_free; NULL: no memory, an unknown `order`, or THRUM_PRIORITY
 *          without `compare`
 *  @blocks no   @thread any   @memory none   @python Queue(maxsize)   @since 0.1 */
THRUM_API thrum_queue *thrum_queue_new_with(size_t maxsize, const thrum_queue_options *options);

#define THRUM_PRIVATE_QUEUE_NEW(maxsize, ...)                                                      \
    thrum_queue_new_with((maxsize), THRUM_PRIVATE_OPTIONS(thrum_queue_options, __VA_ARGS__))

/** Create a queue: `thrum_queue_new(maxsize, .order = ..., ...)`. `maxsize` is how many items it
 *  holds at most, 0: no limit; the options are those of thrum_queue_options.
 *  @return a queue for thrum_queue_free; NULL: no memory, an unknown `order`, or THRUM_PRIORITY
 *          without `compare`
 *  @blocks no   @thread any   @memory none
 *  @python Queue(maxsize), LifoQueue(maxsize), PriorityQueue(maxsize)   @since 0.1 */
#define thrum_queue_new(...) THRUM_PRIVATE_QUEUE_NEW(__VA_ARGS__, )

/** Free a queue that no thread uses any more; one that is still returning from a put, a get or a
 *  soft shutdown is waited for. Items left are destroyed with `.destroy_item`.
 *  @param queue  from thrum_queue_new; NULL does nothing
 *  @blocks only for those that are still returning   @thread any   @memory acquire
 *  @python del queue   @since 0.1 */
THRUM_API void thrum_queue_free(thrum_queue *queue);

/** Put an item, waiting while the queue is full.
 *  @param queue  any queue
 *  @param item   any pointer
 *  @return 0; THRUM_ESHUTDOWN; THRUM_ENOMEM: the queue is as it was; THRUM_EINVAL: `queue` is NULL;
 *          THRUM_ECANCELLED is reserved. The item is the queue's on 0 only.
 *  @blocks until there is room   @thread any, not signal handlers
 *  @memory release; pairs with the get of this item   @python Queue.put(item)   @since 0.1 */
THRUM_API int thrum_queue_put(thrum_queue *queue, void *item);

/** Put an item, waiting until `deadline` at most. Where there is room it is put whatever the
 *  deadline.
 *  @param queue     any queue
 *  @param item      any pointer
 *  @param deadline  an instant; THRUM_FOREVER allowed
 *  @return 0; THRUM_ETIMEDOUT; THRUM_ESHUTDOWN; THRUM_ENOMEM; THRUM_EINVAL: `queue` is NULL;
 *          THRUM_ECANCELLED is reserved
 *  @blocks until `deadline`   @thread any, not signal handlers   @memory release on success
 *  @python Queue.put(item, timeout=...)   @since 0.1 */
THRUM_API int thrum_queue_put_until(thrum_queue *queue, void *item, thrum_time deadline);

/** Put an item if there is room at this moment.
 *  @param queue  any queue
 *  @param item   any pointer
 *  @return 0; THRUM_EFULL; THRUM_ESHUTDOWN; THRUM_ENOMEM; THRUM_EINVAL: `queue` is NULL
 *  @blocks no   @thread any, not signal handlers   @memory release on success
 *  @python Queue.put_nowait(item)   @since 0.1 */
THRUM_API int thrum_queue_try_put(thrum_queue *queue, void *item);

/** Put `n` items in their order, waiting for room as often as it takes. Other threads' items may
 *  come in between where it has waited.
 *  @param queue    any queue
 *  @param items    what to put
 *  @param n        how many
 *  @param ret_put  how many went in, also on failure; NULL: of no interest
 *  @return 0: all went in; THRUM_ESHUTDOWN, THRUM_ENOMEM: the first `*ret_put` did;
 *          THRUM_EINVAL: n is 0 or NULL; THRUM_ECANCELLED is reserved
 *  @blocks until there has been room for all   @thread any, not signal handlers
 *  @memory release; pairs with the gets of these items   @python for item in items: put(item)
 *  @since 0.1 */
THRUM_API int thrum_queue_put_many(thrum_queue *queue, void *const *items, size_t n,
                                   size_t *ret_put);

/** Put `n` items in their order, waiting until `deadline` at most.
 *  @param queue     any queue
 *  @param items     what to put
 *  @param n         how many
 *  @param ret_put   how many went in, also on failure; NULL: of no interest
 *  @param deadline  an instant; THRUM_FOREVER allowed
 *  @return 0: all went in; THRUM_ETIMEDOUT, THRUM_ESHUTDOWN, THRUM_ENOMEM: the first `*ret_put`
 *          did; THRUM_EINVAL: n is 0 or NULL; THRUM_ECANCELLED is reserved
 *  @blocks until `deadline`   @thread any, not signal handlers
 *  @memory release of what went in   @python for item in items: put(item, timeout=...)
 *  @since 0.1 */
THRUM_API int thrum_queue_put_many_until(thrum_queue *queue, void *const *items, size_t n,
                                         size_t *ret_put, thrum_time deadline);

/** Get an item, waiting while the queue is empty.
 *  @param queue     any queue
 *  @param ret_item  the item; NULL: it is taken all the same, for a caller who knows it
 *  @return 0; THRUM_ESHUTDOWN: shut down, and nothing is left; THRUM_EINVAL: `queue` is NULL;
 *          THRUM_ECANCELLED is reserved
 *  @blocks until there is an item   @thread any, not signal handlers
 *  @memory acquire; pairs with the put of this item   @python Queue.get()   @since 0.1 */
THRUM_API int thrum_queue_get(thrum_queue *queue, void **ret_item);

/** Get an item, waiting until `deadline` at most. One that is there is got whatever the deadline.
 *  @param queue     any queue
 *  @param ret_item  the item; may be NULL
 *  @param deadline  an instant; THRUM_FOREVER allowed
 *  @return 0; THRUM_ETIMEDOUT; THRUM_ESHUTDOWN: shut down, and nothing is left; THRUM_EINVAL:
 *          `queue` is NULL; THRUM_ECANCELLED is reserved
 *  @blocks until `deadline`   @thread any, not signal handlers   @memory acquire on success
 *  @python Queue.get(timeout=...)   @since 0.1 */
THRUM_API int thrum_queue_get_until(thrum_queue *queue, void **ret_item, thrum_time deadline);

/** Get an item if there is one at this moment.
 *  @param queue     any queue
 *  @param ret_item  the item; may be NULL
 *  @return 0; THRUM_EEMPTY; THRUM_ESHUTDOWN: shut down, and nothing is left; THRUM_EINVAL: `queue`
 *          is NULL
 *  @blocks no   @thread any, not signal handlers   @memory acquire on success
 *  @python Queue.get_nowait()   @since 0.1 */
THRUM_API int thrum_queue_try_get(thrum_queue *queue, void **ret_item);

/** Wait for an item, then get what is there, `max` items at most, in their order.
 *  @param queue    any queue
 *  @param items    where to store them
 *  @param max      how many fit
 *  @param ret_got  how many were got, 0 on failure; NULL: of no interest
 *  @return 0: at least one; THRUM_ESHUTDOWN: shut down, and nothing is left; THRUM_EINVAL: max is 0
 *          or NULL; THRUM_ECANCELLED is reserved
 *  @blocks until there is an item   @thread any, not signal handlers
 *  @memory acquire; pairs with the puts of these items   @python get(), then get_nowait()
 *  @since 0.1 */
THRUM_API int thrum_queue_get_many(thrum_queue *queue, void **items, size_t max, size_t *ret_got);

/** Wait for an item until `deadline` at most, then get what is there.
 *  @param queue     any queue
 *  @param items     where to store them
 *  @param max       how many fit
 *  @param ret_got   how many were got, 0 on failure; NULL: of no interest
 *  @param deadline  an instant; THRUM_FOREVER allowed
 *  @return 0: at least one; THRUM_ETIMEDOUT; THRUM_ESHUTDOWN: shut down, and nothing is left;
 *          THRUM_EINVAL: max is 0 or NULL; THRUM_ECANCELLED is reserved
 *  @blocks until `deadline`   @thread any, not signal handlers   @memory acquire on success
 *  @python get(timeout=...), then get_nowait()   @since 0.1 */
THRUM_API int thrum_queue_get_many_until(thrum_queue *queue, void **items, size_t max,
                                         size_t *ret_got, thrum_time deadline);

/** Say that an item that was got has been dealt with. The last one lets thrum_queue_join return.
 *  @param queue  any queue
 *  @return 0; THRUM_EOVERFLOW: said for all items already, nothing changed; THRUM_EINVAL: NULL
 *  @blocks no   @thread any, not signal handlers   @memory release; pairs with thrum_queue_join
 *  @python Queue.task_done()   @since 0.1 */
THRUM_API int thrum_queue_task_done(thrum_queue *queue);

/** Wait until every item that was put has been said to be done.
 *  @param queue  any queue
 *  @return 0; THRUM_EINVAL: NULL; THRUM_ECANCELLED is reserved
 *  @blocks until nothing is unfinished   @thread any, not signal handlers
 *  @memory acquire; pairs with thrum_queue_task_done   @python Queue.join()   @since 0.1 */
THRUM_API int thrum_queue_join(thrum_queue *queue);

/** Wait until every item has been said to be done, or until `deadline`.
 *  @param queue     any queue
 *  @param deadline  an instant; THRUM_FOREVER allowed
 *  @return 0; THRUM_ETIMEDOUT; THRUM_EINVAL: NULL; THRUM_ECANCELLED is reserved
 *  @blocks until `deadline`   @thread any, not signal handlers   @memory acquire on success
 *  @python Queue.join()   @since 0.1 */
THRUM_API int thrum_queue_join_until(thrum_queue *queue, thrum_time deadline);

/** Shut the queue down, for good: puts fail from now on, gets once nothing is left; all that wait
 *  in a put or a get are woken. A second call may be immediate where the first was not.
 *  @param queue      any queue; NULL is misuse
 *  @param immediate  drop all items: they are destroyed with `.destroy_item` and count as done
 *  @blocks no   @thread any, not signal handlers   @memory acq_rel
 *  @python Queue.shutdown(immediate)   @since 0.1 */
THRUM_API void thrum_queue_shutdown(thrum_queue *queue, bool immediate);

/** How many items are in the queue; stale as soon as it is told.
 *  @param queue  any queue; NULL answers 0
 *  @return at most maxsize, if there is one
 *  @blocks no   @thread any   @memory acquire   @python Queue.qsize()   @since 0.1 */
THRUM_API size_t thrum_queue_qsize(const thrum_queue *queue);

/** Whether there is no item; stale as soon as it is told.
 *  @param queue  any queue; NULL answers true
 *  @return true while empty
 *  @blocks no   @thread any   @memory acquire   @python Queue.empty()   @since 0.1 */
THRUM_API bool thrum_queue_empty(const thrum_queue *queue);

/** Whether there is no room; stale as soon as it is told.
 *  @param queue  any queue; NULL answers false
 *  @return true while full; never, without a maxsize
 *  @blocks no   @thread any   @memory acquire   @python Queue.full()   @since 0.1 */
THRUM_API bool thrum_queue_full(const thrum_queue *queue);

/** How many items the queue holds at most.
 *  @param queue  any queue; NULL answers 0
 *  @return what thrum_queue_new was given; 0: no limit
 *  @blocks no   @thread any   @memory none   @python Queue.maxsize   @since 0.1 */
THRUM_API size_t thrum_queue_maxsize(const thrum_queue *queue);

THRUM_END_DECLS
#endif
