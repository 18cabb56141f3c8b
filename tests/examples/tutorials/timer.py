# SPDX-License-Identifier: MIT
import threading
import time

from common import SCALE

greeting = threading.Timer(1 * SCALE, print, ("hello, timer",))
alarm_clock = threading.Timer(300 * SCALE, print, ("too late, too late",))

print("Main: the timers are started")
greeting.start()
alarm_clock.start()
alarm_clock.cancel()
alarm_clock.join()
print("Main: the alarm is cancelled before it goes off:", alarm_clock.finished.is_set())
greeting.join()

# There is no timer that repeats: a loop that sleeps.
for _ in range(5):
    time.sleep(0.2 * SCALE)
    print("tick")
print("Main: the metronome is stopped")
