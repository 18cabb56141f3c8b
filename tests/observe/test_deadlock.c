/* SPDX-License-Identifier: MIT */
/** @file
 *  Deadlock reports: every kind of cycle is said once, with names and places, and nothing else
 *  is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "observe/deadlock.h"
#include "park/context.h"
#include "platform/atomic.h"
#include "runner.h"
#include "thrum/barrier.h"
#include "thrum/condition.h"
#include "thrum/event.h"
#include "thrum/lock.h"
#include "thrum/once.h"
#include "thrum/rlock.h"
#include "thrum/thread.h"

#define REPORT_BYTES 4096

static thrum_lock lock_a, lock_b, lock_c;
static thrum_rlock rlock_a, rlock_b;
static thrum_once once_a, once_b;
static thrum_condition changed;
static thrum_barrier both = THRUM_BARRIER(2);
static thrum_barrier three = THRUM_BARRIER(3);

static unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

static bool waits_for_an_owner(void *thread)
{
    const th_context *context = th_context_of((uint32_t)thrum_thread_ident(thread));
    return context != NULL && th_load_rlx(&context->waits_on) != 0;
}

/** Return when all of them have queued for something that has an owner, said what there was to say,
 *  and sleep. */
static void await_sleep(thrum_thread *const *threads, int count)
{
    for (int i = 0; i < count; i++)
        test_wait_until(waits_for_an_owner, threads[i]);
    for (int i = 0; i < count; i++)
        test_wait_asleep((pid_t)thrum_thread_native_id(threads[i]));
}

/** Start two threads, wait until both sleep for good, and leave the process at once. */
static void let_two_sleep(thrum_target first, thrum_target second)
{
    thrum_thread *writer = HAVE(thrum_spawn(first, NULL, .name = "writer"));
    thrum_thread *reader = HAVE(thrum_spawn(second, NULL, .name = "reader"));
    await_sleep((thrum_thread *[]){writer, reader}, 2);
    _exit(0);
}

/* ---- one thread ---- */

static void acquire_twice(void *unused)
{
    (void)unused;
    thrum_lock_acquire(&lock_a);
    thrum_lock_acquire(&lock_a);
}

/** ThreadSanitizer and emulators have a thread of their own: then nobody is ever alone. */
static bool is_never_alone(void)
{
    return test_count_threads() > 1;
}

TEST(deadlock, of_the_only_thread_with_itself_is_misuse)
{
    if (is_never_alone())
        return;
    char said[REPORT_BYTES];
    int status = test_capture_stderr(acquire_twice, NULL, said, sizeof said);
    CHECK_DIED(status, SIGABRT);
    CHECK_CONTAINS(said, "thrum: misuse: deadlock: \"MainThread\"");
    CHECK_CONTAINS(said, "appears to wait for itself");
    CHECK_CONTAINS(said, "no other thread");
    CHECK_EQ(count_of(said, "test_deadlock.c:"), 2);
}

static const void *misused;

static void release_it(const char *what, const void *object)
{
    CHECK_CONTAINS(what, "Lock");
    misused = object;
    thrum_lock_release(&lock_a);
}

TEST(deadlock, goes_on_when_the_misuse_handler_releases)
{
    if (is_never_alone())
        return;
    CHECK(thrum_set_misuse_handler(release_it) == NULL);
    thrum_lock_acquire(&lock_a);
    thrum_lock_acquire(&lock_a);
    CHECK_PTR(misused, &lock_a);
    CHECK(thrum_lock_locked(&lock_a));
    CHECK(thrum_set_misuse_handler(NULL) == release_it);
}

static void *acquire_twice_and_say(void *unused)
{
    acquire_twice(unused);
    dprintf(STDERR_FILENO, "went on\n");
    return NULL;
}

static void rescue_from_itself(void *unused)
{
    (void)unused;
    thrum_thread *sleeper = HAVE(thrum_spawn(acquire_twice_and_say, NULL, .name = "sleeper"));
    test_wait_asleep((pid_t)thrum_thread_native_id(sleeper));
    thrum_lock_release(&lock_a);
    CHECK_STATUS(thrum_thread_join(sleeper), 0);
    thrum_thread_free(sleeper);
}

TEST(deadlock, with_itself_is_said_and_waited_for_while_others_could_release)
{
    char said[REPORT_BYTES];
    CHECK_EXITED(test_capture_stderr(rescue_from_itself, NULL, said, sizeof said), 0);
    CHECK_EQ(count_of(said, "deadlock: \"sleeper\""), 1);
    CHECK_CONTAINS(said, "appears to");
    CHECK_CONTAINS(said, "went on\n");
}

static void join_oneself(void *unused)
{
    (void)unused;
    CHECK_STATUS(thrum_thread_join(thrum_current_thread()), THRUM_EDEADLK);
}

TEST(deadlock, of_joining_oneself_is_an_error_and_a_line)
{
    char said[REPORT_BYTES];
    CHECK_EXITED(test_capture_stderr(join_oneself, NULL, said, sizeof said), 0);
    CHECK_CONTAINS(said, "thrum: deadlock: ");
    CHECK_CONTAINS(said, "MainThread");
}

/* ---- cycles ---- */

static void *a_then_b(void *unused)
{
    (void)unused;
    thrum_lock_acquire(&lock_a);
    CHECK(thrum_barrier_wait(&both) >= 0);
    thrum_lock_acquire(&lock_b);
    return NULL;
}

static void *b_then_a(void *unused)
{
    (void)unused;
    thrum_lock_acquire(&lock_b);
    CHECK(thrum_barrier_wait(&both) >= 0);
    thrum_lock_acquire(&lock_a);
    return NULL;
}

static void two_locks(void *mode)
{
    CHECK(th_deadlock_attach(mode));
    let_two_sleep(a_then_b, b_then_a);
}

TEST(deadlock, of_two_locks_is_reported_once_with_names_and_places)
{
    char said[REPORT_BYTES];
    CHECK_EXITED(test_capture_stderr(two_locks, NULL, said, sizeof said), 0);
    CHECK_EQ(count_of(said, "thrum: deadlock: 2 threads appear to wait for each other\n"), 1);
    CHECK_EQ(count_of(said, "\"writer\""), 2);
    CHECK_EQ(count_of(said, "\"reader\""), 2);
    CHECK_EQ(count_of(said, "test_deadlock.c:"), 4);
    CHECK_EQ(count_of(said, "waits for Lock 0x"), 2);
}

TEST(deadlock, is_not_said_when_off)
{
    char said[REPORT_BYTES], mode[] = "off";
    CHECK_EXITED(test_capture_stderr(two_locks, mode, said, sizeof said), 0);
    CHECK_STR(said, "");
}

TEST(deadlock, aborts_when_told_to)
{
    char said[REPORT_BYTES], mode[] = "abort";
    CHECK_DIED(test_capture_stderr(two_locks, mode, said, sizeof said), SIGABRT);
    CHECK_CONTAINS(said, "thrum: deadlock: 2 threads");
}

TEST(deadlock, mode_that_is_unknown_is_refused)
{
    CHECK(!th_deadlock_attach("loudly"));
    CHECK(th_deadlock_attach("report"));
}

static void *r_then_s(void *unused)
{
    (void)unused;
    thrum_rlock_acquire(&rlock_a);
    thrum_rlock_acquire(&rlock_a);
    CHECK(thrum_barrier_wait(&both) >= 0);
    thrum_rlock_acquire(&rlock_b);
    return NULL;
}

static void *s_then_r(void *unused)
{
    (void)unused;
    thrum_rlock_acquire(&rlock_b);
    CHECK(thrum_barrier_wait(&both) >= 0);
    thrum_rlock_acquire(&rlock_a);
    return NULL;
}

static void two_rlocks(void *unused)
{
    (void)unused;
    let_two_sleep(r_then_s, s_then_r);
}

TEST(deadlock, of_two_rlocks_is_certain)
{
    char said[REPORT_BYTES];
    CHECK_EXITED(test_capture_stderr(two_rlocks, NULL, said, sizeof said), 0);
    CHECK_EQ(count_of(said, "thrum: deadlock: 2 threads wait for each other\n"), 1);
    CHECK_EQ(count_of(said, "waits for RLock 0x"), 2);
}

typedef struct in_ring {
    thrum_lock *first, *second;
} in_ring;

static void *hold_and_take(void *arg)
{
    const in_ring *ring = arg;
    thrum_lock_acquire(ring->first);
    CHECK(thrum_barrier_wait(&three) >= 0);
    thrum_lock_acquire(ring->second);
    return NULL;
}

static void ring_of_three(void *unused)
{
    (void)unused;
    static in_ring rings[] = {{&lock_a, &lock_b}, {&lock_b, &lock_c}, {&lock_c, &lock_a}};
    thrum_thread *threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = HAVE(thrum_spawn(hold_and_take, &rings[i]));
    await_sleep(threads, 3);
    _exit(0);
}

TEST(deadlock, of_three_locks_is_one_chain)
{
    char said[REPORT_BYTES];
    CHECK_EXITED(test_capture_stderr(ring_of_three, NULL, said, sizeof said), 0);
    CHECK_EQ(count_of(said, "thrum: deadlock: 3 threads appear to wait"), 1);
    CHECK_EQ(count_of(said, "waits for Lock"), 3);
}

static void *take_a(void *unused)
{
    (void)unused;
    thrum_lock_acquire(&lock_a);
    return NULL;
}

static void hold_and_join(void *unused)
{
    (void)unused;
    thrum_lock_acquire(&lock_a);
    thrum_thread *worker = HAVE(thrum_spawn(take_a, NULL, .name = "worker"));
    CHECK_EQ(thrum_thread_join(worker), 0);
}

TEST(deadlock, of_a_lock_and_a_join_is_found)
{
    char said[REPORT_BYTES], mode[] = "abort";
    setenv("THRUM_DEADLOCK", mode, 1);
    CHECK(th_deadlock_attach(mode));
    CHECK_DIED(test_capture_stderr(hold_and_join, NULL, said, sizeof said), SIGABRT);
    CHECK_CONTAINS(said, "\"MainThread\"");
    CHECK_CONTAINS(said, "joins \"worker\"");
    CHECK_CONTAINS(said, "\"worker\"");
}

static void *wait_with_a(void *unused)
{
    (void)unused;
    thrum_lock_acquire(&lock_a);
    CHECK(thrum_barrier_wait(&both) >= 0);
    CHECK_STATUS(thrum_condition_wait(&changed, &lock_a), 0);
    return NULL;
}

static void notify_and_join(void *unused)
{
    (void)unused;
    CHECK(th_deadlock_attach("abort"));
    thrum_thread *waiter = HAVE(thrum_spawn(wait_with_a, NULL, .name = "waiter"));
    CHECK(thrum_barrier_wait(&both) >= 0);
    thrum_lock_acquire(&lock_a);
    thrum_condition_notify(&changed, 1);
    CHECK_EQ(thrum_thread_join(waiter), 0);
}

TEST(deadlock, through_the_lock_of_a_notified_condition_is_found)
{
    char said[REPORT_BYTES];
    CHECK_DIED(test_capture_stderr(notify_and_join, NULL, said, sizeof said), SIGABRT);
    CHECK_CONTAINS(said, "\"waiter\"");
    CHECK_CONTAINS(said, "waits for Lock");
}

static void run_b(void *unused)
{
    (void)unused;
    CHECK(thrum_barrier_wait(&both) >= 0);
    thrum_once_run(&once_b, NULL, NULL);
}

static void run_a(void *unused)
{
    (void)unused;
    CHECK(thrum_barrier_wait(&both) >= 0);
    thrum_once_run(&once_a, NULL, NULL);
}

static void *once_a_in_b(void *unused)
{
    thrum_once_run(&once_b, run_a, unused);
    return NULL;
}

static void *once_b_in_a(void *unused)
{
    thrum_once_run(&once_a, run_b, unused);
    return NULL;
}

static void two_onces(void *unused)
{
    (void)unused;
    let_two_sleep(once_a_in_b, once_b_in_a);
}

TEST(deadlock, of_two_onces_is_found)
{
    char said[REPORT_BYTES];
    CHECK_EXITED(test_capture_stderr(two_onces, NULL, said, sizeof said), 0);
    CHECK_EQ(count_of(said, "thrum: deadlock: 2 threads wait for each other\n"), 1);
    CHECK_CONTAINS(said, "being run by");
}

/* ---- what is none ---- */

static void *a_then_b_until(void *unused)
{
    (void)unused;
    thrum_lock_acquire(&lock_a);
    CHECK(thrum_barrier_wait(&both) >= 0);
    CHECK_STATUS(thrum_lock_acquire_until(&lock_b, thrum_after(0.05)), THRUM_ETIMEDOUT);
    thrum_lock_release(&lock_a);
    return NULL;
}

static void a_timed_cycle(void *unused)
{
    (void)unused;
    thrum_thread *timed = HAVE(thrum_spawn(a_then_b_until, NULL));
    thrum_thread *untimed = HAVE(thrum_spawn(b_then_a, NULL));
    CHECK_STATUS(thrum_thread_join(timed), 0);
    CHECK_STATUS(thrum_thread_join(untimed), 0);
    thrum_thread_free(timed);
    thrum_thread_free(untimed);
}

TEST(deadlock, is_not_said_of_a_wait_with_a_deadline)
{
    char said[REPORT_BYTES];
    CHECK_EXITED(test_capture_stderr(a_timed_cycle, NULL, said, sizeof said), 0);
    CHECK_STR(said, "");
}

static void *release_a(void *unused)
{
    (void)unused;
    thrum_lock_release(&lock_a);
    return NULL;
}

static void a_lock_used_as_a_signal(void *unused)
{
    (void)unused;
    thrum_lock_acquire(&lock_a);
    thrum_thread *signaller = HAVE(thrum_spawn(release_a, NULL));
    CHECK_STATUS(thrum_thread_join(signaller), 0);
    thrum_thread_free(signaller);
    thrum_lock_acquire(&lock_a); /* free again: nothing to say */
    test_thread waker;
    test_spawn(&waker, release_a, NULL);
    thrum_lock_acquire(&lock_a); /* held, but by a lock that others release */
    test_join(&waker);
}

TEST(deadlock, is_not_said_of_a_lock_that_others_release)
{
    char said[REPORT_BYTES];
    CHECK_EXITED(test_capture_stderr(a_lock_used_as_a_signal, NULL, said, sizeof said), 0);
    CHECK_STR(said, "");
}
