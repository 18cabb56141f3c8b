# SPDX-License-Identifier: MIT
import concurrent.futures
import logging
import sys
import threading

from common import configure_log, sleep

locked = "locked" in sys.argv


class FakeDatabase:
    def __init__(self):
        self.value = 0
        self._lock = threading.Lock()
        self.both_have_read = threading.Barrier(2)

    def update(self, name):
        logging.info("Thread %s: starting update", name)
        local_copy = self.value
        local_copy += 1
        self.both_have_read.wait()
        self.value = local_copy
        logging.info("Thread %s: finishing update", name)

    def locked_update(self, name):
        logging.info("Thread %s: starting update", name)
        logging.debug("Thread %s about to lock", name)
        with self._lock:
            logging.debug("Thread %s has lock", name)
            local_copy = self.value
            local_copy += 1
            sleep(0.1)
            self.value = local_copy
            logging.debug("Thread %s about to release lock", name)
        logging.debug("Thread %s after release", name)
        logging.info("Thread %s: finishing update", name)


configure_log()
database = FakeDatabase()
what = "locked update" if locked else "update"
logging.info("Testing %s. Starting value is %d.", what, database.value)
update = database.locked_update if locked else database.update
with concurrent.futures.ThreadPoolExecutor(max_workers=2) as executor:
    for index in range(2):
        executor.submit(update, index)
logging.info("Testing %s. Ending value is %d.", what, database.value)
