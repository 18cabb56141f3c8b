/* SPDX-License-Identifier: MIT */
/** @file
 *  hash_tree: hash every file of a directory tree with several threads, print what `sha256sum -c`
 *  accepts.
 *
 *      A map over the walk: an executor's workers read and hash the files (SHA-256 of OpenSSL);
 *      main walks on, at most AHEAD files ahead, and prints the lines in the order of the walk. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <getopt.h>
#include <openssl/evp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <thrum.h>
#include <time.h>
#include <unistd.h>

enum {
    AHEAD = 1024,          /**< files between the walk and the printing */
    BLOCK_BYTES = 1 << 17, /**< read at once */
    DIGEST_BYTES = 32,
    THREADS_MAX = 1024,
    BAR_WIDTH = 30,
    EXIT_TROUBLE = 2, /**< nothing useful could be done; EXIT_FAILURE: some files are missing */
};

/** One pass over the tree. */
struct pass {
    bool quiet;                /**< print neither lines nor complaints */
    FTS *tree;                 /**< the walk */
    struct file *first, *last; /**< not yet printed, in the order of the walk; only main's */
    bool is_broken;            /**< no memory, or stdout cannot be written: give up */

    thrum_lock lock;       /**< guards what follows */
    uint64_t files, bytes; /**< hashed so far */
    double work_seconds;   /**< processor time of all hashing */
    bool has_failed;       /**< something could not be read */
};

/** A file, from the walk to the printing. */
struct file {
    struct pass *pass;
    struct file *next; /**< in the order of the walk */
    bool is_done;
    bool is_hashed; /**< false: it could not be read, and has been complained of */
    unsigned char digest[DIGEST_BYTES];
    char path[];
};

/** Work for a progress bar to be measured against; 0 while no bar is shown. */
static uint64_t bytes_expected;

/* ---- messages and the progress bar ---- */

static thrum_lock terminal;
static bool bar_is_shown;

static void clear_bar(void)
{
    if (bar_is_shown)
        fputs("\r\033[K", stderr);
    bar_is_shown = false;
}

/** Complain on stderr, on a line of its own, and note that something is missing. */
__attribute__((format(printf, 3, 4))) static void complain(struct pass *pass, bool is_failure,
                                                           const char *format, ...)
{
    if (is_failure) {
        thrum_with (&pass->lock)
            pass->has_failed = true;
    }
    if (pass->quiet)
        return;
    va_list args;
    va_start(args, format);
    thrum_with (&terminal) {
        clear_bar();
        fputs("hash_tree: ", stderr);
        vfprintf(stderr, format, args);
        fputc('\n', stderr);
    }
    va_end(args);
}

static double seconds_since(thrum_time start)
{
    return (double)(thrum_now() - start) / 1e9;
}

static double megabytes(uint64_t bytes)
{
    return (double)bytes / 1e6;
}

static void draw_bar(uint64_t files, uint64_t bytes, double seconds)
{
    static const char full[] = "##############################";
    double share = bytes_expected > 0 ? (double)bytes / (double)bytes_expected : 1;
    int filled = share < 1 ? (int)(share * BAR_WIDTH) : BAR_WIDTH;
    THRUM_HOLD(&terminal);
    fprintf(stderr, "\r[%-*.*s] %3d %%  %llu files, %.0f MB/s\033[K", BAR_WIDTH, filled, full,
            share < 1 ? (int)(share * 100) : 100, (unsigned long long)files,
            megabytes(bytes) / seconds);
    bar_is_shown = true;
}

struct progress {
    struct pass *pass;
    thrum_time start;
};

/** Redraw the bar; a timer calls it again and again. */
static void *show_progress(void *arg)
{
    struct progress *progress = arg;
    uint64_t files = 0, bytes = 0;
    thrum_with (&progress->pass->lock) {
        files = progress->pass->files;
        bytes = progress->pass->bytes;
    }
    draw_bar(files, bytes, seconds_since(progress->start));
    return NULL;
}

/* ---- printing ---- */

/** Print one line as sha256sum does: a name with a backslash, a newline or a carriage return in it
 *  is escaped, and its line begins with a backslash. */
static void print_file(const struct file *file)
{
    THRUM_HOLD(&terminal);
    if (bar_is_shown && isatty(STDOUT_FILENO))
        clear_bar();
    if (strpbrk(file->path, "\\\n\r") != NULL)
        putchar('\\');
    for (int i = 0; i < DIGEST_BYTES; i++)
        printf("%02x", file->digest[i]);
    fputs("  ", stdout);
    for (const char *c = file->path; *c != '\0'; c++) {
        if (*c == '\\')
            fputs("\\\\", stdout);
        else if (*c == '\n')
            fputs("\\n", stdout);
        else if (*c == '\r')
            fputs("\\r", stdout);
        else
            putchar(*c);
    }
    putchar('\n');
}

/* ---- hashing ---- */

/** What a thread needs to hash, made at its first file. */
struct tools {
    EVP_MD_CTX *context;
    unsigned char block[BLOCK_BYTES];
};

static void free_tools(void *arg)
{
    struct tools *tools = arg;
    EVP_MD_CTX_free(tools->context);
    free(tools);
}

static void *new_tools(void)
{
    struct tools *tools = malloc(sizeof *tools);
    if (tools == NULL)
        return NULL;
    tools->context = EVP_MD_CTX_new();
    if (tools->context != NULL && EVP_DigestInit_ex(tools->context, EVP_sha256(), NULL) == 1)
        return tools;
    free_tools(tools);
    return NULL;
}

static thrum_local tools_of_thread = THRUM_LOCAL(new_tools, free_tools);

/** Open a file that the walk has found; -1 with a complaint if that fails or it is gone. */
static int open_file(struct pass *pass, const char *path)
{
    struct stat status;
    int descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0) {
        complain(pass, true, "%s: %s", path, strerror(errno));
        return -1;
    }
    if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode))
        return descriptor;
    complain(pass, true, "%s: is no regular file any more", path);
    close(descriptor);
    return -1;
}

/** Hash what can be read from the descriptor; false with a complaint if it cannot. */
static bool hash_descriptor(struct tools *tools, struct file *file, int descriptor)
{
    struct pass *pass = file->pass;
    bool is_right = EVP_DigestInit_ex(tools->context, NULL, NULL) == 1; /* the same digest */
    ssize_t bytes = 0;
    while (is_right && (bytes = read(descriptor, tools->block, BLOCK_BYTES)) != 0) {
        if (bytes < 0 && errno == EINTR)
            continue;
        if (bytes < 0) {
            complain(pass, true, "%s: %s", file->path, strerror(errno));
            return false;
        }
        is_right = EVP_DigestUpdate(tools->context, tools->block, (size_t)bytes) == 1;
        thrum_with (&pass->lock)
            pass->bytes += (size_t)bytes;
    }
    if (is_right && EVP_DigestFinal_ex(tools->context, file->digest, NULL) == 1)
        return true;
    complain(pass, true, "%s: the hash could not be computed", file->path);
    return false;
}

static double processor_seconds_of_this_thread(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/** The task: hash one file. What cannot be read fails itself, not the map. A thread without memory
 *  for tools leaves the file to main, which has some. */
static void *hash_file(void *arg)
{
    struct file *file = arg;
    struct pass *pass = file->pass;
    struct tools *tools = thrum_local_get(&tools_of_thread);
    if (tools == NULL)
        return file;
    double before = processor_seconds_of_this_thread();
    int descriptor = open_file(pass, file->path);
    if (descriptor >= 0) {
        file->is_hashed = hash_descriptor(tools, file, descriptor);
        close(descriptor);
    }
    thrum_with (&pass->lock) {
        pass->files += file->is_hashed;
        pass->work_seconds += processor_seconds_of_this_thread() - before;
    }
    file->is_done = true;
    return file;
}

/* ---- the walk ---- */

/** Note a file to be hashed and printed; NULL: no memory. */
static struct file *new_file(struct pass *pass, const char *path)
{
    size_t bytes = strlen(path) + 1;
    struct file *file = malloc(sizeof *file + bytes);
    if (file == NULL)
        return NULL;
    *file = (struct file){.pass = pass};
    memcpy(file->path, path, bytes);
    if (pass->last != NULL)
        pass->last->next = file;
    else
        pass->first = file;
    pass->last = file;
    return file;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static FTS *open_tree(char *root)
{
    char *roots[] = {root, NULL};
    return fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
}

/** The next entry of the walk; NULL at the end, and then errno is 0 if it is complete. */
static FTSENT *next_entry(FTS *tree)
{
    errno = 0;
    return fts_read(tree);
}

static const char *kind_of(mode_t mode)
{
    return S_ISFIFO(mode) ? "a fifo" : S_ISSOCK(mode) ? "a socket" : "a device";
}

/** The map's iterator: walk on to the next regular file. Links are not followed. */
static bool next_file(void *state, void **ret_file)
{
    struct pass *pass = state;
    struct file *file = NULL;
    FTSENT *entry;
    while (file == NULL && !pass->is_broken && (entry = next_entry(pass->tree)) != NULL) {
        switch (entry->fts_info) {
        case FTS_F:
            file = new_file(pass, entry->fts_path);
            pass->is_broken = file == NULL;
            break;
        case FTS_DEFAULT:
            complain(pass, false, "%s: skipped, it is %s", entry->fts_path,
                     kind_of(entry->fts_statp->st_mode));
            break;
        case FTS_DNR:
        case FTS_ERR:
        case FTS_NS:
            complain(pass, true, "%s: %s", entry->fts_path, strerror(entry->fts_errno));
            break;
        default: break; /* directories, before and after; links */
        }
    }
    if (file == NULL && !pass->is_broken && errno != 0)
        complain(pass, true, "the walk ended early: %s", strerror(errno));
    *ret_file = file;
    return file != NULL;
}

/** How many bytes there are to hash, for the progress bar. */
static uint64_t size_of_tree(char *root)
{
    uint64_t bytes = 0;
    FTS *tree = open_tree(root);
    if (tree == NULL)
        return 0;
    for (FTSENT *entry; (entry = fts_read(tree)) != NULL;)
        if (entry->fts_info == FTS_F)
            bytes += (uint64_t)entry->fts_statp->st_size;
    fts_close(tree);
    return bytes;
}

/* ---- a pass ---- */

/** Print the oldest file, which is main's turn to hash if nobody has, and forget it. */
static void print_first(struct pass *pass)
{
    struct file *file = pass->first;
    if (!file->is_done)
        hash_file(file);
    pass->first = file->next;
    if (pass->first == NULL)
        pass->last = NULL;
    if (file->is_hashed && !pass->quiet)
        print_file(file);
    free(file);
    pass->is_broken = pass->is_broken || ferror(stdout) != 0;
}

/** Hash the files of the walk by a map; false if it came to an end before the walk. */
static bool hash_by_map(struct pass *pass, unsigned threads)
{
    THRUM_EXECUTOR(executor, .max_workers = threads, .thread_name_prefix = "hasher");
    thrum_map *map = thrum_map_new(executor, hash_file, next_file, pass, .buffersize = AHEAD);
    int status = map == NULL ? THRUM_ENOMEM : 0;
    while (status == 0 && !pass->is_broken) {
        status = thrum_map_next(map, NULL);
        if (status == 0)
            print_first(pass);
    }
    thrum_map_free(map);
    return status == THRUM_EEMPTY;
}

/** Hash what the map has left by this thread: there were no threads to be had. */
static void hash_alone(struct pass *pass)
{
    void *file;
    while (!pass->is_broken && (pass->first != NULL || next_file(pass, &file)))
        print_first(pass);
}

/** Hash the tree with `threads` workers; returns how many seconds it took. */
static double run_pass(struct pass *pass, char *root, unsigned threads)
{
    struct progress progress = {.pass = pass, .start = thrum_now()};
    thrum_timer *bar = NULL;
    if (bytes_expected > 0 && !pass->quiet)
        bar = thrum_timer_new(0.1, show_progress, &progress, .repeat = true, .name = "progress");
    if (bar != NULL)
        thrum_timer_start(bar);
    pass->tree = open_tree(root);
    if (pass->tree == NULL) {
        complain(pass, true, "%s: %s", root, strerror(errno));
    } else {
        if (!hash_by_map(pass, threads))
            hash_alone(pass);
        fts_close(pass->tree);
    }
    double seconds = seconds_since(progress.start);
    if (bar != NULL) {
        thrum_timer_cancel(bar);
        thrum_timer_join(bar);
        clear_bar();
    }
    thrum_timer_free(bar);
    for (struct file *file; (file = pass->first) != NULL; free(file))
        pass->first = file->next; /* left over only when the pass was given up */
    return seconds;
}

/** Run the tree again with one thread and with all, and say how they compare. */
static void compare(char *root, unsigned threads)
{
    struct pass one = {.quiet = true}, many = {.quiet = true};
    double one_seconds = run_pass(&one, root, 1);
    double many_seconds = run_pass(&many, root, threads);
    fprintf(stderr, "hash_tree: 1 thread: %.3f s, %.0f MB/s; %u threads: %.3f s, %.0f MB/s\n",
            one_seconds, megabytes(one.bytes) / one_seconds, threads, many_seconds,
            megabytes(many.bytes) / many_seconds);
    fprintf(stderr, "hash_tree: speed-up over one thread: %.2f\n", one_seconds / many_seconds);
}

/** Say what was done. The speed-up is estimated: had one thread done the workers' computing, it
 *  would have taken as long as they did in all. */
static void summarise(const struct pass *pass, double seconds, unsigned threads)
{
    fprintf(stderr, "hash_tree: %llu files, %.1f MB in %.3f s (%.0f MB/s) with %u thread%s\n",
            (unsigned long long)pass->files, megabytes(pass->bytes), seconds,
            megabytes(pass->bytes) / seconds, threads, threads == 1 ? "" : "s");
    if (threads > 1)
        fprintf(stderr, "hash_tree: about %.1f times as fast as one thread (--compare measures)\n",
                pass->work_seconds / seconds > 1 ? pass->work_seconds / seconds : 1);
}

/* ---- the command line ---- */

struct settings {
    unsigned threads;
    bool compare;
    bool quiet;
    char *root;
};

static const char help[] =
    "Usage: hash_tree [OPTION]... DIR\n"
    "Print the SHA-256 of every regular file below DIR, as sha256sum does, using several threads.\n"
    "Links are not followed; fifos, sockets and devices are skipped.\n\n"
    "  -t, --threads=N   how many threads hash (default: one per processor)\n"
    "  -c, --compare     then run again with one thread and with all, and compare\n"
    "  -q, --quiet       print no summary\n"
    "  -h, --help        show this and end\n\n"
    "The exit status is 0; 1 if something could not be read (the rest is hashed); 2 if DIR does\n"
    "not exist, an option is wrong, memory is short, or the lines cannot be written.\n";

static unsigned processors(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : (unsigned)count;
}

static bool parse_threads(const char *text, unsigned *ret_threads)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || number < 1 || number > THREADS_MAX) {
        fprintf(stderr, "hash_tree: '%s' is no number of threads; 1 to %d are\n", text,
                THREADS_MAX);
        return false;
    }
    *ret_threads = (unsigned)number;
    return true;
}

/** Read the command line; ends the program if there is nothing to do. */
static struct settings parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"threads", required_argument, NULL, 't'},
        {"compare", no_argument, NULL, 'c'},
        {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct settings settings = {.threads = processors()};
    for (int option; (option = getopt_long(argc, argv, "t:cqh", options, NULL)) != -1;) {
        if (option == 'h')
            exit(fputs(help, stdout) >= 0 && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_TROUBLE);
        if (option == 't' && !parse_threads(optarg, &settings.threads))
            exit(EXIT_TROUBLE);
        if (option == '?')
            exit(EXIT_TROUBLE);
        settings.compare = settings.compare || option == 'c';
        settings.quiet = settings.quiet || option == 'q';
    }
    if (argc - optind != 1) {
        fputs("hash_tree: one directory, please; try --help\n", stderr);
        exit(EXIT_TROUBLE);
    }
    settings.root = argv[optind];
    return settings;
}

/** Whether there is a tree to hash at all. */
static bool root_is_good(const char *root)
{
    struct stat status;
    if (stat(root, &status) != 0)
        fprintf(stderr, "hash_tree: %s: %s\n", root, strerror(errno));
    else if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode))
        fprintf(stderr, "hash_tree: %s: is no directory\n", root);
    else
        return true;
    return false;
}

int main(int argc, char **argv)
{
    struct settings settings = parse(argc, argv);
    if (!root_is_good(settings.root))
        return EXIT_TROUBLE;
    if (thrum_local_get(&tools_of_thread) == NULL) {
        fputs("hash_tree: out of memory\n", stderr);
        return EXIT_TROUBLE;
    }
    if (isatty(STDERR_FILENO))
        bytes_expected = size_of_tree(settings.root);
    struct pass pass = {.quiet = false};
    double seconds = run_pass(&pass, settings.root, settings.threads);
    if (fflush(stdout) != 0 || pass.is_broken) {
        fprintf(stderr, "hash_tree: given up: %s\n",
                ferror(stdout) ? "the lines cannot be written" : "out of memory");
        return EXIT_TROUBLE;
    }
    if (!settings.quiet)
        summarise(&pass, seconds, settings.threads);
    if (settings.compare)
        compare(settings.root, settings.threads);
    thrum_local_free(&tools_of_thread);
    return pass.has_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
