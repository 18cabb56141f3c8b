/* SPDX-License-Identifier: MIT */
/** @file
 *  Local: values per thread, how they begin and how they end. */
#include "thread/local.h"

#include <stdlib.h>

#include "runner.h"
#include "thrum/thread.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static int created, destroyed;
static test_gate gate = TEST_GATE_INIT;

static void *create_int(void)
{
    int *value = malloc(sizeof *value);
    if (value == NULL)
        return NULL;
    *value = 7;
    __atomic_fetch_add(&created, 1, __ATOMIC_RELAXED);
    return value;
}

static void destroy_int(void *value)
{
    free(value);
    __atomic_fetch_add(&destroyed, 1, __ATOMIC_RELAXED);
}

static thrum_local number = THRUM_LOCAL(create_int, destroy_int);
static thrum_local plain = THRUM_LOCAL_INIT;

static int int_of(thrum_local *local)
{
    const int *value = thrum_local_get(local);
    CHECK(value != NULL);
    return *value;
}

static void run(thrum_target target, void *arg)
{
    thrum_thread *thread = HAVE(thrum_spawn(target, arg));
    CHECK_STATUS(thrum_thread_join(thread), 0);
    thrum_thread_free(thread);
}

static void destroy_number(void)
{
    thrum_local_free(&number);
    th_locals_end();
}

/* ---- get and set ---- */

TEST(local, null_is_answered)
{
    CHECK_PTR(thrum_local_get(NULL), NULL);
    CHECK_STATUS(thrum_local_set(NULL, &gate), THRUM_EINVAL);
    thrum_local_free(NULL);
}

TEST(local, begins_as_null_and_holds_what_is_set)
{
    CHECK_PTR(thrum_local_get(&plain), NULL);
    CHECK_STATUS(thrum_local_set(&plain, &gate), 0);
    CHECK_PTR(thrum_local_get(&plain), &gate);
    CHECK_STATUS(thrum_local_set(&plain, NULL), 0);
    CHECK_PTR(thrum_local_get(&plain), NULL);
    CHECK_STATUS(thrum_local_set(&plain, NULL), 0);
    th_locals_end();
}

TEST(local, creates_the_first_value_once_per_thread)
{
    const int *value = thrum_local_get(&number);
    CHECK_EQ(int_of(&number), 7);
    CHECK_PTR(thrum_local_get(&number), value);
    CHECK_EQ(created, 1);
    destroy_number();
    CHECK_EQ(destroyed, 1);
}

static void *set_own(void *arg)
{
    CHECK_PTR(thrum_local_get(&plain), NULL);
    CHECK_STATUS(thrum_local_set(&plain, arg), 0);
    test_gate_wait(&gate);
    CHECK_PTR(thrum_local_get(&plain), arg);
    return NULL;
}

TEST(local, is_each_threads_own)
{
    thrum_thread *threads[8];
    int values[LENGTH(threads)];
    CHECK_STATUS(thrum_local_set(&plain, &gate), 0);
    for (size_t i = 0; i < LENGTH(threads); i++)
        threads[i] = HAVE(thrum_spawn(set_own, &values[i]));
    test_gate_await(&gate, LENGTH(threads));
    CHECK_PTR(thrum_local_get(&plain), &gate);
    test_gate_open(&gate);
    for (size_t i = 0; i < LENGTH(threads); i++) {
        CHECK_STATUS(thrum_thread_join(threads[i]), 0);
        thrum_thread_free(threads[i]);
    }
    th_locals_end();
}

TEST(local, set_destroys_the_value_it_replaces)
{
    thrum_local_get(&number);
    int *second = malloc(sizeof *second);
    CHECK_STATUS(thrum_local_set(&number, second), 0);
    CHECK_EQ(destroyed, 1);
    CHECK_STATUS(thrum_local_set(&number, second), 0); /* the same again: still owned */
    CHECK_EQ(destroyed, 1);
    CHECK_PTR(thrum_local_get(&number), second);
    CHECK_STATUS(thrum_local_set(&number, NULL), 0);
    CHECK_EQ(destroyed, 2);
    CHECK_EQ(int_of(&number), 7);
    CHECK_EQ(created, 2);
    destroy_number();
}

static int times_asked;

static void *create_late(void)
{
    return ++times_asked < 3 ? NULL : &times_asked;
}

TEST(local, asks_create_again_after_null)
{
    thrum_local late = THRUM_LOCAL(create_late, NULL);
    CHECK_PTR(thrum_local_get(&late), NULL);
    CHECK_PTR(thrum_local_get(&late), NULL);
    CHECK_PTR(thrum_local_get(&late), &times_asked);
    CHECK_PTR(thrum_local_get(&late), &times_asked);
    CHECK_EQ(times_asked, 3);
    thrum_local_free(&late);
    th_locals_end();
}

static thrum_local inner = THRUM_LOCAL(create_int, destroy_int);

static void *create_with_inner(void)
{
    int *value = create_int();
    const int *base = value != NULL ? thrum_local_get(&inner) : NULL;
    if (base != NULL)
        *value = *base + 1;
    return value;
}

TEST(local, create_may_use_other_locals)
{
    static thrum_local outer = THRUM_LOCAL(create_with_inner, destroy_int);
    CHECK_EQ(int_of(&outer), 8);
    th_locals_end();
    CHECK_EQ(destroyed, 2);
}

TEST(local, hundreds_of_variables_are_told_apart)
{
    static thrum_local many[500];
    static int values[LENGTH(many)];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < LENGTH(many); i++)
            CHECK_STATUS(thrum_local_set(&many[i], &values[i]), 0);
        for (size_t i = 0; i < LENGTH(many); i++)
            CHECK_PTR(thrum_local_get(&many[i]), &values[i]);
        for (size_t i = 0; i < LENGTH(many); i += 2)
            CHECK_STATUS(thrum_local_set(&many[i], NULL), 0);
        for (size_t i = 0; i < LENGTH(many); i++)
            CHECK_PTR(thrum_local_get(&many[i]), i % 2 == 0 ? NULL : &values[i]);
    }
    th_locals_end();
}

TEST(local, variables_that_come_and_go_cost_no_more_and_more_memory)
{
    long peak = 0;
    for (int i = 0; i < 1000; i++) {
        thrum_local brief = THRUM_LOCAL_INIT;
        CHECK_STATUS(thrum_local_set(&brief, &gate), 0);
        thrum_local_free(&brief);
        if (i == 10)
            peak = test_live_allocations();
    }
    CHECK_LE(test_live_allocations(), peak);
    th_locals_end();
}

/* ---- no memory ---- */

TEST(local, no_memory_keeps_the_old_value)
{
    static int value;
    TEST_SWEEP_ALLOCATIONS
    {
        int status = thrum_local_set(&plain, &value);
        CHECK_STATUS(status, test_failures_injected() > 0 ? THRUM_ENOMEM : 0);
        test_fail_allocation(0);
        CHECK_PTR(thrum_local_get(&plain), status == 0 ? &value : NULL);
        th_locals_end();
        if (status == 0)
            break;
    }
}

TEST(local, no_memory_to_keep_a_created_value_destroys_it)
{
    TEST_SWEEP_ALLOCATIONS
    {
        int *value = thrum_local_get(&number);
        CHECK((value == NULL) == (test_failures_injected() > 0));
        CHECK_EQ(created - destroyed, value != NULL);
        th_locals_end();
    }
    CHECK_EQ(created, destroyed);
    CHECK_EQ(created, 3); /* without room for its map, without room for its entries, with room */
}

/* ---- ends ---- */

static void *get_number(void *arg)
{
    CHECK_EQ(int_of(&number), 7);
    return arg;
}

TEST(local, values_are_destroyed_before_the_join_returns)
{
    for (int i = 1; i <= 20; i++) {
        run(get_number, NULL);
        CHECK_EQ(destroyed, i);
    }
}

static void *get_number_and_exit(void *arg)
{
    get_number(arg);
    pthread_exit(NULL);
}

TEST(local, values_are_destroyed_after_pthread_exit)
{
    run(get_number_and_exit, NULL);
    CHECK_EQ(destroyed, 1);
}

TEST(local, values_of_foreign_threads_are_destroyed_when_they_end)
{
    test_thread foreign;
    test_spawn(&foreign, get_number, NULL);
    test_join(&foreign);
    CHECK_EQ(destroyed, 1);
    CHECK_EQ(thrum_active_count(), 1);
}

static uint64_t destroyed_by;

static void note_destroyer(void *value)
{
    (void)value;
    destroyed_by = thrum_get_ident();
}

static void *set_noted(void *arg)
{
    static thrum_local noted = THRUM_LOCAL(NULL, note_destroyer);
    CHECK_STATUS(thrum_local_set(&noted, arg), 0);
    return NULL;
}

TEST(local, values_are_destroyed_by_their_own_thread)
{
    thrum_thread *thread = HAVE(thrum_spawn(set_noted, &gate));
    CHECK_STATUS(thrum_thread_join(thread), 0);
    CHECK_EQ(destroyed_by, thrum_thread_ident(thread));
    thrum_thread_free(thread);
}

static thrum_local ping, pong;
static int pings;

static void ping_again(void *value)
{
    pings++;
    CHECK_STATUS(thrum_local_set(&pong, value), 0);
}

static void pong_again(void *value)
{
    pings++;
    CHECK_STATUS(thrum_local_set(&ping, value), 0);
}

static void *set_ping(void *arg)
{
    CHECK_STATUS(thrum_local_set(&ping, arg), 0);
    return NULL;
}

TEST(local, values_set_while_destroying_are_destroyed_a_few_rounds_long)
{
    ping.destroy = ping_again;
    pong.destroy = pong_again;
    run(set_ping, &gate);
    CHECK_EQ(pings, 4);
}

static void use_number(void *value)
{
    (void)value;
    thrum_local_get(&number);
}

static void *set_user(void *arg)
{
    static thrum_local user = THRUM_LOCAL(NULL, use_number);
    CHECK_STATUS(thrum_local_set(&user, arg), 0);
    return NULL;
}

TEST(local, values_first_made_while_destroying_are_destroyed)
{
    run(set_user, &gate);
    CHECK_EQ(created, 1);
    CHECK_EQ(destroyed, 1);
}

static void destroy_and_exit(void *value)
{
    destroy_int(value);
    pthread_exit(NULL);
}

static void *set_exiting(void *arg)
{
    /* no more than two: ThreadSanitizer does not expect a thread to exit again and again */
    static thrum_local exiting[2] = {THRUM_LOCAL(create_int, destroy_and_exit),
                                     THRUM_LOCAL(create_int, destroy_and_exit)};
    for (int i = 0; i < 2; i++)
        CHECK(thrum_local_get(&exiting[i]) != NULL);
    if (arg != NULL)
        pthread_exit(arg);
    return arg;
}

TEST(local, an_exit_while_destroying_loses_no_value)
{
    run(set_exiting, NULL);
    CHECK_EQ(destroyed, 2);
    run(set_exiting, &gate);
    CHECK_EQ(destroyed, 4);
    CHECK_EQ(thrum_active_count(), 1);
}

/* ---- free ---- */

static void *hold_number(void *arg)
{
    get_number(arg);
    test_gate_wait(&gate);
    return NULL;
}

TEST(local, free_destroys_the_values_of_all_threads)
{
    enum { MANY = 150 }; /* more than are taken at once */
    static thrum_thread *threads[MANY];
    get_number(NULL);
    for (int i = 0; i < MANY; i++) {
        threads[i] = HAVE(thrum_spawn(hold_number, NULL, .stack_bytes = 256 * 1024));
        CHECK(threads[i] != NULL);
    }
    test_gate_await(&gate, MANY);
    CHECK_EQ(created, MANY + 1);
    thrum_local_free(&number);
    CHECK_EQ(destroyed, MANY + 1);
    CHECK_EQ(int_of(&number), 7); /* as new */
    CHECK_EQ(created, MANY + 2);
    test_gate_open(&gate);
    for (int i = 0; i < MANY; i++) {
        CHECK_STATUS(thrum_thread_join(threads[i]), 0);
        thrum_thread_free(threads[i]);
    }
    CHECK_EQ(destroyed, MANY + 1);
    destroy_number();
    CHECK_EQ(destroyed, MANY + 2);
}

TEST(local, free_of_an_unused_variable_does_nothing)
{
    thrum_local unused = THRUM_LOCAL(create_int, destroy_int);
    thrum_local_free(&unused);
    CHECK_EQ(destroyed, 0);
}

static void *use_plain(void *arg)
{
    int own;
    CHECK_STATUS(thrum_local_set(&plain, &own), 0);
    while (!test_gate_is_open(&gate))
        CHECK_PTR(thrum_local_get(&plain), &own);
    return arg;
}

TEST(local, free_of_one_variable_disturbs_no_use_of_others)
{
    thrum_thread *users[3];
    for (size_t i = 0; i < LENGTH(users); i++)
        users[i] = HAVE(thrum_spawn(use_plain, NULL));
    for (int i = 0; i < 300; i++) {
        thrum_local brief = THRUM_LOCAL(create_int, destroy_int);
        CHECK_EQ(int_of(&brief), 7);
        thrum_local_free(&brief);
    }
    test_gate_open(&gate);
    for (size_t i = 0; i < LENGTH(users); i++) {
        CHECK_STATUS(thrum_thread_join(users[i]), 0);
        thrum_thread_free(users[i]);
    }
    CHECK_EQ(destroyed, 300);
    th_locals_end();
}

static void *first_use(void *arg)
{
    thrum_local *fresh = arg;
    test_gate_wait(&gate);
    CHECK_STATUS(thrum_local_set(fresh, fresh), 0);
    CHECK_PTR(thrum_local_get(fresh), fresh);
    return (void *)(uintptr_t)__atomic_load_n(&fresh->key, __ATOMIC_RELAXED);
}

TEST(local, a_first_use_by_many_threads_gives_one_key)
{
    thrum_local fresh = THRUM_LOCAL_INIT;
    thrum_thread *users[8];
    for (size_t i = 0; i < LENGTH(users); i++)
        users[i] = HAVE(thrum_spawn(first_use, &fresh));
    test_gate_await(&gate, LENGTH(users));
    test_gate_open(&gate);
    for (size_t i = 0; i < LENGTH(users); i++) {
        CHECK_STATUS(thrum_thread_join(users[i]), 0);
        CHECK_EQ((uintptr_t)thrum_thread_result(users[i]),
                 __atomic_load_n(&fresh.key, __ATOMIC_RELAXED));
        thrum_thread_free(users[i]);
    }
}
