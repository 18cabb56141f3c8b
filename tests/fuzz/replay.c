/* SPDX-License-Identifier: MIT */
/** @file
 *  thrum-fuzz-replay: run inputs of thrum-fuzz, or random ones, without libFuzzer. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "input.h"
#include "record.h"

#define PATH_BYTES 4096
#define RANDOM_SHORTEST 16

typedef struct options {
    bool print, quiet, keeps_going, twice;
    uint64_t random, seed;
    const char *out;
} options;

static const char usage[] =
    "usage: thrum-fuzz-replay [OPTIONS] [FILE | FOLDER]...\n"
    "\n"
    "Run the inputs in the files, and in all files of the folders.\n"
    "\n"
    "  --print      print each input's program instead of running it\n"
    "  --random N   run N random inputs\n"
    "  --seed S     of the random inputs (default 1); the same seed makes the same inputs\n"
    "  --out FILE   where a random input that fails is written (default fuzz-failure)\n"
    "  --twice      run each input twice, and fail if the executions differ\n"
    "  --keep-going do not end at the first failure\n"
    "  --quiet      of failures only their names\n"
    "  --help       this page\n"
    "\n"
    "The status is 0 if all inputs are legal, 1 if one is not, 2 if the command is wrong.\n";

static _Noreturn void wrong(const char *what, const char *which)
{
    fprintf(stderr, "thrum-fuzz-replay: %s: %s\n\n%s", what, which, usage);
    exit(2);
}

static uint64_t number_of(const char *text)
{
    char *end;
    uint64_t number = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || *text == '-')
        wrong("not a number", text);
    return number;
}

static options read_options(int argc, char **argv)
{
    enum { PRINT = 256, RANDOM, SEED, OUT, TWICE, KEEP_GOING, QUIET, HELP };
    static const struct option known[] = {
        {"print", 0, NULL, PRINT}, {"random", 1, NULL, RANDOM}, {"seed", 1, NULL, SEED},
        {"out", 1, NULL, OUT},     {"twice", 0, NULL, TWICE},   {"keep-going", 0, NULL, KEEP_GOING},
        {"quiet", 0, NULL, QUIET}, {"help", 0, NULL, HELP},     {NULL, 0, NULL, 0}};
    options read = {.seed = 1, .out = "fuzz-failure"};
    for (int which; (which = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
        switch (which) {
        case PRINT: read.print = true; break;
        case RANDOM: read.random = number_of(optarg); break;
        case SEED: read.seed = number_of(optarg); break;
        case OUT: read.out = optarg; break;
        case TWICE: read.twice = true; break;
        case KEEP_GOING: read.keeps_going = true; break;
        case QUIET: read.quiet = true; break;
        case 'h':
        case HELP: fputs(usage, stdout); exit(0);
        default: fputs(usage, stderr); exit(2);
        }
    }
    if (read.random == 0 && optind == argc)
        wrong("nothing to run", "name files or folders, or give --random");
    return read;
}

/* ---- running ---- */

typedef struct tally {
    uint64_t run, failed;
} tally;

/** Run one input, or print it; false: it is the last. */
static bool run(const options *how, const char *name, const uint8_t *data, size_t bytes,
                tally *so_far)
{
    if (how->print) {
        printf("/* %s, %zu bytes */\n", name, bytes);
        input_print(data, bytes, stdout);
        return true;
    }
    so_far->run++;
    bool legal = input_run(data, bytes, how->quiet);
    uint64_t first = input_fingerprint();
    bool same = !legal || !how->twice ||
                (input_run(data, bytes, how->quiet) && input_fingerprint() == first);
    if (legal && same)
        return true;
    so_far->failed++;
    printf("%s %s\n", same ? "FAILED" : "ANOTHER EXECUTION", name);
    fflush(stdout);
    return how->keeps_going;
}

static bool run_file(const options *how, const char *path, tally *so_far)
{
    uint8_t data[INPUT_BYTES];
    size_t bytes;
    if (!input_read(path, data, &bytes))
        wrong("cannot be read", path);
    return run(how, path, data, bytes, so_far);
}

static bool run_path(const options *how, const char *path, tally *so_far)
{
    struct dirent **entries;
    int count = input_list(path, &entries);
    if (count < 0)
        return run_file(how, path, so_far);
    bool more = true;
    for (int i = 0; i < count; i++) {
        char name[PATH_BYTES];
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        more = more && run_file(how, name, so_far);
        free(entries[i]);
    }
    free(entries);
    return more;
}

/* ---- random inputs ---- */

static uint64_t next_random(uint64_t *state)
{
    uint64_t mixed = *state += UINT64_C(0x9E3779B97F4A7C15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ mixed >> 31;
}

static void write_out(const options *how, const uint8_t *data, size_t bytes)
{
    FILE *file = fopen(how->out, "wb");
    if (file == NULL || fwrite(data, 1, bytes, file) != bytes || fclose(file) != 0)
        wrong("cannot be written", how->out);
}

static void run_random(const options *how, tally *so_far)
{
    for (uint64_t i = 0; i < how->random; i++) {
        uint64_t state = how->seed * UINT64_C(1000000007) + i;
        uint8_t data[INPUT_BYTES];
        char name[64];
        size_t bytes =
            RANDOM_SHORTEST + (size_t)(next_random(&state) % (INPUT_BYTES / 2 - RANDOM_SHORTEST));
        for (size_t j = 0; j < bytes; j++)
            data[j] = (uint8_t)next_random(&state);
        /* few objects: then threads meet at them */
        data[2] = (uint8_t)(next_random(&state) % (1 + next_random(&state) % PROGRAM_OBJECTS));
        snprintf(name, sizeof name, "random input %" PRIu64 " of seed %" PRIu64, i, how->seed);
        uint64_t failed = so_far->failed;
        bool more = run(how, name, data, bytes, so_far);
        if (so_far->failed > failed)
            write_out(how, data, bytes);
        if (!more)
            return;
    }
}

static double seconds_now(void)
{
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return (double)moment.tv_sec + (double)moment.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    options how = read_options(argc, argv);
    tally so_far = {0, 0};
    double began = seconds_now();
    bool more = true;
    for (int i = optind; i < argc && more; i++)
        more = run_path(&how, argv[i], &so_far);
    if (more)
        run_random(&how, &so_far);
    if (how.print)
        return 0;
    double seconds = seconds_now() - began;
    printf("%" PRIu64 " inputs in %.2f s (%.0f a second), %" PRIu64 " failed, %lu undecided\n",
           so_far.run, seconds, (double)so_far.run / seconds, so_far.failed, record_undecided());
    return so_far.failed > 0;
}
