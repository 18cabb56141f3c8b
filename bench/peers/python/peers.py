#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Python's own threads, the originals of thrum's objects, in the benchmarks. The figures have the
units of the others', but most are of a tenth of the work or less."""

import argparse
import concurrent.futures
import json
import os
import queue
import resource
import sys
import threading
import time

PAIRS = 1_000_000
CONTENDED_S = 0.5
TURNS = 10_000
THREADS_RUN = 1_000
SLEEPERS, WAKES = 32, 20
ITEMS, QUEUE_SIZE = 100_000, 1024
WORKERS = 2
TASKS = 50_000
SUBMITS = 5_000
MAP_LARGE, MAP_SMALL, MAPS_SMALL = 100_000, 1_000, 20
IDLE_S = 2.0

options = None
notes = {}
USABLE = sorted(os.sched_getaffinity(0))


def place(index):
    if options.cpus:
        os.sched_setaffinity(0, {USABLE[index % options.cpus]})


def crew(count, body):
    """Seconds that `count` threads take for body(0), body(1), ... from their common start."""
    ready = threading.Barrier(count + 1)

    def member(index):
        place(index)
        ready.wait()
        body(index)

    threads = [threading.Thread(target=member, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    started = time.perf_counter()
    ready.wait()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


def uncontended(lock):
    started = time.perf_counter()
    for _ in range(PAIRS):
        lock.acquire()
        lock.release()
    return (time.perf_counter() - started) / PAIRS * 1e9


def contended():
    lock, count = threading.Lock(), options.threads or 2
    served, counter, stop = [0] * count, 0, False

    def hammer(index):
        nonlocal counter
        n = 0
        while not stop:
            with lock:
                counter += 1
            n += 1
        served[index] = n

    def stopper():
        nonlocal stop
        time.sleep(CONTENDED_S)
        stop = True

    threading.Thread(target=stopper).start()
    crew(count, hammer)
    assert sum(served) == counter, "the counter lost updates"
    notes["least/most"] = min(served) / max(served)
    return counter / CONTENDED_S / 1e6


def two(turn):
    def body(me):
        for _ in range(TURNS):
            turn(me)
    return TURNS / crew(2, body) / 1e3


def condition_ping_pong():
    changed, whose = threading.Condition(), 0

    def turn(me):
        nonlocal whose
        with changed:
            while whose != me:
                changed.wait()
            whose = 1 - me
            changed.notify()
    return two(turn)


def semaphore_ping_pong():
    sides = threading.Semaphore(1), threading.Semaphore(0)

    def turn(me):
        sides[me].acquire()
        sides[1 - me].release()
    return two(turn)


def barrier_of_two():
    barrier = threading.Barrier(2)
    return two(lambda me: barrier.wait())


def wake_all():
    event, met = threading.Event(), threading.Barrier(SLEEPERS + 1)

    def sleeper():
        for _ in range(WAKES):
            event.wait()
            met.wait()
            met.wait()

    threads = [threading.Thread(target=sleeper) for _ in range(SLEEPERS)]
    for thread in threads:
        thread.start()
    spent = reached = 0
    for _ in range(WAKES):
        time.sleep(0.003)
        started = time.perf_counter()
        event.set()
        spent += time.perf_counter() - started
        met.wait()
        reached += time.perf_counter() - started
        event.clear()
        met.wait()
    for thread in threads:
        thread.join()
    notes["us until all ran"] = reached / WAKES * 1e6
    return spent / WAKES * 1e6


def thread_start_join():
    if options.threads:
        print("busy threads would hold the interpreter lock", file=sys.stderr)
        sys.exit(3)
    ran = []
    started = time.perf_counter()
    for index in range(THREADS_RUN):
        thread = threading.Thread(target=ran.append, args=(index,))
        thread.start()
        thread.join()
    seconds = time.perf_counter() - started
    assert len(ran) == THREADS_RUN, "a thread did not run"
    return seconds / THREADS_RUN * 1e6


def through(items):
    sides = options.threads or 1
    share, sums = ITEMS // sides, []

    def body(index):
        if index % 2 == 0:
            first = index // 2 * share + 1
            for item in range(first, first + share):
                items.put(item)
        else:
            sums.append(sum(items.get() for _ in range(share)))

    seconds, count = crew(2 * sides, body), share * sides
    assert sum(sums) == count * (count + 1) // 2, "items were lost or came twice"
    return count / seconds / 1e6


def queue_ping_pong(make):
    going, coming = make(), make()

    def body(me):
        for item in range(1, TURNS + 1):
            if me == 0:
                going.put(item)
                assert coming.get() == item, "an item was lost"
            else:
                coming.put(going.get())
    return crew(2, body) / TURNS * 1e6


def executor_futures():
    started = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(options.threads or WORKERS) as executor:
        futures = [executor.submit(int, item) for item in range(1, TASKS + 1)]
        total = sum(future.result() for future in futures)
    seconds = time.perf_counter() - started
    assert total == TASKS * (TASKS + 1) // 2, "a result is wrong"
    return seconds / TASKS * 1e9


def executor_submit_wait():
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as executor:
        started = time.perf_counter()
        for item in range(SUBMITS):
            assert executor.submit(int, item).result() == item, "a result is wrong"
        return (time.perf_counter() - started) / SUBMITS * 1e6


def map_item(item):
    return item * 0x9e3779b97f4a7c15 % 2**64 >> 40


def maps(size, count):
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as executor:
        started = time.perf_counter()
        for _ in range(count):
            results = list(executor.map(map_item, range(size)))
        seconds = time.perf_counter() - started
    assert results == [map_item(item) for item in range(size)], "a map's result is wrong"
    return seconds / (size * count) * 1e9


def idle():
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as executor:
        executor.submit(int).result()
        timer = threading.Timer(3600, int)
        timer.start()
        time.sleep(0.2)
        before, cpu = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw, time.process_time()
        time.sleep(IDLE_S)
        cpu = time.process_time() - cpu
        switches = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before - 1
        timer.cancel()
    notes["wake-ups per s"] = switches / IDLE_S
    return cpu / IDLE_S * 1e3


ENTRIES = {
    "lock_uncontended/python Lock": lambda: uncontended(threading.Lock()),
    "rlock_uncontended/python RLock": lambda: uncontended(threading.RLock()),
    "lock_contended/python Lock": contended,
    "condition_ping_pong/python Condition": condition_ping_pong,
    "semaphore_ping_pong/python Semaphore": semaphore_ping_pong,
    "barrier_of_two/python Barrier": barrier_of_two,
    "wake_all/python Event": wake_all,
    "thread_start_join/python Thread": thread_start_join,
    "queue_bounded/python Queue": lambda: through(queue.Queue(QUEUE_SIZE)),
    "queue_unbounded/python SimpleQueue": lambda: through(queue.SimpleQueue()),
    "queue_ping_pong/python Queue": lambda: queue_ping_pong(lambda: queue.Queue(QUEUE_SIZE)),
    "queue_ping_pong/python SimpleQueue": lambda: queue_ping_pong(queue.SimpleQueue),
    "executor_futures/python ThreadPoolExecutor": executor_futures,
    "executor_submit_wait/python ThreadPoolExecutor": executor_submit_wait,
    "map_large/python ThreadPoolExecutor": lambda: maps(MAP_LARGE, 1),
    "map_small/python ThreadPoolExecutor": lambda: maps(MAP_SMALL, MAPS_SMALL),
    "idle/python": idle,
}


def measure(entry):
    workload, contender = entry.split("/", 1)
    started, cpu = time.perf_counter(), time.process_time()
    figure = ENTRIES[entry]()
    cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - started
    print(json.dumps({"workload": workload, "contender": contender, "figure": figure,
                      "wall_s": wall_s, "cpu_s": cpu_s, "checked": True, "notes": notes}))


def main():
    global options
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--one", metavar="WORKLOAD/CONTENDER", choices=ENTRIES)
    parser.add_argument("--cpus", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    for entry in [options.one] if options.one else ENTRIES:
        if options.list:
            print("contender", *entry.split("/", 1), sep="\t")
        else:
            notes.clear()
            measure(entry)


if __name__ == "__main__":
    main()
