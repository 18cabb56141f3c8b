/* SPDX-License-Identifier: MIT */
/** @file
 *  Check: run a program's test under all schedules of its thrum calls, and find the race, the
 *  deadlock, the lost wake-up. No Python counterpart.
 *
 *      #include <assert.h>
 *      #include <thrum.h>
 *      #include <thrum/check.h>
 *
 *      static int balance;
 *      static void *deposit(void *unused)
 *      {
 *          int seen = balance;               // a data race: found in the first schedule
 *          thrum_sleep(0.1);
 *          balance = seen + 1;               // a lost update: found if the race is mended
 *          return unused;
 *      }
 *      static void test(void *unused)
 *      {
 *          thrum_thread *a = thrum_spawn(deposit, NULL), *b = thrum_spawn(deposit, NULL);
 *          thrum_thread_join(a), thrum_thread_free(a);
 *          thrum_thread_join(b), thrum_thread_free(b);
 *          assert(balance == 2);
 *      }
 *      int main(void) { return thrum_check(test, NULL, .name = "deposit") != 0; }
 *
 *      cc -c deposit.c $(pkg-config --cflags thrum-check)
 *      cc deposit.o $(pkg-config --libs thrum-check)
 *
 *  The test's threads run one at a time in this process; where another may take over is chosen
 *  anew in every execution: before every thrum call, at every wait, at every C11 atomic operation.
 *  The calls themselves are taken as a whole (thrum's own tests explore their insides). Deadlines
 *  pass on a clock that only moves when the explorer says so, so sleeping costs nothing.
 *
 *  Found: a failed assert or thrum_check_assert, a data race between plain accesses, a deadlock
 *  (who waits for what), a livelock, use after free and leaks of what malloc and friends gave in
 *  the program's own files, misuse, a crash. The schedule with the fewest preemptions is printed,
 *  with a line of source for every step, and how to replay it.
 *
 *  The test must be repeatable: no input, no clock but thrum's, no threads but thrum's. What its
 *  threads share must be static, on their stacks, or allocated by the test: this is watched, and
 *  set back before every execution; variables of main, and what it has allocated, are not. */
#ifndef THRUM_CHECK_H
#define THRUM_CHECK_H

#include <thrum/status.h>

THRUM_BEGIN_DECLS

/** How schedules are chosen. */
enum thrum_check_strategy {
    THRUM_CHECK_EXHAUSTIVE, /**< all, with 0, 1, 2, ... preemptions, up to `.preemptions` */
    THRUM_CHECK_PCT,        /**< random priorities, changed at a few random moments */
    THRUM_CHECK_RANDOM      /**< at every point any thread */
};

/** What was found. */
enum thrum_check_verdict {
    THRUM_CHECK_NOTHING,
    THRUM_CHECK_ASSERTION,      /**< assert, thrum_check_assert, an invariant of thrum */
    THRUM_CHECK_RACE,           /**< two accesses, one a plain one, one a write, without order */
    THRUM_CHECK_DEADLOCK,       /**< all threads sleep, and nothing will wake them */
    THRUM_CHECK_LIVELOCK,       /**< more than `.steps` steps */
    THRUM_CHECK_USE_AFTER_FREE, /**< also of the stack of a function that has returned */
    THRUM_CHECK_LEAK,           /**< memory of the test that is left at its end */
    THRUM_CHECK_MISUSE,         /**< of thrum, by the default handler */
    THRUM_CHECK_CRASH,          /**< a signal; also a stack or heap that is full */
    THRUM_CHECK_HISTORY         /**< of thrum's own models only: calls that fit no order */
};

/** The outcome of a search. The strings live until the next thrum_check. */
typedef struct thrum_check_result {
    enum thrum_check_verdict verdict;
    uint64_t executions;  /**< how many schedules were run */
    bool exhausted;       /**< all within the bound were */
    unsigned preemptions; /**< of the schedule found, or the bound */
    const char *schedule; /**< to be given to `.replay`; NULL: nothing was found */
    const char *message;  /**< what was found, in a line; NULL: nothing was */
} thrum_check_result;

/** Options of thrum_check; zeroed means the default of each. */
typedef struct thrum_check_options {
    size_t size;                                            /**< private: sizeof */
    const char *name THRUM_PRIVATE_UNSET;                   /**< for messages; default "test" */
    enum thrum_check_strategy strategy THRUM_PRIVATE_UNSET; /**< default exhaustive */
    unsigned preemptions THRUM_PRIVATE_UNSET;               /**< bound, up to 15; default 2 */
    uint64_t executions THRUM_PRIVATE_UNSET;                /**< at most; default 1,000,000 */
    double seconds THRUM_PRIVATE_UNSET;                     /**< at most; default 60 */
    unsigned steps THRUM_PRIVATE_UNSET;   /**< more are a livelock; up to 32,000, default 20,000 */
    uint64_t seed THRUM_PRIVATE_UNSET;    /**< of the random strategies; default 1 */
    bool weak_memory THRUM_PRIVATE_UNSET; /**< loads may also read older stores */
    bool allocation_failures THRUM_PRIVATE_UNSET; /**< one allocation or thread start may fail */
    bool quiet THRUM_PRIVATE_UNSET;               /**< print nothing */
    /** Run this schedule alone; default: THRUM_SCHEDULE of the environment. */
    const char *replay THRUM_PRIVATE_UNSET;
    thrum_check_result *ret_result THRUM_PRIVATE_UNSET; /**< stored here, whatever is found */
} thrum_check_options;

/** Run `test(arg)` under many schedules; stops at the first that fails, and prints it to stderr.
 *  The options are those of thrum_check_options: `thrum_check(test, arg, .preemptions = 3)`.
 *  @param test  what to run; it is the main thread of each execution
 *  @return 0: nothing was found; THRUM_EFAILED: something was, see `.ret_result`; THRUM_EINVAL:
 *          `test` is NULL, the schedule to replay is none, or the program was not compiled with the
 *          flags of thrum-check; THRUM_ESTATE: called inside itself
 *  @blocks for as long as the search takes   @thread main   @python none   @since 0.1 */
#define thrum_check(test, ...) THRUM_PRIVATE_CHECK_CALL(test, __VA_ARGS__, )
#define THRUM_PRIVATE_CHECK_CALL(test, arg, ...)                                                   \
    thrum_check_with((test), (arg), THRUM_PRIVATE_OPTIONS(thrum_check_options, __VA_ARGS__))

/** thrum_check without macro.
 *  @param test     what to run
 *  @param arg      handed to `test`; what it points to is watched only if it is static
 *  @param options  with `size` set, or NULL
 *  @return as thrum_check   @blocks as thrum_check   @thread main   @python none   @since 0.1 */
THRUM_API int thrum_check_with(void (*test)(void *), void *arg, const thrum_check_options *options);

/** Private: the failing half of thrum_check_assert. */
THRUM_API void thrum_check_fail(const char *what, const char *file, int line)
    __attribute__((noreturn));

/** Like assert, but also there in programs compiled with NDEBUG.
 *  @param condition  what must hold here, whatever the schedule
 *  @blocks no   @thread those of the test   @python assert   @since 0.1 */
#define thrum_check_assert(condition)                                                              \
    ((condition) ? (void)0 : thrum_check_fail(#condition, __FILE__, __LINE__))

/** 0 .. n-1: each is explored.
 *  @param n  at least 1
 *  @return one of them   @blocks no   @thread those of the test   @python none   @since 0.1 */
THRUM_API unsigned thrum_check_choose(unsigned n);

THRUM_END_DECLS
#endif
