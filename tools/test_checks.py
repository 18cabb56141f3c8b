#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The checks, checked: each must pass a small good tree, and find each violation planted in it."""

import pathlib
import subprocess
import sys
import tempfile

import self_test

TOOLS = pathlib.Path(__file__).resolve().parent
SPDX = "/* SPDX-License-Identifier: MIT */\n"

GOOD = {
    "src/LAYERS": "# bottom to top\nplatform\npark\nsync\n",
    "src/platform/atomic.h": SPDX + "#define th_load_acq(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)\n"
                                    "#define th_store_rel(p, v) "
                                    "__atomic_store_n((p), (v), __ATOMIC_RELEASE)\n",
    "src/platform/futex.h": SPDX + "int th_futex_wait(int *word);\n",
    "src/park/park.h": SPDX + "void th_park(void);\n",
    "src/park/park.c": SPDX + '#include "park/park.h"\n\n#include "platform/futex.h"\n\n'
                              "static int word;\n\nvoid th_park(void)\n{\n"
                              "    th_futex_wait(&word);\n}\n",
    "src/sync/lock.h": SPDX + "int th_lock_state(void);\n",
    "src/sync/lock.c": SPDX + """#include "sync/lock.h"

#include "park/park.h"
#include "platform/atomic.h"

static int state;

/* pthread_mutex_lock( in a comment is no code, nor is it in a string */
static const char *const text = "pthread_join(";

void th_barrier_abort(int free);

int th_lock_state(pthread_t thread)
{
    (void)text;
    th_cleanup_push(set_state, &thread);
    th_cleanup_pop(0);
    /* pairs: set_state, which is
     * below */
    return th_load_acq(&state);
}

static __attribute__((noinline)) void set_state(int value)
{
    th_store_rel(&state, value); /* pairs: th_lock_state; and no more */
}
""",
    "include/thrum/lock.h": SPDX + """/** @file
 *  Lock. */
#include <stdbool.h>

THRUM_BEGIN_DECLS

/** Acquire the lock.
 *  @param lock      a lock
 *  @param callback  called first
 *  @return 0
 *  @blocks until it is free   @thread any   @python Lock.acquire()   @since 0.1 */
THRUM_API int thrum_lock_acquire(int *lock, bool (*callback)(void *));

/** Release the lock.
 *  @param lock  a lock
 *  @blocks no   @thread any   @python Lock.release()   @since 0.1 */
THRUM_API inline void thrum_lock_release(int *lock)
{
    /* relaxed: an example */
    __atomic_store_n(lock, 0, __ATOMIC_RELAXED);
}

/** Hold the lock.
 *  @param lock  a lock
 *  @blocks until it is free   @thread any   @python with lock   @since 0.1 */
#define THRUM_HOLD(lock) thrum_lock_acquire((lock), NULL)

/** Private: for the macros. */
THRUM_API int thrum_private(int *lock);

THRUM_END_DECLS
""",
    "tests/sync/test_lock.c": SPDX + "int main(void)\n{\n    return 0;\n}\n",
    "examples/lock.c": SPDX + "int main(void)\n{\n    return 0;\n}\n",
    "bench/lock.c": SPDX + "int main(void)\n{\n    return 0;\n}\n",
}

LOCK_C, LOCK_H, PUBLIC = "src/sync/lock.c", "src/sync/lock.h", "include/thrum/lock.h"
LONG_FUNCTION = "\nint f(void)\n{\n" + "    f();\n" * 68 + "}\n"


def added(text):
    return lambda old: old + text


def replaced(old_part, new_part):
    def edit(old):
        assert old_part in old, old_part
        return old.replace(old_part, new_part)
    return edit


def in_function(code):
    return added("\nvoid planted(void)\n{\n    " + code + "\n}\n")


# What is planted: check, what it is called, file, how the file changes, what the finding says.
PLANTED = [
    ("layers", "an include upward", "src/platform/futex.h", added('#include "sync/lock.h"\n'),
     "above"),
    ("layers", "an include cycle", "src/sync/lock.h", added('#include "sync/other.h"\n'), "cycle"),
    ("layers", "a public header that includes src", PUBLIC, added('#include "park/park.h"\n'),
     "not public"),
    ("layers", "a public header that climbs out", PUBLIC, added('#include "../../src/park/park.h"\n'),
     "not public"),
    ("layers", "an include that climbs out", LOCK_C, added('#include "../park/park.h"\n'), "src/"),
    ("layers", "a layer that is not listed", "src/LAYERS", replaced("sync\n", ""), "src/sync"),
    ("atomics", "no note", LOCK_C, in_function("th_load_acq(&state);"), "without a note"),
    ("atomics", "a note out of reach", LOCK_C,
     in_function("/* relaxed: far */\n\n\n\n    th_load_acq(&state);"), "without a note"),
    ("atomics", "a partner that does not exist", LOCK_C, replaced("pairs: set_state", "pairs: gone"),
     "no such function"),
    ("atomics", "a second partner that does not exist", LOCK_C,
     replaced("pairs: set_state,", "pairs: set_state, gone,"), "no such function"),
    ("atomics", "a builtin in src", LOCK_C, in_function("__atomic_load_n(&state, 0);"), "__atomic"),
    ("atomics", "__sync in src", LOCK_C, in_function("__sync_synchronize();"), "__sync"),
    ("atomics", "volatile", LOCK_C, added("static volatile int other;\n"), "volatile"),
    ("atomics", "_Atomic", LOCK_C, added("static _Atomic int other;\n"), "_Atomic"),
    ("atomics", "stdatomic.h", LOCK_C, added("#include <stdatomic.h>\n"), "stdatomic"),
    ("atomics", "no note in a public header", PUBLIC, replaced("/* relaxed: an example */", ""),
     "without a note"),
    ("atomics", "an internal atomic in a public header", PUBLIC,
     replaced("__atomic_store_n(lock, 0, __ATOMIC_RELAXED)", "th_store_rel(lock, 0)"), "th_store"),
    ("docs", "no comment", PUBLIC, added("THRUM_API int thrum_new(void);\n"), "no doc comment"),
    ("docs", "a comment not directly above", PUBLIC,
     replaced("THRUM_API int thrum_lock_acquire", "int other;\nTHRUM_API int thrum_lock_acquire"),
     "no doc comment"),
    ("docs", "no @blocks", PUBLIC, replaced("@blocks no", ""), "no @blocks"),
    ("docs", "no @thread", PUBLIC, replaced("@thread any", ""), "no @thread"),
    ("docs", "no @python", PUBLIC, replaced("@python Lock.acquire()", ""), "no @python"),
    ("docs", "no @since", PUBLIC, replaced("@since 0.1", ""), "no @since"),
    ("docs", "no @return", PUBLIC, replaced("@return 0", ""), "no @return"),
    ("docs", "no @param", PUBLIC, replaced("@param callback", ""), "no @param callback"),
    ("docs", "a @param of nothing", PUBLIC, replaced("@param callback", "@param handler"),
     "@param handler"),
    ("docs", "a macro without @param", PUBLIC,
     replaced("/** Hold the lock.\n *  @param lock  a lock", "/** Hold the lock."),
     "THRUM_HOLD: no @param lock"),
    ("style", "a long function", "tests/sync/test_lock.c", added(LONG_FUNCTION), "71 lines"),
    ("style", "a long file", "bench/lock.c", added("\n" * 600), "at most 600"),
    ("style", "a long line", "examples/lock.c", added("/* " + "x" * 96 + "*/\n"), "101 columns"),
    ("style", "a tab", LOCK_H, added("\tint other;\n"), "tab"),
    ("style", "a blank at the end", LOCK_H, added("int other; \n"), "blanks"),
    ("style", "no newline at the end", LOCK_H, added("int other;"), "newline"),
    ("style", "no licence", LOCK_H, replaced(SPDX, "\n"), "SPDX"),
    ("style", "postponed work", LOCK_H, added("/* TO" "DO: later */\n"), "postponed"),
    ("style", "a FIXME", PUBLIC, added("/* FIX" "ME */\n"), "postponed"),
] + [
    ("blocking", call, LOCK_C, in_function(call), "block") for call in (
        "th_futex_wait(&state);", "nanosleep(&t, 0);", "usleep(1);", "sleep(1);", "sched_yield();",
        "poll(0, 0, 1);", "select(0, 0, 0, 0, 0);", "epoll_wait(1, 0, 0, 0);", "pause();",
        "pthread_cond_wait(&c, &m);", "pthread_cond_timedwait(&c, &m, &t);", "pthread_join(t, 0);",
        "pthread_mutex_lock(&m);", "pthread_rwlock_rdlock(&l);", "sem_timedwait(&s, &t);",
        "pthread_create(&t, 0, 0, 0);", "p->suspend(p, 0);", "cnd_wait(&c, &m);", "mtx_lock(&m);",
        "th_ending_await(t, d);")
] + [("blocking", "in a public header", PUBLIC, in_function("usleep(1);"), "block")] + [
    ("blocking", call, where, in_function(call), "only src/platform does")
    for where in (LOCK_C, "src/park/park.c") for call in (
        "pthread_self();", "pthread_cleanup_push(f, 0);", "pthread_key_t key;", "pthread_setspecific(k, 0);",
        "f(PTHREAD_CANCEL_DISABLE);", "atexit(f);", "f(atexit);", "abort();", "_exit(1);",
        "exit(1);", "getpid();", "syscall(1);", "clock_gettime(0, &t);", "time(0);", "malloc(1);",
        "free(p);", "strdup(s);", "mmap(0);", "write(1, s, 1);", "fork();")
]


def plant_tree(root, changed=None, change=None):
    for name, text in GOOD.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(change(text) if name == changed else text, encoding="utf-8")
    other = root / "src/sync/other.h"  # half of a cycle
    other.write_text(SPDX + '#include "sync/lock.h"\n', encoding="utf-8")


def run(check, *arguments):
    return subprocess.run([sys.executable, TOOLS / f"check_{check}.py", *arguments],
                          capture_output=True, text=True, check=False)


def passes_good_tree(check):
    with tempfile.TemporaryDirectory() as folder:
        plant_tree(pathlib.Path(folder))
        done = run(check, folder)
    return done.returncode == 0 and done.stdout == "", done.stdout + done.stderr


def finds(check, name, change, says):
    with tempfile.TemporaryDirectory() as folder:
        plant_tree(pathlib.Path(folder), name, change)
        done = run(check, folder)
    found = any(line.startswith(name + ":") and says in line for line in done.stdout.splitlines())
    return done.returncode == 1 and found, done.stdout + done.stderr


def prints_graph():
    with tempfile.TemporaryDirectory() as folder:
        plant_tree(pathlib.Path(folder))
        done = run("atomics", "--graph", folder)
    row = "| src/sync/lock.c | `set_state` | `th_store_rel` | `th_lock_state` |"
    return done.returncode == 0 and row in done.stdout.splitlines(), done.stdout + done.stderr


def cases():
    for check in ("layers", "blocking", "atomics", "docs", "style"):
        yield f"{check}: passes a good tree", lambda c=check: passes_good_tree(c)
        yield f"{check}: --help", lambda c=check: (run(c, "--help").returncode == 0, "")
    yield "atomics: --graph", prints_graph
    for check, title, name, change, says in PLANTED:
        yield (f"{check}: finds {title}",
               lambda c=check, n=name, f=change, s=says: finds(c, n, f, s))


if __name__ == "__main__":
    self_test.run(__doc__, cases())
