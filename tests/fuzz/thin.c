/* SPDX-License-Identifier: MIT */
/** @file
 *  Thin.
 *
 *  Purpose     Keep a corpus small: libFuzzer keeps whatever reaches anything new, which are
 *              thousands of inputs, most of them for one more order of two steps.
 *  Protocol    Note for each input which counters it moves; again and again take the input that
 *              adds most to what those taken move, the shorter of two. */
#include "thin.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "record.h"

#define PATH_BYTES 4096
#define WORD_BITS 64
#define WORDS (RECORD_COUNTERS / WORD_BITS)

typedef struct candidate {
    char *name;
    size_t bytes;
    uint64_t moves[WORDS];
    bool taken; /**< or not to be taken */
} candidate;

/** What cannot be read, or fails, is not taken. */
static void try_out(candidate *one, const char *folder, uint8_t *counters)
{
    char path[PATH_BYTES];
    uint8_t data[INPUT_BYTES];
    snprintf(path, sizeof path, "%s/%s", folder, one->name);
    memset(counters, 0, RECORD_COUNTERS);
    one->taken = !input_read(path, data, &one->bytes) || !input_run(data, one->bytes, true);
    for (size_t i = 0; i < RECORD_COUNTERS; i++)
        if (counters[i] != 0)
            one->moves[i / WORD_BITS] |= UINT64_C(1) << i % WORD_BITS;
}

static unsigned adds(const candidate *one, const uint64_t *moved)
{
    unsigned count = 0;
    for (size_t i = 0; i < WORDS; i++)
        count += (unsigned)__builtin_popcountll(one->moves[i] & ~moved[i]);
    return count;
}

/** The one that adds most, or NULL if none adds anything. */
static candidate *best_of(candidate *all, unsigned count, const uint64_t *moved)
{
    candidate *best = NULL;
    unsigned most = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned more = all[i].taken ? 0 : adds(&all[i], moved);
        if (more > most || (best != NULL && more == most && all[i].bytes < best->bytes)) {
            best = &all[i];
            most = more;
        }
    }
    return best;
}

static void take_best(candidate *all, unsigned count, unsigned wanted)
{
    uint64_t moved[WORDS] = {0};
    candidate *best;
    while (wanted-- > 0 && (best = best_of(all, count, moved)) != NULL) {
        best->taken = true;
        printf("%s\n", best->name);
        for (size_t i = 0; i < WORDS; i++)
            moved[i] |= best->moves[i];
    }
}

int thin_folder(unsigned wanted, const char *folder, uint8_t *counters)
{
    struct dirent **entries;
    int count = input_list(folder, &entries);
    candidate *all = count > 0 ? calloc((size_t)count, sizeof *all) : NULL;
    if (all == NULL) {
        perror(folder);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        all[i].name = entries[i]->d_name;
        try_out(&all[i], folder, counters);
    }
    take_best(all, (unsigned)count, wanted);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    free(all);
    return 0;
}
