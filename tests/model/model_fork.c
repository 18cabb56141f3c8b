/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of fork (src/process/process.c and its columns): one thread forks while another is at any
 *  step of a lock, a condition, a semaphore, an event, the registry or the log. The parent goes on
 *  as if nothing had been; in the child everything can be used. */
#include <string.h>

#include "model_kit.h"
#include "thrum/barrier.h"
#include "thrum/condition.h"
#include "thrum/event.h"
#include "thrum/local.h"
#include "thrum/lock.h"
#include "thrum/log.h"
#include "thrum/once.h"
#include "thrum/rlock.h"
#include "thrum/semaphore.h"
#include "thrum/thread.h"

static thrum_lock lock;
static thrum_rlock rlock;
static thrum_condition condition;
static thrum_semaphore semaphore;
static thrum_event event;
static int items, passed;

/** Of a lock that a vanished thread may hold: free it the way a program would. */
static void make_lock_usable(void)
{
    if (!thrum_lock_try_acquire(&lock))
        model_assert(thrum_lock_locked(&lock));
    model_assert(thrum_lock_release_checked(&lock) == 0);
    thrum_lock_acquire(&lock);
    thrum_lock_release(&lock);
    model_assert(!thrum_lock_locked(&lock));
}

static void *pass_lock(void *unused)
{
    (void)unused;
    thrum_lock_acquire(&lock);
    passed++;
    thrum_lock_release(&lock);
    return NULL;
}

/** The child's lock is contended, by a thread of the child's. */
static void contend_in_child(void)
{
    passed = 0;
    thrum_lock_acquire(&lock);
    thrum_thread *thread = kit_spawn(pass_lock, NULL);
    passed++;
    thrum_lock_release(&lock);
    kit_join_and_free(thread);
    model_assert(passed == 2 && !thrum_lock_locked(&lock));
}

/* ---- the lock ---- */

static void use_lock(void)
{
    thrum_lock_acquire(&lock);
    thrum_lock_release(&lock);
}

static void fork_beside_lock(void)
{
    if (model_fork() == 0)
        make_lock_usable();
    else
        use_lock();
}

static void fork_holding_lock(void)
{
    thrum_lock_acquire(&lock);
    bool is_child = model_fork() == 0;
    thrum_lock_release(&lock);
    model_assert(!is_child || !thrum_lock_locked(&lock));
    use_lock();
}

static void fork_holding_and_contend(void)
{
    thrum_lock_acquire(&lock);
    bool is_child = model_fork() == 0;
    thrum_lock_release(&lock);
    if (is_child)
        contend_in_child();
}

static void fork_and_contend(void)
{
    if (model_fork() != 0)
        return;
    make_lock_usable();
    contend_in_child();
}

MODEL(fork, lock, .what = "a fork at every step of a lock that others pass",
      .threads = {fork_beside_lock, use_lock, use_lock}, .preemptions = 2)
MODEL(fork, lock_held, .what = "a fork by the owner, while others queue",
      .threads = {fork_holding_lock, use_lock, use_lock}, .preemptions = 2)
MODEL(fork, lock_contended, .what = "a lock that was contended is contended in the child",
      .threads = {fork_holding_and_contend, use_lock, use_lock}, .preemptions = 1,
      .long_preemptions = 2, .may_leak = true)
MODEL(fork, lock_left, .what = "a lock that a vanished thread left is contended in the child",
      .threads = {fork_and_contend, use_lock}, .preemptions = 2, .may_leak = true)
MODEL(fork, lock_spurious, .what = "the same, sleeps that end for nothing",
      .threads = {fork_holding_and_contend, use_lock}, .preemptions = 2, .spurious = 1,
      .may_leak = true)

static void use_rlock(void)
{
    thrum_rlock_acquire(&rlock);
    thrum_rlock_release(&rlock);
}

static void fork_holding_rlock(void)
{
    thrum_rlock_acquire(&rlock);
    thrum_rlock_acquire(&rlock);
    (void)model_fork();
    model_assert(thrum_rlock_count(&rlock) == 2);
    thrum_rlock_release(&rlock);
    thrum_rlock_release(&rlock);
    use_rlock();
}

MODEL(fork, rlock, .what = "a fork by the owner of an rlock", .preemptions = 2,
      .threads = {fork_holding_rlock, use_rlock})

/* ---- semaphore and event ---- */

static void give(void)
{
    model_assert(thrum_semaphore_release(&semaphore, 1) == 0);
}

static void take(void)
{
    model_assert(thrum_semaphore_acquire(&semaphore) == 0);
}

/** Who waited in the parent gets nothing of what the child releases. */
static void fork_beside_semaphore(void)
{
    if (model_fork() == 0) {
        unsigned before = thrum_semaphore_value(&semaphore);
        give();
        model_assert(thrum_semaphore_value(&semaphore) == before + 1);
        take();
        model_assert(thrum_semaphore_value(&semaphore) == before);
        return;
    }
    give();
}

MODEL(fork, semaphore, .what = "a fork while others acquire and release",
      .threads = {fork_beside_semaphore, take, give}, .preemptions = 2)

static void wait_for_event(void)
{
    model_assert(thrum_event_wait(&event) == 0);
}

static void fork_beside_event(void)
{
    bool is_child = model_fork() == 0;
    if (is_child) {
        thrum_event_clear(&event);
        model_assert(thrum_event_wait_until(&event, kit_soon()) == THRUM_ETIMEDOUT);
    }
    thrum_event_set(&event);
    model_assert(thrum_event_wait(&event) == 0);
}

static void set_event(void)
{
    thrum_event_set(&event);
}

MODEL(fork, event, .what = "a fork while another waits and a third sets",
      .threads = {fork_beside_event, wait_for_event, set_event}, .preemptions = 2)

/* ---- condition ---- */

static void consume(void)
{
    kit_consume(&lock, &condition, &items);
}

static void produce(void)
{
    kit_produce(&lock, &condition, &items);
}

static void *produce_in_child(void *unused)
{
    (void)unused;
    produce();
    return NULL;
}

/** A notification in the child goes to nobody of the parent's, and to the child's own. */
static void fork_beside_condition(void)
{
    thrum_lock_acquire(&lock);
    bool is_child = model_fork() == 0;
    if (!is_child) {
        thrum_lock_release(&lock);
        produce();
        return;
    }
    items = 0;
    thrum_condition_notify_all(&condition);
    model_assert(thrum_condition_wait_until(&condition, &lock, kit_soon()) == THRUM_ETIMEDOUT);
    thrum_lock_release(&lock);
    thrum_thread *thread = kit_spawn(produce_in_child, NULL);
    consume();
    kit_join_and_free(thread);
    model_assert(!thrum_lock_locked(&lock));
}

MODEL(fork, condition, .what = "a fork while another waits or is notified",
      .threads = {fork_beside_condition, consume}, .preemptions = 2, .may_leak = true)
MODEL(fork, condition_three, .what = "the same with two that wait and one that notifies",
      .threads = {fork_beside_condition, consume, consume, produce}, .preemptions = 1,
      .may_leak = true)

/* ---- barrier and once ---- */

static thrum_barrier barrier = THRUM_BARRIER(2);

static void pass_barrier(void)
{
    (void)thrum_barrier_wait(&barrier);
}

static void *pass_barrier_in_child(void *unused)
{
    (void)unused;
    model_assert(thrum_barrier_wait(&barrier) >= 0);
    return NULL;
}

static void fork_beside_barrier(void)
{
    if (model_fork() != 0) {
        model_assert(thrum_barrier_wait(&barrier) >= 0);
        return;
    }
    model_assert(thrum_barrier_n_waiting(&barrier) == 0);
    thrum_thread *thread = kit_spawn(pass_barrier_in_child, NULL);
    model_assert(thrum_barrier_wait(&barrier) >= 0);
    kit_join_and_free(thread);
}

MODEL(fork, barrier, .what = "who waited in the parent does not wait in the child",
      .threads = {fork_beside_barrier, pass_barrier}, .preemptions = 2, .may_leak = true)

static int fork_in_action(void *unused)
{
    (void)unused;
    passed += model_fork() == 0 ? 10 : 1;
    return 0;
}

static void barrier_that_forks(void)
{
    model_assert(thrum_barrier_init(&barrier, 2, fork_in_action, NULL) == 0);
}

static void pass_forking_barrier(void)
{
    int index = thrum_barrier_wait(&barrier);
    model_assert(index >= 0);
    model_assert(passed == 1 || (passed == 10 && index == 1));
}

MODEL(fork, barrier_action, .what = "a fork in a barrier's action", .setup = barrier_that_forks,
      .threads = {pass_forking_barrier, pass_forking_barrier}, .preemptions = 2)

/* ---- registry ---- */

static void start_and_join(void)
{
    kit_join_and_free(kit_spawn(kit_end_at_once, NULL));
}

static void child_is_alone(void)
{
    thrum_thread *living[4];
    model_assert(thrum_enumerate(living, 4) == 1);
    model_assert(living[0] == thrum_current_thread());
    model_assert(living[0] == thrum_main_thread());
    thrum_thread_free(living[0]);
}

static void fork_beside_registry(void)
{
    if (model_fork() != 0)
        return;
    child_is_alone();
    start_and_join();
}

static void look_at_all(void)
{
    thrum_thread *living[4];
    size_t count = thrum_enumerate(living, 4);
    for (size_t i = 0; i < count && i < 4; i++)
        thrum_thread_free(living[i]);
}

MODEL(fork, registry, .what = "a fork while another thread starts and ends",
      .threads = {fork_beside_registry, start_and_join}, .preemptions = 2, .may_leak = true)
MODEL(fork, registry_looked_at, .what = "a fork while another enumerates",
      .threads = {fork_beside_registry, look_at_all}, .preemptions = 2, .may_leak = true)

/** The child joins, as ended, a thread that is not in it. */
static void fork_with_thread(void)
{
    thrum_thread *thread = kit_spawn(kit_end_at_once, NULL);
    if (model_fork() == 0) {
        child_is_alone();
        model_assert(!thrum_thread_is_alive(thread));
    }
    kit_join_and_free(thread);
    model_assert(thrum_shutdown() == 0);
}

MODEL(fork, thread, .what = "a fork at every step of a thread's life", .may_leak = true,
      .threads = {fork_with_thread}, .preemptions = 2)

static void *fork_in_thread(void *unused)
{
    if (model_fork() == 0) {
        child_is_alone();
        start_and_join();
    }
    return unused;
}

static void start_one_that_forks(void)
{
    kit_join_and_free(kit_spawn(fork_in_thread, NULL));
}

MODEL(fork, by_thread, .what = "a started thread forks, and is the child's main thread",
      .threads = {start_one_that_forks}, .preemptions = 2, .may_leak = true)

/* ---- locals, log, shutdown ---- */

static int destroyed;

static void destroy_value(void *value)
{
    (void)value;
    destroyed++;
}

static thrum_local local = THRUM_LOCAL(NULL, destroy_value);
static int value_of[4];

static void use_local(void)
{
    model_assert(thrum_local_set(&local, &value_of[model_thread()]) == 0);
    model_assert(thrum_local_get(&local) == &value_of[model_thread()]);
}

/** The values of threads that are not there are forgotten, not destroyed. */
static void fork_beside_local(void)
{
    use_local();
    if (model_fork() == 0) {
        model_assert(thrum_local_get(&local) == &value_of[0]);
        thrum_local_free(&local);
        model_assert(destroyed == 1);
    }
}

MODEL(fork, local, .what = "a fork while another sets its value",
      .threads = {fork_beside_local, use_local}, .preemptions = 3, .may_leak = true)

static void log_line(void)
{
    thrum_log_error("a line");
}

static void configure_log(void)
{
    model_assert(thrum_log_config(.format = "%(message)s") == 0);
}

static void fork_beside_log(void)
{
    if (model_fork() == 0)
        configure_log();
    log_line();
    model_assert(strstr(model_stderr(), "a line\n") != NULL);
}

MODEL(fork, log, .what = "a fork while another logs and a third configures",
      .threads = {fork_beside_log, log_line, configure_log}, .preemptions = 2, .may_leak = true)

static void shut_down_beside_fork(void)
{
    model_assert(thrum_shutdown() == 0);
}

static void fork_beside_shutdown(void)
{
    if (model_fork() == 0) {
        start_and_join();
        model_assert(thrum_shutdown() == 0);
    }
}

static void ended(void)
{
    model_assert(!model_is_asleep(0) && !model_is_asleep(1));
}

MODEL(fork, shutdown, .what = "a fork while the program ends: the child has its own end",
      .threads = {shut_down_beside_fork, fork_beside_shutdown}, .finish = ended, .preemptions = 2,
      .may_leak = true, .may_deadlock = true)

/* ---- a history ---- */

static void call_give(void)
{
    unsigned call = model_call(KIT_RELEASE, 1);
    give();
    model_return(call, 0);
}

static void call_take(void)
{
    unsigned call = model_call(KIT_ACQUIRE, 0);
    take();
    model_return(call, 1);
}

static void call_fork(void)
{
    call_give();
    (void)model_fork();
    call_give();
}

static void check_history(void)
{
    model_check_history(kit_counter_specification);
}

MODEL(fork, history, .what = "a counter in the parent is not disturbed by a fork",
      .threads = {call_fork, call_take, call_take}, .finish = check_history, .preemptions = 2)
