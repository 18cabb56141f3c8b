/* SPDX-License-Identifier: MIT */
/** @file
 *  Future.
 *
 *  Purpose     concurrent.futures.Future, and the task that an executor runs, in one allocation.
 *  State       One word with the phase, see the card in flow/future.h; two unions that hold what
 *              to run before and what came of it after.
 *  Protocol    Who completes writes the outcome, then moves the phase by one CAS. If the word says
 *              that somebody waits, it tells them (watch.c).
 *              A task is completed by who claimed it (PENDING to RUNNING by CAS), so its unions
 *              have one writer. Of those who would complete a future made by hand, one takes it,
 *              by CAS; the others wait the moment until it is done.
 *  Invariants  A final phase never changes. Outcomes are read after a final phase has been.
 *  Who frees   Who completes or cancels holds a reference until it has told everybody: the queue's,
 *              or one of its own; or where nobody is to be told, touches it last in the CAS. So a
 *              woken waiter may drop the last handle.
 *  Rejected    A mutex and a condition per future, as in Python: two locked operations for who only
 *              asks. */
#include "flow/future.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "park/table.h"
#include "platform/atomic.h"
#include "platform/memory.h"
#include "thread/failure.h"

static const thrum_error error_without_memory = {
    .code = ENOMEM, .message = "(no memory for the message)", .thread_name = "(unknown)"};

/* ---- the state ---- */

static uint32_t phase_of(uint32_t state)
{
    return state & TH_TASK_PHASE;
}

/** The phase; if it is final, the outcome may be read. */
static uint32_t look(const thrum_future *future)
{
    return phase_of(th_load_acq(&future->state)); /* pairs: conclude, thrum_future_cancel */
}

static bool is_done(const thrum_future *future)
{
    return th_task_is_final(look(future));
}

static uint32_t with_phase(uint32_t state, uint32_t phase)
{
    return (state & ~(uint32_t)TH_TASK_PHASE) | phase;
}

/** Move PENDING to `phase`: false, and what it is instead, if it was not. */
static bool leave_pending(thrum_future *future, uint32_t phase, uint32_t *ret_state)
{
    uint32_t state = TH_TASK_PENDING;
    do {
        /* pairs: look */
        if (th_cas_rel(&future->state, &state, with_phase(state, phase))) {
            *ret_state = state;
            return true;
        }
    } while (phase_of(state) == TH_TASK_PENDING);
    *ret_state = state;
    return false;
}

/** Move to a final phase; nobody else may. Returns the word before, which says who waits. */
static uint32_t conclude(thrum_future *future, uint32_t phase)
{
    uint32_t state = TH_TASK_RUNNING;
    /* pairs: look */
    while (!th_cas_rel(&future->state, &state, with_phase(state, phase)))
        continue;
    return state;
}

/* ---- references ---- */

void th_task_init(thrum_future *task, th_task_source *source, thrum_target target, void *arg,
                  uint32_t references)
{
    *task = (thrum_future){.references = references,
                           .runner = source != NULL ? th_table_generation() & ~TH_OWNER_MASK : 0,
                           .source = source,
                           .target = target,
                           .arg = arg};
}

void th_future_refer(thrum_future *future)
{
    th_add_rlx(&future->references, 1); /* relaxed: the caller has one */
}

bool th_task_unrefer(thrum_future *task)
{
    /* pairs: itself: what others did with the task comes before its memory is freed. With one
     * reference left nobody else can take another. */
    return th_load_acq(&task->references) == 1 || th_sub_acq_rel(&task->references, 1) == 1;
}

void th_task_clear(thrum_future *task)
{
    uint32_t phase = look(task);
    if (phase == TH_TASK_FAILED || phase == TH_TASK_BROKEN)
        th_free(task->error);
    th_watches_forget(task);
}

void th_task_destroy(thrum_future *task)
{
    th_task_clear(task);
    th_free(task);
}

void th_future_drop(thrum_future *future)
{
    if (th_task_unrefer(future))
        th_task_destroy(future);
}

thrum_future *thrum_future_new(void)
{
    th_self(); /* an abandoned thread stops here */
    thrum_future *future = th_alloc(sizeof *future);
    if (future != NULL)
        th_task_init(future, NULL, NULL, NULL, 1);
    return future;
}

thrum_future *thrum_future_ref(thrum_future *future)
{
    th_self(); /* an abandoned thread stops here */
    if (future != NULL)
        th_future_refer(future);
    return future;
}

void thrum_future_free(thrum_future *future)
{
    th_self(); /* an abandoned thread stops here */
    if (future != NULL)
        th_future_drop(future);
}

/* ---- errors ---- */

/** An error with room for a message of `length`, of the calling thread; or NULL. */
static th_future_error *make_error(int code, size_t length)
{
    const char *name = thrum_thread_name(thrum_current_thread());
    size_t name_bytes = strlen(name) + 1;
    th_future_error *error = th_alloc(sizeof *error + length + 1 + name_bytes);
    if (error == NULL)
        return NULL;
    memcpy(error->texts + length + 1, name, name_bytes);
    error->shown = (thrum_error){
        .code = code, .message = error->texts, .thread_name = error->texts + length + 1};
    return error;
}

static th_future_error *make_error_of(int code, const char *message)
{
    size_t length = strlen(message);
    th_future_error *error = make_error(code, length);
    if (error != NULL)
        memcpy(error->texts, message, length);
    return error;
}

/** `%m` means the caller's errno, which is kept. */
static th_future_error *format_error(int code, const char *format, va_list args)
{
    int saved = errno;
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    th_future_error *error = length < 0 ? NULL : make_error(code, (size_t)length);
    errno = saved;
    if (error != NULL) /* the byte after the message is 0 as well */
        vsnprintf(error->texts, (size_t)length + 1, format, again);
    va_end(again);
    errno = saved;
    return error;
}

bool th_future_has_failed(const thrum_future *future)
{
    uint32_t phase = look(future);
    return phase == TH_TASK_FAILED || phase == TH_TASK_BROKEN;
}

const thrum_error *thrum_future_error(const thrum_future *future)
{
    if (future == NULL || !th_future_has_failed(future))
        return NULL;
    return future->error != NULL ? &future->error->shown : &error_without_memory;
}

/* ---- tasks ---- */

bool th_task_claim(thrum_future *task)
{
    const th_runner *runner = th_runner_self();
    uint32_t state;
    if (!leave_pending(task, TH_TASK_RUNNING, &state))
        return false;
    if (runner != NULL) /* relaxed: see runner.c, who walks */
        th_store_rlx(&task->runner, runner->context->self);
    th_task_source *source = task->source;
    if (source != NULL && source->left_pending != NULL)
        source->left_pending(source);
    return true;
}

/** The claimed task has failed; nobody can ask how if the only reference is the queue's. */
static void fail(thrum_future *task, th_failure *failure)
{
    /* relaxed: nobody else has a reference to make one more of, or to list a callback with */
    bool is_forgotten =
        th_load_rlx(&task->references) == 1 && (th_load_rlx(&task->state) & TH_TASK_WATCHED) == 0;
    if (is_forgotten)
        th_failure_tell(failure);
    task->error = make_error_of(failure->code, th_failure_message(failure));
    th_failure_clear(failure);
    th_future_announce(task, conclude(task, TH_TASK_FAILED));
}

void th_task_run_busy(thrum_future *task, uint32_t *is_busy)
{
    th_failure failure = {.has_failed = false};
    th_failure *before = th_failure_exchange(&failure);
    void *result = task->target(task->arg);
    th_failure_exchange(before);
    bool calls_back = is_busy != NULL && th_future_calls_back(task);
    if (is_busy != NULL && !calls_back)
        th_store_rlx(is_busy, 0); /* relaxed: published with the outcome */
    if (failure.has_failed) {
        fail(task, &failure);
    } else {
        task->result = result;
        th_future_announce(task, conclude(task, TH_TASK_SUCCEEDED));
    }
    if (calls_back)
        th_store_rlx(is_busy, 0); /* relaxed: callbacks may block as the task may */
}

void th_task_run(thrum_future *task)
{
    th_task_run_busy(task, NULL);
}

void th_task_settle(thrum_future *task)
{
    th_rawlock_acquire(&task->lock);
    th_rawlock_release(&task->lock);
}

bool th_task_break(thrum_future *task, const char *message)
{
    uint32_t state;
    th_future_error *error = make_error_of(0, message);
    th_rawlock_acquire(&task->lock); /* as a cancel: see th_task_settle */
    bool breaks = leave_pending(task, TH_TASK_RUNNING, &state); /* the unions have one writer */
    if (breaks) {
        if (task->source != NULL && task->source->left_pending != NULL)
            task->source->left_pending(task->source);
        task->error = error;
        state = conclude(task, TH_TASK_BROKEN);
    }
    th_rawlock_release(&task->lock);
    if (breaks)
        th_future_announce(task, state);
    else
        th_free(error);
    return breaks;
}

/* ---- cancelling, and completing by hand ---- */

bool thrum_future_cancel(thrum_future *future)
{
    if (future == NULL)
        return false;
    th_self(); /* an abandoned thread stops here */
    uint32_t state = TH_TASK_PENDING;
    /* pairs: look; nobody waits, so nobody is to be told */
    if (future->source == NULL && th_cas_rel(&future->state, &state, TH_TASK_CANCELLED))
        return true;
    uint32_t phase = look(future);
    if (phase != TH_TASK_PENDING)
        return phase == TH_TASK_CANCELLED;
    th_future_refer(future);
    th_rawlock_acquire(&future->lock);
    bool cancelled = leave_pending(future, TH_TASK_CANCELLED, &state);
    if (cancelled && future->source != NULL && future->source->left_pending != NULL)
        future->source->left_pending(future->source);
    th_rawlock_release(&future->lock);
    if (cancelled)
        th_future_announce(future, state);
    th_future_drop(future);
    /* who cancelled it before has done so under this lock: what was fast has been seen above */
    return cancelled || phase_of(state) == TH_TASK_CANCELLED;
}

int thrum_future_start(thrum_future *future)
{
    if (future == NULL)
        return THRUM_EINVAL;
    th_self(); /* an abandoned thread stops here */
    if (future->source != NULL)
        return THRUM_ESTATE;
    uint32_t state;
    if (leave_pending(future, TH_TASK_RUNNING, &state))
        return 0;
    return look(future) == TH_TASK_CANCELLED ? THRUM_ECANCELLED : THRUM_ESTATE;
}

/** Whether the caller is to complete a future made by hand, and nobody else. If not, it is done, or
 *  a task. */
static bool take(thrum_future *future)
{
    if (future->source != NULL)
        return false;
    uint32_t state = TH_TASK_PENDING;
    do {
        /* relaxed: the final phase that follows publishes */
        if (th_cas_rlx(&future->state, &state, with_phase(state, TH_TASK_RUNNING) | TH_TASK_TAKEN))
            return true;
    } while (!th_task_is_final(state) && (state & TH_TASK_TAKEN) == 0);
    if (!th_task_is_final(state))
        th_future_sleep(future, THRUM_FOREVER); /* for a moment */
    return false;
}

/** The outcome of a taken future has been written. */
static void complete(thrum_future *future, uint32_t phase)
{
    uint32_t state = TH_TASK_RUNNING | TH_TASK_TAKEN;
    /* pairs: look; nobody waits, and from here on somebody may drop the last handle */
    if (th_cas_rel(&future->state, &state, phase | TH_TASK_TAKEN))
        return;
    th_future_refer(future);
    th_future_announce(future, conclude(future, phase));
    th_future_drop(future);
}

int thrum_future_set_result(thrum_future *future, void *result)
{
    if (future == NULL)
        return THRUM_EINVAL;
    th_self(); /* an abandoned thread stops here */
    if (!take(future))
        return THRUM_ESTATE;
    future->result = result;
    complete(future, TH_TASK_SUCCEEDED);
    return 0;
}

int thrum_future_set_error(thrum_future *future, int code, const char *format, ...)
{
    if (future == NULL)
        return THRUM_EINVAL;
    th_self(); /* an abandoned thread stops here */
    va_list args;
    va_start(args, format);
    th_future_error *error = format_error(code, format != NULL ? format : "", args);
    va_end(args);
    if (!take(future)) {
        th_free(error);
        return THRUM_ESTATE;
    }
    future->error = error;
    complete(future, TH_TASK_FAILED);
    return 0;
}

/* ---- waiting and asking ---- */

static int status_of(uint32_t phase)
{
    switch (phase) {
    case TH_TASK_SUCCEEDED: return 0;
    case TH_TASK_FAILED: return THRUM_EFAILED;
    case TH_TASK_BROKEN: return THRUM_EBROKEN;
    default: return THRUM_ECANCELLED;
    }
}

int th_future_status(const thrum_future *future)
{
    return status_of(look(future));
}

static int get(thrum_future *future, void **ret_result, thrum_time deadline)
{
    if (future == NULL)
        return THRUM_EINVAL;
    th_self(); /* an abandoned thread stops here */
    uint32_t phase = look(future);
    if (!th_task_is_final(phase)) {
        int status = th_future_await(future, deadline);
        if (status != 0)
            return status;
        phase = look(future);
    }
    if (phase == TH_TASK_SUCCEEDED && ret_result != NULL)
        *ret_result = future->result;
    return status_of(phase);
}

int thrum_future_result_until(thrum_future *future, void **ret_result, thrum_time deadline)
{
    return get(future, ret_result, deadline);
}

int thrum_future_result(thrum_future *future, void **ret_result)
{
    return get(future, ret_result, THRUM_FOREVER);
}

int thrum_future_wait_until(thrum_future *future, thrum_time deadline)
{
    return future == NULL ? THRUM_EINVAL : th_future_await(future, deadline);
}

int thrum_future_wait(thrum_future *future)
{
    return future == NULL ? THRUM_EINVAL : th_future_await(future, THRUM_FOREVER);
}

bool thrum_future_is_cancelled(const thrum_future *future)
{
    return future != NULL && look(future) == TH_TASK_CANCELLED;
}

bool thrum_future_is_running(const thrum_future *future)
{
    return future != NULL && look(future) == TH_TASK_RUNNING;
}

bool thrum_future_is_done(const thrum_future *future)
{
    return future != NULL && is_done(future);
}
