/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue.
 *
 *  Purpose     queue.Queue, LifoQueue, PriorityQueue: put, get, task_done, join, shutdown.
 *  State       Two ends (queue_ends.h). A FIFO queue has a lock for each, so that putters and
 *              getters meet only in the cells and the counts. LIFO and PRIORITY have one lock for
 *              both. And the word `done`.
 *  Protocol    Put and get are told in queue_move.c, waiting in queue_wait.c, task_done and join in
 *              queue_done.c. Shutdown: under both locks, the putting end's first, both ends become
 *              shut, and all sleepers are woken. What an immediate one drops leaves the queue in
 *              the same section; it is destroyed without a lock, and then counted as done.
 *  Invariants  get.count <= put.count <= get.count + maxsize; done <= put.count. Nobody queues at
 *              an end that is shut. Lock order: putting end, getting end, bucket.
 *  Who frees   The last access of a put, a get or a soft shutdown is the release of a lock.
 *              thrum_queue_free waits for who is ON_WAY, since it takes one again, and then takes
 *              both once. The last access of a task_done is the CAS that counts.
 *  Fork        A queue whose locks nobody held is whole in the child. What `sleepers` and `done`
 *              say of threads that are gone costs one look.
 *  Rejected    A ring of turns (Vyukov), without locks: a CAS less for each item, but it has no
 *              batches in one step and no maxsize of 1, and a thread that is put aside in the
 *              middle of a put blocks the getters all the same. One lock for a FIFO queue: its two
 *              ends could not move at the same time. */
#include "flow/queue_array.h"
#include "flow/queue_done.h"
#include "flow/queue_ends.h"
#include "flow/queue_fifo.h"
#include "flow/queue_wait.h"
#include "platform/memory.h"
#include "platform/options.h"
#include "sync/misuse.h"

#define DROPPED_AT_ONCE 32

/* ---- shutdown ---- */

static void acquire_both(thrum_queue *queue, uint32_t me)
{
    th_inner_acquire(queue->put.lock, me);
    if (queue->get.lock != queue->put.lock)
        th_inner_acquire(queue->get.lock, me);
}

static void release_both(thrum_queue *queue, uint32_t me)
{
    if (queue->get.lock != queue->put.lock)
        th_inner_release(queue->get.lock, me);
    th_inner_release(queue->put.lock, me);
}

/** Destroy the `n` items still stored, which nobody else can reach. */
static void drop(thrum_queue *queue, size_t n)
{
    while (n > 0) {
        void *items[DROPPED_AT_ONCE];
        size_t some = n < DROPPED_AT_ONCE ? n : DROPPED_AT_ONCE;
        if (queue->order == THRUM_FIFO)
            th_fifo_take(queue, items, some);
        else
            th_array_take(queue, n, items, some);
        for (size_t i = 0; i < some && queue->destroy_item != NULL; i++)
            queue->destroy_item(items[i]);
        n -= some;
    }
}

/** Under both locks, when both ends are shut: the items are no longer in the queue. Returns how
 *  many there were. */
static size_t take_out(thrum_queue *queue)
{
    uint64_t count = th_queue_count_here(&queue->put);
    size_t n = (size_t)(count - th_queue_count_here(&queue->get));
    queue->get.seen = count;
    th_store_rel(&queue->get.count, count); /* pairs: th_queue_count: the puts are not older */
    return n;
}

void thrum_queue_shutdown(thrum_queue *queue, bool immediate)
{
    if (queue == NULL) {
        th_misuse(queue, TH_CALLER, "shutdown of a queue that is NULL");
        return;
    }
    th_wake_list getters = {.first = NULL};
    th_wake_list putters = {.first = NULL};
    uint32_t me = th_inner_me();
    acquire_both(queue, me);
    queue->put.is_shut = queue->get.is_shut = true;
    size_t dropped = immediate ? take_out(queue) : 0;
    th_queue_wake_all(&queue->put, &getters);
    th_queue_wake_all(&queue->get, &putters);
    release_both(queue, me);
    th_wake_list_resume(&getters);
    th_wake_list_resume(&putters);
    if (dropped > 0) {
        drop(queue, dropped);
        th_queue_make_done(queue, dropped);
    }
}

/* ---- the beginning, and being freed ---- */

static bool is_sensible(const thrum_queue_options *options)
{
    switch (options->order) {
    case THRUM_FIFO:
    case THRUM_LIFO: return true;
    case THRUM_PRIORITY: return options->compare != NULL;
    default: return false;
    }
}

/** A zeroed queue, aligned to what two processors must not share. */
static thrum_queue *allocate(void)
{
    char *memory = th_alloc(sizeof(thrum_queue) + TH_CACHE_LINE);
    if (memory == NULL)
        return NULL;
    uintptr_t past = (uintptr_t)memory % TH_CACHE_LINE;
    thrum_queue *queue = (void *)(memory + TH_CACHE_LINE - past);
    queue->memory = memory;
    return queue;
}

thrum_queue *thrum_queue_new_with(size_t maxsize, const thrum_queue_options *given)
{
    th_self(); /* an abandoned thread stops here */
    thrum_queue_options options = {.size = 0};
    th_copy_options(&options, sizeof options, given);
    thrum_queue *queue = is_sensible(&options) ? allocate() : NULL;
    if (queue == NULL)
        return NULL;
    queue->maxsize = maxsize;
    queue->order = options.order;
    queue->compare = options.compare;
    queue->destroy_item = options.destroy_item;
    queue->put.lock = &queue->put.own_lock;
    queue->get.lock = options.order == THRUM_FIFO ? &queue->get.own_lock : &queue->put.own_lock;
    if (options.order == THRUM_FIFO && !th_fifo_init(queue)) {
        th_free(queue->memory);
        return NULL;
    }
    return queue;
}

void thrum_queue_free(thrum_queue *queue)
{
    if (queue == NULL)
        return;
    uint32_t me = th_inner_me();
    th_queue_await_pass_on(queue, &queue->put);
    th_queue_await_pass_on(queue, &queue->get);
    acquire_both(queue, me);
    size_t left = take_out(queue);
    release_both(queue, me);
    drop(queue, left);
    if (queue->order == THRUM_FIFO)
        th_fifo_free(queue);
    th_free(queue->array);
    th_free(queue->memory);
}

/* ---- questions ---- */

size_t thrum_queue_qsize(const thrum_queue *queue)
{
    if (queue == NULL)
        return 0;
    uint64_t got = th_queue_count(&queue->get);
    size_t size = (size_t)(th_queue_count(&queue->put) - got);
    return queue->maxsize == 0 || size <= queue->maxsize ? size : queue->maxsize;
}

bool thrum_queue_empty(const thrum_queue *queue)
{
    return thrum_queue_qsize(queue) == 0;
}

bool thrum_queue_full(const thrum_queue *queue)
{
    if (queue == NULL || queue->maxsize == 0)
        return false;
    /* The puts first: more gets can come in between, so it was as full as it seems. */
    uint64_t put = th_queue_count(&queue->put);
    uint64_t got = th_queue_count(&queue->get);
    return put >= got && put - got >= queue->maxsize;
}

size_t thrum_queue_maxsize(const thrum_queue *queue)
{
    return queue == NULL ? 0 : queue->maxsize;
}
