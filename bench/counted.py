#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count what the operations of counted.c cost: instructions by callgrind, which must be those of
instructions.txt within one percent, and system calls by strace, of which there must be none.
--record writes instructions.txt anew. Counts of another compiler than the recorded one, or of
another version, are not compared."""

import argparse
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
RECORD = HERE / "instructions.txt"
TIMES = 1000
TOLERANCE = 0.01
HEADING = """# SPDX-License-Identifier: MIT
# Instructions per operation, as callgrind counts them; bench/counted.py compares and records.
"""


def compiler_of(build):
    """Compiler, version and machine of a CMake folder, as in `GNU 12.2.0 x86_64 RelWithDebInfo`."""
    cache = (build / "CMakeCache.txt").read_text(encoding="utf-8")
    kind = re.search(r"^CMAKE_BUILD_TYPE:\w+=(.*)$", cache, re.MULTILINE).group(1)
    for path in build.glob("CMakeFiles/*/CMakeCCompiler.cmake"):
        text = path.read_text(encoding="utf-8")
        found = [re.search(rf'set\({name} "(.*?)"\)', text).group(1)
                 for name in ("CMAKE_C_COMPILER_ID", "CMAKE_C_COMPILER_VERSION")]
        return " ".join([*found, platform.machine(), kind])
    sys.exit(f"{build} was not configured by CMake")


def instructions(program):
    """Instructions per operation, by name."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out",
                   program, str(TIMES)]
        subprocess.run(command, check=True, capture_output=True, text=True)
        counts = {}
        for path in pathlib.Path(folder).iterdir():
            text = path.read_text(encoding="utf-8")
            name = re.search(r"^desc: Trigger: Client Request: (\w+)$", text, re.MULTILINE)
            if name:
                total = re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE).group(1)
                counts[name.group(1)] = int(total) / TIMES
    if not counts:
        sys.exit("callgrind was not told where operations begin: no valgrind/callgrind.h?")
    return counts


def system_calls(program, times):
    """How often each system call was made by `times` of all operations, as strace -c tells it."""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as table:
        subprocess.run(["strace", "-f", "-c", "-o", table.name, program, str(times)], check=True)
        rows = [line.split() for line in table.read().splitlines()]
    return {row[-1]: int(row[3]) for row in rows if len(row) >= 5 and row[0][0].isdigit() and
            row[-1] != "total"}


def recorded():
    """The compiler, and the counts by name."""
    lines = [line for line in RECORD.read_text(encoding="utf-8").splitlines()
             if line and not line.startswith("#")]
    counts = {name: float(count) for name, count in map(str.split, lines[1:])}
    return lines[0].split(": ")[1], counts


def record(compiler, counts):
    lines = [f"{name:<32} {count:.1f}\n" for name, count in sorted(counts.items())]
    RECORD.write_text(HEADING + f"compiler: {compiler}\n" +
                      "".join(lines), encoding="utf-8")


def compare(compiler, counts):
    """Print the table; whether all is as recorded, as far as it can be compared."""
    of, expected = recorded()
    comparable = of == compiler
    good = True
    for name in sorted(counts.keys() | expected.keys()):
        now, before = counts.get(name), expected.get(name)
        verdict = ""
        if now is None or before is None:
            verdict = "not recorded" if before is None else "not measured"
        elif comparable and abs(now - before) > TOLERANCE * before:
            verdict = f"was {before:.1f}: {'MORE' if now > before else 'fewer; --record it'}"
        good = good and not verdict
        print(f"{name:<32} {'' if now is None else format(now, '.1f'):>8}  {verdict}".rstrip())
    if not comparable:
        print(f"not compared: recorded with {of}, built with {compiler}")
    return good


def check_system_calls(program):
    none, many = system_calls(program, 0), system_calls(program, TIMES)
    more = {name: count - none.get(name, 0) for name, count in many.items()
            if count > none.get(name, 0)}
    print(f"system calls of {TIMES} times each operation: "
          f"{', '.join(f'{count} {name}' for name, count in more.items()) or 'none'}")
    return not more


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path, nargs="?", default=HERE.parent / "build/bench",
                        help="a folder with -DTHRUM_BUILD_BENCH=ON (default: build/bench)")
    parser.add_argument("--record", action="store_true", help="write instructions.txt anew")
    options = parser.parse_args()
    program = options.build / "bench/counted"
    if not program.exists():
        parser.error(f"there is no {program}")
    compiler, counts = compiler_of(options.build), instructions(program)
    if options.record:
        record(compiler, counts)
    alike = compare(compiler, counts)
    silent = check_system_calls(program)
    return 0 if alike and silent else 1


if __name__ == "__main__":
    sys.exit(main())
