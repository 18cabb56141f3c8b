# SPDX-License-Identifier: MIT
import concurrent.futures

from common import sleep


def do_job(name, seconds):
    sleep(seconds)
    return len(name)


jobs = {"slow": 1.5, "quickest": 0.5, "middle": 1.0}
with concurrent.futures.ThreadPoolExecutor(max_workers=3) as executor:
    futures = {executor.submit(do_job, *job): job[0] for job in jobs.items()}
    for future in concurrent.futures.as_completed(futures):
        print("%s is done, its result is %d" % (futures[future], future.result()))
