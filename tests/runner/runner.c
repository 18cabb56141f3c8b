// SPDX-License-Identifier: MIT
/** @file
 *  Purpose. Collect the cases of an executable, hand those selected to Check, and surround each
 *  with the counting of threads, descriptors and memory.
 *
 *  Each case becomes a Check TCase of its own, because Check keeps the time limit there. All share
 *  one function, run_case, which gets the index of the case as Check's loop variable. */
#define _GNU_SOURCE 1
#include "internal.h"

#include <check.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CASES_MAX 1024
#define SETUPS_MAX 16
#define FDS_MAX 1024
#define GRACE_S 2

typedef struct options {
    const char *filter;
    bool list;
    bool no_fork;
    bool verbose;
    bool hidden;
} options;

runner_allowance runner_allowed = {.wait_s = TEST_WAIT_DEFAULT};

static test_case *first_case;
static test_case **last_case = &first_case;
static void (*setups[SETUPS_MAX])(void);
static size_t setup_count;
static const test_case *selected[CASES_MAX];
static int selected_count;
static bool forks = true;

void test_register(test_case *one)
{
    *last_case = one;
    last_case = &one->next;
}

void test_register_setup(void (*setup)(void))
{
    if (setup_count == SETUPS_MAX)
        abort();
    setups[setup_count++] = setup;
}

void test_allow_threads(int count)
{
    runner_allowed.threads = count;
}

void test_allow_descriptors(int count)
{
    runner_allowed.descriptors = count;
}

void test_allow_allocations(int count)
{
    runner_allowed.allocations = count;
}

void test_limit_waits(int seconds)
{
    runner_allowed.wait_s = seconds;
}

int runner_wait_limit_s(void)
{
    return runner_allowed.wait_s * test_time_factor();
}

int test_time_factor(void)
{
    int factor = TEST_UNDER_ASAN || TEST_UNDER_TSAN ? 4 : 1;
    const char *text = getenv("THRUM_TEST_TIME_FACTOR");
    if (text != NULL && atoi(text) > 0)
        factor = atoi(text);
    return factor < 1000 ? factor : 1000;
}

/* Call `see` with each number that names an entry of a directory under /proc. */
static int count_entries(const char *path, void (*see)(int number, void *arg), void *arg)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        FAIL("%s: %s", path, strerror(errno));
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        int number = atoi(entry->d_name);
        if (!isdigit((unsigned char)entry->d_name[0]) || number == dirfd(dir))
            continue;
        count++;
        if (see != NULL)
            see(number, arg);
    }
    closedir(dir);
    return count;
}

int test_count_threads(void)
{
    return count_entries("/proc/self/task", NULL, NULL);
}

int test_count_descriptors(void)
{
    return count_entries("/proc/self/fd", NULL, NULL);
}

/* What a case must leave as it found it. */
typedef struct baseline {
    int threads;
    int descriptors;
    bool open[FDS_MAX];
} baseline;

static void note_open(int fd, void *arg)
{
    baseline *base = arg;
    if (fd < FDS_MAX)
        base->open[fd] = true;
}

static void *do_nothing(void *arg)
{
    return arg;
}

/* ThreadSanitizer starts a thread of its own along with the first of the process; let it do so
 * before anything is counted. */
static void settle_sanitizer(void)
{
    pthread_t handle;
    if ((TEST_UNDER_ASAN || TEST_UNDER_TSAN) &&
        runner_thread_create(&handle, do_nothing, NULL) == 0)
        pthread_join(handle, NULL);
}

static void take_baseline(baseline *base)
{
    memset(base, 0, sizeof *base);
    base->threads = test_count_threads();
    base->descriptors = count_entries("/proc/self/fd", note_open, base);
    runner_memory_start();
}

/* A thread that was joined, or that ends on its own, may take a moment to leave /proc. */
static void check_threads(const baseline *base, const test_case *one)
{
    const int most = base->threads + runner_allowed.threads;
    const int64_t end = test_now_ns() + (int64_t)GRACE_S * test_time_factor() * 1000000000;
    int count = test_count_threads();
    for (; count > most && test_now_ns() < end; count = test_count_threads())
        runner_pause_us(200);
    if (count > most)
        test_fail(one->file, one->line, "%d threads leaked", count - base->threads);
}

static void check_descriptors(const baseline *base, const test_case *one)
{
    if (test_count_descriptors() <= base->descriptors + runner_allowed.descriptors)
        return;
    baseline now = {0};
    now.descriptors = count_entries("/proc/self/fd", note_open, &now);
    char text[1024];
    size_t used = (size_t)snprintf(text, sizeof text, "%d descriptors leaked",
                                   now.descriptors - base->descriptors);
    for (int fd = 0; fd < FDS_MAX && used < sizeof text; fd++) {
        if (!now.open[fd] || base->open[fd])
            continue;
        char path[64];
        char target[200];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(path, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        used += (size_t)snprintf(text + used, sizeof text - used, "\n  %d: %s", fd, target);
    }
    test_fail(one->file, one->line, "%s", text);
}

static void check_memory(const test_case *one)
{
    if (test_live_allocations() <= runner_allowed.allocations)
        return;
    char text[2048];
    runner_memory_describe(text, sizeof text);
    test_fail(one->file, one->line, "%s", text);
}

static void run_setups(void)
{
    static bool done;
    if (done)
        return;
    done = true;
    for (size_t at = 0; at < setup_count; at++)
        setups[at]();
}

static void run_case(int index)
{
    const test_case *one = selected[index];
    const bool must_end = one->signo != 0 || one->exits;
    baseline base;

    tcase_fn_start(one->behaviour, one->file, one->line);
    runner_set_mode(!forks ? RUNNER_ABORT : must_end ? RUNNER_DIRECT : RUNNER_REPORT);
    runner_allowed = (runner_allowance){.wait_s = TEST_WAIT_DEFAULT};
    run_setups();
    settle_sanitizer();
    take_baseline(&base);
    one->body();
    test_fail_allocation(0);
    test_fail_thread_creation(0);
    if (must_end)
        test_fail(one->file, one->line, "the case returned, and should have ended the process");
    check_threads(&base, one);
    check_descriptors(&base, one);
    check_memory(one);
}

static const char *full_name(const test_case *one)
{
    static char name[256];
    snprintf(name, sizeof name, "%s, %s", one->noun, one->behaviour);
    return name;
}

static bool is_selected(const test_case *one, const options *opts)
{
    if (one->hidden != opts->hidden)
        return false;
    if (opts->no_fork && (one->signo != 0 || one->exits))
        return false;
    return opts->filter == NULL || strstr(full_name(one), opts->filter) != NULL;
}

static int select_cases(const options *opts)
{
    selected_count = 0;
    for (const test_case *one = first_case; one != NULL; one = one->next) {
        if (!is_selected(one, opts))
            continue;
        if (selected_count == CASES_MAX) {
            fprintf(stderr, "more than %d cases\n", CASES_MAX);
            return 2;
        }
        selected[selected_count++] = one;
    }
    if (selected_count > 0)
        return 0;
    fprintf(stderr, "no case is selected\n");
    return 2;
}

static int parse(int argc, char **argv, options *ret_opts)
{
    options opts = {0};
    for (int at = 1; at < argc; at++) {
        if (strcmp(argv[at], "--list") == 0) {
            opts.list = true;
        } else if (strcmp(argv[at], "--no-fork") == 0) {
            opts.no_fork = true;
        } else if (strcmp(argv[at], "--verbose") == 0) {
            opts.verbose = true;
        } else if (strcmp(argv[at], "--hidden") == 0) {
            opts.hidden = true;
        } else if (strcmp(argv[at], "--filter") == 0 && at + 1 < argc) {
            opts.filter = argv[++at];
        } else {
            fprintf(stderr, "usage: %s [--list] [--filter SUBSTR] [--no-fork] [--verbose]\n",
                    argv[0]);
            return 2;
        }
    }
    *ret_opts = opts;
    return 0;
}

static void list_cases(void)
{
    for (int at = 0; at < selected_count; at++)
        printf("%s\n", full_name(selected[at]));
}

static Suite *build_suite(const char *name)
{
    static TTest entries[CASES_MAX];
    Suite *suite = suite_create(name);
    for (int at = 0; at < selected_count; at++) {
        const test_case *one = selected[at];
        entries[at] = (TTest){one->behaviour, run_case, one->file, one->line};
        TCase *tcase = tcase_create(one->noun);
        tcase_set_timeout(tcase, one->limit_s * test_time_factor());
        _tcase_add_test(tcase, &entries[at], one->signo, (signed char)one->code, at, at + 1);
        suite_add_tcase(suite, tcase);
    }
    return suite;
}

static int run_cases(const char *name, const options *opts)
{
    const int64_t start = test_now_ns();
    forks = !opts->no_fork;
    SRunner *runner = srunner_create(build_suite(name));
    srunner_set_fork_status(runner, forks ? CK_FORK : CK_NOFORK);
    srunner_run_all(runner, opts->verbose ? CK_VERBOSE : CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    const int run = srunner_ntests_run(runner);
    srunner_free(runner);
    printf("%s: %d cases, %d failed, %.2f s\n", name, run, failed,
           (double)(test_now_ns() - start) / 1e9);
    fflush(stdout);
    return failed == 0 && run == selected_count ? 0 : 1;
}

int test_main(int argc, char **argv)
{
    options opts;
    int error = parse(argc, argv, &opts);
    if (error == 0)
        error = select_cases(&opts);
    if (error != 0)
        return error;
    if (opts.list) {
        list_cases();
        return 0;
    }
    const char *slash = strrchr(argv[0], '/');
    return run_cases(slash != NULL ? slash + 1 : argv[0], &opts);
}
