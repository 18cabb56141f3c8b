/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of park (src/park/park.c, table.c, context.c): permits, queues by address, wake-ups that
 *  spread as a tree, deadlines that meet them, and waiters that are moved to another queue. */
#include "model_kit.h"
#include "park/park.h"
#include "park/signal.h"
#include "platform/atomic.h"
#include "platform/memory.h"

#define MOST 5

static th_context *contexts[MOST];
static int written;

/* ---- permits ---- */

/** Contexts are known to others only when each has said which it is. */
static void suspend_once(void)
{
    th_context *self = th_self();
    self->parker.suspend(&self->parker, THRUM_FOREVER);
    model_assert(written == 1);
}

static void remember_main(void)
{
    contexts[0] = th_self();
}

static void write_and_resume_main(void)
{
    written = 1;
    th_context_resume(contexts[0]);
}

static void permit_is_used_up(void)
{
    model_assert(contexts[0]->parker.permit == 0);
}

MODEL(park, permit, .what = "written before a resume, read after the suspend that it ends",
      .setup = remember_main, .threads = {suspend_once, write_and_resume_main},
      .finish = permit_is_used_up, .stale_reads = 2, .preemptions = 4)

static void suspend_twice(void)
{
    th_context *self = th_self();
    self->parker.suspend(&self->parker, THRUM_FOREVER);
    self->parker.suspend(&self->parker, kit_soon());
}

static void resume_main(void)
{
    th_context_resume(contexts[0]);
}

static void at_most_one_permit(void)
{
    model_assert(contexts[0]->parker.permit <= 1);
}

MODEL(park, permits, .what = "two resumes give one permit, or two", .setup = remember_main,
      .threads = {suspend_twice, resume_main, resume_main}, .finish = at_most_one_permit,
      .ticks = 1, .spurious = 1)

static int suspended;

static void suspend_three_times(void)
{
    th_context *self = th_self();
    for (int i = 0; i < 3; i++) {
        self->parker.suspend(&self->parker, THRUM_FOREVER);
        suspended++;
    }
}

/** A suspend may return early, but none sleeps beside a permit. */
static void no_permit_is_lost(void)
{
    model_assert(suspended > 0);
    model_assert(model_is_asleep(0) == (contexts[0]->parker.permit == 2));
}

MODEL(park, permit_lost, .what = "nobody sleeps beside a permit", .setup = remember_main,
      .threads = {suspend_three_times, resume_main, resume_main}, .finish = no_permit_is_lost,
      .may_deadlock = true)

/* ---- a queue ---- */

static int gate; /**< 1: waiters need not queue; under the lock of its own bucket */
static int passed[MOST];

static uintptr_t gate_key(void)
{
    return (uintptr_t)&gate;
}

static bool wait_at_gate(thrum_time deadline)
{
    th_waiter waiter = th_waiter_of(th_self(), TH_WAIT_PLAIN, &gate, deadline);
    th_bucket *bucket = th_bucket_lock(gate_key());
    bool is_open = gate != 0;
    if (!is_open)
        th_bucket_append(bucket, &waiter, gate_key());
    th_bucket_unlock(bucket);
    return is_open || th_park(&waiter, deadline);
}

static void wait_and_read(void)
{
    model_assert(wait_at_gate(THRUM_FOREVER));
    model_assert(written == 1);
}

static void open_gate(void)
{
    th_wake_list wake = {.first = NULL};
    written = 1;
    th_bucket *bucket = th_bucket_lock(gate_key());
    gate = 1;
    for (th_waiter *waiter; (waiter = th_bucket_first(bucket, gate_key())) != NULL;)
        th_wake_list_take(&wake, bucket, waiter, 0);
    th_wake_list_grant(&wake);
    th_bucket_unlock(bucket);
    th_wake_list_resume(&wake);
}

MODEL(park, wakes, .what = "one wakes two that are queued",
      .threads = {wait_and_read, open_gate, wait_and_read})
MODEL(park, wakes_three, .what = "one wakes three, the first two more",
      .threads = {wait_and_read, wait_and_read, open_gate, wait_and_read})
MODEL(park, wakes_four, .what = "one wakes four, a tree of three levels",
      .threads = {wait_and_read, wait_and_read, wait_and_read, open_gate, wait_and_read},
      .preemptions = 1, .long_preemptions = 1)
MODEL(park, spurious, .what = "sleeps that end for nothing",
      .threads = {wait_and_read, open_gate, wait_and_read}, .preemptions = 2, .spurious = 2)
MODEL(park, publishes, .what = "written before a grant, read after, on weak memory",
      .threads = {wait_and_read, open_gate, wait_and_read}, .preemptions = 2, .stale_reads = 1)

/** The waiter's stack is its own as soon as it is granted: it is filled with other things. */
static void wait_and_reuse_stack(void)
{
    wait_and_read();
    volatile char scratch[sizeof(th_waiter) + 64];
    for (size_t i = 0; i < sizeof scratch; i += 8)
        scratch[i] = (char)i;
    passed[model_thread()] = scratch[0] == 0;
}

MODEL(park, reuses_stack, .what = "a granted waiter's stack is its own again",
      .threads = {wait_and_reuse_stack, open_gate, wait_and_reuse_stack}, .preemptions = 2)

/** A token tells what the waker decided last. */
static uint32_t told;

static void wait_for_token(void)
{
    th_waiter waiter = th_waiter_of(th_self(), TH_WAIT_PLAIN, &gate, THRUM_FOREVER);
    th_bucket *bucket = th_bucket_lock(gate_key());
    th_bucket_append(bucket, &waiter, gate_key());
    th_bucket_unlock(bucket);
    model_assert(th_park(&waiter, THRUM_FOREVER));
    told += waiter.token;
}

static void give_token(void)
{
    th_wake_list wake = {.first = NULL};
    th_bucket *bucket = th_bucket_lock(gate_key());
    th_waiter *waiter = th_bucket_first(bucket, gate_key());
    if (waiter == NULL)
        model_discard();
    th_wake_list_take(&wake, bucket, waiter, 1);
    th_wake_list_set_token(&wake, 7);
    th_wake_list_grant(&wake);
    th_bucket_unlock(bucket);
    th_wake_list_resume(&wake);
}

static void was_told(void)
{
    model_assert(told == 7);
}

MODEL(park, token, .what = "a waiter is told what its waker decided", .stale_reads = 1,
      .threads = {wait_for_token, give_token}, .finish = was_told)

/* ---- deadlines ---- */

static int granted_count, taken_count;

static void wait_until(void)
{
    thrum_time deadline = kit_soon();
    passed[model_thread()] = wait_at_gate(deadline);
    if (!passed[model_thread()])
        kit_has_passed(deadline);
}

/** Wakes one that is queued under `key`, if one is there; leaves the gate shut. */
static void wake_one_of(uintptr_t key)
{
    th_wake_list wake = {.first = NULL};
    th_bucket *bucket = th_bucket_lock(key);
    th_waiter *waiter = th_bucket_first(bucket, key);
    if (waiter != NULL) {
        th_wake_list_take(&wake, bucket, waiter, 0);
        taken_count++;
    }
    th_wake_list_grant(&wake);
    th_bucket_unlock(bucket);
    th_wake_list_resume(&wake);
}

static void wake_one(void)
{
    wake_one_of(gate_key());
}

static void fates_agree(void)
{
    for (int i = 0; i < MOST; i++)
        granted_count += passed[i];
    model_assert(granted_count == taken_count);
    th_bucket *bucket = th_bucket_lock(gate_key());
    model_assert(th_bucket_first(bucket, gate_key()) == NULL);
    th_bucket_unlock(bucket);
}

MODEL(park, until, .what = "a wake-up meets a deadline: one of them wins",
      .threads = {wait_until, wake_one}, .finish = fates_agree, .ticks = 1, .preemptions = 5)
MODEL(park, until_two, .what = "two wake-ups meet two deadlines",
      .threads = {wait_until, wake_one, wait_until}, .finish = fates_agree, .ticks = 2)
MODEL(park, until_two_weak, .what = "the same on weak memory",
      .threads = {wait_until, wake_one, wait_until}, .finish = fates_agree, .ticks = 1,
      .stale_reads = 1, .preemptions = 1)

/* ---- moved ---- */

static int other_gate;

static uintptr_t other_key(void)
{
    return (uintptr_t)&other_gate;
}

/** The first takes the waiter to the other queue, the second wakes whoever is there. */
static void move_one(void)
{
    th_bucket *from, *to;
    th_bucket_lock_two(gate_key(), other_key(), &from, &to);
    th_waiter *waiter = th_bucket_first(from, gate_key());
    if (waiter != NULL)
        th_bucket_move(from, to, waiter, other_key());
    th_bucket_unlock_two(from, to);
}

static void wake_one_moved(void)
{
    wake_one_of(other_key());
}

static void move_and_wake(void)
{
    move_one();
    wake_one_moved();
}

MODEL(park, moved, .what = "a waiter is moved while its deadline passes",
      .threads = {wait_until, move_and_wake}, .finish = fates_agree, .ticks = 1, .preemptions = 4)
MODEL(park, moved_two, .what = "the same, with another that wakes",
      .threads = {wait_until, move_one, wake_one_moved}, .finish = fates_agree, .ticks = 1,
      .preemptions = 3)

static void lock_both(void)
{
    th_bucket *a, *b;
    uintptr_t first = model_thread() == 0 ? gate_key() : other_key();
    uintptr_t second = model_thread() == 0 ? other_key() : gate_key();
    th_bucket_lock_two(first, second, &a, &b);
    model_assert(written == 0);
    written = 1;
    written = 0;
    th_bucket_unlock_two(a, b);
}

static void lock_same_twice(void)
{
    th_bucket *a, *b;
    th_bucket_lock_two(gate_key(), gate_key(), &a, &b);
    model_assert(a == b);
    th_bucket_unlock_two(a, b);
}

MODEL(park, two_buckets, .what = "two buckets locked from either end",
      .threads = {lock_both, lock_both, lock_same_twice})

/* ---- first come, first served ---- */

enum { QUEUE, TAKE };

typedef struct line_state {
    int32_t length;
    int32_t waiting[MOST];
} line_state;

/** A line: QUEUE(who) at the end, TAKE from the front or 0. */
static bool line(void *state, const model_operation *operation)
{
    line_state *now = state;
    if (operation->operation == QUEUE) {
        now->waiting[now->length++] = (int32_t)operation->argument;
        return true;
    }
    if (now->length == 0)
        return operation->result == 0;
    bool right = operation->result == now->waiting[0];
    now->length--;
    for (int32_t i = 0; i < now->length; i++)
        now->waiting[i] = now->waiting[i + 1];
    now->waiting[now->length] = 0;
    return right;
}

static th_waiter standing[MOST];

static void stand_in_line(void)
{
    unsigned me = model_thread();
    unsigned call = model_call(QUEUE, (int64_t)me + 1);
    standing[me] = th_waiter_of(th_self(), TH_WAIT_PLAIN, &gate, THRUM_FOREVER);
    th_bucket *bucket = th_bucket_lock(gate_key());
    th_bucket_append(bucket, &standing[me], gate_key());
    th_bucket_unlock(bucket);
    model_return(call, 0);
}

static void take_first(void)
{
    unsigned call = model_call(TAKE, 0);
    th_bucket *bucket = th_bucket_lock(gate_key());
    th_waiter *first = th_bucket_first(bucket, gate_key());
    if (first != NULL)
        th_bucket_remove(bucket, first);
    th_bucket_unlock(bucket);
    model_return(call, first != NULL ? first - standing + 1 : 0);
}

static void take_two(void)
{
    take_first();
    take_first();
}

static void check_line(void)
{
    model_check_history(line);
}

MODEL(park, history, .what = "a queue, as a line would answer",
      .threads = {stand_in_line, stand_in_line, take_two}, .finish = check_line)

/* ---- contexts ---- */

/** Contexts are used again, as many as are used at a time; owner words never. */
static th_context *context_of[MOST][2];
static uint32_t word_of[MOST][2];

static void use_two_contexts(void)
{
    unsigned me = model_thread();
    for (int i = 0; i < 2; i++) {
        th_context *mine = th_context_new();
        model_assert(mine != NULL && th_context_of(mine->self) == mine);
        context_of[me][i] = mine;
        word_of[me][i] = mine->self;
        th_context_free(mine);
    }
}

static void contexts_were_recycled(void)
{
    unsigned distinct = 0;
    for (int i = 0; i < 6; i++) {
        bool is_new = true;
        for (int j = 0; j < i; j++) {
            model_assert(word_of[i / 2][i % 2] != word_of[j / 2][j % 2]);
            is_new &= context_of[i / 2][i % 2] != context_of[j / 2][j % 2];
        }
        distinct += is_new;
    }
    model_assert(distinct <= 3);
}

MODEL(park, contexts, .what = "contexts are used again, owner words are not",
      .threads = {use_two_contexts, use_two_contexts, use_two_contexts},
      .finish = contexts_were_recycled, .preemptions = 2)

/** Contexts are recycled, never freed: a late resume reaches one, if perhaps another's. */
static th_context *recycled;

static void use_and_give_back(void)
{
    th_context *mine = th_context_new();
    model_assert(mine != NULL && mine->self != 0);
    __atomic_store_n(&recycled, mine, __ATOMIC_RELEASE);
    th_context_free(mine);
}

static void use_another(void)
{
    th_context *mine = th_context_new();
    model_assert(mine != NULL && mine->self != 0 && mine != th_self());
    model_assert(th_context_of(mine->self) == mine);
    th_context_free(mine);
}

static void resume_late(void)
{
    th_context *late = __atomic_load_n(&recycled, __ATOMIC_ACQUIRE);
    if (late == NULL)
        model_discard();
    th_context_resume(late);
    (void)th_context_of(th_load_rlx(&late->self));
}

MODEL(park, recycles, .what = "a late resume of a context that is used again",
      .threads = {use_and_give_back, use_another, resume_late})
MODEL(park, recycles_weak, .what = "the same on weak memory",
      .threads = {use_and_give_back, use_another, resume_late}, .stale_reads = 1, .preemptions = 2)

static uint32_t owner_word;

/** Who is told an owner word finds its context, also in a chunk that has just been mapped; who has
 *  only read it, perhaps not yet. */
static void make_chunk(void)
{
    for (int i = 0; i < 6; i++) {
        th_context *mine = th_context_new();
        __atomic_store_n(&owner_word, mine->self, __ATOMIC_RELEASE);
    }
}

static void find_context(void)
{
    uint32_t owner = __atomic_load_n(&owner_word, __ATOMIC_ACQUIRE);
    if (owner == 0)
        model_discard();
    th_context *found = th_context_of(owner);
    model_assert(found != NULL && th_load_rlx(&found->self) == owner);
}

static void look_for_context(void)
{
    uint32_t owner = __atomic_load_n(&owner_word, __ATOMIC_RELAXED);
    if (owner == 0)
        model_discard();
    th_context *found = th_context_of(owner);
    model_assert(found == NULL || th_load_rlx(&found->self) == owner);
}

MODEL(park, finds_context, .what = "a context is found by its owner word, on weak memory",
      .threads = {make_chunk, find_context, look_for_context}, .stale_reads = 1, .preemptions = 2)

/* ---- plain sleep ---- */

static void sleep_a_while(void)
{
    thrum_time deadline = kit_soon();
    model_assert(thrum_sleep_until(deadline) == 0);
    kit_has_passed(deadline);
}

MODEL(park, sleeps, .what = "a sleep lasts until its deadline, whatever ends it early",
      .setup = remember_main, .threads = {sleep_a_while, resume_main, resume_main}, .spurious = 1,
      .ticks = 1)
