# SPDX-License-Identifier: MIT
"""What the tutorials' programs share. Sleeps are a tenth as long."""
import logging
import sys
import time

SCALE = 0.1


def sleep(seconds):
    time.sleep(seconds * SCALE)


def configure_log():
    format = "%(asctime)s: %(message)s"
    logging.basicConfig(format=format, level=logging.INFO, datefmt="%H:%M:%S", stream=sys.stdout)


def thread_function(name):
    logging.info("Thread %s: starting", name)
    sleep(2)
    logging.info("Thread %s: finishing", name)


def sleeper(n, name):
    print('I am {}. Going to sleep for {} seconds\n'.format(name, n), end="", flush=True)
    sleep(n)
    print('{} has woken up from sleep\n'.format(name), end="", flush=True)
