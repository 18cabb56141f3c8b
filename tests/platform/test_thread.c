/* SPDX-License-Identifier: MIT */
/** @file
 *  The operating system's threads: statuses, stacks, names, numbers. */
#include "platform/thread.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runner.h"

#define MIB ((size_t)1024 * 1024)

static test_gate gate = TEST_GATE_INIT;

TEST(platform_thread, a_stack_is_the_default_or_of_a_sane_size)
{
    CHECK(th_stack_bytes_valid(0));
    CHECK(!th_stack_bytes_valid(1));
    CHECK(!th_stack_bytes_valid(TH_STACK_BYTES_MIN - 1));
    CHECK(th_stack_bytes_valid(TH_STACK_BYTES_MIN));
    CHECK(th_stack_bytes_valid(TH_STACK_BYTES_MIN + 1));
    CHECK(th_stack_bytes_valid(((size_t)1 << 46) - 1));
    CHECK(!th_stack_bytes_valid((size_t)1 << 46));
    CHECK(!th_stack_bytes_valid(SIZE_MAX));
}

static void *tell_stack_bytes(void *arg)
{
    pthread_attr_t attributes;
    CHECK_EQ(pthread_getattr_np(pthread_self(), &attributes), 0);
    pthread_attr_getstacksize(&attributes, arg);
    pthread_attr_destroy(&attributes);
    return NULL;
}

static size_t stack_bytes_of(size_t wanted)
{
    size_t bytes = 0;
    pthread_t thread;
    CHECK_STATUS(th_thread_create(&thread, tell_stack_bytes, &bytes, wanted), 0);
    th_thread_reap(thread);
    return bytes;
}

/** Larger than any stack that libc may have kept, and growing from check to check. */
TEST(platform_thread, a_stack_has_the_size_asked_for_in_whole_pages)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    CHECK_GT(stack_bytes_of(0), 0);
    CHECK_EQ(stack_bytes_of(100 * MIB), 100 * MIB);
    CHECK_EQ(stack_bytes_of(101 * MIB + 1), 101 * MIB + page);
}

static void *return_arg(void *arg)
{
    return arg;
}

TEST(platform_thread, an_invalid_stack_size_starts_nothing)
{
    pthread_t thread;
    const unsigned long creations = test_thread_creations();
    CHECK_STATUS(th_thread_create(&thread, return_arg, NULL, 1), THRUM_EINVAL);
    CHECK_STATUS(th_thread_create(&thread, return_arg, NULL, SIZE_MAX), THRUM_EINVAL);
    CHECK_EQ(test_thread_creations(), creations);
}

TEST(platform_thread, no_more_threads_is_an_answer)
{
    const size_t sizes[] = {0, MIB};
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        test_fail_thread_creation(1);
        CHECK_STATUS(th_thread_create(&thread, return_arg, NULL, sizes[i]), THRUM_EAGAIN);
        CHECK_EQ(test_failures_injected(), 1);
        CHECK_STATUS(th_thread_create(&thread, return_arg, NULL, sizes[i]), 0);
        th_thread_reap(thread);
    }
}

static uint32_t told_id;

static void *tell_id(void *arg)
{
    told_id = th_native_id();
    CHECK_EQ(told_id, test_thread_id());
    test_gate_wait(&gate);
    return arg;
}

static bool is_counted_as(void *arg)
{
    return th_native_thread_count() == *(unsigned *)arg;
}

TEST(platform_thread, threads_are_numbered_and_counted_by_the_kernel)
{
    unsigned before = th_native_thread_count();
    CHECK_EQ(before, test_count_threads());
    CHECK_EQ(th_native_id(), getpid());
    pthread_t thread;
    CHECK_STATUS(th_thread_create(&thread, tell_id, NULL, 0), 0);
    test_gate_await(&gate, 1);
    CHECK_EQ(th_native_thread_count(), before + 1);
    test_gate_open(&gate);
    th_thread_reap(thread);
    CHECK_NE(told_id, th_native_id());
    test_wait_until(is_counted_as, &before);
}

static void count_without_descriptors(void *unused)
{
    (void)unused;
    struct rlimit before;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit none = {0, before.rlim_max};
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    unsigned count = th_native_thread_count();
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    CHECK_EQ(count, 0);
}

TEST(platform_thread, a_count_that_cannot_be_had_is_0)
{
    CHECK_EXITED(test_run_child(count_without_descriptors, NULL), 0);
}

TEST(platform_thread, a_detached_thread_collects_itself)
{
    unsigned before = th_native_thread_count();
    pthread_t thread;
    CHECK_STATUS(th_thread_create(&thread, tell_id, NULL, 0), 0);
    test_gate_await(&gate, 1);
    th_thread_detach(thread);
    test_gate_open(&gate);
    test_wait_until(is_counted_as, &before);
}

TEST(platform_thread, the_os_name_is_cut_at_15_bytes_and_a_whole_character)
{
    const char *const names[][2] = {
        {"", ""},
        {"short", "short"},
        {"exactly15bytes.", "exactly15bytes."},
        {"exactly16bytes..", "exactly16bytes."},
        {"12345678901234\xC3\xA4", "12345678901234"},
        {"1234567890123\xC3\xA4more", "1234567890123\xC3\xA4"},
        {"1234567890123\xE2\x82\xAC", "1234567890123"},
        {"123456789012\xF0\x9F\xA7\xB5", "123456789012"},
        {"12345678901\xF0\x9F\xA7\xB5x", "12345678901\xF0\x9F\xA7\xB5"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[16];
        th_thread_set_os_name(pthread_self(), names[i][0]);
        CHECK_EQ(pthread_getname_np(pthread_self(), name, sizeof name), 0);
        CHECK_STR(name, names[i][1]);
    }
}

static unsigned signals_handled; /* accessed atomically */

static void count_signal(int signo)
{
    (void)signo;
    __atomic_fetch_add(&signals_handled, 1, __ATOMIC_RELAXED);
}

static bool hundred_came(void *unused)
{
    (void)unused;
    return __atomic_load_n(&signals_handled, __ATOMIC_RELAXED) >= 100;
}

static bool has_gone_on; /* accessed atomically */

static void set_gone_on(void *unused)
{
    (void)unused;
    __atomic_store_n(&has_gone_on, true, __ATOMIC_RELAXED);
}

static void *stop_for_good(void *arg)
{
    pthread_cleanup_push(set_gone_on, NULL);
    th_stop_for_good();
    pthread_cleanup_pop(1);
    return arg;
}

TEST(platform_thread, a_thread_stopped_for_good_is_not_started_by_signals)
{
    struct sigaction counting = {.sa_handler = count_signal};
    static test_thread thread;
    test_signals storm;
    CHECK_EQ(sigaction(SIGUSR1, &counting, NULL), 0);
    test_allow_threads(1);
    test_spawn(&thread, stop_for_good, NULL);
    test_send_signals(&storm, thread.handle, SIGUSR1, 20);
    test_wait_until(hundred_came, NULL);
    test_stop_signals(&storm);
    test_wait_asleep(thread.tid);
    CHECK(!__atomic_load_n(&has_gone_on, __ATOMIC_RELAXED));
}

static void *look_who_i_am(void *arg)
{
    CHECK(th_thread_is_self(pthread_self()));
    CHECK(th_thread_is_self(th_thread_self()));
    CHECK(!th_thread_is_self(*(pthread_t *)arg));
    CHECK(!th_is_first_thread());
    return NULL;
}

TEST(platform_thread, a_thread_knows_itself_and_the_first)
{
    pthread_t thread, first = th_thread_self();
    CHECK(th_is_first_thread());
    CHECK_EQ(th_process_id(), getpid());
    CHECK_STATUS(th_thread_create(&thread, look_who_i_am, &first, 0), 0);
    th_thread_reap(thread);
}

static th_key key;
static void *destroyed; /* written by the thread that ends */

static void note_destroyed(void *value)
{
    CHECK_PTR(pthread_getspecific(key), NULL);
    destroyed = value;
}

static void *set_key(void *arg)
{
    th_key_set(key, &key);
    th_key_set(key, arg);
    return NULL;
}

TEST(platform_thread, a_key_is_destroyed_with_the_thread_that_set_it)
{
    int value;
    pthread_t thread;
    CHECK_STATUS(th_key_create(&key, note_destroyed), 0);
    CHECK_STATUS(th_thread_create(&thread, set_key, &value, 0), 0);
    th_thread_reap(thread);
    CHECK_PTR(destroyed, &value);
    destroyed = NULL;
    CHECK_STATUS(th_thread_create(&thread, set_key, NULL, 0), 0);
    th_thread_reap(thread);
    CHECK_PTR(destroyed, NULL);
}

TEST(platform_thread, keys_run_out)
{
    int status = 0;
    th_key one;
    for (int i = 0; status == 0 && i < 100000; i++)
        status = th_key_create(&one, NULL);
    CHECK_STATUS(status, THRUM_EAGAIN);
}

static void *cancel_myself(void *arg)
{
    bool *went_on = arg;
    int state = th_cancel_disable();
    pthread_cancel(pthread_self());
    pthread_testcancel();
    *went_on = true;
    th_cancel_restore(state);
    pthread_testcancel();
    *went_on = false;
    return NULL;
}

TEST(platform_thread, cancellation_is_held_back)
{
    bool went_on = false;
    pthread_t thread;
    CHECK_STATUS(th_thread_create(&thread, cancel_myself, &went_on, 0), 0);
    th_thread_reap(thread);
    CHECK(went_on);
}

static void say_exit(void)
{
    CHECK_EQ(write(STDERR_FILENO, "exit ", 5), 5);
}

static void say_before(void)
{
    CHECK_EQ(write(STDERR_FILENO, "before ", 7), 7);
}

static void say_child(void)
{
    CHECK_EQ(write(STDERR_FILENO, "child ", 6), 6);
}

static void say_parent(void)
{
    CHECK_EQ(write(STDERR_FILENO, "parent ", 7), 7);
}

static void fork_and_exit(void *unused)
{
    (void)unused;
    CHECK_STATUS(th_at_exit(say_exit), 0);
    CHECK_STATUS(th_at_fork(say_before, NULL, say_child), 0);
    CHECK_STATUS(th_at_fork(NULL, say_parent, NULL), 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        _exit(0);
    CHECK_EQ(waitpid(child, NULL, 0), child);
}

TEST(platform_thread, handlers_of_fork_and_exit_are_called)
{
    char said[128];
    CHECK_EXITED(test_capture_stderr(fork_and_exit, NULL, said, sizeof said), 0);
    CHECK_CONTAINS(said, "before ");
    CHECK_CONTAINS(said, "child ");
    CHECK_CONTAINS(said, "parent ");
    CHECK_CONTAINS(said, "exit ");
}
