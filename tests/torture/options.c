/* SPDX-License-Identifier: MIT */
/** @file
 *  Options: the command line of thrum-torture. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "torture.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

torture_options options = {
    .scenarios = "all",
    .seconds = 10,
    .interval_s = 5,
    .patience_s = 10,
    .threads = 8,
    .disturb = DISTURB_ALL,
};

static const struct {
    const char *name;
    unsigned set;
} disturbances[] = {
    {"affinity", DISTURB_AFFINITY}, {"nice", DISTURB_NICE},       {"signals", DISTURB_SIGNALS},
    {"handler", DISTURB_HANDLER},   {"suspend", DISTURB_SUSPEND}, {"stutter", DISTURB_STUTTER},
    {"stacks", DISTURB_STACKS},     {"all", DISTURB_ALL},         {"none", 0},
};

static const char help[] =
    "usage: thrum-torture [OPTION]...\n"
    "Run thrum under disturbances and count what must never happen.\n"
    "\n"
    "  --scenario NAME[,NAME]  what to run, or `all' (default)\n"
    "  --list                  list the scenarios and what each proves\n"
    "  --seconds S             for how long each (default 10)\n"
    "  --seed N                of all random choices (default: random; it is printed)\n"
    "  --threads N             workers of each scenario, 2 to 512 (default 8)\n"
    "  --interval S            between two status lines (default 5)\n"
    "  --patience S            without progress before the watchdog bites (default 10, times\n"
    "                          THRUM_TEST_TIME_FACTOR)\n"
    "  --disturb NAME[,NAME]   affinity, nice, signals, handler, suspend, stutter, stacks;\n"
    "                          `all' (default) or `none'\n"
    "  --quiet                 no status lines, only the table at the end\n"
    "  --help                  this text\n"
    "\n"
    "Exit status: 0 all passed, 1 a field was not zero, 2 usage, 3 the watchdog bit.\n";

unsigned torture_time_factor(void)
{
    const char *text = getenv("THRUM_TEST_TIME_FACTOR");
    int factor = text == NULL ? 0 : atoi(text);
    if (factor > 0)
        return factor < 1000 ? (unsigned)factor : 1000;
    return TORTURE_TSAN || TORTURE_ASAN ? 4 : 1;
}

static int usage(const char *what, const char *value)
{
    fprintf(stderr, "thrum-torture: %s: %s\nTry `thrum-torture --help'.\n", what, value);
    return 2;
}

/** The next name of a list, cut off it; NULL at its end. */
static const char *next_name(const char **list, size_t *ret_length)
{
    if (*list == NULL)
        return NULL;
    const char *name = *list, *comma = strchr(name, ',');
    *ret_length = comma == NULL ? strlen(name) : (size_t)(comma - name);
    *list = comma == NULL ? NULL : comma + 1;
    return name;
}

static bool same(const char *name, size_t length, const char *other)
{
    return strlen(other) == length && memcmp(name, other, length) == 0;
}

bool options_choose(const scenario *chosen)
{
    const char *list = options.scenarios;
    size_t length;
    for (const char *name; (name = next_name(&list, &length)) != NULL;)
        if (same(name, length, chosen->name) || (!chosen->hidden && same(name, length, "all")))
            return true;
    return false;
}

static int read_scenarios(const char *text)
{
    const char *list = text;
    size_t length;
    options.scenarios = text;
    for (const char *name; (name = next_name(&list, &length)) != NULL;) {
        bool known = same(name, length, "all");
        for (size_t i = 0; scenarios[i] != NULL; i++)
            known = known || same(name, length, scenarios[i]->name);
        if (!known)
            return usage("no such scenario in", text);
    }
    return -1;
}

static int read_disturbances(const char *text)
{
    const char *list = text;
    size_t length;
    options.disturb = 0;
    for (const char *name; (name = next_name(&list, &length)) != NULL;) {
        bool known = false;
        for (size_t i = 0; i < LENGTH(disturbances); i++)
            if (same(name, length, disturbances[i].name)) {
                options.disturb |= disturbances[i].set;
                known = true;
            }
        if (!known)
            return usage("no such disturbance in", text);
    }
    return -1;
}

static int read_number(const char *text, double least, double most, double *ret_number)
{
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || !(number >= least && number <= most))
        return usage("no number in range", text);
    *ret_number = number;
    return -1;
}

static int read_seed(const char *text)
{
    char *end;
    options.seed = strtoull(text, &end, 0);
    return end == text || *end != '\0' || *text == '-' ? usage("no seed", text) : -1;
}

static int read_threads(const char *text)
{
    double number = 0;
    int status = read_number(text, 2, WORKERS_MAX, &number);
    options.threads = (unsigned)number;
    return status;
}

static int read_option(int option)
{
    switch (option) {
    case 's': return read_scenarios(optarg);
    case 't': return read_number(optarg, 0.01, 1e9, &options.seconds);
    case 'i': return read_number(optarg, 0.01, 1e9, &options.interval_s);
    case 'p': return read_number(optarg, 0.1, 1e6, &options.patience_s);
    case 'e': return read_seed(optarg);
    case 'n': return read_threads(optarg);
    case 'd': return read_disturbances(optarg);
    case 'q': options.quiet = true; return -1;
    case 'l': options.list = true; return -1;
    case 'h': fputs(help, stdout); return 0;
    default: fputs("Try `thrum-torture --help'.\n", stderr); return 2;
    }
}

int options_read(int argc, char **argv)
{
    static const struct option known[] = {
        {"scenario", required_argument, NULL, 's'},
        {"seconds", required_argument, NULL, 't'},
        {"interval", required_argument, NULL, 'i'},
        {"patience", required_argument, NULL, 'p'},
        {"seed", required_argument, NULL, 'e'},
        {"threads", required_argument, NULL, 'n'},
        {"disturb", required_argument, NULL, 'd'},
        {"quiet", no_argument, NULL, 'q'},
        {"list", no_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    if (getrandom(&options.seed, sizeof options.seed, 0) != (ssize_t)sizeof options.seed)
        options.seed = (uint64_t)thrum_now();
    options.seed %= 1000000000;
    int status = -1, option;
    while (status < 0 && (option = getopt_long(argc, argv, "", known, NULL)) != -1)
        status = read_option(option);
    if (status < 0 && optind < argc)
        return usage("unknown argument", argv[optind]);
    options.patience_s *= torture_time_factor();
    return status;
}
