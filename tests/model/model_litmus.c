/* SPDX-License-Identifier: MIT */
/** @file
 *  Litmus: what the explorer must see, and must not see. Each pair is one program with orders
 *  that are strong enough and with orders a step weaker; and a specimen of each verdict. */
#include <string.h>

#include "model.h"
#include "platform/cpu.h"
#include "platform/fence.h"
#include "platform/futex.h"
#include "platform/memory.h"
#include "platform/restart.h"
#include "platform/thread.h"
#include "thrum/lock.h"

#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan" /* the explorer knows fences, whatever the compiler says */
#endif

static uint32_t x, y, z;
static int data;

#define load(word, order) __atomic_load_n(&(word), __ATOMIC_##order)
#define store(word, value, order) __atomic_store_n(&(word), (value), __ATOMIC_##order)
#define fence(order) __atomic_thread_fence(__ATOMIC_##order)

/* ---- message passing ---- */

static void send_release(void)
{
    data = 1;
    store(x, 1, RELEASE);
}

static void send_relaxed(void)
{
    data = 1;
    store(x, 1, RELAXED);
}

static void receive_acquire(void)
{
    if (load(x, ACQUIRE) == 1)
        model_assert(data == 1);
}

static void receive_relaxed(void)
{
    if (load(x, RELAXED) == 1)
        model_assert(data == 1);
}

MODEL(litmus, release_acquire, .what = "data crosses a release and an acquire", .stale_reads = 1,
      .threads = {send_release, receive_acquire})
MODEL(litmus, relaxed_store, .what = "the release a step weaker", .expects = THRUM_CHECK_RACE,
      .threads = {send_relaxed, receive_acquire})
MODEL(litmus, relaxed_load, .what = "the acquire a step weaker", .expects = THRUM_CHECK_RACE,
      .threads = {send_release, receive_relaxed})

static void send_by_fence(void)
{
    data = 1;
    fence(RELEASE);
    store(x, 1, RELAXED);
}

static void receive_by_fence(void)
{
    if (load(x, RELAXED) == 1) {
        fence(ACQUIRE);
        model_assert(data == 1);
    }
}

static void receive_by_early_fence(void)
{
    fence(ACQUIRE);
    receive_relaxed();
}

MODEL(litmus, fences, .what = "data crosses a release fence and an acquire fence", .stale_reads = 1,
      .threads = {send_by_fence, receive_by_fence})
MODEL(litmus, misplaced_fence, .what = "the acquire fence before the load",
      .expects = THRUM_CHECK_RACE, .threads = {send_by_fence, receive_by_early_fence})

static void add_relaxed(void)
{
    if (load(x, RELAXED) == 1)
        __atomic_fetch_add(&x, 1, __ATOMIC_RELAXED);
}

static void receive_second(void)
{
    if (load(x, ACQUIRE) == 2)
        model_assert(data == 1);
}

static void overwrite_relaxed(void)
{
    if (load(x, RELAXED) == 1)
        store(x, 2, RELAXED);
}

MODEL(litmus, release_sequence, .what = "a relaxed addition goes on with a release",
      .threads = {send_release, add_relaxed, receive_second})
MODEL(litmus, broken_sequence, .what = "a relaxed store ends it", .expects = THRUM_CHECK_RACE,
      .threads = {send_release, overwrite_relaxed, receive_second})

/* ---- store buffering ---- */

static uint32_t saw[2];

static void write_x_read_y(void)
{
    store(x, 1, RELAXED);
    saw[0] = load(y, RELAXED);
}

static void write_y_read_x(void)
{
    store(y, 1, RELAXED);
    saw[1] = load(x, RELAXED);
}

static void write_x_fence_read_y(void)
{
    store(x, 1, RELAXED);
    fence(SEQ_CST);
    saw[0] = load(y, RELAXED);
}

static void write_y_fence_read_x(void)
{
    store(y, 1, RELAXED);
    fence(SEQ_CST);
    saw[1] = load(x, RELAXED);
}

static void one_saw_the_other(void)
{
    model_assert(saw[0] == 1 || saw[1] == 1);
}

MODEL(litmus, store_buffering, .what = "both may miss the other's store", .stale_reads = 2,
      .threads = {write_x_read_y, write_y_read_x}, .finish = one_saw_the_other,
      .expects = THRUM_CHECK_ASSERTION)
MODEL(litmus, store_buffering_fenced, .what = "with sequentially consistent fences they cannot",
      .stale_reads = 2, .threads = {write_x_fence_read_y, write_y_fence_read_x},
      .finish = one_saw_the_other)

static void write_x_read_y_after(void (*fence_all)(void))
{
    store(x, 1, RELAXED);
    fence_all();
    saw[0] = load(y, RELAXED);
}

static void write_x_fence_others_read_y(void)
{
    write_x_read_y_after(th_fence_others);
}

MODEL(litmus, store_buffering_others, .what = "nor with a fence that one thread makes for all",
      .stale_reads = 2, .threads = {write_x_fence_others_read_y, write_y_read_x},
      .finish = one_saw_the_other)

/* ---- restartable sequences ---- */

static void write_x_restart_read_y(void)
{
    write_x_read_y_after(th_restart_others);
}

MODEL(litmus, store_buffering_restart, .what = "a fence that one thread makes for all",
      .stale_reads = 2, .threads = {write_x_restart_read_y, write_y_read_x},
      .finish = one_saw_the_other)

enum { OWNER = 16, MARK = 2 };
static bool mark_stays;

static void own_word(void)
{
    x = OWNER;
}

static void free_word(void)
{
    if (!thrum_private_free_word(&x, OWNER))
        __atomic_fetch_sub(&x, OWNER, __ATOMIC_RELEASE);
}

static void mark_word(void)
{
    __atomic_fetch_or(&x, MARK, __ATOMIC_RELAXED);
    th_restart_others();
    mark_stays = (load(x, RELAXED) & MARK) != 0;
}

static void mark_word_only(void)
{
    __atomic_fetch_or(&x, MARK, __ATOMIC_RELAXED);
    mark_stays = (load(x, RELAXED) & MARK) != 0;
}

static void mark_is_there(void)
{
    model_assert(!mark_stays || x == MARK);
}

MODEL(litmus, restarted, .what = "what is there after a restart stays", .setup = own_word,
      .threads = {free_word, mark_word}, .finish = mark_is_there)
MODEL(litmus, not_restarted, .what = "without, a sequence stores over it", .setup = own_word,
      .threads = {free_word, mark_word_only}, .finish = mark_is_there,
      .expects = THRUM_CHECK_ASSERTION)

/* ---- coherence ---- */

static void write_twice(void)
{
    store(x, 1, RELAXED);
    store(x, 2, RELAXED);
}

static void read_twice(void)
{
    uint32_t first = load(x, RELAXED);
    model_assert(load(x, RELAXED) >= first);
}

static void fail_then_read(void)
{
    uint32_t expected = 7;
    __atomic_compare_exchange_n(&x, &expected, 8, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    model_assert(load(x, RELAXED) >= expected);
}

MODEL(litmus, coherence, .what = "no thread sees a word go back",
      .threads = {write_twice, read_twice, fail_then_read}, .stale_reads = 2)

static void write_once(void)
{
    store(x, 1, RELAXED);
}

static void read_sequentially_then_relaxed(void)
{
    uint32_t first = load(x, SEQ_CST);
    model_assert(load(x, RELAXED) >= first);
}

MODEL(litmus, coherence_of_orders, .what = "nor after a sequentially consistent load",
      .threads = {write_once, read_sequentially_then_relaxed}, .stale_reads = 2)

/* ---- what is a write, what orders ---- */

static void fail_to_exchange(void)
{
    uint32_t expected = 7;
    __atomic_compare_exchange_n(&x, &expected, 8, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static void read_plainly(void)
{
    model_assert(*(volatile uint32_t *)&x == 0);
}

MODEL(litmus, failed_exchange, .what = "an exchange that fails does not race with plain reads",
      .threads = {fail_to_exchange, read_plainly})

static void send_before_fence(void)
{
    data = 1;
    store(x, 1, RELAXED);
    fence(SEQ_CST);
}

static void receive_by_sequential_fence(void)
{
    if (load(x, RELAXED) == 1) {
        fence(SEQ_CST);
        model_assert(data == 1);
    }
}

MODEL(litmus, late_fence, .what = "a fence after the store does not release it",
      .threads = {send_before_fence, receive_by_sequential_fence}, .expects = THRUM_CHECK_RACE)

/* ---- what the search must not leave out ---- */

static void pause_then_write_both(void)
{
    th_pause();
    store(x, 1, RELAXED);
    store(y, 1, RELAXED);
}

static void read_both(void)
{
    uint32_t first = load(x, RELAXED);
    model_assert(load(y, RELAXED) <= first);
}

MODEL(litmus, pause, .what = "a thread that pauses may go on before the others",
      .threads = {pause_then_write_both, read_both}, .expects = THRUM_CHECK_ASSERTION)

static void allocate_twice(void)
{
    void *first = th_alloc(1);
    void *then = th_alloc(1);
    bool only_first_failed = first == NULL && then != NULL;
    th_free(first);
    th_free(then);
    model_assert(!only_first_failed);
}

MODEL(litmus, failures, .what = "of two that may fail only the first does",
      .threads = {allocate_twice}, .failures = 2, .expects = THRUM_CHECK_ASSERTION)

static void await_write(void)
{
    while (load(x, ACQUIRE) == 0)
        continue;
}

MODEL(litmus, fairness, .what = "a loop that looks for a change of another's ends",
      .threads = {await_write, write_once}, .preemptions = 1)

/* ---- specimens of the other verdicts ---- */

static void sleep_for_ever(void)
{
    th_futex_wait(&z, 0, THRUM_FOREVER);
}

static void wake_before(void)
{
    th_futex_wake(&z);
}

MODEL(specimen, lost_wake_up, .what = "a wake-up without a change of the word",
      .threads = {sleep_for_ever, wake_before}, .expects = THRUM_CHECK_DEADLOCK)

static thrum_lock first, second;

static void first_then_second(void)
{
    thrum_lock_acquire(&first);
    thrum_lock_acquire(&second);
    thrum_lock_release(&second);
    thrum_lock_release(&first);
}

static void second_then_first(void)
{
    thrum_lock_acquire(&second);
    thrum_lock_acquire(&first);
    thrum_lock_release(&first);
    thrum_lock_release(&second);
}

MODEL(specimen, opposite_orders, .what = "two locks in opposite orders",
      .threads = {first_then_second, second_then_first}, .expects = THRUM_CHECK_DEADLOCK)

static void spin_for_ever(void)
{
    while (load(x, RELAXED) == 0)
        continue;
}

MODEL(specimen, livelock, .what = "a loop that waits for what nobody does",
      .threads = {spin_for_ever}, .expects = THRUM_CHECK_LIVELOCK)

static uint32_t *shared_memory;

static void share_memory(void)
{
    shared_memory = th_alloc(sizeof *shared_memory);
}

static void use_memory(void)
{
    __atomic_fetch_add(shared_memory, 1, __ATOMIC_ACQ_REL);
}

static void free_memory(void)
{
    __atomic_fetch_add(shared_memory, 1, __ATOMIC_ACQ_REL);
    th_free(shared_memory);
}

MODEL(specimen, use_after_free, .what = "memory freed while another may use it",
      .setup = share_memory, .threads = {free_memory, use_memory},
      .expects = THRUM_CHECK_USE_AFTER_FREE)
MODEL(specimen, leak, .what = "memory that nobody frees", .setup = share_memory,
      .threads = {use_memory, use_memory}, .expects = THRUM_CHECK_LEAK)

static uint32_t *published;

static void publish_without_order(void)
{
    uint32_t *memory = th_alloc(sizeof *memory);
    if (memory != NULL)
        store(published, memory, RELAXED);
}

static void use_published(void)
{
    uint32_t *memory = load(published, RELAXED);
    if (memory != NULL)
        (void)load(*memory, RELAXED);
}

MODEL(specimen, zeroes_unpublished, .what = "the zeroes of new memory, whose address is published",
      .threads = {publish_without_order, use_published}, .expects = THRUM_CHECK_RACE,
      .may_leak = true)

static char source[64], target[64];
/** Volatile, so that the copy is a call of libc's and nobody may leave out what no one reads. */
static volatile size_t copied = sizeof source;
static char *volatile copied_from = source, *volatile copied_to = target;

static void write_source(void)
{
    source[sizeof source - 1] = 1;
}

static void copy_source(void)
{
    memcpy(copied_to, copied_from, copied);
}

static void write_target(void)
{
    target[0] = 1;
}

MODEL(specimen, race_with_copy, .what = "what is copied is written", .expects = THRUM_CHECK_RACE,
      .threads = {write_source, copy_source})
MODEL(specimen, race_in_copy, .what = "what is copied to is written", .expects = THRUM_CHECK_RACE,
      .threads = {write_target, copy_source})

static uint32_t *on_a_stack;

static void lend_stack(void)
{
    uint32_t word = 0;
    store(on_a_stack, &word, RELEASE);
    while (load(x, ACQUIRE) == 0)
        th_futex_wait(&x, 0, THRUM_FOREVER);
}

static void use_stack(void)
{
    uint32_t *word = load(on_a_stack, ACQUIRE);
    store(x, 1, RELEASE);
    th_futex_wake(&x);
    if (word != NULL)
        store(*word, 1, RELAXED);
}

MODEL(specimen, use_after_return, .what = "a variable of a function that has returned",
      .threads = {lend_stack, use_stack}, .expects = THRUM_CHECK_USE_AFTER_FREE,
      .may_deadlock = true)

static void release_what_is_free(void)
{
    thrum_lock_release(&first);
}

MODEL(specimen, misuse, .what = "the release of a free lock", .threads = {release_what_is_free},
      .expects = THRUM_CHECK_MISUSE)

static void follow_null(void)
{
    *(volatile int *)(uintptr_t)load(x, RELAXED) = 1;
}

MODEL(specimen, crash, .what = "a write to NULL", .threads = {follow_null},
      .expects = THRUM_CHECK_CRASH)

enum { TAKE };

static void take_without_lock(void)
{
    unsigned call = model_call(TAKE, 0);
    uint32_t before = load(x, RELAXED);
    store(x, before + 1, RELAXED);
    model_return(call, before);
}

static bool counter(void *state, const model_operation *operation)
{
    return (*(int64_t *)state)++ == operation->result;
}

static void each_took_another(void)
{
    model_check_history(counter);
}

static void discard(void)
{
    model_discard();
}

MODEL(specimen, nothing, .what = "a model that discards all of its executions",
      .threads = {send_release, discard}, .sees_nothing = true)

MODEL(specimen, history, .what = "a counter that gives two threads the same number",
      .threads = {take_without_lock, take_without_lock}, .finish = each_took_another,
      .expects = THRUM_CHECK_HISTORY)

static void *end_at_once(void *arg)
{
    return arg;
}

static pthread_t start_thread(void)
{
    pthread_t thread;
    model_assert(th_thread_create(&thread, end_at_once, NULL, 0) == 0);
    return thread;
}

static void collect_twice(void)
{
    pthread_t thread = start_thread();
    th_thread_reap(thread);
    th_thread_reap(thread);
}

static void never_collect(void)
{
    (void)start_thread();
}

MODEL(specimen, collected_twice, .what = "an OS thread is joined twice", .threads = {collect_twice},
      .expects = THRUM_CHECK_CRASH)
MODEL(specimen, never_collected, .what = "an OS thread is neither joined nor detached",
      .threads = {never_collect}, .expects = THRUM_CHECK_LEAK)
