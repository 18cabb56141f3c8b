#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The mutation gate: plant faults in a copy of the tree, one at a time, and see each make a run red.

A fault (a mutant) is one that tools/mutants.py makes by rule (each order weakened a step, each wake
and fence dropped, each compare-and-swap turned into a load and a store, deadlines turned) or one of
the table in tools/mutants/. First the explorer's models are run, those of the faulty file before all
others, then the tests of the file; the first red run, or one that takes far longer than without the
fault, catches the mutant. One that nobody catches must be in tools/mutants-equivalent.txt, with the
argument why it changes nothing; who is in there must not be caught. The last line is
`caught/planted: C/P (E equivalent)`; the status is 0 if C and E make up P."""

import argparse
import concurrent.futures
import fnmatch
import json
import os
import pathlib
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import mutants

NOT_COPIED = shutil.ignore_patterns(".git", "build*", "__pycache__")
LIMIT_MIN, LIMIT_FACTOR = 60, 10  # seconds for a run, and how much longer than without a fault
BUILD_LIMIT = 900
OUTPUT_SHOWN = 3000


class GateError(Exception):
    """The gate itself cannot work."""


def run(command, limit, stop=None, **options):
    """Run a command: (status, output, seconds); status None: it ran out of time. It is ended as
    soon as stop(line) says so."""
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", start_new_session=True, **options) as process:
        late = threading.Event()

        def end():
            late.set()
            kill(process)
        timer = threading.Timer(limit, end)
        timer.start()
        lines = []
        for line in process.stdout:
            lines.append(line)
            if stop is not None and stop(line):
                kill(process)
                break
        process.wait()
        timer.cancel()
    status = None if late.is_set() else process.returncode
    return status, "".join(lines), time.monotonic() - began


def session_of(stat):
    """The session of a process, of which this is /proc/PID/stat; its name may be anything."""
    return int(stat.rpartition(")")[2].split()[3])


def kill(process):
    """Kill the command and what it has started: a test's children have process groups of their
    own, and keep the output open."""
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            if session_of(stat.read_text(errors="replace")) == process.pid:
                os.kill(int(stat.parent.name), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            pass


# ---- one tree and one build ----

class Workplace:
    """A copy of the tree, and its build folder."""

    def __init__(self, root, folder):
        self.tree, self.build = folder / "tree", folder / "build"
        shutil.rmtree(self.tree, ignore_errors=True)  # one that was kept may hold a fault
        shutil.copytree(root, self.tree, ignore=NOT_COPIED, symlinks=True)
        generator = ["-G", "Ninja"] if shutil.which("ninja") else []
        self.demand(["cmake", "-S", str(self.tree), "-B", str(self.build), *generator,
                     "-DTHRUM_WERROR=OFF", "-DTHRUM_BUILD_EXAMPLES=OFF"])

    def demand(self, command):
        status, output, _ = run(command, BUILD_LIMIT)
        if status != 0:
            raise GateError(f"{' '.join(command)}\n{output[-OUTPUT_SHOWN:]}")

    def make(self, *targets):
        """Build: (whether it could be built, output)."""
        status, output, _ = run(["cmake", "--build", str(self.build), "-j2", "--target", *targets],
                                BUILD_LIMIT)
        return status == 0, output

    def program(self, name):
        found = [path for path in self.build.rglob(name) if path.is_file() and os.access(path, 1)]
        if not found:
            raise GateError(f"no program {name} was built")
        return found[0]

    def write(self, mutant):
        path = self.tree / mutant.file
        text = path.read_text(encoding="utf-8")
        path.write_text(mutant.apply(text), encoding="utf-8")
        return path, text


# ---- runs that can be red ----

class Run:
    """One run that may notice a fault: models of a noun, or a test program."""

    def __init__(self, target, arguments, name):
        self.target, self.arguments, self.name = target, arguments, name

    def reds(self, program, limit, known=(), whole=False):
        """(what is red, the first one unless `whole`, but for those known to be; seconds)"""
        red = []

        def stop(line):
            if " RED" in line and line.split()[0] not in known:
                red.append(line.split()[0])
            return bool(red) and not whole
        status, output, seconds = run([str(program), *self.arguments], limit, stop,
                                      stdin=subprocess.DEVNULL)
        if status == -signal.SIGKILL and not red:
            raise GateError(f"somebody killed {self.name}")
        if status == 2 and self.target == MODELS:
            raise GateError(f"{self.name}: {output[-OUTPUT_SHOWN:]}")
        if status is None and not red:
            red.append(f"{self.name} (time limit)")
        elif status != 0 and not red and not (known and status == 1):
            red.append(self.name)
        return red, seconds


MODELS = "thrum-model"


def nouns_of(place):
    """The nouns of the models that there are."""
    status, output, _ = run([str(place.program(MODELS)), "--list"], LIMIT_MIN)
    if status != 0:
        raise GateError(f"{MODELS} --list: {output}")
    return list(dict.fromkeys(line.split(".")[0] for line in output.splitlines() if "." in line))


def model_run(noun):
    return Run(MODELS, ["--short", "--quiet", noun + "."], f"model {noun}")


def test_run(place, test):
    """The run of tests/<layer>/<test>.c, or None if there is no such test."""
    layer, name = test.split("/")
    if not (place.tree / f"tests/{test}.c").is_file():
        return None
    twins = list((place.tree / "tests").glob(f"*/{name}.c"))
    return Run(name if len(twins) == 1 else f"{layer}_{name}", [], test)


class Baseline:
    """Programs without a fault: what is red there says nothing, and how long they take."""

    def __init__(self, place, folder, limit):
        self.place, self.folder, self.least = place, folder, limit
        self.lock = threading.Lock()
        self.programs, self.runs = {}, {}
        folder.mkdir(exist_ok=True)

    def build(self, targets):
        good, output = self.place.make(*targets)
        if not good:
            raise GateError(f"the tree without a fault cannot be built:\n{output[-OUTPUT_SHOWN:]}")
        for target in targets:
            if target not in self.programs:
                self.programs[target] = self.folder / target
                shutil.copy2(self.place.program(target), self.programs[target])

    def of(self, one):
        """What is red in a run without a fault, and how long it may take with one."""
        with self.lock:
            if one.name not in self.runs:
                self.runs[one.name] = one.reds(self.programs[one.target], BUILD_LIMIT, whole=True)
            red, seconds = self.runs[one.name]
        return red, max(self.least, LIMIT_FACTOR * seconds)

    def findings(self):
        for red, _ in self.runs.values():
            for name in red:
                yield f"{name} is red without any fault"


# ---- the gate ----

class Verdict:
    def __init__(self, mutant, line, by="", seconds=0.0):
        self.mutant, self.line, self.by, self.seconds = mutant, line, by, seconds


CAUGHT_LINES = ("explorer", "tests")


class Gate:
    def __init__(self, options, folder):
        self.options = options
        self.jobs = max(1, min(2, options.jobs))
        self.places = [Workplace(options.root, make_folder(folder / f"worker{i}"))
                       for i in range(self.jobs)]
        self.baseline = Baseline(self.places[0], folder / "baseline", options.limit)
        self.nouns = []

    def prepare(self, planted):
        """Build all that is needed, without a fault, in every workplace."""
        tests = {test for mutant in planted for test in mutants.tests_of(mutant.file)}
        runs = [test_run(self.places[0], test) for test in sorted(tests)]
        targets = sorted({MODELS} | {one.target for one in runs if one is not None})
        self.baseline.build(targets)
        self.nouns = nouns_of(self.places[0])
        for place in self.places[1:]:
            place.make(MODELS)

    def judge(self, place, mutant):
        began = time.monotonic()
        path, text = place.write(mutant)
        try:
            line, by = self.first_red(place, mutant)
        finally:
            path.write_text(text, encoding="utf-8")
        return Verdict(mutant, line, by, time.monotonic() - began)

    def first_red(self, place, mutant):
        good, output = place.make(MODELS)
        if not good:
            return "broken", f"it does not compile:\n{output[-OUTPUT_SHOWN:]}"
        related = [noun for noun in mutant.models if noun in self.nouns]
        others = [noun for noun in self.nouns if noun not in related]
        for noun in related + ([] if self.options.related else others):
            red = self.red(place, model_run(noun))
            if red is not None:
                return "explorer", red
        runs = [test_run(place, test) for test in mutants.tests_of(mutant.file)]
        runs = [one for one in runs if one is not None]
        good, output = place.make(*[one.target for one in runs]) if runs else (True, "")
        if not good:
            return "broken", f"it does not compile:\n{output[-OUTPUT_SHOWN:]}"
        for one in runs:
            red = self.red(place, one)
            if red is not None:
                return "tests", red
        return "survived", ""

    def red(self, place, one):
        """What the run finds red that is not without the fault, or None."""
        known, limit = self.baseline.of(one)
        if one.name in known:
            return None
        red, _ = one.reds(place.program(one.target), limit, known)
        return red[0] if red else None

    def run_all(self, planted, say):
        free = queue.Queue()
        for place in self.places:
            free.put(place)

        def work(mutant):
            place = free.get()
            try:
                return self.judge(place, mutant)
            finally:
                free.put(place)
        verdicts = []
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            futures = [pool.submit(work, mutant) for mutant in planted]
            try:
                for future in concurrent.futures.as_completed(futures):
                    verdicts.append(future.result())
                    say(len(verdicts), verdicts[-1])
            except BaseException:
                for future in futures:
                    future.cancel()
                raise
        return verdicts


def make_folder(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# ---- what is said ----

def say_progress(total, equivalents):
    def say(number, verdict):
        how = {"explorer": f"caught by {verdict.by}", "tests": f"caught by test {verdict.by}",
               "broken": f"BROKEN: {verdict.by}", "survived": "SURVIVED"}[verdict.line]
        if verdict.line == "survived" and verdict.mutant.name in equivalents:
            how = "survived, as argued"
        print(f"[{number}/{total}] {verdict.mutant.name}: {how} ({verdict.seconds:.0f} s)",
              flush=True)
    return say


def findings(verdicts, equivalents):
    """What is wrong, as lines."""
    for verdict in sorted(verdicts, key=lambda one: one.mutant.name):
        mutant = verdict.mutant
        where = f"{mutant.file}:{mutant.line}: {mutant.name}: {mutant.what}"
        if verdict.line == "broken":
            yield f"{where}: {verdict.by}"
        elif verdict.line == "survived" and mutant.name not in equivalents:
            yield f"{where}: survived, and nobody argues that it changes nothing"
        elif verdict.line in CAUGHT_LINES and mutant.name in equivalents:
            yield f"{where}: caught by {verdict.by}, but argued to change nothing"


def conclude(verdicts, equivalents, baseline):
    """Print the end; True if all is well."""
    wrong = list(findings(verdicts, equivalents)) + list(baseline.findings())
    for line in wrong:
        print(line)
    by = {line: sum(verdict.line == line for verdict in verdicts)
          for line in ("explorer", "tests", "survived", "broken")}
    equivalent = sum(verdict.line == "survived" and verdict.mutant.name in equivalents
                     for verdict in verdicts)
    print(f"caught by the explorer {by['explorer']}, by tests {by['tests']}; "
          f"survived {by['survived']}, broken {by['broken']}")
    print(f"caught/planted: {by['explorer'] + by['tests']}/{len(verdicts)} "
          f"({equivalent} equivalent)", flush=True)
    return not wrong


def write_json(path, verdicts):
    rows = [{"name": one.mutant.name, "file": one.mutant.file, "line": one.mutant.line,
             "what": one.mutant.what, "verdict": one.line, "by": one.by,
             "seconds": round(one.seconds, 1)}
            for one in sorted(verdicts, key=lambda one: one.mutant.name)]
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


# ---- the command ----

def check_compiles(root, planted):
    """Whether each mutant compiles; the quick look at a table that is being written."""
    compiler = os.environ.get("CC", "cc")
    failed = 0
    for mutant in planted:
        with tempfile.TemporaryDirectory() as folder:
            text = mutant.apply((root / mutant.file).read_text(encoding="utf-8"))
            path = pathlib.Path(folder, "mutant.c")
            path.write_text(text, encoding="utf-8")
            status, output, _ = run([compiler, "-std=c17", "-D_GNU_SOURCE", "-fsyntax-only",
                                     f"-I{root}/include", f"-I{root}/src", str(path)], LIMIT_MIN)
        if status != 0:
            failed += 1
            print(f"{mutant.file}:{mutant.line}: {mutant.name}: does not compile:\n{output}")
    print(f"{len(planted) - failed} of {len(planted)} compile")
    return failed == 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent,
                        help="the tree (default: the one this tool lies in)")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--all", action="store_true", help="plant all mutants")
    what.add_argument("--sample", type=int, metavar="N",
                      help="plant N of those that are not argued to change nothing")
    what.add_argument("--list", action="store_true", help="list the mutants, plant none")
    what.add_argument("--compile", action="store_true", help="see whether each compiles")
    parser.add_argument("--only", metavar="PATTERN", action="append",
                        help="only mutants whose name or file matches (* and ? are wild)")
    parser.add_argument("--related", action="store_true",
                        help="run the models of the faulty file only: quicker, but not the gate")
    parser.add_argument("--seed", type=int, help="of the sample; printed")
    parser.add_argument("--jobs", type=int, default=2, help="at most 2 at a time (default)")
    parser.add_argument("--limit", type=float, default=LIMIT_MIN, metavar="SECONDS",
                        help="for a run, or ten times what it takes without a fault (default: 60)")
    parser.add_argument("--work", type=pathlib.Path, metavar="FOLDER",
                        help="work in FOLDER (default: a temporary folder)")
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE",
                        help="write the verdicts to FILE too")
    options = parser.parse_args()
    options.root = options.root.resolve()
    return options


def choose(options, found, equivalents):
    """The mutants to plant."""
    def matches(mutant):
        return any(fnmatch.fnmatchcase(text, pattern) for pattern in options.only or ["*"]
                   for text in (mutant.name, mutant.file))
    planted = [mutant for mutant in found if matches(mutant)]
    if options.sample is not None:
        seed = options.seed if options.seed is not None else random.randrange(1 << 31)
        planted = [mutant for mutant in planted if mutant.name not in equivalents]
        planted = random.Random(seed).sample(planted, min(options.sample, len(planted)))
        print(f"a sample of {len(planted)} by --seed {seed}", flush=True)
    if not planted:
        raise GateError("no mutant matches")
    # those of one file together, so that less has to be compiled again
    return sorted(planted, key=lambda mutant: (mutant.file, mutant.line))


def plant(options, planted, equivalents):
    folder = options.work or pathlib.Path(tempfile.mkdtemp(prefix="thrum-mutate-"))
    make_folder(folder)
    try:
        gate = Gate(options, folder)
        gate.prepare(planted)
        verdicts = gate.run_all(planted, say_progress(len(planted), equivalents))
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    if options.json is not None:
        write_json(options.json, verdicts)
    return conclude(verdicts, equivalents, gate.baseline)


def main():
    options = parse()
    found = mutants.everything(options.root)
    equivalents = mutants.equivalents(options.root)
    unknown = set(equivalents) - {mutant.name for mutant in found}
    if unknown:
        raise mutants.TableError("argued to change nothing, but there is no such mutant: "
                                 + ", ".join(sorted(unknown)))
    planted = choose(options, found, equivalents)
    if options.list:
        for mutant in planted:
            note = " (equivalent)" if mutant.name in equivalents else ""
            print(f"{mutant.name:48} {mutant.file}:{mutant.line}: {mutant.what}{note}")
        return True
    if options.compile:
        return check_compiles(options.root, planted)
    return plant(options, planted, equivalents)


if __name__ == "__main__":
    try:
        sys.exit(0 if main() else 1)
    except (GateError, mutants.TableError) as error:
        print(f"mutate.py: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
