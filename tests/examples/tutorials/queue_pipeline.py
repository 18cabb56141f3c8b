# SPDX-License-Identifier: MIT
import concurrent.futures
import logging
import queue
import random
import threading

from common import configure_log, sleep


def producer(pipeline, event):
    """Pretend we're getting a number from the network."""
    while not event.is_set():
        message = random.randint(1, 101)
        logging.info("Producer got message: %s", message)
        pipeline.put(message)
        sleep(0.02)
    logging.info("Producer received event. Exiting")
    pipeline.put(None)


def consumer(pipeline):
    """Pretend we're saving a number in the database."""
    while (message := pipeline.get()) is not None:
        logging.info("Consumer storing message: %s (size=%d)", message, pipeline.qsize())
        sleep(0.08)
    logging.info("Consumer received event. Exiting")


configure_log()
pipeline = queue.Queue(maxsize=10)
event = threading.Event()
with concurrent.futures.ThreadPoolExecutor(max_workers=2) as executor:
    executor.submit(producer, pipeline, event)
    executor.submit(consumer, pipeline)
    sleep(0.4)
    logging.info("Main: about to set event")
    event.set()
