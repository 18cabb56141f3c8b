/* SPDX-License-Identifier: MIT */
/** @file
 *  Signals: what a handler does is done, if not at once then before the section's end. */
#include "park/signal.h"

#include <signal.h>

#include "park/table.h"
#include "runner.h"
#include "thrum/event.h"

enum { LOG_MAX = 4096 };
static uint64_t done[LOG_MAX];
static unsigned done_count;

static void note(void *object, uint64_t amount)
{
    CHECK_PTR(object, &done);
    CHECK_LT(done_count, LOG_MAX);
    done[done_count++] = amount;
}

static void run(uint64_t amount)
{
    th_signal_run(note, &done, amount);
}

static void check_done_in_order(unsigned count)
{
    CHECK_EQ(done_count, count);
    for (unsigned i = 0; i < count; i++)
        CHECK_EQ(done[i], i);
}

TEST(signal, outside_a_section_an_operation_runs_at_once)
{
    run(0);
    CHECK_EQ(done_count, 1);
    th_signal_enter();
    th_signal_leave();
    run(1);
    check_done_in_order(2);
}

TEST(signal, inside_a_section_operations_are_put_off_and_run_in_order_at_its_end)
{
    th_signal_enter();
    for (uint64_t i = 0; i < 5; i++)
        run(i);
    CHECK_EQ(done_count, 0);
    th_signal_leave();
    check_done_in_order(5);
    run(5);
    check_done_in_order(6);
}

TEST(signal, of_nested_sections_the_outermost_end_counts)
{
    th_signal_enter();
    run(0);
    th_signal_enter();
    run(1);
    th_signal_enter();
    th_signal_leave();
    th_signal_leave();
    CHECK_EQ(done_count, 0);
    run(2);
    th_signal_leave();
    check_done_in_order(3);
}

/** More than fit into thread-local memory, then into a page, then into several; and again, when the
 *  pages are there already. */
TEST(signal, any_number_of_operations_is_remembered)
{
    const unsigned counts[] = {8, 9, 107, 108, 109, 208, 209, 1000, 8, 1000};
    for (unsigned round = 0; round < 10; round++) {
        done_count = 0;
        th_signal_enter();
        for (unsigned i = 0; i < counts[round]; i++)
            run(i);
        CHECK_EQ(done_count, 0);
        th_signal_leave();
        check_done_in_order(counts[round]);
    }
}

/* ---- operations that are themselves sections ---- */

static void note_in_a_section(void *object, uint64_t amount)
{
    th_signal_enter();
    note(object, amount);
    th_signal_leave();
}

TEST(signal, an_operation_may_be_a_section_itself)
{
    th_signal_enter();
    for (uint64_t i = 0; i < 20; i++)
        th_signal_run(note_in_a_section, &done, i);
    th_signal_leave();
    check_done_in_order(20);
    th_signal_run(note_in_a_section, &done, 20);
    check_done_in_order(21);
}

/** Adds another 100 behind it, until there are 300. */
static void note_and_add(void *object, uint64_t amount)
{
    note_in_a_section(object, amount);
    if (amount + 100 < 300)
        th_signal_run(note_and_add, object, amount + 100);
}

TEST(signal, operations_added_while_others_are_worked_off_run_after_them)
{
    th_signal_enter();
    for (uint64_t i = 0; i < 100; i++)
        th_signal_run(note_and_add, &done, i);
    th_signal_leave();
    check_done_in_order(300);
}

/* ---- real handlers ---- */

static void handle(int signo, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    CHECK_EQ(sigaction(signo, &action, NULL), 0);
}

static volatile bool nested, inner_ran; /* ThreadSanitizer lets no handler interrupt another */

static void run_two(int signo)
{
    (void)signo;
    inner_ran = true;
    run(1);
    run(2);
}

static void run_around_another(int signo)
{
    (void)signo;
    run(0);
    inner_ran = false;
    CHECK_EQ(raise(SIGUSR2), 0);
    nested = inner_ran;
    run(3);
}

static void check_order_of_handlers(void)
{
    const uint64_t orders[2][4] = {{0, 3, 1, 2}, {0, 1, 2, 3}};
    CHECK_EQ(done_count, 4);
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(done[i], orders[nested][i]);
}

TEST(signal, handlers_nest)
{
    handle(SIGUSR1, run_around_another);
    handle(SIGUSR2, run_two);
    CHECK_EQ(raise(SIGUSR1), 0);
    check_order_of_handlers();
    done_count = 0;
    th_signal_enter();
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK_EQ(done_count, 0);
    th_signal_leave();
    check_order_of_handlers();
}

static thrum_event event = THRUM_EVENT_INIT;

static void set_event(int signo)
{
    (void)signo;
    thrum_event_set(&event);
}

static void *wait_for_event(void *arg)
{
    CHECK_STATUS(thrum_event_wait(&event), 0);
    return arg;
}

/** Without the delay the handler would wait for the lock of the thread it has interrupted. */
TEST(signal, a_handler_sets_an_event_whose_queue_its_own_thread_has_locked)
{
    test_thread thread;
    handle(SIGUSR1, set_event);
    test_spawn(&thread, wait_for_event, NULL);
    test_wait_asleep(thread.tid);
    th_bucket *bucket = th_bucket_lock((uintptr_t)&event);
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK(!thrum_event_is_set(&event));
    th_bucket_unlock(bucket);
    CHECK(thrum_event_is_set(&event));
    test_join(&thread);
}

static void *run_five(void *arg)
{
    for (uint64_t i = 0; i < 5; i++)
        run(i);
    return arg;
}

TEST(signal, a_section_puts_off_nothing_of_other_threads)
{
    test_thread thread;
    th_signal_enter();
    test_spawn(&thread, run_five, NULL);
    test_join(&thread);
    check_done_in_order(5);
    th_signal_leave();
    check_done_in_order(5);
}

static volatile uint64_t signals_handled, operations_done;
static volatile bool in_section, ran_in_section;

static void count_operation(void *object, uint64_t amount)
{
    (void)object;
    ran_in_section = ran_in_section || in_section;
    operations_done = operations_done + amount;
}

static void count_signal(int signo)
{
    (void)signo;
    signals_handled = signals_handled + 1;
    th_signal_run(count_operation, NULL, 1);
    th_signal_run(count_operation, NULL, 2);
}

TEST_LIMIT(signal, a_storm_loses_no_operation_and_runs_none_in_a_section, 60)
{
    test_signals storm;
    handle(SIGUSR1, count_signal);
    test_send_signals(&storm, pthread_self(), SIGUSR1, 10);
    while (signals_handled < 3000) {
        th_signal_enter();
        in_section = true;
        for (volatile int i = 0; i < 20; i = i + 1)
            continue;
        in_section = false;
        th_signal_leave();
    }
    test_stop_signals(&storm);
    th_signal_enter();
    th_signal_leave();
    CHECK_EQ(operations_done, 3 * signals_handled);
    CHECK(!ran_in_section);
}
