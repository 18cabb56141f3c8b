/* SPDX-License-Identifier: MIT */
/** @file
 *  The chapter on the explorer: the race of the database is not waited for, but searched. The tests
 *  are programs of their own, beside the tour, since the explorer takes the place of thrum in
 *  them. */
#define _GNU_SOURCE 1
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tour.h"

extern char **environ;

static const char not_here[] = "not in this build: THRUM_BUILD_CHECK is off";

/** The program `name` beside the tour's own; false if there is none. */
static bool find_beside(const char *name, char *ret_path, size_t bytes)
{
    ssize_t length = readlink("/proc/self/exe", ret_path, bytes);
    if (length < 0 || (size_t)length == bytes)
        return false;
    ret_path[length] = '\0';
    char *slash = strrchr(ret_path, '/');
    size_t room = slash == NULL ? 0 : bytes - (size_t)(slash + 1 - ret_path);
    int written = slash == NULL ? -1 : snprintf(slash + 1, room, "%s", name);
    return written >= 0 && (size_t)written < room && access(ret_path, X_OK) == 0;
}

/** Run the program `name` beside the tour's own; true if it ends well. */
static bool run_beside(const char *name)
{
    char path[4096];
    if (!find_beside(name, path, sizeof path))
        return false;
    char *arguments[] = {path, NULL};
    pid_t child;
    int status;
    fflush(stdout);
    return posix_spawn(&child, path, NULL, NULL, arguments, environ) == 0 &&
           waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void explorer(void)
{
    char path[4096];
    if (!find_beside("check_race", path, sizeof path)) {
        puts(not_here);
        return;
    }
    unsetenv("THRUM_SCHEDULE"); /* it would be of one test, and there are three */
    tour_require(run_beside("check_race"), "a data race that is found");
    tour_require(run_beside("check_lost_update"), "a lost update that is found");
    tour_require(run_beside("check_lock"), "a lock under which all is well");
}

/** The number that follows `text` in the output; 0 if there is none. */
static unsigned long number_after(const tour_run *run, const char *text)
{
    const char *place = strstr(run->output, text);
    return place == NULL ? 0 : strtoul(place + strlen(text), NULL, 10);
}

static void check_explorer(const tour_run *run)
{
    if (tour_place_of(run, not_here) >= 0) {
        tour_result("%s", not_here);
        return;
    }
    unsigned long race = number_after(run, "a data race; schedules run: ");
    unsigned long lost = number_after(run, "a lost update; schedules run: ");
    unsigned long locked = number_after(run, "No: all ");
    tour_require(run->exit_status == EXIT_SUCCESS, "three tests that end well");
    tour_require(race > 0 && lost > 0 && locked > 0, "how many schedules there were");
    tour_result("the explorer finds the race in %lu schedule%s, the lost update in %lu; all %lu "
                "with the lock are well",
                race, race == 1 ? "" : "s", lost, locked);
}

const tour_chapter tour_explorer = {
    .title = "The explorer finds the race",
    .idea =
        "Not run and hope: a test runs under all schedules, and the shortest that fails is shown.",
    .python = "(none)",
    .thrum = "thrum_check",
    .program = explorer,
    .check = check_explorer,
};
