# SPDX-License-Identifier: MIT
import threading
import time

from common import sleeper

n_threads = 5
threads = []

start = time.time()
for i in range(n_threads):
    name = 'thread_{}'.format(i)
    thread = threading.Thread(target=sleeper, name=name, args=(3, name))
    threads.append(thread)
    thread.start()

for thread in threads:
    thread.join()

elapse = time.time() - start
print('Elapse time: ', elapse)
print('All {} tasks have finished their job'.format(n_threads))
