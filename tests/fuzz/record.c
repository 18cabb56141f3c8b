/* SPDX-License-Identifier: MIT */
/** @file
 *  Record.
 *
 *  Purpose     Keep the steps of every thread, with the moments of their calls and returns, and
 *              have each object's history judged.
 *  State       Outside of the world that is set back, so that it need not be copied; record_start
 *              forgets the last execution.
 *  Parked      A thread that sleeps on its own parker has queued: the steps up to there have
 *              happened, although the call has not returned. They are noted as returned when
 *              another thread's call begins or ends; so a wake-up that is lost after that is
 *              seen. */
#include "record.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "oracle.h"
#include "park/context.h"
#include "report.h"

#define SAID_BYTES 16384

typedef struct thread_record {
    history_step steps[STEPS_MAX];
    unsigned count;
    unsigned open; /**< steps of the call that has not returned; the last of `steps` */
    unsigned cursor;
    const uint32_t *parker; /**< the word it sleeps on until it is granted something */
    uint8_t held[PROGRAM_OBJECTS];
    bool misused;
} thread_record;

STATE static thread_record *threads; /**< HISTORY_THREADS of them */
STATE static unsigned moment;
STATE static const program *present;
STATE static uint8_t *counters;
STATE static unsigned long undecided;
STATE static history *judged;
STATE static char *said;
STATE static size_t said_bytes;

bool record_open(void)
{
    if (threads == NULL)
        threads = calloc(HISTORY_THREADS, sizeof *threads);
    if (judged == NULL)
        judged = calloc(1, sizeof *judged);
    if (said == NULL)
        said = calloc(1, SAID_BYTES);
    return threads != NULL && judged != NULL && said != NULL && oracle_open();
}

void record_use(const program *what)
{
    present = what;
}

void record_start(void)
{
    moment = 0;
    for (unsigned i = 0; i < HISTORY_THREADS; i++) {
        thread_record *one = &threads[i];
        one->count = one->open = one->cursor = 0;
        one->misused = false;
        memset(one->held, 0, sizeof one->held);
    }
}

const program *record_program(void)
{
    return present;
}

void record_feed(uint8_t *where)
{
    counters = where;
}

unsigned long record_undecided(void)
{
    return undecided;
}

/** The running thread's; at the end, in quiet, that of the one who looks. */
static thread_record *self(void)
{
    return &threads[engine.quiet ? PROGRAM_THREADS : engine.current];
}

bool record_next(program_call *ret_call)
{
    thread_record *mine = self();
    mine->parker = &th_self_or_null()->parker.permit;
    while (mine->cursor < present->call_count) {
        const program_call *next = &present->calls[mine->cursor++];
        if (next->thread != engine.current)
            continue;
        *ret_call = *next;
        return true;
    }
    return false;
}

/* ---- calls and returns ---- */

/** Whether a thread sleeps until it is granted something, and not on a lock inside of thrum. */
static bool is_parked(unsigned number)
{
    const engine_thread *one = &engine.threads[number];
    return one->state == THREAD_ASLEEP && one->word == threads[number].parker;
}

/** Steps that come before a thread parks. */
static bool comes_before_parking(const history_step *one)
{
    return one->kind == STEP_QUEUE || one->kind == STEP_LET_GO || one->kind == STEP_EVENT_QUEUE ||
           one->kind == STEP_ARRIVE;
}

static void note_the_parked(void)
{
    for (unsigned i = 0; i < present->threads && present->stale_reads == 0; i++) {
        thread_record *one = &threads[i];
        if (one->open == 0 || !is_parked(i))
            continue;
        for (unsigned j = one->count - one->open; j < one->count; j++)
            if (comes_before_parking(&one->steps[j]) && one->steps[j].returned == MOMENT_NEVER)
                one->steps[j].returned = moment;
    }
    moment++;
}

static void say_call(const program_call *what, unsigned object, step_kind first, const void *pc)
{
    char text[128];
    if (!engine.tracing || engine.quiet)
        return;
    program_call shown = *what;
    if (object != what->object) { /* the lock of a condition */
        shown.object = (uint8_t)object;
        shown.verb = first == STEP_ACQUIRE ? VERB_ACQUIRE : VERB_RELEASE;
    }
    program_say_call(present, &shown, text, sizeof text);
    report_step(pc, "%s", text);
}

void record_begin(const program_call *what, unsigned object, const step_kind *steps, unsigned count,
                  int64_t argument)
{
    thread_record *mine = self();
    bool is_own = object == what->object; /* and not the lock of a condition */
    bool timed = what->verb == VERB_TRY_ACQUIRE ||
                 (is_own && (what->verb == VERB_ACQUIRE_UNTIL || what->verb == VERB_WAIT_UNTIL) &&
                  what->deadline != DEADLINE_NEVER);
    note_the_parked();
    for (unsigned i = 0; i < count; i++) {
        history_step *made = &mine->steps[mine->count++];
        *made = (history_step){.kind = (uint8_t)steps[i],
                               .thread = (uint8_t)(mine - threads),
                               .object = (uint8_t)object,
                               .timed = timed && steps[i] != STEP_TAKE_BACK,
                               .argument = argument,
                               .result = RESULT_PENDING,
                               .called = moment,
                               .returned = MOMENT_NEVER};
        for (unsigned j = 0; j < PROGRAM_THREADS; j++)
            made->knows[j] = engine_self()->now.at[j];
    }
    moment++;
    mine->open = count;
    say_call(what, object, steps[0], __builtin_return_address(0));
}

/** For fuzzers: which step ended how, and what others were doing to the same object. */
static void feed(const history_step *one)
{
    uint32_t hash = one->kind * 31u +
                    (uint32_t)(one->result == 0  ? 0
                               : one->result > 0 ? 1
                                                 : 2) +
                    one->timed * 3u;
    if (counters == NULL)
        return;
    for (unsigned i = 0; i < PROGRAM_THREADS; i++) {
        const thread_record *other = &threads[i];
        if (other->open == 0 || i == one->thread)
            continue;
        const history_step *theirs = &other->steps[other->count - 1];
        if (theirs->object == one->object)
            hash += (theirs->kind + 1u) * 2654435761u + is_parked(i);
    }
    uint8_t *counter = &counters[hash * 2654435761u >> 16];
    *counter = (uint8_t)(*counter + (*counter < UINT8_MAX));
}

void record_end(int64_t result)
{
    thread_record *mine = self();
    note_the_parked();
    for (unsigned i = mine->count - mine->open; i < mine->count; i++) {
        history_step *one = &mine->steps[i];
        one->result = result;
        one->at = engine_self()->now.at[engine.current];
        if (one->returned == MOMENT_NEVER)
            one->returned = moment;
    }
    moment++;
    mine->open = 0;
    feed(&mine->steps[mine->count - 1]);
    if (!engine.quiet)
        report_step(__builtin_return_address(0), "... answers %lld", (long long)result);
}

/* ---- what threads hold, and do wrong ---- */

unsigned record_held(unsigned object)
{
    return self()->held[object];
}

void record_holds(unsigned object, int more)
{
    uint8_t *held = &self()->held[object];
    *held = (uint8_t)(*held + more);
}

void record_misuse(const void *object)
{
    (void)object;
    self()->misused = true;
}

bool record_take_misuse(void)
{
    bool misused = self()->misused;
    self()->misused = false;
    return misused;
}

/* ---- the judgement ---- */

static void gather(unsigned group)
{
    judged->whom = &present->objects[group];
    judged->weak = present->stale_reads > 0;
    for (unsigned i = 0; i < HISTORY_THREADS; i++) {
        judged->count[i] = 0;
        for (unsigned j = 0; j < threads[i].count; j++) {
            const history_step *one = &threads[i].steps[j];
            if (present->objects[one->object].lock == group)
                judged->steps[i][judged->count[i]++] = one;
        }
    }
}

/** What the driver prints of a history that failed. */
static void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int more = vsnprintf(said + said_bytes, SAID_BYTES - said_bytes, format, args);
    va_end(args);
    said_bytes += more < 0 ? 0 : (size_t)more;
    if (said_bytes >= SAID_BYTES)
        said_bytes = SAID_BYTES - 1;
}

const char *record_history(void)
{
    return said;
}

static void say_history(unsigned group)
{
    static const char *const names[] = {"acquire", "release", "locked",    "count",   "queue",
                                        "let go",  "leave",   "take back", "refused", "notify",
                                        "take",    "give",    "value",     "set",     "clear",
                                        "is_set",  "queue",   "leave",     "arrive",  "depart",
                                        "abort",   "reset",   "n_waiting", "broken",  "run"};
    said_bytes = 0;
    for (unsigned i = 0; i < HISTORY_THREADS; i++)
        for (unsigned j = 0; j < judged->count[i]; j++) {
            const history_step *one = judged->steps[i][j];
            char result[32] = "asleep", returned[16] = "-";
            if (one->returned != MOMENT_NEVER)
                snprintf(returned, sizeof returned, "%u", one->returned);
            if (one->result != RESULT_PENDING)
                snprintf(result, sizeof result, "%lld", (long long)one->result);
            say("object %u (group %u) thread %u: %s(%lld)%s -> %s, moments %u to %s\n", one->object,
                group, i, names[one->kind], (long long)one->argument, one->timed ? " until" : "",
                result, one->called, returned);
        }
}

void record_check(void)
{
    for (unsigned i = 0; i < present->object_count; i++) {
        if (present->objects[i].kind == KIND_CONDITION)
            continue;
        gather(i);
        switch (oracle_judge(judged)) {
        case ORACLE_LEGAL: break;
        case ORACLE_UNDECIDED: undecided++; break;
        case ORACLE_ILLEGAL:
            say_history(i);
            engine_verdict(THRUM_CHECK_HISTORY,
                           "object %u: its calls and their answers, and who sleeps, fit no order "
                           "that Python's semantics allow",
                           i);
        }
    }
}
