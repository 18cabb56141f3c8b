/* SPDX-License-Identifier: MIT */
/** @file
 *  Timer service: slow calls and bursts, how many threads there are, the end of the program, forks,
 *  threads that cannot be made. */
#include "flow/timer_service.h"

#include <dirent.h>
#include <sys/wait.h>

#include "thrum/lock.h"
#include "timer_support.h"

/** Of forked children. */
TEST_IGNORES_LEAKS()

TEST_SETUP()
{
    set_up_service();
}

static unsigned threads_now(void)
{
    unsigned threads, idle;
    th_timer_service_count(&threads, &idle);
    return threads;
}

/* ---- slow calls ---- */

TEST(timer_service, a_slow_call_delays_no_other)
{
    test_gate gate = TEST_GATE_INIT;
    int calls = 0;
    thrum_timer *slow = HAVE(thrum_timer_new(0.001, wait_at, &gate));
    thrum_timer *same = HAVE(thrum_timer_new(0.001, count, &calls));
    thrum_timer *later = HAVE(thrum_timer_new(0.01, count, &calls));
    start(slow);
    start(same);
    start(later);
    join_and_free(same);
    join_and_free(later);
    test_gate_await(&gate, 1);
    thrum_timer *after = HAVE(thrum_timer_new(0, count, &calls));
    start(after);
    join_and_free(after);
    CHECK_EQ(calls, 3);
    test_gate_open(&gate);
    join_and_free(slow);
}

/** The only thread there is runs a call; what it starts is run by another. */
static void *start_and_join(void *arg)
{
    thrum_timer *inner = HAVE(thrum_timer_new(0.001, count, arg));
    start(inner);
    join_and_free(inner);
    return NULL;
}

TEST(timer_service, a_call_waits_for_another_timer)
{
    int calls = 0;
    thrum_timer *outer = HAVE(thrum_timer_new(0, start_and_join, &calls));
    start(outer);
    join_and_free(outer);
    CHECK_EQ(calls, 1);
}

/** While calls are short their leader runs them itself; one that is not must not stop it. */
TEST(timer_service, a_slow_call_amid_quick_ones_delays_no_other)
{
    int calls = 0;
    thrum_timer *quick = HAVE(thrum_timer_new(0.0003, count, &calls, .repeat = true));
    start(quick);
    for (int i = 0; i < 5; i++) {
        test_gate gate = TEST_GATE_INIT;
        await_count(&calls, count_of(&calls) + 50);
        thrum_timer *slow = HAVE(thrum_timer_new(0.001, wait_at, &gate));
        start(slow);
        test_gate_await(&gate, 1);
        await_count(&calls, count_of(&calls) + 50);
        test_gate_open(&gate);
        join_and_free(slow);
    }
    cancel_and_free(quick);
}

/** The same when another slow one ends meanwhile, after which calls are not taken for short. */
TEST(timer_service, a_slow_call_delays_no_other_though_one_ends)
{
    int calls = 0;
    thrum_timer *quick = HAVE(thrum_timer_new(0.0003, count, &calls, .repeat = true));
    start(quick);
    for (int i = 0; i < 10; i++) {
        test_gate first = TEST_GATE_INIT, second = TEST_GATE_INIT;
        thrum_timer *slow = HAVE(thrum_timer_new(0.001, wait_at, &first));
        thrum_timer *slow_too = HAVE(thrum_timer_new(0.001, wait_at, &second));
        start(slow);
        test_gate_await(&first, 1);
        await_count(&calls, count_of(&calls) + 50);
        start(slow_too);
        test_gate_await(&second, 1);
        test_gate_open(&first);
        await_count(&calls, count_of(&calls) + 50);
        test_gate_open(&second);
        join_and_free(slow);
        join_and_free(slow_too);
    }
    cancel_and_free(quick);
}

static bool has_few_threads(void *unused)
{
    (void)unused;
    return threads_now() <= 8;
}

TEST(timer_service, any_number_of_slow_calls_begin)
{
    enum { SLOW = 100 };
    test_allow_threads(SLOW);
    test_allow_allocations(SLOW + 100);
    test_gate gate = TEST_GATE_INIT;
    thrum_timer *slow[SLOW];
    for (int i = 0; i < SLOW; i++) {
        slow[i] = HAVE(thrum_timer_new(0.001, wait_at, &gate));
        start(slow[i]);
    }
    test_gate_await(&gate, SLOW);
    int calls = 0;
    thrum_timer *quick = HAVE(thrum_timer_new(0, count, &calls));
    start(quick);
    join_and_free(quick);
    test_gate_open(&gate);
    for (int i = 0; i < SLOW; i++)
        join_and_free(slow[i]);
    test_wait_until(has_few_threads, NULL);
}

/** A thread keeps the memory of all its names, so it ends after many; an idle one replaces it. */
TEST(timer_service, who_has_had_many_names_is_replaced_by_an_idle_one)
{
    test_allow_allocations(500); /* the names of those that have not ended yet */
    test_gate gate = TEST_GATE_INIT;
    thrum_timer *blocked[3];
    for (int i = 0; i < 3; i++) {
        blocked[i] = HAVE(thrum_timer_new(0, wait_at, &gate));
        start(blocked[i]);
    }
    test_gate_await(&gate, 3);
    test_gate_open(&gate);
    for (int i = 0; i < 3; i++)
        join_and_free(blocked[i]);
    int calls = 0;
    for (int i = 0; i < 300; i++) {
        char name[32];
        snprintf(name, sizeof name, "number %d", i);
        thrum_timer *timer = HAVE(thrum_timer_new(0, count, &calls, .name = name));
        start(timer);
        join_and_free(timer);
    }
    CHECK_EQ(calls, 300);
}

/* ---- bursts ---- */

#define BURST 10000
/** What a burst is run by, also where threads are held up for some milliseconds. */
#define A_FEW_THREADS 64

static int burst_calls[BURST];

TEST(timer_service, of_many_due_at_once_each_is_called_once)
{
    test_allow_threads(1000);
    test_allow_allocations(1100);
    static thrum_timer *timers[BURST];
    for (int i = 0; i < BURST; i++) {
        timers[i] =
            HAVE(thrum_timer_new(i % 2 == 0 ? 0.02 : 0.02 - 1e-6 * i, count, &burst_calls[i]));
        start(timers[i]);
    }
    for (int i = 0; i < BURST; i++)
        join_and_free(timers[i]);
    for (int i = 0; i < BURST; i++)
        CHECK_EQ(burst_calls[i], 1);
    CHECK_LE((int)threads_now(), A_FEW_THREADS * test_time_factor());
    test_wait_until(has_few_threads, NULL);
}

static void *use_a_lock(void *arg)
{
    thrum_lock *lock = arg;
    thrum_lock_acquire(lock);
    thrum_lock_release(lock);
    return NULL;
}

TEST(timer_service, calls_that_wait_for_each_other_all_end)
{
    test_allow_threads(1000);
    test_allow_allocations(1100);
    thrum_lock lock = THRUM_LOCK_INIT;
    static thrum_timer *timers[200];
    thrum_lock_acquire(&lock);
    for (size_t i = 0; i < LENGTH(timers); i++) {
        timers[i] = HAVE(thrum_timer_new(1e-5 * (double)i, use_a_lock, &lock));
        start(timers[i]);
    }
    await_waiters(&lock, (int)LENGTH(timers));
    thrum_lock_release(&lock);
    for (size_t i = 0; i < LENGTH(timers); i++)
        join_and_free(timers[i]);
    test_wait_until(has_few_threads, NULL);
}

/* ---- order ---- */

static int order[64], begun;

static void *note_order(void *arg)
{
    order[begun++] = (int)(intptr_t)arg;
    return NULL;
}

/** One at a time, since one thread is all there is. */
TEST(timer_service, begins_in_order_where_threads_cannot_be_made)
{
    test_gate gate = TEST_GATE_INIT;
    test_fail_thread_creations_from(1);
    thrum_timer *first = HAVE(thrum_timer_new(0, wait_at, &gate));
    start(first);
    test_gate_await(&gate, 1);
    thrum_timer *timers[LENGTH(order)];
    for (size_t i = 0; i < LENGTH(order); i++) {
        timers[i] = HAVE(thrum_timer_new(1e-4, note_order, (void *)(intptr_t)i));
        start(timers[i]);
    }
    CHECK_EQ(begun, 0);
    test_gate_open(&gate);
    for (size_t i = 0; i < LENGTH(order); i++)
        join_and_free(timers[i]);
    join_and_free(first);
    test_fail_thread_creations_from(0);
    for (size_t i = 0; i < LENGTH(order); i++)
        CHECK_EQ(order[i], (int)i);
}

/* ---- no threads, no memory ---- */

static void start_without_thread(void *unused)
{
    (void)unused;
    int calls = 0;
    thrum_timer *timer = HAVE(thrum_timer_new(0, count, &calls));
    test_fail_thread_creations_from(1);
    CHECK_STATUS(thrum_timer_start(timer), THRUM_EAGAIN);
    CHECK_STATUS(thrum_timer_start(timer), THRUM_EAGAIN);
    CHECK_STATUS(thrum_timer_join(timer), THRUM_ESTATE);
    test_fail_thread_creations_from(0);
    test_fail_allocation(1);
    CHECK_STATUS(thrum_timer_start(timer), THRUM_ENOMEM);
    test_fail_allocation(0);
    start(timer);
    join_and_free(timer);
    CHECK_EQ(calls, 1);
}

/** In a forked child there is no thread of the service yet. */
TEST(timer_service, a_start_without_a_thread_may_be_tried_again)
{
    CHECK_EXITED(test_run_child(start_without_thread, NULL), 0);
}

TEST(timer_service, threads_that_cannot_be_made_are_done_without)
{
    test_gate gate = TEST_GATE_INIT;
    int calls = 0;
    test_fail_thread_creations_from(1);
    thrum_timer *slow = HAVE(thrum_timer_new(0, wait_at, &gate));
    start(slow);
    test_gate_await(&gate, 1);
    thrum_timer *waiting[8];
    for (size_t i = 0; i < LENGTH(waiting); i++) {
        waiting[i] = HAVE(thrum_timer_new(0, count, &calls));
        start(waiting[i]);
    }
    CHECK(thrum_timer_cancel(waiting[0]));
    test_gate_open(&gate);
    for (size_t i = 0; i < LENGTH(waiting); i++)
        join_and_free(waiting[i]);
    join_and_free(slow);
    test_fail_thread_creations_from(0);
    CHECK_EQ(calls, (int)LENGTH(waiting) - 1);
}

TEST(timer_service, some_threads_that_cannot_be_made)
{
    test_allow_threads(64);
    test_allow_allocations(200);
    TEST_SWEEP_THREADS
    {
        test_gate gate = TEST_GATE_INIT;
        thrum_timer *slow[12];
        for (size_t i = 0; i < LENGTH(slow); i++) {
            slow[i] = HAVE(thrum_timer_new(0, wait_at, &gate));
            start(slow[i]);
        }
        test_gate_await(&gate, 1); /* how many more there are depends on which one fails */
        test_gate_open(&gate);
        for (size_t i = 0; i < LENGTH(slow); i++)
            join_and_free(slow[i]);
        test_wait_until(has_few_threads, NULL);
    }
}

/* ---- idle ---- */

/** How often the other threads of this process have been woken. */
static long wakeups(void)
{
    long sum = 0;
    DIR *tasks = HAVE(opendir("/proc/self/task"));
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        char path[300], line[256];
        snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        FILE *status =
            task->d_name[0] != '.' && atoi(task->d_name) != getpid() ? fopen(path, "r") : NULL;
        while (status != NULL && fgets(line, sizeof line, status) != NULL)
            if (strncmp(line, "voluntary_ctxt_switches:", 24) == 0)
                sum += atol(line + 24);
        if (status != NULL)
            fclose(status);
    }
    closedir(tasks);
    return sum;
}

TEST(timer_service, an_idle_one_does_not_wake_up)
{
    thrum_timer *far_one = HAVE(thrum_timer_new(FAR_S, NULL, NULL));
    start(far_one);
    bool was_quiet = false; /* a sanitizer has threads of its own */
    for (int attempt = 0; attempt < 20 && !was_quiet; attempt++) {
        thrum_sleep(0.01);
        long before = wakeups();
        thrum_sleep(0.1);
        was_quiet = wakeups() == before;
    }
    CHECK(was_quiet || test_time_factor() > 1);
    cancel_and_free(far_one);
}

/* ---- the end of the program ---- */

static void leave_pending(void *daemon)
{
    static char late[] = "timer";
    test_say("main");
    thrum_timer *timer =
        HAVE(thrum_timer_new(daemon == NULL ? 0.02 : FAR_S, say_it, late,
                             .daemon = daemon == NULL ? THRUM_NOT_DAEMON : THRUM_DAEMON));
    start(timer);
    thrum_timer_free(timer);
}

TEST(timer_service, the_program_ends_after_its_timers)
{
    CHECK_PROGRAM(leave_pending, NULL, 0, "main\ntimer\n");
}

TEST(timer_service, the_program_does_not_wait_for_daemons)
{
    int daemon;
    CHECK_PROGRAM(leave_pending, &daemon, 0, "main\n");
}

static int links = 3;

static void *start_next(void *arg)
{
    test_say("link");
    if (--links > 0) {
        thrum_timer *next = HAVE(thrum_timer_new(0.005, start_next, arg));
        start(next);
        thrum_timer_free(next);
    }
    return NULL;
}

static void leave_chain(void *unused)
{
    thrum_timer *first = HAVE(thrum_timer_new(0.005, start_next, unused));
    start(first);
    thrum_timer_free(first);
}

TEST(timer_service, the_program_ends_after_timers_that_its_timers_start)
{
    CHECK_PROGRAM(leave_chain, NULL, 0, "link\nlink\nlink\n");
}

static void *speak_last(void *arg)
{
    CHECK_STATUS(thrum_thread_join(thrum_main_thread()), 0);
    thrum_sleep(SOON_S);
    test_say("thread of a timer");
    return arg;
}

static void *spawn_one(void *arg)
{
    thrum_thread_free(HAVE(thrum_spawn(speak_last, arg)));
    return NULL;
}

static void leave_thread(void *unused)
{
    thrum_timer *timer = HAVE(thrum_timer_new(0, spawn_one, unused));
    start(timer);
    thrum_timer_free(timer);
    test_say("main");
}

TEST(timer_service, the_program_ends_after_threads_that_its_timers_start)
{
    CHECK_PROGRAM(leave_thread, NULL, 0, "main\nthread of a timer\n");
}

static thrum_timer *repeating;
static int ticks;

static void *tick_thrice(void *unused)
{
    test_say("tick");
    if (++ticks == 3)
        CHECK(thrum_timer_cancel(repeating));
    return unused;
}

static void leave_repeating(void *unused)
{
    repeating = HAVE(thrum_timer_new(0.005, tick_thrice, unused, .repeat = true));
    start(repeating);
}

TEST(timer_service, the_program_ends_after_a_repeating_timer_is_cancelled)
{
    CHECK_PROGRAM(leave_repeating, NULL, 0, "tick\ntick\ntick\n");
}

static void *cancel_it(void *timer)
{
    CHECK_STATUS(thrum_thread_join(thrum_main_thread()), 0);
    CHECK(thrum_timer_cancel(timer));
    return NULL;
}

static void cancel_at_end(void *unused)
{
    (void)unused;
    thrum_timer *timer = HAVE(thrum_timer_new(FAR_S, NULL, NULL));
    start(timer);
    thrum_thread_free(HAVE(thrum_spawn(cancel_it, timer, .daemon = THRUM_DAEMON)));
}

TEST(timer_service, the_last_cancel_lets_the_program_end)
{
    int status = test_run_child(cancel_at_end, NULL);
    CHECK_EXITED(status, 0);
}

static void *exit_from_call(void *arg)
{
    test_say("exit");
    exit(arg != NULL ? 7 : 0);
}

static void exit_inside(void *arg)
{
    thrum_timer *timer = HAVE(thrum_timer_new(0, exit_from_call, arg));
    start(timer);
    thrum_timer_join(timer); /* never: the process ends */
}

TEST(timer_service, a_call_may_end_the_program)
{
    int seven;
    CHECK_PROGRAM(exit_inside, &seven, 7, "exit\n");
}

static int shut_down_status;

static void *shut_down_from_call(void *unused)
{
    shut_down_status = thrum_shutdown();
    test_say("shut down");
    return unused;
}

static void shut_down_inside(void *unused)
{
    (void)unused;
    thrum_timer *timer = HAVE(thrum_timer_new(0, shut_down_from_call, NULL));
    start(timer);
    CHECK_STATUS(thrum_timer_join(timer), 0);
    CHECK_STATUS(shut_down_status, 0);
    CHECK_STATUS(thrum_timer_start(HAVE(thrum_timer_new(0, NULL, NULL))), THRUM_ESHUTDOWN);
}

TEST(timer_service, a_call_may_shut_down)
{
    CHECK_PROGRAM(shut_down_inside, NULL, 0, "shut down\n");
}

static void start_after_end(void *unused)
{
    (void)unused;
    thrum_timer *pending = HAVE(thrum_timer_new(FAR_S, NULL, NULL, .daemon = THRUM_DAEMON));
    start(pending);
    CHECK_STATUS(thrum_shutdown(), 0);
    const enum thrum_daemon kinds[] = {THRUM_DAEMON, THRUM_NOT_DAEMON};
    for (size_t i = 0; i < LENGTH(kinds); i++) {
        thrum_timer *timer = HAVE(thrum_timer_new(0, NULL, NULL, .daemon = kinds[i]));
        CHECK_STATUS(thrum_timer_start(timer), THRUM_ESHUTDOWN);
        CHECK_STATUS(thrum_timer_start(timer), THRUM_ESHUTDOWN);
        CHECK_STATUS(thrum_timer_join(timer), THRUM_ESTATE);
        thrum_timer_free(timer);
    }
    CHECK_STATUS(thrum_timer_join(pending), THRUM_EDEADLK);
    CHECK_STATUS(thrum_timer_join_until(pending, thrum_after(0.001)), THRUM_ETIMEDOUT);
    CHECK(thrum_timer_cancel(pending));
    CHECK_STATUS(thrum_timer_join(pending), 0);
    thrum_timer_free(pending);
    test_say("done");
}

TEST(timer_service, after_the_end_nothing_starts)
{
    CHECK_PROGRAM(start_after_end, NULL, 0, "done\n");
}

/* ---- fork ---- */

static thrum_timer *of_parent[3];
static test_gate parent_gate = TEST_GATE_INIT;

static void use_in_child(void *unused)
{
    (void)unused;
    int calls = 0;
    for (size_t i = 0; i < LENGTH(of_parent); i++) {
        CHECK(!thrum_timer_cancel(of_parent[i]));
        CHECK_STATUS(thrum_timer_join(of_parent[i]), 0);
        CHECK_STATUS(thrum_timer_start(of_parent[i]), THRUM_ESTATE);
        thrum_timer_free(of_parent[i]);
    }
    thrum_timer *timer = HAVE(thrum_timer_new(0.001, count, &calls));
    start(timer);
    join_and_free(timer);
    CHECK_EQ(calls, 1);
    static char late[] = "timer of the child";
    timer = HAVE(thrum_timer_new(0.01, say_it, late));
    start(timer);
    thrum_timer_free(timer);
}

TEST(timer_service, a_child_has_none_of_its_parents_timers)
{
    of_parent[0] = HAVE(thrum_timer_new(FAR_S, NULL, NULL));
    of_parent[1] = HAVE(thrum_timer_new(0, wait_at, &parent_gate));
    of_parent[2] = HAVE(thrum_timer_new(FAR_S, NULL, NULL, .repeat = true));
    for (size_t i = 0; i < LENGTH(of_parent); i++)
        start(of_parent[i]);
    test_gate_await(&parent_gate, 1);
    CHECK_PROGRAM(use_in_child, NULL, 0, "timer of the child\n");
    test_gate_open(&parent_gate);
    cancel_and_free(of_parent[0]);
    join_and_free(of_parent[1]);
    cancel_and_free(of_parent[2]);
}

static void *fork_in_call(void *arg)
{
    pid_t child = fork();
#if TEST_UNDER_TSAN /* which bears no end of a forked thread */
    if (child == 0)
        _exit(0);
#endif
    if (child == 0)
        return NULL;
    CHECK_GT(child, 0);
    CHECK_EQ(waitpid(child, arg, 0), child);
    return NULL;
}

/** The child's only thread leaves the service, and with it the process ends. */
TEST(timer_service, a_call_may_fork)
{
    int status = -1;
    thrum_timer *timer = HAVE(thrum_timer_new(0, fork_in_call, &status));
    start(timer);
    join_and_free(timer);
    CHECK_EXITED(status, 0);
    int calls = 0;
    timer = HAVE(thrum_timer_new(0, count, &calls));
    start(timer);
    join_and_free(timer);
    CHECK_EQ(calls, 1);
}
