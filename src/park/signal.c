/* SPDX-License-Identifier: MIT */
/** @file
 *  Signals.
 *
 *  Purpose     A handler may set an event or release a semaphore wherever its thread was, also
 *              while the thread holds the very bucket lock that the operation needs.
 *  State       Per thread: how many sections it is in, and a list of operations left by handlers.
 *  Protocol    A thread counts itself inside before it takes a bucket lock. th_signal_run, finding
 *              the count non-zero, leaves the operation in the list; the outermost leave works it
 *              off. The effect of the call comes a few instructions after the handler's return,
 *              but before the interrupted thrum call returns.
 *  Invariants  The list is touched by its thread and the handlers that interrupt it only, in LIFO
 *              order of interruption. It is empty whenever the thread is outside.
 *  Rejected    Blocking signals around every bucket lock: two system calls per wait. A futex in the
 *              event itself: a virtual thread could not wait on it. */
#include "park/signal.h"

#include <stddef.h>

#include "platform/atomic.h"
#include "platform/memory.h"
#include "platform/panic.h"

typedef struct left_operation {
    void (*operation)(void *object, uint64_t amount);
    void *object;
    uint64_t amount;
} left_operation;

#define LEFT_INLINE 8
#define LEFT_PER_PAGE 100

/** A page of operations; the first is thread-local memory, further ones are mapped and kept. */
typedef struct left_page {
    struct left_page *next;
    left_operation operations[LEFT_PER_PAGE];
} left_page;

/** All of it is touched by one thread and by the signal handlers that interrupt it. A handler
 *  always finishes before the code it interrupted goes on, so single instructions are atomic
 *  enough. */
typedef struct signal_state {
    uint32_t inside; /**< bucket locks this thread is taking or holding */
    uint32_t count;  /**< operations left */
    left_operation first[LEFT_INLINE];
    left_page *pages;
} signal_state;

static __thread signal_state signals __attribute__((tls_model("initial-exec")));

static left_operation *left_slot(uint32_t index)
{
    if (index < LEFT_INLINE)
        return &signals.first[index];
    left_page **page = &signals.pages;
    for (index -= LEFT_INLINE;; index -= LEFT_PER_PAGE, page = &(*page)->next) {
        if (*page == NULL) {
            left_page *none = NULL;
            left_page *mapped = th_pages(sizeof(left_page));
            if (mapped == NULL)
                th_panic("no memory to remember what a signal handler did");
            /* relaxed: against handlers of this thread only; the loser's page is given up */
            th_cas_rlx(page, &none, mapped);
        }
        if (index < LEFT_PER_PAGE)
            return &(*page)->operations[index];
    }
}

bool th_signal_is_inside(void)
{
    return th_load_rlx(&signals.inside) != 0; /* relaxed: this thread's own word */
}

void th_signal_run(void (*operation)(void *object, uint64_t amount), void *object, uint64_t amount)
{
    if (!th_signal_is_inside()) {
        operation(object, amount);
        return;
    }
    /* relaxed: a handler that interrupts this one takes the next slot, and fills it first */
    uint32_t index = th_add_rlx(&signals.count, 1);
    *left_slot(index) = (left_operation){operation, object, amount};
}

static __attribute__((noinline)) void work_off_left_operations(void)
{
    uint32_t done = 0;
    uint32_t all;
    do {
        /* relaxed: this thread's own words, here and below; the operations' own bucket locks do
         * not end in here again, and handlers keep adding at the end */
        th_store_rlx(&signals.inside, 1);
        while (done < th_load_rlx(&signals.count)) {
            left_operation left = *left_slot(done++);
            left.operation(left.object, left.amount);
        }
        all = done;
        /* relaxed: fails if a handler has added one since the loop looked */
    } while (!th_cas_rlx(&signals.count, &all, 0));
    /* relaxed: this thread's own word */
    th_store_rlx(&signals.inside, 0);
}

void th_signal_enter(void)
{
    /* relaxed: this thread's own word; the fence keeps the compiler from moving it into the lock */
    th_store_rlx(&signals.inside, th_load_rlx(&signals.inside) + 1);
    th_fence_signal(); /* pairs: th_signal_run in a handler of this thread */
}

void th_signal_leave(void)
{
    th_fence_signal(); /* pairs: th_signal_run in a handler of this thread */
    /* relaxed: this thread's own words; a handler after the store works by itself */
    uint32_t inside = th_load_rlx(&signals.inside) - 1;
    th_store_rlx(&signals.inside, inside);
    th_fence_signal(); /* pairs: th_signal_run in a handler of this thread */
    /* relaxed: this thread's own word */
    while (inside == 0 && th_load_rlx(&signals.count) != 0)
        work_off_left_operations();
}
