/* SPDX-License-Identifier: MIT */
/** @file
 *  A test of each kind that thrum_check tells apart; valid as C and as C++. `verdicts NAME
 *  [SCHEDULE]` runs one and prints its status, verdict, executions, whether all were run,
 *  preemptions and schedule. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>
#include <thrum/check.h>

static thrum_lock a, b;
static thrum_condition changed;
static int plain, shared;

static int get(const int *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void put(int *word, int value)
{
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

/** Run both, beside each other. */
static void in_two_threads(thrum_target one, thrum_target other, void *arg)
{
    thrum_thread *first = thrum_spawn(one, arg), *second = thrum_spawn(other, arg);
    if (first != NULL)
        thrum_check_assert(thrum_thread_join(first) == 0);
    if (second != NULL)
        thrum_check_assert(thrum_thread_join(second) == 0);
    thrum_thread_free(first);
    thrum_thread_free(second);
}

/* ---- bugs ---- */

static void *update(void *arg)
{
    put(&shared, get(&shared) + 1);
    return arg;
}

static void assertion(void *arg)
{
    in_two_threads(update, update, arg);
    assert(get(&shared) == 2);
}

static void own_assertion(void *arg)
{
    in_two_threads(update, update, arg);
    thrum_check_assert(get(&shared) == 2);
}

static void *update_plainly(void *arg)
{
    plain += 1;
    return arg;
}

static void race(void *arg)
{
    in_two_threads(update_plainly, update_plainly, arg);
}

static void *there(void *arg)
{
    thrum_with (&a) {
        thrum_with (&b)
            plain += 1;
    }
    return arg;
}

static void *back(void *arg)
{
    thrum_with (&b) {
        thrum_with (&a)
            plain += 1;
    }
    return arg;
}

static void deadlock(void *arg)
{
    in_two_threads(there, back, arg);
}

static void *wait_unchecked(void *arg)
{
    if (!get(&shared)) {
        THRUM_HOLD(&a);
        thrum_condition_wait(&changed, &a);
    }
    return arg;
}

static void *make_true(void *arg)
{
    put(&shared, 1);
    thrum_with (&a)
        thrum_condition_notify(&changed, 1);
    return arg;
}

static void lost_wakeup(void *arg)
{
    in_two_threads(wait_unchecked, make_true, arg);
}

static void *spin(void *arg)
{
    while (!get(&shared))
        thrum_sleep(0.001);
    return arg;
}

static void livelock(void *arg)
{
    in_two_threads(spin, spin, arg);
}

static int *kept;

static void *keep_and_use(void *arg)
{
    int *number = NULL;
    thrum_with (&a)
        number = kept;
    if (number != NULL) {
        thrum_with (&a)
            *number = 42;
    }
    return arg;
}

static void *free_kept(void *arg)
{
    THRUM_HOLD(&a);
    free(kept);
    kept = NULL;
    return arg;
}

static void use_after_free(void *arg)
{
    kept = (int *)malloc(sizeof *kept);
    in_two_threads(keep_and_use, free_kept, arg);
}

/** Who finds nothing makes one: two may find nothing, and one block is lost. */
static void *make_once(void *arg)
{
    static void *made;
    if (__atomic_load_n(&made, __ATOMIC_ACQUIRE) == NULL)
        __atomic_store_n(&made, malloc(1), __ATOMIC_RELEASE);
    if (arg != NULL) /* the last */
        free(__atomic_load_n(&made, __ATOMIC_ACQUIRE));
    return arg;
}

static void leak(void *arg)
{
    in_two_threads(make_once, make_once, arg);
    make_once(&a);
}

static void *release(void *arg)
{
    if (thrum_lock_locked(&a))
        thrum_lock_release(&a);
    return arg;
}

static void misuse(void *arg)
{
    thrum_lock_acquire(&a);
    in_two_threads(release, release, arg);
}

static void *follow(void *arg)
{
    static int target, *pointer = &target;
    if (__atomic_load_n(&pointer, __ATOMIC_ACQUIRE) != NULL) {
        int seen = *__atomic_load_n(&pointer, __ATOMIC_ACQUIRE); /* by now it may be NULL */
        __atomic_store_n(&pointer, (int *)NULL, __ATOMIC_RELEASE);
        return seen == 0 ? arg : NULL;
    }
    return arg;
}

static void crash(void *arg)
{
    in_two_threads(follow, follow, arg);
}

static void *publish(void *arg)
{
    static int data;
    if (arg == NULL) {
        __atomic_store_n(&data, 1, __ATOMIC_RELAXED);
        __atomic_store_n(&shared, 1, __ATOMIC_RELAXED); /* too weak */
    } else if (__atomic_load_n(&shared, __ATOMIC_RELAXED)) {
        thrum_check_assert(__atomic_load_n(&data, __ATOMIC_RELAXED) == 1);
    }
    return arg;
}

static void weak(void *arg)
{
    thrum_thread *writer = thrum_spawn(publish, NULL), *reader = thrum_spawn(publish, &a);
    thrum_thread_join(writer), thrum_thread_free(writer);
    thrum_thread_join(reader), thrum_thread_free(reader);
    (void)arg;
}

static void choice(void *arg)
{
    thrum_check_assert(thrum_check_choose(3) + thrum_check_choose(2) < 3);
    (void)arg;
}

static void allocation(void *arg)
{
    kept = (int *)malloc(sizeof *kept);
    thrum_check_assert(kept != NULL);
    free(kept);
    (void)arg;
}

/* ---- no bugs ---- */

static void *update_locked(void *arg)
{
    thrum_with (&a) {
        int seen = plain;
        thrum_sleep(3600);
        plain = seen + 1;
    }
    return arg;
}

static void *wait_checked(void *arg)
{
    THRUM_HOLD(&a);
    while (!plain)
        thrum_condition_wait(&changed, &a);
    return arg;
}

static void *make_true_locked(void *arg)
{
    thrum_with (&a) {
        plain = 1;
        thrum_condition_notify(&changed, 1);
    }
    return arg;
}

static void clean(void *arg)
{
    assert(plain == 0); /* static variables are set back */
    in_two_threads(update_locked, update_locked, arg);
    assert(plain == 2);
    plain = 0;
    in_two_threads(wait_checked, make_true_locked, arg);
    void *block = realloc(calloc(1, 10), 20);
    assert(block == NULL || *(char *)block == 0);
    free(block);
}

static void nested(void *arg)
{
    thrum_check_assert(thrum_check(clean, arg) == THRUM_ESTATE);
}

/* ---- the program ---- */

typedef void test_function(void *);

static const struct {
    const char *name;
    test_function *test;
} tests[] = {
    {"assertion", assertion},
    {"own-assertion", own_assertion},
    {"race", race},
    {"deadlock", deadlock},
    {"lost-wakeup", lost_wakeup},
    {"livelock", livelock},
    {"use-after-free", use_after_free},
    {"leak", leak},
    {"misuse", misuse},
    {"crash", crash},
    {"weak", weak},
    {"choice", choice},
    {"allocation", allocation},
    {"clean", clean},
    {"nested", nested},
    {"null", NULL},
};

static const char *name_of(enum thrum_check_verdict verdict)
{
    static const char *const names[] = {"nothing",  "assertion",      "race", "deadlock",
                                        "livelock", "use-after-free", "leak", "misuse",
                                        "crash",    "history"};
    return names[verdict];
}

/** One search, as the environment wants it. */
static int run(const char *name, test_function *test, const char *replay, thrum_check_result *ret)
{
    const char *strategy = getenv("STRATEGY"), *executions = getenv("EXECUTIONS");
    enum thrum_check_strategy chosen = THRUM_CHECK_EXHAUSTIVE;
    if (strategy != NULL)
        chosen = strcmp(strategy, "pct") == 0 ? THRUM_CHECK_PCT : THRUM_CHECK_RANDOM;
    return thrum_check(test, NULL, .name = name, .strategy = chosen,
                       .executions = executions == NULL ? 0 : strtoull(executions, NULL, 10),
                       .steps = 2000, .weak_memory = getenv("WEAK") != NULL,
                       .allocation_failures = getenv("FAILURES") != NULL,
                       .quiet = getenv("QUIET") != NULL, .replay = replay, .ret_result = ret);
}

int main(int argc, char **argv)
{
    thrum_check_result result;
    memset(&result, 0, sizeof result);
    for (size_t i = 0; argc > 1 && i < sizeof tests / sizeof tests[0]; i++) {
        if (strcmp(tests[i].name, argv[1]) == 0) {
            int status = run(argv[1], tests[i].test, argv[2], &result);
            printf("%d %s %llu %d %u %s\n", status, name_of(result.verdict),
                   (unsigned long long)result.executions, result.exhausted, result.preemptions,
                   result.schedule == NULL ? "-" : result.schedule);
            return status != THRUM_EFAILED || (result.schedule && result.message) ? 0 : 1;
        }
    }
    return 2;
}
