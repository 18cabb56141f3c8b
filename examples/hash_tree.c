/* SPDX-License-Identifier: MIT */
/** @file
 *  hash_tree: hash every file of a directory tree with several threads, print what `sha256sum -c`
 *  accepts.
 *
 *      main walks the tree and puts each file into a bounded buffer; the workers get files from it,
 *      read and hash them (SHA-256 of OpenSSL); whoever completes the oldest file that is not yet
 *      printed prints it and what follows it, so the lines come in the order of the walk. */
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
    BUFFER_PLACES = 256,   /**< files between the walk and the workers */
    BLOCK_BYTES = 1 << 17, /**< read at once */
    STACK_BYTES = 1 << 18,
    DIGEST_BYTES = 32,
    THREADS_MAX = 1024,
    BAR_WIDTH = 30,
    EXIT_TROUBLE = 2, /**< nothing useful could be done; EXIT_FAILURE: some files are missing */
};

/** A file, from the walk to the printing. */
struct file {
    struct file *next; /**< in the order of the walk */
    bool is_done;
    bool is_hashed; /**< false: it could not be read, and has been complained of */
    unsigned char digest[DIGEST_BYTES];
    char path[];
};

/** One pass over the tree. */
struct pass {
    bool quiet;       /**< print neither lines nor complaints */
    unsigned threads; /**< how many hash */

    thrum_lock lock; /**< guards what follows */
    thrum_condition not_empty, not_full;
    struct file *places[BUFFER_PLACES];
    unsigned put, got;
    bool is_walked;            /**< no more files will be put */
    struct file *first, *last; /**< not yet printed, in the order of the walk */
    uint64_t files, bytes;     /**< hashed so far */
    double work_seconds;       /**< processor time of all workers */
    bool has_failed;           /**< something could not be read */
    bool is_broken;            /**< no memory, or stdout cannot be written: give up */
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
    thrum_event is_over;
};

/** Redraw the bar ten times a second until the pass is over. */
static void *show_progress(void *arg)
{
    struct progress *progress = arg;
    thrum_time start = thrum_now();
    while (thrum_event_wait_until(&progress->is_over, thrum_after(0.1)) == THRUM_ETIMEDOUT) {
        uint64_t files = 0, bytes = 0;
        thrum_with (&progress->pass->lock) {
            files = progress->pass->files;
            bytes = progress->pass->bytes;
        }
        draw_bar(files, bytes, seconds_since(start));
    }
    thrum_with (&terminal)
        clear_bar();
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

/** With the lock held: let the producer and all consumers come to an end. */
static void give_up(struct pass *pass)
{
    pass->is_broken = true;
    thrum_condition_notify_all(&pass->not_full);
    thrum_condition_notify_all(&pass->not_empty);
}

/** With the lock held: print what is complete, oldest first, and forget it. */
static void print_complete(struct pass *pass)
{
    while (pass->first != NULL && pass->first->is_done) {
        struct file *file = pass->first;
        pass->first = file->next;
        if (pass->first == NULL)
            pass->last = NULL;
        if (file->is_hashed && !pass->quiet)
            print_file(file);
        free(file);
    }
    if (ferror(stdout) != 0)
        give_up(pass);
}

/* ---- consumers ---- */

struct worker {
    struct pass *pass;
    thrum_thread *thread; /**< NULL: not started */
    EVP_MD_CTX *context;
    unsigned char *block; /**< of BLOCK_BYTES */
};

/** Get all the memory a worker will ever need; false: there is none. */
static bool worker_prepare(struct worker *worker, struct pass *pass)
{
    *worker =
        (struct worker){.pass = pass, .context = EVP_MD_CTX_new(), .block = malloc(BLOCK_BYTES)};
    return worker->block != NULL && worker->context != NULL &&
           EVP_DigestInit_ex(worker->context, EVP_sha256(), NULL) == 1;
}

static void worker_release(struct worker *worker)
{
    EVP_MD_CTX_free(worker->context);
    free(worker->block);
    thrum_thread_free(worker->thread);
}

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
static bool hash_descriptor(const struct worker *worker, struct file *file, int descriptor)
{
    struct pass *pass = worker->pass;
    EVP_MD_CTX *context = worker->context;
    bool is_right = EVP_DigestInit_ex(context, NULL, NULL) == 1; /* again, the same digest */
    ssize_t bytes = 0;
    while (is_right && (bytes = read(descriptor, worker->block, BLOCK_BYTES)) != 0) {
        if (bytes < 0 && errno == EINTR)
            continue;
        if (bytes < 0) {
            complain(pass, true, "%s: %s", file->path, strerror(errno));
            return false;
        }
        is_right = EVP_DigestUpdate(context, worker->block, (size_t)bytes) == 1;
        thrum_with (&pass->lock)
            pass->bytes += (size_t)bytes;
    }
    if (is_right && EVP_DigestFinal_ex(context, file->digest, NULL) == 1)
        return true;
    complain(pass, true, "%s: the hash could not be computed", file->path);
    return false;
}

static void hash_file(const struct worker *worker, struct file *file)
{
    struct pass *pass = worker->pass;
    bool is_hashed = false;
    int descriptor = open_file(pass, file->path);
    if (descriptor >= 0) {
        is_hashed = hash_descriptor(worker, file, descriptor);
        close(descriptor);
    }
    thrum_with (&pass->lock) {
        file->is_done = true;
        file->is_hashed = is_hashed;
        pass->files += is_hashed;
        print_complete(pass);
    }
}

/** Wait for a file; NULL when there will be no more. */
static struct file *get_file(struct pass *pass)
{
    THRUM_HOLD(&pass->lock);
    while (pass->put == pass->got && !pass->is_walked)
        thrum_condition_wait(&pass->not_empty, &pass->lock);
    if (pass->put == pass->got || pass->is_broken)
        return NULL;
    struct file *file = pass->places[pass->got++ % BUFFER_PLACES];
    thrum_condition_notify(&pass->not_full, 1);
    return file;
}

static double processor_seconds_of_this_thread(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/** A consumer: hash files until there are no more. */
static void *hash_files(void *arg)
{
    const struct worker *worker = arg;
    double before = processor_seconds_of_this_thread();
    for (struct file *file; (file = get_file(worker->pass)) != NULL;)
        hash_file(worker, file);
    thrum_with (&worker->pass->lock)
        worker->pass->work_seconds += processor_seconds_of_this_thread() - before;
    return NULL;
}

/* ---- the producer ---- */

/** Put a file into the buffer; waits while it is full. False: give up. */
static bool put_file(struct pass *pass, const char *path)
{
    size_t bytes = strlen(path) + 1;
    struct file *file = malloc(sizeof *file + bytes);
    if (file != NULL) {
        *file = (struct file){.next = NULL};
        memcpy(file->path, path, bytes);
    }
    THRUM_HOLD(&pass->lock);
    while (pass->put - pass->got == BUFFER_PLACES && !pass->is_broken)
        thrum_condition_wait(&pass->not_full, &pass->lock);
    if (file == NULL || pass->is_broken) {
        give_up(pass);
        free(file);
        return false;
    }
    if (pass->last != NULL)
        pass->last->next = file;
    else
        pass->first = file;
    pass->last = file;
    pass->places[pass->put++ % BUFFER_PLACES] = file;
    thrum_condition_notify(&pass->not_empty, 1);
    return true;
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

/** Walk the tree and put its regular files. Links are not followed. `alone`, if any, hashes each
 *  file at once: it is there when no thread could be started. */
static void walk(struct pass *pass, char *root, const struct worker *alone)
{
    FTS *tree = open_tree(root);
    bool goes_on = tree != NULL;
    for (FTSENT *entry; goes_on && (entry = next_entry(tree)) != NULL;) {
        switch (entry->fts_info) {
        case FTS_F:
            goes_on = put_file(pass, entry->fts_path);
            if (goes_on && alone != NULL)
                hash_file(alone, get_file(pass));
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
    if (goes_on ? errno != 0 : tree == NULL)
        complain(pass, true, "%s: the walk ended early: %s", root, strerror(errno));
    if (tree != NULL)
        fts_close(tree);
    thrum_with (&pass->lock) {
        pass->is_walked = true;
        thrum_condition_notify_all(&pass->not_empty);
    }
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

/** Start up to `count` workers; returns how many run. Fewer will do. */
static unsigned start_workers(struct pass *pass, struct worker *workers, unsigned count)
{
    unsigned started = 0;
    while (started < count) {
        struct worker *worker = &workers[started];
        if (worker_prepare(worker, pass))
            worker->thread =
                thrum_spawn(hash_files, worker, .name = "hasher", .stack_bytes = STACK_BYTES);
        if (worker->thread == NULL) {
            complain(pass, false, "only %u of %u threads could be started", started, count);
            worker_release(worker);
            break;
        }
        started++;
    }
    return started;
}

static void join_workers(struct worker *workers, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        thrum_thread_join(workers[i].thread);
        worker_release(&workers[i]);
    }
}

/** Hash the tree with `threads` workers; returns how many seconds it took. */
static double run_pass(struct pass *pass, char *root, struct worker *workers, unsigned threads)
{
    struct progress progress = {.pass = pass};
    struct worker alone = {.pass = pass};
    thrum_thread *bar = NULL;
    if (bytes_expected > 0 && !pass->quiet)
        bar = thrum_spawn(show_progress, &progress, .name = "progress");
    thrum_time start = thrum_now();
    unsigned started = start_workers(pass, workers, threads);
    pass->threads = started > 0 ? started : 1;
    if (started > 0) {
        walk(pass, root, NULL);
    } else if (worker_prepare(&alone, pass)) {
        walk(pass, root, &alone);
    } else {
        pass->is_broken = true;
    }
    join_workers(workers, started);
    double seconds = seconds_since(start);
    worker_release(&alone);
    thrum_event_set(&progress.is_over);
    thrum_thread_join(bar);
    thrum_thread_free(bar);
    for (struct file *file; (file = pass->first) != NULL; free(file))
        pass->first = file->next; /* left over only when the pass was given up */
    return seconds;
}

/** Run the tree again with one thread and with all, and say how they compare. */
static void compare(char *root, struct worker *workers, unsigned threads)
{
    struct pass one = {.quiet = true}, many = {.quiet = true};
    double one_seconds = run_pass(&one, root, workers, 1);
    double many_seconds = run_pass(&many, root, workers, threads);
    fprintf(stderr, "hash_tree: 1 thread: %.3f s, %.0f MB/s; %u threads: %.3f s, %.0f MB/s\n",
            one_seconds, megabytes(one.bytes) / one_seconds, many.threads, many_seconds,
            megabytes(many.bytes) / many_seconds);
    fprintf(stderr, "hash_tree: speed-up over one thread: %.2f\n", one_seconds / many_seconds);
}

/** Say what was done. The speed-up is estimated: had one thread done the workers' computing, it
 *  would have taken as long as they did in all. */
static void summarise(const struct pass *pass, double seconds)
{
    fprintf(stderr, "hash_tree: %llu files, %.1f MB in %.3f s (%.0f MB/s) with %u thread%s\n",
            (unsigned long long)pass->files, megabytes(pass->bytes), seconds,
            megabytes(pass->bytes) / seconds, pass->threads, pass->threads == 1 ? "" : "s");
    if (pass->threads > 1)
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
    struct worker *workers = calloc(settings.threads, sizeof *workers);
    if (workers == NULL) {
        fputs("hash_tree: out of memory\n", stderr);
        return EXIT_TROUBLE;
    }
    if (isatty(STDERR_FILENO))
        bytes_expected = size_of_tree(settings.root);
    struct pass pass = {.quiet = false};
    double seconds = run_pass(&pass, settings.root, workers, settings.threads);
    if (fflush(stdout) != 0 || pass.is_broken) {
        fprintf(stderr, "hash_tree: given up: %s\n",
                ferror(stdout) ? "the lines cannot be written" : "out of memory");
        free(workers);
        return EXIT_TROUBLE;
    }
    if (!settings.quiet)
        summarise(&pass, seconds);
    if (settings.compare)
        compare(settings.root, workers, settings.threads);
    free(workers);
    return pass.has_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
