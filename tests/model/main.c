/* SPDX-License-Identifier: MIT */
/** @file
 *  thrum-model: search the models, and say how far. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models.h"

#define NAME_BYTES 128

typedef struct options {
    bool list, long_form, table, quiet;
    int strategy; /**< -1: the model's own, exhaustive */
    int preemptions;
    double seconds;
    uint64_t executions, seed;
    const char *replay;
    char **names;
    int name_count;
} options;

static const char usage[] =
    "usage: thrum-model [OPTIONS] [NAME...]\n"
    "\n"
    "Explore the models called NAME, or whose name begins with NAME; all if none is given.\n"
    "\n"
    "  --list             the models, and what they show\n"
    "  --short, --long    how far: the bounds that CI goes to (default), or the wider ones\n"
    "  --preemptions N    another bound\n"
    "  --strategy NAME    exhaustive (default), pct, random\n"
    "  --seconds S        at most so long for each model\n"
    "  --executions N     at most so many for each model\n"
    "  --seed N           of pct and random\n"
    "  --replay SCHEDULE  run one schedule of one model, and print its steps\n"
    "  --table            print the results as a table for docs/internals/models.md\n"
    "  --quiet            only failures and the last line\n"
    "  --help             this page\n"
    "\n"
    "The status is 0 if all models are clean, 1 if one is not, 2 if the command is wrong.\n";

static _Noreturn void wrong(const char *what, const char *which)
{
    fprintf(stderr, "thrum-model: %s: %s\n\n%s", what, which, usage);
    exit(2);
}

static double number_of(const char *text)
{
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || !(number >= 0))
        wrong("not a number", text);
    return number;
}

static int strategy_of(const char *text)
{
    if (strcmp(text, "exhaustive") == 0)
        return THRUM_CHECK_EXHAUSTIVE;
    if (strcmp(text, "pct") == 0)
        return THRUM_CHECK_PCT;
    if (strcmp(text, "random") == 0)
        return THRUM_CHECK_RANDOM;
    wrong("no such strategy", text);
}

static options read_options(int argc, char **argv)
{
    enum {
        LIST = 256,
        SHORT,
        LONG,
        PREEMPTIONS,
        STRATEGY,
        SECONDS,
        EXECUTIONS,
        SEED,
        REPLAY,
        TABLE,
        QUIET,
        HELP
    };
    static const struct option known[] = {{"list", 0, NULL, LIST},
                                          {"short", 0, NULL, SHORT},
                                          {"long", 0, NULL, LONG},
                                          {"preemptions", 1, NULL, PREEMPTIONS},
                                          {"strategy", 1, NULL, STRATEGY},
                                          {"seconds", 1, NULL, SECONDS},
                                          {"executions", 1, NULL, EXECUTIONS},
                                          {"seed", 1, NULL, SEED},
                                          {"replay", 1, NULL, REPLAY},
                                          {"table", 0, NULL, TABLE},
                                          {"quiet", 0, NULL, QUIET},
                                          {"help", 0, NULL, HELP},
                                          {NULL, 0, NULL, 0}};
    options read = {
        .strategy = -1, .preemptions = -1, .seconds = 1e9, .executions = UINT64_MAX, .seed = 1};
    for (int which; (which = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
        switch (which) {
        case LIST: read.list = true; break;
        case SHORT: read.long_form = false; break;
        case LONG: read.long_form = true; break;
        case PREEMPTIONS: read.preemptions = (int)number_of(optarg); break;
        case STRATEGY: read.strategy = strategy_of(optarg); break;
        case SECONDS: read.seconds = number_of(optarg); break;
        case EXECUTIONS: read.executions = (uint64_t)number_of(optarg); break;
        case SEED: read.seed = (uint64_t)number_of(optarg); break;
        case REPLAY: read.replay = optarg; break;
        case TABLE: read.table = true; break;
        case QUIET: read.quiet = true; break;
        case 'h':
        case HELP: fputs(usage, stdout); exit(0);
        default: fputs(usage, stderr); exit(2);
        }
    }
    read.names = argv + optind;
    read.name_count = argc - optind;
    return read;
}

static bool is_wanted(const options *read, const char *name)
{
    for (int i = 0; i < read->name_count; i++)
        if (strncmp(name, read->names[i], strlen(read->names[i])) == 0)
            return true;
    return read->name_count == 0;
}

static const char *name_of(const model *one, char text[NAME_BYTES])
{
    snprintf(text, NAME_BYTES, "%s.%s", one->noun, one->behaviour);
    return text;
}

static const char *extent(const search *wanted, const search_result *result, char *text,
                          size_t bytes)
{
    if (wanted->strategy != THRUM_CHECK_EXHAUSTIVE)
        snprintf(text, bytes, "at random");
    else if (result->exhausted)
        snprintf(text, bytes, "all, bound %u", wanted->preemptions_max);
    else
        snprintf(text, bytes, "cut, bound %u", wanted->preemptions_max);
    return text;
}

/** Whether the search looked at nothing: of what it ran, all was discarded. */
static bool saw_nothing(const search *wanted, const search_result *result)
{
    return wanted->replay == NULL && result->seen == 0;
}

static bool is_as_expected(const model *one, const search *wanted, const search_result *result)
{
    return result->found.verdict == one->expects &&
           saw_nothing(wanted, result) == one->sees_nothing;
}

static void say_result(const options *read, const model *one, const search *wanted,
                       const search_result *result)
{
    const char *name = wanted->name;
    char how_far[32];
    bool clean = is_as_expected(one, wanted, result);
    bool is_specimen = one->expects != THRUM_CHECK_NOTHING || one->sees_nothing;
    double rate = result->seconds > 0 ? (double)result->executions / result->seconds : 0;
    extent(wanted, result, how_far, sizeof how_far);
    if (read->table)
        printf("| %s | %s | %u | %s | %" PRIu64 " | %.2f | %s |\n", name, one->what,
               models_threads(one), how_far, result->executions, result->seconds,
               clean ? is_specimen ? "found" : "clean" : "RED");
    else if (!read->quiet || !clean)
        printf("%-44s %u threads  %-14s %9" PRIu64 " executions  %7.2f s  %6.0f k/s  %s\n", name,
               models_threads(one), how_far, result->executions, result->seconds, rate / 1000,
               clean ? is_specimen ? "found" : "clean" : "RED");
    if (!clean && saw_nothing(wanted, result))
        printf("    nothing was looked at: all executions were discarded\n");
    else if (!clean)
        printf("    to see it again: thrum-model --replay '%s' %s\n", result->schedule, name);
    fflush(stdout);
}

typedef struct totals {
    unsigned passed, failed;
    uint64_t executions;
    double seconds;
} totals;

/** Search one model. */
static void run(const options *read, model *one, totals *all)
{
    char name[NAME_BYTES];
    search wanted;
    search_result result;
    models_prepare(one, read->long_form, &wanted);
    wanted.name = name_of(one, name);
    if (read->strategy >= 0)
        wanted.strategy = (enum thrum_check_strategy)read->strategy;
    if (read->preemptions >= 0)
        wanted.preemptions_max = (unsigned)read->preemptions;
    if (read->strategy > THRUM_CHECK_EXHAUSTIVE && read->seconds > 1e8)
        wanted.seconds_max = 1;
    else
        wanted.seconds_max = read->seconds;
    wanted.executions_max = read->executions;
    wanted.seed = read->seed;
    wanted.replay = read->replay;
    wanted.quiet = one->expects != THRUM_CHECK_NOTHING && read->replay == NULL;
    if (!strategy_search(&wanted, &result))
        wrong("not a schedule", read->replay);
    say_result(read, one, &wanted, &result);
    if (is_as_expected(one, &wanted, &result))
        all->passed++;
    else
        all->failed++;
    all->executions += result.executions;
    all->seconds += result.seconds;
}

int main(int argc, char **argv)
{
    options read = read_options(argc, argv);
    totals all = {.passed = 0};
    if (read.table)
        printf("| model | shows | threads | schedules | executions | s | verdict |\n"
               "|---|---|---|---|---|---|---|\n");
    for (model *one = models_all(); one != NULL; one = one->next) {
        char name[NAME_BYTES];
        if (!is_wanted(&read, name_of(one, name)))
            continue;
        if (read.list)
            printf("%-44s %s\n", name, one->what);
        else
            run(&read, one, &all);
    }
    if (read.list)
        return 0;
    if (all.passed + all.failed == 0)
        wrong("no such model", read.name_count > 0 ? read.names[0] : "none is built in");
    if (read.table)
        printf("\n%u models, %" PRIu64 " executions, %.0f s.\n", all.passed + all.failed,
               all.executions, all.seconds);
    else
        printf("%u passed, %u failed\n", all.passed, all.failed);
    return all.failed > 0;
}
