/* SPDX-License-Identifier: MIT */
/** @file
 *  Queue: a pipeline of ten places between a producer and a consumer, and an event that stops it.
 *  In Python:
 *
 *      def producer(pipeline, event):
 *          while not event.is_set():
 *              message = random.randint(1, 101)
 *              logging.info("Producer got message: %s", message)
 *              pipeline.put(message)
 *          pipeline.shutdown()                 # the consumer gets what is left, then ShutDown
 *
 *      def consumer(pipeline):
 *          while True:
 *              try:
 *                  message = pipeline.get()
 *              except queue.ShutDown:
 *                  break
 *              logging.info("Consumer storing message: %s (size=%s)", message, pipeline.qsize())
 *
 *      pipeline = queue.Queue(maxsize=10)
 *      event = threading.Event()
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>
#include <thrum/queue.h>

enum { PLACES = 10 };

static thrum_event stop;
static long produced, produced_sum, stored, stored_sum;
static size_t most_waiting;

static void *produce(void *arg)
{
    thrum_queue *pipeline = arg;
    while (!thrum_event_is_set(&stop)) {
        intptr_t message = 1 + rand() % 101;
        thrum_info("Producer got message: %d", (int)message);
        if (thrum_queue_put(pipeline, (void *)message) != 0)
            return thrum_fail(1, "the pipeline is shut, or there is no memory");
        produced++;
        produced_sum += message;
    }
    thrum_info("Producer received event. Exiting");
    thrum_queue_shutdown(pipeline, false);
    return NULL;
}

static void *consume(void *arg)
{
    thrum_queue *pipeline = arg;
    void *message;
    while (thrum_queue_get(pipeline, &message) == 0) {
        size_t waiting = thrum_queue_qsize(pipeline);
        thrum_info("Consumer storing message: %d (size=%zu)", (int)(intptr_t)message, waiting);
        most_waiting = waiting > most_waiting ? waiting : most_waiting;
        stored++;
        stored_sum += (intptr_t)message;
        thrum_sleep(0.001); /* the database is slow: the pipeline fills, the producer waits */
    }
    thrum_info("Consumer received ShutDown. Exiting");
    return NULL;
}

int main(void)
{
    thrum_log_config(.level = THRUM_LOG_INFO, .format = "%(asctime)s: %(message)s",
                     .datefmt = "%H:%M:%S");
    thrum_queue *pipeline = thrum_queue_new(PLACES);
    thrum_thread *producer = thrum_spawn(produce, pipeline, .name = "Producer");
    thrum_thread *consumer = thrum_spawn(consume, pipeline, .name = "Consumer");

    thrum_sleep(0.1);
    thrum_info("Main: about to set event");
    thrum_event_set(&stop);

    thrum_thread_join(producer);
    thrum_thread_join(consumer);
    thrum_thread_free(producer);
    thrum_thread_free(consumer);
    thrum_queue_free(pipeline);
    printf("%ld messages produced, %ld stored, at most %zu waited\n", produced, stored,
           most_waiting);
    bool is_right = produced == stored && produced_sum == stored_sum && most_waiting <= PLACES;
    return is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
