/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of thread-local values (src/thread/local.c): each thread has its own, each value is
 *  destroyed exactly once, whether its thread ends, the variable is freed, or both at a time. */
#include "model_kit.h"
#include "platform/memory.h"
#include "thrum/local.h"
#include "thrum/thread.h"

#define MOST 4

static int destroyed;

static void destroy_value(void *value)
{
    __atomic_fetch_add(&destroyed, 1, __ATOMIC_RELAXED);
    th_free(value);
}

static thrum_local variable = THRUM_LOCAL(NULL, destroy_value);
static thrum_local other = THRUM_LOCAL(NULL, NULL);

static void set_and_get(void)
{
    int *mine = th_alloc(sizeof *mine);
    *mine = (int)model_thread();
    model_assert(thrum_local_set(&variable, mine) == 0);
    model_assert(thrum_local_get(&variable) == mine && *mine == (int)model_thread());
    model_assert(thrum_local_set(&variable, NULL) == 0);
    model_assert(thrum_local_get(&variable) == NULL);
}

static void three_destroyed(void)
{
    model_assert(destroyed == 3);
}

MODEL(local, own, .what = "each of three threads has its own value",
      .threads = {set_and_get, set_and_get, set_and_get}, .finish = three_destroyed,
      .may_leak = true)
MODEL(local, own_weak, .what = "the same on weak memory", .threads = {set_and_get, set_and_get},
      .stale_reads = 1, .may_leak = true)

/* ---- freed while others use it ---- */

static void *created(void)
{
    return th_alloc(1);
}

static thrum_local with_create = THRUM_LOCAL(created, destroy_value);

static void *use_and_end(void *unused)
{
    (void)unused;
    model_assert(thrum_local_get(&with_create) != NULL);
    return NULL;
}

static void one_destroyed(void)
{
    model_assert(destroyed == 1);
}

static void start_user(void)
{
    thrum_thread *thread = thrum_spawn(use_and_end, NULL);
    model_assert(thread != NULL && thrum_thread_join(thread) == 0);
    model_assert(destroyed == 1);
    thrum_thread_free(thread);
}

MODEL(local, ends, .what = "a thread's value is destroyed before its join returns",
      .threads = {start_user}, .finish = one_destroyed, .preemptions = 2)

static int has_value;

static void *give_value_and_end(void *unused)
{
    (void)unused;
    model_assert(thrum_local_set(&variable, th_alloc(1)) == 0);
    __atomic_store_n(&has_value, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void free_while_it_ends(void)
{
    thrum_thread *thread = kit_spawn(give_value_and_end, NULL);
    if (__atomic_load_n(&has_value, __ATOMIC_ACQUIRE) == 0)
        model_discard();
    thrum_local_free(&variable);
    kit_join_and_free(thread);
}

MODEL(local, freed_at_end, .what = "the variable is freed while a thread with a value ends",
      .threads = {free_while_it_ends}, .finish = one_destroyed, .preemptions = 3)

/** Another thread's map is changed while it looks for another variable in it: one of so many has
 *  the place of the first in a map of eight, and is found past it. */
#define OTHERS 12

static thrum_local others[OTHERS];
static thrum_local third = THRUM_LOCAL(NULL, NULL);
static int marks[MOST];
static int ready;

static void number_locals(void)
{
    model_assert(thrum_local_set(&variable, NULL) == 0);
    for (int i = 0; i < OTHERS; i++)
        model_assert(thrum_local_set(&others[i], NULL) == 0);
}

static void use_two(void)
{
    thrum_local *second = &others[model_choose(OTHERS)];
    model_assert(thrum_local_set(&variable, th_alloc(1)) == 0);
    model_assert(thrum_local_set(second, &marks[0]) == 0);
    __atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
    model_assert(thrum_local_get(second) == &marks[0]);
    model_assert(thrum_local_set(&third, &marks[1]) == 0);
    model_assert(thrum_local_get(second) == &marks[0]);
    model_assert(thrum_local_get(&third) == &marks[1]);
}

static void free_one_of_two(void)
{
    if (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) == 0)
        model_discard();
    thrum_local_free(&variable);
}

MODEL(local, freed_beside, .what = "one variable is freed while another is looked up",
      .setup = number_locals, .threads = {use_two, free_one_of_two}, .finish = one_destroyed,
      .may_leak = true)
MODEL(local, freed_beside_weak, .what = "the same on weak memory", .setup = number_locals,
      .threads = {use_two, free_one_of_two}, .finish = one_destroyed, .may_leak = true,
      .stale_reads = 1)

/** The map grows, and is compacted, while entries are taken out of it. */
static thrum_local many[8];

static void fill_map(void)
{
    model_assert(thrum_local_set(&variable, th_alloc(1)) == 0);
    __atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < 6; i++)
        model_assert(thrum_local_set(&many[i], &marks[0]) == 0);
    for (int i = 0; i < 6; i++)
        model_assert(thrum_local_get(&many[i]) == &marks[0]);
}

MODEL(local, freed_while_it_grows, .what = "one variable is freed while the map grows",
      .threads = {fill_map, free_one_of_two}, .finish = one_destroyed, .may_leak = true)

/* ---- a history ---- */

enum { GET, SET };

/** A value for each thread. */
static bool own_values(void *state, const model_operation *operation)
{
    int64_t *values = state;
    if (operation->operation == GET)
        return operation->result == values[operation->thread];
    values[operation->thread] = operation->argument;
    return true;
}

static void call_get(void)
{
    unsigned call = model_call(GET, 0);
    int *value = thrum_local_get(&other);
    model_return(call, value != NULL ? value - marks + 1 : 0);
}

static void call_set(int which)
{
    unsigned call = model_call(SET, which);
    model_assert(thrum_local_set(&other, which != 0 ? &marks[which - 1] : NULL) == 0);
    model_return(call, 0);
}

static void use_own(void)
{
    call_get();
    call_set((int)model_thread() + 1);
    call_get();
    call_set(0);
    call_get();
}

static void check_history(void)
{
    model_check_history(own_values);
}

MODEL(local, history, .what = "three threads, each as its own variable would answer",
      .threads = {use_own, use_own, use_own}, .finish = check_history, .may_leak = true,
      .preemptions = 2)

/* ---- without memory ---- */

static void set_or_fail(void)
{
    int status = thrum_local_set(&other, &marks[0]);
    model_assert(status == 0 || status == THRUM_ENOMEM);
    model_assert(thrum_local_get(&other) == (status == 0 ? &marks[0] : NULL));
}

MODEL(local, fails, .what = "memory is missing: no value, nothing lost",
      .threads = {set_or_fail, set_or_fail}, .failures = 2, .may_leak = true)
