/* SPDX-License-Identifier: MIT */
/** @file
 *  Input.
 *
 *  Purpose     An input from its file to a model, of which one execution is run.
 *  State       The program, outside of the world that is set back. */
#include "input.h"

#include <stdlib.h>

#include "calls.h"
#include "models.h"
#include "program.h"
#include "record.h"

STATE static program present;

static model model_of(const program *what)
{
    model made = {.noun = "fuzz",
                  .behaviour = "input",
                  .setup = calls_setup,
                  .finish = calls_finish,
                  .may_deadlock = true,
                  .stale_reads = what->stale_reads,
                  .spurious = what->spurious,
                  .ticks = what->ticks};
    for (unsigned i = 0; i < what->threads; i++)
        made.threads[i] = calls_thread;
    return made;
}

bool input_read(const char *path, uint8_t data[INPUT_BYTES], size_t *ret_bytes)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    *ret_bytes = fread(data, 1, INPUT_BYTES, file);
    fclose(file);
    return true;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int input_list(const char *folder, struct dirent ***ret_entries)
{
    return scandir(folder, ret_entries, is_visible, alphasort);
}

bool input_run(const uint8_t *data, size_t bytes, bool quiet)
{
    STATE static model running;
    STATE static search_result result;
    search wanted;
    if (!record_open()) {
        perror("thrum-fuzz: no memory for the record");
        exit(2);
    }
    program_decode(data, bytes < INPUT_BYTES ? bytes : INPUT_BYTES, &present);
    record_use(&present);
    running = model_of(&present);
    models_prepare(&running, false, &wanted);
    wanted.name = "fuzz.input";
    wanted.bytes = present.schedule;
    wanted.bytes_count = present.schedule_bytes;
    wanted.quiet = quiet;
    strategy_search(&wanted, &result);
    bool legal = result.found.verdict == THRUM_CHECK_NOTHING;
    if (!legal && !quiet) {
        fprintf(stderr, "\nthe program:\n\n");
        program_print(&present, stderr);
        if (result.found.verdict == THRUM_CHECK_HISTORY)
            fprintf(stderr, "\nthe history:\n\n%s", record_history());
    }
    return legal;
}

uint64_t input_fingerprint(void)
{
    return engine.trace_hash ^ engine.steps;
}

void input_print(const uint8_t *data, size_t bytes, FILE *to)
{
    static program shown;
    program_decode(data, bytes < INPUT_BYTES ? bytes : INPUT_BYTES, &shown);
    program_print(&shown, to);
}
