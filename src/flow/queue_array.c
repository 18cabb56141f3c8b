/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: where the items of a LIFO or a PRIORITY queue are.
 *
 *  Purpose     A stack, or a binary heap.
 *  State       An array that doubles when it is full, and halves when three quarters are unused.
 *              An entry of the heap carries the count of its put, by which equal items are kept in
 *              the order they came.
 *  Safety      The heap moves by what `compare` says, within bounds whatever it says: one that
 *              contradicts itself gets a wrong order, and every item once.
 *  Rejected    A heap that is stable by its structure: none is as simple. */
#include "flow/queue_array.h"

#include <string.h>

#include "platform/memory.h"

#define CAPACITY_MIN th_limit(16, 1)

typedef struct entry {
    void *item;
    uint64_t number; /**< of its put */
} entry;

static size_t element_bytes(const thrum_queue *queue)
{
    return queue->order == THRUM_LIFO ? sizeof(void *) : sizeof(entry);
}

/** Move the `held` elements to an array of another capacity; false: no memory, nothing changed. */
static bool resize(thrum_queue *queue, size_t held, size_t capacity)
{
    size_t bytes;
    if (__builtin_mul_overflow(capacity, element_bytes(queue), &bytes))
        return false;
    void *array = th_alloc(bytes);
    if (array == NULL)
        return false;
    if (held > 0)
        memcpy(array, queue->array, held * element_bytes(queue));
    th_free(queue->array);
    queue->array = array;
    queue->capacity = capacity;
    return true;
}

static bool make_room(thrum_queue *queue, size_t held)
{
    if (held < queue->capacity)
        return true;
    return resize(queue, held, queue->capacity == 0 ? CAPACITY_MIN : queue->capacity * 2);
}

static void shrink(thrum_queue *queue, size_t held)
{
    if (queue->capacity > CAPACITY_MIN && held < queue->capacity / 4)
        (void)resize(queue, held, queue->capacity / 2);
}

/* ---- the heap ---- */

static bool goes_before(const thrum_queue *queue, const entry *a, const entry *b)
{
    int order = queue->compare(a->item, b->item);
    return order < 0 || (order == 0 && a->number < b->number);
}

static void sift_up(const thrum_queue *queue, entry *heap, size_t hole, entry one)
{
    while (hole > 0) {
        size_t parent = (hole - 1) / 2;
        if (!goes_before(queue, &one, &heap[parent]))
            break;
        heap[hole] = heap[parent];
        hole = parent;
    }
    heap[hole] = one;
}

static void sift_down(const thrum_queue *queue, entry *heap, size_t held, entry one)
{
    size_t hole = 0;
    for (size_t child; (child = 2 * hole + 1) < held; hole = child) {
        if (child + 1 < held && goes_before(queue, &heap[child + 1], &heap[child]))
            child++;
        if (!goes_before(queue, &heap[child], &one))
            break;
        heap[hole] = heap[child];
    }
    heap[hole] = one;
}

static void heap_put(thrum_queue *queue, size_t held, void *item, uint64_t number)
{
    sift_up(queue, queue->array, held, (entry){item, number});
}

static void *heap_take(thrum_queue *queue, size_t held)
{
    entry *heap = queue->array;
    void *lowest = heap[0].item;
    if (held > 1)
        sift_down(queue, heap, held - 1, heap[held - 1]);
    return lowest;
}

/* ---- both ---- */

size_t th_array_store(thrum_queue *queue, size_t held, void *const *items, size_t n)
{
    uint64_t number = th_queue_count_here(&queue->put);
    for (size_t i = 0; i < n; i++) {
        if (!make_room(queue, held + i))
            return i;
        if (queue->order == THRUM_LIFO)
            ((void **)queue->array)[held + i] = items[i];
        else
            heap_put(queue, held + i, items[i], number + i);
    }
    return n;
}

void th_array_take(thrum_queue *queue, size_t held, void **items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (queue->order == THRUM_LIFO)
            items[i] = ((void **)queue->array)[held - i - 1];
        else
            items[i] = heap_take(queue, held - i);
    }
    shrink(queue, held - n);
}
