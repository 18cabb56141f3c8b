/* SPDX-License-Identifier: MIT */
/** @file
 *  Scenario: log. Lines go to a stream whose other end is here: each must be whole, and each
 *  worker's lines must come one after the other, none missing. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "torture.h"

#define LINE_BYTES 256

static struct {
    FILE *stream;
    char line[LINE_BYTES];
    size_t length;
    uint64_t next[WORKERS_MAX]; /* of each worker: the number of its next line */
    uint64_t written, read;
} sink;

/** A line is "...<SLOT NUMBER CHECK>": the check tells torn lines from whole ones. */
static void read_line(void)
{
    unsigned slot = 0;
    uint64_t number = 0, check = 0;
    sink.line[sink.length] = '\0';
    const char *start = strchr(sink.line, '<');
    sink.read++;
    if (start == NULL ||
        sscanf(start, "<%u %" SCNu64 " %" SCNu64 ">", &slot, &number, &check) != 3 ||
        slot >= WORKERS_MAX || check != number * 31 + slot || sink.line[sink.length - 1] != '>') {
        torture_count(OVERLAP, 1);
        return;
    }
    torture_in_order(&sink.next[slot], number);
}

/** The other end of the stream; one thread at a time, as the stream is locked. */
static ssize_t take_bytes(void *unused, const char *bytes, size_t count)
{
    (void)unused;
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] == '\n') {
            read_line();
            sink.length = 0;
        } else if (sink.length < LINE_BYTES - 1) {
            sink.line[sink.length++] = bytes[i];
        }
    }
    return (ssize_t)count;
}

static void configure(uint32_t way)
{
    static const char *const formats[] = {
        "%(message)s",
        "%(asctime)s %(levelname)-8s %(threadName)s: %(message)s",
        "%(filename)s:%(lineno)d %(message)s",
    };
    int status =
        thrum_log_config(.level = THRUM_LOG_INFO, .format = formats[way], .stream = sink.stream);
    torture_expect(status, false);
}

static void log_setup(unsigned workers)
{
    (void)workers;
    memset(&sink, 0, sizeof sink);
    sink.stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = take_bytes});
    if (sink.stream == NULL) {
        fprintf(stderr, "thrum-torture: no memory for a stream\n");
        exit(1);
    }
    configure(0);
}

static bool log_step(worker *me)
{
    uint64_t number = me->own[0]++;
    if (torture_random(me, 2) == 0)
        thrum_info("<%u %" PRIu64 " %" PRIu64 ">", me->slot, number, number * 31 + me->slot);
    else
        thrum_log_error("<%u %" PRIu64 " %" PRIu64 ">", me->slot, number, number * 31 + me->slot);
    __atomic_add_fetch(&sink.written, 1, __ATOMIC_RELAXED);
    thrum_debug("not written"); /* below the level */
    if (torture_random(me, 100) == 0)
        configure(torture_random(me, 3));
    return !torture_stopping();
}

static void log_check(void)
{
    torture_expect(thrum_log_config(.level = THRUM_LOG_WARNING), false);
    fclose(sink.stream);
    torture_conserve(sink.written, sink.read);
}

const scenario scenario_log = {
    .name = "log",
    .proves = "lines are whole, none is missing, whoever changes the format meanwhile",
    .setup = log_setup,
    .step = log_step,
    .check = log_check,
    .least = 1,
    .in_mixed = true,
};
