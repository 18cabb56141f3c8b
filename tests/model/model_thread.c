/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of threads (src/thread/thread.c, record.c, shutdown.c): started, joined by one and by
 *  two, let go, refused; what the program's end waits for and what it stops. */
#include "model_kit.h"
#include "park/context.h"
#include "thrum/event.h"
#include "thrum/lock.h"
#include "thrum/thread.h"

static int written, finished_first;
static thrum_thread *made;

/* ---- start, join, free ---- */

static void *write_target(void *arg)
{
    written = 1;
    return arg;
}

static int answer;

static void start_and_join(void)
{
    thrum_thread *thread = kit_spawn(write_target, &answer);
    model_assert(thrum_thread_join(thread) == 0);
    model_assert(written == 1 && thrum_thread_result(thread) == &answer);
    model_assert(!thrum_thread_is_alive(thread));
    thrum_thread_free(thread);
}

MODEL(thread, joins, .what = "what a thread wrote is read after its join",
      .threads = {start_and_join})
MODEL(thread, joins_weak, .what = "the same on weak memory", .threads = {start_and_join},
      .stale_reads = 1, .preemptions = 2)
MODEL(thread, joins_spurious, .what = "the same, sleeps that end for nothing",
      .threads = {start_and_join}, .spurious = 2, .preemptions = 3)

static void start_and_let_go(void)
{
    thrum_thread_free(kit_spawn(write_target, NULL));
}

static void has_run(void)
{
    model_assert(written == 1);
}

MODEL(thread, let_go, .what = "a thread whose handle is freed at once runs all the same",
      .threads = {start_and_let_go}, .finish = has_run)

static void start_and_look(void)
{
    thrum_thread *thread = thrum_spawn(write_target, &answer);
    if (thrum_thread_result(thread) != NULL)
        model_assert(written == 1);
    if (!thrum_thread_is_alive(thread))
        model_assert(written == 1);
    model_assert(thrum_thread_ident(thread) != 0);
    kit_join_and_free(thread);
}

MODEL(thread, looks, .what = "who sees that a thread has ended reads what it wrote",
      .threads = {start_and_look}, .stale_reads = 1, .preemptions = 2)

/* ---- joined by two ---- */

static void *join_it(void *thread)
{
    model_assert(thrum_thread_join(thread) == 0);
    model_assert(written == 1);
    return NULL;
}

static void join_with_another(void)
{
    made = thrum_spawn(write_target, &answer);
    thrum_thread *joiner = thrum_spawn(join_it, made);
    model_assert(made != NULL && joiner != NULL);
    model_assert(thrum_thread_join(made) == 0);
    model_assert(written == 1);
    kit_join_and_free(joiner);
    thrum_thread_free(made);
}

MODEL(thread, joined_by_two, .what = "two join one thread", .threads = {join_with_another},
      .preemptions = 2, .long_preemptions = 3)

static void join_by_deadline(thrum_thread *thread)
{
    thrum_time deadline = kit_soon();
    int status = thrum_thread_join_until(thread, deadline);
    model_assert(status == 0 || status == THRUM_ETIMEDOUT);
    if (status == 0)
        model_assert(written == 1);
    else
        kit_has_passed(deadline);
}

static void join_with_a_late_one(void)
{
    made = thrum_spawn(write_target, &answer);
    thrum_thread *joiner = thrum_spawn(join_it, made);
    model_assert(made != NULL && joiner != NULL);
    join_by_deadline(made);
    kit_join_and_free(joiner);
    thrum_thread_free(made);
}

MODEL(thread, joined_by_two_until, .what = "two join one thread, one until a deadline",
      .threads = {join_with_a_late_one}, .ticks = 1, .preemptions = 1, .long_preemptions = 2)
MODEL(thread, joined_parked, .what = "two join one thread whose end the kernel does not tell",
      .setup = model_without_endings, .threads = {join_with_another}, .preemptions = 1,
      .long_preemptions = 2)

static void join_until(void)
{
    thrum_thread *thread = kit_spawn(write_target, NULL);
    join_by_deadline(thread);
    kit_join_and_free(thread);
}

MODEL(thread, joins_until, .what = "a deadline passes before or after the end",
      .threads = {join_until}, .ticks = 1, .preemptions = 2)
MODEL(thread, joins_until_parked, .what = "the same where the kernel does not tell the end",
      .setup = model_without_endings, .threads = {join_until}, .ticks = 1, .preemptions = 2)

/* ---- a history: alive, then ended ---- */

enum { JOIN, IS_ALIVE };

/** Alive until somebody has joined it, or has seen its end. */
static bool alive_then_ended(void *state, const model_operation *operation)
{
    int64_t *ended = state;
    if (operation->operation == IS_ALIVE && operation->result == 1)
        return *ended == 0;
    *ended = 1;
    return true;
}

static void call_is_alive(void)
{
    unsigned call = model_call(IS_ALIVE, 0);
    model_return(call, thrum_thread_is_alive(made));
}

static void *join_and_look(void *unused)
{
    (void)unused;
    unsigned call = model_call(JOIN, 0);
    model_assert(thrum_thread_join(made) == 0);
    model_return(call, 0);
    call_is_alive();
    return NULL;
}

static void *look_twice(void *unused)
{
    (void)unused;
    call_is_alive();
    call_is_alive();
    return NULL;
}

static void join_and_watch(void)
{
    made = thrum_spawn(write_target, NULL);
    thrum_thread *watcher = thrum_spawn(look_twice, NULL);
    model_assert(made != NULL && watcher != NULL);
    join_and_look(NULL);
    kit_join_and_free(watcher);
    thrum_thread_free(made);
}

static void check_history(void)
{
    model_check_history(alive_then_ended);
}

MODEL(thread, history, .what = "alive, then ended, for a joiner and a watcher",
      .threads = {join_and_watch}, .finish = check_history, .preemptions = 1, .long_preemptions = 2)

/* ---- started by two ---- */

static int started_ok, refused;
static thrum_thread *fresh;

static void make_fresh(void)
{
    fresh = thrum_thread_new(write_target, NULL);
    model_assert(fresh != NULL);
}

static void start_fresh(void)
{
    int status = thrum_thread_start(fresh);
    model_assert(status == 0 || status == THRUM_ESTATE);
    __atomic_fetch_add(status == 0 ? &started_ok : &refused, 1, __ATOMIC_RELAXED);
}

static void one_started_it(void)
{
    model_assert(started_ok == 1 && refused == 1 && written == 1);
    thrum_thread_free(fresh);
}

MODEL(thread, started_by_two, .what = "of two that start a thread one is refused",
      .setup = make_fresh, .threads = {start_fresh, start_fresh}, .finish = one_started_it,
      .may_leak = true, .preemptions = 2)

/** Who makes it a daemon and who starts it: one comes first. */
static void make_daemon(void)
{
    int status = thrum_thread_set_daemon(fresh, true);
    model_assert(status == 0 || status == THRUM_ESTATE);
    if (status == 0)
        model_assert(thrum_thread_is_daemon(fresh));
}

MODEL(thread, made_daemon, .what = "a start meets set_daemon", .setup = make_fresh,
      .threads = {start_fresh, make_daemon}, .may_leak = true, .preemptions = 2)

/** Who sees it alive knows its ident. */
static void look_at_fresh(void)
{
    if (!thrum_thread_is_alive(fresh))
        model_discard();
    model_assert(thrum_thread_ident(fresh) != 0);
    int status = thrum_thread_join(fresh);
    model_assert(status == 0);
    model_assert(written == 1);
}

MODEL(thread, met_by_another, .what = "who sees a thread alive knows its ident, and joins it",
      .setup = make_fresh, .threads = {start_fresh, look_at_fresh}, .may_leak = true,
      .stale_reads = 1, .preemptions = 2)

/* ---- failures ---- */

static void start_or_fail(void)
{
    thrum_thread *thread = thrum_thread_new(write_target, &answer);
    if (thread == NULL)
        return;
    int status = thrum_thread_start(thread);
    if (status != 0) {
        model_assert(status == THRUM_ENOMEM || status == THRUM_EAGAIN);
        model_assert(thrum_active_count() == 1);
        model_assert(thrum_thread_join(thread) == THRUM_ESTATE);
        status = thrum_thread_start(thread);
    }
    if (status == 0)
        model_assert(thrum_thread_join(thread) == 0 && written == 1);
    thrum_thread_free(thread);
}

/** One context is the main thread's, one was the other thread's: no third was made. */
static void no_context_is_lost(void)
{
    th_context *again = th_context_new();
    model_assert(again != NULL && th_context_of(again->self) == again);
    model_assert((again->self >> TH_OWNER_SHIFT & 0xFF) == 2);
}

MODEL(thread, fails_to_start, .what = "memory or a thread is missing; then it is tried again",
      .threads = {start_or_fail}, .finish = no_context_is_lost, .failures = 2, .preemptions = 3)

static int hook_calls;

static void note_failure(const thrum_thread *thread, const thrum_error *error)
{
    (void)thread;
    hook_calls += error->code == 7;
}

static void *fail_target(void *unused)
{
    (void)unused;
    return thrum_fail(7, "%s", "no");
}

static void start_one_that_fails(void)
{
    thrum_set_excepthook(note_failure);
    thrum_thread *thread = thrum_spawn(fail_target, NULL);
    model_assert(thread != NULL && thrum_thread_join(thread) == 0);
    model_assert(hook_calls == 1 && thrum_thread_result(thread) == NULL);
    thrum_thread_free(thread);
}

MODEL(thread, excepthook, .what = "a failure is told once, before the join returns",
      .threads = {start_one_that_fails}, .preemptions = 2, .stale_reads = 1)

static thrum_excepthook hook_seen;
static int hook_data;

static void tell_hook_data(const thrum_thread *thread, const thrum_error *error)
{
    (void)thread;
    (void)error;
    model_assert(hook_data == 1);
}

static void set_hook_with_data(void)
{
    hook_data = 1;
    hook_seen = thrum_set_excepthook(tell_hook_data);
}

static void *fail_quietly(void *unused)
{
    (void)unused;
    return thrum_fail(8, "%s", "no");
}

static void fail_meanwhile(void)
{
    thrum_thread *thread = thrum_spawn(fail_quietly, NULL);
    model_assert(thread != NULL && thrum_thread_join(thread) == 0);
    thrum_thread_free(thread);
}

MODEL(thread, hook_publishes, .what = "what was written before a hook was set, the hook reads",
      .threads = {fail_meanwhile, set_hook_with_data}, .preemptions = 2, .stale_reads = 1)

/** Who takes the place of a hook knows what was written before that one was set. */
static void read_former_hook(void)
{
    if (thrum_set_excepthook(NULL) == tell_hook_data)
        model_assert(hook_data == 1);
}

MODEL(thread, hook_replaced, .what = "who replaces a hook reads what was written before it was set",
      .threads = {set_hook_with_data, read_former_hook})

/* ---- the end of the program ---- */

static void *finish_late(void *unused)
{
    (void)unused;
    finished_first = 1;
    return NULL;
}

static void shut_down(void)
{
    kit_end_beside(finish_late, THRUM_NOT_DAEMON);
    model_assert(finished_first == 1);
}

MODEL(thread, shutdown_awaits, .what = "the end awaits a thread that is no daemon",
      .threads = {shut_down}, .preemptions = 3)
MODEL(thread, shutdown_weak, .what = "the same on weak memory", .threads = {shut_down},
      .preemptions = 2, .stale_reads = 1)

static int daemon_steps, steps_at_end;

static void *sleep_thrice(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++) {
        thrum_sleep(0.001);
        __atomic_fetch_add(&daemon_steps, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void shut_down_with_daemon(void)
{
    thrum_thread *late = thrum_thread_new(finish_late, NULL);
    thrum_thread *thread = thrum_spawn(sleep_thrice, NULL, .daemon = THRUM_DAEMON);
    model_assert(late != NULL && thread != NULL);
    thrum_thread_free(thread);
    model_assert(thrum_shutdown() == 0);
    steps_at_end = __atomic_load_n(&daemon_steps, __ATOMIC_RELAXED);
    model_assert(thrum_thread_start(late) == THRUM_ESHUTDOWN);
    thrum_thread_free(late);
}

/** It may have been between two calls when the end came. */
static void daemon_made_at_most_one_step(void)
{
    model_assert(daemon_steps <= steps_at_end + 1);
    model_assert(finished_first == 0);
}

static thrum_lock daemon_lock;

static void *lock_thrice(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++) {
        thrum_lock_acquire(&daemon_lock);
        __atomic_fetch_add(&daemon_steps, 1, __ATOMIC_RELAXED);
        thrum_lock_release(&daemon_lock);
    }
    return NULL;
}

static void shut_down_beside_locks(void)
{
    kit_end_beside(lock_thrice, THRUM_DAEMON);
    steps_at_end = __atomic_load_n(&daemon_steps, __ATOMIC_RELAXED);
    thrum_lock_acquire(&daemon_lock);
    thrum_lock_release(&daemon_lock);
}

MODEL(thread, daemon_locks, .what = "a daemon stops at a lock, and not with it",
      .threads = {shut_down_beside_locks}, .finish = daemon_made_at_most_one_step, .may_leak = true,
      .preemptions = 3)

static int held_by_daemon;
static thrum_event daemon_event;

static void *wait_for_ever(void *unused)
{
    (void)unused;
    thrum_event_wait(&daemon_event);
    (void)thrum_get_ident();
    held_by_daemon = 1; /* never: the set comes after the end */
    return NULL;
}

static void shut_down_and_set(void)
{
    kit_end_beside(wait_for_ever, THRUM_DAEMON);
    thrum_event_set(&daemon_event);
}

static void daemon_did_not_go_on(void)
{
    model_assert(held_by_daemon == 0);
    model_assert(!model_is_asleep(0));
    model_assert(model_is_stopped(1) || model_is_asleep(1));
}

MODEL(thread, daemon_stops, .what = "a daemon runs no further after the end",
      .threads = {shut_down_and_set}, .finish = daemon_did_not_go_on, .may_deadlock = true,
      .may_leak = true, .preemptions = 2)
MODEL(thread, daemon_sleeps, .what = "a daemon that sleeps stops, no thread starts after the end",
      .threads = {shut_down_with_daemon}, .finish = daemon_made_at_most_one_step, .may_leak = true,
      .ticks = 1, .preemptions = 2)

static int callback_done;

static void call_back(void *unused)
{
    (void)unused;
    model_assert(callback_done == 0);
    callback_done = 1;
}

static void *shut_down_too(void *unused)
{
    (void)unused;
    int status = thrum_shutdown();
    model_assert(status == 0);
    model_assert(callback_done == 1);
    return NULL;
}

static void shut_down_by_two(void)
{
    model_assert(thrum_at_shutdown(call_back, NULL) == 0);
    thrum_thread *thread = thrum_spawn(shut_down_too, NULL, .daemon = THRUM_NOT_DAEMON);
    model_assert(thread != NULL);
    model_assert(thrum_shutdown() == 0);
    model_assert(callback_done == 1);
    kit_join_and_free(thread);
}

MODEL(thread, shutdown_by_two, .what = "two end the program at once", .preemptions = 2,
      .threads = {shut_down_by_two})

static void *start_another(void *unused)
{
    (void)unused;
    thrum_thread *second = thrum_spawn(finish_late, NULL, .daemon = THRUM_NOT_DAEMON);
    model_assert(second != NULL);
    thrum_thread_free(second);
    return NULL;
}

static void shut_down_chain(void)
{
    kit_end_beside(start_another, THRUM_NOT_DAEMON);
    model_assert(finished_first == 1);
}

MODEL(thread, shutdown_chain, .what = "the end awaits a thread that an awaited one starts",
      .threads = {shut_down_chain}, .preemptions = 2)

static void *start_and_join_another(void *unused)
{
    (void)unused;
    thrum_thread *thread = thrum_spawn(finish_late, NULL, .daemon = THRUM_NOT_DAEMON);
    model_assert(thread != NULL && thrum_thread_join(thread) == 0);
    thrum_thread_free(thread);
    return NULL;
}

static void shut_down_beside_join(void)
{
    kit_end_beside(start_and_join_another, THRUM_NOT_DAEMON);
    model_assert(finished_first == 1);
}

MODEL(thread, shutdown_beside_join, .what = "the end and a joiner both want a thread that ended",
      .threads = {shut_down_beside_join}, .preemptions = 2)

static void *join_before_stopped(void *thread)
{
    int status = thrum_thread_join(thread);
    model_assert(status == 0 && finished_first == 1);
    return NULL;
}

static void shut_down_beside_daemon(void)
{
    thrum_thread *thread = thrum_spawn(finish_late, NULL, .daemon = THRUM_NOT_DAEMON);
    model_assert(thread != NULL);
    model_assert(thrum_spawn(join_before_stopped, thread, .daemon = THRUM_DAEMON) != NULL);
    model_assert(thrum_shutdown() == 0);
    model_assert(finished_first == 1);
}

MODEL(thread, shutdown_beside_daemon, .what = "the same, the joiner being a daemon",
      .threads = {shut_down_beside_daemon}, .abandons = true, .may_leak = true, .preemptions = 2)

static void *start_for_the_end(void *unused)
{
    (void)unused;
    thrum_thread *thread = thrum_spawn(finish_late, NULL, .daemon = THRUM_NOT_DAEMON);
    if (thread != NULL)
        thrum_thread_free(thread);
    return NULL;
}

/** A daemon starts a thread to be awaited, at any moment of the end. */
static void shut_down_beside_start(void)
{
    kit_end_beside(start_for_the_end, THRUM_DAEMON);
    thrum_thread *living[4];
    size_t count = thrum_enumerate(living, 4);
    for (size_t i = 0; i < count; i++) {
        model_assert(living[i] == thrum_main_thread() || thrum_thread_is_daemon(living[i]));
        thrum_thread_free(living[i]);
    }
}

MODEL(thread, shutdown_beside_start, .what = "a daemon starts a thread that the end then awaits",
      .threads = {shut_down_beside_start}, .may_leak = true, .preemptions = 2)

/* ---- callbacks, and who joins the main thread ---- */

static int registered, called;

static void note_call(void *unused)
{
    (void)unused;
    called = 1;
}

static void *register_late(void *unused)
{
    (void)unused;
    int status = thrum_at_shutdown(note_call, NULL);
    model_assert(status == 0 || status == THRUM_ESHUTDOWN);
    registered = status == 0;
    return NULL;
}

static void shut_down_beside_callback(void)
{
    kit_end_beside(register_late, THRUM_NOT_DAEMON);
    model_assert(registered == called);
}

MODEL(thread, shutdown_callback, .what = "a callback that is taken is called, also a late one",
      .threads = {shut_down_beside_callback}, .preemptions = 2)

static void *join_main(void *unused)
{
    (void)unused;
    model_assert(thrum_thread_join(thrum_main_thread()) == 0);
    model_assert(callback_done == 1);
    return NULL;
}

static void shut_down_joined(void)
{
    model_assert(thrum_at_shutdown(call_back, NULL) == 0);
    kit_end_beside(join_main, THRUM_NOT_DAEMON);
}

MODEL(thread, shutdown_joined, .what = "the main thread counts as ended for one that joins it",
      .threads = {shut_down_joined}, .preemptions = 2)

static thrum_event has_joined;

static void *join_exiting(void *thread)
{
    model_assert(thrum_thread_join(thread) == 0);
    thrum_event_set(&has_joined);
    return NULL;
}

static void *exit_beside_joiner(void *unused)
{
    (void)unused;
    thrum_thread *self = thrum_current_thread();
    thrum_thread *joiner = thrum_spawn(join_exiting, self, .daemon = THRUM_NOT_DAEMON);
    model_assert(joiner != NULL);
    thrum_thread_free(joiner);
    model_exit();
}

static void start_one_that_exits(void)
{
    thrum_thread_free(thrum_spawn(exit_beside_joiner, NULL, .daemon = THRUM_NOT_DAEMON));
    thrum_event_wait(&has_joined);
}

MODEL(thread, exits_joined, .what = "one that calls exit has ended for a joiner, and awaits it",
      .threads = {start_one_that_exits}, .abandons = true, .may_leak = true, .preemptions = 2)

static int inner_status;

static void end_inside(void *unused)
{
    (void)unused;
    inner_status = thrum_shutdown();
}

static void shut_down_inside(void)
{
    model_assert(thrum_at_shutdown(end_inside, NULL) == 0);
    model_assert(thrum_shutdown() == 0);
    model_assert(inner_status == THRUM_ESTATE);
}

MODEL(thread, shutdown_inside, .what = "a callback that ends the program is refused",
      .threads = {shut_down_inside, start_and_let_go}, .may_leak = true, .preemptions = 1)

static void only_end(void)
{
    model_assert(thrum_shutdown() == 0);
}

static void start_or_fail_beside_end(void)
{
    thrum_thread *thread = thrum_spawn(write_target, NULL, .daemon = THRUM_NOT_DAEMON);
    if (thread != NULL)
        thrum_thread_free(thread);
}

MODEL(thread, shutdown_beside_failure, .what = "the end awaits a thread that then fails to start",
      .threads = {only_end, start_or_fail_beside_end}, .may_leak = true, .failures = 1,
      .preemptions = 2)

/** Who ends the program on another's behalf goes on afterwards. */
static int went_on;

static void *shut_down_and_go_on(void *unused)
{
    (void)unused;
    model_assert(thrum_shutdown() == 0);
    (void)thrum_get_ident();
    went_on = 1;
    return NULL;
}

static void wait_for_end_by_another(void)
{
    thrum_thread *thread = thrum_spawn(shut_down_and_go_on, NULL, .daemon = THRUM_DAEMON);
    model_assert(thread != NULL);
    model_assert(thrum_shutdown() == 0);
    int status = thrum_thread_join(thread);
    model_assert(status == 0 || status == THRUM_EDEADLK);
    model_assert(status != 0 || went_on == 1);
    thrum_thread_free(thread);
}

/** Nobody waits for ever but for a daemon that was stopped before it was known to be. */
static void waits_only_for_stopped(void)
{
    model_assert(!model_is_asleep(0) || model_is_stopped(1));
    model_assert(!model_is_asleep(1));
}

MODEL(thread, shutdown_by_daemon, .what = "a daemon ends the program beside the main thread",
      .threads = {wait_for_end_by_another}, .finish = waits_only_for_stopped, .may_leak = true,
      .preemptions = 2)
