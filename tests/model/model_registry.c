/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of the registry (src/thread/registry.c): who is alive, under what name, while threads
 *  start and end. */
#include <stddef.h>
#include <string.h>

#include "model_kit.h"
#include "thread/registry.h"
#include "thrum/thread.h"

#define MOST 4

static void look_at_all(void)
{
    thrum_thread *living[MOST];
    size_t count = thrum_enumerate(living, MOST);
    model_assert(count >= 1 && count <= 3);
    for (size_t i = 0; i < count; i++) {
        model_assert(thrum_thread_name(living[i]) != NULL);
        thrum_thread_free(living[i]);
    }
}

static void start_and_join(void)
{
    kit_join_and_free(kit_spawn(kit_end_at_once, NULL));
}

static void start_and_let_go(void)
{
    thrum_thread_free(kit_spawn(kit_end_at_once, NULL));
}

MODEL(registry, enumerates, .what = "who enumerates meets a thread that starts, ends, is freed",
      .threads = {start_and_join, look_at_all}, .preemptions = 3)
MODEL(registry, enumerates_let_go, .what = "the same with a thread that is let go",
      .threads = {start_and_let_go, look_at_all}, .preemptions = 3)
MODEL(registry, enumerates_weak, .what = "the same on weak memory",
      .threads = {start_and_let_go, look_at_all}, .preemptions = 2, .stale_reads = 1)

/** Enumerates and joins whomever it finds, as a supervisor would. */
static void join_all(void)
{
    thrum_thread *living[MOST];
    size_t count = thrum_enumerate(living, MOST);
    for (size_t i = 0; i < count; i++) {
        if (living[i] != thrum_main_thread() && living[i] != thrum_current_thread()) {
            int status = thrum_thread_join(living[i]);
            model_assert(status == 0 || status == THRUM_ESTATE);
        }
        thrum_thread_free(living[i]);
    }
}

MODEL(registry, joins_all, .what = "who enumerates joins those it finds",
      .threads = {start_and_let_go, join_all}, .preemptions = 2, .may_leak = true)

/* ---- a history: how many live ---- */

enum { START, JOIN, COUNT };

/** A count: begins at one, the main thread. One that ends may be counted until it is joined. */
static bool living_count(void *state, const model_operation *operation)
{
    int64_t *more = state;
    switch (operation->operation) {
    case START: (*more)++; return true;
    case JOIN: (*more)--; return true;
    default: return operation->result >= 1 && operation->result <= 1 + *more;
    }
}

static void call_start_and_join(void)
{
    unsigned call = model_call(START, 0);
    thrum_thread *thread = kit_spawn(kit_end_at_once, NULL);
    model_return(call, 0);
    call = model_call(JOIN, 0);
    model_assert(thrum_thread_join(thread) == 0);
    model_return(call, 0);
    thrum_thread_free(thread);
}

static void call_count(void)
{
    unsigned call = model_call(COUNT, 0);
    model_return(call, (int64_t)thrum_active_count());
}

static void count_twice(void)
{
    call_count();
    call_count();
}

static void check_history(void)
{
    model_check_history(living_count);
    model_assert(thrum_active_count() == 1);
}

MODEL(registry, history, .what = "how many live, as a count would answer",
      .threads = {call_start_and_join, count_twice}, .finish = check_history, .preemptions = 2)

/* ---- names ---- */

static void rename_main(void)
{
    model_assert(thrum_thread_set_name(thrum_main_thread(), "first") == 0);
    model_assert(strcmp(thrum_thread_name(thrum_main_thread()), "first") == 0 ||
                 strcmp(thrum_thread_name(thrum_main_thread()), "second") == 0);
}

static void rename_main_too(void)
{
    model_assert(thrum_thread_set_name(thrum_main_thread(), "second") == 0);
}

static void read_name(void)
{
    const char *name = thrum_thread_name(thrum_main_thread());
    model_assert(name[0] == 'M' || name[0] == 'f' || name[0] == 's');
    model_assert(strlen(name) >= 5);
}

MODEL(registry, names, .what = "a name is read while two others give it",
      .threads = {rename_main, rename_main_too, read_name}, .may_leak = true)

/** What was written before a name was given is there for who reads the name. */
static void read_name_record(void)
{
    const char *name = thrum_thread_name(thrum_main_thread());
    const th_name *record = (const void *)(name - offsetof(th_name, text));
    if (name[0] == 'f')
        model_assert(record->previous == NULL);
}

MODEL(registry, names_weak, .what = "the same on weak memory",
      .threads = {rename_main, read_name_record, read_name}, .may_leak = true, .stale_reads = 2)

static void rename_main_twice(void)
{
    model_assert(thrum_thread_set_name(thrum_main_thread(), "first") == 0);
    model_assert(thrum_thread_set_name(thrum_main_thread(), "second") == 0);
}

static void rename_main_again(void)
{
    model_assert(thrum_thread_set_name(thrum_main_thread(), "first") == 0);
}

MODEL(registry, names_again, .what = "a name that one has given is given again by another",
      .threads = {rename_main_twice, rename_main_again, read_name}, .may_leak = true)

static char said[64];

static void describe_main(void)
{
    uint32_t owner = (uint32_t)thrum_thread_ident(thrum_main_thread());
    size_t bytes = th_thread_describe(owner, said, sizeof said);
    model_assert(bytes > 0 && bytes < sizeof said);
}

MODEL(registry, describes, .what = "a report names a thread that is being renamed",
      .threads = {rename_main, describe_main, rename_main_too}, .may_leak = true)

/* ---- the kernel's number ---- */

static void ask_number(void)
{
    thrum_thread *thread = kit_spawn(kit_end_at_once, NULL);
    model_assert(thrum_thread_native_id(thread) != 0);
    kit_join_and_free(thread);
}

MODEL(registry, native_id, .what = "who asks a thread that has just started waits for its number",
      .threads = {ask_number}, .preemptions = 3)

/* ---- foreign threads ---- */

static void ask_who_i_am(void)
{
    thrum_thread *self = thrum_current_thread();
    model_assert(self != NULL && thrum_thread_is_alive(self));
    model_assert(thrum_thread_ident(self) == thrum_get_ident());
    model_assert(self == thrum_current_thread());
    model_assert(thrum_active_count() >= 2);
}

static void count_all(void)
{
    size_t count = thrum_active_count();
    model_assert(count >= 1 && count <= 3);
}

MODEL(registry, dummies, .what = "foreign threads become known, each as one dummy",
      .threads = {count_all, ask_who_i_am, ask_who_i_am}, .may_leak = true, .preemptions = 2)

/** All share one record that says no more than that. */
static void ask_without_memory(void)
{
    thrum_thread *self = thrum_current_thread();
    model_assert(self != NULL && thrum_thread_is_alive(self));
    model_assert(thrum_thread_name(self) != NULL);
}

MODEL(registry, dummies_fail, .what = "the same without memory",
      .threads = {count_all, ask_without_memory, ask_without_memory}, .may_leak = true,
      .failures = 1, .preemptions = 2)
