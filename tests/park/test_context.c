/* SPDX-License-Identifier: MIT */
/** @file
 *  Context: every thread has one, no two have the same, and those that must stop do. */
#include "park/context.h"

#include "park/park.h"
#include "runner.h"
#include "thrum/event.h"
#include "thrum/lock.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static test_gate gate = TEST_GATE_INIT;

/* ---- foreign threads ---- */

typedef struct meeting {
    th_context *context;
    uint32_t owner;
} meeting;

static void *meet(void *arg)
{
    meeting *met = arg;
    CHECK_PTR(th_self_or_null(), NULL);
    CHECK_EQ(thrum_private_self, 0);
    met->context = th_self();
    met->owner = met->context->self;
    CHECK_PTR(th_self(), met->context);
    CHECK_PTR(th_self_or_null(), met->context);
    CHECK_PTR(th_self_to_release(), met->context);
    CHECK_EQ(thrum_private_self, met->owner);
    CHECK_PTR(th_context_of(met->owner), met->context);
    return NULL;
}

static void *meet_and_wait(void *arg)
{
    meet(arg);
    test_gate_wait(&gate);
    return NULL;
}

static th_context *ended;
static unsigned ends;

static void note_end(th_context *context)
{
    CHECK_PTR(th_self_or_null(), context);
    ended = context;
    ends++;
}

static th_context *new_until(const th_context *wanted)
{
    for (int i = 0; i < 1000; i++) {
        th_context *context = th_context_new();
        if (context == wanted)
            return context;
    }
    FAIL("the context has not come back");
}

TEST(context, a_foreign_thread_gets_one_and_gives_it_back_at_its_end)
{
    test_thread thread;
    meeting met;
    th_context_foreign_end = note_end;
    test_spawn(&thread, meet, &met);
    test_join(&thread);
    CHECK_EQ(ends, 1);
    CHECK_PTR(ended, met.context);
    CHECK_NE(met.owner, th_self()->self);
    th_context *again = new_until(met.context);
    CHECK_NE(again->self, met.owner);
    CHECK_PTR(th_context_of(met.owner), NULL);
    CHECK_PTR(th_context_of(again->self), again);
    th_context_free(again);
}

static void *keep_away(void *arg)
{
    CHECK_PTR(th_self_or_null(), NULL);
    return arg;
}

TEST(context, a_thread_that_never_calls_needs_none)
{
    test_thread thread;
    th_context_foreign_end = note_end;
    test_spawn(&thread, keep_away, NULL);
    test_join(&thread);
    CHECK_EQ(ends, 0);
}

TEST(context, threads_alive_at_once_differ)
{
    test_thread threads[16];
    meeting met[LENGTH(threads)];
    for (size_t i = 0; i < LENGTH(threads); i++)
        test_spawn(&threads[i], meet_and_wait, &met[i]);
    test_gate_await(&gate, LENGTH(threads));
    for (size_t i = 0; i < LENGTH(threads); i++) {
        CHECK_NE(met[i].owner, th_self()->self);
        CHECK_PTR(th_context_of(met[i].owner), met[i].context);
        for (size_t j = 0; j < i; j++)
            CHECK_NE(met[i].owner, met[j].owner);
    }
    test_gate_open(&gate);
    for (size_t i = 0; i < LENGTH(threads); i++)
        test_join(&threads[i]);
}

/* ---- owner words ---- */

enum { MANY = 600 };

TEST(context, owner_words_are_unique_and_leave_four_bits)
{
    static th_context *contexts[MANY];
    for (size_t i = 0; i < MANY; i++) {
        contexts[i] = th_context_new();
        CHECK(contexts[i] != NULL);
        const uint32_t owner = contexts[i]->self;
        CHECK_NE(owner, 0);
        CHECK_EQ(owner & 15, 0);
        CHECK_PTR(th_context_of(owner), contexts[i]);
        CHECK_PTR(th_context_of(owner | 15), contexts[i]);
        for (size_t j = 0; j < i; j++)
            CHECK(contexts[j]->self != owner);
    }
    for (size_t i = 0; i < MANY; i++)
        th_context_free(contexts[i]);
}

TEST(context, nobody_is_known_under_a_word_never_given)
{
    CHECK_PTR(th_context_of(0), NULL);
    CHECK_PTR(th_context_of(15), NULL);
    CHECK_PTR(th_context_of(0x00FFFFF0), NULL);
    CHECK_PTR(th_context_of(UINT32_MAX), NULL);
    CHECK_PTR(th_context_of(th_self()->self ^ 0x80000000), NULL);
}

TEST(context, a_word_does_not_come_again_for_255_uses)
{
    uint32_t words[256];
    for (size_t i = 0; i < LENGTH(words); i++) {
        th_context *context = th_context_new();
        words[i] = context->self;
        th_context_free(context);
        for (size_t j = 0; j < i; j++)
            CHECK(words[j] != words[i]);
    }
}

TEST(context, the_one_longest_free_is_used_first)
{
    th_context *a = th_context_new(), *b = th_context_new(), *c = th_context_new();
    const uint32_t old[] = {b->self, a->self, c->self};
    th_context_free(b);
    th_context_free(a);
    th_context_free(c);
    th_context *const order[] = {b, a, c};
    new_until(b);
    CHECK_PTR(th_context_new(), a);
    CHECK_PTR(th_context_new(), c);
    for (size_t i = 0; i < LENGTH(order); i++) {
        CHECK_PTR(th_context_of(old[i]), NULL);
        CHECK_PTR(th_context_of(order[i]->self), order[i]);
    }
}

static void *bind_given(void *arg)
{
    th_context *context = arg;
    th_context_bind(context);
    CHECK_PTR(th_self(), context);
    CHECK_EQ(thrum_private_self, context->self);
    th_context_free(context);
    CHECK_PTR(th_self_or_null(), NULL);
    CHECK_EQ(thrum_private_self, 0);
    CHECK(th_self() != NULL);
    CHECK_NE(thrum_private_self, 0);
    return NULL;
}

TEST(context, a_thread_binds_the_one_made_for_it)
{
    test_thread thread;
    test_spawn(&thread, bind_given, th_context_new());
    test_join(&thread);
}

TEST(context, a_used_one_comes_back_as_new)
{
    th_context *fresh = th_context_new(), *used = th_context_new();
    void (*suspend)(th_parker *, thrum_time) = used->parker.suspend;
    used->parker.suspend = NULL;
    used->thread = &gate;
    used->spin_skips = 77;
    th_context_free(used);
    CHECK_PTR(new_until(used), used);
    CHECK(used->parker.suspend == suspend);
    CHECK(used->parker.resume == fresh->parker.resume);
    CHECK_PTR(used->thread, NULL);
    CHECK_EQ(used->spin_skips, fresh->spin_skips);
}

/* ---- stopping ---- */

typedef struct victim {
    test_thread thread;
    void (*call)(void);
    bool left_gate, passed; /* accessed atomically */
} victim;

static char daemon_mark;
static thrum_lock lock = THRUM_LOCK_INIT;
static thrum_event event = THRUM_EVENT_INIT;

static void call_self(void)
{
    th_self();
}

static void call_inlined(void)
{
    thrum_lock_acquire(&lock);
}

static void release_then_call(void)
{
    if (th_self_to_release() == th_self_or_null())
        th_self();
}

static void wait_for_event(void)
{
    thrum_event_wait(&event);
}

static void *go_on_as_daemon(void *arg)
{
    victim *one = arg;
    th_self()->thread = &daemon_mark;
    test_gate_wait(&gate);
    __atomic_store_n(&one->left_gate, true, __ATOMIC_RELEASE);
    one->call();
    __atomic_store_n(&one->passed, true, __ATOMIC_RELEASE);
    return NULL;
}

static void *go_on_spared(void *unused)
{
    th_self();
    test_gate_wait(&gate);
    thrum_event_set(&event);
    thrum_lock_acquire(&lock);
    thrum_lock_release(&lock);
    th_self();
    return unused;
}

static bool has_left_gate(void *arg)
{
    return __atomic_load_n(&((victim *)arg)->left_gate, __ATOMIC_ACQUIRE);
}

static bool is_marked(void *thread)
{
    return thread == &daemon_mark;
}

TEST(context, those_told_to_stop_do_so_at_their_next_call_and_others_go_on)
{
    static victim victims[] = {
        {.call = call_self}, {.call = call_inlined}, {.call = release_then_call}};
    test_thread spared;
    th_context_foreign_end = NULL;
    test_allow_threads(LENGTH(victims));
    for (size_t i = 0; i < LENGTH(victims); i++)
        test_spawn(&victims[i].thread, go_on_as_daemon, &victims[i]);
    test_spawn(&spared, go_on_spared, NULL);
    test_gate_await(&gate, LENGTH(victims) + 1);
    void *record = th_self()->thread;
    th_self()->thread = &daemon_mark; /* the caller itself is never stopped */
    th_contexts_stop(is_marked);
    th_self()->thread = record;
    test_gate_open(&gate);
    test_join(&spared);
    for (size_t i = 0; i < LENGTH(victims); i++) {
        test_wait_until(has_left_gate, &victims[i]);
        test_wait_asleep(victims[i].thread.tid);
        CHECK(!__atomic_load_n(&victims[i].passed, __ATOMIC_ACQUIRE));
    }
    CHECK(!thrum_lock_locked(&lock));
}

static void *go_on_spared_by_itself(void *unused)
{
    th_self()->thread = &daemon_mark;
    th_context_spare(th_self(), true);
    test_gate_wait(&gate);
    th_self(); /* goes on */
    th_context_spare(th_self(), false);
    th_self()->thread = NULL;
    return unused;
}

TEST(context, one_that_is_spared_is_not_stopped_and_the_next_in_its_place_is_not_spared)
{
    test_thread thread;
    th_context_foreign_end = NULL;
    test_spawn(&thread, go_on_spared_by_itself, NULL);
    test_gate_await(&gate, 1);
    th_contexts_stop(is_marked);
    test_gate_open(&gate);
    test_join(&thread);
    th_context *context = th_context_new();
    CHECK(context != NULL && !context->is_spared);
    th_context_free(context);
}

static bool has_taken_its_permit(void *arg)
{
    return __atomic_load_n(&((th_context *)arg)->parker.permit, __ATOMIC_RELAXED) == 0;
}

TEST(context, a_waiting_thread_told_to_stop_does_so_when_its_wait_ends)
{
    static victim waiting = {.call = wait_for_event};
    th_context_foreign_end = NULL;
    test_allow_threads(1);
    test_gate_open(&gate);
    test_spawn(&waiting.thread, go_on_as_daemon, &waiting);
    test_wait_until(has_left_gate, &waiting);
    test_wait_asleep(waiting.thread.tid);
    th_bucket *bucket = th_bucket_lock((uintptr_t)&event);
    th_waiter *waiter = th_bucket_first(bucket, (uintptr_t)&event);
    CHECK(waiter != NULL);
    th_context *context = waiter->context;
    th_bucket_unlock(bucket);
    th_contexts_stop(is_marked);
    thrum_event_set(&event);
    test_wait_until(has_taken_its_permit, context);
    test_wait_asleep(waiting.thread.tid);
    CHECK(!__atomic_load_n(&waiting.passed, __ATOMIC_ACQUIRE));
}

/* ---- fork ---- */

static bool name_nobody(void *thread)
{
    (void)thread;
    FAIL("a context that nobody has any more was asked about");
}

static void check_child(void *arg)
{
    const meeting *other = arg;
    CHECK_EQ(th_self()->self, other[1].owner);
    CHECK_PTR(th_self(), other[1].context);
    CHECK_EQ(thrum_private_self, other[1].owner);
    th_contexts_stop(name_nobody);
    CHECK_PTR(th_context_of(other[0].owner), other[0].context);
    for (int i = 0; i < 300; i++) {
        th_context *context = th_context_new();
        CHECK(context != other[0].context);
        CHECK(context->self != other[0].owner);
    }
}

TEST(context, in_a_forked_child_the_words_of_vanished_threads_stay_taken)
{
    test_thread thread;
    meeting met[2] = {{NULL, 0}, {th_self(), th_self()->self}};
    test_spawn(&thread, meet_and_wait, &met[0]);
    test_gate_await(&gate, 1);
    CHECK_EXITED(test_run_child(check_child, met), 0);
    test_gate_open(&gate);
    test_join(&thread);
}
