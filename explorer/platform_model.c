/* SPDX-License-Identifier: MIT */
/** @file
 *  Platform, as the explorer has it.
 *
 *  Purpose     The functions of src/platform whose native form asks the operating system, for code
 *              compiled with TH_BACKEND_MODEL: futex, clock, thread, ending, fence, restart,
 *              memory, cpu, panic.
 *  State       Ordinary static variables: part of the world, set back before every execution. What
 *              constructors register before the first execution so stays registered. */
#include "platform_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "memory.h"
#include "platform/clock.h"
#include "platform/cpu.h"
#include "platform/ending.h"
#include "platform/fence.h"
#include "platform/futex.h"
#include "platform/memory.h"
#include "platform/panic.h"
#include "platform/restart.h"
#include "platform/thread.h"
#include "report.h"
#include "strategy.h"
#include "thrum/restartable.h"
#include "thrum/status.h"
#include "thrum/time.h"
#include "world.h"

#define HERE __builtin_return_address(0)
#define NS_PER_S 1000000000
#define KEYS_MAX 16
#define KEY_ROUNDS 4
#define HANDLERS_MAX 16
#define STDERR_BYTES 4096
#define FIRST_NATIVE_ID 1000
#define STACK_BYTES_MAX ((size_t)1 << 46)

/** A point inside a call of the library, which is one step to those who use it. */
static void library_point(void)
{
    engine_point(!engine.options.library_is_atomic);
}

/* ---- failures ---- */

int platform_fails(void)
{
    if (!engine.running || engine.quiet || engine.options.budgets[BUDGET_FAILURE] == 0)
        return false;
    bool fails = strategy_choose(2, BUDGET_FAILURE, true) != 0;
    engine_event((uintptr_t)&platform_fails, fails);
    return fails;
}

/* ---- clock ---- */

thrum_time thrum_now(void)
{
    engine_look_at_clock();
    return engine.clock;
}

thrum_time thrum_after(double seconds)
{
    thrum_time now = thrum_now();
    if (!(seconds > 0))
        return now;
    double ns = seconds * NS_PER_S;
    thrum_time after = ns >= (double)(THRUM_FOREVER - now) ? THRUM_FOREVER : now + (thrum_time)ns;
    engine_note_deadline(after);
    return after;
}

int64_t th_wall_clock_ns(void)
{
    return engine.clock;
}

/* ---- cpu ---- */

void th_pause(void)
{
    if (engine.running)
        library_point();
}

void th_yield(void)
{
    th_pause();
}

uint32_t th_pauses_per_us(void)
{
    return 1;
}

int th_has_many_cpus(void)
{
    return 1;
}

unsigned th_cpu_count(void)
{
    return 2;
}

static bool wakes_are_late;

void model_with_late_wakes(void)
{
    wakes_are_late = true;
}

bool th_wakes_may_be_late(void)
{
    return wakes_are_late;
}

/* ---- futex ---- */

void th_futex_wait(const uint32_t *word, uint32_t expected, thrum_time deadline)
{
    if (!engine.running)
        return;
    library_point();
    bool sleeps = memory_peek(word, sizeof *word) == expected;
    engine_event((uintptr_t)word, sleeps ? 5 : 6);
    if (sleeps)
        engine_sleep(word, deadline, HERE);
    else
        report_step(HERE, "futex wait: the word has changed");
}

void th_futex_wake(const uint32_t *word)
{
    if (!engine.running)
        return;
    library_point();
    engine_wake(word, HERE);
}

/* ---- restartable sequences ---- */

static bool has_no_sequences;

void model_without_sequences(void)
{
    has_no_sequences = true;
    thrum_private_sequence = NULL; /* of the first thread, which thrum has met already */
}

uint64_t *th_restart_sequence(void)
{
    static uint64_t sequence;
    return has_no_sequences ? NULL : &sequence;
}

void th_restart_others(void)
{
    if (engine.running && !has_no_sequences)
        engine_restart_others(HERE);
}

static bool has_no_fences;

void model_without_fences(void)
{
    has_no_fences = true;
}

bool th_can_fence_others(void)
{
    return !has_no_fences;
}

void th_fence_others(void)
{
    if (engine.running)
        engine_fence_others(HERE, "fences the others");
}

/** What thrum_private_free_word does natively. */
static bool take_out_owner(uint64_t *value, uint64_t owner)
{
    bool is_simple = (*value & ~(uint64_t)THRUM_PRIVATE_QUEUED) == owner;
    *value &= THRUM_PRIVATE_QUEUED;
    return is_simple;
}

bool thrum_private_store_free(uint32_t *word, uint32_t me, uint64_t *sequence)
{
    (void)sequence;
    if (memory_is_watched(word))
        return memory_store_restartable(word, sizeof *word, take_out_owner, me, HERE);
    uint64_t value = *word;
    bool is_simple = take_out_owner(&value, me);
    if (is_simple)
        *word = (uint32_t)value;
    return is_simple;
}

/* ---- memory ---- */

static int heap_number(void)
{
    return engine.running ? engine.current : 0;
}

static void *allocate(size_t bytes, bool pages)
{
    if (platform_fails())
        return NULL;
    void *memory =
        pages ? world_allocate_pages(heap_number(), bytes) : world_allocate(heap_number(), bytes);
    if (memory != NULL)
        memory_allocated(memory, bytes, pages);
    else if (engine.running)
        engine_verdict(THRUM_CHECK_CRASH,
                       "the explorer's heap is full: 1 MiB for each thread, 4,096 "
                       "blocks");
    return memory;
}

void *th_alloc(size_t bytes)
{
    return allocate(bytes, false);
}

void th_free(void *memory)
{
    size_t bytes;
    if (memory == NULL)
        return;
    if (world_free(memory, &bytes))
        memory_freed(memory, bytes);
    else if (engine.running)
        engine_verdict(THRUM_CHECK_USE_AFTER_FREE, "free of %p, which is not allocated", memory);
}

char *th_copy_string(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = th_alloc(bytes);
    if (copy != NULL)
        memcpy(copy, text, bytes);
    return copy;
}

void *th_pages(size_t bytes)
{
    return allocate(bytes, true);
}

/* ---- panic ---- */

static char said[STDERR_BYTES];
static size_t said_bytes;

const char *platform_stderr(void)
{
    return said;
}

/** The last line said, without its end. */
static const char *last_words(void)
{
    if (said_bytes > 0 && said[said_bytes - 1] == '\n')
        said[said_bytes - 1] = '\0';
    const char *last = strrchr(said, '\n');
    return last != NULL ? last + 1 : said;
}

void th_write_stderr(const char *text, size_t bytes)
{
    if (!engine.running) {
        (void)!write(STDERR_FILENO, text, bytes);
        return;
    }
    report_step(HERE, "says: %.*s", (int)bytes, text);
    size_t room = sizeof said - 1 - said_bytes;
    if (bytes > room)
        bytes = room;
    memcpy(said + said_bytes, text, bytes);
    said_bytes += bytes;
    said[said_bytes] = '\0';
}

void th_abort(void)
{
    if (engine.running)
        engine_verdict(strstr(said, "broken invariant") ? THRUM_CHECK_ASSERTION
                                                        : THRUM_CHECK_MISUSE,
                       "%s", last_words());
    abort();
}

bool th_write(int file, const char *text, size_t bytes)
{
    if (engine.running) {
        th_write_stderr(text, bytes);
        return true;
    }
    return write(file, text, bytes) == (ssize_t)bytes;
}

/* ---- threads ---- */

typedef struct start {
    void *(*body)(void *);
    void *arg;
} start;

static start starts[MODEL_THREADS];
static uint32_t has_ended[MODEL_THREADS]; /**< 1: as good as; slept on by who awaits it */
static bool no_endings;

void model_without_endings(void)
{
    no_endings = true;
}

bool th_endings_are_told(void)
{
    return !no_endings;
}

bool th_ending_await(pthread_t thread, thrum_time deadline)
{
    const uint32_t *word = &has_ended[thread - 1];
    library_point();
    engine_expect_owed((int)thread - 1);
    if (*word == 0)
        engine_sleep(word, deadline, HERE);
    engine_expect_owed((int)thread - 1);
    return *word != 0;
}

void th_ending_rouse(pthread_t thread)
{
    library_point();
    engine_wake(&has_ended[thread - 1], HERE);
}

static void endings_tell(void)
{
    library_point();
    has_ended[engine.current] = 1;
    engine_wake(&has_ended[engine.current], HERE);
}

static int first_thread; /**< whose native id is the process's; another in a forked child */

/** Counts as the library's: it is not the program that calls the body. */
__attribute__((section("thrum_text"))) static void *start_thread(void *arg)
{
    const start *one = arg;
    void *result = one->body(one->arg);
    platform_thread_ends();
    endings_tell();
    return result;
}

bool th_stack_bytes_valid(size_t stack_bytes)
{
    return stack_bytes == 0 || (stack_bytes >= TH_STACK_BYTES_MIN && stack_bytes < STACK_BYTES_MAX);
}

int th_thread_create(pthread_t *ret_thread, void *(*body)(void *), void *arg, size_t stack_bytes)
{
    if (!th_stack_bytes_valid(stack_bytes))
        return THRUM_EINVAL;
    if (!engine.running || platform_fails())
        return THRUM_EAGAIN;
    library_point();
    int number = engine.threads_made;
    if (number == MODEL_THREADS)
        engine_verdict(THRUM_CHECK_CRASH, "more than %d threads in one execution", MODEL_THREADS);
    starts[number] = (start){body, arg};
    engine_spawn(start_thread, &starts[number]);
    engine.threads[number].is_owed = true;
    *ret_thread = (pthread_t)(number + 1);
    report_step(HERE, "starts thread %d", number);
    return 0;
}

void th_thread_reap(pthread_t thread)
{
    library_point();
    engine_join((int)thread - 1, HERE);
    engine_collect((int)thread - 1);
}

void th_thread_detach(pthread_t thread)
{
    engine_collect((int)thread - 1);
}

pthread_t th_thread_self(void)
{
    return (pthread_t)(engine.current + 1);
}

bool th_thread_is_self(pthread_t thread)
{
    return thread == th_thread_self();
}

void th_thread_set_os_name(pthread_t thread, const char *name)
{
    (void)thread;
    (void)name;
}

void th_thread_set_exact_sleep(void)
{
}

uint32_t th_native_id(void)
{
    return FIRST_NATIVE_ID + (uint32_t)engine.current;
}

int th_process_id(void)
{
    return FIRST_NATIVE_ID + first_thread;
}

bool th_is_first_thread(void)
{
    return engine.current == first_thread;
}

unsigned th_native_thread_count(void)
{
    unsigned count = 0;
    for (int i = 0; i < engine.threads_made; i++)
        count += engine.threads[i].state != THREAD_DONE && engine.threads[i].state != THREAD_GONE;
    return count;
}

void th_stop_for_good(void)
{
    engine_stop();
}

void *th_thread_local_address(void *address)
{
    return world_thread_local_address(engine.current, address);
}

int th_cancel_disable(void)
{
    return 0;
}

void th_cancel_restore(int before)
{
    (void)before;
}

/* ---- keys ---- */

static void (*key_destructors[KEYS_MAX])(void *);
static unsigned keys_made;
static __thread void *key_values[KEYS_MAX];

int th_key_create(th_key *ret_key, void (*destructor)(void *))
{
    world_open();
    if (keys_made == KEYS_MAX || platform_fails())
        return THRUM_EAGAIN;
    key_destructors[keys_made] = destructor;
    *ret_key = keys_made++;
    return 0;
}

void th_key_set(th_key key, void *value)
{
    key_values[key] = value;
}

void platform_thread_ends(void)
{
    for (int round = 0; round < KEY_ROUNDS; round++) {
        for (unsigned key = 0; key < keys_made; key++) {
            void *value = key_values[key];
            key_values[key] = NULL;
            if (value != NULL && key_destructors[key] != NULL)
                key_destructors[key](value);
        }
    }
}

/* ---- the process ---- */

static void (*exit_handlers[HANDLERS_MAX])(void);
static unsigned exit_handler_count;

typedef struct fork_handlers {
    void (*before)(void);
    void (*after_parent)(void);
    void (*after_child)(void);
} fork_handlers;

static fork_handlers forks[HANDLERS_MAX];
static unsigned fork_count;

int th_at_exit(void (*handler)(void))
{
    if (exit_handler_count == HANDLERS_MAX || platform_fails())
        return THRUM_ENOMEM;
    exit_handlers[exit_handler_count++] = handler;
    return 0;
}

void platform_program_ends(void)
{
    while (exit_handler_count > 0)
        exit_handlers[--exit_handler_count]();
}

_Noreturn void model_exit(void)
{
    platform_program_ends();
    th_stop_for_good();
}

int th_at_fork(void (*before)(void), void (*after_parent)(void), void (*after_child)(void))
{
    if (fork_count == HANDLERS_MAX)
        return THRUM_ENOMEM;
    forks[fork_count++] = (fork_handlers){before, after_parent, after_child};
    return 0;
}

int model_fork(void)
{
    for (unsigned i = fork_count; i > 0; i--)
        if (forks[i - 1].before != NULL)
            forks[i - 1].before();
    bool is_child = strategy_choose(2, BUDGET_NONE, true) != 0;
    report_step(HERE, is_child ? "forks; this is the child" : "forks; this is the parent");
    if (is_child) {
        engine_forget_others();
        first_thread = engine.current;
        for (int i = 0; i < engine.threads_made; i++)
            has_ended[i] = i != engine.current;
    }
    for (unsigned i = 0; i < fork_count; i++) {
        void (*after)(void) = is_child ? forks[i].after_child : forks[i].after_parent;
        if (after != NULL)
            after();
    }
    return !is_child;
}
