/* SPDX-License-Identifier: MIT */
/** @file
 *  Program.
 *
 *  Purpose     Make a program of any bytes, so that small changes of the bytes are small changes of
 *              the program.
 *  Format      A header of four bytes: threads and tidiness, what the explorer may choose, how many
 *              objects, how many calls. A byte for each object: its kind and a parameter. Two for
 *              each call: thread and verb, object and argument. The schedule is read from the last
 *              byte backwards, so that neither part moves when the other grows.
 *  Sense       Random calls would soon all wait for ever. A second acquire of a lock, where the
 *              thread has acquired it and not released, is taken as a release, and the reverse; but
 *              for one argument in eight, which is taken literally. Tidy programs release at the
 *              end what they hold. */
#include "program.h"

#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

typedef struct reader {
    const uint8_t *data;
    size_t next, end;
} reader;

static unsigned next_byte(reader *from)
{
    return from->next < from->end ? from->data[from->next++] : 0;
}

/* ---- objects ---- */

static unsigned pick(const uint8_t *table, size_t count, unsigned byte)
{
    return table[byte % count];
}

static void read_header(reader *from, program *made, bool *ret_tidy)
{
    static const uint8_t threads[] = {3, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 1};
    static const uint8_t rare[] = {0, 0, 1, 2}, ticks[] = {0, 1, 1, 3};
    unsigned first = next_byte(from), second = next_byte(from);
    made->threads = pick(threads, LENGTH(threads), first);
    *ret_tidy = (first / LENGTH(threads)) % 4 != 0;
    made->stale_reads = pick(rare, LENGTH(rare), second);
    made->spurious = pick(rare, LENGTH(rare), second / 4);
    made->ticks = pick(ticks, LENGTH(ticks), second / 16);
    made->object_count = 1 + next_byte(from) % PROGRAM_OBJECTS;
    made->call_count = 1 + next_byte(from) % PROGRAM_CALLS;
}

/** The lock before object `number` that `wanted` picks; false: there is none. */
static bool find_lock(program *made, unsigned number, unsigned wanted, unsigned *ret_lock)
{
    unsigned locks[PROGRAM_OBJECTS], count = 0;
    for (unsigned i = 0; i < number; i++)
        if (made->objects[i].kind <= KIND_RLOCK)
            locks[count++] = i;
    if (count == 0)
        return false;
    *ret_lock = locks[wanted % count];
    return true;
}

static void read_object(unsigned byte, unsigned number, program *made)
{
    static const uint8_t kinds[] = {KIND_LOCK,      KIND_RLOCK, KIND_CONDITION, KIND_SEMAPHORE,
                                    KIND_SEMAPHORE, KIND_EVENT, KIND_BARRIER,   KIND_ONCE};
    unsigned kind_byte = byte % LENGTH(kinds), parameter = byte / (unsigned)LENGTH(kinds);
    program_object *one = &made->objects[number];
    *one = (program_object){.kind = kinds[kind_byte], .lock = number};
    switch (one->kind) {
    case KIND_SEMAPHORE:
        one->value = parameter % 4;
        one->bounded = kind_byte == 4;
        break;
    case KIND_BARRIER: one->value = 1 + parameter % made->threads; break;
    case KIND_CONDITION:
        if (find_lock(made, number, parameter, &one->lock))
            made->objects[one->lock].guarded = true;
        else
            one->kind = parameter % 2 == 0 ? KIND_LOCK : KIND_RLOCK;
        break;
    default: break;
    }
}

/* ---- calls ---- */

/** What is called on each kind; what is there more often comes more often. */
static verb verb_of(kind of, unsigned byte)
{
    static const uint8_t lock[] = {VERB_ACQUIRE,       VERB_ACQUIRE, VERB_TRY_ACQUIRE,
                                   VERB_ACQUIRE_UNTIL, VERB_RELEASE, VERB_RELEASE,
                                   VERB_ACQUIRE_UNTIL, VERB_LOCKED,  VERB_RELEASE_CHECKED};
    static const uint8_t rlock[] = {
        VERB_ACQUIRE, VERB_ACQUIRE, VERB_ACQUIRE_UNTIL, VERB_TRY_ACQUIRE,     VERB_RELEASE,
        VERB_RELEASE, VERB_RELEASE, VERB_IS_OWNED,      VERB_RELEASE_CHECKED, VERB_COUNT};
    static const uint8_t condition[] = {VERB_WAIT,   VERB_WAIT_UNTIL, VERB_NOTIFY,
                                        VERB_NOTIFY, VERB_NOTIFY_ALL, VERB_WAIT};
    static const uint8_t semaphore[] = {VERB_ACQUIRE,       VERB_ACQUIRE,     VERB_RELEASE,
                                        VERB_ACQUIRE_UNTIL, VERB_RELEASE,     VERB_ACQUIRE_UNTIL,
                                        VERB_RELEASE,       VERB_TRY_ACQUIRE, VERB_VALUE};
    static const uint8_t event[] = {VERB_WAIT, VERB_SET,    VERB_CLEAR, VERB_WAIT_UNTIL,
                                    VERB_SET,  VERB_IS_SET, VERB_WAIT};
    static const uint8_t barrier[] = {VERB_WAIT,       VERB_WAIT,       VERB_WAIT,     VERB_WAIT,
                                      VERB_WAIT_UNTIL, VERB_WAIT_UNTIL, VERB_ABORT,    VERB_RESET,
                                      VERB_N_WAITING,  VERB_RESET,      VERB_IS_BROKEN};
    switch (of) {
    case KIND_LOCK: return pick(lock, LENGTH(lock), byte);
    case KIND_RLOCK: return pick(rlock, LENGTH(rlock), byte);
    case KIND_CONDITION: return pick(condition, LENGTH(condition), byte);
    case KIND_SEMAPHORE: return pick(semaphore, LENGTH(semaphore), byte);
    case KIND_EVENT: return pick(event, LENGTH(event), byte);
    case KIND_BARRIER: return pick(barrier, LENGTH(barrier), byte);
    default: return VERB_RUN;
    }
}

static program_call read_call(unsigned what, unsigned whom, const program *made)
{
    static const uint32_t amounts[] = {1, 1, 2, 1, 3, 0, 1, UINT32_MAX};
    unsigned rest = whom / made->object_count, verb_byte = what / PROGRAM_THREADS;
    program_call one = {.thread = (uint8_t)(what % PROGRAM_THREADS % made->threads),
                        .object = (uint8_t)(whom % made->object_count),
                        .deadline = rest % 4,
                        .n = amounts[rest % LENGTH(amounts)],
                        .bare = rest / 8 % 2 != 0};
    if (verb_byte == 63) {
        one.verb = VERB_MISUSE;
        one.n = whom;
    } else if (verb_byte == 62) {
        one.verb = VERB_PAUSE;
        one.deadline = one.deadline == DEADLINE_LATE ? DEADLINE_LATE : DEADLINE_SOON;
    } else {
        one.verb = (uint8_t)verb_of(made->objects[one.object].kind, verb_byte);
    }
    return one;
}

/** How often each thread holds each lock, if all its acquires succeed. */
typedef struct guesses {
    uint8_t held[PROGRAM_THREADS][PROGRAM_OBJECTS];
} guesses;

static void make_sense(program_call *one, const program *made, guesses *guess, bool literally)
{
    const program_object *lock = &made->objects[one->object];
    uint8_t *held = &guess->held[one->thread][one->object];
    if (lock->kind > KIND_RLOCK)
        return;
    if (one->verb == VERB_ACQUIRE && lock->kind == KIND_LOCK && *held > 0 && !literally)
        one->verb = VERB_RELEASE;
    else if (one->verb == VERB_RELEASE && *held == 0 && !literally)
        one->verb = VERB_ACQUIRE;
    if (one->verb <= VERB_ACQUIRE_UNTIL)
        ++*held;
    else if (one->verb <= VERB_RELEASE_CHECKED && *held > 0)
        --*held;
}

static void release_all(program *made, const guesses *guess)
{
    for (unsigned i = 0; i < made->threads; i++)
        for (unsigned j = 0; j < made->object_count; j++)
            for (unsigned k = 0; k < guess->held[i][j] && made->call_count < PROGRAM_CALLS; k++)
                made->calls[made->call_count++] = (program_call){
                    .thread = (uint8_t)i, .verb = VERB_RELEASE_CHECKED, .object = (uint8_t)j};
}

void program_decode(const uint8_t *data, size_t bytes, program *ret_program)
{
    reader from = {data, 0, bytes};
    guesses guess = {{{0}}};
    bool tidy;
    memset(ret_program, 0, sizeof *ret_program);
    read_header(&from, ret_program, &tidy);
    unsigned calls = ret_program->call_count;
    for (unsigned i = 0; i < ret_program->object_count; i++)
        read_object(next_byte(&from), i, ret_program);
    ret_program->call_count = 0;
    while (ret_program->call_count < calls && from.next < from.end) {
        unsigned what = next_byte(&from), whom = next_byte(&from);
        program_call *one = &ret_program->calls[ret_program->call_count++];
        *one = read_call(what, whom, ret_program);
        make_sense(one, ret_program, &guess, whom / ret_program->object_count % 8 == 7);
    }
    if (tidy)
        release_all(ret_program, &guess);
    while (from.end > from.next && ret_program->schedule_bytes < PROGRAM_SCHEDULE)
        ret_program->schedule[ret_program->schedule_bytes++] = data[--from.end];
}

bool program_waits(verb what)
{
    return what == VERB_WAIT || what == VERB_WAIT_UNTIL;
}

/* ---- in words ---- */

static const char *const kind_names[] = {"lock",  "rlock",   "condition", "semaphore",
                                         "event", "barrier", "once"};
static const char *const verb_names[] = {
    "acquire",  "try_acquire", "acquire_until", "release", "release_checked", "locked",    "count",
    "is_owned", "wait",        "wait_until",    "notify",  "notify_all",      "value",     "set",
    "clear",    "is_set",      "abort",         "reset",   "n_waiting",       "is_broken", "run"};
static const char *const deadline_names[] = {"THRUM_FOREVER", "SOON", "LATE", "PAST"};

static bool has_deadline(verb what)
{
    return what == VERB_ACQUIRE_UNTIL || what == VERB_WAIT_UNTIL;
}

static bool has_amount(kind of, verb what)
{
    return what == VERB_NOTIFY || (of == KIND_SEMAPHORE && what == VERB_RELEASE);
}

void program_say_call(const program *one, const program_call *what, char *text, size_t bytes)
{
    const program_object *whom = &one->objects[what->object];
    const char *noun = kind_names[whom->kind];
    char lock[32] = "", argument[48] = "";
    if (what->verb == VERB_MISUSE) {
        snprintf(text, bytes, "misuse number %u", what->n);
        return;
    }
    if (what->verb == VERB_PAUSE) {
        snprintf(text, bytes, "thrum_sleep_until(%s)", deadline_names[what->deadline]);
        return;
    }
    if (whom->kind == KIND_CONDITION && program_waits(what->verb))
        snprintf(lock, sizeof lock, ", &%s%u", kind_names[one->objects[whom->lock].kind],
                 whom->lock);
    if (has_deadline(what->verb))
        snprintf(argument, sizeof argument, ", %s", deadline_names[what->deadline]);
    else if (has_amount(whom->kind, what->verb))
        snprintf(argument, sizeof argument, ", %u", what->n);
    else if (what->verb == VERB_RUN)
        snprintf(argument, sizeof argument, ", count_runs, NULL");
    snprintf(text, bytes, "thrum_%s_%s(&%s%u%s%s)", noun, verb_names[what->verb], noun,
             what->object, lock, argument);
}

static void print_object(const program_object *one, unsigned number, FILE *to)
{
    const char *noun = kind_names[one->kind];
    fprintf(to, "static thrum_%s %s%u", noun, noun, number);
    if (one->kind == KIND_SEMAPHORE)
        fprintf(to, " = THRUM_%sSEMAPHORE(%u)", one->bounded ? "BOUNDED_" : "", one->value);
    else if (one->kind == KIND_BARRIER)
        fprintf(to, " = THRUM_BARRIER(%u)", one->value);
    fprintf(to, ";\n");
}

static void print_call(const program *one, const program_call *what, FILE *to)
{
    char text[128];
    const program_object *whom = &one->objects[what->object];
    bool must = program_waits(what->verb) && one->objects[whom->lock].kind == KIND_LOCK;
    bool locked = whom->kind == KIND_CONDITION && what->verb < VERB_PAUSE && (must || !what->bare);
    program_say_call(one, what, text, sizeof text);
    fprintf(to, "    ");
    if (locked)
        fprintf(to, "thrum_with (&%s%u) ", kind_names[one->objects[whom->lock].kind], whom->lock);
    fprintf(to, "%s;\n", text);
}

void program_print(const program *one, FILE *to)
{
    fprintf(to, "/* stale reads: %u, spurious wake-ups: %u, ticks: %u; schedule: %zu bytes */\n",
            one->stale_reads, one->spurious, one->ticks, one->schedule_bytes);
    for (unsigned i = 0; i < one->object_count; i++)
        print_object(&one->objects[i], i, to);
    for (unsigned i = 0; i < one->threads; i++) {
        fprintf(to, "\nvoid thread_%u(void)\n{\n", i);
        for (unsigned j = 0; j < one->call_count; j++)
            if (one->calls[j].thread == i)
                print_call(one, &one->calls[j], to);
        fprintf(to, "}\n");
    }
}
