#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run thrum and its peers in alternating rounds and compare them: for each workload the median,
the spread, the processors in use, and how thrum stands to the best peer. `./run bench` builds
everything and calls this; bench/README.md says how the programs talk to it."""

import argparse
import fnmatch
import json
import os
import pathlib
import platform
import signal
import statistics
import subprocess
import sys

ROUND_S_MAX = 30
NOT_MEASURED = 3  # an exit status


class Failure(Exception):
    """A program did not do what its command line promises."""


class NotMeasured(Exception):
    """A contender has no such variant."""


class Workload:
    """A published number, in one of its variants."""

    def __init__(self, name, title, unit, better, variant):
        self.name, self.title, self.unit, self.variant = name, title, unit, variant
        self.higher = better == "higher"
        self.contenders = []  # pairs of name and program, thrum first

    @property
    def label(self):
        """How it is chosen: its name, and its variant as in `lock_contended:threads=8`."""
        options = self.variant.replace("--", "").split()
        pairs = [f"{key}={value}" for key, value in zip(options[::2], options[1::2])]
        return ":".join([self.name, *pairs])

    def chosen_by(self, patterns):
        return not patterns or any(fnmatch.fnmatchcase(self.name, pattern) or
                                   fnmatch.fnmatchcase(self.label, pattern)
                                   for pattern in patterns)


# ---- what there is ----

def listing(program):
    """What `program --list` says, as lists of fields."""
    try:
        done = subprocess.run([program, "--list"], capture_output=True, text=True, check=True,
                              timeout=ROUND_S_MAX)
    except (OSError, subprocess.SubprocessError) as error:
        raise Failure(f"{program}: {error}") from error
    return [line.split("\t") for line in done.stdout.splitlines()]


def discover(table):
    """The workloads of the programs in `table`, and why peers are missing."""
    workloads, contenders, missing = [], [], []
    for line in table.read_text(encoding="utf-8").splitlines():
        kind, name, what = line.split("\t")
        if kind == "missing":
            missing.append((name, what))
            continue
        try:
            fields = listing(what)
        except Failure as failure:
            missing.append((name, str(failure)))
            continue
        for kind, *rest in fields:
            if kind == "workload":
                workload, title, unit, better, variants = rest
                workloads += [Workload(workload, title, unit, better, variant)
                              for variant in variants.split(",")]
            else:
                contenders.append((rest[0], rest[1], what))
    for workload in workloads:
        workload.contenders = [(name, program) for owner, name, program in contenders
                               if owner == workload.name]
    known = {workload.name for workload in workloads}
    strays = {owner for owner, _, _ in contenders} - known
    missing += [(owner, "peers measure it, but no file of bench/ does")
                for owner in sorted(strays)]
    return sorted(workloads, key=lambda workload: workload.name), missing


# ---- measuring ----

def one_round(workload, contender, program):
    """What one round of `contender` printed."""
    command = [program, "--one", f"{workload.name}/{contender}", *workload.variant.split()]
    # A process that is to stay on one processor is put there before it begins: not all languages
    # can do that for a thread.
    place = None
    if "--cpus 1" in workload.variant:
        def place():
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ROUND_S_MAX,
                              preexec_fn=place, check=False)
    except subprocess.TimeoutExpired as expired:
        raise Failure(f"not done after {ROUND_S_MAX} s") from expired
    if done.returncode == NOT_MEASURED:
        raise NotMeasured
    if done.returncode != 0:
        words = (done.stderr.strip() or "no message").splitlines()[-1]
        raise Failure(f"exit status {done.returncode}: {words}")
    try:
        figures = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError) as error:
        raise Failure(f"not a line of figures: {done.stdout!r}") from error
    if figures.get("checked") is not True:
        raise Failure("its work was not checked")
    return figures


def measure(workload, rounds):
    """Alternate the contenders; each round begins with another. Returns what is shown."""
    results = {name: [] for name, _ in workload.contenders}
    failed, left_out = {}, set()
    for number in range(rounds):
        shift = number % max(1, len(workload.contenders))
        for name, program in workload.contenders[shift:] + workload.contenders[:shift]:
            if name in failed or name in left_out:
                continue
            try:
                results[name].append(one_round(workload, name, program))
            except NotMeasured:
                left_out.add(name)
            except Failure as failure:
                failed[name] = str(failure)
    rows = [summary(name, results[name]) for name, _ in workload.contenders
            if name not in failed and name not in left_out]
    rows.sort(key=lambda row: row["median"], reverse=workload.higher)
    return {"workload": workload.name, "variant": workload.variant, "label": workload.label,
            "title": workload.title, "unit": workload.unit,
            "better": "higher" if workload.higher else "lower", "rounds": rounds, "rows": rows,
            "failed": failed, **standing(rows, workload.higher)}


def summary(name, rounds):
    figures = [entry["figure"] for entry in rounds]
    notes = {note: statistics.median(entry["notes"][note] for entry in rounds)
             for note in rounds[0].get("notes", {})}
    cores = statistics.median(entry["cpu_s"] / entry["wall_s"] for entry in rounds)
    return {"contender": name, "median": statistics.median(figures), "min": min(figures),
            "max": max(figures), "cores": cores, "notes": notes, "figures": figures}


def is_ours(name):
    return name == "thrum" or name.startswith("thrum ")


def is_of_another_kind(name):
    return name.endswith(")")


def standing(rows, higher):
    """How many times as good as the best peer thrum is: of those of its own kind, and of all."""
    def times(rivals):
        if not ours or not rivals:
            return None
        best = rivals[0]
        times = ours[0] / best["median"] if higher else best["median"] / ours[0]
        return {"peer": best["contender"], "times": times}

    ours = [row["median"] for row in rows if row["contender"] == "thrum"]
    if ours and (ours[0] <= 0 or any(row["median"] <= 0 for row in rows)):
        ours = []  # nothing at all, as an idle process may use, has no ratio
    peers = [row for row in rows if not is_ours(row["contender"])]
    same = [row for row in peers if not is_of_another_kind(row["contender"])]
    return {"against_same_kind": times(same),
            "against_all": times(peers)}


# ---- showing ----

def figure(value):
    return f"{value:.4g}" if abs(value) < 9999.5 else f"{value:.0f}"


def verdicts(result):
    """The lines below a table."""
    same, every = result["against_same_kind"], result["against_all"]
    if same:
        yield f"thrum is {same['times']:.2f} times as good as the best peer, {same['peer']}"
    if every and (not same or every["peer"] != same["peer"]):
        yield f"and {every['times']:.2f} times as good as the best of another kind, {every['peer']}"
    for name, reason in result["failed"].items():
        yield f"failed: {name}: {reason}"


def cells(row):
    notes = ", ".join(f"{name} {figure(value)}" for name, value in row["notes"].items())
    return (row["contender"], figure(row["median"]),
            f"[{figure(row['min'])} .. {figure(row['max'])}]", f"{row['cores']:.2f}", notes)


def heading_of(result):
    variant = result["variant"].replace("--", "").replace("threads", "N =")
    return f"{result['title']} ({variant})" if variant else result["title"]


def heading(result):
    return f"{heading_of(result)}: {result['unit']}, {result['better']} is better"


def show_text(result):
    print(f"\n{result['label']}\n{heading(result)}, {result['rounds']} rounds")
    table = [("", "median", "[min .. max]", "cores", ""), *map(cells, result["rows"])]
    widths = [max(map(len, column)) for column in zip(*table)]
    for name, median, spread, cores, notes in table:
        print(f"  {name:<{widths[0]}}  {median:>{widths[1]}}  {spread:<{widths[2]}}"
              f"  {cores:>{widths[3]}}  {notes}".rstrip())
    for line in verdicts(result):
        print(f"  {line}")
    sys.stdout.flush()


MARKDOWN_HEADING = """| what | unit | thrum | best peer | | times as good | best of another kind | |
|---|---|--:|---|--:|--:|---|--:|"""


def markdown_row(result):
    """A line of the table that --markdown prints: thrum beside the best, no more."""
    medians = {row["contender"]: row["median"] for row in result["rows"]}
    peers = [name for name in medians if not is_ours(name)]
    same = [name for name in peers if not is_of_another_kind(name)]
    others = [name for name in peers if is_of_another_kind(name)]
    times = result["against_same_kind"]
    arrow = "↑" if result["better"] == "higher" else "↓"
    cells_of = [heading_of(result), f"{result['unit']} {arrow}",
                figure(medians["thrum"]) if "thrum" in medians else "",
                same[0] if same else "", figure(medians[same[0]]) if same else "",
                f"**{times['times']:.2f}**" if times else "",
                others[0] if others else "", figure(medians[others[0]]) if others else ""]
    return f"| {' | '.join(cells_of)} |"


def plot(result, folder):
    """A chart of the medians, with the spread as whiskers, as SVG."""
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot
    rows = result["rows"][::-1]
    medians = [row["median"] for row in rows]
    spread = [[row["median"] - row["min"] for row in rows],
              [row["max"] - row["median"] for row in rows]]
    colours = ["#c44e52" if is_ours(row["contender"]) else
               "#b0b7c3" if is_of_another_kind(row["contender"]) else "#4c72b0" for row in rows]
    drawing, axes = pyplot.subplots(figsize=(8, 1 + 0.3 * len(rows)), layout="constrained")
    axes.barh([row["contender"] for row in rows], medians, xerr=spread, color=colours,
              error_kw={"elinewidth": 1, "capsize": 2})
    if medians and min(medians) > 0 and max(medians) > 30 * min(medians):
        axes.set_xscale("log")
    axes.set_title(heading(result), fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (result["label"].replace(":", "-").replace("=", "") + ".svg")
    drawing.savefig(path)
    pyplot.close(drawing)
    return path


def machine():
    """What the figures were measured on."""
    model = ""
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"cpu": model, "cpus": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "load": round(os.getloadavg()[0], 2)}


# ---- the command line ----

def arguments():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("name", nargs="*",
                        help="workloads as --list names them, patterns too: 'queue_*', "
                        "'lock_contended:threads=8' (default: all)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N",
                        help="rounds per contender (default: %(default)s)")
    parser.add_argument("--only", action="append", metavar="PATTERN", default=[],
                        help="only such contenders, beside thrum; may be repeated")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--markdown", action="store_true",
                        help="print a table of Markdown with a line for each: thrum and the best")
    parser.add_argument("--plot", type=pathlib.Path, nargs="?", metavar="FOLDER",
                        const=here.parent / "build/bench/plots",
                        help="a chart per workload, as SVG (default folder: build/bench/plots)")
    parser.add_argument("--show", type=pathlib.Path, metavar="FILE",
                        help="measure nothing: show what --json printed earlier")
    parser.add_argument("--list", action="store_true", help="list workloads and contenders")
    parser.add_argument("--programs", type=pathlib.Path, metavar="FILE",
                        default=here.parent / "build/bench/bench/programs.txt",
                        help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds takes a number, at least 1")
    return parser, options


def chosen_workloads(parser, options):
    """Those that the command line names, with the contenders that it wants."""
    if not options.programs.exists():
        parser.error("nothing is built; call ./run bench")
    workloads, missing = discover(options.programs)
    for name, reason in missing:
        print(f"skipped: {name}: {reason}", file=sys.stderr)
    chosen = [workload for workload in workloads if workload.chosen_by(options.name)]
    if not chosen:
        parser.error(f"no such workload: {' '.join(options.name)}; --list says what there is")
    for workload in chosen:
        if options.only:
            workload.contenders = [
                (name, program) for name, program in workload.contenders
                if is_ours(name) or any(fnmatch.fnmatchcase(name, only) for only in options.only)]
    return chosen


def results(parser, options):
    """The results one after the other, as they come; when interrupted, those so far."""
    if options.show:
        yield from json.loads(options.show.read_text(encoding="utf-8"))["results"]
        return
    workloads = chosen_workloads(parser, options)
    try:
        for number, workload in enumerate(workloads, 1):
            print(f"[{number}/{len(workloads)}] {workload.label}", file=sys.stderr)
            yield measure(workload, options.rounds)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)


def main():
    parser, options = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as by Ctrl-C
    if options.list:
        for workload in chosen_workloads(parser, options):
            print(f"{workload.label}\n    {', '.join(name for name, _ in workload.contenders)}")
        return 0
    before = machine()
    seen = []
    if options.markdown:
        print(MARKDOWN_HEADING)
    for result in results(parser, options):
        seen.append(result)
        if options.plot:
            print(f"plotted: {plot(result, options.plot)}", file=sys.stderr)
        if options.markdown:
            print(markdown_row(result))
        elif not options.json:
            show_text(result)
    if options.json:
        json.dump({"machine": before, "results": seen}, sys.stdout, indent=1)
        print()
    return 1 if any("thrum" in result["failed"] for result in seen) else 0


if __name__ == "__main__":
    sys.exit(main())
