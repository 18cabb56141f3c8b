/* SPDX-License-Identifier: MIT */
/** @file
 *  Thread: what CPython's test_threading says of Thread objects, and every status of the header. */
#include "thrum/thread.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "platform/probe.h"
#include "runner.h"
#include "thrum/event.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define KIB ((size_t)1024)
#define MIB (KIB * KIB)

static test_gate gate = TEST_GATE_INIT;

static void *return_arg(void *arg)
{
    return arg;
}

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

/* ---- start, join, result ---- */

TEST(thread, runs_its_target_with_its_argument)
{
    int value = 0;
    thrum_thread *thread = HAVE(thrum_thread_new(return_arg, &value));
    CHECK_STATUS(thrum_thread_start(thread), 0);
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_PTR(thrum_thread_result(thread), &value);
    thrum_thread_free(thread);
}

TEST(thread, spawn_makes_and_starts)
{
    int value = 0;
    thrum_thread *thread = HAVE(thrum_spawn(return_arg, &value, .name = "spawned"));
    CHECK_STR(thrum_thread_name(thread), "spawned");
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_PTR(thrum_thread_result(thread), &value);
    thrum_thread_free(thread);
}

TEST(thread, null_target_runs_nothing)
{
    thrum_thread *thread = HAVE(thrum_spawn(NULL, &gate));
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_PTR(thrum_thread_result(thread), NULL);
    thrum_thread_free(thread);
}

TEST(thread, null_is_answered_by_every_function)
{
    CHECK_STATUS(thrum_thread_start(NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_thread_join(NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_thread_join_until(NULL, 0), THRUM_EINVAL);
    CHECK_STATUS(thrum_thread_set_name(NULL, "x"), THRUM_EINVAL);
    CHECK_STATUS(thrum_thread_set_name(thrum_main_thread(), NULL), THRUM_EINVAL);
    CHECK_STATUS(thrum_thread_set_daemon(NULL, true), THRUM_EINVAL);
    CHECK_PTR(thrum_thread_result(NULL), NULL);
    CHECK(!thrum_thread_is_alive(NULL));
    CHECK(!thrum_thread_is_daemon(NULL));
    CHECK_PTR(thrum_thread_name(NULL), NULL);
    CHECK_EQ(thrum_thread_ident(NULL), 0);
    CHECK_EQ(thrum_thread_native_id(NULL), 0);
    thrum_thread_free(NULL);
}

TEST(thread, starts_once)
{
    thrum_thread *thread = HAVE(thrum_spawn(wait_at_gate, NULL));
    CHECK_STATUS(thrum_thread_start(thread), THRUM_ESTATE);
    test_gate_open(&gate);
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_STATUS(thrum_thread_start(thread), THRUM_ESTATE);
    thrum_thread_free(thread);
}

static void *start_it(void *arg)
{
    test_gate_wait(&gate);
    int status = thrum_thread_start(arg);
    CHECK(status == 0 || status == THRUM_ESTATE);
    return status == 0 ? arg : NULL;
}

static int runs;

static void *count_run(void *arg)
{
    __atomic_fetch_add(&runs, 1, __ATOMIC_RELAXED);
    return arg;
}

TEST(thread, of_many_starters_one_starts)
{
    thrum_thread *thread = HAVE(thrum_thread_new(count_run, NULL));
    test_thread starters[8];
    for (size_t i = 0; i < LENGTH(starters); i++)
        test_spawn(&starters[i], start_it, thread);
    test_gate_await(&gate, LENGTH(starters));
    test_gate_open(&gate);
    int winners = 0;
    for (size_t i = 0; i < LENGTH(starters); i++)
        winners += test_join(&starters[i]) != NULL;
    CHECK_EQ(winners, 1);
    join_and_free(thread);
    CHECK_EQ(runs, 1);
}

TEST(thread, join_before_start_is_refused)
{
    thrum_thread *thread = HAVE(thrum_thread_new(return_arg, NULL));
    CHECK_STATUS(thrum_thread_join(thread), THRUM_ESTATE);
    CHECK_STATUS(thrum_thread_join_until(thread, thrum_after(10)), THRUM_ESTATE);
    CHECK_STATUS(thrum_thread_start(thread), 0);
    join_and_free(thread);
}

static char self_wait_line[256];
static const void *self_wait_object;

static void note_self_wait(const char *what, const void *object)
{
    snprintf(self_wait_line, sizeof self_wait_line, "%s", what);
    self_wait_object = object;
}

static void *join_self(void *arg)
{
    int *status = arg;
    status[0] = thrum_thread_join(thrum_current_thread());
    status[1] = thrum_thread_join_until(thrum_current_thread(), thrum_after(60));
    return NULL;
}

TEST(thread, join_of_itself_is_refused_and_told)
{
    int status[2];
    th_probe_self_wait = note_self_wait;
    thrum_thread *thread = HAVE(thrum_spawn(join_self, status, .name = "narcissus"));
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_STATUS(status[0], THRUM_EDEADLK);
    CHECK_STATUS(status[1], THRUM_EDEADLK);
    CHECK_CONTAINS(self_wait_line, "narcissus");
    CHECK_PTR(self_wait_object, thread);
    thrum_thread_free(thread);
    th_probe_self_wait = NULL;
    CHECK_STATUS(thrum_thread_join(thrum_main_thread()), THRUM_EDEADLK);
}

TEST(thread, joins_again_and_again)
{
    thrum_thread *thread = HAVE(thrum_spawn(return_arg, &gate));
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_STATUS(thrum_thread_join_until(thread, 0), 0);
    CHECK_PTR(thrum_thread_result(thread), &gate);
    thrum_thread_free(thread);
}

static void *join_arg(void *arg)
{
    CHECK_STATUS(thrum_thread_join(arg), 0);
    return thrum_thread_result(arg);
}

TEST(thread, all_of_many_joiners_wake)
{
    thrum_thread *thread = HAVE(thrum_spawn(wait_at_gate, &gate));
    thrum_thread *joiners[20];
    for (size_t i = 0; i < LENGTH(joiners); i++)
        joiners[i] = HAVE(thrum_spawn(join_arg, thread));
    for (size_t i = 0; i < LENGTH(joiners); i++)
        test_wait_asleep((pid_t)thrum_thread_native_id(joiners[i]));
    test_gate_open(&gate);
    for (size_t i = 0; i < LENGTH(joiners); i++) {
        CHECK_STATUS(thrum_thread_join(joiners[i]), 0);
        CHECK_PTR(thrum_thread_result(joiners[i]), &gate);
        thrum_thread_free(joiners[i]);
    }
    thrum_thread_free(thread);
}

TEST(thread, join_gives_up_at_its_deadline)
{
    thrum_thread *thread = HAVE(thrum_spawn(wait_at_gate, NULL));
    CHECK_STATUS(thrum_thread_join_until(thread, 0), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_thread_join_until(thread, INT64_MIN), THRUM_ETIMEDOUT);
    CHECK_STATUS(thrum_thread_join_until(thread, thrum_after(-1)), THRUM_ETIMEDOUT);
    thrum_time deadline = thrum_after(0.02);
    CHECK_STATUS(thrum_thread_join_until(thread, deadline), THRUM_ETIMEDOUT);
    CHECK(thrum_now() >= deadline);
    CHECK(thrum_thread_is_alive(thread));
    test_gate_open(&gate);
    join_and_free(thread);
}

static void *join_at_the_end_of_time(void *arg)
{
    CHECK_STATUS(thrum_thread_join_until(arg, THRUM_FOREVER - 1), 0);
    return NULL;
}

TEST(thread, join_waits_to_the_end_of_the_clock)
{
    thrum_thread *thread = HAVE(thrum_spawn(wait_at_gate, NULL));
    thrum_thread *joiner = HAVE(thrum_spawn(join_at_the_end_of_time, thread));
    test_wait_asleep((pid_t)thrum_thread_native_id(joiner));
    test_gate_open(&gate);
    join_and_free(joiner);
    thrum_thread_free(thread);
}

static pthread_t told_handle;
static thrum_event handle_is_told = THRUM_EVENT_INIT;

static void tell_handle(void)
{
    told_handle = pthread_self();
    thrum_event_set(&handle_is_told);
}

static void *tell_and_join(void *arg)
{
    tell_handle();
    return join_arg(arg);
}

static unsigned signals_handled; /* accessed atomically */

static void count_signal(int signo)
{
    (void)signo;
    __atomic_fetch_add(&signals_handled, 1, __ATOMIC_RELAXED);
}

static bool three_hundred_came(void *unused)
{
    (void)unused;
    return __atomic_load_n(&signals_handled, __ATOMIC_RELAXED) >= 300;
}

TEST(thread, join_survives_signals)
{
    struct sigaction counting = {.sa_handler = count_signal};
    CHECK_EQ(sigaction(SIGUSR1, &counting, NULL), 0);
    thrum_thread *thread = HAVE(thrum_spawn(wait_at_gate, &gate));
    thrum_thread *joiner = HAVE(thrum_spawn(tell_and_join, thread));
    CHECK_STATUS(thrum_event_wait(&handle_is_told), 0);
    test_wait_asleep((pid_t)thrum_thread_native_id(joiner));
    test_signals storm;
    test_send_signals(&storm, told_handle, SIGUSR1, 20);
    test_wait_until(three_hundred_came, NULL);
    CHECK(thrum_thread_is_alive(joiner));
    test_stop_signals(&storm);
    test_gate_open(&gate);
    CHECK_STATUS(thrum_thread_join(joiner), 0);
    CHECK_PTR(thrum_thread_result(joiner), &gate);
    thrum_thread_free(joiner);
    thrum_thread_free(thread);
}

TEST(thread, result_is_null_before_the_end)
{
    thrum_thread *thread = HAVE(thrum_thread_new(wait_at_gate, &gate));
    CHECK_PTR(thrum_thread_result(thread), NULL);
    CHECK_STATUS(thrum_thread_start(thread), 0);
    CHECK_PTR(thrum_thread_result(thread), NULL);
    test_gate_open(&gate);
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_PTR(thrum_thread_result(thread), &gate);
    thrum_thread_free(thread);
}

static int plain_words[2];

static void *write_plain(void *arg)
{
    plain_words[1] = plain_words[0] + 1;
    return arg;
}

TEST(thread, start_and_join_order_memory)
{
    for (int i = 0; i < 200; i++) {
        plain_words[0] = i;
        thrum_thread *thread = HAVE(thrum_spawn(write_plain, NULL));
        join_and_free(thread);
        CHECK_EQ(plain_words[1], i + 1);
    }
}

static int thousand;

static void *add_one(void *arg)
{
    __atomic_fetch_add(&thousand, 1, __ATOMIC_RELAXED);
    test_gate_wait(&gate);
    return arg;
}

TEST_LIMIT(thread, a_thousand_live_at_once, 120)
{
    enum { MANY = 1000 };
    static thrum_thread *threads[MANY];
    for (int i = 0; i < MANY; i++) {
        threads[i] = thrum_spawn(add_one, NULL, .stack_bytes = 256 * KIB);
        CHECK(threads[i] != NULL);
    }
    CHECK_EQ(thrum_active_count(), MANY + 1);
    test_gate_open(&gate);
    for (int i = 0; i < MANY; i++)
        join_and_free(threads[i]);
    CHECK_EQ(thousand, MANY);
    CHECK_EQ(thrum_active_count(), 1);
}

static pthread_key_t key;
static int destructors_run; /* plain: the join orders it */

static void run_destructor(void *unused)
{
    (void)unused;
    test_wait_asleep(getpid());
    destructors_run++;
}

static void *set_key(void *arg)
{
    pthread_setspecific(key, arg);
    return NULL;
}

TEST(thread, join_waits_for_destructors_of_pthread_keys)
{
    CHECK_EQ(pthread_key_create(&key, run_destructor), 0);
    thrum_thread *thread = HAVE(thrum_spawn(set_key, &key));
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_EQ(destructors_run, 1);
    thrum_thread_free(thread);
}

/* ---- handles ---- */

TEST(thread, freeing_an_unstarted_thread_leaves_nothing)
{
    thrum_thread_free(
        HAVE(thrum_thread_new(return_arg, NULL, .name = "a name of more than 31 letters....")));
}

TEST(thread, freeing_a_running_thread_lets_it_go_on)
{
    thrum_thread *thread = HAVE(thrum_spawn(wait_at_gate, NULL));
    thrum_thread *all[8];
    thrum_thread_free(thread);
    CHECK_EQ(thrum_enumerate(all, LENGTH(all)), 2);
    test_gate_open(&gate);
    CHECK_STATUS(thrum_thread_join(all[1]), 0);
    thrum_thread_free(all[1]);
}

static bool is_alone(void *unused)
{
    (void)unused;
    return thrum_active_count() == 1;
}

TEST(thread, a_thread_without_handles_collects_itself)
{
    for (int i = 0; i < 50; i++)
        thrum_thread_free(HAVE(thrum_spawn(return_arg, NULL)));
    test_wait_until(is_alone, NULL);
}

TEST(thread, freeing_an_ended_thread_unjoined_collects_it)
{
    for (int i = 0; i < 50; i++) {
        thrum_thread *thread = HAVE(thrum_spawn(return_arg, NULL));
        while (thrum_thread_is_alive(thread))
            sched_yield();
        thrum_thread_free(thread);
    }
}

static void *free_own_handle(void *arg)
{
    thrum_thread **handle = arg;
    thrum_thread_free(*handle);
    return NULL;
}

TEST(thread, a_target_may_free_its_own_handle_at_once)
{
    thrum_thread *threads[200];
    for (size_t i = 0; i < LENGTH(threads); i++) {
        threads[i] = HAVE(thrum_thread_new(free_own_handle, &threads[i]));
        CHECK_STATUS(thrum_thread_start(threads[i]), 0);
    }
    test_wait_until(is_alone, NULL);
}

TEST(thread, a_handle_may_be_freed_as_soon_as_the_join_has_returned)
{
    for (int i = 0; i < 500; i++)
        join_and_free(HAVE(thrum_spawn(return_arg, NULL)));
}

/* ---- when something is missing ---- */

TEST(thread, no_more_threads_is_an_answer_and_start_may_be_tried_again)
{
    thrum_thread *thread = HAVE(thrum_thread_new(return_arg, &gate, .name = "later"));
    for (int i = 0; i < 3; i++) {
        test_fail_thread_creation(1);
        CHECK_STATUS(thrum_thread_start(thread), THRUM_EAGAIN);
        CHECK_EQ(test_failures_injected(), 1);
        CHECK_EQ(thrum_active_count(), 1);
        CHECK_EQ(thrum_thread_ident(thread), 0);
        CHECK_EQ(thrum_thread_native_id(thread), 0);
        CHECK(!thrum_thread_is_alive(thread));
        CHECK_STATUS(thrum_thread_join(thread), THRUM_ESTATE);
        CHECK_STATUS(thrum_thread_set_daemon(thread, false), 0);
    }
    CHECK_STATUS(thrum_thread_start(thread), 0);
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_PTR(thrum_thread_result(thread), &gate);
    thrum_thread_free(thread);
}

TEST(thread, a_failing_spawn_leaves_nothing)
{
    TEST_SWEEP_THREADS
    {
        thrum_thread *thread = thrum_spawn(return_arg, NULL);
        CHECK((thread == NULL) == (test_failures_injected() > 0));
        if (thread != NULL)
            join_and_free(thread);
        CHECK_EQ(thrum_active_count(), 1);
    }
}

TEST(thread, no_memory_is_an_answer_of_new_and_spawn)
{
    TEST_SWEEP_ALLOCATIONS
    {
        thrum_thread *thread =
            thrum_thread_new(return_arg, NULL, .name = "a name that does not fit into the record");
        CHECK((thread == NULL) == (test_failures_injected() > 0));
        thrum_thread_free(thread);
    }
    TEST_SWEEP_ALLOCATIONS
    {
        thrum_thread *thread = thrum_spawn(return_arg, NULL);
        CHECK((thread == NULL) == (test_failures_injected() > 0));
        if (thread != NULL)
            join_and_free(thread);
    }
}

TEST(thread, no_memory_keeps_the_old_name)
{
    thrum_thread *thread = HAVE(thrum_thread_new(return_arg, NULL, .name = "old"));
    test_fail_allocation(1);
    CHECK_STATUS(thrum_thread_set_name(thread, "new"), THRUM_ENOMEM);
    CHECK_STR(thrum_thread_name(thread), "old");
    CHECK_STATUS(thrum_thread_set_name(thread, "new"), 0);
    CHECK_STR(thrum_thread_name(thread), "new");
    thrum_thread_free(thread);
}

/* ---- questions ---- */

TEST(thread, is_alive_from_start_to_join)
{
    thrum_thread *thread = HAVE(thrum_thread_new(wait_at_gate, NULL));
    CHECK(!thrum_thread_is_alive(thread));
    CHECK_STATUS(thrum_thread_start(thread), 0);
    CHECK(thrum_thread_is_alive(thread));
    test_gate_open(&gate);
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK(!thrum_thread_is_alive(thread));
    thrum_thread_free(thread);
}

static void *tell_idents(void *arg)
{
    uint64_t *idents = arg;
    idents[0] = thrum_get_ident();
    idents[1] = thrum_get_native_id();
    idents[2] = (uint64_t)test_thread_id();
    idents[3] = thrum_thread_ident(thrum_current_thread());
    test_gate_wait(&gate);
    return NULL;
}

TEST(thread, ident_is_known_when_start_returns_and_kept)
{
    uint64_t idents[4] = {0};
    thrum_thread *thread = HAVE(thrum_thread_new(tell_idents, idents));
    CHECK_EQ(thrum_thread_ident(thread), 0);
    CHECK_EQ(thrum_thread_native_id(thread), 0);
    CHECK_STATUS(thrum_thread_start(thread), 0);
    uint64_t ident = thrum_thread_ident(thread);
    uint64_t native_id = thrum_thread_native_id(thread);
    CHECK_NE(ident, 0);
    CHECK_NE(ident, thrum_get_ident());
    test_gate_open(&gate);
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_EQ(idents[0], ident);
    CHECK_EQ(idents[1], native_id);
    CHECK_EQ(idents[2], native_id);
    CHECK_EQ(idents[3], ident);
    CHECK_EQ(thrum_thread_ident(thread), ident);
    CHECK_EQ(thrum_thread_native_id(thread), native_id);
    thrum_thread_free(thread);
}

TEST(thread, idents_of_the_living_differ)
{
    thrum_thread *threads[20];
    for (size_t i = 0; i < LENGTH(threads); i++) {
        threads[i] = HAVE(thrum_spawn(wait_at_gate, NULL));
        for (size_t j = 0; j < i; j++)
            CHECK_NE(thrum_thread_ident(threads[i]), thrum_thread_ident(threads[j]));
    }
    test_gate_open(&gate);
    for (size_t i = 0; i < LENGTH(threads); i++)
        join_and_free(threads[i]);
}

/* ---- names ---- */

TEST(thread, default_names_are_numbered)
{
    thrum_thread *first = HAVE(thrum_thread_new(return_arg, NULL));
    thrum_thread *named = HAVE(thrum_thread_new(return_arg, NULL, .name = "named"));
    thrum_thread *second = HAVE(thrum_thread_new(return_arg, NULL));
    unsigned a, b;
    CHECK_EQ(sscanf(thrum_thread_name(first), "Thread-%u", &a), 1);
    CHECK_EQ(sscanf(thrum_thread_name(second), "Thread-%u", &b), 1);
    CHECK_EQ(b, a + 1);
    CHECK_STR(thrum_thread_name(named), "named");
    thrum_thread_free(first);
    thrum_thread_free(named);
    thrum_thread_free(second);
}

static void *rename_self(void *arg)
{
    const char *before = thrum_thread_name(thrum_current_thread());
    char os_name[16];
    pthread_getname_np(pthread_self(), os_name, sizeof os_name);
    CHECK_STR(os_name, "before-it-runs-");
    CHECK_STATUS(thrum_thread_set_name(thrum_current_thread(), "während-des-läufts"), 0);
    CHECK_STR(thrum_thread_name(thrum_current_thread()), "während-des-läufts");
    pthread_getname_np(pthread_self(), os_name, sizeof os_name);
    CHECK_STR(os_name, "während-des-l"); /* no half character at the 15th byte */
    CHECK_STR(before, "before-it-runs-and-later");
    (void)arg;
    return NULL;
}

TEST(thread, os_name_is_the_first_15_bytes)
{
    thrum_thread *thread = HAVE(thrum_thread_new(rename_self, NULL));
    CHECK_STATUS(thrum_thread_set_name(thread, "before-it-runs-and-later"), 0);
    CHECK_STATUS(thrum_thread_start(thread), 0);
    join_and_free(thread);
}

static void read_comm(uint64_t native_id, char comm[17])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%llu/comm", (unsigned long long)native_id);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    ssize_t got = read(fd, comm, 16);
    close(fd);
    CHECK(got > 0);
    comm[got - 1] = '\0';
}

TEST(thread, renaming_a_running_thread_renames_its_os_thread)
{
    char comm[17];
    thrum_thread *thread = HAVE(thrum_spawn(wait_at_gate, NULL, .name = "one"));
    read_comm(thrum_thread_native_id(thread), comm);
    CHECK_STR(comm, "one");
    CHECK_STATUS(thrum_thread_set_name(thread, "two"), 0);
    read_comm(thrum_thread_native_id(thread), comm);
    CHECK_STR(comm, "two");
    test_gate_open(&gate);
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_STATUS(thrum_thread_set_name(thread, "three"), 0);
    CHECK_STR(thrum_thread_name(thread), "three");
    thrum_thread_free(thread);
}

static void *read_names(void *arg)
{
    thrum_thread *thread = arg;
    while (!test_gate_is_open(&gate)) {
        const char *name = thrum_thread_name(thread);
        CHECK(name[0] == name[1] && name[2] == '\0');
    }
    return NULL;
}

TEST(thread, a_name_may_be_read_while_it_changes)
{
    thrum_thread *subject = HAVE(thrum_spawn(wait_at_gate, NULL, .name = "zz"));
    thrum_thread *reader = HAVE(thrum_spawn(read_names, subject));
    for (int i = 0; i < 300; i++) {
        char name[] = {(char)('a' + i % 26), (char)('a' + i % 26), '\0'};
        CHECK_STATUS(thrum_thread_set_name(subject, name), 0);
    }
    test_gate_open(&gate);
    join_and_free(reader);
    join_and_free(subject);
}

/* ---- daemons ---- */

static void *tell_inherited(void *arg)
{
    bool *daemons = arg;
    thrum_thread *inherits = HAVE(thrum_thread_new(return_arg, NULL));
    thrum_thread *is = HAVE(thrum_thread_new(return_arg, NULL, .daemon = THRUM_DAEMON));
    thrum_thread *is_not = HAVE(thrum_thread_new(return_arg, NULL, .daemon = THRUM_NOT_DAEMON));
    daemons[0] = thrum_thread_is_daemon(inherits);
    daemons[1] = thrum_thread_is_daemon(is);
    daemons[2] = thrum_thread_is_daemon(is_not);
    thrum_thread_free(inherits);
    thrum_thread_free(is);
    thrum_thread_free(is_not);
    return NULL;
}

TEST(thread, daemon_is_inherited_unless_said)
{
    bool daemons[3];
    tell_inherited(daemons);
    CHECK(!daemons[0] && daemons[1] && !daemons[2]);
    join_and_free(HAVE(thrum_spawn(tell_inherited, daemons, .daemon = THRUM_DAEMON)));
    CHECK(daemons[0] && daemons[1] && !daemons[2]);
    join_and_free(HAVE(thrum_spawn(tell_inherited, daemons, .daemon = THRUM_NOT_DAEMON)));
    CHECK(!daemons[0] && daemons[1] && !daemons[2]);
    test_thread foreign;
    test_spawn(&foreign, tell_inherited, daemons);
    test_join(&foreign);
    CHECK(daemons[0] && daemons[1] && !daemons[2]);
}

TEST(thread, daemon_may_be_set_before_start_only)
{
    thrum_thread *thread = HAVE(thrum_thread_new(wait_at_gate, NULL));
    CHECK_STATUS(thrum_thread_set_daemon(thread, true), 0);
    CHECK(thrum_thread_is_daemon(thread));
    CHECK_STATUS(thrum_thread_set_daemon(thread, false), 0);
    CHECK(!thrum_thread_is_daemon(thread));
    CHECK_STATUS(thrum_thread_start(thread), 0);
    CHECK_STATUS(thrum_thread_set_daemon(thread, true), THRUM_ESTATE);
    CHECK(!thrum_thread_is_daemon(thread));
    test_gate_open(&gate);
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_STATUS(thrum_thread_set_daemon(thread, true), THRUM_ESTATE);
    thrum_thread_free(thread);
    CHECK_STATUS(thrum_thread_set_daemon(thrum_main_thread(), true), THRUM_ESTATE);
}

/* ---- options ---- */

TEST(thread, options_of_an_older_program_are_read_as_far_as_they_go)
{
    thrum_thread_options old = {.size = offsetof(thrum_thread_options, daemon),
                                .name = "older",
                                .daemon = THRUM_DAEMON,
                                .stack_bytes = 1};
    thrum_thread *thread = HAVE(thrum_thread_new_with(return_arg, NULL, &old));
    CHECK_STR(thrum_thread_name(thread), "older");
    CHECK(!thrum_thread_is_daemon(thread));
    CHECK_STATUS(thrum_thread_start(thread), 0);
    join_and_free(thread);

    thrum_thread_options newer = {.size = sizeof newer + 64, .name = "newer"};
    thread = HAVE(thrum_thread_new_with(return_arg, NULL, &newer));
    CHECK_STR(thrum_thread_name(thread), "newer");
    thrum_thread_free(thread);

    thread = HAVE(thrum_spawn_with(return_arg, &gate, NULL));
    CHECK_CONTAINS(thrum_thread_name(thread), "Thread-");
    join_and_free(thread);
}

static void *tell_stack_bytes(void *arg)
{
    pthread_attr_t attributes;
    size_t *bytes = arg;
    CHECK_EQ(pthread_getattr_np(pthread_self(), &attributes), 0);
    pthread_attr_getstacksize(&attributes, bytes);
    pthread_attr_destroy(&attributes);
    return NULL;
}

static size_t stack_bytes_of(size_t wanted)
{
    size_t bytes = 0;
    join_and_free(HAVE(thrum_spawn(tell_stack_bytes, &bytes, .stack_bytes = wanted)));
    return bytes;
}

/** Sizes are larger than any stack that libc may have kept, and grow from check to check. */
TEST(thread, stack_size_is_as_asked_for)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    CHECK_EQ(stack_bytes_of(100 * MIB), 100 * MIB);
    CHECK_EQ(stack_bytes_of(101 * MIB + 1), 101 * MIB + page);
    CHECK_STATUS(thrum_set_stack_size(102 * MIB), 0);
    CHECK_EQ(stack_bytes_of(0), 102 * MIB);
    CHECK_EQ(stack_bytes_of(103 * MIB), 103 * MIB);
    CHECK_STATUS(thrum_set_stack_size(104 * MIB), 0);
    CHECK_STATUS(thrum_set_stack_size(32 * KIB - 1), THRUM_EINVAL);
    CHECK_STATUS(thrum_set_stack_size(1), THRUM_EINVAL);
    CHECK_STATUS(thrum_set_stack_size(SIZE_MAX), THRUM_EINVAL);
    CHECK_EQ(stack_bytes_of(0), 104 * MIB);
    CHECK_STATUS(thrum_set_stack_size(32 * KIB), 0);
    CHECK_STATUS(thrum_set_stack_size(0), 0);
    CHECK_GE(stack_bytes_of(0), MIB);
}

TEST(thread, a_stack_size_out_of_range_refuses_the_start)
{
    thrum_thread *thread = HAVE(thrum_thread_new(return_arg, NULL, .stack_bytes = 1));
    CHECK_STATUS(thrum_thread_start(thread), THRUM_EINVAL);
    CHECK_STATUS(thrum_thread_join(thread), THRUM_ESTATE);
    CHECK_EQ(thrum_active_count(), 1);
    thrum_thread_free(thread);
    CHECK(thrum_spawn(return_arg, NULL, .stack_bytes = SIZE_MAX) == NULL);
}

TEST(thread, a_stack_that_does_not_fit_into_memory_is_an_answer)
{
    thrum_thread *thread = HAVE(thrum_thread_new(return_arg, NULL, .stack_bytes = (size_t)1 << 45));
    int status = thrum_thread_start(thread);
    CHECK(status == THRUM_EAGAIN || status == THRUM_ENOMEM);
    CHECK_EQ(thrum_active_count(), 1);
    thrum_thread_free(thread);
}

/* ---- ends of another kind ---- */

static void *exit_thread(void *arg)
{
    pthread_exit(arg);
}

TEST(thread, pthread_exit_in_a_target_ends_the_thread)
{
    thrum_thread *thread = HAVE(thrum_spawn(exit_thread, &gate));
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_PTR(thrum_thread_result(thread), NULL);
    CHECK(!thrum_thread_is_alive(thread));
    CHECK_EQ(thrum_active_count(), 1);
    thrum_thread_free(thread);
}

/** Not asleep: ThreadSanitizer loses count of a call that is cancelled while it blocks. */
static void *await_cancellation(void *arg)
{
    tell_handle();
    for (;;) {
        pthread_testcancel();
        sched_yield();
    }
    return arg;
}

TEST(thread, pthread_cancel_of_a_target_ends_the_thread)
{
    thrum_thread *thread = HAVE(thrum_spawn(await_cancellation, &gate));
    thrum_thread *joiner = HAVE(thrum_spawn(join_arg, thread));
    CHECK_STATUS(thrum_event_wait(&handle_is_told), 0);
    test_wait_asleep((pid_t)thrum_thread_native_id(joiner));
    CHECK_EQ(pthread_cancel(told_handle), 0);
    join_and_free(joiner);
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_PTR(thrum_thread_result(thread), NULL);
    CHECK_EQ(thrum_active_count(), 1);
    thrum_thread_free(thread);
}

TEST(thread, a_cancelled_joiner_leaves_no_thread_behind)
{
    thrum_thread *thread = HAVE(thrum_spawn(wait_at_gate, NULL));
    thrum_thread *joiner = HAVE(thrum_spawn(tell_and_join, thread));
    CHECK_STATUS(thrum_event_wait(&handle_is_told), 0);
    test_wait_asleep((pid_t)thrum_thread_native_id(joiner));
    CHECK_EQ(pthread_cancel(told_handle), 0);
    test_gate_open(&gate);
    join_and_free(joiner);
    join_and_free(thread);
}

/* ---- all at once ---- */

static void *spawn_some(void *arg)
{
    for (int i = 0; i < 50; i++) {
        thrum_thread *thread = thrum_spawn(return_arg, arg);
        CHECK(thread != NULL);
        if (i % 3 == 0)
            CHECK_STATUS(thrum_thread_set_name(thread, "renamed"), 0);
        if (i % 2 == 0)
            CHECK_STATUS(thrum_thread_join(thread), 0);
        thrum_thread_free(thread);
    }
    return NULL;
}

TEST_LIMIT(thread, many_threads_start_and_join_many_threads, 120)
{
    thrum_thread *spawners[8];
    for (size_t i = 0; i < LENGTH(spawners); i++)
        spawners[i] = HAVE(thrum_spawn(spawn_some, NULL));
    for (size_t i = 0; i < LENGTH(spawners); i++)
        join_and_free(spawners[i]);
    test_wait_until(is_alone, NULL);
}
