/* SPDX-License-Identifier: MIT */
/** @file
 *  Ownable: the bits of the word and the queue behind it, in states that only chance brings about
 *  from outside: made here with park's own functions, so that no test depends on speed. */
#include "sync/ownable.h"

#include "support.h"
#include "thrum/condition.h"
#include "thrum/lock.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_THREAD_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define UNDER_THREAD_SANITIZER 1
#endif

/** ThreadSanitizer ends a child, forked beside other threads, that starts a thread. */
#if defined(UNDER_THREAD_SANITIZER)
#define CHILDREN_START_THREADS 0
#else
#define CHILDREN_START_THREADS 1
#endif

/** In a forked child the sanitizers miss the threads and stacks of the parent. */
const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
    return "detect_leaks=0";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "report_thread_leaks=0:die_after_fork=0";
}

static thrum_lock lock;
static test_gate gate = TEST_GATE_INIT;

static th_ownable ownable(void)
{
    return (th_ownable){TH_WAIT_LOCK, &lock, &lock.word, &lock.site};
}

static uint32_t word(void)
{
    return th_load_acq(&lock.word);
}

static uint32_t my_owner_word(void)
{
    return th_self()->self;
}

/* ---- waiters ---- */

typedef struct waiter {
    test_thread thread;
    thrum_time deadline;
    int status;
    uint32_t self;
    bool has_it; /* between acquire and release */
} waiter;

static __thread thrum_time own_deadline;
static __thread void (*suspend_as_ever)(th_parker *parker, thrum_time deadline);

/** Sleeps until it is woken or its own deadline passes: it does not look up in between, when it
 *  might wake another. */
static void sleep_through(th_parker *parker, thrum_time deadline)
{
    (void)deadline;
    suspend_as_ever(parker, own_deadline);
}

static void *wait_for_it(void *arg)
{
    waiter *me = arg;
    th_context *self = th_self();
    own_deadline = me->deadline;
    suspend_as_ever = self->parker.suspend;
    th_context_install_parker(self, sleep_through, self->parker.resume);
    th_store_rel(&me->self, my_owner_word());
    me->status = thrum_lock_acquire_until(&lock, me->deadline);
    if (me->status != 0)
        return NULL;
    __atomic_store_n(&me->has_it, true, __ATOMIC_RELEASE);
    test_gate_wait(&gate);
    thrum_lock_release(&lock);
    return NULL;
}

/** Start a waiter; returns when it is queued behind `before` others. */
static void start_waiter(waiter *one, thrum_time deadline, int before)
{
    *one = (waiter){.deadline = deadline};
    test_spawn(&one->thread, wait_for_it, one);
    await_waiters(&lock, before + 1);
}

static bool has_it(void *arg)
{
    return __atomic_load_n(&((waiter *)arg)->has_it, __ATOMIC_ACQUIRE);
}

static bool word_has_bits(void *bits)
{
    return (word() & *(uint32_t *)bits) == *(uint32_t *)bits;
}

static uint32_t oldest_waiter(void)
{
    th_bucket *bucket = th_bucket_lock((uintptr_t)&lock);
    const th_waiter *oldest = th_bucket_first(bucket, (uintptr_t)&lock);
    uint32_t self = oldest != NULL ? oldest->context->self : 0;
    th_bucket_unlock(bucket);
    return self;
}

/** What a release that wakes leaves behind when another thread, here the caller, has taken the lock
 *  before the woken waiter comes: done when `not_before` has passed. */
static void wake_oldest_in_vain(thrum_time not_before)
{
    uintptr_t key = (uintptr_t)&lock;
    th_wake_list wake = {.first = NULL};
    th_bucket *bucket = th_bucket_lock(key);
    while (thrum_now() <= not_before)
        continue;
    th_wake_list_take(&wake, bucket, th_bucket_first(bucket, key), TH_WOKEN);
    uint32_t marks = th_bucket_first(bucket, key) != NULL ? TH_QUEUED : 0;
    th_store_rel(&lock.word, my_owner_word() | marks);
    th_wake_list_grant(&wake);
    th_bucket_unlock(bucket);
    th_wake_list_resume(&wake);
}

/* ---- the word ---- */

TEST(ownable, the_word_of_a_held_lock_is_its_owner)
{
    thrum_lock_acquire(&lock);
    CHECK_EQ(word(), my_owner_word());
    CHECK_EQ(word() & ~TH_OWNER_MASK, 0);
    thrum_lock_release(&lock);
    CHECK_EQ(word(), 0);
}

TEST(ownable, a_queued_waiter_marks_the_word_and_its_last_release_clears_it)
{
    waiter one;
    test_gate_open(&gate);
    thrum_lock_acquire(&lock);
    start_waiter(&one, THRUM_FOREVER, 0);
    CHECK_EQ(word(), my_owner_word() | TH_QUEUED | TH_WAKE);
    thrum_lock_release(&lock);
    test_join(&one.thread);
    CHECK_STATUS(one.status, 0);
    CHECK_EQ(word(), 0);
    CHECK_EQ(waiters_on(&lock), 0);
}

static void *release_it(void *unused)
{
    thrum_lock_release(&lock);
    return unused;
}

TEST(ownable, a_release_by_another_thread_is_never_forgotten)
{
    test_thread other;
    thrum_lock_acquire(&lock);
    test_spawn(&other, release_it, NULL);
    test_join(&other);
    CHECK_EQ(word(), TH_FOREIGN);
    CHECK(!thrum_lock_locked(&lock));
    thrum_lock_acquire(&lock);
    CHECK_EQ(word(), my_owner_word() | TH_FOREIGN);
    waiter one;
    test_gate_open(&gate);
    start_waiter(&one, THRUM_FOREVER, 0);
    thrum_lock_release(&lock);
    test_join(&one.thread);
    CHECK_EQ(word(), TH_FOREIGN);
    CHECK_STATUS(thrum_lock_release_checked(&lock), THRUM_EPERM);
}

TEST(ownable, release_of_a_free_word_is_refused_whatever_its_marks)
{
    const uint32_t marks[] = {0, TH_QUEUED, TH_FOREIGN, TH_QUEUED | TH_WAKE};
    th_ownable it = ownable();
    for (int i = 0; i < 4; i++) {
        lock.word = marks[i];
        CHECK(!th_ownable_release(&it, th_self()));
        CHECK_EQ(lock.word, marks[i]);
        CHECK(th_ownable_try(&it, th_self()));
        CHECK(!th_ownable_try(&it, th_self()));
        CHECK(th_ownable_release(&it, th_self()));
        CHECK_EQ(th_owner_of(lock.word), 0);
    }
}

/* ---- deadlines ---- */

TEST(ownable, a_waiter_that_timed_out_leaves_nothing_behind)
{
    waiter one;
    thrum_lock_acquire(&lock);
    one = (waiter){.deadline = thrum_after(0.005)};
    test_spawn(&one.thread, wait_for_it, &one);
    test_join(&one.thread);
    CHECK_STATUS(one.status, THRUM_ETIMEDOUT);
    CHECK_GE(thrum_now(), one.deadline);
    CHECK_EQ(waiters_on(&lock), 0);
    CHECK_EQ(th_owner_of(word()), my_owner_word());
    thrum_lock_release(&lock); /* finds nobody to wake */
    CHECK_EQ(word(), 0);
}

TEST(ownable, a_waiter_that_timed_out_leaves_those_around_it_queued)
{
    waiter first, middle, last;
    test_gate_open(&gate);
    thrum_lock_acquire(&lock);
    start_waiter(&first, THRUM_FOREVER, 0);
    middle = (waiter){.deadline = thrum_after(0.02)};
    test_spawn(&middle.thread, wait_for_it, &middle);
    last = (waiter){.deadline = THRUM_FOREVER};
    test_spawn(&last.thread, wait_for_it, &last);
    test_join(&middle.thread);
    CHECK_STATUS(middle.status, THRUM_ETIMEDOUT);
    await_waiters(&lock, 2);
    thrum_lock_release(&lock);
    test_join(&first.thread);
    test_join(&last.thread);
    CHECK_EQ(word(), 0);
}

TEST(ownable, a_woken_waiter_that_times_out_passes_the_wake_on)
{
    waiter hasty, patient;
    thrum_time deadline = thrum_after(0.2);
    thrum_lock_acquire(&lock);
    start_waiter(&hasty, deadline, 0);
    start_waiter(&patient, THRUM_FOREVER, 1);
    CHECK_EQ(oldest_waiter(), th_load_acq(&hasty.self));
    wake_oldest_in_vain(deadline);
    test_join(&hasty.thread);
    CHECK_STATUS(hasty.status, THRUM_ETIMEDOUT);
    CHECK_EQ(word(), my_owner_word() | TH_QUEUED | TH_WAKE);
    test_gate_open(&gate);
    thrum_lock_release(&lock);
    test_join(&patient.thread);
    CHECK_STATUS(patient.status, 0);
    CHECK_EQ(word(), 0);
}

/* ---- turns ---- */

TEST(ownable, a_starved_waiter_is_handed_the_lock)
{
    waiter one;
    thrum_lock_acquire(&lock);
    start_waiter(&one, THRUM_FOREVER, 0);
    wake_oldest_in_vain(thrum_now() + 2 * TH_TURN_NS);
    test_wait_until(word_has_bits, &(uint32_t){TH_HANDOFF | TH_WAKE | TH_QUEUED});
    CHECK_EQ(th_owner_of(word()), my_owner_word());
    CHECK(!thrum_lock_try_acquire(&lock));
    thrum_lock_release(&lock);
    CHECK(!thrum_lock_try_acquire(&lock)); /* it is the waiter's, whether that has run or not */
    CHECK_EQ(word(), th_load_acq(&one.self));
    test_wait_until(has_it, &one);
    test_gate_open(&gate);
    test_join(&one.thread);
    CHECK_STATUS(one.status, 0);
    CHECK_EQ(word(), 0);
}

TEST(ownable, a_starved_waiter_goes_before_those_that_came_later)
{
    waiter first, second;
    thrum_lock_acquire(&lock);
    start_waiter(&first, THRUM_FOREVER, 0);
    start_waiter(&second, THRUM_FOREVER, 1);
    wake_oldest_in_vain(thrum_now() + 2 * TH_TURN_NS);
    test_wait_until(word_has_bits, &(uint32_t){TH_HANDOFF});
    await_waiters(&lock, 2);
    CHECK_EQ(oldest_waiter(), th_load_acq(&first.self));
    thrum_lock_release(&lock);
    test_wait_until(has_it, &first);
    CHECK(!has_it(&second));
    CHECK_EQ(oldest_waiter(), th_load_acq(&second.self));
    CHECK_EQ(word(), th_load_acq(&first.self) | TH_QUEUED | TH_WAKE);
    test_gate_open(&gate);
    test_join(&first.thread);
    test_join(&second.thread);
    CHECK_EQ(word(), 0);
}

TEST(ownable, a_starved_waiter_that_times_out_is_not_handed_the_lock)
{
    waiter one;
    thrum_lock_acquire(&lock);
    start_waiter(&one, thrum_after(0.1), 0);
    wake_oldest_in_vain(thrum_now() + 2 * TH_TURN_NS);
    test_join(&one.thread);
    CHECK_STATUS(one.status, THRUM_ETIMEDOUT);
    CHECK_EQ(waiters_on(&lock), 0);
    thrum_lock_release(&lock);
    CHECK_EQ(word(), 0);
}

TEST(ownable, while_a_woken_waiter_is_on_its_way_releases_wake_nobody)
{
    waiter first, second;
    thrum_lock_acquire(&lock);
    start_waiter(&first, THRUM_FOREVER, 0);
    start_waiter(&second, THRUM_FOREVER, 1);
    thrum_lock_release(&lock); /* wakes the first, and may be overtaken by it */
    test_wait_until(has_it, &first);
    CHECK_EQ(word(), th_load_acq(&first.self) | TH_QUEUED | TH_WAKE);
    CHECK_EQ(waiters_on(&lock), 1);
    test_wait_asleep(second.thread.tid);
    test_gate_open(&gate);
    test_join(&first.thread);
    test_join(&second.thread);
    CHECK_EQ(word(), 0);
}

/* ---- waiters that are moved here ---- */

static bool expect_waiters(uint32_t before)
{
    th_ownable it = ownable();
    th_store_rel(&lock.word, before);
    th_bucket *bucket = th_bucket_lock((uintptr_t)&lock);
    bool expected = th_ownable_expect_waiters(&it, bucket);
    th_bucket_unlock(bucket);
    return expected;
}

TEST(ownable, of_a_free_lock_no_release_is_expected)
{
    CHECK(!expect_waiters(0));
    CHECK_EQ(word(), TH_QUEUED);
}

TEST(ownable, of_a_held_lock_the_next_release_wakes)
{
    uint32_t me = my_owner_word();
    CHECK(expect_waiters(me));
    CHECK_EQ(word(), me | TH_QUEUED | TH_WAKE);
    CHECK(expect_waiters(me | TH_QUEUED | TH_WAKE | TH_HANDOFF));
    CHECK_EQ(word(), me | TH_QUEUED | TH_WAKE | TH_HANDOFF);
}

TEST(ownable, a_wake_that_was_lost_in_a_fork_is_not_relied_on)
{
    uint32_t me = my_owner_word();
    CHECK(expect_waiters(me | TH_QUEUED));
    CHECK_EQ(word(), me | TH_QUEUED | TH_WAKE);
    CHECK(!expect_waiters(TH_QUEUED));
}

static thrum_condition changed;
static bool is_waiting; /* under the lock */

static void *wait_for_change(void *unused)
{
    thrum_lock_acquire(&lock);
    is_waiting = true;
    CHECK_STATUS(thrum_condition_wait(&changed, &lock), 0);
    thrum_lock_release(&lock);
    return unused;
}

static bool is_waiting_now(void *unused)
{
    (void)unused;
    thrum_lock_acquire(&lock);
    bool now = is_waiting;
    thrum_lock_release(&lock);
    return now;
}

/** In a child the woken waiter that was on its way to the lock does not exist. */
TEST_LIMIT(ownable, a_notified_waiter_comes_through_a_lock_that_lost_its_wake_in_a_fork, 15)
{
    test_thread notified;
    lock.word = TH_QUEUED;
    test_spawn(&notified, wait_for_change, NULL);
    test_wait_until(is_waiting_now, NULL);
    thrum_lock_acquire(&lock);
    th_store_rel(&lock.word, my_owner_word() | TH_QUEUED);
    thrum_condition_notify(&changed, 1);
    thrum_lock_release(&lock);
    test_join(&notified);
}

/* ---- fork ---- */

static uint32_t word_in_child;

static void use_in_child(void *unused)
{
    (void)unused;
    CHECK_EQ(th_owner_of(word()), my_owner_word());
    th_store_rel(&lock.word, my_owner_word() | word_in_child);
    CHECK_EQ(waiters_on(&lock), 0);
    if (CHILDREN_START_THREADS) {
        waiter one;
        test_gate_open(&gate);
        start_waiter(&one, THRUM_FOREVER, 0);
        thrum_lock_release(&lock);
        test_join(&one.thread);
        CHECK_STATUS(one.status, 0);
    } else {
        thrum_lock_release(&lock);
    }
    for (int i = 0; i < 3; i++) {
        CHECK(!thrum_lock_locked(&lock));
        thrum_lock_acquire(&lock);
        CHECK_STATUS(thrum_lock_acquire_until(&lock, thrum_after(0.001)), THRUM_ETIMEDOUT);
        thrum_lock_release(&lock);
    }
    CHECK_EQ(word(), 0);
}

TEST(ownable, serves_a_child_whose_parent_had_waiters)
{
    const uint32_t marks[] = {TH_QUEUED | TH_WAKE, TH_QUEUED, TH_QUEUED | TH_WAKE | TH_HANDOFF};
    waiter one;
    thrum_lock_acquire(&lock);
    start_waiter(&one, THRUM_FOREVER, 0);
    for (int i = 0; i < 3; i++) {
        word_in_child = marks[i];
        CHECK_EXITED(test_run_child(use_in_child, NULL), 0);
    }
    CHECK_EQ(waiters_on(&lock), 1);
    test_gate_open(&gate);
    thrum_lock_release(&lock);
    test_join(&one.thread);
    CHECK_STATUS(one.status, 0);
    CHECK_EQ(word(), 0);
}

static void see_it_held_for_good(void *unused)
{
    (void)unused;
    CHECK(thrum_lock_locked(&lock));
    CHECK(!thrum_lock_try_acquire(&lock));
    CHECK_STATUS(thrum_lock_acquire_until(&lock, thrum_after(0.005)), THRUM_ETIMEDOUT);
    CHECK_EQ(waiters_on(&lock), 0);
    thrum_lock_release(&lock); /* any thread may, so the child can help itself */
    thrum_lock_acquire(&lock);
    thrum_lock_release(&lock);
}

TEST(ownable, what_a_thread_of_the_parent_held_is_held_in_the_child)
{
    waiter holder;
    holder = (waiter){.deadline = THRUM_FOREVER};
    test_spawn(&holder.thread, wait_for_it, &holder);
    test_wait_until(has_it, &holder);
    CHECK_EXITED(test_run_child(see_it_held_for_good, NULL), 0);
    CHECK(thrum_lock_locked(&lock));
    test_gate_open(&gate);
    test_join(&holder.thread);
    CHECK(!thrum_lock_locked(&lock));
}
