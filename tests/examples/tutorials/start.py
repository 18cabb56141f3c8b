# SPDX-License-Identifier: MIT
import logging
import sys
import threading

from common import configure_log, sleep, thread_function

configure_log()
logging.info("Main    : before creating thread")
x = threading.Thread(target=thread_function, args=(1,), daemon="daemon" in sys.argv)
logging.info("Main    : before running thread")
x.start()
if "daemon" in sys.argv:
    sleep(0.5)
logging.info("Main    : wait for the thread to finish")
if "join" in sys.argv:
    x.join()
logging.info("Main    : all done")
