/* SPDX-License-Identifier: MIT */
/** @file
 *  Memory.
 *
 *  Purpose     Say what an atomic load may read, and which plain accesses nothing orders.
 *  State       For every 8 bytes that are watched a granule: the last accesses of a few threads,
 *              with how far the thread was; and whether the memory has been freed. For every atomic
 *              word a location: its stores in modification order, which is the order of execution.
 *  Rules       Happens-before is kept as vector clocks. A release store carries the clock of its
 *              thread; an acquire load that reads it, or a store of its release sequence, joins
 *              it. A relaxed load joins it at the next acquire fence; a relaxed store carries the
 *              clock of the last release fence. A load may read any store that is not older than
 *              one that happens before it, nor than one that itself, or a load that happens before
 *              it, has read. A read-modify-write reads the latest.
 *  Races       Two accesses of one byte, one of them a write, one of them plain, neither of which
 *              happens before the other.
 *  Dead        Freed memory, and the part of another thread's stack that it has returned from: any
 *              access is a use after free.
 *  Limits      A sequentially consistent load reads no store older than the last such one; a load
 *              never reads a store that has not happened yet (no load buffering); a
 *              compare-exchange that fails reads the latest. Eight stores and six accesses are
 *              remembered. */
#include "memory.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "instrumentation.h"
#include "report.h"
#include "world.h"

#define SLOTS 6
#define STORES 8
#define LOCATIONS_MAX 8192
#define NOBODY 0xFF

enum { ORDER_RELAXED, ORDER_CONSUME, ORDER_ACQUIRE, ORDER_RELEASE, ORDER_ACQ_REL, ORDER_SEQ_CST };
enum { SLOT_THREAD = 15, SLOT_WRITE = 16, SLOT_ATOMIC = 32 };
enum { KNOWN_SHARED = 1, KNOWN_WRITTEN = 2 };

/** An access: of the bytes in `mask`, when its thread was at `at`, by code at `pc`. */
typedef struct slot {
    uint32_t pc;
    int16_t at;
    uint8_t kind;
    uint8_t mask;
} slot;

typedef struct granule {
    uint32_t execution;   /**< whose accesses; of another, they mean nothing */
    uint16_t location[2]; /**< of its two words; 0: none */
    uint8_t known[2];     /**< kept from execution to execution: KNOWN_ */
    uint8_t owner[2];     /**< likewise: 1 + the first thread that used the word */
    uint8_t used;
    bool freed;
    uint8_t padding[2];
    slot slots[SLOTS];
} granule;

typedef struct store {
    uint64_t value;
    vclock sync; /**< what an acquire load learns */
    bool has_sync;
    bool is_sc;    /**< sequentially consistent: no such load reads an older one */
    int8_t thread; /**< -1: what was there before */
    int16_t at;
    int16_t seen[MODEL_THREADS]; /**< when each thread first read it or a later one */
} store;

typedef struct location {
    uintptr_t address;
    uint32_t count; /**< stores so far; the last STORES are kept; 0: to be begun anew */
    uint32_t version;
    uint16_t next; /**< another of the same word of the granule */
    uint16_t bytes;
    store stores[STORES];
} location;

STATE static granule *shadow_of_mapped, *shadow_of_data;
STATE static region mapped, data;
STATE static location *locations;
STATE static uint32_t locations_used;

static void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        perror("thrum-check: no memory for the explorer");
    return memory;
}

void memory_open(void)
{
    if (locations != NULL)
        return;
    mapped = world_mapped();
    data = world_data();
    shadow_of_mapped = map(mapped.bytes / 8 * sizeof(granule));
    shadow_of_data = map((data.bytes / 8 + 2) * sizeof(granule));
    locations = map(LOCATIONS_MAX * sizeof(location));
}

void memory_begin(void)
{
    locations_used = 1;
}

static granule *raw_granule_of(const void *address)
{
    size_t offset = (size_t)((const char *)address - mapped.first);
    if (offset < mapped.bytes)
        return &shadow_of_mapped[offset / 8];
    offset = (uintptr_t)address / 8 - (uintptr_t)data.first / 8;
    if (offset <= data.bytes / 8)
        return &shadow_of_data[offset];
    return NULL;
}

bool memory_is_watched(const void *address)
{
    return engine.running && raw_granule_of(address) != NULL && !world_is_thread_local(address);
}

static granule *granule_of(const void *address)
{
    granule *one = raw_granule_of(address);
    if (one != NULL && one->execution != engine.execution) {
        one->execution = engine.execution;
        one->location[0] = one->location[1] = 0;
        one->used = 0;
        one->freed = false;
    }
    return one;
}

/* ---- races ---- */

static const char base[] = "";

static uint32_t short_pc(const void *pc)
{
    return (uint32_t)((uintptr_t)pc - (uintptr_t)base);
}

static const void *long_pc(uint32_t pc)
{
    return (const char *)((uintptr_t)base + (uintptr_t)(intptr_t)(int32_t)pc);
}

static const char *kind_name(uint8_t kind)
{
    static const char *const names[] = {"read", "write", "atomic read", "atomic write"};
    return names[((kind & SLOT_WRITE) != 0) + 2 * ((kind & SLOT_ATOMIC) != 0)];
}

static _Noreturn void say_race(const void *address, uint8_t kind, const void *pc, const slot *other)
{
    char object[128], here[256], there[256];
    report_step(pc, "RACE: %s", kind_name(kind));
    engine_verdict(THRUM_CHECK_RACE,
                   "data race on %s: %s by thread %d at %s; nothing orders it after the %s by "
                   "thread %d at %s",
                   report_object(address, object, sizeof object), kind_name(kind), engine.current,
                   report_place(pc, here, sizeof here), kind_name(other->kind),
                   other->kind & SLOT_THREAD,
                   report_place(long_pc(other->pc), there, sizeof there));
}

static bool happened_before(int thread, int16_t at)
{
    return at <= engine_self()->now.at[thread];
}

/** Where to note an access when all slots are taken: over one that everything since knows. */
static slot *slot_to_reuse(granule *one)
{
    for (int i = 0; i < SLOTS; i++)
        if (happened_before(one->slots[i].kind & SLOT_THREAD, one->slots[i].at))
            return &one->slots[i];
    return &one->slots[0];
}

static void note_access(granule *one, const void *address, uint8_t mask, uint8_t kind,
                        const void *pc)
{
    kind |= (uint8_t)engine.current;
    int16_t at = engine_self()->now.at[engine.current];
    slot *mine = NULL;
    for (int i = 0; i < one->used; i++) {
        slot *other = &one->slots[i];
        if (other->kind == kind && other->mask == mask) {
            if (other->at == at)
                return;
            mine = other;
        }
        if ((other->mask & mask) == 0 || (other->kind & SLOT_THREAD) == engine.current ||
            ((other->kind | kind) & SLOT_WRITE) == 0 || (other->kind & kind & SLOT_ATOMIC) != 0)
            continue;
        if (!happened_before(other->kind & SLOT_THREAD, other->at))
            say_race(address, kind, pc, other);
    }
    if (mine == NULL)
        mine = one->used < SLOTS ? &one->slots[one->used++] : slot_to_reuse(one);
    *mine = (slot){short_pc(pc), at, kind, mask};
}

static void refuse_dead(const granule *one, const void *address, const void *pc)
{
    char object[128], place[256];
    int stack = world_stack_of(address);
    bool dead_stack = stack >= 0 && stack != engine.current &&
                      (engine.threads[stack].state == THREAD_DONE ||
                       (const char *)address < (const char *)engine.threads[stack].stack_pointer);
    if (!one->freed && !dead_stack)
        return;
    report_step(pc, "USE AFTER FREE");
    engine_verdict(THRUM_CHECK_USE_AFTER_FREE, "use after %s: %s, by thread %d at %s",
                   one->freed ? "free" : "return", report_object(address, object, sizeof object),
                   engine.current, report_place(pc, place, sizeof place));
}

/** Plain writes end the history of the atomic words they overlap. */
static void end_histories(const granule *one, uintptr_t first, uintptr_t last)
{
    for (int half = 0; half < 2; half++)
        for (uint16_t i = one->location[half]; i != 0; i = locations[i].next)
            if (locations[i].address <= last && locations[i].address + locations[i].bytes > first)
                locations[i].count = 0;
}

void memory_plain(const void *address, size_t bytes, bool write, const void *pc)
{
    if (engine.quiet || bytes == 0 || !memory_is_watched(address))
        return;
    const char *at = address, *end = at + bytes;
    while (at < end) {
        granule *one = granule_of(at);
        if (one == NULL)
            return;
        unsigned offset = (unsigned)((uintptr_t)at & 7);
        size_t here = 8 - offset < (size_t)(end - at) ? 8 - offset : (size_t)(end - at);
        refuse_dead(one, at, pc);
        note_access(one, at, (uint8_t)(((1u << here) - 1) << offset), write ? SLOT_WRITE : 0, pc);
        if (write && (one->location[0] | one->location[1]) != 0)
            end_histories(one, (uintptr_t)at, (uintptr_t)at + here - 1);
        at += here;
    }
}

static void set_freed(char *address, size_t bytes, bool freed)
{
    for (char *at = address; at < address + bytes; at += 8) {
        granule *one = granule_of(at);
        one->freed = freed;
        if (!freed)
            one->used = 0;
        end_histories(one, (uintptr_t)at, (uintptr_t)at + 7);
    }
}

/** Freeing is a write: it races with accesses that nothing orders before it. */
void memory_freed(void *address, size_t bytes)
{
    if (!engine.running)
        return;
    memory_plain(address, bytes, true, __builtin_return_address(0));
    set_freed(address, bytes, true);
}

/** Pages come zeroed from the kernel. The zeroes of other memory are written: who comes to know its
 *  address by nothing that orders it after that may see what was there before. */
void memory_allocated(void *address, size_t bytes, bool pages)
{
    if (!engine.running)
        return;
    set_freed(address, bytes, false);
    if (!pages)
        memory_plain(address, bytes, true, __builtin_return_address(0));
}

/* ---- locations ---- */

static uint64_t peek(const void *address, unsigned bytes)
{
    switch (bytes) {
    case 1: return *(const volatile uint8_t *)address;
    case 2: return *(const volatile uint16_t *)address;
    case 4: return *(const volatile uint32_t *)address;
    default: return *(const volatile uint64_t *)address;
    }
}

static void poke(void *address, unsigned bytes, uint64_t value)
{
    switch (bytes) {
    case 1: *(volatile uint8_t *)address = (uint8_t)value; break;
    case 2: *(volatile uint16_t *)address = (uint16_t)value; break;
    case 4: *(volatile uint32_t *)address = (uint32_t)value; break;
    default: *(volatile uint64_t *)address = value;
    }
}

uint64_t memory_peek(const void *address, unsigned bytes)
{
    return peek(address, bytes);
}

static store *latest_of(location *one)
{
    return &one->stores[(one->count - 1) % STORES];
}

static void begin_history(location *one, uint64_t value)
{
    one->count = 1;
    one->version++;
    store *first = &one->stores[0];
    first->value = value;
    first->has_sync = false;
    first->thread = -1;
    first->at = 0;
    for (int i = 0; i < MODEL_THREADS; i++)
        first->seen[i] = SHRT_MAX;
}

static location *location_of(granule *one, const void *address, unsigned bytes)
{
    int half = ((uintptr_t)address & 4) != 0;
    uint16_t i = one->location[half];
    while (i != 0 && locations[i].address != (uintptr_t)address)
        i = locations[i].next;
    if (i == 0) {
        if (locations_used == LOCATIONS_MAX)
            engine_verdict(THRUM_CHECK_LIVELOCK, "too many atomic words for the explorer");
        i = (uint16_t)locations_used++;
        locations[i].address = (uintptr_t)address;
        locations[i].next = one->location[half];
        locations[i].bytes = (uint16_t)bytes;
        locations[i].version = 0;
        locations[i].count = 0;
        one->location[half] = i;
    }
    uint64_t value = peek(address, bytes);
    if (locations[i].count == 0 || latest_of(&locations[i])->value != value)
        begin_history(&locations[i], value);
    return &locations[i];
}

/** Note who uses the word; whether others may run before: only where that can matter. */
static bool note_use(granule *one, const void *address, bool write)
{
    int half = ((uintptr_t)address & 4) != 0;
    uint8_t known = one->known[half];
    if (engine.quiet)
        return false;
    if (one->owner[half] == 0)
        one->owner[half] = (uint8_t)(engine.current + 1);
    else if (one->owner[half] != engine.current + 1)
        one->known[half] |= KNOWN_SHARED;
    if (write)
        one->known[half] |= KNOWN_WRITTEN;
    bool matters = one->known[half] == (KNOWN_SHARED | KNOWN_WRITTEN);
    if (matters && known != one->known[half])
        strategy_note_newly_shared();
    return matters;
}

/** An atomic access, after its point; one that fails to exchange only reads. */
static void note_atomic(const void *address, unsigned bytes, bool write, const void *pc)
{
    granule *one = granule_of(address);
    unsigned offset = (unsigned)((uintptr_t)address & 7);
    if (engine.quiet)
        return;
    refuse_dead(one, address, pc);
    note_access(one, address, (uint8_t)(((1u << bytes) - 1) << offset),
                (uint8_t)(SLOT_ATOMIC | (write ? SLOT_WRITE : 0)), pc);
}

/** The point before an atomic operation that may write; then its location. */
static location *begin_operation(const void *address, unsigned bytes, bool may_write,
                                 const void *pc)
{
    bool matters = note_use(granule_of(address), address, may_write);
    engine_point(matters && !(engine.options.library_is_atomic && instrumentation_is_library(pc)));
    return location_of(granule_of(address), address, bytes);
}

/* ---- reading and writing ---- */

static bool is_acquire(int order)
{
    return order == ORDER_CONSUME || order == ORDER_ACQUIRE || order >= ORDER_ACQ_REL;
}

static bool is_release(int order)
{
    return order >= ORDER_RELEASE;
}

static void learn_from(const store *read, int order)
{
    engine_thread *self = engine_self();
    if (!read->has_sync)
        return;
    if (is_acquire(order))
        vclock_join(&self->now, &read->sync);
    else
        vclock_join(&self->fence_acquire, &read->sync);
}

/** How many stores back the oldest is that the running thread may still read. */
static unsigned oldest_readable(const location *one)
{
    const vclock *now = &engine_self()->now;
    unsigned kept = one->count < STORES ? one->count : STORES;
    for (unsigned back = 0; back + 1 < kept; back++) {
        const store *read = &one->stores[(one->count - 1 - back) % STORES];
        if (read->thread >= 0 && read->at <= now->at[read->thread])
            return back;
        for (int i = 0; i < MODEL_THREADS; i++)
            if (read->seen[i] <= now->at[i])
                return back;
    }
    return kept - 1;
}

/** The running thread has read it: neither it nor what follows reads an older one. */
static void note_seen(store *read)
{
    int16_t *seen = &read->seen[engine.current];
    if (*seen == SHRT_MAX)
        *seen = engine_self()->now.at[engine.current];
}

static store *choose_store(location *one, int order)
{
    if (engine.options.budgets[BUDGET_STALE] == 0 || engine.quiet)
        return latest_of(one);
    unsigned oldest = oldest_readable(one);
    for (unsigned back = 0; order == ORDER_SEQ_CST && back < oldest; back++)
        if (one->stores[(one->count - 1 - back) % STORES].is_sc)
            oldest = back;
    unsigned back = oldest > 0 ? strategy_choose(oldest + 1, BUDGET_STALE, true) : 0;
    store *read = &one->stores[(one->count - 1 - back) % STORES];
    note_seen(read);
    return read;
}

static void append(location *one, uint64_t value, int order, const store *continued)
{
    engine_thread *self = engine_self();
    store *made = &one->stores[one->count % STORES];
    vclock sync;
    bool has_sync = continued != NULL && continued->has_sync;
    if (has_sync)
        sync = continued->sync;
    else
        memset(&sync, 0, sizeof sync);
    if (is_release(order))
        vclock_join(&sync, &self->now);
    else if (self->has_fence_release)
        vclock_join(&sync, &self->fence_release);
    made->value = value;
    made->sync = sync;
    made->has_sync = has_sync || is_release(order) || self->has_fence_release;
    made->is_sc = order == ORDER_SEQ_CST;
    made->thread = (int8_t)engine.current;
    made->at = self->now.at[engine.current];
    for (int i = 0; i < MODEL_THREADS; i++)
        made->seen[i] = SHRT_MAX;
    one->count++;
    one->version++;
    if (is_release(order))
        self->now.at[engine.current]++;
}

static const char *order_name(int order)
{
    static const char *const names[] = {"rlx", "con", "acq", "rel", "acq_rel", "seq_cst"};
    return order >= 0 && order <= ORDER_SEQ_CST ? names[order] : "?";
}

static void trace(const void *address, const void *pc, const char *what, int order, uint64_t before,
                  const uint64_t *after)
{
    char object[128], change[64] = "";
    if (!engine.tracing)
        return;
    if (after != NULL)
        snprintf(change, sizeof change, " -> %#llx", (unsigned long long)*after);
    report_step(pc, "%s %s of %s: %#llx%s", what, order_name(order),
                report_object(address, object, sizeof object), (unsigned long long)before, change);
}

uint64_t memory_load(const void *address, unsigned bytes, int order, const void *pc)
{
    location *one = begin_operation(address, bytes, false, pc);
    note_atomic(address, bytes, false, pc);
    store *read = choose_store(one, order);
    learn_from(read, order);
    uint32_t back = (one->count - 1) - (uint32_t)((read - one->stores) % STORES);
    engine_event((uintptr_t)address, (uint64_t)one->version << 8 | (back % STORES));
    trace(address, pc, read == latest_of(one) ? "load" : "load of an older value,", order,
          read->value, NULL);
    return read->value;
}

void memory_store(void *address, unsigned bytes, uint64_t value, int order, const void *pc)
{
    location *one = begin_operation(address, bytes, true, pc);
    note_atomic(address, bytes, true, pc);
    uint64_t before = latest_of(one)->value;
    poke(address, bytes, value);
    value = peek(address, bytes);
    append(one, value, order, NULL);
    engine_event((uintptr_t)address, one->version);
    trace(address, pc, "store", order, before, &value);
}

uint64_t memory_modify(void *address, unsigned bytes, uint64_t (*change)(uint64_t, uint64_t),
                       uint64_t operand, int order, const void *pc)
{
    location *one = begin_operation(address, bytes, true, pc);
    note_atomic(address, bytes, true, pc);
    store read = *latest_of(one);
    learn_from(&read, order);
    poke(address, bytes, change(read.value, operand));
    uint64_t after = peek(address, bytes);
    append(one, after, order, &read);
    engine_event((uintptr_t)address, one->version);
    trace(address, pc, "modify", order, read.value, &after);
    return read.value;
}

uint64_t memory_exchange_if(void *address, unsigned bytes, uint64_t expected, uint64_t desired,
                            int order, int failure_order, const void *pc)
{
    location *one = begin_operation(address, bytes, true, pc);
    store read = *latest_of(one);
    if (read.value != expected) {
        note_atomic(address, bytes, false, pc);
        note_seen(latest_of(one));
        learn_from(&read, failure_order);
        engine_event((uintptr_t)address, (uint64_t)one->version << 8 | 0xFF);
        trace(address, pc, "failed compare-exchange", failure_order, read.value, NULL);
        return read.value;
    }
    note_atomic(address, bytes, true, pc);
    learn_from(&read, order);
    poke(address, bytes, desired);
    append(one, peek(address, bytes), order, &read);
    engine_event((uintptr_t)address, one->version);
    trace(address, pc, "compare-exchange", order, read.value, &desired);
    return read.value;
}

bool memory_store_restartable(void *address, unsigned bytes,
                              bool (*change)(uint64_t *value, uint64_t operand), uint64_t operand,
                              const void *pc)
{
    engine_self()->is_restarted = false;
    uint64_t value = memory_load(address, bytes, ORDER_RELAXED, pc);
    if (!change(&value, operand))
        return false;
    location *one = begin_operation(address, bytes, true, pc);
    if (engine_self()->is_restarted || engine_is_spurious()) {
        engine_event((uintptr_t)address, (uint64_t)one->version << 8 | 0xFE);
        report_step(pc, "is restarted");
        return false;
    }
    note_atomic(address, bytes, true, pc);
    uint64_t before = latest_of(one)->value;
    poke(address, bytes, value);
    append(one, value, ORDER_RELEASE, NULL);
    engine_event((uintptr_t)address, one->version);
    trace(address, pc, "restartable store", ORDER_RELEASE, before, &value);
    return true;
}

void memory_fence(int order)
{
    engine_thread *self = engine_self();
    engine_point(order == ORDER_SEQ_CST);
    if (is_acquire(order))
        vclock_join(&self->now, &self->fence_acquire);
    if (order == ORDER_SEQ_CST) {
        vclock_join(&self->now, &engine.fence_sc);
        engine.fence_sc = self->now;
        engine_event((uintptr_t)&engine.fence_sc, engine.events);
    }
    if (is_release(order)) {
        self->fence_release = self->now;
        self->has_fence_release = true;
        self->now.at[engine.current]++;
    }
}
