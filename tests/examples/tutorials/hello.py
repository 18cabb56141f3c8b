# SPDX-License-Identifier: MIT
import sys
import threading

from common import sleeper

thread = threading.Thread(target=sleeper, name='thread1', args=(3, 'thread2'))
thread.start()
if "join" in sys.argv:
    thread.join()

print()
print('hello')
