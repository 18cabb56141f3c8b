/* SPDX-License-Identifier: MIT */
/** @file
 *  Flow: the end of a program, and forks, while executors, timers and queues are in use. What
 *  CPython's test_shutdown.py says of the interpreter's end. */
#include "flow/flow.h"

#include "executor_support.h"
#include "thrum/queue.h"
#include "timer_support.h"

/** Of forked children, which give up what is the parent's as it is. */
TEST_IGNORES_LEAKS()

/* ---- the end of the program ---- */

static void *say_late(void *line)
{
    thrum_sleep(0.02);
    test_say(line);
    return NULL;
}

static thrum_executor *program_pool;

static void leave_work_behind(void *unused)
{
    (void)unused;
    program_pool = HAVE(thrum_executor_new(.max_workers = 1));
    CHECK_STATUS(thrum_executor_submit(program_pool, say_late, "apple", NULL), 0);
    CHECK_STATUS(thrum_executor_submit(program_pool, say_late, "pear", NULL), 0);
}

TEST(flow, interpreter_shutdown)
{
    CHECK_PROGRAM(leave_work_behind, NULL, 0, "apple\npear\n");
}

static int late_calls;

static void *try_until_refused(void *unused)
{
    (void)unused;
    int status = 0;
    while ((status = thrum_executor_submit(program_pool, count_call, &late_calls, NULL)) == 0)
        thrum_sleep(0.001);
    test_say(status == THRUM_ESHUTDOWN ? "refused" : "wrong");
    thrum_executor *later = HAVE(thrum_executor_new());
    status = thrum_executor_submit(later, count_call, &late_calls, NULL);
    test_say(status == THRUM_ESHUTDOWN ? "refused again" : "wrong");
    thrum_executor_free(later);
    return NULL;
}

static void submit_at_the_end(void *unused)
{
    (void)unused;
    program_pool = HAVE(thrum_executor_new(.max_workers = 2));
    CHECK_STATUS(thrum_executor_submit(program_pool, try_until_refused, NULL, NULL), 0);
}

TEST(flow, submit_after_interpreter_shutdown)
{
    CHECK_PROGRAM(submit_at_the_end, NULL, 0, "refused\nrefused again\n");
}

static void submit_in_a_callback(void *unused)
{
    (void)unused;
    CHECK_STATUS(thrum_executor_submit(program_pool, say_late, "in a callback", NULL), 0);
}

static void have_a_callback(void *unused)
{
    leave_work_behind(unused);
    CHECK_STATUS(thrum_at_shutdown(submit_in_a_callback, NULL), 0);
}

TEST(flow, callbacks_may_submit)
{
    CHECK_PROGRAM(have_a_callback, NULL, 0, "apple\npear\nin a callback\n");
}

static void shut_down_and_leave(void *unused)
{
    leave_work_behind(unused);
    CHECK_STATUS(thrum_executor_shutdown(program_pool, 0), 0);
}

TEST(flow, interpreter_shutdown_after_one_without_waiting)
{
    CHECK_PROGRAM(shut_down_and_leave, NULL, 0, "apple\npear\n");
}

static void leave_an_idle_pool(void *unused)
{
    (void)unused;
    int calls = 0;
    program_pool = HAVE(thrum_executor_new());
    for (int i = 0; i < 20; i++)
        (void)result_of(submit(program_pool, count_call, &calls));
    test_say("idle");
}

TEST(flow, idle_pools_do_not_hold_the_program)
{
    CHECK_PROGRAM(leave_an_idle_pool, NULL, 0, "idle\n");
}

/* ---- fork ---- */

#if !TEST_UNDER_TSAN /* which cannot start threads in a child of threads */

static void *fork_in_a_task(void *arg)
{
    CHECK_EXITED(test_run_child(use_parents_in_child, program_pool), 0);
    return arg;
}

TEST(flow, forks_in_a_task)
{
    int calls = 0;
    program_pool = HAVE(thrum_executor_new(.max_workers = 1));
    thrum_future *future = submit(program_pool, fork_in_a_task, &future);
    thrum_future *next = submit(program_pool, count_call, &calls);
    CHECK_PTR(result_of(future), &future);
    CHECK_PTR(result_of(next), &calls);
    thrum_executor_free(program_pool);
}

#endif

/* ---- all of it at once ---- */

/** A task, behind which another is queued, a call of a timer, and a thread that waits for an item:
 *  each of them waits for the one below. */
static struct scene {
    thrum_queue *queue;
    thrum_thread *sleeper;
    thrum_executor *pool;
    thrum_future *running, *queued;
    test_gate of_task;
    thrum_timer *due, *far;
    test_gate of_call;
} scene;

static void *get_and_say(void *queue)
{
    void *line = NULL;
    CHECK_STATUS(thrum_queue_get(queue, &line), 0);
    test_say(line);
    return line;
}

static void *put_line(void *line)
{
    test_say("queued task");
    CHECK_STATUS(thrum_queue_put(scene.queue, line), 0);
    return line;
}

static void *pass_and_say(void *line)
{
    test_gate_wait(&scene.of_task);
    test_say(line);
    return line;
}

static void *let_task_go(void *line)
{
    test_gate_wait(&scene.of_call);
    test_say(line);
    test_gate_open(&scene.of_task);
    return line;
}

/** The program ends as all of them are at work. */
static void *let_call_go(void *arg)
{
    CHECK_STATUS(thrum_thread_join(thrum_main_thread()), 0);
    test_gate_open(&scene.of_call);
    return arg;
}

#define SAID_IN_SCENE "call\ntask\nqueued task\nitem\n"

static void leave_scene(void *unused)
{
    (void)unused;
    scene = (struct scene){.of_task = TEST_GATE_INIT, .of_call = TEST_GATE_INIT};
    scene.queue = HAVE(thrum_queue_new(1));
    scene.sleeper = HAVE(thrum_spawn(get_and_say, scene.queue));
    test_wait_asleep((pid_t)thrum_thread_native_id(scene.sleeper));
    scene.pool = HAVE(thrum_executor_new(.max_workers = 1));
    scene.running = submit(scene.pool, pass_and_say, "task");
    test_gate_await(&scene.of_task, 1);
    scene.queued = submit(scene.pool, put_line, "item");
    scene.far = HAVE(thrum_timer_new(FAR_S, NULL, NULL, .daemon = THRUM_DAEMON));
    start(scene.far);
    scene.due = HAVE(thrum_timer_new(0, let_task_go, "call"));
    start(scene.due);
    test_gate_await(&scene.of_call, 1);
    thrum_thread_free(HAVE(thrum_spawn(let_call_go, NULL)));
}

TEST(flow, the_program_ends_after_a_task_a_call_and_a_thread_that_wait_for_each_other)
{
    CHECK_PROGRAM(leave_scene, NULL, 0, SAID_IN_SCENE);
}

/** Nothing of the parent's goes on here, and nothing of it is in the way. */
static void look_at_parents_scene(void)
{
    void *line = NULL;
    CHECK_EQ(thread_count(), 0);
    CHECK_STATUS(thrum_queue_put(scene.queue, &scene), 0);
    CHECK_STATUS(thrum_queue_try_put(scene.queue, &scene), THRUM_EFULL);
    CHECK_STATUS(thrum_queue_get(scene.queue, &line), 0);
    CHECK_PTR(line, &scene);
    CHECK_STATUS(thrum_queue_try_get(scene.queue, NULL), THRUM_EEMPTY);
    CHECK_STATUS(thrum_future_wait(scene.running), THRUM_EDEADLK);
    CHECK_STATUS(thrum_future_wait(scene.queued), THRUM_EDEADLK);
    CHECK(!thrum_timer_cancel(scene.due) && !thrum_timer_cancel(scene.far));
    CHECK_STATUS(thrum_timer_join(scene.due), 0);
    CHECK_STATUS(thrum_timer_join(scene.far), 0);
    CHECK_STATUS(thrum_executor_submit(scene.pool, count_call, NULL, NULL), THRUM_ESHUTDOWN);
    CHECK_STATUS(thrum_executor_shutdown(scene.pool, THRUM_WAIT | THRUM_CANCEL_FUTURES), 0);
    CHECK_STATUS(thrum_future_result(scene.queued, NULL), THRUM_ECANCELLED);
}

/** The child's end awaits what is the child's. */
static void leave_scene_in_child(void *unused)
{
    look_at_parents_scene();
    if (!TEST_UNDER_TSAN) /* which cannot start threads in a child of threads */
        leave_scene(unused);
}

static void fork_amid_scene(void *unused)
{
    leave_scene(unused);
    CHECK_EXITED(test_run_child(leave_scene_in_child, NULL), 0);
    test_say("parent");
}

TEST(flow, a_child_forked_amid_a_task_a_call_and_a_wait_has_none_of_them)
{
    CHECK_PROGRAM(fork_amid_scene, NULL, 0,
                  TEST_UNDER_TSAN ? "parent\n" SAID_IN_SCENE
                                  : SAID_IN_SCENE "parent\n" SAID_IN_SCENE);
}
