/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of the queue (src/flow/queue*.c): what is put is got once, in order, and with what was
 *  written before; who sleeps is woken when there is something for it, however wake-ups are passed
 *  on, time out, or meet a shutdown. In a model a ring has 2 cells at most, the first segment 1 and
 *  the others 2. */
#include "flow/queue_wait.h"
#include "model_kit.h"
#include "platform/memory.h"

static thrum_queue *queue;

static void *item_of(uintptr_t number)
{
    return (void *)number;
}

static void make(size_t maxsize, enum thrum_queue_order order)
{
    queue = thrum_queue_new(maxsize, .order = order);
    model_assert(queue != NULL);
}

static void make_of_one(void)
{
    make(1, THRUM_FIFO);
}

static void make_of_two(void)
{
    make(2, THRUM_FIFO);
}

/** Bounded, but a chain of segments. */
static void make_of_three(void)
{
    make(3, THRUM_FIFO);
}

static void make_unbounded(void)
{
    make(0, THRUM_FIFO);
}

static void make_lifo_of_one(void)
{
    make(1, THRUM_LIFO);
}

static void make_lifo(void)
{
    make(0, THRUM_LIFO);
}

/* ---- histories ---- */

enum { PUT, GET, SHUT, DROP };

/** A sequential queue: a call that failed may do so at a moment when that is true. */
typedef struct sequence {
    int8_t items[16];
    int8_t first, end, maxsize, is_shut, is_lifo;
} sequence;

static bool put_fits(sequence *state, const model_operation *operation)
{
    bool is_full = state->maxsize != 0 && state->end - state->first == state->maxsize;
    switch (operation->result) {
    case 0:
        state->items[state->end++] = (int8_t)operation->argument;
        return !is_full && !state->is_shut;
    case THRUM_ESHUTDOWN: return state->is_shut;
    case THRUM_EFULL:
    case THRUM_ETIMEDOUT: return is_full;
    case THRUM_ENOMEM: return true;
    default: return false;
    }
}

static bool get_fits(sequence *state, const model_operation *operation)
{
    bool is_empty = state->end == state->first;
    switch (operation->result) {
    case THRUM_ESHUTDOWN: return is_empty && state->is_shut;
    case THRUM_EEMPTY:
    case THRUM_ETIMEDOUT: return is_empty && !state->is_shut;
    default: break;
    }
    if (is_empty)
        return false;
    return (state->is_lifo ? state->items[--state->end] : state->items[state->first++]) ==
           operation->result;
}

static bool fits(void *opaque, const model_operation *operation)
{
    sequence *state = opaque;
    if (queue != NULL) {
        state->maxsize = (int8_t)queue->maxsize;
        state->is_lifo = queue->order == THRUM_LIFO;
    }
    switch (operation->operation) {
    case PUT: return put_fits(state, operation);
    case GET: return get_fits(state, operation);
    case DROP: state->first = state->end; /* fallthrough */
    default: state->is_shut = 1; return true;
    }
}

static int put(uintptr_t number)
{
    unsigned call = model_call(PUT, (int64_t)number);
    int status = thrum_queue_put(queue, item_of(number));
    model_return(call, status);
    return status;
}

static int put_until(uintptr_t number)
{
    unsigned call = model_call(PUT, (int64_t)number);
    thrum_time deadline = kit_soon();
    int status = thrum_queue_put_until(queue, item_of(number), deadline);
    if (status == THRUM_ETIMEDOUT)
        kit_has_passed(deadline);
    model_return(call, status);
    return status;
}

static int try_put(uintptr_t number)
{
    unsigned call = model_call(PUT, (int64_t)number);
    int status = thrum_queue_try_put(queue, item_of(number));
    model_return(call, status);
    return status;
}

/** The result of a get: the item's number, or the status. */
static int64_t got(unsigned call, int status, const void *item)
{
    int64_t result = status == 0 ? (int64_t)(uintptr_t)item : status;
    model_return(call, result);
    return result;
}

static int64_t get(void)
{
    void *item = NULL;
    unsigned call = model_call(GET, 0);
    int status = thrum_queue_get(queue, &item);
    return got(call, status, item);
}

static int64_t get_until(void)
{
    void *item = NULL;
    unsigned call = model_call(GET, 0);
    thrum_time deadline = kit_soon();
    int status = thrum_queue_get_until(queue, &item, deadline);
    if (status == THRUM_ETIMEDOUT)
        kit_has_passed(deadline);
    return got(call, status, item);
}

static int64_t try_get(void)
{
    void *item = NULL;
    unsigned call = model_call(GET, 0);
    int status = thrum_queue_try_get(queue, &item);
    return got(call, status, item);
}

static void shut_soft(void)
{
    unsigned call = model_call(SHUT, 0);
    thrum_queue_shutdown(queue, false);
    model_return(call, 0);
}

static void shut_now(void)
{
    unsigned call = model_call(DROP, 0);
    thrum_queue_shutdown(queue, true);
    model_return(call, 0);
}

static void check(void)
{
    model_check_history(fits);
    thrum_queue_free(queue);
}

/** And nobody is said to be asleep or on the way who is not. */
static void check_empty(void)
{
    model_assert(thrum_queue_empty(queue));
    model_assert(queue->put.sleepers != TH_SLEEPERS_ON_WAY);
    model_assert(queue->get.sleepers != TH_SLEEPERS_ON_WAY);
    check();
}

static void put_one(void)
{
    put(10 * model_thread() + 1);
}

static void put_two(void)
{
    put(10 * model_thread() + 1);
    put(10 * model_thread() + 2);
}

static void put_three(void)
{
    put_two();
    put(10 * model_thread() + 3);
}

static void get_one(void)
{
    get();
}

static void get_two(void)
{
    get();
    get();
}

static void get_three(void)
{
    get_two();
    get();
}

MODEL(queue, one_place, .what = "one cell, a producer and a consumer", .setup = make_of_one,
      .threads = {put_three, get_three}, .finish = check_empty, .preemptions = 2)
MODEL(queue, two_places, .what = "two cells, two producers, a consumer", .setup = make_of_two,
      .threads = {put_two, put_one, get_three}, .finish = check_empty, .preemptions = 2)
MODEL(queue, wakes_on, .what = "one cell, two producers, two consumers: wake-ups are passed on",
      .setup = make_of_one, .threads = {put_two, get_one, put_one, get_two}, .finish = check_empty,
      .preemptions = 1)
MODEL(queue, chain, .what = "a chain of segments without a bound", .setup = make_unbounded,
      .threads = {put_three, get_two, get_one}, .finish = check_empty, .preemptions = 1)
MODEL(queue, bounded_chain, .what = "a chain of segments with a bound", .setup = make_of_three,
      .threads = {put_three, put_two, get_three, get_two}, .finish = check_empty, .preemptions = 1)
MODEL(queue, lifo, .what = "a stack of one, two producers, a consumer", .setup = make_lifo_of_one,
      .threads = {put_one, put_one, get_two}, .finish = check_empty, .preemptions = 2)
MODEL(queue, lifo_without_bound, .what = "a stack, a producer, two consumers", .setup = make_lifo,
      .threads = {put_three, get_two, get_one}, .finish = check_empty, .preemptions = 1)
MODEL(queue, spurious, .what = "sleeps that end for nothing", .setup = make_of_one,
      .threads = {put_two, get_one, get_one}, .finish = check_empty, .spurious = 2,
      .preemptions = 1)

/* ---- weak memory: what an item points to ---- */

static int written[6];

static void put_written(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        written[i] = (int)i + 1;
        model_assert(thrum_queue_put(queue, &written[i]) == 0);
    }
}

static void put_two_written(void)
{
    put_written(2);
}

/** As many as it takes for a segment to be used again. */
static void put_six_written(void)
{
    put_written(6);
}

/** In order, and each with what was written before it was put. */
static void get_and_read(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        void *item = NULL;
        model_assert(thrum_queue_get(queue, &item) == 0);
        model_assert(item == &written[i]);
        model_assert(written[i] == (int)i + 1);
        written[i] = 0;
    }
}

static void get_and_read_two(void)
{
    get_and_read(2);
}

static void get_and_read_six(void)
{
    get_and_read(6);
}

static void free_queue(void)
{
    model_assert(thrum_queue_empty(queue));
    thrum_queue_free(queue);
}

MODEL(queue, publishes, .what = "one cell used again and again, on weak memory",
      .setup = make_of_one, .threads = {put_two_written, get_and_read_two}, .finish = free_queue,
      .stale_reads = 2, .preemptions = 1)
MODEL(queue, publishes_chain, .what = "segments left behind and used again, on weak memory",
      .setup = make_unbounded, .threads = {put_six_written, get_and_read_six}, .finish = free_queue,
      .stale_reads = 1, .preemptions = 1)

static unsigned has_begun, is_over;

static void begin_and_put_two(void)
{
    __atomic_store_n(&has_begun, 1, __ATOMIC_RELAXED);
    put_two_written();
}

static void get_two_and_end(void)
{
    get_and_read_two();
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
}

/** Before the first put has begun, and when the last get is known to be over, nothing is in it. */
static void ask(void)
{
    bool was_over = __atomic_load_n(&is_over, __ATOMIC_ACQUIRE) != 0;
    bool is_empty = thrum_queue_empty(queue);
    bool is_full = thrum_queue_full(queue);
    size_t size = thrum_queue_qsize(queue);
    model_assert(size <= 1);
    if (was_over || __atomic_load_n(&has_begun, __ATOMIC_RELAXED) == 0)
        model_assert(is_empty && !is_full && size == 0);
}

/** Of one item, put and dropped. */
static void ask_size(void)
{
    model_assert(thrum_queue_qsize(queue) <= 1);
}

static void put_unless_shut(void)
{
    int status = thrum_queue_put(queue, &queue);
    model_assert(status == 0 || status == THRUM_ESHUTDOWN);
}

static void drop_all(void)
{
    thrum_queue_shutdown(queue, true);
}

MODEL(queue, asked_of_dropped, .what = "its size as all is dropped, on weak memory",
      .setup = make_unbounded, .threads = {put_unless_shut, drop_all, ask_size},
      .finish = free_queue, .stale_reads = 1, .preemptions = 2)
MODEL(queue, asked, .what = "what a queue says of its size, on weak memory", .setup = make_of_one,
      .threads = {begin_and_put_two, get_two_and_end, ask}, .finish = free_queue, .stale_reads = 1,
      .preemptions = 1)

/* ---- many at once ---- */

static void put_three_at_once(void)
{
    void *items[] = {item_of(1), item_of(2), item_of(3)};
    size_t n = 0;
    model_assert(thrum_queue_put_many(queue, items, 3, &n) == 0);
    model_assert(n == 3);
}

static unsigned seen;

static void note(const void *item)
{
    unsigned bit = 1u << (uintptr_t)item;
    model_assert((__atomic_fetch_or(&seen, bit, __ATOMIC_RELAXED) & bit) == 0);
}

static void get_some(void)
{
    void *items[2];
    size_t n = 0;
    model_assert(thrum_queue_get_many(queue, items, 2, &n) == 0);
    model_assert(n == 1 || n == 2);
    model_assert(n == 1 || items[0] < items[1]);
    for (size_t i = 0; i < n; i++)
        note(items[i]);
}

static void get_and_note(void)
{
    void *item = NULL;
    model_assert(thrum_queue_get(queue, &item) == 0);
    note(item);
}

/** Those who took two at once left less; the rest is there. */
static void all_seen(void)
{
    void *item = NULL;
    while (thrum_queue_try_get(queue, &item) == 0)
        note(item);
    model_assert(seen == (1u << 1 | 1u << 2 | 1u << 3));
    thrum_queue_free(queue);
}

MODEL(queue, many, .what = "three at once for a getter of one and one of two",
      .setup = make_unbounded, .threads = {get_and_note, put_three_at_once, get_some},
      .finish = all_seen, .preemptions = 2)
MODEL(queue, many_for_each, .what = "one burst for three sleepers: each is woken",
      .setup = make_unbounded,
      .threads = {get_and_note, get_and_note, get_and_note, put_three_at_once}, .finish = all_seen,
      .preemptions = 1)

static void get_three_notes(void)
{
    get_and_note();
    get_and_note();
    get_and_note();
}

MODEL(queue, many_by_parts, .what = "three at once into one cell", .setup = make_of_one,
      .threads = {put_three_at_once, get_three_notes}, .finish = all_seen, .preemptions = 2)

/* ---- deadlines ---- */

static void get_one_until(void)
{
    get_until();
}

static void put_one_until(void)
{
    put_until(10 * model_thread() + 1);
}

static void try_to_get(void)
{
    try_get();
}

static void try_to_put(void)
{
    try_put(10 * model_thread() + 1);
}

MODEL(queue, until, .what = "a get whose deadline may pass beside one without",
      .setup = make_unbounded, .threads = {get_one_until, get_one, put_two}, .finish = check,
      .ticks = 1, .preemptions = 1)
MODEL(queue, until_both, .what = "two gets whose deadlines may pass; a burst",
      .setup = make_unbounded, .threads = {get_one_until, put_two, get_one_until}, .finish = check,
      .ticks = 1, .preemptions = 1)
MODEL(queue, until_full, .what = "a put whose deadline may pass, with one cell",
      .setup = make_of_one, .threads = {put_one_until, put_one, get_one}, .finish = check,
      .ticks = 1, .preemptions = 1)
MODEL(queue, tries, .what = "tries fail when they may", .setup = make_of_one,
      .threads = {try_to_put, try_to_get, put_two, get_one}, .finish = check, .preemptions = 1,
      .may_deadlock = true, .may_leak = true)

/* ---- shutdown ---- */

static void put_one_or_shut(void)
{
    put(10 * model_thread() + 1);
}

static void get_until_shut(void)
{
    while (get() >= 0)
        continue;
}

static void put_two_then_shut(void)
{
    put_two();
    shut_soft();
}

MODEL(queue, shut, .what = "two getters until shut, who get what is left", .setup = make_unbounded,
      .threads = {get_until_shut, put_two_then_shut, get_until_shut}, .finish = check_empty,
      .preemptions = 1)
MODEL(queue, shut_full, .what = "shut with putters asleep", .setup = make_of_one,
      .threads = {put_one_or_shut, put_one_or_shut, shut_soft}, .finish = check, .preemptions = 2)
MODEL(queue, shut_now, .what = "shut at once, with sleepers at both ends", .setup = make_of_one,
      .threads = {put_two, get_until_shut, shut_now}, .finish = check_empty, .preemptions = 1)
MODEL(queue, shut_now_lifo, .what = "a stack shut at once", .setup = make_lifo_of_one,
      .threads = {put_two, get_until_shut, shut_now}, .finish = check_empty, .preemptions = 1)

/* ---- done and join ---- */

static int done_marks[2];

static void get_and_do(void)
{
    void *item = NULL;
    model_assert(thrum_queue_get(queue, &item) == 0);
    done_marks[(uintptr_t)item - 1] = 1;
    model_assert(thrum_queue_task_done(queue) == 0);
}

static void make_with_two(void)
{
    make_unbounded();
    model_assert(thrum_queue_put(queue, item_of(1)) == 0);
    model_assert(thrum_queue_put(queue, item_of(2)) == 0);
}

static void join(void)
{
    model_assert(thrum_queue_join(queue) == 0);
    model_assert(done_marks[0] == 1 && done_marks[1] == 1);
}

static void put_and_join(void)
{
    model_assert(thrum_queue_put(queue, item_of(2)) == 0);
    model_assert(thrum_queue_join(queue) == 0);
    model_assert(done_marks[1] == 1);
}

static void make_with_one(void)
{
    make_unbounded();
    model_assert(thrum_queue_put(queue, item_of(1)) == 0);
}

static void join_any(void)
{
    model_assert(thrum_queue_join(queue) == 0);
    model_assert(done_marks[0] == 1);
}

static void join_until(void)
{
    thrum_time deadline = kit_soon();
    if (thrum_queue_join_until(queue, deadline) == 0)
        model_assert(done_marks[0] == 1 && done_marks[1] == 1);
    else
        kit_has_passed(deadline);
}

static void no_joiners(void)
{
    model_assert(queue->done == 4);
    model_assert(thrum_queue_task_done(queue) == THRUM_EOVERFLOW);
    free_queue();
}

MODEL(queue, joins, .what = "two workers, one who joins, on weak memory", .setup = make_with_two,
      .threads = {get_and_do, join, get_and_do}, .finish = no_joiners, .stale_reads = 1,
      .preemptions = 2)
MODEL(queue, joins_own, .what = "who puts and joins waits for its own", .setup = make_with_one,
      .threads = {get_and_do, put_and_join, get_and_do, join_any}, .finish = no_joiners,
      .preemptions = 1)
MODEL(queue, joins_until, .what = "two who join, one until a deadline", .setup = make_with_two,
      .threads = {get_and_do, join_until, get_and_do, join}, .finish = no_joiners, .ticks = 1,
      .preemptions = 1)

static void join_dropped(void)
{
    model_assert(thrum_queue_join(queue) == 0);
    model_assert(queue->done / 2 == 2);
}

static void get_and_do_or_not(void)
{
    void *item = NULL;
    if (thrum_queue_get(queue, &item) == 0)
        model_assert(thrum_queue_task_done(queue) == 0);
}

MODEL(queue, joins_dropped, .what = "a join ends when what is left is dropped",
      .setup = make_with_two, .threads = {get_and_do_or_not, join_dropped, shut_now},
      .finish = free_queue, .preemptions = 2)

/* ---- freed by who got the last, or joined ---- */

static void put_last(void)
{
    model_assert(thrum_queue_put(queue, item_of(1)) == 0);
}

static void get_last_and_free(void)
{
    model_assert(thrum_queue_get(queue, NULL) == 0);
    thrum_queue_free(queue);
}

MODEL(queue, freed, .what = "the getter frees it", .setup = make_of_one,
      .threads = {put_last, get_last_and_free}, .preemptions = 4)

static void get_last_and_do(void)
{
    model_assert(thrum_queue_get(queue, NULL) == 0);
    model_assert(thrum_queue_task_done(queue) == 0);
}

static void join_and_free(void)
{
    model_assert(thrum_queue_join(queue) == 0);
    thrum_queue_free(queue);
}

MODEL(queue, freed_by_joiner, .what = "who joins frees it", .setup = make_with_one,
      .threads = {get_last_and_do, join_and_free}, .preemptions = 4)

static void join_until_and_free(void)
{
    while (thrum_queue_join_until(queue, kit_soon()) != 0)
        continue;
    thrum_queue_free(queue);
}

MODEL(queue, freed_by_late_joiner, .what = "who joins frees it, after deadlines",
      .setup = make_with_one, .threads = {get_last_and_do, join_until_and_free}, .ticks = 1)

static void get_and_free_if_shut(void)
{
    int status = thrum_queue_get(queue, NULL);
    if (status == THRUM_ESHUTDOWN)
        thrum_queue_free(queue);
    else
        model_assert(status == 0);
}

static void put_one_and_shut(void)
{
    model_assert(thrum_queue_put(queue, item_of(1)) == 0);
    thrum_queue_shutdown(queue, false);
}

MODEL(queue, freed_by_shut_out_getter, .what = "who is shut out frees it: the item has been got",
      .setup = make_unbounded,
      .threads = {get_and_free_if_shut, put_one_and_shut, get_and_free_if_shut}, .preemptions = 2)

/* ---- no memory ---- */

static void put_or_not(void)
{
    for (uintptr_t number = 1; number <= 4; number++) {
        int status = put(number);
        model_assert(status == 0 || status == THRUM_ENOMEM);
    }
    shut_soft();
}

MODEL(queue, no_memory, .what = "segments that cannot be had", .setup = make_unbounded,
      .threads = {put_or_not, get_until_shut}, .finish = check_empty, .failures = 2,
      .preemptions = 1)
MODEL(queue, no_memory_lifo, .what = "a stack that cannot grow", .setup = make_lifo,
      .threads = {put_or_not, get_until_shut}, .finish = check_empty, .failures = 2,
      .preemptions = 1)

/* ---- fork ---- */

static void get_once(void)
{
    model_assert(thrum_queue_get(queue, NULL) == 0);
}

/** In the child nobody holds a lock, or it is of no interest; nobody else is there. */
static void put_and_fork(void)
{
    model_assert(thrum_queue_put(queue, item_of(1)) == 0);
    if (model_fork() != 0) {
        model_assert(thrum_queue_put(queue, item_of(2)) == 0);
        return;
    }
    if (queue->put.own_lock.word != 0 || queue->get.own_lock.word != 0)
        return;
    while (thrum_queue_try_get(queue, NULL) == 0)
        continue;
    model_assert(thrum_queue_get_until(queue, NULL, kit_soon()) == THRUM_ETIMEDOUT);
    model_assert(queue->put.sleepers == TH_SLEEPERS_QUEUED);
    model_assert(thrum_queue_put(queue, item_of(3)) == 0);
    model_assert(queue->put.sleepers == TH_SLEEPERS_NOBODY);
    model_assert(thrum_queue_get(queue, NULL) == 0);
}

MODEL(queue, forked, .what = "in a child a sleeper that is gone owes nothing",
      .setup = make_unbounded, .threads = {get_once, put_and_fork, get_once}, .finish = free_queue,
      .preemptions = 2, .may_leak = true)

/* ---- the end of the program ---- */

static void *get_for_ever(void *unused)
{
    (void)unused;
    for (void *item; thrum_queue_get(queue, &item) == 0;)
        model_assert(thrum_queue_task_done(queue) == 0);
    return NULL;
}

/** A get that had begun may still take one item; the daemon's next stops it. */
static void put_and_end(void)
{
    model_assert(thrum_queue_put(queue, item_of(1)) == 0);
    thrum_thread *daemon = thrum_spawn(get_for_ever, NULL, .daemon = THRUM_DAEMON);
    model_assert(daemon != NULL);
    thrum_thread_free(daemon);
    model_assert(thrum_queue_join(queue) == 0);
    model_assert(thrum_shutdown() == 0);
    model_assert(thrum_queue_put(queue, item_of(2)) == 0);
    model_assert(thrum_queue_put(queue, item_of(3)) == 0);
    model_assert(thrum_queue_get(queue, NULL) == 0);
}

MODEL(queue, abandoned, .what = "a daemon that is abandoned in a get takes one item at most",
      .setup = make_unbounded, .threads = {put_and_end}, .abandons = true, .may_leak = true,
      .preemptions = 2)

static void get_it_and_do(void)
{
    model_assert(thrum_queue_get(queue, NULL) == 0);
    model_assert(thrum_queue_task_done(queue) == 0);
}
static void put_get_and_do(void)
{
    model_assert(thrum_queue_put(queue, item_of(2)) == 0);
    model_assert(thrum_queue_get(queue, NULL) == 0);
    model_assert(thrum_queue_task_done(queue) == 0);
}
MODEL(queue, done_publishes, .what = "task_done of what was got is no overflow, on weak memory",
      .setup = make_with_one, .threads = {get_it_and_do, put_get_and_do}, .finish = free_queue,
      .stale_reads = 1, .preemptions = 1)
