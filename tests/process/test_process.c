/* SPDX-License-Identifier: MIT */
/** @file
 *  Process: fork in every state of the layers leaves a child that works, and a parent that has not
 *  noticed. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "platform/probe.h"
#include "runner.h"
#include "thrum.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
/** In a child of a thread, LeakSanitizer does not see what the stack of the parent's main thread
 *  held, and ThreadSanitizer takes the parent's threads for ended and never joined. */
TEST_IGNORES_LEAKS()

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "report_thread_leaks=0:die_after_fork=0";
}

static test_gate gate = TEST_GATE_INIT;

static void *wait_at_gate(void *arg)
{
    test_gate_wait(&gate);
    return arg;
}

static void join_and_free(thrum_thread *thread)
{
    CHECK_STATUS(thrum_thread_join(thread), 0);
    thrum_thread_free(thread);
}

static void say_arg(void *arg)
{
    test_say(arg);
}

static void *return_arg(void *arg)
{
    return arg;
}

static void start_a_thread(void)
{
    thrum_thread *thread = thrum_spawn(return_arg, &gate);
    CHECK(thread != NULL);
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_PTR(thrum_thread_result(thread), &gate);
    thrum_thread_free(thread);
}

/** Everything in the layers below must work in a process with one thread. */
static void use_everything(void)
{
    static thrum_local local = THRUM_LOCAL_INIT;
    thrum_lock lock = THRUM_LOCK_INIT;
    thrum_event event = THRUM_EVENT_INIT;
    size_t before = thrum_active_count();
    if (!TEST_UNDER_TSAN)
        start_a_thread();
    thrum_lock_acquire(&lock);
    CHECK_STATUS(thrum_lock_acquire_until(&lock, thrum_after(0.001)), THRUM_ETIMEDOUT);
    thrum_lock_release(&lock);
    CHECK_STATUS(thrum_event_wait_until(&event, thrum_after(0.001)), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_local_set(&local, &local), 0);
    CHECK_PTR(thrum_local_get(&local), &local);
    thrum_local_free(&local);
    CHECK_EQ(thrum_active_count(), before);
}

/* ---- who is who in a child ---- */

/** A thread of the parent's, and what the parent's ident was. */
static thrum_thread *other;
static uint64_t parent_ident;

static void look_around(void *arg)
{
    const char *name = arg;
    thrum_thread *all[2];
    CHECK_EQ(thrum_active_count(), 1);
    CHECK_EQ(thrum_enumerate(all, 2), 1);
    CHECK_PTR(all[0], thrum_current_thread());
    CHECK_PTR(thrum_main_thread(), thrum_current_thread());
    CHECK_STR(thrum_thread_name(thrum_current_thread()), name);
    CHECK_EQ(thrum_get_ident(), parent_ident);
    CHECK_EQ(thrum_thread_ident(thrum_current_thread()), parent_ident);
    CHECK_EQ(thrum_get_native_id(), getpid());
    CHECK_EQ(thrum_thread_native_id(thrum_current_thread()), getpid());
    CHECK(thrum_thread_is_alive(thrum_current_thread()));
    thrum_thread_free(all[0]);
    if (other != NULL) {
        CHECK(!thrum_thread_is_alive(other));
        CHECK_STATUS(thrum_thread_join(other), 0);
        CHECK_STATUS(thrum_thread_start(other), THRUM_ESTATE);
        CHECK_PTR(thrum_thread_result(other), NULL);
        CHECK_NE(thrum_thread_ident(other), 0);
        thrum_thread_native_id(other);
        CHECK_STATUS(thrum_thread_set_name(other, "gone"), 0);
        thrum_thread_free(other);
    }
    use_everything();
}

static char main_name[] = "MainThread", worker_name[] = "worker";

static void start_other(void)
{
    other = HAVE(thrum_spawn(wait_at_gate, &gate));
    test_gate_await(&gate, 1);
    parent_ident = thrum_get_ident();
}

static void end_other(void)
{
    CHECK(thrum_thread_is_alive(other));
    test_gate_open(&gate);
    CHECK_STATUS(thrum_thread_join(other), 0);
    CHECK_PTR(thrum_thread_result(other), &gate);
    thrum_thread_free(other);
}

TEST(process, a_child_of_main_has_one_thread)
{
    start_other();
    CHECK_EXITED(test_run_child(look_around, main_name), 0);
    CHECK_EQ(thrum_active_count(), 2);
    end_other();
}

static void *fork_and_look(void *arg)
{
    parent_ident = thrum_get_ident();
    CHECK_EXITED(test_run_child(look_around, arg), 0);
    CHECK_EQ(thrum_thread_native_id(thrum_current_thread()), test_thread_id());
    CHECK(thrum_main_thread() != thrum_current_thread());
    return arg;
}

TEST(process, a_child_of_a_thread_has_it_as_main_thread)
{
    start_other();
    join_and_free(HAVE(thrum_spawn(fork_and_look, worker_name, .name = worker_name)));
    end_other();
}

static void *fork_as_stranger(void *arg)
{
    parent_ident = thrum_get_ident();
    CHECK_EXITED(test_run_child(look_around, arg), 0);
    return arg;
}

static void *fork_as_dummy(void *arg)
{
    thrum_current_thread();
    fork_as_stranger(arg);
    CHECK_CONTAINS(thrum_thread_name(thrum_current_thread()), "Dummy-");
    CHECK(thrum_thread_is_daemon(thrum_current_thread()));
    return arg;
}

TEST(process, a_child_of_a_foreign_thread_has_it_as_main_thread)
{
    test_thread foreign;
    start_other();
    test_spawn(&foreign, fork_as_stranger, main_name);
    test_join(&foreign);
    test_spawn(&foreign, fork_as_dummy, main_name);
    test_join(&foreign);
    end_other();
}

static thrum_thread *parents_main;

static void look_at_parents_main(void *unused)
{
    (void)unused;
    CHECK(!thrum_thread_is_alive(parents_main));
    CHECK_STATUS(thrum_thread_join(parents_main), 0);
    CHECK(thrum_main_thread() != parents_main);
    CHECK(!thrum_thread_is_daemon(thrum_main_thread()));
    th_probe_self_wait = NULL;
    CHECK_STATUS(thrum_thread_join(thrum_main_thread()), THRUM_EDEADLK);
    thrum_thread *thread = HAVE(thrum_thread_new(return_arg, NULL));
    CHECK(!thrum_thread_is_daemon(thread));
    thrum_thread_free(thread);
}

static void *fork_and_look_at_main(void *arg)
{
    CHECK_EXITED(test_run_child(look_at_parents_main, NULL), 0);
    return arg;
}

TEST(process, the_parents_main_thread_has_ended_in_the_child_of_another)
{
    parents_main = thrum_main_thread();
    join_and_free(HAVE(thrum_spawn(fork_and_look_at_main, NULL)));
}

static void fork_again(void *arg)
{
    look_around(arg);
    other = NULL;
    parent_ident = thrum_get_ident();
    CHECK_EXITED(test_run_child(look_around, main_name), 0);
    if (!TEST_UNDER_TSAN)
        join_and_free(HAVE(thrum_spawn(fork_and_look, worker_name, .name = worker_name)));
}

TEST(process, a_child_of_a_child_has_one_thread)
{
    start_other();
    CHECK_EXITED(test_run_child(fork_again, main_name), 0);
    end_other();
}

/* ---- where the others were ---- */

static thrum_lock lock_of_nobody;
static thrum_condition condition;
static thrum_event event;
static thrum_semaphore semaphore;

static void *wait_for_event(void *arg)
{
    CHECK_STATUS(thrum_event_wait(&event), 0);
    return arg;
}

static void *wait_for_condition(void *arg)
{
    thrum_lock_acquire(&lock_of_nobody);
    CHECK_STATUS(thrum_condition_wait(&condition, &lock_of_nobody), 0);
    thrum_lock_release(&lock_of_nobody);
    return arg;
}

static void *wait_for_semaphore(void *arg)
{
    CHECK_STATUS(thrum_semaphore_acquire(&semaphore), 0);
    return arg;
}

static void *wait_for_other(void *arg)
{
    CHECK_STATUS(thrum_thread_join(arg), 0);
    return arg;
}

/** No waiter of the parent's may take what the child gives. */
static void use_what_others_wait_for(void *unused)
{
    (void)unused;
    thrum_event_set(&event);
    CHECK_STATUS(thrum_event_wait(&event), 0);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), 0);
    CHECK(thrum_semaphore_try_acquire(&semaphore));
    thrum_condition_notify_all(&condition);
    thrum_lock_acquire(&lock_of_nobody);
    thrum_lock_release(&lock_of_nobody);
    CHECK_STATUS(thrum_thread_join(other), 0);
    use_everything();
}

TEST(process, waiters_of_the_parent_do_not_wait_in_the_child)
{
    start_other();
    thrum_thread *waiters[] = {
        HAVE(thrum_spawn(wait_for_event, NULL)),
        HAVE(thrum_spawn(wait_for_condition, NULL)),
        HAVE(thrum_spawn(wait_for_semaphore, NULL)),
        HAVE(thrum_spawn(wait_for_other, other)),
    };
    for (size_t i = 0; i < LENGTH(waiters); i++)
        test_wait_asleep((pid_t)thrum_thread_native_id(waiters[i]));
    CHECK_EXITED(test_run_child(use_what_others_wait_for, NULL), 0);
    thrum_event_set(&event);
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 1), 0);
    thrum_condition_notify_all(&condition);
    test_gate_open(&gate);
    for (size_t i = 0; i < LENGTH(waiters); i++)
        join_and_free(waiters[i]);
    join_and_free(other); /* after its other joiner has returned */
}

static thrum_lock busy_lock;

static void look_in_the_storm(void *unused)
{
    (void)unused;
    CHECK_EQ(thrum_active_count(), 1);
    use_everything();
}

#if !TEST_UNDER_TSAN

static bool is_alone(void *unused)
{
    (void)unused;
    return thrum_active_count() == 1;
}

#endif

/* The allocators of sanitizers do not survive a fork beside threads that allocate. */
#if !TEST_UNDER_TSAN && !TEST_UNDER_ASAN

static bool stop; /* accessed atomically */

static bool is_stopped(void)
{
    return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void *start_and_end_threads(void *arg)
{
    while (!is_stopped()) {
        thrum_thread *thread = thrum_spawn(return_arg, NULL);
        CHECK(thread != NULL);
        CHECK_STATUS(thrum_thread_set_name(thread, "short-lived"), 0);
        join_and_free(thread);
    }
    return arg;
}

static void *detach_threads(void *arg)
{
    while (!is_stopped()) {
        thrum_thread_free(HAVE(thrum_spawn(return_arg, NULL)));
        while (thrum_active_count() > 20)
            thrum_sleep(0.001);
    }
    return arg;
}

static void *use_locals(void *arg)
{
    while (!is_stopped()) {
        thrum_local brief = THRUM_LOCAL_INIT;
        CHECK_STATUS(thrum_local_set(&brief, &brief), 0);
        thrum_local_free(&brief);
    }
    return arg;
}

static void *enumerate_threads(void *arg)
{
    while (!is_stopped()) {
        thrum_thread *all[32];
        size_t count = thrum_enumerate(all, LENGTH(all));
        for (size_t i = 0; i < count && i < LENGTH(all); i++)
            thrum_thread_free(all[i]);
    }
    return arg;
}

static void *use_lock(void *arg)
{
    while (!is_stopped()) {
        thrum_lock_acquire(&busy_lock);
        thrum_lock_release(&busy_lock);
    }
    return arg;
}

TEST_LIMIT(process, a_child_works_wherever_the_other_threads_were, 120)
{
    thrum_target const targets[] = {start_and_end_threads, detach_threads, use_locals,
                                    enumerate_threads,     use_lock,       use_lock};
    thrum_thread *busy[LENGTH(targets)];
    for (size_t i = 0; i < LENGTH(targets); i++)
        busy[i] = HAVE(thrum_spawn(targets[i], NULL));
    for (int i = 0; i < 60; i++)
        CHECK_EXITED(test_run_child(look_in_the_storm, NULL), 0);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (size_t i = 0; i < LENGTH(targets); i++)
        join_and_free(busy[i]);
    test_wait_until(is_alone, NULL);
}

#endif

/* ---- what a child keeps ---- */

static thrum_thread *unstarted;

static void start_unstarted(void *unused)
{
    (void)unused;
    CHECK_STATUS(thrum_thread_start(unstarted), 0);
    CHECK_STATUS(thrum_thread_join(unstarted), 0);
    CHECK_PTR(thrum_thread_result(unstarted), &gate);
    thrum_thread_free(unstarted);
}

TEST(process, a_child_may_start_what_the_parent_has_made)
{
    unstarted = HAVE(thrum_thread_new(return_arg, &gate));
    CHECK_EXITED(test_run_child(start_unstarted, NULL), 0);
    CHECK_STATUS(thrum_thread_start(unstarted), 0);
    join_and_free(unstarted);
}

static int destroyed;

static void count_destroyed(void *value)
{
    (void)value;
    __atomic_fetch_add(&destroyed, 1, __ATOMIC_RELAXED);
}

static thrum_local kept = THRUM_LOCAL(NULL, count_destroyed);

static void *keep_value(void *arg)
{
    CHECK_STATUS(thrum_local_set(&kept, arg), 0);
    return wait_at_gate(arg);
}

static void look_at_value(void *value)
{
    CHECK_PTR(thrum_local_get(&kept), value);
    thrum_local_free(&kept);
    CHECK_EQ(destroyed, 1); /* its own; those of vanished threads are forgotten */
    CHECK_PTR(thrum_local_get(&kept), NULL);
}

TEST(process, a_child_keeps_the_locals_of_its_thread)
{
    int value;
    CHECK_STATUS(thrum_local_set(&kept, &value), 0);
    thrum_thread *thread = HAVE(thrum_spawn(keep_value, &gate));
    test_gate_await(&gate, 1);
    CHECK_EXITED(test_run_child(look_at_value, &value), 0);
    CHECK_PTR(thrum_local_get(&kept), &value);
    thrum_local_free(&kept);
    CHECK_EQ(destroyed, 2);
    test_gate_open(&gate);
    join_and_free(thread);
    CHECK_EQ(destroyed, 2);
    test_allow_allocations(2); /* this thread's memory for locals */
}

static void release_parents_lock(void *unused)
{
    (void)unused;
    CHECK(!thrum_lock_try_acquire(&busy_lock));
    thrum_lock_release(&busy_lock);
    use_everything();
}

TEST(process, a_child_holds_the_locks_of_its_thread)
{
    thrum_lock_acquire(&busy_lock);
    CHECK_EXITED(test_run_child(release_parents_lock, NULL), 0);
    CHECK_STATUS(thrum_lock_release_checked(&busy_lock), 0);
}

/* ---- how a child ends ---- */

static int wait_for(pid_t child)
{
    int status = -1;
    CHECK(child > 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    return status;
}

static void register_line(const char *line)
{
    CHECK_STATUS(thrum_at_shutdown(say_arg, (void *)(uintptr_t)line), 0);
}

#if !TEST_UNDER_TSAN

static void *speak_last(void *arg)
{
    CHECK_STATUS(thrum_thread_join(thrum_main_thread()), 0);
    test_say(arg);
    return NULL;
}

static void leave_threads_in_a_child(void *unused)
{
    static char line[] = "child's thread";
    (void)unused;
    start_other();
    pid_t child = fork();
    if (child == 0) {
        thrum_thread_free(HAVE(thrum_spawn(speak_last, line)));
        exit(3);
    }
    CHECK_EXITED(wait_for(child), 3);
    test_gate_open(&gate);
}

TEST(process, a_childs_threads_are_joined_at_its_exit)
{
    CHECK_PROGRAM(leave_threads_in_a_child, NULL, 0, "child's thread\n");
}

static void *fork_and_return(void *arg)
{
    pid_t *child = arg;
    *child = fork();
    if (*child == 0)
        thrum_thread_free(HAVE(thrum_spawn(speak_last, (void *)(uintptr_t) "child's thread")));
    return NULL;
}

static void *fork_after_the_gate(void *arg)
{
    pid_t *child = arg;
    test_gate_wait(&gate);
    *child = fork();
    return NULL;
}

static void say_main_name(void *unused)
{
    (void)unused;
    test_say(thrum_thread_name(thrum_main_thread()));
}

static void return_without_handles(void *unused)
{
    static pid_t child;
    (void)unused;
    CHECK_STATUS(thrum_at_shutdown(say_main_name, NULL), 0);
    thrum_thread *thread = HAVE(thrum_thread_new(fork_after_the_gate, &child, .name = worker_name));
    CHECK_STATUS(thrum_thread_start(thread), 0);
    thrum_thread_free(thread);
    test_gate_open(&gate);
    test_wait_until(is_alone, NULL);
    CHECK_EXITED(wait_for(child), 0);
}

TEST(process, a_childs_main_thread_is_known_for_ever)
{
    CHECK_PROGRAM(return_without_handles, NULL, 0, "worker\nMainThread\n");
}

static void return_from_the_target_of_a_child(void *unused)
{
    static pid_t child;
    (void)unused;
    register_line("callback");
    join_and_free(HAVE(thrum_spawn(fork_and_return, &child)));
    CHECK_EXITED(wait_for(child), 0);
    test_say("parent");
}

TEST(process, a_child_ends_when_the_thread_that_forked_returns)
{
    CHECK_PROGRAM(return_from_the_target_of_a_child, NULL, 0,
                  "child's thread\ncallback\nparent\ncallback\n");
}

#endif

static void *fork_and_exit(void *arg)
{
    if (arg != NULL)
        test_wait_asleep((pid_t)thrum_thread_native_id(arg));
    pid_t child = fork();
    if (child == 0) {
        use_everything();
        exit(6);
    }
    CHECK_EXITED(wait_for(child), 6);
    return NULL;
}

TEST(process, a_child_of_a_thread_or_a_daemon_may_exit)
{
    join_and_free(HAVE(thrum_spawn(fork_and_exit, thrum_main_thread())));
    join_and_free(HAVE(thrum_spawn(fork_and_exit, NULL, .daemon = THRUM_DAEMON)));
    test_thread foreign;
    test_spawn(&foreign, fork_and_exit, NULL);
    test_join(&foreign);
}

#if !TEST_UNDER_TSAN

static void *shut_down(void *arg)
{
    CHECK_STATUS(thrum_shutdown(), 0);
    return arg;
}

static void be_shut_down(void *unused)
{
    (void)unused;
    CHECK(thrum_thread_is_daemon(thrum_main_thread()));
    join_and_free(HAVE(thrum_spawn(shut_down, NULL, .daemon = THRUM_NOT_DAEMON)));
    thrum_lock_acquire(&lock_of_nobody);
    thrum_lock_release(&lock_of_nobody);
}

static void *fork_and_be_shut_down(void *arg)
{
    CHECK_EXITED(test_run_child(be_shut_down, NULL), 0);
    return arg;
}

TEST(process, a_daemon_that_is_main_in_a_child_is_not_stopped)
{
    join_and_free(HAVE(thrum_spawn(fork_and_be_shut_down, NULL, .daemon = THRUM_DAEMON)));
}

#endif

/* ---- fork while the program ends ---- */

static void fork_in_callback(void *unused)
{
    (void)unused;
    pid_t child = fork();
    if (child == 0) {
        test_say("child");
        CHECK_STATUS(thrum_shutdown(), THRUM_ESTATE);
        use_everything();
        return; /* and end as the parent was about to */
    }
    CHECK_EXITED(wait_for(child), 0);
    test_say("parent");
}

static void end_with_a_fork(void *unused)
{
    (void)unused;
    register_line("last");
    CHECK_STATUS(thrum_at_shutdown(fork_in_callback, NULL), 0);
}

TEST(process, a_child_of_a_callback_ends_as_its_parent)
{
    CHECK_PROGRAM(end_with_a_fork, NULL, 0, "child\nlast\nparent\nlast\n");
}

#if !TEST_UNDER_TSAN

static void *fork_while_joining(void *arg)
{
    CHECK_STATUS(thrum_thread_join(thrum_main_thread()), 0);
    pid_t child = fork();
    if (child == 0) {
        use_everything();
        register_line("child's callback");
        thrum_thread_free(HAVE(thrum_spawn(speak_last, (void *)(uintptr_t) "child's thread")));
        exit(0);
    }
    CHECK_EXITED(wait_for(child), 0);
    test_say("parent");
    return arg;
}

static void be_forked_while_joining(void *unused)
{
    (void)unused;
    thrum_thread_free(HAVE(thrum_spawn(fork_while_joining, NULL)));
}

TEST(process, a_child_of_a_thread_that_is_being_joined_has_an_end_of_its_own)
{
    CHECK_PROGRAM(be_forked_while_joining, NULL, 0, "child's callback\nchild's thread\nparent\n");
}

#endif

static void fork_after_the_end(void)
{
    CHECK(thrum_spawn(return_arg, NULL) == NULL);
    pid_t child = fork();
    if (child == 0) {
        use_everything();
        test_say("child");
        return;
    }
    CHECK_EXITED(wait_for(child), 0);
    CHECK(thrum_spawn(return_arg, NULL) == NULL);
    test_say("parent");
}

static void end_and_fork(void *unused)
{
    (void)unused;
    atexit(fork_after_the_end);
    join_and_free(HAVE(thrum_spawn(return_arg, NULL)));
}

TEST(process, a_child_forked_after_the_end_may_use_threads)
{
    CHECK_PROGRAM(end_and_fork, NULL, 0, "child\nparent\n");
}

static void fork_with_a_stopped_daemon(void *unused)
{
    (void)unused;
    thrum_thread *daemon = HAVE(thrum_spawn(wait_at_gate, NULL, .daemon = THRUM_DAEMON));
    test_gate_await(&gate, 1);
    CHECK_STATUS(thrum_shutdown(), 0);
    pid_t child = fork();
    if (child == 0) {
        CHECK_STATUS(thrum_thread_join(daemon), 0);
        use_everything();
        thrum_thread_free(daemon);
        exit(0);
    }
    CHECK_EXITED(wait_for(child), 0);
}

TEST(process, a_daemon_that_has_stopped_has_ended_in_a_child)
{
    CHECK_PROGRAM(fork_with_a_stopped_daemon, NULL, 0, "");
}

TEST(process, many_forks_in_a_row_leave_nothing)
{
    for (int i = 0; i < 50; i++)
        CHECK_EXITED(test_run_child(look_in_the_storm, NULL), 0);
    use_everything();
    test_allow_allocations(2); /* this thread's memory for locals */
}
