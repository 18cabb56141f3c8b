/* SPDX-License-Identifier: MIT */
/** @file
 *  Shutdown: the end of a program, by thrum_shutdown, by exit and by return from main; from every
 *  kind of thread. Each case runs a program in a child process and looks at what it wrote. */
#include "thread/shutdown.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "platform/atomic.h"
#include "platform/thread.h"
#include "runner.h"
#include "thrum/event.h"
#include "thrum/local.h"
#include "thrum/lock.h"

/** LeakSanitizer does not see what the stack held of a main thread that has gone by
 *  pthread_exit. */
TEST_IGNORES_LEAKS()

static void say_arg(void *arg)
{
    test_say(arg);
}

static void register_line(const char *line)
{
    CHECK_STATUS(thrum_at_shutdown(say_arg, (void *)(uintptr_t)line), 0);
}

static void say_exit_handler(void)
{
    test_say("exit handler");
}

/** A thread that goes on only when the end of the program waits for it. */
static void await_the_joining(void)
{
    CHECK_STATUS(thrum_thread_join(thrum_main_thread()), 0);
}

static void *speak_last(void *arg)
{
    await_the_joining();
    test_say("thread");
    return arg;
}

static void *block_for_ever(void *arg)
{
    for (;;)
        pause();
    return arg;
}

/* ---- joined and abandoned ---- */

static void leave_a_thread(void *unused)
{
    (void)unused;
    atexit(say_exit_handler);
    register_line("callback");
    thrum_thread_free(HAVE(thrum_spawn(speak_last, NULL)));
    test_say("main");
}

TEST(shutdown, exit_joins_threads_after_callbacks_before_earlier_exit_handlers)
{
    CHECK_PROGRAM(leave_a_thread, NULL, 0, "main\ncallback\nthread\nexit handler\n");
}

static void leave_an_unjoined_handle(void *unused)
{
    static thrum_thread *kept;
    kept = thrum_spawn(speak_last, NULL);
    CHECK(kept != NULL);
    (void)unused;
}

TEST(shutdown, exit_joins_threads_whose_handles_are_left)
{
    CHECK_PROGRAM(leave_an_unjoined_handle, NULL, 0, "thread\n");
}

static void leave_a_daemon(void *unused)
{
    (void)unused;
    HAVE(thrum_spawn(block_for_ever, NULL, .daemon = THRUM_DAEMON));
    thrum_thread_free(HAVE(thrum_spawn(speak_last, NULL)));
}

TEST(shutdown, exit_abandons_daemons)
{
    CHECK_PROGRAM(leave_a_daemon, NULL, 0, "thread\n");
}

static void *start_another(void *arg)
{
    await_the_joining();
    char *depth = arg;
    char line[] = {*depth, '\0'};
    test_say(line);
    if (*depth == '0')
        return NULL;
    --*depth;
    thrum_thread_free(HAVE(thrum_spawn(start_another, depth)));
    return NULL;
}

static void leave_a_chain(void *unused)
{
    static char depth = '5';
    thrum_thread_free(HAVE(thrum_spawn(start_another, &depth)));
    (void)unused;
}

TEST(shutdown, threads_started_meanwhile_are_joined)
{
    CHECK_PROGRAM(leave_a_chain, NULL, 0, "5\n4\n3\n2\n1\n0\n");
}

static void *start_from_daemon(void *arg)
{
    await_the_joining();
    thrum_thread_free(HAVE(thrum_spawn(speak_last, NULL, .daemon = THRUM_NOT_DAEMON)));
    thrum_event_set(arg);
    return block_for_ever(NULL);
}

static void *wait_for_event(void *arg)
{
    CHECK_STATUS(thrum_event_wait(arg), 0);
    return NULL;
}

static void leave_a_daemon_that_starts(void *unused)
{
    static thrum_event started;
    thrum_thread_free(HAVE(thrum_spawn(wait_for_event, &started)));
    HAVE(thrum_spawn(start_from_daemon, &started, .daemon = THRUM_DAEMON));
    (void)unused;
}

TEST(shutdown, threads_that_daemons_start_meanwhile_are_joined)
{
    CHECK_PROGRAM(leave_a_daemon_that_starts, NULL, 0, "thread\n");
}

/** The kernel counts a thread for a moment after it has been joined. */
static bool threads_are(void *count)
{
    return test_count_threads() == *(const int *)count;
}

static void collect_all(void *unused)
{
    (void)unused;
    int left = test_count_threads() + 10;
    for (int i = 0; i < 20; i++) {
        thrum_thread *thread =
            HAVE(thrum_spawn(i < 10 ? speak_last : block_for_ever, NULL,
                             .daemon = i < 10 ? THRUM_NOT_DAEMON : THRUM_DAEMON));
        if (i % 2 == 0)
            thrum_thread_free(thread);
    }
    CHECK_STATUS(thrum_shutdown(), 0);
    test_wait_until(threads_are, &left);
    test_say("all");
}

TEST(shutdown, leaves_no_os_thread_but_daemons)
{
    char text[1024];
    int status = test_capture(STDOUT_FILENO, collect_all, NULL, text, sizeof text);
    CHECK_EXITED(status, 0);
    CHECK_CONTAINS(text, "all\n");
}

static void call_from_destructor(void *unused)
{
    (void)unused;
    CHECK(thrum_current_thread() != NULL);
    test_wait_asleep(getpid());
    CHECK(thrum_current_thread() != NULL);
    test_say("destructor");
}

static pthread_key_t key;

static void *set_key(void *arg)
{
    await_the_joining();
    pthread_setspecific(key, arg);
    return NULL;
}

static void leave_a_destructor(void *unused)
{
    (void)unused;
    CHECK_EQ(pthread_key_create(&key, call_from_destructor), 0);
    thrum_thread_free(HAVE(thrum_spawn(set_key, &key)));
}

TEST(shutdown, waits_for_destructors_of_pthread_keys)
{
    CHECK_PROGRAM(leave_a_destructor, NULL, 0, "destructor\n");
}

static uint32_t ender_id, program_has_ended;

static void call_beside_the_end(void *unused)
{
    (void)unused;
    CHECK(thrum_current_thread() != NULL);
    uint32_t ender;
    while ((ender = th_load_acq(&ender_id)) == 0)
        continue;
    while (th_load_acq(&program_has_ended) == 0 && !test_is_sleeping((pid_t)ender))
        continue;
    CHECK(thrum_current_thread() != NULL);
    test_say("destructor");
}

static void *set_key_at_once(void *arg)
{
    pthread_setspecific(key, arg);
    return NULL;
}

static void *end_beside_a_joiner(void *arg)
{
    test_wait_asleep(getpid());
    th_store_rel(&ender_id, th_native_id());
    CHECK_STATUS(thrum_shutdown(), 0);
    th_store_rel(&program_has_ended, 1);
    return arg;
}

static void join_a_destructor(void *unused)
{
    (void)unused;
    CHECK_EQ(pthread_key_create(&key, call_beside_the_end), 0);
    thrum_thread_free(HAVE(thrum_spawn(end_beside_a_joiner, NULL)));
    thrum_thread *thread = HAVE(thrum_spawn(set_key_at_once, &key));
    CHECK_STATUS(thrum_thread_join(thread), 0);
    test_say("joined");
    thrum_thread_free(thread);
}

TEST(shutdown, waits_for_destructors_of_a_thread_that_is_being_joined)
{
    CHECK_PROGRAM(join_a_destructor, NULL, 0, "destructor\njoined\n");
}

/* ---- what stops ---- */

static thrum_lock busy_lock;
static thrum_local busy_local;
static pid_t busy_tid;
static thrum_event is_busy;

static void *lock_and_unlock(void *arg)
{
    busy_tid = test_thread_id();
    thrum_get_ident(); /* a thread is known from its first call on */
    thrum_event_set(&is_busy);
    for (;;) {
        thrum_lock_acquire(&busy_lock);
        thrum_lock_release(&busy_lock);
    }
    return arg;
}

static void *get_local(void *arg)
{
    busy_tid = test_thread_id();
    thrum_get_ident(); /* a thread is known from its first call on */
    thrum_event_set(&is_busy);
    for (;;)
        thrum_local_get(&busy_local);
    return arg;
}

static void *sleep_for_ever(void *arg)
{
    busy_tid = test_thread_id();
    thrum_get_ident(); /* a thread is known from its first call on */
    thrum_event_set(&is_busy);
    thrum_sleep_until(THRUM_FOREVER);
    test_say("woken");
    return arg;
}

static void *return_after_the_end(void *arg)
{
    busy_tid = test_thread_id();
    thrum_get_ident(); /* a thread is known from its first call on */
    thrum_event_set(&is_busy);
    test_gate_wait(arg);
    return thrum_fail(1, "too late to be told");
}

static test_gate after_the_end = TEST_GATE_INIT;

static void stop_one(thrum_target target)
{
    thrum_thread *daemon = HAVE(thrum_spawn(target, &after_the_end, .daemon = THRUM_DAEMON));
    CHECK_STATUS(thrum_event_wait(&is_busy), 0);
    CHECK_STATUS(thrum_shutdown(), 0);
    test_gate_open(&after_the_end);
    test_wait_asleep(busy_tid);
    CHECK(thrum_thread_is_alive(daemon));
    CHECK_STATUS(thrum_thread_join(daemon), THRUM_EDEADLK);
    CHECK_STATUS(thrum_thread_join_until(daemon, 0), THRUM_ETIMEDOUT);
    test_say("stopped");
}

static void stop_lock_and_unlock(void *unused)
{
    (void)unused;
    stop_one(lock_and_unlock);
}

static void stop_get_local(void *unused)
{
    (void)unused;
    stop_one(get_local);
}

static void stop_sleep(void *unused)
{
    (void)unused;
    stop_one(sleep_for_ever);
}

static void stop_return(void *unused)
{
    (void)unused;
    stop_one(return_after_the_end);
}

TEST(shutdown, daemons_stop_at_their_next_call)
{
    CHECK_PROGRAM(stop_lock_and_unlock, NULL, 0, "stopped\n");
    CHECK_PROGRAM(stop_get_local, NULL, 0, "stopped\n");
    CHECK_PROGRAM(stop_sleep, NULL, 0, "stopped\n");
    CHECK_PROGRAM(stop_return, NULL, 0, "stopped\n");
}

static void stop_foreign(void *unused)
{
    static test_thread foreign;
    test_spawn(&foreign, lock_and_unlock, NULL);
    CHECK_STATUS(thrum_event_wait(&is_busy), 0);
    CHECK_STATUS(thrum_shutdown(), 0);
    test_wait_asleep(foreign.tid);
    test_say("stopped");
    (void)unused;
}

TEST(shutdown, foreign_threads_stop_too)
{
    CHECK_PROGRAM(stop_foreign, NULL, 0, "stopped\n");
}

static void join_ended_daemon(void *unused)
{
    thrum_thread *daemon = HAVE(thrum_spawn(NULL, NULL, .daemon = THRUM_DAEMON));
    CHECK_STATUS(thrum_thread_join(daemon), 0);
    CHECK_STATUS(thrum_shutdown(), 0);
    CHECK_STATUS(thrum_thread_join(daemon), 0);
    CHECK_STATUS(thrum_thread_start(daemon), THRUM_ESTATE);
    thrum_thread_free(daemon);
    (void)unused;
}

TEST(shutdown, an_ended_daemon_can_be_joined_after_the_end)
{
    CHECK_PROGRAM(join_ended_daemon, NULL, 0, "");
}

/* ---- callbacks ---- */

static void register_more(void *arg)
{
    test_say(arg);
    register_line("registered meanwhile");
}

static void call_back(void *unused)
{
    (void)unused;
    register_line("first");
    CHECK_STATUS(thrum_at_shutdown(register_more, (void *)(uintptr_t) "second"), 0);
    register_line("third");
}

TEST(shutdown, calls_back_last_first_and_what_callbacks_register)
{
    CHECK_PROGRAM(call_back, NULL, 0, "third\nsecond\nregistered meanwhile\nfirst\n");
}

static void start_a_thread(void *unused)
{
    (void)unused;
    thrum_thread_free(HAVE(thrum_spawn(speak_last, NULL)));
}

static void start_in_callback(void *unused)
{
    (void)unused;
    CHECK_STATUS(thrum_at_shutdown(start_a_thread, NULL), 0);
}

TEST(shutdown, a_callback_may_start_threads)
{
    CHECK_PROGRAM(start_in_callback, NULL, 0, "thread\n");
}

static void shut_down_inside(void *unused)
{
    (void)unused;
    CHECK_STATUS(thrum_shutdown(), THRUM_ESTATE);
    test_say("refused");
}

static void call_back_into_shutdown(void *unused)
{
    (void)unused;
    CHECK_STATUS(thrum_at_shutdown(shut_down_inside, NULL), 0);
    CHECK_STATUS(thrum_shutdown(), 0);
    CHECK_STATUS(thrum_shutdown(), 0);
}

TEST(shutdown, is_refused_inside_a_callback)
{
    CHECK_PROGRAM(call_back_into_shutdown, NULL, 0, "refused\n");
}

static void *register_while_joining(void *arg)
{
    await_the_joining();
    CHECK_STATUS(thrum_at_shutdown(say_arg, NULL), THRUM_ESHUTDOWN);
    return arg;
}

static void use_after_the_end(void)
{
    CHECK_STATUS(thrum_at_shutdown(say_arg, NULL), THRUM_ESHUTDOWN);
    thrum_thread *thread = HAVE(thrum_thread_new(speak_last, NULL));
    CHECK_STATUS(thrum_thread_start(thread), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_thread_join(thread), THRUM_ESTATE);
    CHECK_STATUS(thrum_thread_set_daemon(thread, true), 0);
    thrum_thread_free(thread);
    CHECK(thrum_spawn(speak_last, NULL) == NULL);
    CHECK_EQ(thrum_active_count(), 1);
    CHECK_STATUS(thrum_shutdown(), 0);
    test_say("refused");
}

static void register_late(void *unused)
{
    (void)unused;
    atexit(use_after_the_end);
    thrum_thread_free(HAVE(thrum_spawn(register_while_joining, NULL)));
}

TEST(shutdown, refuses_callbacks_while_joining_and_threads_afterwards)
{
    CHECK_PROGRAM(register_late, NULL, 0, "refused\n");
}

static void count_call(void *arg)
{
    ++*(int *)arg;
}

TEST(shutdown, bad_callbacks_are_refused)
{
    static int calls;
    CHECK_STATUS(thrum_at_shutdown(NULL, NULL), THRUM_EINVAL);
    test_allow_allocations(1);
    TEST_SWEEP_ALLOCATIONS
    {
        int status = thrum_at_shutdown(count_call, &calls);
        CHECK_STATUS(status, test_failures_injected() > 0 ? THRUM_ENOMEM : 0);
        if (status == 0)
            break;
    }
    CHECK_STATUS(thrum_shutdown(), 0);
    CHECK_EQ(calls, 1);
}

/* ---- several callers ---- */

static thrum_thread *second_caller;

static void *call_second(void *arg)
{
    test_gate_wait(arg);
    CHECK_STATUS(thrum_shutdown(), 0);
    test_say("second");
    return NULL;
}

static void let_the_second_wait(void *arg)
{
    test_gate_open(arg);
    test_wait_asleep((pid_t)thrum_thread_native_id(second_caller));
    test_say("first");
}

static void call_twice(void *unused)
{
    static test_gate gate = TEST_GATE_INIT;
    CHECK_STATUS(thrum_at_shutdown(let_the_second_wait, &gate), 0);
    second_caller = HAVE(thrum_spawn(call_second, &gate));
    CHECK_STATUS(thrum_shutdown(), 0);
    CHECK_STATUS(thrum_thread_join(second_caller), 0);
    (void)unused;
}

TEST(shutdown, a_second_call_waits_for_the_first_which_does_not_wait_for_it)
{
    CHECK_PROGRAM(call_twice, NULL, 0, "first\nsecond\n");
}

static thrum_event shut_down_by_thread;

static void *shut_down_and_go_on(void *arg)
{
    CHECK_STATUS(thrum_shutdown(), 0);
    thrum_event_set(&shut_down_by_thread);
    test_gate_wait(arg);
    test_say("thread");
    return NULL;
}

static test_gate opened_late = TEST_GATE_INIT;

static void *open_when_main_sleeps(void *arg)
{
    test_wait_asleep(getpid());
    test_gate_open(&opened_late);
    return arg;
}

static void be_shut_down_by_a_thread(void *unused)
{
    static test_thread opener;
    atexit(say_exit_handler);
    thrum_thread_free(HAVE(thrum_spawn(shut_down_and_go_on, &opened_late)));
    CHECK_STATUS(thrum_event_wait(&shut_down_by_thread), 0);
    CHECK(thrum_spawn(NULL, NULL) == NULL);
    test_spawn(&opener, open_when_main_sleeps, NULL);
    pthread_detach(opener.handle);
    (void)unused;
}

TEST(shutdown, exit_joins_the_thread_that_has_called_it_before)
{
    CHECK_PROGRAM(be_shut_down_by_a_thread, NULL, 0, "thread\nexit handler\n");
}

/* ---- exit from everywhere ---- */

static void *exit_with_three(void *arg)
{
    if (arg != NULL)
        test_wait_asleep((pid_t)thrum_thread_native_id(arg));
    exit(3);
}

static void exit_in_a_joined_thread(void *unused)
{
    (void)unused;
    thrum_thread_free(HAVE(thrum_spawn(speak_last, NULL)));
    register_line("callback");
    thrum_thread_join(HAVE(thrum_spawn(exit_with_three, thrum_main_thread())));
    block_for_ever(NULL);
}

TEST(shutdown, exit_in_a_thread_that_main_joins)
{
    CHECK_PROGRAM(exit_in_a_joined_thread, NULL, 3, "callback\nthread\n");
}

static thrum_thread *exiting;

static void *join_exiting(void *arg)
{
    CHECK_STATUS(thrum_thread_join(exiting), 0);
    test_say("joined");
    return arg;
}

static void *exit_when_joined(void *arg)
{
    thrum_thread *joiner = HAVE(thrum_spawn(join_exiting, NULL));
    test_wait_asleep((pid_t)thrum_thread_native_id(joiner));
    (void)arg;
    exit(3);
}

static void exit_while_joined(void *unused)
{
    (void)unused;
    exiting = HAVE(thrum_thread_new(exit_when_joined, NULL));
    CHECK_STATUS(thrum_thread_start(exiting), 0);
    block_for_ever(NULL);
}

TEST(shutdown, exit_in_a_thread_that_another_joins)
{
    CHECK_PROGRAM(exit_while_joined, NULL, 3, "joined\n");
}

static void exit_in_daemon(void *unused)
{
    (void)unused;
    thrum_thread_free(HAVE(thrum_spawn(speak_last, NULL)));
    HAVE(thrum_spawn(exit_with_three, NULL, .daemon = THRUM_DAEMON));
    block_for_ever(NULL);
}

TEST(shutdown, exit_in_a_daemon)
{
    CHECK_PROGRAM(exit_in_daemon, NULL, 3, "thread\n");
}

static void exit_in_foreign(void *unused)
{
    static test_thread foreign;
    thrum_thread_free(HAVE(thrum_spawn(speak_last, NULL)));
    test_spawn(&foreign, exit_with_three, NULL);
    block_for_ever(NULL);
    (void)unused;
}

TEST(shutdown, exit_in_a_foreign_thread)
{
    CHECK_PROGRAM(exit_in_foreign, NULL, 3, "thread\n");
}

static void exit_with_four(void *unused)
{
    (void)unused;
    exit(4);
}

static void exit_in_callback(void *unused)
{
    (void)unused;
    CHECK_STATUS(thrum_at_shutdown(exit_with_four, NULL), 0);
    (void)thrum_shutdown();
    test_say("not reached");
}

TEST(shutdown, exit_in_a_callback)
{
    CHECK_PROGRAM(exit_in_callback, NULL, 4, "");
}

static void exit_with_five(const thrum_thread *thread, const thrum_error *error)
{
    (void)thread;
    (void)error;
    exit(5);
}

static void *fail(void *arg)
{
    (void)arg;
    return thrum_fail(1, "x");
}

static void exit_in_hook(void *unused)
{
    (void)unused;
    thrum_set_excepthook(exit_with_five);
    thrum_thread_join(HAVE(thrum_spawn(fail, NULL)));
    block_for_ever(NULL);
}

TEST(shutdown, exit_in_the_excepthook)
{
    CHECK_PROGRAM(exit_in_hook, NULL, 5, "");
}

static thrum_local exiting_local = THRUM_LOCAL(NULL, exit_with_four);

static void *set_exiting_local(void *arg)
{
    CHECK_STATUS(thrum_local_set(&exiting_local, arg), 0);
    return NULL;
}

static void exit_in_destroy(void *unused)
{
    (void)unused;
    thrum_thread_join(HAVE(thrum_spawn(set_exiting_local, &exiting_local)));
    block_for_ever(NULL);
}

TEST(shutdown, exit_while_a_local_is_destroyed)
{
    CHECK_PROGRAM(exit_in_destroy, NULL, 4, "");
}

/* ---- main by pthread_exit ---- */

static void *outlive_main(void *arg)
{
    CHECK_STATUS(thrum_thread_join(thrum_main_thread()), 0);
    CHECK(!thrum_thread_is_alive(thrum_main_thread()));
    CHECK_EQ(thrum_active_count(), 1);
    CHECK_STATUS(thrum_thread_set_name(thrum_main_thread(), "late"), 0);
    test_say("thread");
#if TEST_UNDER_TSAN
    exit(0); /* the sanitizer's own thread never ends, so the last of ours is not the last */
#endif
    return arg;
}

static void exit_main_thread(void *unused)
{
    (void)unused;
    register_line("callback");
    thrum_thread_free(HAVE(thrum_spawn(outlive_main, NULL)));
    pthread_exit(NULL);
}

TEST(shutdown, pthread_exit_of_main_lets_the_others_finish)
{
    CHECK_PROGRAM(exit_main_thread, NULL, 0, "thread\ncallback\n");
}

/* ---- locals ---- */

static void say_destroyed(void *value)
{
    test_say(value);
}

static thrum_local said_local = THRUM_LOCAL(NULL, say_destroyed);

static void leave_a_value(void *unused)
{
    (void)unused;
    CHECK_STATUS(thrum_local_set(&said_local, (void *)(uintptr_t) "value"), 0);
    register_line("callback");
    thrum_thread_free(HAVE(thrum_spawn(speak_last, NULL)));
    CHECK_STATUS(thrum_shutdown(), 0);
    test_say("still there");
}

TEST(shutdown, values_of_the_thread_that_exits_are_destroyed_at_exit)
{
    CHECK_PROGRAM(leave_a_value, NULL, 0, "callback\nthread\nstill there\nvalue\n");
}

/* ---- signals ---- */

static unsigned signals_handled; /* accessed atomically */

static void count_signal(int signo)
{
    (void)signo;
    __atomic_fetch_add(&signals_handled, 1, __ATOMIC_RELAXED);
}

static bool two_hundred_came(void *unused)
{
    (void)unused;
    return __atomic_load_n(&signals_handled, __ATOMIC_RELAXED) >= 200;
}

static void *end_after_signals(void *arg)
{
    struct sigaction counting = {.sa_handler = count_signal};
    CHECK_EQ(sigaction(SIGUSR1, &counting, NULL), 0);
    test_signals storm;
    await_the_joining();
    test_wait_asleep(getpid());
    test_send_signals(&storm, *(pthread_t *)arg, SIGUSR1, 20);
    test_wait_until(two_hundred_came, NULL);
    test_stop_signals(&storm);
    test_say("thread");
    return NULL;
}

static void be_signalled(void *unused)
{
    static pthread_t main_handle;
    main_handle = pthread_self();
    thrum_thread_free(HAVE(thrum_spawn(end_after_signals, &main_handle)));
    (void)unused;
}

TEST(shutdown, waits_through_signals)
{
    CHECK_PROGRAM(be_signalled, NULL, 0, "thread\n");
}

TEST(shutdown, without_threads_is_nothing)
{
    CHECK_STATUS(thrum_shutdown(), 0);
    CHECK_STATUS(thrum_shutdown(), 0);
}

/* ---- several who end the program ---- */

static test_gate worker_gate = TEST_GATE_INIT;

static void *wait_at_gate(void *arg)
{
    test_gate_wait(&worker_gate);
    return arg;
}

/** Open the gate when the thread with that number sleeps, as it then waits for the worker. */
static void *open_gate_once_asleep(void *arg)
{
    test_wait_asleep(*(pid_t *)arg);
    test_gate_open(&worker_gate);
    return NULL;
}

static void *exit_with_3(void *unused)
{
    (void)unused;
    exit(3);
}

static void end_while_a_foreign_thread_exits(void *unused)
{
    (void)unused;
    test_thread opener, foreign;
    thrum_thread *worker = thrum_spawn(wait_at_gate, NULL, .daemon = THRUM_NOT_DAEMON);
    CHECK(worker != NULL);
    test_spawn(&foreign, exit_with_3, NULL);
    pthread_detach(foreign.handle);
    test_wait_asleep(foreign.tid); /* it has begun the end, and waits for the worker */
    test_spawn(&opener, open_gate_once_asleep, &(pid_t){test_thread_id()});
    pthread_detach(opener.handle);
    CHECK_STATUS(thrum_shutdown(), 0);
    for (;;)
        pause(); /* the other thread's exit must come through */
}

TEST(shutdown, of_one_thread_lets_the_exit_of_another_come_through)
{
    CHECK_EXITED(test_run_child(end_while_a_foreign_thread_exits, NULL), 3);
}

static void *shut_down_first(void *unused)
{
    (void)unused;
    CHECK_STATUS(thrum_shutdown(), 0);
    return NULL;
}

static void exit_while_another_shuts_down(void *has_no_memory)
{
    test_thread first, second, opener;
    thrum_thread *worker = thrum_spawn(wait_at_gate, NULL, .daemon = THRUM_NOT_DAEMON);
    CHECK(worker != NULL);
    if (has_no_memory != NULL)
        test_fail_allocations_from(1);
    test_spawn(&first, shut_down_first, NULL);
    pthread_detach(first.handle);
    test_wait_asleep(first.tid);
    test_spawn(&second, exit_with_3, NULL);
    pthread_detach(second.handle);
    test_wait_asleep(second.tid);
    test_spawn(&opener, open_gate_once_asleep, &(pid_t){second.tid});
    pthread_detach(opener.handle);
    for (;;)
        pause();
}

TEST(shutdown, is_finished_by_a_foreign_thread_that_exits_later)
{
    CHECK_EXITED(test_run_child(exit_while_another_shuts_down, NULL), 3);
}

/** There is no record that says that it is inside exit. */
TEST(shutdown, is_finished_by_a_foreign_thread_for_which_there_is_no_memory)
{
    CHECK_EXITED(test_run_child(exit_while_another_shuts_down, thrum_main_thread()), 3);
}
