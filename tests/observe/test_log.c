/* SPDX-License-Identifier: MIT */
/** @file
 *  Log: what is written, where, by whom, and what cannot harm it. */
#include "thrum/log.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "runner.h"
#include "thrum/thread.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define TEXT_BYTES (1 << 16)

/* ---- a file to log to ---- */

static char log_path[64];

/** A name for a file that does not exist yet. */
static void make_path(char path[64])
{
    strcpy(path, "/tmp/thrum-test-XXXXXX");
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    close(fd);
    unlink(path);
}

/** All of a file, as a string to be freed; removes the file. */
static char *take_file(const char *path, size_t *ret_bytes)
{
    struct stat status;
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0);
    CHECK_EQ(fstat(fd, &status), 0);
    char *text = malloc((size_t)status.st_size + 1);
    CHECK(text != NULL);
    CHECK_EQ(read(fd, text, (size_t)status.st_size), status.st_size);
    text[status.st_size] = '\0';
    if (ret_bytes != NULL)
        *ret_bytes = (size_t)status.st_size;
    close(fd);
    unlink(path);
    return text;
}

/** Log to a file in `format`, at every level. */
static void start_log(const char *format)
{
    make_path(log_path);
    CHECK_STATUS(thrum_log_config(.level = 1, .format = format, .filename = log_path), 0);
}

/** What was logged since start_log, to be freed; goes back to the defaults. */
static char *end_log(void)
{
    CHECK_STATUS(thrum_log_config(), 0);
    return take_file(log_path, NULL);
}

static void check_log(const char *wanted)
{
    char *text = end_log();
    CHECK_STR(text, wanted);
    free(text);
}

/** Call `each` for every line of `text`, which is taken apart; returns how many there were. */
static size_t for_each_line(char *text, void (*each)(char *line, void *arg), void *arg)
{
    size_t count = 0;
    while (*text != '\0') {
        char *end = strchr(text, '\n');
        CHECK(end != NULL);
        *end = '\0';
        each(text, arg);
        count++;
        text = end + 1;
    }
    return count;
}

/* ---- defaults and levels ---- */

static void log_by_default(void *arg)
{
    (void)arg;
    thrum_debug("unseen");
    thrum_info("unseen");
    thrum_warning("disk %d%% full", 93);
    thrum_log_error("no %s", "disk");
    thrum_critical("gone");
}

TEST(log, defaults_are_pythons)
{
    char text[256];
    CHECK_EXITED(test_capture_stderr(log_by_default, NULL, text, sizeof text), 0);
    CHECK_STR(text, "WARNING:root:disk 93% full\nERROR:root:no disk\nCRITICAL:root:gone\n");
}

static void log_by_an_empty_config(void *arg)
{
    CHECK_STATUS(arg == NULL ? thrum_log_config() : thrum_log_config_with(NULL), 0);
    log_by_default(NULL);
}

TEST(log, an_empty_config_is_the_default)
{
    char text[256], same[256];
    CHECK_EXITED(test_capture_stderr(log_by_an_empty_config, NULL, text, sizeof text), 0);
    CHECK_STR(text, "WARNING:root:disk 93% full\nERROR:root:no disk\nCRITICAL:root:gone\n");
    CHECK_EXITED(test_capture_stderr(log_by_an_empty_config, same, same, sizeof same), 0);
    CHECK_STR(same, text);
}

TEST(log, every_macro_has_its_level)
{
    start_log("%(levelno)d %(levelname)s %(message)s");
    thrum_log_debug("a");
    thrum_log_info("%s", "b");
    thrum_log_warning("c");
    thrum_log_error("d");
    thrum_log_critical("e");
    thrum_debug("A");
    thrum_info("B");
    thrum_warning("C");
    thrum_critical("E");
    thrum_log(25, "between %d and %d", 20, 30);
    check_log("10 DEBUG a\n20 INFO b\n30 WARNING c\n40 ERROR d\n50 CRITICAL e\n"
              "10 DEBUG A\n20 INFO B\n30 WARNING C\n50 CRITICAL E\n"
              "25 Level 25 between 20 and 30\n");
}

static int evaluated;

static int evaluate(void)
{
    return ++evaluated;
}

TEST(log, arguments_are_evaluated_once_or_not_at_all)
{
    start_log("%(message)s");
    CHECK_STATUS(thrum_log_config(.level = THRUM_LOG_ERROR, .filename = log_path), 0);
    thrum_debug("%d", evaluate());
    thrum_info("%d", evaluate());
    thrum_warning("%d", evaluate());
    thrum_log(39, "%d", evaluate());
    CHECK_EQ(evaluated, 0);
    thrum_log_error("%d", evaluate());
    CHECK_EQ(evaluated, 1);
    int level = 40;
    thrum_log(level++, "%d", evaluate());
    CHECK_EQ(level, 41);
    CHECK_EQ(evaluated, 2);
    check_log("ERROR:root:1\nERROR:root:2\n");
}

TEST(log, the_macros_are_expressions)
{
    start_log("%(message)s");
    bool bad = true;
    bad ? thrum_warning("bad") : thrum_info("good");
    if (!bad)
        thrum_log(THRUM_LOG_INFO, "good");
    else
        thrum_log(THRUM_LOG_INFO, "bad");
    check_log("bad\nbad\n");
}

TEST(log, enabled_follows_the_configuration)
{
    CHECK(!thrum_log_enabled(29) && thrum_log_enabled(30) && thrum_log_enabled(31));
    CHECK_STATUS(thrum_log_config(.level = THRUM_LOG_DEBUG), 0);
    CHECK(!thrum_log_enabled(9) && thrum_log_enabled(10));
    CHECK_STATUS(thrum_log_config(.level = 1000), 0);
    CHECK(!thrum_log_enabled(THRUM_LOG_CRITICAL) && thrum_log_enabled(1000));
    CHECK_STATUS(thrum_log_config(), 0);
    CHECK(!thrum_log_enabled(THRUM_LOG_INFO) && thrum_log_enabled(THRUM_LOG_WARNING));
}

/* ---- fields that only a real message has ---- */

TEST(log, says_where_the_message_is)
{
    start_log("%(pathname)s|%(filename)s|%(module)s|%(funcName)s|%(lineno)d");
    char wanted[256];
    thrum_info("here");
    snprintf(wanted, sizeof wanted, "%s|test_log.c|test_log|%s|%d\n", __FILE__, __func__,
             __LINE__ - 2);
    check_log(wanted);
}

TEST(log, says_who_it_is_from)
{
    start_log("%(threadName)s|%(thread)d|%(process)d|%(processName)s|%(name)s");
    char wanted[256];
    thrum_info("me");
    snprintf(wanted, sizeof wanted, "MainThread|%llu|%d|MainProcess|root\n",
             (unsigned long long)thrum_get_ident(), (int)getpid());
    check_log(wanted);
}

static void *say_hello(void *arg)
{
    thrum_info("hello");
    return arg;
}

TEST(log, threads_are_named)
{
    start_log("%(threadName)s: %(message)s");
    thrum_thread *thread = thrum_spawn(say_hello, NULL, .name = "reader");
    CHECK(thread != NULL);
    CHECK_STATUS(thrum_thread_join(thread), 0);
    thrum_thread_free(thread);
    check_log("reader: hello\n");
}

TEST(log, threads_of_others_are_dummies)
{
    start_log("%(threadName)s: %(message)s");
    test_thread foreign;
    for (int i = 0; i < 2; i++) {
        test_spawn(&foreign, say_hello, NULL);
        test_join(&foreign);
    }
    char *text = end_log();
    int first, second;
    CHECK_EQ(sscanf(text, "Dummy-%d: hello Dummy-%d: hello", &first, &second), 2);
    CHECK_EQ(second, first + 1);
    free(text);
}

static double wall_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

TEST(log, the_time_is_taken_once)
{
    start_log("%(created)f %(msecs)d %(relativeCreated)f");
    double before = wall_clock();
    for (int i = 0; i < 100; i++)
        thrum_info("now");
    double after = wall_clock();
    char *text = end_log();
    char *line = text;
    double last_relative = 0;
    for (int i = 0; i < 100; i++) {
        double created, relative;
        int ms, bytes;
        CHECK_EQ(sscanf(line, "%lf %d %lf\n%n", &created, &ms, &relative, &bytes), 3);
        CHECK(created >= before - 1e-6 && created <= after + 1e-6);
        double fraction = (created - (double)(long)created) * 1000 - ms;
        CHECK(fraction > -0.01 && fraction < 1.01);
        CHECK(relative >= last_relative && relative < 1000.0 * 3600);
        last_relative = relative;
        line += bytes;
    }
    CHECK_STR(line, "");
    free(text);
}

/* ---- configuration ---- */

TEST(log, the_newest_configuration_wins_as_a_whole)
{
    char first[64], second[64];
    make_path(first);
    make_path(second);
    CHECK_STATUS(thrum_log_config(.level = 10, .format = "1 %(message)s", .filename = first), 0);
    thrum_debug("one");
    CHECK_STATUS(thrum_log_config(.filename = second), 0);
    thrum_debug("unseen");
    thrum_warning("two");
    CHECK_STATUS(thrum_log_config(), 0);
    char *text = take_file(first, NULL);
    CHECK_STR(text, "1 one\n");
    free(text);
    text = take_file(second, NULL);
    CHECK_STR(text, "WARNING:root:two\n");
    free(text);
}

TEST(log, a_stream_stays_the_callers)
{
    FILE *stream = tmpfile();
    CHECK(stream != NULL);
    CHECK_STATUS(thrum_log_config(.stream = stream, .format = "%(message)s"), 0);
    thrum_warning("one");
    CHECK_STATUS(thrum_log_config(), 0);
    CHECK(fputs("two\n", stream) >= 0);
    rewind(stream);
    char text[64] = "";
    CHECK_EQ(fread(text, 1, sizeof text - 1, stream), 8);
    CHECK_STR(text, "one\ntwo\n");
    fclose(stream);
}

TEST(log, a_stream_knows_where_it_is)
{
    FILE *stream = tmpfile();
    CHECK(stream != NULL);
    CHECK_EQ(ftell(stream), 0);
    CHECK(fputs("first\n", stream) >= 0);
    CHECK_EQ(fseek(stream, 0, SEEK_END), 0);
    CHECK_STATUS(thrum_log_config(.stream = stream, .format = "%(message)s"), 0);
    thrum_warning("second");
    CHECK_EQ(ftell(stream), 13);
    CHECK(fputs("third\n", stream) >= 0);
    thrum_warning("fourth");
    CHECK_EQ(ftell(stream), 26);
    CHECK_STATUS(thrum_log_config(), 0);
    rewind(stream);
    char text[64] = "";
    CHECK_EQ(fread(text, 1, sizeof text - 1, stream), 26);
    CHECK_STR(text, "first\nsecond\nthird\nfourth\n");
    fclose(stream);
}

TEST(log, a_stream_may_be_memory)
{
    char text[64];
    FILE *stream = fmemopen(text, sizeof text, "w");
    CHECK(stream != NULL);
    CHECK_STATUS(thrum_log_config(.stream = stream, .format = "%(message)s"), 0);
    thrum_warning("at once");
    CHECK_STR(text, "at once\n");
    CHECK_STATUS(thrum_log_config(), 0);
    fclose(stream);
}

TEST(log, each_line_is_flushed)
{
    char path[64];
    make_path(path);
    FILE *stream = fopen(path, "w");
    CHECK(stream != NULL);
    CHECK_STATUS(thrum_log_config(.stream = stream, .format = "%(message)s"), 0);
    thrum_warning("at once");
    char *text = take_file(path, NULL);
    CHECK_STR(text, "at once\n");
    free(text);
    CHECK_STATUS(thrum_log_config(), 0);
    fclose(stream);
}

/** Write `text` through the log to `path`, opened by `mode`. */
static int log_by_mode(const char *path, const char *mode, const char *text)
{
    int status = thrum_log_config(.filename = path, .filemode = mode, .format = "%(message)s");
    if (status == 0)
        thrum_warning("%s", text);
    CHECK_STATUS(thrum_log_config(), 0);
    return status;
}

TEST(log, file_modes_are_pythons)
{
    char path[64];
    make_path(path);
    CHECK_STATUS(log_by_mode(path, "w", "lost"), 0);
    CHECK_STATUS(log_by_mode(path, "w", "1"), 0);
    CHECK_STATUS(log_by_mode(path, NULL, "2"), 0);
    CHECK_STATUS(log_by_mode(path, "a", "3"), 0);
    CHECK_STATUS(log_by_mode(path, "at", "4"), 0);
    CHECK_STATUS(log_by_mode(path, "ab+", "5"), 0);
    CHECK_STATUS(log_by_mode(path, "x", "6"), THRUM_EINVAL);
    CHECK_EQ(errno, EEXIST);
    static const char *const wrong[] = {"", "r", "q", "aw", "a,ccs=UTF-8"};
    for (size_t i = 0; i < LENGTH(wrong); i++)
        CHECK_STATUS(log_by_mode(path, wrong[i], "6"), THRUM_EINVAL);
    char *text = take_file(path, NULL);
    CHECK_STR(text, "1\n2\n3\n4\n5\n");
    free(text);
    CHECK_STATUS(log_by_mode(path, "x", "new"), 0);
    text = take_file(path, NULL);
    CHECK_STR(text, "new\n");
    free(text);
}

TEST(log, its_file_is_closed_on_exec)
{
    start_log("%(message)s");
    bool found = false;
    for (int fd = 3; fd < 64; fd++) {
        char name[64], target[128] = "";
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        if (readlink(name, target, sizeof target - 1) < 0 || strcmp(target, log_path) != 0)
            continue;
        found = true;
        CHECK_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    }
    CHECK(found);
    check_log("");
}

TEST(log, a_refused_configuration_changes_nothing)
{
    char other[64];
    make_path(other);
    start_log("old %(message)s");
    CHECK_STATUS(thrum_log_config(.level = -1, .filename = other), THRUM_EINVAL);
    CHECK_STATUS(thrum_log_config(.format = "%(nosuch)s", .filename = other), THRUM_EINVAL);
    CHECK_STATUS(thrum_log_config(.format = "no field", .filename = other), THRUM_EINVAL);
    CHECK_STATUS(thrum_log_config(.format = "%(message)s", .filename = other, .filemode = "r"),
                 THRUM_EINVAL);
    CHECK_STATUS(thrum_log_config(.filename = other, .stream = stderr), THRUM_EINVAL);
    CHECK_STATUS(thrum_log_config(.filemode = "a"), THRUM_EINVAL);
    CHECK_STATUS(thrum_log_config_with(&(thrum_log_options){.size = 0}), THRUM_EINVAL);
    CHECK_EQ(access(other, F_OK), -1);
    thrum_debug("still");
    check_log("old still\n");
}

TEST(log, a_file_that_cannot_be_opened_is_refused)
{
    static const struct {
        const char *path;
        int error;
    } wrong[] = {{"/", EISDIR}, {"", ENOENT}, {"/nosuch/file", ENOENT}, {"/dev/null/x", ENOTDIR}};
    start_log("%(message)s");
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        errno = 0;
        CHECK_STATUS(thrum_log_config(.format = "%(name)s", .filename = wrong[i].path),
                     THRUM_EINVAL);
        CHECK_EQ(errno, wrong[i].error);
    }
    thrum_info("still");
    check_log("still\n");
}

TEST(log, options_of_older_programs_are_understood)
{
    struct {
        size_t size;
        int level;
    } old = {sizeof old, THRUM_LOG_ERROR};
    CHECK_STATUS(thrum_log_config_with((const thrum_log_options *)(const void *)&old), 0);
    CHECK(!thrum_log_enabled(39) && thrum_log_enabled(40));
    CHECK_STATUS(thrum_log_config(), 0);
}

TEST(log, configuring_survives_every_allocation_failing)
{
    start_log("old %(message)s");
    char other[64];
    make_path(other);
    TEST_SWEEP_ALLOCATIONS
    {
        int status = thrum_log_config(.level = 1, .format = "new %(message)s", .datefmt = "%H",
                                      .filename = other);
        bool failed = test_failures_injected() > 0;
        test_fail_allocation(0);
        CHECK_STATUS(status, failed ? THRUM_ENOMEM : 0);
        thrum_debug("line");
        char *text = take_file(failed ? log_path : other, NULL);
        CHECK_STR(text, failed ? "old line\n" : "new line\n");
        free(text);
        CHECK_STATUS(
            thrum_log_config(.level = 1, .format = "old %(message)s", .filename = log_path), 0);
    }
    check_log("");
}

/* ---- messages ---- */

TEST(log, keeps_errno)
{
    start_log("%(asctime)s %(message)s");
    errno = ENOTTY;
    thrum_info("fine");
    CHECK_EQ(errno, ENOTTY);
    CHECK_STATUS(thrum_log_config(.filename = "/dev/full"), 0);
    CHECK_EQ(errno, ENOTTY);
    thrum_warning("lost");
    CHECK_EQ(errno, ENOTTY);
    free(end_log());
}

TEST(log, shows_errno)
{
    start_log("%(message)s");
    const char *volatile shows_errno = "%m%s"; /* no ISO C, and not to be checked */
    errno = ENOENT;
    thrum_log_write(THRUM_LOG_INFO, __FILE__, __LINE__, __func__, shows_errno, "");
    char wanted[128];
    snprintf(wanted, sizeof wanted, "%s\n", strerror(ENOENT));
    check_log(wanted);
}

TEST(log, long_lines_are_whole)
{
    start_log("<%(message)s>");
    const int longest = 200000;
    for (int width = 1; width <= longest; width = width * 3 + 1)
        thrum_info("%*s", width, "x");
    char *text = end_log(), *at = text;
    for (int width = 1; width <= longest; width = width * 3 + 1) {
        CHECK_EQ(*at++, '<');
        CHECK_EQ(strspn(at, " "), width - 1);
        at += width - 1;
        CHECK_EQ(strncmp(at, "x>\n", 3), 0);
        at += 3;
    }
    CHECK_STR(at, "");
    free(text);
}

static void expect_whole_or_marked(char *line, void *arg)
{
    size_t bytes = strlen(line);
    (void)arg;
    CHECK(strncmp(line, "MainThread ", 11) == 0);
    bool whole = bytes == 11 + 3000 + 3;
    CHECK(whole != (strstr(line, "[truncated]") != NULL));
}

TEST(log, no_line_is_lost_when_allocations_fail)
{
    start_log("%(threadName)s %(message)s %(name)2.2s");
    size_t logged = 0;
    TEST_SWEEP_ALLOCATIONS
    {
        thrum_info("%3000d", 1); /* needs memory for the message, and for the line, twice */
        logged++;
    }
    CHECK_GE(logged, 3);
    char *text = end_log();
    CHECK_EQ(for_each_line(text, expect_whole_or_marked, NULL), logged);
    free(text);
}

TEST(log, a_message_that_cannot_be_formatted_is_shown_raw)
{
    start_log("%(message)s");
    static const wchar_t impossible[] = {0x7FFFFFF0, 0};
    thrum_info("wide %ls", impossible);
    const char *volatile nothing = NULL;
    thrum_log_write(THRUM_LOG_INFO, NULL, 0, NULL, nothing, "");
    check_log("wide %ls [cannot be formatted]\n [cannot be formatted]\n");
}

TEST(log, unknown_places_are_called_so)
{
    start_log("%(pathname)s %(funcName)s %(message)s");
    thrum_log_write(THRUM_LOG_INFO, NULL, 0, NULL, "x");
    check_log("(unknown file) (unknown function) x\n");
}

/* ---- many threads ---- */

enum { WRITERS = 8, LINES = 1000 };

typedef struct writer {
    test_thread thread;
    char letter;
    int lines;
} writer;

/** How long line `i` is: most are short, some longer than every buffer on the way. */
static int length_of(int i)
{
    return i % 97 == 0 ? 9000 : i % 11 == 0 ? 700 : i % 60 + 1;
}

static void *write_lines(void *arg)
{
    writer *me = arg;
    char text[9001];
    memset(text, me->letter, sizeof text);
    for (int i = 0; i < me->lines; i++)
        thrum_info("%c %d %.*s", me->letter, i, length_of(i), text);
    return NULL;
}

static void start_writers(writer writers[WRITERS], int lines)
{
    for (int i = 0; i < WRITERS; i++) {
        writers[i].letter = (char)('a' + i);
        writers[i].lines = lines;
        test_spawn(&writers[i].thread, write_lines, &writers[i]);
    }
}

static void join_writers(writer writers[WRITERS])
{
    for (int i = 0; i < WRITERS; i++)
        test_join(&writers[i].thread);
}

/** A line of a writer, after the prefix: checks that it is whole, and the writer's next. */
static void expect_next_line(char *line, void *arg)
{
    int *next = arg;
    char letter;
    int number, start;
    CHECK_EQ(sscanf(line, "%c %d %n", &letter, &number, &start), 2);
    CHECK(letter >= 'a' && letter < 'a' + WRITERS);
    CHECK_EQ(number, next[letter - 'a']);
    next[letter - 'a']++;
    const char run[] = {letter, '\0'};
    CHECK_EQ(strlen(line + start), length_of(number));
    CHECK_EQ(strspn(line + start, run), length_of(number));
}

TEST_LIMIT(log, lines_of_many_threads_never_mix, 60)
{
    static writer writers[WRITERS];
    int next[WRITERS] = {0};
    start_log("%(message)s");
    start_writers(writers, LINES);
    join_writers(writers);
    char *text = end_log();
    CHECK_EQ(for_each_line(text, expect_next_line, next), WRITERS * LINES);
    free(text);
}

TEST_LIMIT(log, lines_of_many_threads_never_mix_on_a_buffered_stream, 60)
{
    static writer writers[WRITERS];
    int next[WRITERS] = {0};
    char path[64];
    make_path(path);
    FILE *stream = fopen(path, "w");
    CHECK(stream != NULL);
    CHECK_STATUS(thrum_log_config(.level = 1, .format = "%(message)s", .stream = stream), 0);
    start_writers(writers, LINES);
    join_writers(writers);
    CHECK_STATUS(thrum_log_config(), 0);
    fclose(stream);
    char *text = take_file(path, NULL);
    CHECK_EQ(for_each_line(text, expect_next_line, next), WRITERS * LINES);
    free(text);
}

/** What is expected of a file that one of two configurations wrote. */
typedef struct half {
    const char *prefix;
    size_t lines;
} half;

static void expect_prefix(char *line, void *arg)
{
    half *file = arg;
    CHECK_EQ(strncmp(line, file->prefix, strlen(file->prefix)), 0);
    file->lines++;
}

TEST_LIMIT(log, may_be_configured_while_others_log, 60)
{
    static writer writers[WRITERS];
    char even[64], odd[64];
    make_path(even);
    make_path(odd);
    CHECK_STATUS(thrum_log_config(.level = 1, .format = "even %(message)s", .filename = even), 0);
    start_writers(writers, LINES);
    FILE *stream = NULL;
    for (int i = 1; i < 300; i++) {
        if (i % 2 == 0) {
            CHECK_STATUS(
                thrum_log_config(.level = 1, .format = "even %(message)s", .filename = even), 0);
            fclose(stream); /* nobody uses it any more */
        } else {
            stream = fopen(odd, "a");
            CHECK(stream != NULL);
            CHECK_STATUS(thrum_log_config(.level = 1, .stream = stream,
                                          .format = "odd %(asctime)s %(message)s"),
                         0);
        }
    }
    join_writers(writers);
    CHECK_STATUS(thrum_log_config(), 0);
    fclose(stream);
    half halves[] = {{"even ", 0}, {"odd ", 0}};
    char *text = take_file(even, NULL);
    for_each_line(text, expect_prefix, &halves[0]);
    free(text);
    text = take_file(odd, NULL);
    for_each_line(text, expect_prefix, &halves[1]);
    free(text);
    CHECK_EQ(halves[0].lines + halves[1].lines, WRITERS * LINES);
}

/* ---- fork ---- */

/** End a child whose parent has threads: a sanitizer would look for them at an ordinary exit. */
static void end_child(void)
{
    kill(getpid(), SIGKILL);
}

static void log_in_child(void *arg)
{
    thrum_info("child %d", *(const int *)arg);
    int status =
        thrum_log_config(.level = 1, .format = "configured %(message)s", .filename = log_path);
    CHECK_STATUS(status, 0);
    thrum_info("child %d", *(const int *)arg);
    end_child();
}

/** What is expected of a file that writers and children wrote. */
typedef struct family {
    int next[WRITERS];
    int children, configured;
} family;

static void expect_family(char *line, void *arg)
{
    family *all = arg;
    int number;
    if (sscanf(line, "child %d", &number) == 1)
        CHECK_EQ(number, all->children++);
    else if (sscanf(line, "configured child %d", &number) == 1)
        CHECK_EQ(number, all->configured++);
    else
        expect_next_line(line, all->next);
}

TEST_LIMIT(log, a_fork_while_others_log_leaves_a_usable_log, 60)
{
    enum { CHILDREN = 50 };
    static writer writers[WRITERS];
    start_log("%(message)s");
    start_writers(writers, LINES);
    for (int i = 0; i < CHILDREN; i++)
        CHECK_DIED(test_run_child(log_in_child, &i), SIGKILL);
    join_writers(writers);
    family all = {.children = 0};
    char *text = end_log();
    CHECK_EQ(for_each_line(text, expect_family, &all), WRITERS * LINES + 2 * CHILDREN);
    CHECK_EQ(all.children, CHILDREN);
    CHECK_EQ(all.configured, CHILDREN);
    free(text);
}

static void log_dates_in_child(void *arg)
{
    (void)arg;
    thrum_info("child");
    end_child();
}

/** Dates are made all the time, so that a fork would meet the time zone's lock held. */
TEST_LIMIT(log, a_fork_while_others_make_dates_leaves_a_usable_log, 60)
{
    static writer writers[WRITERS];
    CHECK_STATUS(thrum_log_config(.level = 1, .format = "%(asctime)s", .filename = "/dev/null"), 0);
    start_writers(writers, LINES);
    for (int i = 0; i < 50; i++)
        CHECK_DIED(test_run_child(log_dates_in_child, NULL), SIGKILL);
    join_writers(writers);
    CHECK_STATUS(thrum_log_config(), 0);
}

/* ---- what cannot harm it ---- */

TEST(log, a_full_disk_is_survived)
{
    CHECK_STATUS(thrum_log_config(.filename = "/dev/full"), 0);
    for (int i = 0; i < 1000; i++)
        thrum_warning("lost %100d", i);
    FILE *stream = fopen("/dev/full", "w");
    CHECK(stream != NULL);
    CHECK_STATUS(thrum_log_config(.stream = stream), 0);
    for (int i = 0; i < 1000; i++)
        thrum_warning("lost %100d", i);
    start_log("%(message)s");
    thrum_info("found");
    check_log("found\n");
    fclose(stream);
}

/** A stream into a pipe; the other end is returned. */
static int make_pipe(FILE **ret_stream)
{
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    *ret_stream = fdopen(ends[1], "w");
    CHECK(*ret_stream != NULL);
    setvbuf(*ret_stream, NULL, _IONBF, 0);
    return ends[0];
}

static bool sigpipe_is_pending(void)
{
    sigset_t pending;
    CHECK_EQ(sigpending(&pending), 0);
    return sigismember(&pending, SIGPIPE) == 1;
}

TEST(log, a_reader_that_left_is_survived)
{
    FILE *stream;
    close(make_pipe(&stream));
    signal(SIGPIPE, SIG_DFL);
    CHECK_STATUS(thrum_log_config(.stream = stream), 0);
    thrum_warning("lost");
    thrum_warning("lost");
    sigset_t pipe_only, before, after;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &pipe_only, &before), 0);
    CHECK_EQ(sigismember(&before, SIGPIPE), 0);
    thrum_warning("lost");
    CHECK(!sigpipe_is_pending());
    raise(SIGPIPE);
    thrum_warning("lost");
    CHECK(sigpipe_is_pending()); /* the program's own */
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &after), 0);
    CHECK_EQ(sigismember(&after, SIGPIPE), 1);
    CHECK_STATUS(thrum_log_config(), 0);
    fclose(stream);
}

static void log_to_no_stderr(void *arg)
{
    (void)arg;
    close(STDERR_FILENO);
    thrum_warning("lost");
    thrum_warning("lost");
    _exit(3);
}

static void log_more_than_a_file_may_hold(void *arg)
{
    const struct rlimit limit = {1000, RLIM_INFINITY};
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, SIG_DFL);
    CHECK_STATUS(thrum_log_config(.filename = arg, .format = "%(message)s"), 0);
    for (int i = 0; i < 3; i++)
        thrum_warning("%999d", i);
    _exit(3);
}

TEST(log, a_file_too_large_is_survived)
{
    char path[64];
    make_path(path);
    CHECK_EXITED(test_run_child(log_more_than_a_file_may_hold, path), 3);
    size_t bytes;
    free(take_file(path, &bytes));
    CHECK_EQ(bytes, 1000);
}

TEST(log, a_closed_stderr_is_survived)
{
    CHECK_EXITED(test_run_child(log_to_no_stderr, NULL), 3);
}

typedef struct slow_reader {
    test_thread thread;
    FILE *stream;
} slow_reader;

static void *log_a_long_line(void *arg)
{
    (void)arg;
    thrum_warning("%*s", 1 << 20, "end");
    return NULL;
}

static int handled;

static void count_signal(int signo)
{
    (void)signo;
    __atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED);
}

static bool many_are_handled(void *arg)
{
    (void)arg;
    return __atomic_load_n(&handled, __ATOMIC_RELAXED) >= 10;
}

/** A megabyte into a pipe that is not read before signals have struck the writer. */
static void log_through_signals(int buffering)
{
    FILE *stream;
    int reader = make_pipe(&stream);
    if (buffering == _IOFBF) {
        int fd = dup(fileno(stream));
        fclose(stream);
        stream = fdopen(fd, "w");
        CHECK(stream != NULL);
    }
    CHECK_STATUS(thrum_log_config(.stream = stream, .format = "%(message)s"), 0);
    test_thread thread;
    test_signals storm;
    struct sigaction action = {.sa_handler = count_signal}; /* without SA_RESTART */
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    test_spawn(&thread, log_a_long_line, NULL);
    test_wait_asleep(thread.tid);
    test_send_signals(&storm, thread.handle, SIGUSR1, 50);
    test_wait_until(many_are_handled, NULL);
    size_t spaces = 0, read_bytes = 0;
    char text[4096], last[4] = "";
    while (last[3] != '\n') { /* which comes sooner where there is no memory for the line */
        ssize_t got = read(reader, text, sizeof text);
        if (got < 0 && errno == EINTR)
            continue;
        CHECK(got > 0);
        for (ssize_t i = 0; i < got; i++) {
            spaces += text[i] == ' ';
            memmove(last, last + 1, 3);
            last[3] = text[i];
        }
        read_bytes += (size_t)got;
    }
    CHECK_EQ(read_bytes, (1 << 20) + 1);
    CHECK_EQ(spaces, (1 << 20) - 3);
    CHECK_EQ(memcmp(last, "end\n", 4), 0);
    test_stop_signals(&storm);
    test_join(&thread);
    CHECK_EQ(ferror(stream), 0);
    CHECK_STATUS(thrum_log_config(), 0);
    fclose(stream);
    close(reader);
}

TEST(log, signals_do_not_break_a_line)
{
    log_through_signals(_IONBF);
}

TEST(log, signals_do_not_break_a_line_of_a_buffered_stream)
{
    log_through_signals(_IOFBF);
}

static void *log_while_cancelled(void *arg)
{
    pthread_cancel(pthread_self());
    thrum_info("written all the same");
    pthread_testcancel();
    return arg;
}

TEST(log, a_cancelled_thread_does_not_keep_it)
{
    start_log("%(message)s");
    test_thread thread;
    test_spawn(&thread, log_while_cancelled, log_path);
    CHECK_PTR(test_join(&thread), PTHREAD_CANCELED);
    thrum_info("and this");
    check_log("written all the same\nand this\n");
}

/* ---- inside of itself ---- */

static int nested_status;

/** The write function of a stream that logs, forks and configures. */
static ssize_t write_and_log(void *cookie, const char *text, size_t bytes)
{
    (void)text;
    thrum_info("nested %s", (const char *)cookie);
    raise(SIGUSR1);
    nested_status = thrum_log_config();
    return (ssize_t)bytes;
}

static void log_in_handler(int signo)
{
    thrum_info("handler %d", signo == SIGUSR1);
}

static void log_to_a_stream_that_logs(void *arg)
{
    (void)arg;
    static char name[] = "stream";
    signal(SIGUSR1, log_in_handler);
    FILE *stream = fopencookie(name, "w", (cookie_io_functions_t){.write = write_and_log});
    CHECK(stream != NULL);
    setvbuf(stream, NULL, _IONBF, 0);
    CHECK_STATUS(thrum_log_config(.level = 1, .stream = stream), 0);
    thrum_info("outer");
    CHECK_STATUS(nested_status, THRUM_EDEADLK);
    CHECK_STATUS(thrum_log_config(), 0);
    fclose(stream);
}

TEST(log, a_message_from_inside_goes_to_stderr_as_it_is)
{
    char text[256];
    CHECK_EXITED(test_capture_stderr(log_to_a_stream_that_logs, NULL, text, sizeof text), 0);
    CHECK_STR(text, "nested stream\nhandler 1\n");
}

static ssize_t write_and_fork(void *cookie, const char *text, size_t bytes)
{
    (void)cookie;
    (void)text;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        _exit(7);
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EXITED(status, 7);
    return (ssize_t)bytes;
}

TEST(log, a_fork_from_inside_does_not_wait_for_itself)
{
    FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_and_fork});
    CHECK(stream != NULL);
    CHECK_STATUS(thrum_log_config(.stream = stream), 0);
    thrum_warning("outer");
    thrum_warning("outer");
    CHECK_STATUS(thrum_log_config(), 0);
    fclose(stream);
}

/* ---- the end of the program ---- */

static void log_at_exit(void)
{
    thrum_warning("from an exit handler");
}

static void log_from_a_destructor(void)
{
    thrum_warning("from a late exit handler");
}

static void log_at_the_end(void *arg)
{
    (void)arg;
    atexit(log_from_a_destructor);
    CHECK_STATUS(thrum_log_config(.format = "%(threadName)s: %(message)s"), 0);
    atexit(log_at_exit);
    CHECK_STATUS(thrum_shutdown(), 0);
    thrum_warning("after shutdown");
    exit(0);
}

TEST(log, works_to_the_very_end)
{
    char text[256];
    CHECK_EXITED(test_capture_stderr(log_at_the_end, NULL, text, sizeof text), 0);
    CHECK_STR(text, "MainThread: after shutdown\nMainThread: from an exit handler\n"
                    "MainThread: from a late exit handler\n");
}

static void *log_for_ever(void *arg)
{
    for (;;)
        thrum_info("daemon");
    return arg;
}

static void end_among_daemons(void *arg)
{
    atexit(log_from_a_destructor);
    CHECK_STATUS(thrum_log_config(.level = THRUM_LOG_INFO, .filename = arg), 0);
    for (int i = 0; i < 4; i++)
        thrum_thread_free(thrum_spawn(log_for_ever, NULL, .daemon = THRUM_DAEMON));
    for (int i = 0; i < 100; i++)
        thrum_info("main");
    exit(0);
}

TEST_LIMIT(log, abandoned_daemons_do_not_keep_it, 60)
{
    for (int i = 0; i < 20; i++) {
        char path[64];
        make_path(path);
        CHECK_EXITED(test_run_child(end_among_daemons, path), 0);
        char *text = take_file(path, NULL);
        CHECK_CONTAINS(text, "\nWARNING:root:from a late exit handler\n");
        free(text);
    }
}

/* ---- the tutorial ---- */

static void *thread_function(void *name)
{
    thrum_info("Thread %s: starting", (const char *)name);
    thrum_info("Thread %s: finishing", (const char *)name);
    return NULL;
}

static void cut_time(char *line, void *arg)
{
    char *text = arg;
    int hour, minute, second, start = 0;
    CHECK_EQ(sscanf(line, "%2d:%2d:%2d: %n", &hour, &minute, &second, &start), 3);
    CHECK_EQ(start, 10);
    strcat(strcat(text, line + start), "\n");
}

TEST(log, the_tutorials_lines_are_pythons)
{
    make_path(log_path);
    CHECK_STATUS(thrum_log_config(.level = THRUM_LOG_INFO, .format = "%(asctime)s: %(message)s",
                                  .datefmt = "%H:%M:%S", .filename = log_path),
                 0);
    static char name[] = "1";
    thrum_info("Main    : before creating thread");
    thrum_info("Main    : before running thread");
    thrum_thread *x = thrum_spawn(thread_function, name);
    CHECK(x != NULL);
    CHECK_STATUS(thrum_thread_join(x), 0);
    thrum_thread_free(x);
    thrum_info("Main    : wait for the thread to finish");
    thrum_debug("unseen");
    thrum_info("Main    : all done");
    char *text = end_log();
    char lines[1024] = "";
    for_each_line(text, cut_time, lines);
    CHECK_STR(lines, "Main    : before creating thread\nMain    : before running thread\n"
                     "Thread 1: starting\nThread 1: finishing\n"
                     "Main    : wait for the thread to finish\nMain    : all done\n");
    free(text);
}
