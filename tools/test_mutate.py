#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The mutation gate, checked: in a small tree with a model and a test of its own, each kind of
mutant must get the verdict it deserves."""

import json
import pathlib
import subprocess
import sys
import tempfile

import self_test

TOOLS = pathlib.Path(__file__).resolve().parent

WORD_C = """#include "word.h"

static unsigned word;

static unsigned add_one(unsigned to)
{
    /* a note that no run looks at */
    return to + 1;
}

unsigned word_next(void)
{
    unsigned seen = __atomic_load_n(&word, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&word, &seen, add_one(seen), 0, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
        continue;
    return seen + 1;
}

unsigned word_twice(unsigned n)
{
    return n * 2;
}
"""

MODEL_C = """#include <stdio.h>
#include <string.h>

#include "word.h"

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--list") == 0) {
        puts("word.counts   says how often it was asked");
        return 0;
    }
    unsigned next = word_next();
    puts(next == 1 ? "word.counts  clean" : "word.counts  RED");
    return next != 1;
}
"""

TEST_C = """#include "word.h"

int main(void)
{
    return word_twice(3) != 6;
}
"""

CMAKE = """cmake_minimum_required(VERSION 3.18)
project(word LANGUAGES C)
add_executable(thrum-model model.c src/park/word.c)
add_executable(test_word tests/park/test_word.c src/park/word.c)
include_directories(include)
"""

TREE = {
    "CMakeLists.txt": CMAKE,
    "model.c": MODEL_C,
    "include/word.h": "unsigned word_next(void);\nunsigned word_twice(unsigned n);\n",
    "src/park/word.c": WORD_C,
    "tests/park/test_word.c": TEST_C,
}

NOTHING = """@ word.nothing src/park/word.c word
# nothing is wrong
-    /* a note that no run looks at */
+    /* another note */
"""
EVERYTHING = """@ word.everything src/park/word.c word
# counts by two
-    return to + 1;
+    return to + 2;
...
-    return seen + 1;
+    return seen + 2;
"""
FOR_TESTS = """@ word.thrice src/park/word.c word
# what only the test looks at
-    return n * 2;
+    return n * 3;
"""
HANGS = """@ word.hangs src/park/word.c word
# never ends
-        continue;
-    return seen + 1;
+        continue;
+    for (unsigned i = 1; i != 0; i |= 1)
+        __atomic_store_n(&word, i, __ATOMIC_RELAXED);
+    return seen + 1;
"""
BROKEN = """@ word.broken src/park/word.c word
# no C
-    return n * 2;
+    return n * * ;
"""
STALE = """@ word.stale src/park/word.c word
# a text that is gone
-    return n * 4;
+    return n * 3;
"""
TWICE = """@ word.twice src/park/word.c word
# a text that is there twice
-{
+{ ;
"""

# What the table holds, what is argued to change nothing, arguments, status, what must be said.
CASES = [
    ("nothing survives", NOTHING, "", ["--only", "word.nothing"], 1,
     ["word.nothing: SURVIVED", "nobody argues", "caught/planted: 0/1 (0 equivalent)"]),
    ("nothing survives as argued", NOTHING, "word.nothing: it is\n  a comment.\n",
     ["--only", "word.nothing"], 0,
     ["word.nothing: survived, as argued", "caught/planted: 0/1 (1 equivalent)"]),
    ("everything is caught", EVERYTHING, "", ["--only", "word.everything"], 0,
     ["caught by word.counts", "caught/planted: 1/1 (0 equivalent)"]),
    ("a test is the second line", FOR_TESTS, "", ["--only", "word.thrice"], 0,
     ["caught by test park/test_word", "by the explorer 0, by tests 1"]),
    ("a hang is caught", HANGS, "", ["--only", "word.hangs", "--limit", "2"], 0,
     ["time limit", "caught/planted: 1/1"]),
    ("what is caught is not equivalent", EVERYTHING, "word.everything: it is not.\n",
     ["--only", "word.everything"], 1, ["argued to change nothing", "caught/planted: 1/1"]),
    ("what does not compile is no mutant", BROKEN, "", ["--only", "word.broken"], 1,
     ["does not compile", "caught/planted: 0/1"]),
    ("a text that is gone", STALE, "", [], 1, ["found 0 times", "up to date"]),
    ("a text that is there twice", TWICE, "", [], 1, ["found 3 times", "up to date"]),
    ("an argument for no mutant", NOTHING, "word.gone: it is gone.\n", [], 1,
     ["no such mutant: word.gone"]),
    ("an argument that is none", NOTHING, "word.nothing:\n", [], 1, ["no argument"]),
    ("by rule and in two workplaces", EVERYTHING + "\n" + FOR_TESTS, "",
     ["--only", "*word.*", "--jobs", "2", "--json", "verdicts.json"], 1,
     ["word.word_next.acquire-relaxed: SURVIVED", "word.word_next.cas-store: SURVIVED",
      "caught/planted: 2/4 (0 equivalent)"]),
    ("a sample leaves out the equivalent", NOTHING + "\n" + FOR_TESTS, "word.nothing: it is so.\n",
     ["--only", "word.thrice", "--only", "word.nothing", "--sample", "5", "--seed", "1"], 0,
     ["a sample of 1 by --seed 1", "caught/planted: 1/1 (0 equivalent)"]),
]


def write_tree(root, table, equivalents, change=None):
    files = dict(TREE, **{"tools/mutants/word.txt": table,
                          "tools/mutants-equivalent.txt": equivalents})
    if change is not None:
        name, old, new = change
        assert old in files[name]
        files[name] = files[name].replace(old, new)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def gate(root, *arguments):
    what = [] if "--sample" in arguments or "--list" in arguments else ["--all"]
    done = subprocess.run([sys.executable, TOOLS / "mutate.py", *what, *arguments, root],
                          capture_output=True, text=True, check=False, cwd=root)
    return done.returncode, done.stdout + done.stderr


def judges(table, equivalents, arguments, status, says):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        write_tree(root, table, equivalents)
        found, output = gate(root, *arguments)
        untouched = (root / "src/park/word.c").read_text(encoding="utf-8") == WORD_C
        if "--json" in arguments:
            rows = json.loads((root / "verdicts.json").read_text(encoding="utf-8"))
            untouched = untouched and len(rows) == 4
    return found == status and untouched and all(text in output for text in says), output


def red_without_fault():
    """A model that is red anyway catches nothing, and the gate says so."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        write_tree(root, EVERYTHING, "", ("model.c", "next == 1", "next == 7"))
        found, output = gate(root, "--only", "word.everything")
    good = found == 1 and "SURVIVED" in output and "word.counts is red without any fault" in output
    return good, output


def lists():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        write_tree(root, NOTHING, "word.nothing: it is so.\n")
        found, output = gate(root, "--list")
    return found == 0 and "(equivalent)" in output and len(output.splitlines()) == 3, output


def cases():
    for title, *case in CASES:
        yield title, lambda c=case: judges(*c)
    yield "red without a fault", red_without_fault
    yield "--list", lists


if __name__ == "__main__":
    self_test.run(__doc__, cases())
