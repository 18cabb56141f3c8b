/* SPDX-License-Identifier: MIT */
/** @file
 *  thrum-tour: the programs of the Python tutorials on threads, chapter by chapter, in C. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tour.h"

static const tour_chapter *const chapters[] = {
    &tour_start,
    &tour_daemon,
    &tour_join,
    &tour_hello_before,
    &tour_hello_after,
    &tour_many_threads,
    &tour_executor,
    &tour_map,
    &tour_futures,
    &tour_failing_task,
    &tour_five_sleepers,
    &tour_one_thread,
    &tour_race,
    &tour_not_silly,
    &tour_lock,
    &tour_lock_twice,
    &tour_opposite_order,
    &tour_rlock,
    &tour_waiting_tasks,
    &tour_pipeline_locks,
    &tour_pipeline_condition,
    &tour_pipeline_queue,
    &tour_semaphore,
    &tour_event,
    &tour_barrier,
    &tour_timer,
    &tour_local,
    &tour_once,
    &tour_excepthook,
    &tour_references,
    &tour_cpu_bound,
    &tour_executor_cpu,
    &tour_global_lock,
    &tour_io_bound,
    &tour_executor_io,
    &tour_processes,
    &tour_explorer,
};

enum { CHAPTERS = sizeof chapters / sizeof chapters[0], RESULT_BYTES = 200, USAGE = 2 };

/** What has been played, for the closing table. */
struct record {
    bool chosen;
    bool shown;
    char result[RESULT_BYTES];
};

static const char help[] =
    "Usage: thrum-tour [OPTION]...\n"
    "Run the programs of the Python tutorials on threads, in C, and say what they showed.\n\n"
    "  -l, --list         list the chapters and end\n"
    "  -c, --chapter=N    run chapter N only; may be given several times\n"
    "  -f, --fast         sleep a tenth as long, compute a tenth as much\n"
    "  -h, --help         show this and end\n\n"
    "The exit status is 0 if every chapter showed what it says, 1 if not, 2 for a wrong option.\n";

static bool colour_is_welcome(void)
{
    const char *refused = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && (refused == NULL || refused[0] == '\0');
}

static int list_chapters(void)
{
    for (unsigned i = 0; i < CHAPTERS; i++)
        printf("%2u  %-36s %s\n", i + 1, chapters[i]->title, chapters[i]->python);
    return EXIT_SUCCESS;
}

/** Note a chapter given by number; false if there is none of that number. */
static bool choose(struct record records[CHAPTERS], const char *text)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || number < 1 || number > CHAPTERS) {
        fprintf(stderr, "thrum-tour: there is no chapter '%s'; there are 1 to %d\n", text,
                CHAPTERS);
        return false;
    }
    records[number - 1].chosen = true;
    return true;
}

static void print_title(unsigned index, bool colour)
{
    const char *title = chapters[index]->title;
    printf("%s%u. %s%s\n", colour ? "\033[1;34m" : "", index + 1, title, colour ? "\033[0m" : "");
}

/** Play the chosen chapters; true if all showed what they say. */
static bool play_all(struct record records[CHAPTERS], bool colour)
{
    bool all_shown = true;
    for (unsigned i = 0; i < CHAPTERS; i++) {
        if (!records[i].chosen)
            continue;
        print_title(i, colour);
        records[i].shown = tour_stage_play(chapters[i], records[i].result, RESULT_BYTES);
        all_shown = all_shown && records[i].shown;
    }
    return all_shown;
}

static void print_table(const struct record records[CHAPTERS], bool colour)
{
    unsigned played = 0, shown = 0;
    puts("What was shown and measured\n");
    printf("         %-35s %-29s %s\n", "chapter", "Python", "thrum");
    for (unsigned i = 0; i < CHAPTERS; i++) {
        if (!records[i].chosen)
            continue;
        played++;
        shown += records[i].shown;
        const char *paint = !colour ? "" : records[i].shown ? "\033[32m" : "\033[31m";
        printf("  %s%-3s%s %2u %-35s %-29s %s\n", paint, records[i].shown ? "ok" : "NO",
               colour ? "\033[0m" : "", i + 1, chapters[i]->title, chapters[i]->python,
               chapters[i]->thrum);
        printf("         %s\n", chapters[i]->idea);
        if (records[i].result[0] != '\0')
            printf("         => %s\n", records[i].result);
    }
    printf("\n%u of %u chapters showed what they say.\n", shown, played);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"list", no_argument, NULL, 'l'},
        {"chapter", required_argument, NULL, 'c'},
        {"fast", no_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    static struct record records[CHAPTERS];
    bool fast = false, some_chosen = false;
    for (int option; (option = getopt_long(argc, argv, "lc:fh", options, NULL)) != -1;) {
        if (option == 'l')
            return list_chapters();
        if (option == 'h')
            return fputs(help, stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        if (option == 'f')
            fast = true;
        else if (option == 'c' && choose(records, optarg))
            some_chosen = true;
        else
            return USAGE;
    }
    if (optind < argc) {
        fprintf(stderr, "thrum-tour: what is '%s'? Try --help\n", argv[optind]);
        return USAGE;
    }
    for (unsigned i = 0; !some_chosen && i < CHAPTERS; i++)
        records[i].chosen = true;
    bool colour = colour_is_welcome();
    if (!tour_stage_open(fast, colour)) {
        fputs("thrum-tour: out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    bool all_shown = play_all(records, colour);
    print_table(records, colour);
    return all_shown && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
