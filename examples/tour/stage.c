/* SPDX-License-Identifier: MIT */
/** @file
 *  The stage: runs a chapter's program as a process of its own and shows what it writes. */
#define _GNU_SOURCE 1
#include "tour.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RESULT_BYTES = 200, OUTPUT_BYTES = 1 << 16, LIMIT_SECONDS = 120 };

/** What a program says of itself; shared by its process and the tour. */
struct verdict {
    char result[RESULT_BYTES];
    bool failed;
};

static struct verdict *current;
static bool is_fast;
static const char *bold = "", *dim = "", *red = "", *plain = "";

bool tour_stage_open(bool fast, bool colour)
{
    is_fast = fast;
    setvbuf(stdout, NULL, _IOLBF, 0); /* here, so that each program inherits it */
    if (colour) {
        bold = "\033[1m";
        dim = "\033[36m";
        red = "\033[31m";
        plain = "\033[0m";
    }
    current =
        mmap(NULL, sizeof *current, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return current != MAP_FAILED;
}

bool tour_is_fast(void)
{
    return is_fast;
}

double tour_seconds(double seconds)
{
    return is_fast ? seconds / 10 : seconds;
}

double tour_elapsed(thrum_time start)
{
    return (double)(thrum_now() - start) / 1e9;
}

unsigned tour_processors(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count > 0 ? (unsigned)count : 1;
}

void tour_configure_log(void)
{
    thrum_log_config(.level = THRUM_LOG_INFO, .format = "%(asctime)s: %(message)s",
                     .datefmt = "%H:%M:%S");
}

void tour_result(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(current->result, sizeof current->result, format, args);
    va_end(args);
}

void tour_require(bool shown, const char *what)
{
    if (shown)
        return;
    printf("%s    NOT SHOWN: %s%s\n", red, what, plain);
    current->failed = true;
}

long tour_place_of(const tour_run *run, const char *text)
{
    const char *place = strstr(run->output, text);
    return place == NULL ? -1 : place - run->output;
}

bool tour_in_order(const tour_run *run, const char *first, const char *second)
{
    const char *place = strstr(run->output, first);
    return place != NULL && strstr(place + strlen(first), second) != NULL;
}

/** The program's side: write into the pipe, line by line, and end as main would. */
static void run_program(const tour_chapter *chapter, int pipe_end)
{
    static const struct rlimit no_core_file = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core_file);
    alarm(LIMIT_SECONDS);
    dup2(pipe_end, STDOUT_FILENO);
    dup2(pipe_end, STDERR_FILENO);
    close(pipe_end);
    chapter->program();
    exit(current->failed ? EXIT_FAILURE : EXIT_SUCCESS);
}

/** Show what comes, indented, and keep it in `output`. */
static void watch(int pipe_end, char output[OUTPUT_BYTES])
{
    size_t used = 0;
    char block[4096];
    bool line_start = true;
    ssize_t bytes;
    while ((bytes = read(pipe_end, block, sizeof block)) > 0) {
        for (ssize_t i = 0; i < bytes; i++) {
            if (line_start)
                fputs("    ", stdout);
            putchar(block[i]);
            line_start = block[i] == '\n';
            if (used < OUTPUT_BYTES - 1)
                output[used++] = block[i];
        }
        fflush(stdout);
    }
    if (!line_start)
        putchar('\n');
    output[used] = '\0';
}

/** Run the program; false if it could not be run at all. */
static bool play(const tour_chapter *chapter, char output[OUTPUT_BYTES], tour_run *ret_run)
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    thrum_time start = thrum_now();
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        run_program(chapter, ends[1]);
    }
    close(ends[1]);
    if (child > 0)
        watch(ends[0], output);
    close(ends[0]);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return false;
    *ret_run = (tour_run){
        .output = output,
        .exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        .seconds = tour_elapsed(start),
    };
    return true;
}

bool tour_stage_play(const tour_chapter *chapter, char *ret_result, size_t bytes)
{
    static char output[OUTPUT_BYTES];
    *current = (struct verdict){.failed = false};
    printf("%s  %s%s\n", dim, chapter->idea, plain);
    printf("%s  Python: %s   thrum: %s%s\n\n", dim, chapter->python, chapter->thrum, plain);
    tour_run run;
    if (!play(chapter, output, &run)) {
        tour_require(false, "the program could not be run");
    } else if (chapter->check != NULL) {
        chapter->check(&run);
    } else {
        tour_require(run.exit_status == EXIT_SUCCESS, "a program that ends well");
    }
    if (current->result[0] != '\0')
        printf("\n  %s=> %s%s\n", bold, current->result, plain);
    putchar('\n');
    snprintf(ret_result, bytes, "%s", current->result);
    return !current->failed;
}
