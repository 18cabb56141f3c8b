/* SPDX-License-Identifier: MIT */
/** @file
 *  Local.
 *
 *  Purpose     threading.local: one value per thread and variable.
 *  State       Every variable has a number, the key, from its first use on. Every thread that has a
 *              value has a hash map from keys to values (open addressing). All maps are in a list,
 *              which thrum_local_free walks.
 *  Protocol    A thread looks a key up in its own map without a lock. It changes its map under the
 *              map's lock, since thrum_local_free, in another thread, takes entries out under it.
 *              An entry taken out leaves a tombstone, so that look-ups of other keys, which may run
 *              at the same time, still pass over it.
 *  Invariants  Keys are never used again, so an entry that outlives its variable is never mistaken
 *              for another's. An entry remembers `destroy`, so the variable itself may be gone. No
 *              callback runs under a lock. Only its own thread moves the entries of a map.
 *  Lock order  The list's lock, then a map's. Neither with the registry's or park's.
 *  Rejected    pthread keys: a process has 1024 of them. A slot per key in every thread: keys of
 *              variables on the heap would use it up. */
#include "thread/local.h"

#include "park/context.h"
#include "park/rawlock.h"
#include "platform/atomic.h"
#include "platform/memory.h"

#define KEY_NONE UINT64_C(0)
#define KEY_GONE UINT64_MAX
#define CAPACITY_MIN 8
#define ROUNDS_MAX 4
#define TAKEN_AT_ONCE 64

/** Card of `key`: KEY_NONE, then a key, then KEY_GONE. Written under the map's lock; to anything
 *  but KEY_GONE only by the map's own thread, which alone reads it without the lock. */
typedef struct local_entry {
    uint64_t key;
    void *value;
    void (*destroy)(void *value);
} local_entry;

typedef struct local_map {
    th_rawlock lock;
    struct local_map *next, *previous; /**< under the list's lock */
    local_entry *entries;              /**< written by the map's own thread, under the lock */
    size_t capacity;                   /**< 0 or a power of 2; written likewise */
    size_t used;                       /**< entries that are not KEY_NONE; written likewise */
} local_map;

static uint64_t keys_given; /**< Card: the last key given; only grows */
static th_rawlock list_lock;
static local_map *first_map;
static __thread local_map *own_map __attribute__((tls_model("initial-exec")));

/* ---- one map ---- */

static size_t home_of(uint64_t key, size_t capacity)
{
    return (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (capacity - 1);
}

/** The entry of `key`, or NULL. By the map's own thread, or under its lock. */
static local_entry *find(const local_map *map, uint64_t key)
{
    if (map->capacity == 0)
        return NULL;
    for (size_t i = home_of(key, map->capacity);; i = (i + 1) & (map->capacity - 1)) {
        /* relaxed: of another thread's writes only KEY_GONE over other keys can be met */
        uint64_t found = th_load_rlx(&map->entries[i].key);
        if (found == key)
            return &map->entries[i];
        if (found == KEY_NONE)
            return NULL;
    }
}

static bool is_live(const local_entry *entry)
{
    uint64_t key = th_load_rlx(&entry->key); /* relaxed: under the map's lock */
    return key != KEY_NONE && key != KEY_GONE;
}

/** Under the lock: put an entry where there is room. */
static void place(local_map *map, local_entry entry)
{
    size_t i = home_of(entry.key, map->capacity);
    while (th_load_rlx(&map->entries[i].key) != KEY_NONE) /* relaxed: under the lock */
        i = (i + 1) & (map->capacity - 1);
    map->entries[i].value = entry.value;
    map->entries[i].destroy = entry.destroy;
    th_store_rlx(&map->entries[i].key, entry.key); /* relaxed: read by this thread and under lock */
    map->used++;
}

static size_t count_live(const local_map *map)
{
    size_t live = 0;
    for (size_t i = 0; i < map->capacity; i++)
        live += is_live(&map->entries[i]);
    return live;
}

/** Under the lock: make room for one more, dropping tombstones. Returns the old entries for the
 *  caller to free outside the lock; `*ret_grown` false: no memory, nothing has changed. */
static local_entry *grow(local_map *map, bool *ret_grown)
{
    size_t capacity = CAPACITY_MIN;
    while (capacity < count_live(map) * 2 + 2)
        capacity *= 2;
    local_entry *entries = th_alloc(capacity * sizeof *entries);
    *ret_grown = entries != NULL;
    if (entries == NULL)
        return NULL;
    local_map before = *map;
    map->entries = entries;
    map->capacity = capacity;
    map->used = 0;
    for (size_t i = 0; i < before.capacity; i++)
        if (is_live(&before.entries[i]))
            place(map, before.entries[i]);
    return before.entries;
}

/** Add an entry that is not there yet; false: no memory. */
static bool add(local_map *map, local_entry entry)
{
    local_entry *old_entries = NULL;
    bool has_room = true;
    th_rawlock_acquire(&map->lock);
    if ((map->used + 1) * 4 > map->capacity * 3)
        old_entries = grow(map, &has_room);
    if (has_room)
        place(map, entry);
    th_rawlock_release(&map->lock);
    th_free(old_entries);
    return has_room;
}

/** Take an entry out under the lock; its value is the caller's. */
static void *take(local_entry *entry)
{
    void *value = entry->value;
    entry->value = NULL;
    th_store_rlx(&entry->key, KEY_GONE); /* relaxed: read by its thread and under the lock */
    return value;
}

/* ---- the calling thread's map ---- */

static local_map *make_map(void)
{
    th_self(); /* a foreign thread is bound, so that its end is noticed */
    local_map *map = th_alloc(sizeof *map);
    if (map == NULL)
        return NULL;
    th_rawlock_acquire(&list_lock);
    map->next = first_map;
    if (first_map != NULL)
        first_map->previous = map;
    first_map = map;
    th_rawlock_release(&list_lock);
    own_map = map;
    return map;
}

void th_locals_abandon(void)
{
    local_map *map = own_map;
    if (map == NULL)
        return;
    own_map = NULL;
    th_rawlock_acquire(&list_lock);
    if (map->previous != NULL)
        map->previous->next = map->next;
    else
        first_map = map->next;
    if (map->next != NULL)
        map->next->previous = map->previous;
    th_rawlock_release(&list_lock);
    th_free(map->entries);
    th_free(map);
}

/** Destroy some value of the map, searching from `*cursor` on; false: there is none. */
static bool destroy_one(local_map *map, size_t *cursor)
{
    local_entry taken = {.key = KEY_NONE};
    th_rawlock_acquire(&map->lock);
    for (size_t seen = 0; seen < map->capacity && taken.key == KEY_NONE; seen++) {
        local_entry *entry = &map->entries[(*cursor)++ & (map->capacity - 1)];
        if (!is_live(entry))
            continue;
        taken = *entry;
        take(entry);
    }
    th_rawlock_release(&map->lock);
    if (taken.key != KEY_NONE && taken.destroy != NULL)
        taken.destroy(taken.value);
    return taken.key != KEY_NONE;
}

static size_t count_own(void)
{
    if (own_map == NULL)
        return 0;
    th_rawlock_acquire(&own_map->lock);
    size_t live = count_live(own_map);
    th_rawlock_release(&own_map->lock);
    return live;
}

void th_locals_end(void)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        size_t cursor = 0;
        for (size_t left = count_own(); left > 0; left--)
            if (!destroy_one(own_map, &cursor))
                break;
    }
    th_locals_abandon();
}

/* ---- the public face ---- */

static uint64_t key_of(thrum_local *local)
{
    uint64_t key = th_load_rlx(&local->key); /* relaxed: a number */
    if (key != KEY_NONE)
        return key;
    uint64_t fresh = th_add_rlx(&keys_given, 1) + 1; /* relaxed: the numbers need only differ */
    /* relaxed: all that is needed is one winner */
    return th_cas_rlx(&local->key, &key, fresh) ? fresh : key;
}

/** Replace the value of an entry, or take the entry out; returns the value before. */
static void *replace(local_map *map, local_entry *entry, void *value)
{
    th_rawlock_acquire(&map->lock);
    void *before = value != NULL ? entry->value : take(entry);
    if (value != NULL)
        entry->value = value;
    th_rawlock_release(&map->lock);
    return before;
}

int thrum_local_set(thrum_local *local, void *value)
{
    if (local == NULL)
        return THRUM_EINVAL;
    th_self(); /* an abandoned thread stops here */
    uint64_t key = key_of(local);
    local_entry *entry = own_map != NULL ? find(own_map, key) : NULL;
    if (entry == NULL) {
        if (value == NULL)
            return 0;
        local_map *map = own_map != NULL ? own_map : make_map();
        local_entry added = {.key = key, .value = value, .destroy = local->destroy};
        return map != NULL && add(map, added) ? 0 : THRUM_ENOMEM;
    }
    if (entry->value == value)
        return 0; /* still owned: to destroy it would leave the local with a dead value */
    void (*destroy)(void *) = entry->destroy;
    void *before = replace(own_map, entry, value);
    if (destroy != NULL)
        destroy(before);
    return 0;
}

static __attribute__((noinline)) void *create_value(thrum_local *local)
{
    th_self(); /* an abandoned thread stops here */
    void *value = local->create != NULL ? local->create() : NULL;
    if (value == NULL || thrum_local_set(local, value) == 0)
        return value;
    if (local->destroy != NULL)
        local->destroy(value);
    return NULL;
}

void *thrum_local_get(thrum_local *local)
{
    if (local == NULL)
        return NULL;
    th_self();                               /* an abandoned thread stops here */
    uint64_t key = th_load_rlx(&local->key); /* relaxed: a number */
    const local_entry *entry = key != KEY_NONE && own_map != NULL ? find(own_map, key) : NULL;
    return entry != NULL ? entry->value : create_value(local);
}

/** Values of one variable, taken out of the maps. */
typedef struct taken_values {
    void (*destroy[TAKEN_AT_ONCE])(void *);
    void *value[TAKEN_AT_ONCE];
    size_t count;
} taken_values;

static void take_values(uint64_t key, taken_values *taken)
{
    taken->count = 0;
    th_rawlock_acquire(&list_lock);
    for (local_map *map = first_map; map != NULL && taken->count < TAKEN_AT_ONCE; map = map->next) {
        th_rawlock_acquire(&map->lock);
        local_entry *entry = find(map, key);
        if (entry != NULL) {
            taken->destroy[taken->count] = entry->destroy;
            taken->value[taken->count++] = take(entry);
        }
        th_rawlock_release(&map->lock);
    }
    th_rawlock_release(&list_lock);
}

void thrum_local_free(thrum_local *local)
{
    if (local == NULL)
        return;
    th_self();                               /* an abandoned thread stops here */
    uint64_t key = th_load_rlx(&local->key); /* relaxed: nobody else uses the local */
    th_store_rlx(&local->key, KEY_NONE);     /* relaxed: likewise */
    taken_values taken = {.count = key != KEY_NONE ? TAKEN_AT_ONCE : 0};
    while (taken.count == TAKEN_AT_ONCE) {
        take_values(key, &taken);
        for (size_t i = 0; i < taken.count; i++)
            if (taken.destroy[i] != NULL)
                taken.destroy[i](taken.value[i]);
    }
}

/* ---- fork ---- */

void th_locals_before_fork(void)
{
    th_rawlock_acquire(&list_lock);
}

void th_locals_after_fork_parent(void)
{
    th_rawlock_release(&list_lock);
}

/** A vanished thread may have been changing its map: its entries are freed, not looked at. */
void th_locals_after_fork_child(void)
{
    for (local_map *map = first_map, *next; map != NULL; map = next) {
        next = map->next;
        if (map == own_map)
            continue;
        th_free(map->entries);
        th_free(map);
    }
    first_map = own_map;
    if (own_map != NULL)
        own_map->next = own_map->previous = NULL;
    list_lock = (th_rawlock){0};
}
