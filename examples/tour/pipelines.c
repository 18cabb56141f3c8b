/* SPDX-License-Identifier: MIT */
/** @file
 *  Chapters on producer and consumer: over a pipeline of two locks, over a condition, over a queue.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tour.h"

enum { MESSAGES = 10, SENTINEL = -1 };

static long sent_sum, stored_sum;
static int sent_count, stored_count;

/** Pretend we're getting a message from the network. */
static int message_from_the_network(void)
{
    int message = 1 + rand() % 101;
    thrum_info("Producer got message: %d", message);
    sent_sum += message;
    sent_count++;
    return message;
}

/** Pretend we're saving a number in the database. */
static void store(int message)
{
    thrum_info("Consumer storing message: %d", message);
    stored_sum += message;
    stored_count++;
}

/** Run producer and consumer on `pipeline` and see that all that was sent has been stored. */
static void run_pipeline(thrum_target producer, thrum_target consumer, void *pipeline)
{
    srand((unsigned)thrum_now());
    tour_configure_log();
    thrum_thread *producing = thrum_spawn(producer, pipeline, .name = "Producer");
    thrum_thread *consuming = thrum_spawn(consumer, pipeline, .name = "Consumer");
    thrum_thread_join(producing);
    thrum_thread_join(consuming);
    thrum_thread_free(producing);
    thrum_thread_free(consuming);
    tour_require(sent_count == MESSAGES && stored_count == MESSAGES && sent_sum == stored_sum,
                 "each message stored once");
    tour_result("%d messages got, %d stored, none lost or doubled", sent_count, stored_count);
}

/* ---- producer-consumer using lock ---- */

/** A pipeline for a single element. Any thread may release a lock, and here the other side does.
 *  Until it has done so once, thrum may remark that the producer appears to wait for itself. */
struct pipeline {
    int message;
    thrum_lock producer_lock;
    thrum_lock consumer_lock;
};

static int get_message(struct pipeline *pipeline, const char *name)
{
    thrum_debug("%s:about to acquire getlock", name);
    thrum_lock_acquire(&pipeline->consumer_lock);
    thrum_debug("%s:have getlock", name);
    int message = pipeline->message;
    thrum_debug("%s:about to release setlock", name);
    thrum_lock_release(&pipeline->producer_lock);
    thrum_debug("%s:setlock released", name);
    return message;
}

static void set_message(struct pipeline *pipeline, int message, const char *name)
{
    thrum_debug("%s:about to acquire setlock", name);
    thrum_lock_acquire(&pipeline->producer_lock);
    thrum_debug("%s:have setlock", name);
    pipeline->message = message;
    thrum_debug("%s:about to release getlock", name);
    thrum_lock_release(&pipeline->consumer_lock);
    thrum_debug("%s:getlock released", name);
}

static void *produce(void *pipeline)
{
    for (int index = 0; index < MESSAGES; index++)
        set_message(pipeline, message_from_the_network(), "Producer");
    set_message(pipeline, SENTINEL, "Producer"); /* tells the consumer that we're done */
    return NULL;
}

static void *consume(void *pipeline)
{
    for (int message; (message = get_message(pipeline, "Consumer")) != SENTINEL;)
        store(message);
    return NULL;
}

static void pipeline_locks(void)
{
    struct pipeline pipeline = {.message = 0};
    thrum_lock_acquire(&pipeline.consumer_lock); /* there is nothing to get yet */
    run_pipeline(produce, consume, &pipeline);
}

const tour_chapter tour_pipeline_locks = {
    .title = "Producer-consumer with locks",
    .idea = "Two locks hand a single place to and fro; a sentinel ends it.",
    .python = "Lock, Pipeline",
    .thrum = "thrum_lock, released by either",
    .program = pipeline_locks,
};

/* ---- producer-consumer using a condition ---- */

enum { PLACES = 3 };

/** A pipeline of a few places. */
struct buffer {
    thrum_lock lock;
    thrum_condition not_empty, not_full;
    int messages[PLACES];
    unsigned put, got;
};

static void put(struct buffer *buffer, int message)
{
    thrum_with (&buffer->lock) {
        while (buffer->put - buffer->got == PLACES)
            thrum_condition_wait(&buffer->not_full, &buffer->lock);
        buffer->messages[buffer->put++ % PLACES] = message;
        thrum_condition_notify(&buffer->not_empty, 1);
    }
}

static int get(struct buffer *buffer)
{
    THRUM_HOLD(&buffer->lock);
    while (buffer->put == buffer->got)
        thrum_condition_wait(&buffer->not_empty, &buffer->lock);
    int message = buffer->messages[buffer->got++ % PLACES];
    thrum_condition_notify(&buffer->not_full, 1);
    return message;
}

static void *put_messages(void *buffer)
{
    for (int index = 0; index < MESSAGES; index++)
        put(buffer, message_from_the_network());
    put(buffer, SENTINEL);
    return NULL;
}

static void *get_messages(void *buffer)
{
    for (int message; (message = get(buffer)) != SENTINEL;)
        store(message);
    return NULL;
}

static void pipeline_condition(void)
{
    struct buffer buffer = {.put = 0};
    run_pipeline(put_messages, get_messages, &buffer);
}

const tour_chapter tour_pipeline_condition = {
    .title = "Producer-consumer with a condition",
    .idea = "A condition waits until another thread makes something true; the buffer has 3 places.",
    .python = "Condition",
    .thrum = "thrum_condition",
    .program = pipeline_condition,
};

/* ---- producer-consumer using a queue ---- */

enum { QUEUE_PLACES = 10 };

/** What both are given. The tutorial's consumer looks at the event and whether the queue is empty
 *  before it gets; it can miss a last message, or wait for one that never comes. Here the event
 *  stops the producer, and the queue, which the producer shuts down, the consumer. */
struct line {
    thrum_queue *queue;
    thrum_event event;
    size_t longest; /**< only the consumer looks */
};

/** Pretend we're getting a number from the network. */
static void *produce_until_event(void *arg)
{
    struct line *line = arg;
    while (!thrum_event_is_set(&line->event)) {
        intptr_t message = message_from_the_network();
        thrum_queue_put(line->queue, (void *)message); /* waits while the queue is full */
        thrum_sleep(tour_seconds(0.02));
    }
    thrum_info("Producer received event. Exiting");
    thrum_queue_shutdown(line->queue, false);
    return NULL;
}

/** Pretend we're saving a number in the database, which is slower. */
static void *consume_until_shutdown(void *arg)
{
    struct line *line = arg;
    void *message;
    while (thrum_queue_get(line->queue, &message) == 0) {
        size_t size = thrum_queue_qsize(line->queue);
        thrum_info("Consumer storing message: %d (size=%zu)", (int)(intptr_t)message, size);
        stored_sum += (intptr_t)message;
        stored_count++;
        line->longest = size > line->longest ? size : line->longest;
        thrum_sleep(tour_seconds(0.08));
    }
    thrum_info("Consumer received event. Exiting");
    return NULL;
}

static void pipeline_queue(void)
{
    struct line line = {.queue = thrum_queue_new(QUEUE_PLACES)};
    srand((unsigned)thrum_now());
    tour_configure_log();
    {
        THRUM_EXECUTOR(executor, .max_workers = 2);
        thrum_executor_submit(executor, produce_until_event, &line, NULL);
        thrum_executor_submit(executor, consume_until_shutdown, &line, NULL);
        thrum_sleep(tour_seconds(0.4));
        thrum_info("Main: about to set event");
        thrum_event_set(&line.event);
    }
    tour_require(sent_count > 0 && stored_count == sent_count && sent_sum == stored_sum,
                 "each message stored once");
    tour_require(line.longest <= QUEUE_PLACES, "a queue within its bound");
    tour_result("%d messages got, %d stored; never more than %zu of %d places taken", sent_count,
                stored_count, line.longest, QUEUE_PLACES);
    thrum_queue_free(line.queue);
}

static void check_pipeline_queue(const tour_run *run)
{
    tour_require(run->exit_status == 0, "a program that ends well");
    tour_require(tour_in_order(run, "Main: about to set event", "Producer received event. Exiting"),
                 "a producer that the event stops");
    tour_require(tour_in_order(run, "Producer received event", "Consumer received event. Exiting"),
                 "a consumer that stores what is left");
}

const tour_chapter tour_pipeline_queue = {
    .title = "Producer-consumer with a queue",
    .idea = "A queue has the lock and the conditions inside; full, it slows the producer down.",
    .python = "queue.Queue(maxsize=10)",
    .thrum = "thrum_queue_new(10)",
    .program = pipeline_queue,
    .check = check_pipeline_queue,
};
