#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run every case of the test programs of a fault build (THRUM_BACKEND=fault) with the n-th call of
one kind failing, and with the n-th and all later ones failing, for n = 1, 2, ... until a run in
which nothing failed, or --most. Nothing may crash, hang, break an invariant or leak, whatever the
case finds out; and when waits return for nothing, every case must pass."""

import argparse
import collections
import concurrent.futures
import hashlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

KINDS = ("allocation", "thread", "mapping", "futex")

# What thrum may say before it aborts: documented, where there is no status to answer with.
PANICS = (
    "no memory to meet the main thread",
    "no memory to meet a thread that was not started by thrum",
    "no memory to remember what a signal handler did",
    "no thread-specific key is left",
)
BROKEN = re.compile(r"broken invariant|Sanitizer|runtime error:|still alive|left .*(?:thread|"
                    r"descriptor|allocation)|leak", re.IGNORECASE)
CRASHED = re.compile(r":E:.*Received signal|terminated by signal|dumped core")
HUNG = re.compile(r"Test timeout expired|did not end within")
FAILED = re.compile(r":[FE]:")
# Cases that are about the very thing that is made to fail.
SKIPPED = {
    "futex": ("futex, ", "fault, ", "runner, "),
    "allocation": ("fault, ", "runner, "),
    "thread": ("fault, ", "runner, "),
    "mapping": ("fault, ", "runner, "),
}

GOOD = ("passed", "refused")
Run = collections.namedtuple("Run", "program case fault verdict injected output")


def cases_of(program):
    done = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def judge(kind, code, output):
    """passed, refused (a check saw that a call failed) or what is wrong."""
    if code == 0:
        return "passed"
    panicked = any(panic in output for panic in PANICS)
    if BROKEN.search(output):
        return "broken"
    if CRASHED.search(output) or code < 0:
        return "refused" if panicked else "crashed"
    if HUNG.search(output):
        return "hung"
    if FAILED.search(output) and kind != "futex":
        return "refused"
    return "refused" if panicked else "failed"


def run_case(program, case, fault, limit_s):
    kind = fault.split(":")[0]
    with tempfile.NamedTemporaryFile(prefix="fault.") as log:
        environment = dict(os.environ, THRUM_FAULT=fault, THRUM_FAULT_LOG=log.name)
        with subprocess.Popen([program, "--filter", case], env=environment, text=True,
                              errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, start_new_session=True) as process:
            try:
                output, _ = process.communicate(timeout=limit_s)
                verdict = judge(kind, process.returncode, output)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                output, _ = process.communicate()
                verdict = "hung"
        injected = len(log.read()) > 0
    return Run(program.name, case, fault, verdict, injected, output)


def sweep_case(options, program, case, kind):
    """The runs of one case: each n once, then for ever; until nothing is failed."""
    runs = []
    for n in range(1, options.most + 1):
        for later in ("", "+"):
            runs.append(run_case(program, case, f"{kind}:{n}{later}", options.limit))
            if not runs[-1].injected or runs[-1].verdict not in GOOD:
                return runs
    return runs


def number_of(*words):
    """A number that follows from the words: the same ones are chosen every time."""
    return int(hashlib.sha256(" ".join(words).encode()).hexdigest(), 16)


def sample(options, program, kind, cases):
    """A few cases, each with an n that it reaches, where it reaches any."""
    runs = []
    cases = sorted(cases, key=lambda case: number_of(kind, case))
    for case in cases[:3 * options.sample]:
        chosen = number_of(case, kind)
        later = "+" if chosen % 2 == 0 else ""
        least = 2 if kind == "mapping" else 1  # the first is made before main, in every program
        for n in sorted({chosen // 2 % 4 + least, least}, reverse=True):
            runs.append(run_case(program, case, f"{kind}:{n}{later}", options.limit))
            if runs[-1].injected or runs[-1].verdict not in GOOD:
                break
        if sum(run.injected for run in runs) >= options.sample:
            break
    return runs


def sweep_program(options, pool, program):
    """The runs of the cases of a program, by kind."""
    jobs = []
    for kind in options.kind:
        cases = [case for case in cases_of(program) if not case.startswith(SKIPPED[kind])]
        if options.full:
            jobs += [pool.submit(sweep_case, options, program, case, kind) for case in cases]
        else:
            jobs.append(pool.submit(sample, options, program, kind, cases))
    return [run for job in jobs for run in job.result()]


def report(program, runs):
    verdicts = collections.Counter(run.verdict for run in runs)
    injected = sum(run.injected for run in runs)
    print(f"{program.name:28} {len(runs):6} runs {injected:6} injected "
          f"{verdicts['refused']:5} refused {verdicts['crashed'] + verdicts['broken']:3} crashed "
          f"{verdicts['hung']:3} hung {verdicts['failed']:3} failed", flush=True)
    for run in runs:
        if run.verdict not in GOOD:
            print(f"  {run.verdict}: THRUM_FAULT={run.fault} {run.program} --filter "
                  f"'{run.case}'")
            print("    " + "\n    ".join(run.output.strip().splitlines()[-8:]))


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path, help="the build folder")
    parser.add_argument("--full", action="store_true",
                        default=os.environ.get("THRUM_SWEEP_FULL", "0") not in ("", "0"),
                        help="every case and every n (also THRUM_SWEEP_FULL=1)")
    parser.add_argument("--sample", type=int, default=1,
                        help="runs that fail something, of a program and kind (1)")
    parser.add_argument("--most", type=int, default=40, help="the last n of the full form (40)")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (2)")
    parser.add_argument("--limit", type=int, default=60, help="seconds for a run (60)")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this one")
    parser.add_argument("--program", default="", help="only those whose name contains it")
    options = parser.parse_args()
    options.kind = options.kind or KINDS
    return options


def main():
    options = parse()
    cache = (options.build / "CMakeCache.txt").read_text(encoding="utf-8")
    if "THRUM_BACKEND:STRING=fault" not in cache:
        print("skipped: needs a build with -DTHRUM_BACKEND=fault")
        sys.exit(77)
    programs = [path for path in sorted((options.build / "tests").glob("*test_*"))
                if path.is_file() and os.access(path, os.X_OK) and options.program in path.name]
    runs = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for program in programs:
            found = sweep_program(options, pool, program)
            report(program, found)
            runs += found
    verdicts = collections.Counter(run.verdict for run in runs)
    injected = sum(run.injected for run in runs)
    cut = sum(run.injected and run.fault.endswith(f":{options.most}+") for run in runs)
    print(f"{len(runs)} runs, {injected} injected, {verdicts['crashed'] + verdicts['broken']} "
          f"crashed, {verdicts['hung']} hung, {verdicts['failed']} failed"
          + (f"; {cut} cases with more than {options.most} calls to fail" if cut else ""))
    wrong = len(runs) - verdicts["passed"] - verdicts["refused"]
    sys.exit(1 if wrong or injected == 0 else 0)


if __name__ == "__main__":
    main()
