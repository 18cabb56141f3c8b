/* SPDX-License-Identifier: MIT */
/** @file
 *  Models that the mutation gate (tools/mutate.py) asked for: faults no other model notices. */
#include <string.h>

#include "model_kit.h"
#include "thrum/lock.h"
#include "thrum/thread.h"

/* ---- handlers are published with what they read ---- */

static int written_by_first, written_by_second;

static void read_first(const char *what, const void *object)
{
    (void)what;
    (void)object;
    model_assert(written_by_first == 1);
}

static void read_second(const char *what, const void *object)
{
    (void)what;
    (void)object;
    model_assert(written_by_second == 1);
}

static void ignore_misuse(const char *what, const void *object)
{
    (void)what;
    (void)object;
}

static void ignore_all(void)
{
    (void)thrum_set_misuse_handler(ignore_misuse);
}

/** The handler before is the caller's to call: what it needs has been written. */
static void set_first(void)
{
    written_by_first = 1;
    if (thrum_set_misuse_handler(read_first) == read_second)
        read_second(NULL, NULL);
}

static void set_second(void)
{
    written_by_second = 1;
    if (thrum_set_misuse_handler(read_second) == read_first)
        read_first(NULL, NULL);
}

static void misuse(void)
{
    thrum_lock_release(NULL);
}

MODEL(gate, misuse_handler, .what = "what was written before a misuse handler was set, it reads",
      .setup = ignore_all, .threads = {set_first, misuse, set_second}, .stale_reads = 1,
      .preemptions = 2)

static void hook_first(const thrum_thread *thread, const thrum_error *error)
{
    (void)thread;
    (void)error;
    model_assert(written_by_first == 1);
}

static void hook_second(const thrum_thread *thread, const thrum_error *error)
{
    (void)thread;
    (void)error;
    model_assert(written_by_second == 1);
}

static void set_first_hook(void)
{
    written_by_first = 1;
    if (thrum_set_excepthook(hook_first) == hook_second)
        hook_second(NULL, NULL);
}

static void set_second_hook(void)
{
    written_by_second = 1;
    if (thrum_set_excepthook(hook_second) == hook_first)
        hook_first(NULL, NULL);
}

MODEL(gate, excepthooks, .what = "written before an excepthook was set, read by who replaces it",
      .threads = {set_first_hook, set_second_hook}, .stale_reads = 1)

/* ---- reports say who waits for what ---- */

static thrum_lock a, b;

static void take(thrum_lock *first, const char *first_site, thrum_lock *second,
                 const char *second_site)
{
    thrum_lock_acquire_at(first, first_site);
    thrum_lock_acquire_at(second, second_site);
    thrum_lock_release(second);
    thrum_lock_release(first);
}

static void take_ab(void)
{
    take(&a, "a", &b, "b of the first");
}

static void take_ba(void)
{
    take(&b, "b", &a, "a of the second");
}

static void queue_for_a(void)
{
    thrum_lock_acquire_at(&a, "the queue's head");
    thrum_lock_release(&a);
}

static void not_of_the_head(void)
{
    const char *said = model_stderr();
    bool is_said = strstr(said, "deadlock:") != NULL;
    model_assert(strstr(said, "the queue's head") == NULL);
    model_assert(!is_said || strstr(said, "a of the second") != NULL);
}

MODEL(gate, reports_its_own, .what = "a report names the place of each waiter, not of its queue",
      .threads = {take_ab, queue_for_a, take_ba}, .finish = not_of_the_head, .may_deadlock = true,
      .reports_deadlocks = true, .preemptions = 2)
