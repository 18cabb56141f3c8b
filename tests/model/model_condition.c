/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of the condition (src/sync/condition.c): a notification wakes one who waits, in order,
 *  is never lost to a deadline, needs no lock, and works with both kinds of lock. */
#include "model_kit.h"
#include "platform/memory.h"
#include "thrum/condition.h"
#include "thrum/semaphore.h"

#define MOST 4

static thrum_lock lock;
static thrum_condition condition;
static int items;

static bool has_item(void *unused)
{
    (void)unused;
    return items > 0;
}

/* ---- predicate loops ---- */

static void consume(void)
{
    kit_consume(&lock, &condition, &items);
}

static void consume_by_predicate(void)
{
    thrum_lock_acquire(&lock);
    model_assert(thrum_condition_wait_for(&condition, &lock, has_item, NULL) == 0);
    items--;
    thrum_lock_release(&lock);
}

static void produce(void)
{
    kit_produce(&lock, &condition, &items);
}

static void produce_then_notify(void)
{
    thrum_lock_acquire(&lock);
    items++;
    thrum_lock_release(&lock);
    thrum_condition_notify(&condition, 1);
}

static void produce_two(void)
{
    thrum_lock_acquire(&lock);
    items += 2;
    thrum_condition_notify_all(&condition);
    thrum_lock_release(&lock);
}

static void produce_two_then_notify(void)
{
    thrum_lock_acquire(&lock);
    items += 2;
    thrum_lock_release(&lock);
    thrum_condition_notify_all(&condition);
}

static void produce_three(void)
{
    thrum_lock_acquire(&lock);
    items += 3;
    thrum_condition_notify(&condition, 3);
    thrum_lock_release(&lock);
}

/** All consumed, nobody queued anywhere, the lock free. */
static void is_over(void)
{
    model_assert(items == 0);
    model_assert(condition.waiters == 0);
    model_assert(lock.word == 0);
}

MODEL(condition, notifies, .what = "one item, one that waits", .threads = {consume, produce},
      .finish = is_over, .preemptions = 5)
MODEL(condition, notifies_two, .what = "two items, two that wait",
      .threads = {consume, consume_by_predicate, produce_two}, .finish = is_over)
MODEL(condition, notifies_each, .what = "two that notify one each, two that wait",
      .threads = {consume, consume, produce, produce_then_notify}, .finish = is_over,
      .preemptions = 1, .long_preemptions = 2)
MODEL(condition, notifies_three, .what = "three items, three that wait",
      .threads = {consume, consume, consume, produce_three}, .finish = is_over, .preemptions = 1,
      .long_preemptions = 2)
MODEL(condition, without_lock, .what = "notified after the lock was released",
      .threads = {consume, produce_then_notify}, .finish = is_over, .preemptions = 4)
MODEL(condition, without_lock_two, .what = "the same with two that wait",
      .threads = {consume, consume, produce_two_then_notify}, .finish = is_over, .preemptions = 2,
      .long_preemptions = 3)
MODEL(condition, spurious, .what = "sleeps that end for nothing",
      .threads = {consume, consume, produce_two}, .finish = is_over, .preemptions = 2,
      .spurious = 1)
MODEL(condition, publishes, .what = "written before a notification, read after, on weak memory",
      .threads = {consume, produce_two_then_notify, consume_by_predicate}, .finish = is_over,
      .preemptions = 1, .long_preemptions = 2, .stale_reads = 1)
MODEL(condition, publishes_two, .what = "the same with two threads", .threads = {consume, produce},
      .finish = is_over, .preemptions = 3, .stale_reads = 2)

/* ---- no wake-up by accident ---- */

static int queued, notified, woken;
static int status_of[MOST];

static void queue_once(void)
{
    thrum_lock_acquire(&lock);
    queued++;
    status_of[model_thread()] = thrum_condition_wait(&condition, &lock);
    model_assert(++woken <= notified);
    thrum_lock_release(&lock);
}

static void notify_one_of_two(void)
{
    thrum_lock_acquire(&lock);
    if (queued < 2)
        model_discard();
    notified = 1;
    thrum_condition_notify(&condition, 1);
    thrum_lock_release(&lock);
}

static void one_was_woken(void)
{
    model_assert(woken == 1);
    model_assert(model_is_asleep(0) + model_is_asleep(1) == 1);
}

MODEL(condition, exactly_one, .what = "of two that wait one notification wakes one",
      .threads = {queue_once, queue_once, notify_one_of_two}, .finish = one_was_woken,
      .may_deadlock = true, .spurious = 1, .preemptions = 2)

static int order[MOST], returned[MOST], returned_count;

static void queue_in_order(void)
{
    unsigned me = model_thread();
    thrum_lock_acquire(&lock);
    order[queued++] = (int)me;
    model_assert(thrum_condition_wait(&condition, &lock) == 0);
    returned[returned_count++] = (int)me;
    thrum_lock_release(&lock);
}

static void notify_one_then_one(void)
{
    thrum_lock_acquire(&lock);
    if (queued < 2)
        model_discard();
    thrum_condition_notify(&condition, 1);
    thrum_lock_release(&lock);
    thrum_lock_acquire(&lock);
    model_assert(returned_count == 0 || returned[0] == order[0]);
    thrum_condition_notify(&condition, 1);
    thrum_lock_release(&lock);
}

static void first_came_first(void)
{
    model_assert(returned_count == 2);
}

MODEL(condition, in_order, .what = "who waits longest is woken first",
      .threads = {queue_in_order, queue_in_order, notify_one_then_one}, .finish = first_came_first,
      .preemptions = 2)

/* ---- deadlines ---- */

static thrum_time deadline_of[MOST], notified_at;

static void queue_until(void)
{
    thrum_lock_acquire(&lock);
    order[queued++] = (int)model_thread();
    thrum_time deadline = deadline_of[model_thread()] = kit_soon();
    int status = thrum_condition_wait_until(&condition, &lock, deadline);
    model_assert(status == 0 || status == THRUM_ETIMEDOUT);
    if (status != 0)
        kit_has_passed(deadline);
    status_of[model_thread()] = status;
    if (status == 0)
        model_assert(++woken <= notified);
    thrum_lock_release(&lock);
}

/** Of two that wait when one notification is given, one of which may be past its deadline, one
 *  that is still queued is woken. */
static void notification_was_not_lost(void)
{
    if (notified == 0)
        return;
    model_assert(woken == 1);
    model_assert(condition.waiters == model_is_asleep(1));
}

MODEL(condition, until, .what = "a notification meets a deadline: it is for one or the other",
      .threads = {queue_until, queue_once, notify_one_of_two}, .finish = notification_was_not_lost,
      .may_deadlock = true, .ticks = 1, .preemptions = 2)

static void notify_one_if_queued(void)
{
    thrum_lock_acquire(&lock);
    notified = queued;
    thrum_condition_notify(&condition, 1);
    thrum_lock_release(&lock);
}

static void timed_out_or_notified(void)
{
    model_assert(notified > 0 || status_of[0] == THRUM_ETIMEDOUT);
    model_assert(condition.waiters == 0 && lock.word == 0);
}

MODEL(condition, until_one, .what = "the same with one that waits",
      .threads = {queue_until, notify_one_if_queued}, .finish = timed_out_or_notified, .ticks = 1,
      .preemptions = 4)
MODEL(condition, until_weak, .what = "the same on weak memory",
      .threads = {queue_until, notify_one_if_queued}, .finish = timed_out_or_notified, .ticks = 1,
      .stale_reads = 1)

/** A deadline may pass before the notification, or while the notified wait for the lock. */
static void notify_and_hold(void)
{
    thrum_lock_acquire(&lock);
    notified = queued;
    thrum_condition_notify_all(&condition);
    notified_at = thrum_now();
    thrum_lock_release(&lock);
}

/** Who was queued is told of the notification, unless its deadline had passed by then. */
static void notified_returned_so(void)
{
    for (int i = 0; i < notified; i++)
        model_assert(status_of[order[i]] == 0 || notified_at >= deadline_of[order[i]]);
    model_assert(condition.waiters == 0 && lock.word == 0);
}

MODEL(condition, until_moved, .what = "a deadline passes after the notification",
      .threads = {queue_until, notify_and_hold, queue_until}, .finish = notified_returned_so,
      .ticks = 2, .preemptions = 1, .long_preemptions = 2)

static void wait_in_vain(void)
{
    thrum_lock_acquire(&lock);
    thrum_time deadline = kit_soon();
    model_assert(thrum_condition_wait_until(&condition, &lock, deadline) == THRUM_ETIMEDOUT);
    kit_has_passed(deadline);
    items++;
    thrum_lock_release(&lock);
}

static void both_timed_out(void)
{
    model_assert(items == 2);
    model_assert(condition.waiters == 0 && lock.word == 0);
}

MODEL(condition, times_out, .what = "two deadlines pass, nothing is left",
      .threads = {wait_in_vain, wait_in_vain}, .finish = both_timed_out, .ticks = 1, .spurious = 1,
      .preemptions = 2)

static void predicate_in_vain(void)
{
    thrum_lock_acquire(&lock);
    int status = thrum_condition_wait_for_until(&condition, &lock, has_item, NULL, kit_soon());
    model_assert((status == 0) == (items == 1));
    thrum_lock_release(&lock);
}

MODEL(condition, until_predicate, .what = "a predicate is looked at once more after the deadline",
      .threads = {predicate_in_vain, produce_then_notify}, .ticks = 1)

/* ---- an rlock ---- */

static thrum_rlock rlock;

static void consume_nested(void)
{
    thrum_rlock_acquire(&rlock);
    thrum_rlock_acquire(&rlock);
    while (items == 0)
        model_assert(thrum_condition_wait(&condition, &rlock) == 0);
    model_assert(thrum_rlock_count(&rlock) == 2);
    items--;
    thrum_rlock_release(&rlock);
    thrum_rlock_release(&rlock);
}

static void consume_nested_until(void)
{
    thrum_rlock_acquire(&rlock);
    thrum_rlock_acquire(&rlock);
    int status = thrum_condition_wait_for_until(&condition, &rlock, has_item, NULL, kit_soon());
    model_assert(thrum_rlock_count(&rlock) == 2);
    model_assert((status == 0) == (items > 0));
    thrum_rlock_release(&rlock);
    thrum_rlock_release(&rlock);
}

static void produce_nested(void)
{
    thrum_rlock_acquire(&rlock);
    items += 2;
    thrum_condition_notify_all(&condition);
    thrum_rlock_release(&rlock);
}

static void rlock_is_free(void)
{
    model_assert(items == 0 && condition.waiters == 0 && rlock.word == 0);
}

MODEL(condition, rlock, .what = "two that hold an rlock twice are notified",
      .threads = {consume_nested, produce_nested, consume_nested}, .finish = rlock_is_free,
      .preemptions = 2, .long_preemptions = 3)
MODEL(condition, rlock_weak, .what = "an rlock, on weak memory, with a deadline",
      .threads = {consume_nested_until, produce_nested}, .ticks = 1, .stale_reads = 1)

/* ---- two locks, one condition ---- */

static thrum_lock other_lock;
static int left_other;

static void wait_with_own_lock(void)
{
    thrum_lock *own = model_thread() == 0 ? &lock : &other_lock;
    thrum_lock_acquire(own);
    __atomic_add_fetch(&left_other, 1, __ATOMIC_RELAXED);
    model_assert(thrum_condition_wait(&condition, own) == 0);
    thrum_lock_release(own);
}

static void notify_both(void)
{
    thrum_lock_acquire(&lock);
    thrum_lock_acquire(&other_lock);
    if (__atomic_load_n(&left_other, __ATOMIC_RELAXED) < 2)
        model_discard();
    thrum_lock_release(&other_lock);
    thrum_lock_release(&lock);
    thrum_condition_notify_all(&condition);
}

MODEL(condition, two_locks, .what = "each waits with a lock of its own, all are notified",
      .threads = {wait_with_own_lock, wait_with_own_lock, notify_both}, .preemptions = 1,
      .long_preemptions = 2)

/* ---- two conditions, one lock: a queue of one place, with its history ---- */

static thrum_condition not_full;
static int place;

enum { PUT, GET };

/** A place: empty (0), or what was put. */
static bool one_place(void *state, const model_operation *operation)
{
    int64_t *now = state;
    if (operation->operation == PUT) {
        bool was_empty = *now == 0;
        *now = operation->argument;
        return was_empty;
    }
    bool right = *now != 0 && operation->result == *now;
    *now = 0;
    return right;
}

static void put(int what)
{
    unsigned call = model_call(PUT, what);
    thrum_lock_acquire(&lock);
    while (place != 0)
        model_assert(thrum_condition_wait(&not_full, &lock) == 0);
    place = what;
    thrum_condition_notify(&condition, 1);
    thrum_lock_release(&lock);
    model_return(call, 0);
}

static void get(void)
{
    unsigned call = model_call(GET, 0);
    thrum_lock_acquire(&lock);
    while (place == 0)
        model_assert(thrum_condition_wait(&condition, &lock) == 0);
    int what = place;
    place = 0;
    thrum_condition_notify(&not_full, 1);
    thrum_lock_release(&lock);
    model_return(call, what);
}

static void put_two(void)
{
    put(1);
    put(2);
}

static void put_one(void)
{
    put(1);
}

static void put_three(void)
{
    put(3);
}

static void get_two(void)
{
    get();
    get();
}

static void check_history(void)
{
    model_check_history(one_place);
}

MODEL(condition, history, .what = "a queue of one place, two puts, two gets",
      .threads = {put_two, get_two}, .finish = check_history)
MODEL(condition, history_three, .what = "the same, with two that get",
      .threads = {put_two, get, get}, .finish = check_history, .preemptions = 2)
MODEL(condition, history_four, .what = "one put by each of two, one got by each of two",
      .threads = {put_one, put_three, get, get}, .finish = check_history, .preemptions = 1,
      .long_preemptions = 2)

/* ---- freed by the last who waited ---- */

typedef struct shared {
    thrum_lock lock;
    thrum_condition condition;
    int users;
    bool is_closed;
} shared;

static shared *object;

static void make_object(void)
{
    object = th_alloc(sizeof *object);
    object->users = 1;
}

/** The condition is freed by the one it let go; the lock by its last owner. */
static void wait_and_free(void)
{
    shared *mine = object;
    thrum_lock_acquire(&mine->lock);
    while (!mine->is_closed)
        model_assert(thrum_condition_wait(&mine->condition, &mine->lock) == 0);
    thrum_lock_release(&mine->lock);
    th_free(mine);
}

static void close_object(void)
{
    shared *mine = object;
    thrum_lock_acquire(&mine->lock);
    mine->is_closed = true;
    thrum_condition_notify_all(&mine->condition);
    thrum_lock_release(&mine->lock);
}

MODEL(condition, freed, .what = "the waiter frees it and its lock", .setup = make_object,
      .threads = {close_object, wait_and_free}, .preemptions = 4)

static void make_object_of_two(void)
{
    make_object();
    object->users = 2;
}

static void wait_and_free_by_count(void)
{
    shared *mine = object;
    thrum_lock_acquire(&mine->lock);
    while (!mine->is_closed)
        model_assert(thrum_condition_wait(&mine->condition, &mine->lock) == 0);
    bool last = --mine->users == 0;
    thrum_lock_release(&mine->lock);
    if (last)
        th_free(mine);
}

MODEL(condition, freed_two, .what = "the last of two waiters frees it and its lock",
      .setup = make_object_of_two,
      .threads = {close_object, wait_and_free_by_count, wait_and_free_by_count}, .preemptions = 2,
      .long_preemptions = 3)

/* ---- notified without the lock, and freed by who was ---- */

static thrum_lock gate_lock;
static thrum_semaphore is_waiting;
static thrum_condition *alone;

static void make_condition(void)
{
    alone = th_alloc(sizeof *alone);
}

static void wait_once_and_free(void)
{
    thrum_lock_acquire(&gate_lock);
    model_assert(thrum_semaphore_release(&is_waiting, 1) == 0);
    model_assert(thrum_condition_wait(alone, &gate_lock) == 0);
    thrum_lock_release(&gate_lock);
    th_free(alone);
}

static void notify_without_the_lock(void)
{
    model_assert(thrum_semaphore_acquire(&is_waiting) == 0);
    thrum_lock_acquire(&gate_lock); /* now it waits */
    thrum_lock_release(&gate_lock);
    thrum_condition_notify_all(alone);
}

MODEL(condition, freed_unlocked, .what = "notified without the lock, the waiter frees it",
      .setup = make_condition, .threads = {notify_without_the_lock, wait_once_and_free})
