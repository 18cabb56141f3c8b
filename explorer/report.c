/* SPDX-License-Identifier: MIT */
/** @file
 *  Report.
 *
 *  Purpose     Show a failing schedule so that a programmer sees what happened: a line per step, in
 *              the column of its thread, with the line of source.
 *  State       The steps of the execution that is traced, in mapped memory.
 *  Rejected    Reading debug information ourselves: addr2line, which comes with every compiler,
 *              does it; without it there are function names. */
#include "report.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "instrumentation.h"
#include "platform_model.h"
#include "world.h"

#define STEPS_MAX 4000
#define STEPS_SHOWN 400
#define TEXT_BYTES 160
#define PLACE_BYTES 256
#define COLUMNS_MAX 4
#define COLUMN_WIDTH 6
#define PLACES_MAX 512
#define CALLERS_MAX 32

typedef struct step {
    int thread;
    const void *pc;
    char text[TEXT_BYTES];
} step;

STATE static step *steps;
STATE static uint32_t step_count;
STATE static report_names names_wanted;
/** Who called what each thread is in, outermost first; those of very deep calls are not kept. */
STATE static const void *callers[MODEL_THREADS][CALLERS_MAX];
STATE static unsigned depths[MODEL_THREADS];

void report_begin(void)
{
    if (steps == NULL)
        steps = mmap(NULL, STEPS_MAX * sizeof(step), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    step_count = 0;
    memset(depths, 0, sizeof depths);
}

void report_enter(const void *caller)
{
    if (!engine.tracing)
        return;
    unsigned depth = depths[engine.current]++;
    if (depth < CALLERS_MAX)
        callers[engine.current][depth] = caller;
}

void report_leave(void)
{
    if (engine.tracing && depths[engine.current] > 0)
        depths[engine.current]--;
}

/** Of what the library does inside a call only waiting is shown to its users, at the call. */
static bool is_shown(const void **pc, const char **format)
{
    static const char wait[] = "futex wait: ";
    if (!engine.options.library_is_atomic || !instrumentation_is_library(*pc))
        return true;
    *pc = engine_self()->call_site;
    if (strncmp(*format, wait, sizeof wait - 1) == 0) {
        *format += sizeof wait - 1;
        return true;
    }
    return strncmp(*format, "load", 4) != 0 && strncmp(*format, "futex", 5) != 0 &&
           strncmp(*format, "%s %s of", 8) != 0;
}

void report_step(const void *pc, const char *format, ...)
{
    if (!engine.tracing || engine.quiet || steps == MAP_FAILED || !is_shown(&pc, &format))
        return;
    /* of a very long execution the first half of the table and the latest steps are kept */
    if (step_count == STEPS_MAX) {
        memmove(&steps[STEPS_MAX / 2], &steps[STEPS_MAX / 2 + 1],
                (STEPS_MAX / 2 - 1) * sizeof *steps);
        step_count--;
    }
    step *made = &steps[step_count++];
    made->thread = engine.current;
    made->pc = pc;
    va_list args;
    va_start(args, format);
    vsnprintf(made->text, sizeof made->text, format, args);
    va_end(args);
    for (char *at = made->text; *at != '\0'; at++)
        if (*at == '\n') /* users get all of it below the table */
            *at = engine.options.library_is_atomic ? '\0' : ' ';
}

void report_sleepers(void)
{
    int before = engine.current;
    for (int i = 0; i < engine.threads_made; i++) {
        const engine_thread *one = &engine.threads[i];
        engine.current = i;
        if (one->state == THREAD_ASLEEP)
            report_step(one->asleep_at, "ASLEEP for good");
        else if (one->state == THREAD_JOINING)
            report_step(one->asleep_at, "ASLEEP for good: joins thread %d", one->awaited);
    }
    engine.current = before;
}

/* ---- addresses in words ---- */

/** What addr2line says of an address: the innermost function, inlined or not, and the place in the
 *  program: of the first function outwards that is not one of thrum's own headers. */
typedef struct place {
    const void *pc;
    char function[64];
    bool is_headers_own; /**< and so is every function it is inlined into */
    char text[192];
} place;

STATE static place places[PLACES_MAX];
STATE static unsigned places_known;

static uintptr_t load_address(void)
{
    Dl_info info;
    return dladdr((const void *)(uintptr_t)&report_begin, &info) != 0 ? (uintptr_t)info.dli_fbase
                                                                      : 0;
}

/** An address as tools that read the program's file count it. */
static uintptr_t address_in_file(uintptr_t address)
{
    const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)load_address();
    return header != NULL && header->e_type == ET_DYN ? address - load_address() : address;
}

static bool is_headers_own(const char *function)
{
    return engine.options.library_is_atomic && strncmp(function, "thrum_", 6) == 0;
}

/** One function at an address, innermost first; false if those outwards do not matter. */
static bool note_frame(place *one, char *function, char *line)
{
    function[strcspn(function, "\n")] = '\0';
    line[strcspn(line, " \n")] = '\0';
    if (line[0] == '?')
        return false;
    if (one->text[0] == '\0')
        snprintf(one->function, sizeof one->function, "%.63s", function);
    one->is_headers_own = is_headers_own(function);
    snprintf(one->text, sizeof one->text, "%.100s (%.80s)", line, function);
    return one->is_headers_own;
}

/** Ask for all at once, since starting a program takes long. */
static void ask_addr2line(place *first, unsigned count)
{
    STATE static char command[128 + PLACES_MAX * 20];
    char function[PLACE_BYTES], line[PLACE_BYTES];
    size_t used = (size_t)snprintf(command, sizeof command,
                                   "addr2line -a -s -f -C -i -e /proc/%d/exe", (int)getpid());
    for (unsigned i = 0; i < count; i++)
        used += (size_t)snprintf(command + used, sizeof command - used, " %#" PRIxPTR,
                                 address_in_file((uintptr_t)first[i].pc - 1));
    snprintf(command + used, sizeof command - used, " 2>/dev/null");
    FILE *answer = popen(command, "r");
    if (answer == NULL)
        return;
    place *one = first - 1;
    bool goes_on = false;
    while (fgets(function, sizeof function, answer) != NULL) {
        if (strncmp(function, "0x", 2) == 0) { /* the next address */
            one++;
            goes_on = one < first + count;
        } else if (fgets(line, sizeof line, answer) != NULL && goes_on) {
            goes_on = note_frame(one, function, line);
        }
    }
    pclose(answer);
}

static void describe_without_tools(const void *pc, place *ret_place)
{
    Dl_info info;
    if (dladdr(pc, &info) != 0 && info.dli_sname != NULL)
        snprintf(ret_place->text, sizeof ret_place->text, "%s+%#tx", info.dli_sname,
                 (const char *)pc - (const char *)info.dli_saddr);
    else
        snprintf(ret_place->text, sizeof ret_place->text, "%p", pc);
}

static const place *place_of(const void *pc)
{
    STATE static place unknown;
    for (unsigned i = 0; i < places_known; i++)
        if (places[i].pc == pc)
            return &places[i];
    bool remembered = names_wanted != REPORT_NO_NAMES && places_known < PLACES_MAX;
    place *found = remembered ? &places[places_known++] : &unknown;
    *found = (place){.pc = pc};
    if (names_wanted == REPORT_NAMES)
        ask_addr2line(found, 1);
    if (names_wanted != REPORT_NAMES_LATER && found->text[0] == '\0')
        describe_without_tools(pc, found);
    return found;
}

void report_want_names(report_names wanted)
{
    STATE static unsigned named;
    if (names_wanted == REPORT_NAMES_LATER && named < places_known)
        ask_addr2line(&places[named], places_known - named);
    names_wanted = wanted;
    for (; named < places_known; named++)
        if (places[named].text[0] == '\0')
            describe_without_tools(places[named].pc, &places[named]);
}

const char *report_place(const void *pc, char *buffer, size_t bytes)
{
    snprintf(buffer, bytes, "%s", pc == NULL ? "?" : place_of(pc)->text);
    return buffer;
}

/** Where the program called: what calls from within a function of the headers is called there. */
static const void *call_site(const void *caller)
{
    unsigned depth = depths[engine.current];
    bool later = names_wanted == REPORT_NAMES_LATER; /* then it may be any of them */
    if (depth > CALLERS_MAX)
        return caller;
    for (; depth > 1 && (place_of(caller)->is_headers_own || later); depth--)
        caller = callers[engine.current][depth - 2];
    return caller;
}

/** Programs call some functions by macros, which say where. */
static int length_of_name(const char *function)
{
    size_t length = strlen(function);
    if (length > 3 && strcmp(function + length - 3, "_at") == 0)
        return (int)length - 3;
    if (length > 5 && strcmp(function + length - 5, "_with") == 0)
        return (int)length - 5;
    return (int)length;
}

void report_call(const void *callee, const void *caller)
{
    if (!engine.tracing || engine.quiet)
        return;
    const char *function = place_of(callee)->function;
    engine_self()->call_site = call_site(caller);
    report_step(engine_self()->call_site, "calls %.*s", length_of_name(function), function);
}

/** The symbol of a static variable, from the program's own symbol table, by nm. */
static bool ask_nm(uintptr_t address, char *buffer, size_t bytes)
{
    char command[160], line[PLACE_BYTES];
    uintptr_t wanted = address_in_file(address);
    snprintf(command, sizeof command, "nm -n /proc/%d/exe 2>/dev/null", (int)getpid());
    FILE *answer = popen(command, "r");
    uintptr_t best = 0;
    char name[100] = "";
    if (answer == NULL)
        return false;
    while (fgets(line, sizeof line, answer) != NULL) {
        uintptr_t start;
        char kind, symbol[100];
        if (sscanf(line, "%" SCNxPTR " %c %99s", &start, &kind, symbol) != 3 || start > wanted)
            continue;
        if (strchr("bBdDrR", kind) != NULL && start >= best) {
            best = start;
            memcpy(name, symbol, sizeof name);
        }
    }
    pclose(answer);
    if (name[0] == '\0')
        return false;
    if (wanted == best)
        snprintf(buffer, bytes, "%s", name);
    else
        snprintf(buffer, bytes, "%s+%zu", name, (size_t)(wanted - best));
    return true;
}

/** Names already found, by address. */
#define NAMES_MAX 64
STATE static struct {
    uintptr_t address;
    char name[64];
} names[NAMES_MAX];
STATE static unsigned names_known;

static const char *data_name(uintptr_t address, char *buffer, size_t bytes)
{
    for (unsigned i = 0; i < names_known; i++)
        if (names[i].address == address)
            return names[i].name;
    bool named = names_wanted == REPORT_NAMES;
    if (!named || !ask_nm(address, buffer, bytes))
        snprintf(buffer, bytes, "%#" PRIxPTR, address);
    if (named && names_known < NAMES_MAX) {
        names[names_known].address = address;
        snprintf(names[names_known].name, sizeof names->name, "%.63s", buffer);
        names_known++;
    }
    return buffer;
}

const char *report_object(const void *address, char *buffer, size_t bytes)
{
    region data = world_data();
    int stack = world_stack_of(address);
    if ((size_t)((const char *)address - data.first) < data.bytes)
        return data_name((uintptr_t)address, buffer, bytes);
    if (stack >= 0)
        snprintf(buffer, bytes, "stack of thread %d (%p)", stack, address);
    else if (world_is_heap(address))
        snprintf(buffer, bytes, "allocated memory (%p)", address);
    else
        snprintf(buffer, bytes, "%p", address);
    return buffer;
}

/* ---- printing ---- */

/** Inside the headers' inlined calls only what changes something is shown. */
static bool is_of_interest(const step *one)
{
    if (one->pc == NULL || !is_headers_own(place_of(one->pc)->function))
        return true;
    return strncmp(one->text, "load", 4) != 0 && strncmp(one->text, "store rlx", 9) != 0 &&
           strncmp(one->text, "failed", 6) != 0;
}

static void print_step(uint32_t number, const step *one)
{
    char text[TEXT_BYTES + 66];
    const place *where = one->pc != NULL ? place_of(one->pc) : NULL;
    bool inlined = where != NULL && is_headers_own(where->function);
    snprintf(text, sizeof text, "%.62s%s%.159s", inlined ? where->function : "",
             inlined ? ": " : "", one->text);
    int indent = one->thread < COLUMNS_MAX ? one->thread * COLUMN_WIDTH : 0;
    fprintf(stderr, "  %4u  %*sT%-4d%*s %-64s %s\n", number, indent, "", one->thread,
            COLUMNS_MAX * COLUMN_WIDTH - indent - COLUMN_WIDTH, "", text,
            where != NULL ? where->text : "");
}

static void print_steps(void)
{
    uint32_t shown = 0;
    for (uint32_t i = 0; i < step_count; i++)
        if (is_of_interest(&steps[i]))
            steps[shown++] = steps[i];
    step_count = shown;
    if (shown > 0)
        fprintf(stderr, "  step  thread                   what%61swhere\n", "");
    for (uint32_t i = 0; i < shown; i++) {
        if (shown > STEPS_SHOWN && i == STEPS_SHOWN / 2) {
            fprintf(stderr, "   ...  %u steps left out\n", shown - STEPS_SHOWN);
            i = shown - STEPS_SHOWN / 2;
        }
        print_step(i + 1, &steps[i]);
    }
}

static const char *verdict_name(enum thrum_check_verdict verdict)
{
    static const char *const words[] = {
        "nothing",    "an assertion fails",   "a data race", "a deadlock",
        "a livelock", "a use after free",     "a leak",      "misuse",
        "a crash",    "an impossible history"};
    return words[verdict];
}

void report_print(const search *wanted, const search_result *result)
{
    fprintf(stderr, "%s: %s, in execution %" PRIu64 ", with %u preemption%s\n", wanted->name,
            verdict_name(result->found.verdict), result->executions, result->preemptions,
            result->preemptions == 1 ? "" : "s");
    print_steps();
    if (wanted->options.library_is_atomic)
        fputs(platform_stderr(), stderr);
    fprintf(stderr, "%s: %s\n", wanted->name, result->found.message);
    if (wanted->options.library_is_atomic)
        fprintf(stderr, "to run it again: THRUM_SCHEDULE=%s %s\n", result->schedule,
                program_invocation_name);
}
