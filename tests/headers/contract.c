/* SPDX-License-Identifier: MIT */
/** @file
 *  The public contract: programs outside this tree are compiled against these types, so a change of
 *  one is a break. Compiled only; test_headers.sh does. Macros are in its uses.c. */
#include <thrum.h>

#define IS(function, ...)                                                                          \
    _Static_assert(_Generic(&(function), __VA_ARGS__ : 1, default : 0), "type of " #function)

typedef void (*done_callback)(thrum_future *, void *);
typedef bool (*next_input)(void *, void **);
typedef const thrum_error *error;

IS(thrum_now, thrum_time (*)(void));
IS(thrum_after, thrum_time (*)(double));
IS(thrum_sleep, int (*)(double));
IS(thrum_sleep_until, int (*)(thrum_time));

IS(thrum_thread_start, int (*)(thrum_thread *));
IS(thrum_thread_join, int (*)(thrum_thread *));
IS(thrum_thread_join_until, int (*)(thrum_thread *, thrum_time));
IS(thrum_thread_result, void *(*)(thrum_thread *));
IS(thrum_thread_free, void (*)(thrum_thread *));
IS(thrum_thread_is_alive, bool (*)(const thrum_thread *));
IS(thrum_thread_name, const char *(*)(const thrum_thread *));
IS(thrum_thread_set_name, int (*)(thrum_thread *, const char *));
IS(thrum_thread_is_daemon, bool (*)(const thrum_thread *));
IS(thrum_thread_set_daemon, int (*)(thrum_thread *, bool));
IS(thrum_thread_ident, uint64_t (*)(const thrum_thread *));
IS(thrum_thread_native_id, uint64_t (*)(const thrum_thread *));
IS(thrum_current_thread, thrum_thread *(*)(void));
IS(thrum_main_thread, thrum_thread *(*)(void));
IS(thrum_get_ident, uint64_t (*)(void));
IS(thrum_get_native_id, uint64_t (*)(void));
IS(thrum_active_count, size_t (*)(void));
IS(thrum_enumerate, size_t (*)(thrum_thread **, size_t));
IS(thrum_set_stack_size, int (*)(size_t));
IS(thrum_fail, void *(*)(int, const char *, ...));
IS(thrum_set_excepthook, thrum_excepthook (*)(thrum_excepthook));
IS(thrum_at_shutdown, int (*)(void (*)(void *), void *));
IS(thrum_shutdown, int (*)(void));

IS(thrum_local_get, void *(*)(thrum_local *));
IS(thrum_local_set, int (*)(thrum_local *, void *));

IS(thrum_lock_acquire_until, int (*)(thrum_lock *, thrum_time));
IS(thrum_lock_try_acquire, bool (*)(thrum_lock *));
IS(thrum_lock_release, void (*)(thrum_lock *));
IS(thrum_lock_release_checked, int (*)(thrum_lock *));
IS(thrum_lock_locked, bool (*)(const thrum_lock *));
IS(thrum_rlock_is_owned, bool (*)(const thrum_rlock *));
IS(thrum_rlock_count, unsigned (*)(const thrum_rlock *));

IS(thrum_condition_notify, void (*)(thrum_condition *, size_t));
IS(thrum_condition_notify_all, void (*)(thrum_condition *));

IS(thrum_semaphore_init, void (*)(thrum_semaphore *, unsigned, bool));
IS(thrum_semaphore_acquire, int (*)(thrum_semaphore *));
IS(thrum_semaphore_acquire_until, int (*)(thrum_semaphore *, thrum_time));
IS(thrum_semaphore_try_acquire, bool (*)(thrum_semaphore *));
IS(thrum_semaphore_release, int (*)(thrum_semaphore *, unsigned));
IS(thrum_semaphore_value, unsigned (*)(const thrum_semaphore *));

IS(thrum_event_set, void (*)(thrum_event *));
IS(thrum_event_clear, void (*)(thrum_event *));
IS(thrum_event_is_set, bool (*)(const thrum_event *));
IS(thrum_event_wait, int (*)(thrum_event *));
IS(thrum_event_wait_until, int (*)(thrum_event *, thrum_time));

IS(thrum_barrier_init, int (*)(thrum_barrier *, unsigned, int (*)(void *), void *));
IS(thrum_barrier_wait, int (*)(thrum_barrier *));
IS(thrum_barrier_wait_until, int (*)(thrum_barrier *, thrum_time));
IS(thrum_barrier_reset, void (*)(thrum_barrier *));
IS(thrum_barrier_abort, void (*)(thrum_barrier *));
IS(thrum_barrier_parties, unsigned (*)(const thrum_barrier *));
IS(thrum_barrier_n_waiting, unsigned (*)(const thrum_barrier *));
IS(thrum_barrier_is_broken, bool (*)(const thrum_barrier *));

IS(thrum_once_run, void (*)(thrum_once *, void (*)(void *), void *));

IS(thrum_queue_put, int (*)(thrum_queue *, void *));
IS(thrum_queue_put_until, int (*)(thrum_queue *, void *, thrum_time));
IS(thrum_queue_try_put, int (*)(thrum_queue *, void *));
IS(thrum_queue_get, int (*)(thrum_queue *, void **));
IS(thrum_queue_get_until, int (*)(thrum_queue *, void **, thrum_time));
IS(thrum_queue_try_get, int (*)(thrum_queue *, void **));
IS(thrum_queue_put_many, int (*)(thrum_queue *, void *const *, size_t, size_t *));
IS(thrum_queue_put_many_until, int (*)(thrum_queue *, void *const *, size_t, size_t *, thrum_time));
IS(thrum_queue_get_many, int (*)(thrum_queue *, void **, size_t, size_t *));
IS(thrum_queue_get_many_until, int (*)(thrum_queue *, void **, size_t, size_t *, thrum_time));
IS(thrum_queue_task_done, int (*)(thrum_queue *));
IS(thrum_queue_join, int (*)(thrum_queue *));
IS(thrum_queue_join_until, int (*)(thrum_queue *, thrum_time));
IS(thrum_queue_shutdown, void (*)(thrum_queue *, bool));
IS(thrum_queue_qsize, size_t (*)(const thrum_queue *));
IS(thrum_queue_empty, bool (*)(const thrum_queue *));
IS(thrum_queue_full, bool (*)(const thrum_queue *));
IS(thrum_queue_maxsize, size_t (*)(const thrum_queue *));
IS(thrum_queue_free, void (*)(thrum_queue *));

IS(thrum_future_result, int (*)(thrum_future *, void **));
IS(thrum_future_result_until, int (*)(thrum_future *, void **, thrum_time));
IS(thrum_future_wait, int (*)(thrum_future *));
IS(thrum_future_wait_until, int (*)(thrum_future *, thrum_time));
IS(thrum_future_error, error (*)(const thrum_future *));
IS(thrum_future_cancel, bool (*)(thrum_future *));
IS(thrum_future_is_cancelled, bool (*)(const thrum_future *));
IS(thrum_future_is_running, bool (*)(const thrum_future *));
IS(thrum_future_is_done, bool (*)(const thrum_future *));
IS(thrum_future_add_done_callback, int (*)(thrum_future *, done_callback, void *));
IS(thrum_future_new, thrum_future *(*)(void));
IS(thrum_future_start, int (*)(thrum_future *));
IS(thrum_future_set_result, int (*)(thrum_future *, void *));
IS(thrum_future_set_error, int (*)(thrum_future *, int, const char *, ...));
IS(thrum_future_ref, thrum_future *(*)(thrum_future *));
IS(thrum_future_free, void (*)(thrum_future *));
IS(thrum_futures_wait, int (*)(thrum_future *const *, size_t, thrum_return_when));
IS(thrum_futures_wait_until, int (*)(thrum_future *const *, size_t, thrum_return_when, thrum_time));
IS(thrum_as_completed_new, thrum_as_completed *(*)(thrum_future *const *, size_t));
IS(thrum_as_completed_next, int (*)(thrum_as_completed *, thrum_future **));
IS(thrum_as_completed_next_until, int (*)(thrum_as_completed *, thrum_future **, thrum_time));
IS(thrum_as_completed_free, void (*)(thrum_as_completed *));

IS(thrum_executor_submit, int (*)(thrum_executor *, thrum_target, void *, thrum_future **));
IS(thrum_executor_submit_until,
   int (*)(thrum_executor *, thrum_target, void *, thrum_future **, thrum_time));
IS(thrum_executor_try_submit, int (*)(thrum_executor *, thrum_target, void *, thrum_future **));
IS(thrum_executor_map, int (*)(thrum_executor *, thrum_target, void *const *, size_t, void **));
IS(thrum_executor_shutdown, int (*)(thrum_executor *, unsigned));
IS(thrum_executor_shutdown_until, int (*)(thrum_executor *, unsigned, thrum_time));
IS(thrum_executor_free, void (*)(thrum_executor *));
IS(thrum_map_next, int (*)(thrum_map *, void **));
IS(thrum_map_next_until, int (*)(thrum_map *, void **, thrum_time));
IS(thrum_map_error, error (*)(const thrum_map *));
IS(thrum_map_free, void (*)(thrum_map *));

IS(thrum_timer_start, int (*)(thrum_timer *));
IS(thrum_timer_cancel, bool (*)(thrum_timer *));
IS(thrum_timer_join, int (*)(thrum_timer *));
IS(thrum_timer_join_until, int (*)(thrum_timer *, thrum_time));
IS(thrum_timer_free, void (*)(thrum_timer *));

static void *target(void *arg)
{
    return arg;
}

static bool next(void *state, void **ret_input)
{
    *ret_input = state;
    return false;
}

static int compare(const void *a, const void *b)
{
    return (a > b) - (a < b);
}

static int initializer(void *arg)
{
    return arg == NULL;
}

static void destroy_item(void *item)
{
    (void)item;
}

/** The calls that are macros, each with every option. */
void contract(void);
void contract(void)
{
    thrum_queue *plain = thrum_queue_new(0);
    thrum_queue *queue = thrum_queue_new(10, .order = THRUM_PRIORITY, .compare = compare,
                                         .destroy_item = destroy_item);
    thrum_executor *executor =
        thrum_executor_new(.max_workers = 2, .thread_name_prefix = "p", .initializer = initializer,
                           .initarg = queue, .max_pending = 3);
    thrum_executor *usual = thrum_executor_new();
    THRUM_EXECUTOR(pool, .max_workers = 2);
    thrum_map *map = thrum_map_new(pool, target, next, plain, .buffersize = 4);
    thrum_map *eager = thrum_map_new(pool, target, next, plain);
    thrum_timer *timer =
        thrum_timer_new(0.5, target, NULL, .repeat = true, .daemon = THRUM_DAEMON, .name = "tick");
    thrum_timer *once = thrum_timer_new(0.5, target, NULL);
    (void)thrum_executor_shutdown(executor, THRUM_WAIT | THRUM_CANCEL_FUTURES);
    (void)thrum_queue_new(1, .order = THRUM_FIFO);
    (void)thrum_queue_new(1, .order = THRUM_LIFO);
    (void)thrum_futures_wait(NULL, 0, THRUM_ALL_COMPLETED);
    (void)thrum_futures_wait(NULL, 0, THRUM_FIRST_COMPLETED);
    (void)thrum_futures_wait(NULL, 0, THRUM_FIRST_EXCEPTION);
    thrum_timer_free(timer);
    thrum_timer_free(once);
    thrum_map_free(map);
    thrum_map_free(eager);
    thrum_executor_free(executor);
    thrum_executor_free(usual);
    thrum_queue_free(queue);
    thrum_queue_free(plain);
}
