# SPDX-License-Identifier: MIT
import concurrent.futures

from common import configure_log, thread_function

configure_log()
with concurrent.futures.ThreadPoolExecutor(max_workers=2) as executor:
    executor.map(thread_function, range(4))
print("and with 3 workers", flush=True)
with concurrent.futures.ThreadPoolExecutor(max_workers=3) as executor:
    executor.map(thread_function, range(3))
