/* SPDX-License-Identifier: MIT */
/** @file
 *  Strategy.
 *
 *  Purpose     Go through schedules: all of them within a bound, or many at random, or one.
 *  Positions   Every call of strategy_choose and every point counts one, whether there is a choice
 *              or not. A schedule is the list of the positions at which something other than the
 *              ordinary (way 0) was chosen; so it says little, and can be shortened.
 *  Exhaustive  Depth first, for a bound of 0, 1, 2, ... preemptions, so the first failure has as
 *              few as possible. The trail holds the choices of the present execution that had
 *              alternatives; the next execution differs in the last that has one left.
 *  Same state  Two executions whose events are the same but for the order of unrelated ones have
 *              led to the same state. engine_event keeps a hash of a trace that does not depend on
 *              that order; a state met before with at least as much of every budget is not explored
 *              again.
 *  Where       Others run first only before operations on words that several threads use and
 *              somebody writes. When another word turns out to be one, the bound is explored anew.
 *  Random      PCT gives threads random priorities and lowers that of the running one at a few
 *              random moments: a fault that needs d of them is found with a known probability. The
 *              other strategy lets any thread run at any point.
 *  Bytes       For fuzzers: a byte says how many of the choices that cost something stay ordinary,
 *              the next which other way is then taken, and so on; a choice that costs nothing, such
 *              as who goes on when a thread sleeps, takes a byte as well. When they are used up all
 *              is ordinary. Others may run before any operation, not only those of Where: which
 *              words have been seen to be shared depends on executions before.
 *  Rejected    Dynamic partial order reduction: with a bound on preemptions it needs so many
 *              conservative branches that the hash of states prunes as well. */
#include "strategy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "memory.h"
#include "report.h"
#include "world.h"

#define TRAIL_MAX 100000
#define TAKEN_MAX 4096
#define VISITED_BITS 21
#define PROBES 8
#define PCT_CHANGES 3
#define CLOCK_EVERY 64
#define SHRINK_SECONDS 5.0
#define SHORT_GAPS 192
#define SHORT_GAP_MAX 48
#define LONG_GAP 8

typedef enum mode { MODE_EXHAUSTIVE, MODE_PCT, MODE_RANDOM, MODE_REPLAY, MODE_BYTES } mode;

typedef struct choice {
    uint32_t position;
    uint16_t ways;
    uint16_t chosen;
    budget from;
} choice;

typedef struct taken {
    uint32_t position;
    uint32_t chosen;
} taken;

typedef struct visited {
    uint64_t key;
    uint32_t remaining; /**< four bits for each budget */
    uint32_t pass;      /**< in which it was met; in another it means nothing */
} visited;

STATE static struct {
    mode mode;
    uint32_t position;
    unsigned remaining[BUDGETS];
    /* exhaustive */
    choice *trail;
    uint32_t depth, cursor;
    visited *states;
    uint32_t pass;
    uint64_t last_events;
    uint32_t since_event;
    bool newly_shared;
    /* random */
    uint64_t random;
    uint32_t priorities[MODEL_THREADS];
    uint32_t changes[PCT_CHANGES];
    uint32_t length; /**< the longest execution so far, in positions */
    /* replay */
    taken wanted[TAKEN_MAX];
    uint32_t wanted_count, wanted_next;
    /* bytes */
    const uint8_t *bytes;
    size_t bytes_count, bytes_next;
    uint64_t gap; /**< choices to come before one that is not ordinary */
    /* of the present execution, for its schedule */
    taken taken[TAKEN_MAX];
    uint32_t taken_count;
    unsigned preemptions;
} now;

/* ---- choosing ---- */

static uint64_t next_random(void)
{
    now.random ^= now.random << 13;
    now.random ^= now.random >> 7;
    now.random ^= now.random << 17;
    return now.random * UINT64_C(0x2545F4914F6CDD1D) >> 16;
}

static unsigned note(unsigned chosen, budget from)
{
    if (chosen == 0)
        return 0;
    if (now.taken_count < TAKEN_MAX)
        now.taken[now.taken_count++] = (taken){now.position, chosen};
    if (from != BUDGET_NONE && now.remaining[from] > 0)
        now.remaining[from]--;
    now.preemptions += from == BUDGET_PREEMPTION;
    return chosen;
}

static uint32_t packed_remaining(void)
{
    uint32_t packed = 0;
    for (int i = 0; i < BUDGETS; i++)
        packed |= (now.remaining[i] < 15 ? now.remaining[i] : 15) << (4 * i);
    return packed;
}

static bool is_at_least(uint32_t a, uint32_t b)
{
    for (int i = 0; i < BUDGETS; i++)
        if ((a >> (4 * i) & 15) < (b >> (4 * i) & 15))
            return false;
    return true;
}

/** Whether this state has been met before with as much left; notes it otherwise. */
static bool was_here(unsigned ways, budget from)
{
    now.since_event = engine.events == now.last_events ? now.since_event + 1 : 0;
    now.last_events = engine.events;
    uint64_t key = engine.trace_hash;
    key ^= ((uint64_t)engine.current << 16 | (uint64_t)from << 12 | ways) *
           UINT64_C(0x9E3779B97F4A7C15);
    key ^= (uint64_t)now.since_event * UINT64_C(0xC2B2AE3D27D4EB4F);
    key ^= key >> 31;
    uint32_t remaining = packed_remaining();
    size_t home = (size_t)(key >> (64 - VISITED_BITS));
    visited *victim = &now.states[home];
    for (size_t i = 0; i < PROBES; i++) {
        visited *one = &now.states[(home + i) & ((1u << VISITED_BITS) - 1)];
        if (one->pass != now.pass) {
            victim = one;
            break;
        }
        if (one->key == key) {
            if (is_at_least(one->remaining, remaining))
                return true;
            victim = one;
            break;
        }
    }
    *victim = (visited){key, remaining, now.pass};
    return false;
}

/** Whether the trail, or the bound, has something to say here. */
static bool is_open(budget from, bool branch)
{
    if (now.cursor < now.depth)
        return now.trail[now.cursor].position == now.position;
    return branch && (from == BUDGET_NONE || now.remaining[from] > 0);
}

static unsigned follow_trail(unsigned ways, budget from)
{
    if (now.cursor == now.depth) {
        if (was_here(ways, from))
            engine_discard();
        if (now.depth == TRAIL_MAX)
            engine_verdict(THRUM_CHECK_LIVELOCK, "too many choices in one execution");
        now.trail[now.depth++] = (choice){now.position, (uint16_t)ways, 0, from};
    }
    return note(now.trail[now.cursor++].chosen, from);
}

static unsigned follow_wanted(unsigned ways, budget from)
{
    const taken *next = &now.wanted[now.wanted_next];
    while (now.wanted_next < now.wanted_count && next->position < now.position)
        next = &now.wanted[++now.wanted_next];
    if (now.wanted_next == now.wanted_count || next->position != now.position)
        return 0;
    now.wanted_next++;
    return note(next->chosen % ways, from);
}

static unsigned next_byte(void)
{
    return now.bytes_next < now.bytes_count ? now.bytes[now.bytes_next++] : 0;
}

/** Of the 256 gaps three quarters are short. */
static void read_gap(void)
{
    bool more = now.bytes_next < now.bytes_count;
    unsigned byte = next_byte();
    now.gap = byte < SHORT_GAPS ? byte % SHORT_GAP_MAX : (byte - SHORT_GAPS + 1) * LONG_GAP;
    if (!more)
        now.gap = UINT64_MAX;
}

static bool is_gap(void)
{
    return now.gap > 0 && now.gap-- > 0;
}

static unsigned follow_bytes(unsigned ways, budget from)
{
    if (from == BUDGET_NONE)
        return note(next_byte() % ways, from);
    unsigned chosen = 1 + next_byte() % (ways - 1);
    read_gap();
    return note(chosen, from);
}

unsigned strategy_choose(unsigned n, budget from, bool branch)
{
    now.position++;
    if (n < 2)
        return 0;
    switch (now.mode) {
    case MODE_EXHAUSTIVE: return is_open(from, branch) ? follow_trail(n, from) : 0;
    case MODE_REPLAY: return follow_wanted(n, from);
    case MODE_BYTES:
        if (from != BUDGET_NONE && (now.remaining[from] == 0 || is_gap()))
            return 0;
        return follow_bytes(n, from);
    default: break;
    }
    if (from == BUDGET_NONE)
        return note((unsigned)(next_random() % n), from);
    if (!branch || now.remaining[from] == 0 || next_random() % 16 != 0)
        return 0;
    return note(1 + (unsigned)(next_random() % (n - 1)), from);
}

bool strategy_is_choice_here(bool branch)
{
    now.position++;
    switch (now.mode) {
    case MODE_EXHAUSTIVE: return is_open(BUDGET_PREEMPTION, branch);
    case MODE_REPLAY:
        while (now.wanted_next < now.wanted_count &&
               now.wanted[now.wanted_next].position < now.position)
            now.wanted_next++;
        return now.wanted_next < now.wanted_count &&
               now.wanted[now.wanted_next].position == now.position;
    case MODE_BYTES: return !is_gap();
    default: return branch;
    }
}

static unsigned choose_by_priority(const int *candidates, unsigned n)
{
    for (int i = 0; i < PCT_CHANGES; i++)
        if (now.changes[i] == now.position)
            now.priorities[engine.current] = (uint32_t)i;
    unsigned best = 0;
    for (unsigned i = 1; i < n; i++)
        if (now.priorities[candidates[i]] > now.priorities[candidates[best]])
            best = i;
    return best;
}

unsigned strategy_choose_thread(const int *candidates, unsigned n, bool is_preemption)
{
    budget from = is_preemption ? BUDGET_PREEMPTION : BUDGET_NONE;
    if (!is_preemption)
        now.position++;
    if (n < 2)
        return 0;
    switch (now.mode) {
    case MODE_EXHAUSTIVE: return is_preemption || is_open(from, true) ? follow_trail(n, from) : 0;
    case MODE_REPLAY: return follow_wanted(n, from);
    case MODE_BYTES: return follow_bytes(n, from);
    case MODE_PCT: return note(choose_by_priority(candidates, n), from);
    default: return note((unsigned)(next_random() % n), from);
    }
}

void strategy_note_newly_shared(void)
{
    now.newly_shared = true;
}

/* ---- schedules as text ---- */

static void write_schedule(char *text, size_t bytes)
{
    size_t used = 0;
    if (now.taken_count == 0)
        snprintf(text, bytes, "-");
    for (uint32_t i = 0; i < now.taken_count && used < bytes; i++)
        used += (size_t)snprintf(text + used, bytes - used, "%s%u:%u", i > 0 ? "," : "",
                                 now.taken[i].position, now.taken[i].chosen);
}

/** Read a schedule into now.wanted; false: that is none. */
static bool read_schedule(const char *text)
{
    now.wanted_count = 0;
    if (strcmp(text, "-") == 0)
        return true;
    while (now.wanted_count < TAKEN_MAX) {
        char *end;
        unsigned long position = strtoul(text, &end, 10);
        if (end == text || *end != ':')
            return false;
        text = end + 1;
        unsigned long chosen = strtoul(text, &end, 10);
        if (end == text || (*end != ',' && *end != '\0'))
            return false;
        now.wanted[now.wanted_count++] = (taken){(uint32_t)position, (uint32_t)chosen};
        if (*end == '\0')
            return true;
        text = end + 1;
    }
    return false;
}

/* ---- executions ---- */

static double seconds_now(void)
{
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return (double)moment.tv_sec + (double)moment.tv_nsec * 1e-9;
}

static void begin_random(void)
{
    for (int i = 0; i < MODEL_THREADS; i++)
        now.priorities[i] = PCT_CHANGES + (uint32_t)(next_random() & 0xFFFFF);
    for (int i = 0; i < PCT_CHANGES; i++)
        now.changes[i] = (uint32_t)(next_random() % (now.length + 1));
}

/** One execution; true if it failed. */
static bool run_once(const search *wanted, search_result *result)
{
    now.position = 0;
    now.cursor = 0;
    now.wanted_next = 0;
    now.taken_count = 0;
    now.preemptions = 0;
    now.last_events = 0;
    now.since_event = 0;
    if (now.mode == MODE_PCT)
        begin_random();
    engine_execute(wanted->body, wanted->arg, &wanted->options);
    if (now.position > now.length)
        now.length = now.position;
    result->executions++;
    result->seen += !engine.result.discarded;
    return engine.result.verdict != THRUM_CHECK_NOTHING;
}

/** Change the trail to that of the next execution; false: there is none. */
static bool next_trail(void)
{
    while (now.depth > 0) {
        choice *last = &now.trail[now.depth - 1];
        if (last->chosen + 1 < last->ways) {
            last->chosen++;
            return true;
        }
        now.depth--;
    }
    return false;
}

static void set_budgets(const search *wanted, unsigned preemptions)
{
    memcpy(now.remaining, wanted->options.budgets, sizeof now.remaining);
    now.remaining[BUDGET_PREEMPTION] = preemptions;
}

typedef struct limits {
    double until;
    uint64_t executions_max;
} limits;

static bool is_used_up(const limits *most, const search_result *result)
{
    return result->executions >= most->executions_max ||
           (result->executions % CLOCK_EVERY == 0 && seconds_now() >= most->until);
}

typedef enum pass_end { PASS_EXHAUSTED, PASS_FAILED, PASS_LIMIT } pass_end;

/** All executions within a bound. */
static pass_end explore_bound(const search *wanted, unsigned bound, const limits *most,
                              search_result *result)
{
    do {
        now.newly_shared = false;
        now.depth = 0;
        now.pass++;
        do {
            if (is_used_up(most, result))
                return PASS_LIMIT;
            set_budgets(wanted, bound);
            if (run_once(wanted, result))
                return PASS_FAILED;
        } while (next_trail());
    } while (now.newly_shared);
    return PASS_EXHAUSTED;
}

/** With 0, 1, 2, ... preemptions; true: something was found. */
static bool explore_all(const search *wanted, unsigned bound_max, const limits *most,
                        search_result *result)
{
    now.mode = MODE_EXHAUSTIVE;
    result->exhausted = false;
    for (unsigned bound = 0; bound <= bound_max; bound++) {
        pass_end end = explore_bound(wanted, bound, most, result);
        if (end == PASS_FAILED)
            return true;
        if (end == PASS_LIMIT)
            return false;
        result->preemptions = bound;
        result->exhausted = bound == bound_max;
    }
    return false;
}

static bool explore_at_random(const search *wanted, mode how, const limits *most,
                              search_result *result)
{
    now.mode = how;
    now.random = wanted->seed * 2 + 1;
    while (!is_used_up(most, result)) {
        set_budgets(wanted, UINT32_MAX);
        if (run_once(wanted, result))
            return true;
    }
    return false;
}

/** What the bytes say; true: it failed. */
static bool explore_bytes(const search *wanted, search_result *result)
{
    now.mode = MODE_BYTES;
    now.bytes = wanted->bytes;
    now.bytes_count = wanted->bytes_count;
    now.bytes_next = 0;
    read_gap();
    set_budgets(wanted, UINT32_MAX);
    return run_once(wanted, result);
}

/* ---- making a failing schedule short ---- */

static void keep(search_result *result)
{
    result->found = engine.result;
    result->preemptions = now.preemptions;
    write_schedule(result->schedule, sizeof result->schedule);
}

/** Run the schedule without its entry `left_out`; true: it fails the same way still. */
static bool still_fails(const search *wanted, const search_result *result, uint32_t left_out)
{
    search_result ignored = {.executions = 0};
    if (!read_schedule(result->schedule) || left_out >= now.wanted_count)
        return false;
    memmove(&now.wanted[left_out], &now.wanted[left_out + 1],
            (now.wanted_count - left_out - 1) * sizeof *now.wanted);
    now.wanted_count--;
    now.mode = MODE_REPLAY;
    set_budgets(wanted, UINT32_MAX);
    return run_once(wanted, &ignored) && engine.result.verdict == result->found.verdict;
}

static void leave_out_what_is_not_needed(const search *wanted, search_result *result)
{
    double until = seconds_now() + SHRINK_SECONDS;
    for (uint32_t i = 0; i < TAKEN_MAX && seconds_now() < until;) {
        read_schedule(result->schedule);
        if (i >= now.wanted_count)
            return;
        if (still_fails(wanted, result, i))
            keep(result);
        else
            i++;
    }
}

/** After a random find: is there one with fewer preemptions? */
static void find_fewer_preemptions(const search *wanted, search_result *result)
{
    search_result better = {.executions = 0};
    limits most = {seconds_now() + SHRINK_SECONDS, UINT64_MAX};
    if (result->preemptions > 0 && explore_all(wanted, result->preemptions - 1, &most, &better) &&
        engine.result.verdict == result->found.verdict)
        keep(result);
}

/** True if it fails. */
static bool replay(const search *wanted, search_result *result, bool trace)
{
    search_result ignored = {.executions = 0};
    bool fails = false;
    now.mode = MODE_REPLAY;
    engine.tracing = trace;
    for (report_names names = REPORT_NAMES_LATER; names <= REPORT_NAMES; names++) {
        report_want_names(names);
        set_budgets(wanted, UINT32_MAX);
        if (trace)
            report_begin();
        fails = run_once(wanted, &ignored);
    }
    if (fails || wanted->replay != NULL)
        keep(result);
    engine.tracing = false;
    return fails;
}

/** A test that is not repeatable, or more choices out of the ordinary than a schedule holds. */
static void say_that_it_passed(const search *wanted, const search_result *result)
{
    fprintf(stderr,
            "%s: %s\n%s: that schedule, run again, passed: is the test repeatable? A random "
            "strategy finds it by its seed, %llu\n",
            wanted->name, result->found.message, wanted->name, (unsigned long long)wanted->seed);
}

static void open_all(void)
{
    world_open();
    memory_open();
    if (now.trail != NULL)
        return;
    now.trail = mmap(NULL, TRAIL_MAX * sizeof(choice), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    now.states = mmap(NULL, sizeof(visited) << VISITED_BITS, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (now.trail == MAP_FAILED || now.states == MAP_FAILED) {
        perror("thrum-check: no memory for the explorer");
        exit(2);
    }
}

static bool explore(const search *wanted, const limits *most, search_result *result)
{
    if (wanted->bytes != NULL)
        return explore_bytes(wanted, result);
    switch (wanted->strategy) {
    case THRUM_CHECK_PCT: return explore_at_random(wanted, MODE_PCT, most, result);
    case THRUM_CHECK_RANDOM: return explore_at_random(wanted, MODE_RANDOM, most, result);
    default: return explore_all(wanted, wanted->preemptions_max, most, result);
    }
}

bool strategy_search(const search *wanted, search_result *ret_result)
{
    *ret_result = (search_result){.executions = 0};
    double began = seconds_now();
    limits most = {began + wanted->seconds_max, wanted->executions_max};
    open_all();
    now.length = 0;
    world_remember();
    if (wanted->replay != NULL) {
        if (!read_schedule(wanted->replay))
            return false;
        replay(wanted, ret_result, !wanted->quiet);
        ret_result->executions = 1;
        if (!wanted->quiet)
            report_print(wanted, ret_result);
    } else if (explore(wanted, &most, ret_result)) {
        keep(ret_result);
        if (wanted->strategy != THRUM_CHECK_EXHAUSTIVE && wanted->bytes == NULL)
            find_fewer_preemptions(wanted, ret_result);
        leave_out_what_is_not_needed(wanted, ret_result);
        read_schedule(ret_result->schedule);
        if (!replay(wanted, ret_result, !wanted->quiet))
            say_that_it_passed(wanted, ret_result);
        else if (!wanted->quiet)
            report_print(wanted, ret_result);
    }
    report_want_names(REPORT_NO_NAMES);
    world_rewind();
    ret_result->seconds = seconds_now() - began;
    return true;
}
