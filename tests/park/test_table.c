/* SPDX-License-Identifier: MIT */
/** @file
 *  Table: queues by address that keep apart, and the wake list that lets many go. */
#include "park/table.h"

#include <sched.h>

#include <signal.h>

#include "park/park.h"
#include "platform/atomic.h"
#include "runner.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

enum { KEY = 4096, OTHER_KEY = 8192 };

/** A parker for contexts that no thread has: it counts in `permit` how often it is resumed. */
static void count_resume(th_parker *parker)
{
    parker->permit++;
}

static void never_suspend(th_parker *parker, thrum_time deadline)
{
    (void)parker;
    (void)deadline;
    FAIL("suspended, although granted");
}

static th_waiter plain_waiter(void)
{
    return th_waiter_of(th_self(), TH_WAIT_PLAIN, NULL, THRUM_FOREVER);
}

static th_context *counting_context(void)
{
    th_context *context = th_context_new();
    CHECK(context != NULL);
    context->parker = (th_parker){never_suspend, count_resume, 0};
    return context;
}

static void free_counting_context(th_context *context)
{
    context->parker.permit = 0;
    th_context_free(context);
}

static void append(th_waiter *waiter, uintptr_t key)
{
    th_bucket *bucket = th_bucket_lock(key);
    th_bucket_append(bucket, waiter, key);
    th_bucket_unlock(bucket);
}

static th_waiter *first_of(uintptr_t key)
{
    th_bucket *bucket = th_bucket_lock(key);
    th_waiter *waiter = th_bucket_first(bucket, key);
    th_bucket_unlock(bucket);
    return waiter;
}

static void remove_from(th_waiter *waiter, uintptr_t key)
{
    th_bucket *bucket = th_bucket_lock(key);
    th_bucket_remove(bucket, waiter);
    th_bucket_unlock(bucket);
}

static th_bucket *bucket_of(uintptr_t key)
{
    th_bucket *bucket = th_bucket_lock(key);
    th_bucket_unlock(bucket);
    return bucket;
}

/** Another key whose queue lies in the same bucket, or in another one. */
static uintptr_t key_like(uintptr_t key, bool same_bucket)
{
    uintptr_t other = key + 16;
    while ((bucket_of(other) == bucket_of(key)) != same_bucket)
        other += 16;
    return other;
}

/* ---- queues ---- */

TEST(table, a_queue_is_first_in_first_out)
{
    th_waiter waiters[5];
    CHECK_PTR(first_of(KEY), NULL);
    for (size_t i = 0; i < LENGTH(waiters); i++) {
        waiters[i] = plain_waiter();
        append(&waiters[i], KEY);
    }
    for (size_t i = 0; i < LENGTH(waiters); i++) {
        CHECK_PTR(first_of(KEY), &waiters[i]);
        remove_from(&waiters[i], KEY);
    }
    CHECK_PTR(first_of(KEY), NULL);
}

TEST(table, who_is_prepended_is_first)
{
    th_waiter a = plain_waiter(), b = plain_waiter(), c = plain_waiter();
    append(&b, KEY);
    append(&c, KEY);
    th_bucket *bucket = th_bucket_lock(KEY);
    th_bucket_prepend(bucket, &a, KEY);
    th_bucket_unlock(bucket);
    th_waiter *const order[] = {&a, &b, &c};
    for (size_t i = 0; i < LENGTH(order); i++) {
        CHECK_PTR(first_of(KEY), order[i]);
        remove_from(order[i], KEY);
    }
    CHECK_PTR(first_of(KEY), NULL);
}

TEST(table, a_queue_outlives_the_removal_of_any_of_its_waiters)
{
    for (size_t gone = 0; gone < 3; gone++) {
        th_waiter waiters[3];
        for (size_t i = 0; i < 3; i++) {
            waiters[i] = plain_waiter();
            append(&waiters[i], KEY);
        }
        remove_from(&waiters[gone], KEY);
        for (size_t i = 0; i < 3; i++) {
            if (i == gone)
                continue;
            CHECK_PTR(first_of(KEY), &waiters[i]);
            remove_from(&waiters[i], KEY);
        }
        CHECK_PTR(first_of(KEY), NULL);
    }
}

TEST(table, keys_that_share_a_bucket_keep_apart)
{
    const uintptr_t other = key_like(KEY, true);
    CHECK_PTR(bucket_of(KEY), bucket_of(other));
    th_waiter mine[3], theirs[3];
    for (size_t i = 0; i < 3; i++) {
        mine[i] = plain_waiter();
        theirs[i] = plain_waiter();
        append(&theirs[i], other);
        append(&mine[i], KEY);
    }
    for (size_t i = 0; i < 3; i++) {
        CHECK_PTR(first_of(KEY), &mine[i]);
        CHECK_PTR(first_of(other), &theirs[0]);
        remove_from(&mine[i], KEY);
    }
    CHECK_PTR(first_of(KEY), NULL);
    for (size_t i = 0; i < 3; i++) {
        CHECK_PTR(first_of(other), &theirs[i]);
        remove_from(&theirs[i], other);
    }
    CHECK_PTR(first_of(other), NULL);
}

static void move_first(uintptr_t from_key, uintptr_t to_key)
{
    th_bucket *from, *to;
    th_bucket_lock_two(from_key, to_key, &from, &to);
    th_bucket_move(from, to, th_bucket_first(from, from_key), to_key);
    th_bucket_unlock_two(from, to);
}

static void check_move(uintptr_t from_key, uintptr_t to_key)
{
    th_waiter stays = plain_waiter(), first = plain_waiter(), second = plain_waiter();
    append(&stays, to_key);
    append(&first, from_key);
    append(&second, from_key);
    CHECK(!first.moved && !second.moved);
    move_first(from_key, to_key);
    move_first(from_key, to_key);
    CHECK(first.moved && second.moved && !stays.moved);
    CHECK_PTR(first_of(from_key), NULL);
    th_waiter *const order[] = {&stays, &first, &second};
    for (size_t i = 0; i < LENGTH(order); i++) {
        CHECK_PTR(first_of(to_key), order[i]);
        remove_from(order[i], to_key);
    }
    CHECK_PTR(first_of(to_key), NULL);
}

TEST(table, a_moved_waiter_comes_last_in_its_new_queue)
{
    check_move(KEY, key_like(KEY, true));
    check_move(KEY, key_like(KEY, false));
    check_move(key_like(KEY, false), KEY);
}

static void *lock_two_buckets(void *arg)
{
    const uintptr_t *keys = arg;
    for (int i = 0; i < 20000; i++) {
        th_bucket *a, *b;
        th_bucket_lock_two(keys[0], keys[1], &a, &b);
        th_bucket_unlock_two(a, b);
    }
    return NULL;
}

TEST_LIMIT(table, two_buckets_are_locked_in_either_order_without_deadlock, 60)
{
    const uintptr_t other = key_like(KEY, false);
    uintptr_t keys[][2] = {{KEY, other}, {other, KEY}, {KEY, KEY}, {key_like(KEY, true), KEY}};
    test_thread threads[LENGTH(keys)];
    for (size_t i = 0; i < LENGTH(keys); i++)
        test_spawn(&threads[i], lock_two_buckets, keys[i]);
    for (size_t i = 0; i < LENGTH(keys); i++)
        test_join(&threads[i]);
}

/* ---- what deadlock walks see ---- */

TEST(table, an_untimed_wait_for_an_owner_is_published_until_it_ends)
{
    th_context *self = th_self();
    th_waiter waiter = th_waiter_of(self, TH_WAIT_LOCK, NULL, THRUM_FOREVER);
    const uint32_t waits = self->waits;
    append(&waiter, KEY);
    CHECK_EQ(self->waits_on, KEY);
    CHECK_EQ(self->waits, waits + 1);
    move_first(KEY, OTHER_KEY);
    CHECK_EQ(self->waits_on, OTHER_KEY);
    th_wake_list wake = {.first = NULL};
    th_bucket *bucket = th_bucket_lock(OTHER_KEY);
    th_wake_list_take(&wake, bucket, &waiter, 0);
    th_wake_list_grant(&wake);
    th_bucket_unlock(bucket);
    CHECK(th_park(&waiter, THRUM_FOREVER));
    CHECK_EQ(self->waits_on, 0);
}

TEST(table, other_waits_are_not_published)
{
    th_context *self = th_self();
    const uint32_t waits = self->waits;
    th_waiter timed = th_waiter_of(self, TH_WAIT_LOCK, NULL, 1);
    th_waiter unowned = plain_waiter();
    CHECK(!timed.untimed && unowned.untimed);
    append(&timed, KEY);
    append(&unowned, KEY);
    CHECK_EQ(self->waits_on, 0);
    CHECK_EQ(self->waits, waits);
    remove_from(&timed, KEY);
    remove_from(&unowned, KEY);
}

/* ---- waking ---- */

TEST(table, an_empty_wake_list_wakes_nobody)
{
    th_wake_list wake = {.first = NULL};
    th_wake_list_set_token(&wake, 1);
    th_wake_list_grant(&wake);
    th_wake_list_resume(&wake);
}

TEST(table, a_waiter_is_chosen_then_granted_and_told_a_token)
{
    th_waiter waiter = plain_waiter();
    append(&waiter, KEY);
    CHECK_EQ(waiter.state, TH_WAITING);
    th_wake_list wake = {.first = NULL};
    th_bucket *bucket = th_bucket_lock(KEY);
    th_wake_list_take(&wake, bucket, &waiter, 17);
    CHECK_EQ(waiter.state, TH_CHOSEN);
    CHECK_PTR(th_bucket_first(bucket, KEY), NULL);
    th_wake_list_grant(&wake);
    th_bucket_unlock(bucket);
    CHECK_EQ(waiter.state, TH_GRANTED);
    CHECK_EQ(waiter.token, 17);
    CHECK(th_park(&waiter, 0));
}

TEST(table, set_token_reaches_all_of_the_chosen_and_nobody_else)
{
    th_waiter waiters[4];
    for (size_t i = 0; i < LENGTH(waiters); i++) {
        waiters[i] = plain_waiter();
        append(&waiters[i], KEY);
    }
    th_wake_list wake = {.first = NULL};
    th_bucket *bucket = th_bucket_lock(KEY);
    for (uint32_t i = 0; i < 3; i++)
        th_wake_list_take(&wake, bucket, &waiters[i], i);
    for (uint32_t i = 0; i < 3; i++)
        CHECK_EQ(waiters[i].token, i);
    th_wake_list_set_token(&wake, 99);
    th_wake_list_grant(&wake);
    th_bucket_unlock(bucket);
    for (uint32_t i = 0; i < 3; i++)
        CHECK_EQ(waiters[i].token, 99);
    CHECK_EQ(waiters[3].token, 0);
    CHECK_EQ(waiters[3].state, TH_WAITING);
    remove_from(&waiters[3], KEY);
}

static int withdrawals;

static void note_withdrawal(th_waiter *waiter, th_bucket *bucket)
{
    withdrawals++;
    CHECK_PTR(th_bucket_first(bucket, waiter->key), NULL);
}

TEST(table, a_grant_before_the_withdrawal_wins)
{
    th_waiter waiter = plain_waiter();
    waiter.withdrawn = note_withdrawal;
    append(&waiter, KEY);
    th_wake_list wake = {.first = NULL};
    th_bucket *bucket = th_bucket_lock(KEY);
    th_wake_list_take(&wake, bucket, &waiter, 0);
    th_wake_list_grant(&wake);
    th_bucket_unlock(bucket);
    CHECK(th_park(&waiter, 0));
    CHECK_EQ(withdrawals, 0);
}

TEST(table, a_withdrawal_before_the_grant_leaves_nobody_to_grant)
{
    th_waiter waiter = plain_waiter();
    waiter.withdrawn = note_withdrawal;
    append(&waiter, KEY);
    CHECK(!th_park(&waiter, 0));
    CHECK_EQ(waiter.state, TH_TIMED_OUT);
    CHECK_EQ(withdrawals, 1);
    CHECK_PTR(first_of(KEY), NULL);
}

TEST_DIES(table, taking_a_waiter_whose_fate_is_decided_breaks_an_invariant, SIGABRT)
{
    th_waiter waiter = plain_waiter();
    append(&waiter, KEY);
    waiter.state = TH_TIMED_OUT;
    th_wake_list wake = {.first = NULL};
    th_wake_list_take(&wake, th_bucket_lock(KEY), &waiter, 0);
}

enum { TREE_MAX = 33 };

/** Let `count` go at once. Each runs as soon as it has been resumed; returns how often the one that
 *  resumed most resumed others. */
static uint32_t wake_tree(th_waiter *waiters, th_context **contexts, size_t count)
{
    th_wake_list wake = {.first = NULL};
    th_bucket *bucket = th_bucket_lock(KEY);
    for (size_t i = 0; i < count; i++)
        th_wake_list_take(&wake, bucket, th_bucket_first(bucket, KEY), 0);
    th_wake_list_grant(&wake);
    th_bucket_unlock(bucket);
    th_wake_list_resume(&wake);

    uint32_t resumed = 0, most = 0;
    for (size_t i = 0; i < count; i++)
        resumed += contexts[i]->parker.permit;
    CHECK_EQ(resumed, 1); /* the waker itself resumes one */
    bool ran[TREE_MAX] = {false};
    for (size_t rounds = 0; rounds < count; rounds++) {
        size_t next = 0;
        while (next < count && (ran[next] || contexts[next]->parker.permit == 0))
            next++;
        CHECK_LT(next, count); /* somebody is resumed that has not run */
        ran[next] = true;
        CHECK(th_park(&waiters[next], THRUM_FOREVER));
        uint32_t now = 0;
        for (size_t i = 0; i < count; i++)
            now += contexts[i]->parker.permit;
        most = now - resumed > most ? now - resumed : most;
        resumed = now;
    }
    return most;
}

TEST(table, every_one_of_many_is_resumed_once_though_the_waker_resumes_one)
{
    for (size_t count = 1; count <= TREE_MAX; count++) {
        th_waiter waiters[TREE_MAX];
        th_context *contexts[TREE_MAX];
        for (size_t i = 0; i < count; i++) {
            contexts[i] = counting_context();
            waiters[i] = th_waiter_of(contexts[i], TH_WAIT_PLAIN, NULL, THRUM_FOREVER);
            append(&waiters[i], KEY);
        }
        CHECK_LE(wake_tree(waiters, contexts, count), 2);
        for (size_t i = 0; i < count; i++) {
            CHECK_EQ(contexts[i]->parker.permit, 1);
            free_counting_context(contexts[i]);
        }
    }
}

enum { LONG_LIST = 2000, GRANT_ROUNDS = 50 };

typedef struct long_list {
    th_waiter waiters[LONG_LIST];
    int round;
} long_list;

/** Looks at the last waiter the moment the first is granted. */
static void *watch_first(void *arg)
{
    long_list *list = arg;
    for (int round = 1; round <= GRANT_ROUNDS; round++) {
        while (th_load_acq(&list->round) < round)
            sched_yield();
        while (th_load_acq(&list->waiters[0].state) != TH_GRANTED)
            continue;
        CHECK_EQ(th_load_acq(&list->waiters[LONG_LIST - 1].state), TH_GRANTED);
        th_store_rel(&list->round, -round);
    }
    return NULL;
}

/** A granted waiter resumes its share at once, so they must have been granted before it: who is
 *  resumed too early goes back to sleep, and nobody resumes it again. */
TEST(table, the_first_is_granted_last)
{
    static long_list list;
    test_thread watcher;
    test_spawn(&watcher, watch_first, &list);
    for (int round = 1; round <= GRANT_ROUNDS; round++) {
        th_wake_list wake = {.first = NULL};
        for (size_t i = 0; i < LONG_LIST; i++) {
            list.waiters[i] = plain_waiter();
            append(&list.waiters[i], KEY);
        }
        th_bucket *bucket = th_bucket_lock(KEY);
        for (th_waiter *waiter; (waiter = th_bucket_first(bucket, KEY)) != NULL;)
            th_wake_list_take(&wake, bucket, waiter, 0);
        th_store_rel(&list.round, round);
        sched_yield();
        th_wake_list_grant(&wake);
        th_bucket_unlock(bucket);
        while (th_load_acq(&list.round) != -round)
            sched_yield();
    }
    test_join(&watcher);
}

/* ---- fork ---- */

static void check_queue_is_forgotten(void *waiter)
{
    CHECK_PTR(first_of(KEY), NULL);
    th_waiter own = plain_waiter();
    append(&own, KEY);
    CHECK_PTR(first_of(KEY), &own);
    remove_from(&own, KEY);
    (void)waiter;
}

TEST(table, a_forked_child_starts_with_empty_queues)
{
    th_waiter waiter = plain_waiter();
    append(&waiter, KEY);
    CHECK_EXITED(test_run_child(check_queue_is_forgotten, &waiter), 0);
    CHECK_PTR(first_of(KEY), &waiter);
    remove_from(&waiter, KEY);
}
