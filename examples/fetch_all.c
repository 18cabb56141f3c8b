/* SPDX-License-Identifier: MIT */
/** @file
 *  fetch_all: download many URLs with a few workers, and say of each how it went as it is done.
 *
 *      The work is waiting, so N workers are close to N times as fast as one. In Python (the whole
 *      program stands in docs/twins.md):
 *
 *          with ThreadPoolExecutor(max_workers=workers) as executor:
 *              futures = {executor.submit(fetch, url): url for url in urls}
 *              for future in as_completed(futures):
 *                  ...
 */
#include <curl/curl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>

enum { WORKERS_MAX = 256, PATH_BYTES = 4096, TIMEOUT_SECONDS = 60, EXIT_TROUBLE = 2 };

/** A file to be fetched, from the command line to the report. */
struct download {
    char *url;
    char path[PATH_BYTES];
    size_t bytes; /**< received; written by the task, read when its future is done */
    thrum_future *future;
};

/* ---- how many are in flight ---- */

static thrum_lock in_flight_lock;
static unsigned in_flight, most_in_flight;

static void note_in_flight(int change)
{
    THRUM_HOLD(&in_flight_lock);
    in_flight += (unsigned)change;
    if (in_flight > most_in_flight)
        most_in_flight = in_flight;
}

/* ---- the task ---- */

static void free_connection(void *connection)
{
    curl_easy_cleanup(connection);
}

static void *new_connection(void)
{
    return curl_easy_init();
}

/** Each worker keeps its connection from one download to the next. */
static thrum_local connections = THRUM_LOCAL(new_connection, free_connection);

static CURLcode transfer(CURL *connection, const struct download *download, FILE *file,
                         char error[CURL_ERROR_SIZE])
{
    curl_easy_reset(connection);
    curl_easy_setopt(connection, CURLOPT_URL, download->url);
    curl_easy_setopt(connection, CURLOPT_WRITEDATA, file);
    curl_easy_setopt(connection, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(connection, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(connection, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(connection, CURLOPT_NOSIGNAL, 1L); /* there are other threads */
    curl_easy_setopt(connection, CURLOPT_TIMEOUT, (long)TIMEOUT_SECONDS);
    note_in_flight(+1);
    CURLcode code = curl_easy_perform(connection);
    note_in_flight(-1);
    return code;
}

/** Fetch one URL into its file. Whoever asks the future is told of a failure. */
static void *fetch(void *arg)
{
    struct download *download = arg;
    char error[CURL_ERROR_SIZE] = "";
    curl_off_t bytes = 0;
    CURL *connection = thrum_local_get(&connections);
    if (connection == NULL)
        return thrum_fail(THRUM_ENOMEM, "no memory for a connection");
    FILE *file = fopen(download->path, "wb");
    if (file == NULL)
        return thrum_fail(EXIT_FAILURE, "%s cannot be written", download->path);
    CURLcode code = transfer(connection, download, file, error);
    bool is_whole = fclose(file) == 0;
    if (code != CURLE_OK || !is_whole) {
        remove(download->path);
        const char *what = error[0] != '\0' ? error : curl_easy_strerror(code);
        return thrum_fail((int)code, "%s", code != CURLE_OK ? what : "the disk is full");
    }
    curl_easy_getinfo(connection, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
    download->bytes = (size_t)bytes;
    return download;
}

/* ---- all of them ---- */

/** Say how the download went to which `future` belongs; true if it went well. */
static bool report(const struct download *downloads, size_t count, thrum_future *future)
{
    size_t i = 0;
    while (i < count && downloads[i].future != future)
        i++;
    const struct download *download = &downloads[i];
    int status = thrum_future_result(future, NULL); /* it is done */
    if (status == 0) {
        printf("%zu bytes  %s\n", download->bytes, download->url);
        return true;
    }
    const thrum_error *error = thrum_future_error(future);
    fprintf(stderr, "fetch_all: %s: %s\n", download->url,
            error != NULL ? error->message : thrum_strerror(status));
    return false;
}

/** Report the downloads in the order in which they are done; how many went well. */
static size_t report_all(const struct download *downloads, size_t count, thrum_future **futures)
{
    size_t good = 0;
    thrum_future *future;
    thrum_as_completed *completed = thrum_as_completed_new(futures, count);
    while (completed != NULL && thrum_as_completed_next(completed, &future) == 0)
        good += report(downloads, count, future);
    thrum_as_completed_free(completed);
    return good;
}

/** Fetch all with so many workers; how many went well. */
static size_t fetch_all(struct download *downloads, size_t count, unsigned workers)
{
    size_t submitted = 0, good = 0;
    thrum_future **futures = calloc(count, sizeof *futures);
    THRUM_EXECUTOR(executor, .max_workers = workers, .thread_name_prefix = "fetch");
    while (futures != NULL && submitted < count) {
        struct download *download = &downloads[submitted];
        int status = thrum_executor_submit(executor, fetch, download, &download->future);
        if (status != 0) {
            fprintf(stderr, "fetch_all: %s: %s\n", download->url, thrum_strerror(status));
            break;
        }
        futures[submitted++] = download->future;
    }
    if (submitted > 0)
        good = report_all(downloads, submitted, futures);
    for (size_t i = 0; i < submitted; i++)
        thrum_future_free(futures[i]);
    free(futures);
    return good;
}

/* ---- the command line ---- */

static const char help[] =
    "Usage: fetch_all [OPTION]... URL...\n"
    "Download the URLs, several at a time, each into a file named by what follows its last slash.\n"
    "A URL of - stands for those on standard input, one a line.\n\n"
    "  -w, --workers=N    how many download at a time (default: 8)\n"
    "  -d, --directory=D  where the files go (default: here)\n"
    "  -h, --help         show this and end\n\n"
    "The exit status is 0; 1 if something could not be fetched (the rest is); 2 if an option is\n"
    "wrong or memory is short.\n";

__attribute__((noreturn, format(printf, 1, 2))) static void give_up(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("fetch_all: ", stderr);
    vfprintf(stderr, format, args);
    fputs("; try --help\n", stderr);
    va_end(args);
    exit(EXIT_TROUBLE);
}

struct settings {
    unsigned workers;
    const char *directory;
    struct download *downloads;
    size_t count;
};

static void add(struct settings *settings, const char *url)
{
    size_t bytes = (settings->count + 1) * sizeof *settings->downloads;
    struct download *grown = realloc(settings->downloads, bytes);
    const char *slash = strrchr(url, '/');
    if (grown == NULL)
        give_up("out of memory");
    settings->downloads = grown;
    struct download *download = &grown[settings->count++];
    *download = (struct download){.url = strdup(url)};
    if (download->url == NULL)
        give_up("out of memory");
    if (slash == NULL || slash[1] == '\0')
        give_up("%s names no file", url);
    int length = snprintf(download->path, PATH_BYTES, "%s/%s", settings->directory, slash + 1);
    if (length < 0 || length >= PATH_BYTES)
        give_up("%s is too long", url);
}

static void add_lines(struct settings *settings, FILE *file)
{
    char line[PATH_BYTES];
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] != '\0')
            add(settings, line);
    }
}

static unsigned parse_workers(const char *text)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || number < 1 || number > WORKERS_MAX)
        give_up("'%s' is no number of workers; 1 to %d are", text, WORKERS_MAX);
    return (unsigned)number;
}

/** Read the command line; ends the program if there is nothing to do. */
static struct settings parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"workers", required_argument, NULL, 'w'},
        {"directory", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct settings settings = {.workers = 8, .directory = "."};
    for (int option; (option = getopt_long(argc, argv, "w:d:h", options, NULL)) != -1;) {
        if (option == 'h')
            exit(fputs(help, stdout) >= 0 ? EXIT_SUCCESS : EXIT_TROUBLE);
        else if (option == 'w')
            settings.workers = parse_workers(optarg);
        else if (option == 'd')
            settings.directory = optarg;
        else
            exit(EXIT_TROUBLE);
    }
    for (int i = optind; i < argc; i++) {
        if (strcmp(argv[i], "-") == 0)
            add_lines(&settings, stdin);
        else
            add(&settings, argv[i]);
    }
    if (settings.count == 0)
        give_up("no URL");
    return settings;
}

int main(int argc, char **argv)
{
    struct settings settings = parse(argc, argv);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        give_up("libcurl cannot be used");
    thrum_time start = thrum_now();
    size_t good = fetch_all(settings.downloads, settings.count, settings.workers);
    double seconds = (double)(thrum_now() - start) / 1e9;
    fprintf(stderr, "fetch_all: %zu of %zu files in %.3f s, at most %u at a time\n", good,
            settings.count, seconds, most_in_flight);
    curl_global_cleanup();
    bool all_good = good == settings.count;
    for (size_t i = 0; i < settings.count; i++)
        free(settings.downloads[i].url);
    free(settings.downloads);
    return fflush(stdout) == 0 && all_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
