// SPDX-License-Identifier: MIT
/** @file
 *  Interrupted: a signal handler sets an event or releases a semaphore after every single machine
 *  instruction of a wait or a wake of its own thread, where instructions can be stepped. */
#include <signal.h>
#include <ucontext.h>

#include "platform/probe.h"
#include "support.h"
#include "thrum/barrier.h"
#include "thrum/condition.h"
#include "thrum/event.h"
#include "thrum/semaphore.h"

TEST_SETUP()
{
    th_probe_blocked = NULL;
}

#if defined(__SANITIZE_THREAD__)
#define UNDER_THREAD_SANITIZER 1
#endif
#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ADDRESS_SANITIZER 1
#endif
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_THREAD_SANITIZER 1
#endif
#if __has_feature(address_sanitizer)
#define UNDER_ADDRESS_SANITIZER 1
#endif
#endif

/* ThreadSanitizer's own code would be interrupted too, and cannot be. */
#if defined(__x86_64__) && !defined(UNDER_THREAD_SANITIZER)

#define TRAP_FLAG 0x100

/** The interruption under way: after `at` more instructions do `what`, once. */
static volatile int steps_left;
static volatile int fired;
static void (*what_to_do)(void);

static void after_instruction(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    if (--steps_left > 0)
        return;
    ucontext_t *interrupted = context;
    interrupted->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
    fired = 1;
    what_to_do();
}

/** Call `operation` and interrupt it after `at` instructions; true if it was so long. */
static bool interrupt_at(int at, void (*what)(void), void (*operation)(void))
{
    struct sigaction action = {.sa_sigaction = after_instruction, .sa_flags = SA_SIGINFO};
    CHECK_EQ(sigaction(SIGTRAP, &action, NULL), 0);
    th_self()->spin_pauses = 0; /* waits do not spin: it would be thousands of instructions */
    th_self()->spin_skips = 0;
    th_self()->spin_retry = 1000;
    steps_left = at;
    fired = 0;
    what_to_do = what;
    __asm__ __volatile__("pushfq; orq %0, (%%rsp); popfq" ::"i"(TRAP_FLAG) : "memory", "cc");
    operation();
    __asm__ __volatile__("pushfq; andq %0, (%%rsp); popfq" ::"i"(~TRAP_FLAG) : "memory", "cc");
    return fired != 0;
}

/** Where AddressSanitizer makes operations many times longer, a sample of the instructions. */
#if defined(UNDER_ADDRESS_SANITIZER)
enum { STRIDE = 23 };
#else
enum { STRIDE = 1 };
#endif

/** Enough instructions that an operation which never ends shows. */
enum { STEPS_MAX = 100000 };

static thrum_event event;
static thrum_semaphore semaphore;
static int status;

static thrum_time in_a_while(void)
{
    return thrum_after(0.002);
}

/* ---- the object that is waited for ---- */

static void set_event(void)
{
    thrum_event_set(&event);
}

static void wait_event(void)
{
    status = thrum_event_wait_until(&event, in_a_while());
}

TEST_LIMIT(interrupted, a_wait_hears_an_event_set_after_any_of_its_instructions, 120)
{
    int at = 1;
    for (bool more = true; more && at < STEPS_MAX; at += STRIDE) {
        thrum_event_clear(&event);
        more = interrupt_at(at, set_event, wait_event);
        CHECK_EQ(thrum_event_is_set(&event), more);
        CHECK_STATUS(thrum_event_wait_until(&event, 0), more ? 0 : THRUM_ETIMEDOUT);
        CHECK(status == 0 || status == THRUM_ETIMEDOUT);
        CHECK_EQ(waiters_on(&event), 0);
    }
    CHECK_GT(at, 100);
    CHECK_LT(at, STEPS_MAX);
}

static void release_semaphore(void)
{
    CHECK_STATUS(thrum_semaphore_release(&semaphore, 2), 0);
}

static void acquire_semaphore(void)
{
    status = thrum_semaphore_acquire_until(&semaphore, in_a_while());
}

TEST_LIMIT(interrupted, a_wait_gets_a_permit_released_after_any_of_its_instructions, 120)
{
    int at = 1;
    for (bool more = true; more && at < STEPS_MAX; at += STRIDE) {
        thrum_semaphore_init(&semaphore, 0, false);
        more = interrupt_at(at, release_semaphore, acquire_semaphore);
        unsigned taken = status == 0;
        CHECK(status == 0 || status == THRUM_ETIMEDOUT);
        CHECK_EQ(thrum_semaphore_value(&semaphore) + taken, more ? 2 : 0);
        CHECK_EQ(waiters_on(&semaphore), 0);
    }
    CHECK_GT(at, 100);
    CHECK_LT(at, STEPS_MAX);
}

/* ---- another object, whose queue is under the same lock ---- */

/** Two objects at such addresses that their queues share a bucket. */
static thrum_event *event_beside(const void *object)
{
    static thrum_event many[16384];
    th_bucket *wanted = th_bucket_lock((uintptr_t)object);
    th_bucket_unlock(wanted);
    for (size_t i = 0; i < LENGTH(many); i++) {
        th_bucket *bucket = th_bucket_lock((uintptr_t)&many[i]);
        th_bucket_unlock(bucket);
        if (bucket == wanted)
            return &many[i];
    }
    FAIL("no address shares the bucket");
}

static thrum_event *beside;
static int heard;
static int is_over;

static void *listen(void *arg)
{
    while (thrum_event_wait(beside) == 0 && !count_of(&is_over)) {
        thrum_event_clear(beside);
        bump(&heard);
    }
    return arg;
}

static void set_beside(void)
{
    thrum_event_set(beside);
}

/** Interrupt the operation everywhere by a set that wakes a sleeping listener. */
static void check_everywhere(const void *object, void (*operation)(void))
{
    test_thread listener;
    beside = event_beside(object);
    test_spawn(&listener, listen, NULL);
    int at = 1, told = 0;
    for (bool more = true; more && at < STEPS_MAX; at += STRIDE) {
        await_waiters(beside, 1);
        more = interrupt_at(at, set_beside, operation);
        told += more;
        await_count(&heard, told);
    }
    CHECK_GT(at, 50);
    CHECK_LT(at, STEPS_MAX);
    set_count_of(&is_over, 1);
    thrum_event_set(beside);
    test_join(&listener);
}

static thrum_lock lock;
static thrum_condition condition;
static thrum_barrier barrier = THRUM_BARRIER(2);

static void wait_condition(void)
{
    thrum_lock_acquire(&lock);
    status = thrum_condition_wait_until(&condition, &lock, 0);
    thrum_lock_release(&lock);
    CHECK_STATUS(status, THRUM_ETIMEDOUT);
}

TEST_LIMIT(interrupted, a_condition_may_be_interrupted_anywhere, 120)
{
    check_everywhere(&condition, wait_condition);
}

static void wait_barrier(void)
{
    status = thrum_barrier_wait_until(&barrier, 0);
    CHECK_STATUS(status, THRUM_EBROKEN);
    thrum_barrier_reset(&barrier);
}

TEST_LIMIT(interrupted, a_barrier_may_be_interrupted_anywhere, 120)
{
    check_everywhere(&barrier, wait_barrier);
}

static void acquire_held_lock(void)
{
    thrum_lock_acquire(&lock);
    status = thrum_lock_acquire_until(&lock, thrum_now() + 1000);
    thrum_lock_release(&lock);
    CHECK_STATUS(status, THRUM_ETIMEDOUT);
}

TEST_LIMIT(interrupted, a_lock_may_be_interrupted_anywhere, 120)
{
    check_everywhere(&lock, acquire_held_lock);
}

#endif

/* ---- handlers in handlers ---- */

static thrum_semaphore counted;
static int depth;

static void release_and_raise(int number)
{
    CHECK_STATUS(thrum_semaphore_release(&counted, 1), 0);
    if (++depth % 8 != 0)
        raise(number);
    CHECK_STATUS(thrum_semaphore_release(&counted, 1), 0);
}

TEST(interrupted, handlers_that_interrupt_handlers_lose_no_permit)
{
    struct sigaction action = {.sa_handler = release_and_raise, .sa_flags = SA_NODEFER};
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    for (int i = 0; i < 10; i++) {
        thrum_semaphore_init(&counted, 0, false);
        th_bucket *bucket = th_bucket_lock((uintptr_t)&counted);
        counted.state |= 1; /* as if somebody were queued: the releases are put off */
        raise(SIGUSR1);
        CHECK_EQ(thrum_semaphore_value(&counted), 0);
        th_bucket_unlock(bucket);
        CHECK_EQ(thrum_semaphore_value(&counted), 16);
    }
}
