/* SPDX-License-Identifier: MIT */
/** @file
 *  Log rendering: each field of a record, and the same records through Python's own logging. */
#include "observe/log_render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static const char message[] = "it's \"all\" d\xC3\xBCnn\t100%";

static const th_log_record sample = {
    .level = 30,
    .line = 1234,
    .pathname = "/src/net/tcp.server.c",
    .function = "serve",
    .message = message,
    .message_bytes = sizeof message - 1,
    .thread_name = "Thread-7 (serve)",
    .thread = 140123456789012345,
    .process = 4321,
    .created_ns = 1700000000123456789,
    .relative_ns = 1234567890,
};

static void live_in_central_europe(void)
{
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
}

/** The line of `record` by `text`, without a newline, to be freed; NULL: the format is refused. */
static char *render(const char *text, const char *datefmt, const th_log_record *record)
{
    th_log_format *format;
    if (th_log_format_new(text, datefmt, &format) != 0)
        return NULL;
    th_log_line line;
    th_log_line_init(&line);
    th_log_render(&line, format, record);
    CHECK(!line.truncated);
    char *result = malloc(line.used + 1);
    CHECK(result != NULL);
    memcpy(result, line.text, line.used);
    result[line.used] = '\0';
    th_log_line_fini(&line);
    th_log_format_free(format);
    return result;
}

static void check_record(const char *text, const th_log_record *record, const char *wanted)
{
    char *line = render(text, NULL, record);
    CHECK_STR(line, wanted);
    free(line);
}

static void check_sample(const char *text, const char *wanted)
{
    check_record(text, &sample, wanted);
}

TEST(log_render, shows_every_field)
{
    live_in_central_europe();
    check_sample("%(asctime)s", "2023-11-14 23:13:20,123");
    check_sample("%(created)f", "1700000000.123457");
    check_sample("%(filename)s", "tcp.server.c");
    check_sample("%(funcName)s", "serve");
    check_sample("%(levelname)s", "WARNING");
    check_sample("%(levelno)s", "30");
    check_sample("%(lineno)d", "1234");
    check_sample("%(message)s", message);
    check_sample("%(module)s", "tcp.server");
    check_sample("%(msecs)03d", "123");
    check_sample("%(name)s", "root");
    check_sample("%(pathname)s", "/src/net/tcp.server.c");
    check_sample("%(process)d", "4321");
    check_sample("%(processName)s", "MainProcess");
    check_sample("%(relativeCreated)d", "1234");
    check_sample("%(relativeCreated)s", "1234.56789");
    check_sample("%(thread)d", "140123456789012345");
    check_sample("%(threadName)s", "Thread-7 (serve)");
}

TEST(log_render, puts_literals_and_fields_in_order)
{
    check_sample("<%(levelname)-8s|%(levelname)8s> 100%% %(lineno)05d%%",
                 "<WARNING | WARNING> 100% 01234%");
}

TEST(log_render, names_levels_as_python_does)
{
    static const struct {
        int level;
        const char *name;
    } levels[] = {{0, "NOTSET"},    {10, "DEBUG"},    {20, "INFO"},
                  {30, "WARNING"},  {40, "ERROR"},    {50, "CRITICAL"},
                  {25, "Level 25"}, {-5, "Level -5"}, {1000, "Level 1000"}};
    for (size_t i = 0; i < LENGTH(levels); i++) {
        th_log_record record = sample;
        record.level = levels[i].level;
        check_record("%(levelname)s", &record, levels[i].name);
    }
}

TEST(log_render, splits_paths_as_python_does)
{
    static const struct {
        const char *pathname, *filename, *module;
    } paths[] = {
        {"main.c", "main.c", "main"},
        {"a/b/main.c", "main.c", "main"},
        {"a.b/main", "main", "main"},
        {"a/tcp.server.c", "tcp.server.c", "tcp.server"},
        {".hidden", ".hidden", ".hidden"},
        {"a/..c", "..c", "..c"},
        {"..a.c", "..a.c", "..a"},
        {"a/", "", ""},
        {"", "", ""},
    };
    for (size_t i = 0; i < LENGTH(paths); i++) {
        th_log_record record = sample;
        record.pathname = paths[i].pathname;
        check_record("%(pathname)s", &record, paths[i].pathname);
        check_record("%(filename)s", &record, paths[i].filename);
        check_record("%(module)s", &record, paths[i].module);
    }
}

TEST(log_render, times_of_one_line_fit_each_other)
{
    live_in_central_europe();
    th_log_record record = sample;
    record.created_ns = -1; /* a millisecond before 1970 begins */
    check_record("%(asctime)s %(msecs)d %(created).3f", &record,
                 "1970-01-01 00:59:59,999 999 -0.000");
    record.created_ns = 1700000000999999999;
    check_record("%(asctime)s %(msecs)s", &record, "2023-11-14 23:13:20,999 999.0");
    record.relative_ns = -1500000; /* the clock has been set back */
    check_record("%(relativeCreated)s %(relativeCreated)d", &record, "-1.5 -1");
}

TEST(log_render, a_date_of_ones_own_has_no_milliseconds)
{
    live_in_central_europe();
    char *line = render("%(asctime)12s|%(asctime)-12s|%(asctime).5s", "%H:%M:%S", &sample);
    CHECK_STR(line, "    23:13:20|23:13:20    |23:13");
    free(line);
}

TEST(log_render, survives_every_allocation_failing)
{
    th_log_format *format;
    const char *text = "%(message)900r %(created)900f %(lineno)900s";
    CHECK_STATUS(th_log_format_new(text, NULL, &format), 0);
    TEST_SWEEP_ALLOCATIONS
    {
        th_log_line line;
        th_log_line_init(&line);
        th_log_render(&line, format, &sample);
        th_log_line_finish(&line);
        CHECK(line.truncated == (test_failures_injected() > 0));
        CHECK(line.truncated || line.used == 2704);
        th_log_line_fini(&line);
    }
    th_log_format_free(format);
}

/* ---- the same by Python ---- */

/** Reads pairs of format and date format, each ended by NUL; answers each by the line of the
 *  sample, or by "refused", ended by NUL. */
static const char script[] =
    "import logging, sys\n"
    "record = logging.makeLogRecord(dict(name='root', levelno=30, levelname='WARNING',\n"
    "    pathname='/src/net/tcp.server.c', filename='tcp.server.c', module='tcp.server',\n"
    "    lineno=1234, funcName='serve', msg='it\\'s \"all\" d\\u00fcnn\\t100%', args=None,\n"
    "    threadName='Thread-7 (serve)', thread=140123456789012345, process=4321,\n"
    "    processName='MainProcess', created=1700000000123456789 / 1e9, msecs=123.0,\n"
    "    relativeCreated=1234567890 / 1e6))\n"
    "texts = sys.stdin.buffer.read().decode().split('\\0')\n"
    "for format, datefmt in zip(texts[0::2], texts[1::2]):\n"
    "    try:\n"
    "        line = logging.Formatter(format, datefmt).format(record)\n"
    "    except Exception:\n"
    "        line = 'refused'\n"
    "    sys.stdout.buffer.write(line.encode() + b'\\0')\n";

/** Formats to show to both; made before Python is started. */
typedef struct table {
    char text[3000][2][64];
    size_t count;
} table;

static void add(table *formats, const char *text, const char *datefmt)
{
    CHECK_LT(formats->count, LENGTH(formats->text));
    snprintf(formats->text[formats->count][0], 64, "%s", text);
    snprintf(formats->text[formats->count++][1], 64, "%s", datefmt);
}

static void add_chosen(table *formats)
{
    static const char *const dates[] = {"",      "%H:%M:%S",       "%d.%m.%y %I:%M %p",
                                        "%c %x", "%A %B %j %U %Z", "%% literal \xE2\x82\xAC"};
    static const char *const texts[] = {
        "%(asctime)s: %(message)s",
        "%(levelname)s:%(name)s:%(message)s",
        "%(asctime)s %(levelname)-8s [%(threadName)s] %(message)s",
        "%(asctime)30s|%(asctime)-30s|%(asctime).7s|%(asctime)r",
        "",
        "%%",
        "nothing",
        "100%% %(message)s %%%(lineno)d%%",
        "%(message)s %",
        "%(taskname)s",
        "%(created)f %(created)s %(created)d %(created)r",
        "%(msecs)03d %(msecs)s %(msecs)f %(msecs)05.1f",
        "%(relativeCreated)d %(relativeCreated)s %(relativeCreated)8.2f",
        "%(message)lld",
        "%(message)s %(lineno)ld",
        "%(message)*d",
    };
    for (size_t i = 0; i < LENGTH(texts); i++)
        add(formats, texts[i], "");
    for (size_t i = 0; i < LENGTH(dates); i++)
        add(formats, "%(asctime)s: %(message)s", dates[i]);
}

/** Every field under every conversion, with flags, widths and precisions that differ each time. */
static void add_crossed(table *formats)
{
    static const char *const fields[] = {"asctime",         "created", "filename",   "funcName",
                                         "levelname",       "levelno", "lineno",     "message",
                                         "module",          "msecs",   "name",       "pathname",
                                         "process",         "thread",  "threadName", "processName",
                                         "relativeCreated", "nosuch"};
    static const char conversions[] = "diuxXoeEfFgGsrabnpyk";
    static const char *const flags[] = {"", "-", "0", "+", " ", "#", "0+", "-0", "#0", "+ #0-"};
    static const char *const widths[] = {"", "1", "7", "25"};
    static const char *const precisions[] = {"", ".", ".0", ".3", ".12"};
    unsigned turn = 0;
    for (size_t field = 0; field < LENGTH(fields); field++)
        for (const char *conversion = conversions; *conversion != '\0'; conversion++)
            for (int repeat = 0; repeat < 8; repeat++) {
                char text[64];
                turn = turn * 1103515245 + 12345;
                snprintf(text, sizeof text, "%%(message)s|%%(%s)%s%s%s%c|", fields[field],
                         flags[(turn >> 16) % LENGTH(flags)], widths[(turn >> 20) % LENGTH(widths)],
                         precisions[(turn >> 24) % LENGTH(precisions)], *conversion);
                add(formats, text, "%H:%M:%S");
            }
}

/** Run Python over the table; its answers, one after the other, to be freed. NULL: no Python. */
static char *ask_python(const table *formats, size_t *ret_bytes)
{
    char directory[] = "/tmp/thrum-test-XXXXXX", command[256];
    if (system("command -v python3 >/dev/null 2>&1") != 0)
        return NULL;
    CHECK(mkdtemp(directory) != NULL);
    CHECK_EQ(chdir(directory), 0);
    FILE *file = fopen("script", "w");
    CHECK(file != NULL && fputs(script, file) >= 0 && fclose(file) == 0);
    file = fopen("formats", "w");
    CHECK(file != NULL);
    for (size_t i = 0; i < formats->count; i++)
        for (int which = 0; which < 2; which++)
            fwrite(formats->text[i][which], 1, strlen(formats->text[i][which]) + 1, file);
    CHECK_EQ(fclose(file), 0);
    CHECK_EQ(system("python3 script <formats >lines"), 0);
    file = fopen("lines", "r");
    const size_t limit = 1 << 20;
    char *lines = malloc(limit);
    CHECK(file != NULL && lines != NULL);
    *ret_bytes = fread(lines, 1, limit, file);
    CHECK_LT(*ret_bytes, limit);
    fclose(file);
    snprintf(command, sizeof command, "rm -r %s", directory);
    CHECK_EQ(system(command), 0);
    return lines;
}

TEST(log_render, agrees_with_python)
{
    live_in_central_europe();
    static table formats;
    add_chosen(&formats);
    add_crossed(&formats);
    size_t bytes = 0;
    char *lines = ask_python(&formats, &bytes);
    if (lines == NULL) {
        fprintf(stderr, "no python3 is installed: nothing is compared\n");
        return;
    }
    const char *wanted = lines;
    for (size_t i = 0; i < formats.count; i++) {
        CHECK_LT((size_t)(wanted - lines), bytes);
        char *line = render(formats.text[i][0], formats.text[i][1], &sample);
        const char *got = line != NULL ? line : "refused";
        if (strcmp(got, wanted) != 0)
            FAIL("\"%s\" gives \"%s\", in Python \"%s\"", formats.text[i][0], got, wanted);
        free(line);
        wanted += strlen(wanted) + 1;
    }
    CHECK_EQ(wanted - lines, bytes);
    free(lines);
}
