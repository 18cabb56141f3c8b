#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Style: functions of at most 70 lines, files of at most 600 (a test, one case after the other, of
1200), lines of at most 100 columns and without tabs or blanks at the end, a licence in the first
line, no postponed work."""

import re

import source

FUNCTION_LINES = 70
FILE_LINES = 600
TEST_FILE_LINES = 1200
COLUMNS = 100
POSTPONED = re.compile(r"\b(?:TODO|FIXME|XXX)\b")


def check_lines(name, lines):
    if not lines or "SPDX-License-Identifier:" not in lines[0]:
        yield name, 1, "the first line has no SPDX-License-Identifier"
    most = TEST_FILE_LINES if str(name).startswith("tests/") else FILE_LINES
    if len(lines) > most:
        yield name, len(lines), f"a file of {len(lines)} lines; at most {most}"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            yield name, number, f"a line of {len(line)} columns; at most {COLUMNS}"
        if "\t" in line:
            yield name, number, "a tab"
        if line != line.rstrip():
            yield name, number, "blanks at the end of the line"
        if POSTPONED.search(line):
            yield name, number, f"{POSTPONED.search(line).group()}: postponed work"


def check(root, _options):
    folders = ("src", "include", "explorer", "examples", "bench", "tests")
    for name, text in source.files(root, folders):
        yield from check_lines(name, text.splitlines())
        if text and not text.endswith("\n"):
            yield name, text.count("\n") + 1, "no newline at the end"
        for function, first, last in source.functions(text):
            if last - first + 1 > FUNCTION_LINES:
                yield (name, first, f"{function} has {last - first + 1} lines; "
                                    f"at most {FUNCTION_LINES}")


if __name__ == "__main__":
    source.run(__doc__, check)
