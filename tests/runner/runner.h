// SPDX-License-Identifier: MIT
/** @file
 *  The test runner: self-registering cases, each in a process of its own, with a time limit, that
 *  fail on leaked threads, descriptors and memory.
 *
 *      #include "runner.h"
 *
 *      TEST(lock, until_times_out_without_owning) {
 *          thrum_lock lock = THRUM_LOCK_INIT;
 *          CHECK_STATUS(thrum_lock_acquire(&lock), 0);
 *          CHECK_STATUS(thrum_lock_acquire_until(&lock, thrum_after_ms(1)), THRUM_ETIMEDOUT);
 *      }
 *
 *  A test file holds no main; README.md says how it is linked and run. */
#ifndef THRUM_TEST_RUNNER_H
#define THRUM_TEST_RUNNER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/wait.h>

#if defined(__has_include)
#if __has_include(<thrum/status.h>)
#include <thrum/status.h>
#endif
#endif

/* ---- Sanitizers ---------------------------------------------------------------------------- */

#if defined(__SANITIZE_THREAD__)
#define TEST_UNDER_TSAN 1
#elif defined(__SANITIZE_ADDRESS__)
#define TEST_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TEST_UNDER_TSAN 1
#elif __has_feature(address_sanitizer)
#define TEST_UNDER_ASAN 1
#endif
#endif

/** 1 in a build with ThreadSanitizer, else 0. It ends a child, forked beside other threads, that
 *  starts a thread: cases that need one are left out, or have their children do without. */
#if !defined(TEST_UNDER_TSAN)
#define TEST_UNDER_TSAN 0
#endif
/** 1 in a build with AddressSanitizer, else 0. */
#if !defined(TEST_UNDER_ASAN)
#define TEST_UNDER_ASAN 0
#endif

/** For a file whose cases fork or end beside threads: LeakSanitizer is not asked, since it does not
 *  see what the stacks held of threads that a child does not have, or that have gone. What the
 *  runner counts is checked all the same. */
#define TEST_IGNORES_LEAKS()                                                                       \
    const char *__lsan_default_options(void);                                                      \
    const char *__lsan_default_options(void)                                                       \
    {                                                                                              \
        return "detect_leaks=0";                                                                   \
    }

/* ---- Cases --------------------------------------------------------------------------------- */

/** Seconds that a case may take, before THRUM_TEST_TIME_FACTOR is applied. */
#define TEST_LIMIT_DEFAULT 30

/** Seconds that a wait for a state or for a child process may take, before the same factor. */
#define TEST_WAIT_DEFAULT 10

/** A registered case; made by the macros below and never by hand. */
typedef struct test_case {
    const char *noun;
    const char *behaviour;
    const char *file;
    int line;
    int limit_s;
    int signo;   /* The signal that must end the case, or 0. */
    int code;    /* The status with which the case must exit, 0 for an ordinary case. */
    bool exits;  /* True for TEST_EXITS: the case must leave through exit or _exit itself. */
    bool hidden; /* Runs only with --hidden: a specimen that is meant to fail. */
    void (*body)(void);
    struct test_case *next;
} test_case;

void test_register(test_case *one);

/** Run the registered cases as the command line says; main does nothing but call this.
 *  @return 0, 1 when a case failed, 2 when the command line was wrong or selects no case */
int test_main(int argc, char **argv);

#define TEST_DEFINE(noun_, behaviour_, ...)                                                        \
    static void test_body_##noun_##_##behaviour_(void);                                            \
    __attribute__((constructor)) static void test_enter_##noun_##_##behaviour_(void)               \
    {                                                                                              \
        static test_case one = {.noun = #noun_,                                                    \
                                .behaviour = #behaviour_,                                          \
                                .file = __FILE__,                                                  \
                                .line = __LINE__,                                                  \
                                .body = test_body_##noun_##_##behaviour_,                          \
                                __VA_ARGS__};                                                      \
        test_register(&one);                                                                       \
    }                                                                                              \
    static void test_body_##noun_##_##behaviour_(void)

/** A case that must return, with nothing leaked, within the default limit. */
#define TEST(noun, behaviour) TEST_DEFINE(noun, behaviour, .limit_s = TEST_LIMIT_DEFAULT)

/** The same with a limit of its own, in seconds. */
#define TEST_LIMIT(noun, behaviour, seconds) TEST_DEFINE(noun, behaviour, .limit_s = (seconds))

/** A case that must be ended by the signal `number`, such as SIGABRT. Leaks are not looked at. */
#define TEST_DIES(noun, behaviour, number)                                                         \
    TEST_DEFINE(noun, behaviour, .limit_s = TEST_LIMIT_DEFAULT, .signo = (number))

/** A case that must itself exit with `status`; returning fails it. Leaks are not looked at. */
#define TEST_EXITS(noun, behaviour, status)                                                        \
    TEST_DEFINE(noun, behaviour, .limit_s = TEST_LIMIT_DEFAULT, .code = (status), .exits = true)

/** A case that runs only with --hidden: for tests of the runner itself. */
#define TEST_HIDDEN(noun, behaviour, seconds)                                                      \
    TEST_DEFINE(noun, behaviour, .limit_s = (seconds), .hidden = true)

/** Code that runs in the process of every case before its body and before anything is counted:
 *  what it allocates or opens lives as long as the process and is no leak. At most one per file. */
#define TEST_SETUP()                                                                               \
    static void test_setup_body(void);                                                             \
    __attribute__((constructor)) static void test_setup_enter(void)                                \
    {                                                                                              \
        test_register_setup(test_setup_body);                                                      \
    }                                                                                              \
    static void test_setup_body(void)

void test_register_setup(void (*setup)(void));

/** Let the case leave up to `count` threads running, such as daemon threads, when it returns. */
void test_allow_threads(int count);
/** Let the case leave up to `count` descriptors open. */
void test_allow_descriptors(int count);
/** Let the case (and each run of a sweep) leave up to `count` allocations alive. */
void test_allow_allocations(int count);

/** Let waits for a state (test_wait_until) and for a child process take `seconds`, times the
 *  factor, instead of TEST_WAIT_DEFAULT; for the case under way. */
void test_limit_waits(int seconds);

/** How many tasks and descriptors this process has at this moment. */
int test_count_threads(void);
int test_count_descriptors(void);

/** The factor by which limits grow: THRUM_TEST_TIME_FACTOR, otherwise 4 in a sanitizer build and 1
 *  in any other. A test that bounds a duration from above multiplies its bound by it. */
int test_time_factor(void);

/* ---- Checks: from any thread; a failed check ends the case at once. ------------------------- */

/** Fail the case with a message in the manner of printf. */
#define FAIL(...) test_fail(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(expr) ((expr) ? (void)0 : test_fail(__FILE__, __LINE__, "CHECK(%s)", #expr))

/** Compare two integers; a floating point or pointer operand does not compile. */
#define CHECK_EQ(a, b) TEST_COMPARE(a, ==, b)
#define CHECK_NE(a, b) TEST_COMPARE(a, !=, b)
#define CHECK_LT(a, b) TEST_COMPARE(a, <, b)
#define CHECK_LE(a, b) TEST_COMPARE(a, <=, b)
#define CHECK_GT(a, b) TEST_COMPARE(a, >, b)
#define CHECK_GE(a, b) TEST_COMPARE(a, >=, b)

/** Compare two strings, either of which may be NULL. */
#define CHECK_STR(a, b) test_check_str(__FILE__, __LINE__, #a, (a), #b, (b))
/** Fail unless `text` contains `part`. */
#define CHECK_CONTAINS(text, part) test_check_contains(__FILE__, __LINE__, #text, (text), (part))
/** Fail if `text` contains `part`. */
#define CHECK_LACKS(text, part) test_check_lacks(__FILE__, __LINE__, #text, (text), (part))
/** Compare two pointers. */
#define CHECK_PTR(a, b) test_check_ptr(__FILE__, __LINE__, #a, (a), #b, (b))
/** The pointer that the expression gives, if it is not NULL. */
#define HAVE(...) test_have(__FILE__, __LINE__, #__VA_ARGS__, (__VA_ARGS__))
/** Compare two doubles, which may differ by `margin`; NaN equals NaN. */
#define CHECK_NEAR(a, b, margin) test_check_near(__FILE__, __LINE__, #a, (a), #b, (b), (margin))
/** Compare the status that `expr` returned with `status`; both are printed by name. */
#define CHECK_STATUS(expr, status)                                                                 \
    test_check_status(__FILE__, __LINE__, #expr, (expr), #status, (status))
/** Fail unless a wait status (test_run_child, test_capture) says: exited with `code`. */
#define CHECK_EXITED(status, code) test_check_exited(__FILE__, __LINE__, (status), (code))
/** Fail unless a wait status says: ended by the signal `number`. */
#define CHECK_DIED(status, number) test_check_died(__FILE__, __LINE__, (status), (number))

/* The operand of % must be an integer, so the sizeof rejects every other type. */
#define TEST_COMPARE(a, op, b)                                                                     \
    do {                                                                                           \
        (void)sizeof((a) % 1);                                                                     \
        (void)sizeof((b) % 1);                                                                     \
        const long long test_a = (long long)(a);                                                   \
        const long long test_b = (long long)(b);                                                   \
        if (!(test_a op test_b))                                                                   \
            test_fail(__FILE__, __LINE__, "%s " #op " %s: %lld and %lld", #a, #b, test_a, test_b); \
    } while (0)

_Noreturn void test_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void test_check_str(const char *file, int line, const char *a_text, const char *a,
                    const char *b_text, const char *b);
void test_check_contains(const char *file, int line, const char *name, const char *text,
                         const char *part);
void test_check_lacks(const char *file, int line, const char *name, const char *text,
                      const char *part);
void test_check_ptr(const char *file, int line, const char *a_text, const volatile void *a,
                    const char *b_text, const volatile void *b);
void *test_have(const char *file, int line, const char *text, void *pointer);
void test_check_near(const char *file, int line, const char *a_text, double a, const char *b_text,
                     double b, double margin);
void test_check_status(const char *file, int line, const char *expr, int got, const char *name,
                       int wanted);
void test_check_exited(const char *file, int line, int status, int code);
void test_check_died(const char *file, int line, int status, int signo);

/* ---- Fault injection: counts calls of all threads, made by thrum's objects and the test. ---- */

/** Make the n-th allocation from now fail, once; 0 switches injection off. */
void test_fail_allocation(unsigned n);
/** Make the n-th allocation from now and all later ones fail; 0 switches injection off. */
void test_fail_allocations_from(unsigned n);
/** Make the n-th pthread_create from now fail with EAGAIN, once; 0 switches injection off. */
void test_fail_thread_creation(unsigned n);
/** Make the n-th pthread_create from now and all later ones fail; 0 switches injection off. */
void test_fail_thread_creations_from(unsigned n);

/** Allocations, and pthread_create calls, attempted since the case started. */
unsigned long test_allocations(void);
unsigned long test_thread_creations(void);
/** Allocations of the case that are alive now. */
long test_live_allocations(void);
/** How many calls (of either kind) failed by injection since one was last armed. */
unsigned test_failures_injected(void);

/** Run the block with its 1st, 2nd, ... allocation failing, until a run meets no failure.
 *
 *      TEST_SWEEP_ALLOCATIONS {
 *          int status = make(&thing);
 *          CHECK_STATUS(status, test_failures_injected() > 0 ? THRUM_ENOMEM : 0);
 *          ...
 *      }
 *
 *  A run that leaves more allocations alive than there were before the sweep fails the case and
 *  names the allocation. `break` leaves the sweep and switches injection off. */
#define TEST_SWEEP_ALLOCATIONS TEST_SWEEP(test_fail_allocation)
/** The same with the 1st, 2nd, ... pthread_create failing. */
#define TEST_SWEEP_THREADS TEST_SWEEP(test_fail_thread_creation)

#define TEST_SWEEP(arm_)                                                                           \
    for (test_sweep test_sweep_state __attribute__((                                               \
             cleanup(test_sweep_end))) = {.arm = (arm_), .file = __FILE__, .line = __LINE__};      \
         test_sweep_next(&test_sweep_state);)

typedef struct test_sweep {
    void (*arm)(unsigned n);
    const char *file;
    int line;
    unsigned n; /* The call that fails in the run under way, 0 before the first. */
    long live;  /* Allocations that were alive before the first run. */
} test_sweep;

bool test_sweep_next(test_sweep *sweep);
void test_sweep_end(test_sweep *sweep);

/* ---- Threads that owe nothing to thrum. ------------------------------------------------------ */

typedef struct test_thread {
    pthread_t handle;
    pid_t tid; /* Known as soon as test_spawn has returned. */
    void *(*fn)(void *);
    void *arg;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
} test_thread;

/** Start a plain pthread; `thread` must stay in place until test_join. A failure ends the case. */
void test_spawn(test_thread *thread, void *(*fn)(void *), void *arg);
/** Wait for the thread and return what its function returned. */
void *test_join(test_thread *thread);
/** The kernel's id of the calling thread. */
pid_t test_thread_id(void);

/** A gate that threads wait at until it is open. */
typedef struct test_gate {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool is_open;
    int waiting;
} test_gate;

#define TEST_GATE_INIT                                                                             \
    {                                                                                              \
        .mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER                       \
    }

void test_gate_open(test_gate *gate);
void test_gate_close(test_gate *gate);
/** Return when the gate is open. */
void test_gate_wait(test_gate *gate);
bool test_gate_is_open(test_gate *gate);
/** Return when `count` threads wait at the closed gate. */
void test_gate_await(test_gate *gate, int count);

/** Poll until `predicate(arg)` holds, for a state that must come; the case fails if it does not
 *  within the limit (TEST_WAIT_DEFAULT). */
#define test_wait_until(predicate, arg)                                                            \
    test_wait_until_at(__FILE__, __LINE__, #predicate, (predicate), (arg))
void test_wait_until_at(const char *file, int line, const char *name, bool (*predicate)(void *),
                        void *arg);

/** True while the thread `tid` of this process sleeps in a system call. */
bool test_is_sleeping(pid_t tid);
/** Poll until the thread `tid` is asleep, and still asleep at a second look. */
#define test_wait_asleep(tid) test_wait_asleep_at(__FILE__, __LINE__, (tid))
void test_wait_asleep_at(const char *file, int line, pid_t tid);

/** Monotonic nanoseconds. */
int64_t test_now_ns(void);

/** A storm of signals that breaks on one thread. */
typedef struct test_signals {
    test_thread sender;
    pthread_t target;
    int signo;
    unsigned every_us;
    bool stop; /* Accessed atomically. */
    bool owns_handler;
    unsigned long sent;
} test_signals;

/** Send `signo` to `target` every `every_us` microseconds until test_stop_signals. If nothing
 *  handles the signal, an empty handler without SA_RESTART does for as long as the storm lasts.
 *  `target` must not be joined before the storm is stopped. */
void test_send_signals(test_signals *storm, pthread_t target, int signo, unsigned every_us);
/** End the storm and return how many signals were sent. */
unsigned long test_stop_signals(test_signals *storm);

/* ---- Child processes. ------------------------------------------------------------------------ */

/** Run `fn(arg)` in a forked child, which then leaves by exit(0), and return its wait status. The
 *  case fails if the child takes longer than the limit (TEST_WAIT_DEFAULT). A failed check in the
 *  child prints and makes it exit with TEST_CHILD_FAILED. */
int test_run_child(void (*fn)(void *), void *arg);
/** The same, and put what the child wrote to descriptor `fd` into `buffer`, as a string cut at
 *  `size` - 1 bytes. */
int test_capture(int fd, void (*fn)(void *), void *arg, char *buffer, size_t size);
/** The same for standard error. */
int test_capture_stderr(void (*fn)(void *), void *arg, char *buffer, size_t size);

#define TEST_CHILD_FAILED 117

/** A line of a program that CHECK_PROGRAM runs: written to standard output at once, from whichever
 *  thread. */
void test_say(const char *line);
/** Run `program(arg)` as a child, and fail unless it writes `wanted` and exits with `code`. */
#define CHECK_PROGRAM(program, arg, code, wanted)                                                  \
    test_check_program(__FILE__, __LINE__, #program, (program), (arg), (code), (wanted))
void test_check_program(const char *file, int line, const char *name, void (*program)(void *),
                        void *arg, int code, const char *wanted);

#endif
