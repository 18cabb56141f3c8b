# SPDX-License-Identifier: MIT
import concurrent.futures

from common import sleep


def square(n):
    sleep(0.1 * (6 - n))
    print('{} has been squared\n'.format(n), end="", flush=True)
    return n * n


with concurrent.futures.ThreadPoolExecutor(max_workers=6) as executor:
    print("squares:", *executor.map(square, range(6)))
