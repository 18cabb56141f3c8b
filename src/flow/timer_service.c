/* SPDX-License-Identifier: MIT */
/** @file
 *  Timer service.
 *
 *  Purpose     Run each job at its instant, and let no job delay another; cost nothing while
 *              nothing is due.
 *  State       A wheel of jobs and the roles of the threads, under one raw lock. A thread leads
 *              (one at most), runs a job, or is idle, a follower.
 *  Protocol    The leader sleeps until the first job is due. It takes it, makes a follower the
 *              leader, or a new thread if there is none, and runs the job itself: so the thread
 *              that the clock has woken is the one that runs. When nothing else is in the wheel
 *              nobody needs to lead, and the next add appoints somebody. Who has run a job
 *              takes the next if it is due; else it leads if nobody does; else it is idle, or ends
 *              if enough are.
 *              An add wakes the leader only if it sleeps for longer than that.
 *  Guard       To hand over costs a wake-up for each job, more than most jobs. So while calls come
 *              one upon the other, and have all been short, the leader runs them itself and goes on
 *              to lead. An idle thread stands guard: it sleeps with a deadline, a millisecond
 *              after the next job, and takes the lead if the leader is still held up then. That is
 *              one wake-up for many jobs; the price is that a sudden long call delays those behind
 *              it by up to a millisecond, once.
 *  Growth      A burst of short jobs is run by a few threads. Once those are all busy, the leader
 *              runs nothing itself: it looks every millisecond, and if jobs are due and none has
 *              been finished meanwhile it adds threads, twice as many each time. If no thread can
 *              be made, jobs wait for those there are.
 *  Sleeping    A thread sleeps by its context's parker. A permit left over wakes it for nothing,
 *              and it looks again; so nobody is woken under the lock, and no wake-up is lost.
 *  The end     The threads are hidden daemons. The registry is told when the first awaited job is
 *              added and the last is taken or removed; a thread that runs an awaited job is not a
 *              daemon for as long. So exit() in a job does not wait for that job, and threads
 *              started there inherit what the job was.
 *  Invariants  While there is a job in the wheel somebody leads, or an idle thread has been
 *              appointed, or somebody runs a job and will look. A stopped thread holds no lock.
 *  Fork        The child has none of the threads and none of the jobs. Jobs carry the generation
 *              they were added in, so nobody has to visit them. A thread that forks in a job leaves
 *              the service when the job returns in the child.
 *  Rejected    A thread that only sleeps and hands jobs to others: two wake-ups for each job. A
 *              guard always: sparse jobs would wake it each time, and long calls would delay others
 *              again and again. A lock-free wheel: an add is shorter than one cache miss. */
#include "flow/timer_service.h"

#include <stdio.h>
#include <string.h>

#include "park/park.h"
#include "park/rawlock.h"
#include "park/table.h"
#include "platform/atomic.h"
#include "platform/cpu.h"
#include "platform/thread.h"
#include "thread/registry.h"
#include "thrum/thread.h"

#define NAME_BYTES 32
/** How often a thread changes its name before another takes its place: it keeps all its names. */
#define NAMES_MAX 64
/** How long the leader gives the busy threads to finish a job. */
#define LOOK_NS 1000000
/** As many jobs run at once before it is looked at how long they take. */
#define FEW_THREADS (th_has_many_cpus() ? 4U : 2U)
/** Followers beyond this end. */
#define IDLE_MAX FEW_THREADS

/** So many calls in a row that were this short, and the next is taken to be short as well. */
#define SHORT_NS 100000
#define TRUST th_limit(16U, 1U)
/** How long a call may hold up those behind it before the guard takes the lead. */
#define GUARD_NS 1000000
/** No guard is needed when the next job is further away than this. */
#define DENSE_NS GUARD_NS

/** What the leader sleeps for while it is awake, or there is none: nothing is sooner. */
#define AWAKE INT64_MIN

/** A thread of the service, on its own stack. */
typedef struct service_thread {
    struct service_thread *next; /**< among the idle */
    th_context *context;
    thrum_thread *record;
    const char *name; /**< what its record was called after the last job */
    unsigned renamed; /**< how often that was another */
    thrum_time began; /**< when it took its last job */
    uint32_t process; /**< the generation in which it serves */
    bool is_idle;
} service_thread;

/** Under `lock`. */
static struct {
    th_rawlock lock;
    th_timer_wheel wheel;
    service_thread *leader;  /**< NULL: nobody; see Invariants */
    thrum_time sleeps_until; /**< the leader, or AWAKE */
    bool is_looking;         /**< the leader sleeps only until it looks how the busy ones get on */
    bool is_leader_busy;     /**< it runs a job, and still leads; there is a guard */
    service_thread *guard;   /**< an idle thread that looks at the leader at `guard_until` */
    thrum_time guard_until;
    unsigned short_calls; /**< in a row */
    service_thread *idle; /**< the last to come first */
    unsigned idle_count;
    unsigned arriving; /**< threads that have been made and have not looked yet */
    unsigned busy;     /**< threads that run jobs */
    unsigned grow;     /**< how many threads to add when next there is no progress */
    uint64_t done;     /**< jobs, ever */
    size_t awaited;    /**< jobs in the wheel that hold the end of the program */
} service;

/** Card: threads there are or are being made; under the lock, read anywhere. */
static uint32_t threads;
/** Card: the number in the last thread's name; only grows. */
static uint32_t threads_named;

/* ---- the lock ---- */

void th_timer_service_lock(void)
{
    th_rawlock_acquire(&service.lock);
}

static void unlock(void)
{
    th_rawlock_release(&service.lock);
}

/* ---- jobs, under the lock ---- */

/** A job leaves the wheel: count it no longer; true if it was the last there that the end of the
 *  program awaits. */
static bool count_out(const th_timer_job *job)
{
    return !job->is_daemon && --service.awaited == 0;
}

static th_timer_job *take(service_thread *me, thrum_time now, th_timer_after *after)
{
    th_timer_entry *entry = th_timer_wheel_take(&service.wheel, now);
    if (entry == NULL)
        return NULL;
    th_timer_job *job = (th_timer_job *)entry; /* its first member */
    me->began = now;
    service.busy++;
    if (!job->is_daemon)
        th_registry_turn_daemon(me->record, false);
    after->lets_end = count_out(job);
    th_timer_job_taken(job, me->context->self);
    return job;
}

/* ---- roles, under the lock ---- */

/** The last to become idle, or the guard, or NULL. */
static service_thread *pop_idle(void)
{
    service_thread *last = service.idle;
    if (last == NULL) {
        last = service.guard;
        service.guard = NULL;
        return last;
    }
    service.idle = last->next;
    service.idle_count--;
    last->is_idle = false;
    return last;
}

static bool has_idle(void)
{
    return service.idle != NULL || service.guard != NULL;
}

static void appoint(service_thread *thread)
{
    service.leader = thread;
    service.sleeps_until = AWAKE;
    service.is_leader_busy = false;
}

/** Make an idle thread the leader; false: there is none. */
static bool appoint_idle(th_timer_after *after)
{
    appoint(pop_idle());
    if (service.leader == NULL)
        return false;
    after->resumed = service.leader->context;
    return true;
}

/** Nobody leads although there is something in the wheel: appoint somebody, or ask for a thread. */
static void find_leader(th_timer_after *after)
{
    after->needs_thread = !appoint_idle(after) && service.arriving == 0;
}

/** The leader must not sleep beyond `when`. */
static void call_leader(thrum_time when, th_timer_after *after)
{
    if (when >= service.sleeps_until)
        return;
    service.sleeps_until = AWAKE;
    after->resumed = service.leader->context;
}

/** Sleep without the lock until `deadline` or until resumed; it may be for less. */
static void sleep_until(const service_thread *me, thrum_time deadline)
{
    unlock();
    th_doze(me->context, deadline);
    th_self(); /* an abandoned thread stops here */
    th_timer_service_lock();
}

/* ---- making threads ---- */

static void *serve(void *unused);

/** Without the lock. It is counted once it has been made: who counts none makes another. */
static int make_thread(void)
{
    char name[NAME_BYTES];
    /* relaxed: the numbers need only differ */
    snprintf(name, sizeof name, "Timer-%u", th_add_rlx(&threads_named, 1) + 1);
    thrum_thread *thread = thrum_thread_new(serve, NULL, .name = name, .daemon = THRUM_DAEMON);
    if (thread == NULL)
        return THRUM_ENOMEM;
    thread->is_hidden = true;
    th_timer_service_lock();
    service.arriving++;
    unlock();
    int status = thrum_thread_start(thread);
    thrum_thread_free(thread);
    if (status == 0) {
        th_add_rlx(&threads, 1); /* relaxed: a number */
        return 0;
    }
    th_timer_service_lock();
    service.arriving--;
    unlock();
    return status;
}

/** Let go of the lock meanwhile. */
static bool add_thread(void)
{
    unlock();
    bool made = make_thread() == 0;
    th_timer_service_lock();
    return made;
}

int th_timer_service_open(void)
{
    /* relaxed: the thread looks under the lock */
    return th_load_rlx(&threads) != 0 ? 0 : make_thread();
}

/* ---- leading ---- */

/** Jobs are due and none has been finished for a while: let more threads run them. */
static void grow(void)
{
    unsigned most = service.grow;
    for (unsigned i = 0; i < most && th_timer_wheel_is_due(&service.wheel, thrum_now()); i++)
        if (has_idle() || !add_thread())
            return; /* the leader takes a job itself, and hands over; or there are no more */
    service.grow = most * 2;
}

/** Jobs are due, and a few threads are busy: give them time, and see whether they get on. */
static void look_after_busy(const service_thread *me)
{
    uint64_t done = service.done;
    service.is_looking = true;
    sleep_until(me, thrum_now() + LOOK_NS);
    service.is_looking = false;
    if (service.done != done || service.grow == 0)
        service.grow = 1;
    if (service.done == done)
        grow();
}

/** Whether the leader may run a job without handing over: the guard will soon look. */
static bool is_guarded(thrum_time now)
{
    return service.short_calls >= TRUST && service.guard != NULL &&
           service.guard_until <= now + GUARD_NS;
}

/** The leader has taken a job: who leads while it runs? */
static void hand_over(thrum_time now, th_timer_after *after)
{
    service.is_leader_busy = is_guarded(now);
    if (service.is_leader_busy)
        return;
    appoint(NULL);
    /* with an empty wheel the next to add something appoints */
    if (!th_timer_wheel_is_empty(&service.wheel) && !appoint_idle(after))
        add_thread();
}

/** Wait for a job and take it; NULL: somebody else leads now. */
static th_timer_job *lead(service_thread *me, th_timer_after *after)
{
    appoint(me);
    while (service.leader == me) {
        thrum_time now = thrum_now();
        if (!th_timer_wheel_is_due(&service.wheel, now)) {
            service.sleeps_until = th_timer_wheel_next(&service.wheel);
            sleep_until(me, service.sleeps_until);
            service.sleeps_until = AWAKE;
        } else if (service.busy >= FEW_THREADS && !has_idle()) {
            look_after_busy(me);
        } else {
            th_timer_job *job = take(me, now, after);
            hand_over(now, after);
            return job;
        }
    }
    return NULL;
}

/* ---- guarding ---- */

/** When a guard would look; THRUM_FOREVER: none is needed. */
static thrum_time guard_time(thrum_time now)
{
    if (service.short_calls < TRUST || service.leader == NULL)
        return THRUM_FOREVER;
    thrum_time next = service.sleeps_until > now ? service.sleeps_until : now;
    return next - now <= DENSE_NS ? next + GUARD_NS : THRUM_FOREVER;
}

/** Look at the leader as long as jobs come one upon the other; take the lead if a job holds it
 *  up. */
static void stand_guard(service_thread *me)
{
    service.guard = me;
    while (service.guard == me) {
        uint64_t done = service.done;
        service.guard_until = guard_time(thrum_now());
        if (service.guard_until == THRUM_FOREVER) {
            service.guard = NULL;
            if (service.is_leader_busy)
                appoint(me);
            return;
        }
        sleep_until(me, service.guard_until);
        if (service.guard == me && service.is_leader_busy && service.done == done) {
            service.guard = NULL;
            appoint(me);
        }
    }
}

/* ---- a thread's life ---- */

/** Nothing to do: sleep until there is; false: there are enough who do, so end. */
static bool rest(service_thread *me)
{
    if (service.guard == NULL && guard_time(thrum_now()) != THRUM_FOREVER) {
        stand_guard(me);
        return true;
    }
    if (service.idle_count >= IDLE_MAX)
        return false;
    me->next = service.idle;
    me->is_idle = true;
    service.idle = me;
    service.idle_count++;
    if (service.is_looking) { /* for nothing: nothing is due */
        service.is_looking = false;
        th_context *leader = service.leader->context;
        unlock();
        th_context_resume(leader);
        th_timer_service_lock();
    }
    while (me->is_idle)
        sleep_until(me, THRUM_FOREVER);
    return true;
}

/** A job leaves by pthread_exit or cancellation, and takes the thread with it. */
static void thread_is_lost(void *arg)
{
    const service_thread *me = arg;
    if (me->process != th_table_generation())
        return;
    th_timer_after after = {.resumed = NULL};
    th_timer_service_lock();
    service.busy--;
    service.done++;
    th_add_rlx(&threads, -1U); /* relaxed: a number */
    if (service.leader == me)
        appoint(NULL);
    if (service.leader == NULL && !th_timer_wheel_is_empty(&service.wheel))
        find_leader(&after);
    th_timer_service_unlock(&after);
}

/** Run what has been taken, without the lock. */
static void run(service_thread *me, th_timer_job *job, const th_timer_after *after)
{
    bool is_awaited = !job->is_daemon;
    if (after->resumed != NULL)
        th_context_resume(after->resumed);
    if (after->lets_end)
        th_registry_let_end();
    th_self(); /* an abandoned thread stops here */
    th_cleanup_push(thread_is_lost, me);
    th_timer_job_run(job);
    th_cleanup_pop(0);
    if (is_awaited && me->process == th_table_generation())
        th_registry_turn_daemon(me->record, true);
    const char *name = thrum_thread_name(me->record);
    me->renamed += name != me->name;
    me->name = name;
}

/** With the lock: a job that has been taken, or NULL. */
static th_timer_job *next_job(service_thread *me, th_timer_after *after)
{
    if (service.leader == NULL || service.leader == me)
        return lead(me, after);
    return take(me, thrum_now(), after);
}

/** Whether the thread, which has had many names, may end: somebody leads, or will. */
static bool may_retire(const service_thread *me)
{
    if (me->renamed < NAMES_MAX)
        return false;
    if (service.leader != NULL && service.leader != me)
        return true;
    th_timer_after after = {.resumed = NULL};
    appoint(NULL);
    if (!appoint_idle(&after))
        return add_thread(); /* one that is arriving may not be had after all */
    unlock();
    th_context_resume(after.resumed);
    th_timer_service_lock();
    return true;
}

/** Run the next job, or rest; false: leave the service. With the lock, unless this is a child that
 *  was forked in a job. */
static bool serve_once(service_thread *me)
{
    if (may_retire(me))
        return false;
    th_timer_after after = {.resumed = NULL};
    th_timer_job *job = next_job(me, &after);
    if (job == NULL)
        return rest(me);
    unlock();
    run(me, job, &after);
    if (me->process != th_table_generation())
        return false;
    bool was_short = thrum_now() - me->began <= SHORT_NS;
    th_timer_service_lock();
    service.busy--;
    service.done++;
    service.short_calls = was_short ? service.short_calls + (service.short_calls < TRUST) : 0;
    return true;
}

static void *serve(void *unused)
{
    service_thread me = {.context = th_self(),
                         .record = thrum_current_thread(),
                         .name = thrum_thread_name(thrum_current_thread()),
                         .process = th_table_generation()};
    th_thread_set_exact_sleep();
    th_timer_service_lock();
    service.arriving--;
    while (serve_once(&me))
        continue;
    if (me.process != th_table_generation())
        return NULL;
    th_add_rlx(&threads, -1U); /* relaxed: a number */
    unlock();
    return unused;
}

/* ---- what others add and remove ---- */

void th_timer_service_unlock(const th_timer_after *after)
{
    unlock();
    if (after->resumed != NULL)
        th_context_resume(after->resumed);
    if (after->lets_end)
        th_registry_let_end();
    if (after->needs_thread)
        (void)make_thread(); /* otherwise who runs a job will look */
}

static bool insert(th_timer_job *job, thrum_time when)
{
    /* relaxed: a job that is not awaited may be too late to be run anyway */
    if (th_load_rlx(&th_threads.phase) == TH_PHASE_ENDED)
        return false;
    if (!job->is_daemon && service.awaited == 0 && !th_registry_hold_end())
        return false;
    service.awaited += !job->is_daemon;
    job->entry.when = when;
    th_timer_wheel_add(&service.wheel, &job->entry);
    return true;
}

bool th_timer_service_add(th_timer_job *job, thrum_time when, th_timer_after *after)
{
    if (!insert(job, when))
        return false;
    job->process = th_table_generation();
    if (service.leader != NULL)
        call_leader(when, after);
    else
        find_leader(after);
    return true;
}

bool th_timer_service_add_again(th_timer_job *job, thrum_time when, th_timer_after *after)
{
    if (!insert(job, when))
        return false;
    if (service.leader != NULL)
        call_leader(when, after);
    return true;
}

void th_timer_service_remove(th_timer_job *job, th_timer_after *after)
{
    th_timer_wheel_remove(&service.wheel, &job->entry);
    after->lets_end = count_out(job);
}

bool th_timer_service_has_lost(const th_timer_job *job)
{
    return job->process != th_table_generation();
}

/* ---- the process ---- */

void th_timer_service_before_fork(void)
{
    th_timer_service_lock();
}

void th_timer_service_after_fork_parent(void)
{
    unlock();
}

void th_timer_service_after_fork_child(void)
{
    memset(&service, 0, sizeof service);
    th_store_rlx(&threads, 0); /* relaxed: no other thread exists */
}

void th_timer_service_count(unsigned *ret_threads, unsigned *ret_idle)
{
    th_timer_service_lock();
    *ret_threads = th_load_rlx(&threads); /* relaxed: a number */
    *ret_idle = service.idle_count;
    unlock();
}
