# SPDX-License-Identifier: MIT
"""The faults that tools/mutate.py plants: those made by rule, and those of tools/mutants/*.txt.

A file of the table holds entries like this, which any editor shows as a patch:

    @ lock.wake-not-set src/sync/ownable.c lock condition
    # who queues first is never woken
         if (woken || th_bucket_first(bucket, key) == NULL)
    -        mark |= TH_WAKE;
    +        mark |= 0;

After `@`: its name, the file, and the models that should notice. After `#`: what is wrong now. Then
what is replaced, one column to the right: lines that stay, lines that go (-), lines that come (+). A
line `...` begins a second place of the same file. Each place must be found exactly once."""

import dataclasses
import re

import source

FILES = ("src/park", "src/sync", "src/thread", "src/flow", "src/observe", "include/thrum")
BY_RULE_NOT = ("src/observe/log_",)  # how lines look is no matter of order

# Which models, and which tests, look at a file first.
MODELS = {
    "src/park/rawlock.c": "rawlock",
    "src/park/table.c": "park condition semaphore lock fork gate",
    "src/park/park.c": "park semaphore condition lock event",
    "src/park/context.c": "park thread registry fork",
    "src/park/signal.c": "signal gate",
    "src/park/fork.c": "fork",
    "src/sync/ownable.c": "lock rlock condition fork gate",
    "src/sync/lock.c": "lock",
    "include/thrum/restartable.h": "lock rlock",
    "src/sync/rlock.c": "rlock",
    "src/sync/condition.c": "condition gate",
    "src/sync/semaphore.c": "semaphore signal gate",
    "src/sync/event.c": "event signal gate",
    "src/sync/barrier.c": "barrier gate",
    "src/sync/once.c": "once gate",
    "src/sync/misuse.c": "gate",
    "src/sync/inner.c": "queue",
    "src/sync/inner.h": "queue",
    "src/thread/record.c": "thread registry",
    "src/thread/thread.c": "thread registry fork gate",
    "src/thread/registry.c": "registry thread fork",
    "src/thread/enumerate.c": "registry thread",
    "src/thread/shutdown.c": "thread registry fork gate",
    "src/thread/failure.c": "gate thread",
    "src/thread/local.c": "local fork gate",
    "src/flow/queue.c": "queue",
    "src/flow/queue_move.c": "queue",
    "src/flow/queue_wait.c": "queue",
    "src/flow/queue_done.c": "queue",
    "src/flow/queue_fifo.c": "queue",
    "src/flow/queue_ends.h": "queue",
    "src/flow/future.c": "future task futures_wait as_completed executor",
    "src/flow/watch.c": "future task futures_wait as_completed",
    "src/flow/wait.c": "futures_wait as_completed",
    "src/flow/runner.c": "task executor futures_wait",
    "src/flow/executor.c": "executor",
    "src/flow/pool.c": "executor",
    "src/flow/worker.c": "executor",
    "src/flow/run_queue.c": "run_queue executor",
    "src/flow/inbox.c": "executor",
    "src/flow/executor_map.c": "executor_map",
    "src/flow/map.c": "map",
    "src/flow/timer.c": "timer",
    "src/flow/timer_service.c": "timer",
    "src/observe/deadlock.c": "deadlock gate",
    "src/observe/log.c": "log fork",
    "include/thrum/calls.h": "executor_map",
    "include/thrum/lock.h": "lock",
    "include/thrum/rlock.h": "rlock",
    "include/thrum/once.h": "once",
    "include/thrum/event.h": "event",
}
ALSO_TESTS = {
    "src/park/table.c": "park/test_park sync/test_condition sync/test_semaphore sync/test_event "
                        "sync/test_barrier process/test_process",
    "src/park/park.c": "sync/test_semaphore sync/test_condition sync/test_parker",
    "src/park/context.c": "park/test_park sync/test_parker thread/test_shutdown "
                          "process/test_process",
    "src/park/signal.c": "sync/test_event sync/test_semaphore sync/test_interrupted",
    "src/park/fork.c": "process/test_process",
    "src/sync/ownable.c": "sync/test_lock sync/test_rlock sync/test_condition sync/test_parker "
                          "thread/test_shutdown process/test_process",
    "src/sync/condition.c": "sync/test_lifetime",
    "src/sync/semaphore.c": "sync/test_lifetime sync/test_interrupted",
    "src/sync/event.c": "sync/test_lifetime sync/test_interrupted",
    "src/sync/barrier.c": "sync/test_lifetime process/test_process",
    "src/sync/once.c": "sync/test_lifetime",
    "src/thread/thread.c": "thread/test_registry thread/test_shutdown process/test_process",
    "src/thread/record.c": "thread/test_thread",
    "src/thread/registry.c": "thread/test_thread thread/test_shutdown process/test_process",
    "src/thread/shutdown.c": "thread/test_thread process/test_process",
    "src/thread/local.c": "process/test_process",
    "src/flow/queue_move.c": "flow/test_queue flow/test_queue_wait",
    "src/flow/queue_done.c": "flow/test_queue",
    "src/flow/queue_wait.c": "flow/test_queue",
    "src/flow/watch.c": "flow/test_future flow/test_wait",
    "src/flow/future.c": "flow/test_wait flow/test_runner flow/test_executor",
    "src/flow/pool.c": "flow/test_executor flow/test_worker",
    "src/flow/worker.c": "flow/test_executor flow/test_pool",
    "src/flow/executor.c": "flow/test_worker flow/test_pool",
    "src/flow/timer.c": "flow/test_timer_service",
    "src/flow/timer_service.c": "flow/test_timer",
    "src/observe/log.c": "process/test_process",
    "src/process/process.c": "thread/test_local observe/test_log",
}


class TableError(Exception):
    """The table does not fit the sources."""


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    line: int
    what: str
    models: tuple  # nouns of models, the likeliest to notice first
    edits: tuple   # (start, end, text), from the last to the first
    prelude: bool = False

    def apply(self, text):
        for start, end, new in self.edits:
            text = text[:start] + new + text[end:]
        return with_prelude(text) if self.prelude else text


# ---- by rule ----

# The next weaker orders. Those that src/platform/atomic.h lacks are in the prelude.
WEAKER = {
    "th_load_acq": ("th_load_rlx",),
    "th_load_sc": ("th_load_acq",),
    "th_store_sc": ("th_store_rel",),
    "th_store_rel": ("th_store_rlx",),
    "th_cas_acq": ("th_cas_rlx",),
    "th_cas_rel": ("th_cas_rlx",),
    "th_cas_acq_rel": ("th_cas_acq", "th_cas_rel"),
    "th_swap_acq": ("th_swap_rlx",),
    "th_swap_rel": ("th_swap_rlx",),
    "th_swap_acq_rel": ("th_swap_acq", "th_swap_rel"),
    "th_add_acq_rel": ("th_add_acq", "th_add_rel"),
    "th_sub_acq_rel": ("th_sub_acq", "th_sub_rel"),
    "__ATOMIC_ACQUIRE": ("__ATOMIC_RELAXED",),
    "__ATOMIC_RELEASE": ("__ATOMIC_RELAXED",),
}
WAKES = ("th_futex_wake", "th_context_resume", "th_wake_list_resume", "th_wake_list_grant",
         "thrum_event_set")
FENCES = ("th_fence_signal", "th_fence_sc", "th_fence_others", "th_restart_others")
CAS = ("th_cas_rlx", "th_cas_acq", "th_cas_rel", "th_cas_acq_rel", "__atomic_compare_exchange_n")
DEADLINES = {"thrum_now() >= deadline": "thrum_now() < deadline",
             "thrum_now() < deadline": "thrum_now() >= deadline"}

PRELUDE = """
#define th_mutant_load(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define th_mutant_cas(p, expected, v, ...)                                                         \\
    __extension__({                                                                                \\
        __typeof__(*(p)) th_seen = th_mutant_load(p);                                              \\
        _Bool th_same = th_seen == *(expected);                                                    \\
        if (th_same)                                                                               \\
            __atomic_store_n((p), (v), __ATOMIC_RELEASE);                                          \\
        else                                                                                       \\
            *(expected) = th_seen;                                                                 \\
        th_same;                                                                                   \\
    })
#ifndef th_swap_rlx
#define th_swap_rlx(p, v) __atomic_exchange_n((p), (v), __ATOMIC_RELAXED)
#endif
#ifndef th_add_acq
#define th_add_acq(p, v) __atomic_fetch_add((p), (v), __ATOMIC_ACQUIRE)
#define th_add_rel(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELEASE)
#endif
#ifndef th_sub_acq
#define th_sub_acq(p, v) __atomic_fetch_sub((p), (v), __ATOMIC_ACQUIRE)
#define th_sub_rel(p, v) __atomic_fetch_sub((p), (v), __ATOMIC_RELEASE)
#endif
"""


def with_prelude(text):
    """`text` with the prelude after its last include."""
    last = None
    for last in re.finditer(r"^#include .*\n", text, re.MULTILINE):
        pass
    at = last.end() if last is not None else 0
    return text[:at] + PRELUDE + text[at:]


def short(word):
    return word.replace("__atomic_compare_exchange_n", "cas").replace("th_", "").replace(
        "__ATOMIC_", "").lower()


def weakened(code):
    for word, weaker in WEAKER.items():
        for match in re.finditer(rf"\b{word}\b", code):
            for other in weaker:
                yield (f"{short(word)}-{short(other)}", f"{word} weakened to {other}",
                       (match.start(), match.end(), other))


def statements(code, names):
    """Calls of one of `names` that are whole statements, as pairs (match, end)."""
    for match in re.finditer(rf"\b({'|'.join(names)})\s*\(", code):
        end = source.close_of(code, match.end() - 1) + 1
        before = code[:match.start()].rstrip()
        if code[end:end + 1] == ";" and (before[-1:] in "{};)" or before.endswith("else")):
            yield match, end


def dropped(code):
    for names, kind in ((WAKES, "wake"), (FENCES, "fence")):
        for match, end in statements(code, names):
            yield (f"no-{short(match.group(1))}", f"{kind} dropped: {match.group(1)}",
                   (match.start(), end, "(void)0"))


def cas_into_store(code):
    for match in re.finditer(rf"\b({'|'.join(CAS)})(?=\s*\()", code):
        yield (f"{short(match.group(1))}-store", f"{match.group(1)} turned into load and store",
               (match.start(), match.end(), "th_mutant_cas"))


def turned_deadlines(code):
    for old, new in DEADLINES.items():
        for match in re.finditer(re.escape(old), code):
            yield "deadline-turned", f"`{old}` turned", (match.start(), match.end(), new)


def by_rule_in(file, text):
    code = source.without_directives(source.code_only(text))
    stem = re.sub(r"^(src/\w+|include/thrum)/", "", file).replace(".h", "-h").replace(".c", "")
    functions = list(source.functions(text))
    seen = {}
    for rule in (weakened, dropped, cas_into_store, turned_deadlines):
        for kind, what, edit in sorted(rule(code), key=lambda found: found[2][0]):
            line = source.line_of(text, edit[0])
            inside = [name for name, first, last in functions if first <= line <= last]
            if not inside:
                continue
            name = f"{stem}.{inside[0]}.{kind}"
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                name += f".{seen[name]}"
            yield Mutant(name, file, line, what, models_of(file), (edit,), True)


def models_of(file):
    return tuple(MODELS.get(file, "").split())


def tests_of(file):
    """The tests that look at `file` first: <layer>/test_<source>, and more."""
    layer, name = file.replace("include/thrum/", "src/sync/").split("/")[1:]
    return list(dict.fromkeys([f"{layer}/test_{name[:-2]}"] + ALSO_TESTS.get(file, "").split()))


def by_rule(root):
    for file, text in source.files(root, FILES):
        if not file.startswith(BY_RULE_NOT):
            yield from by_rule_in(file, text)


# ---- by hand ----

def entries(text):
    """The entries of a table, as triples (number of the first line, first line, other lines)."""
    head, number, lines = None, 0, []
    for at, line in enumerate(text.splitlines(), 1):
        if line.startswith("@"):
            if head is not None:
                yield number, head, lines
            head, number, lines = line, at, []
        elif head is not None and line:
            lines.append(line)
    if head is not None:
        yield number, head, lines


def places(lines):
    """What is replaced and by what, for each place of an entry."""
    old, new = [], []
    for line in lines + ["..."]:
        if line == "...":
            yield "\n".join(old) + "\n", "".join(part + "\n" for part in new)
            old, new = [], []
            continue
        if line[0] not in " -+":
            raise TableError(f"no blank, - or + at its beginning: {line}")
        if line[0] != "+":
            old.append(line[1:])
        if line[0] != "-":
            new.append(line[1:])


def from_entry(root, where, head, lines):
    words = head[1:].split()
    if len(words) < 2 or not lines or not lines[0].startswith("# "):
        raise TableError(f"{where}: not `@ name file models`, with a line `# what`")
    name, file, models = words[0], words[1], tuple(words[2:])
    if not (root / file).is_file():
        raise TableError(f"{where}: {name}: no file {file}")
    text = (root / file).read_text(encoding="utf-8")
    edits = []
    for old, new in places(lines[1:]):
        count = ("\n" + text).count("\n" + old)
        if count != 1:
            raise TableError(f"{where}: {name}: found {count} times in {file}, not once; bring "
                             f"the table up to date:\n{old.rstrip()}")
        start = ("\n" + text).index("\n" + old)
        edits.append((start, start + len(old), new))
    edits.sort(reverse=True)
    models = tuple(dict.fromkeys(models + models_of(file)))
    line = source.line_of(text, edits[-1][0])
    return Mutant(name, file, line, lines[0][2:], models, tuple(edits))


def by_hand(root):
    for path in sorted((root / "tools/mutants").glob("*.txt")):
        where = path.relative_to(root).as_posix()
        for number, head, lines in entries(path.read_text(encoding="utf-8")):
            yield from_entry(root, f"{where}:{number}", head, lines)


def everything(root):
    """All mutants of the tree at `root`; TableError if the table does not fit it."""
    found = list(by_hand(root)) + list(by_rule(root))
    names = [mutant.name for mutant in found]
    for name in names:
        if names.count(name) > 1:
            raise TableError(f"two mutants are called {name}")
    return found


def equivalents(root):
    """Name and argument of each mutant that changes nothing; arguments may go on, indented."""
    arguments, name = {}, None
    path = root / "tools/mutants-equivalent.txt"
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        if not line.strip() or line.startswith("#"):
            continue
        if line[0].isspace() and name is not None:
            arguments[name] += " " + line.strip()
            continue
        name, _, argument = line.partition(": ")
        arguments[name] = argument.strip()
    for name, argument in arguments.items():
        if not argument:
            raise TableError(f"{path.name}: {name}: no argument")
    return arguments
