# SPDX-License-Identifier: MIT
import concurrent.futures
import threading


def divide_by(divisor):
    if divisor == 0:
        raise ArithmeticError("division by zero")
    return 42 // divisor


def tell(what, future):
    try:
        print("%s: %d" % (what, future.result()))
    except concurrent.futures.CancelledError:
        print("%s: it was cancelled" % what)
    except ArithmeticError as error:
        print("%s: it failed: %s" % (what, error))


gate = threading.Event()
with concurrent.futures.ThreadPoolExecutor(max_workers=1) as executor:
    good = executor.submit(divide_by, 6)
    bad = executor.submit(divide_by, 0)
    running = executor.submit(gate.wait)
    waiting = executor.submit(divide_by, 2)
    tell("42 / 6", good)
    tell("42 / 0", bad)
    waiting.cancel()
    tell("42 / 2", waiting)
    gate.set()
    running.result()
    print("one that has run cannot be cancelled:", "wrong" if running.cancel() else "right")
