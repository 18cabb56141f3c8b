#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Atomics: src uses them through src/platform/atomic.h only, public headers through __atomic_*.
Every use has a note on its line or within the three lines above: `pairs: <function>` names the
other side of the order (`itself`: the same function), `relaxed: <reason>` says why none is needed.
With --graph: print who pairs with whom."""

import re

import source

HOME = "src/platform/atomic.h"
REACH = 3
OWN = re.compile(r"\bth_(?:load|store|swap|cas|add|sub|or|and|xor|fence)_"
                 r"(?:rlx|acq_rel|acq|rel|sc|signal)\b")
BUILTIN = re.compile(r"\b__atomic_\w+(?=\s*\()")
RAW_SRC = re.compile(r"\b(?:__atomic_\w+|__sync_\w+|_Atomic|atomic_\w+|volatile)\b|<stdatomic\.h>")
RAW_PUBLIC = re.compile(r"\b(?:th_(?:load|store|swap|cas|add|sub|or|and|fence)_\w+|__sync_\w+|"
                        r"_Atomic|atomic_\w+|volatile)\b|<stdatomic\.h>")
NOTE = re.compile(r"\b(pairs|relaxed): +(?=\S)")
PARTNERS = re.compile(r"\bpairs:\s+(\w+(?:,\s+\w+(?=\s*(?:[,;.:]|\*/|$)))*)", re.MULTILINE)


def unstarred(comment):
    """A comment as flowing text: without the stars that begin its lines."""
    return re.sub(r"\s*\n\s*\*?\s+(?!/)", " ", comment)


def partners_of(comment):
    for match in PARTNERS.finditer(unstarred(comment)):
        yield from re.split(r",\s+", match.group(1))


def known_functions(tree):
    """Names of functions and function-like macros that the tree defines."""
    known = {"itself"}
    for _, text in tree:
        known.update(name for name, _, _ in source.functions(text))
        known.update(re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)\(", text, re.MULTILINE))
    return known


def orders(code, match):
    """Whether a use has an order other than relaxed."""
    arguments = code[match.end():source.close_of(code, code.find("(", match.end()))]
    named = set(re.findall(r"__ATOMIC_\w+", arguments))
    return not match.group().endswith("_rlx") and named != {"__ATOMIC_RELAXED"}


def sites(name, text):
    """The atomic uses of a file: (line, the call, whether it orders, the comments within reach)."""
    code = source.code_only(text)
    notes = [c for c in source.comments(text) if NOTE.search(unstarred(c[2]))]
    seen = set()
    for match in (BUILTIN if name.startswith("include/") else OWN).finditer(code):
        line = source.line_of(code, match.start())
        if (line, match.group()) not in seen:
            seen.add((line, match.group()))
            near = [c for c in notes if c[0] <= line and c[1] >= line - REACH]
            yield line, match.group(), orders(code, match), [c[2] for c in near]


def check_raw(name, text):
    public = name.startswith("include/")
    allowed = "__atomic_* in public headers" if public else HOME
    for match in (RAW_PUBLIC if public else RAW_SRC).finditer(source.code_only(text)):
        yield (name, source.line_of(text, match.start()),
               f"{match.group()}: atomics go through {allowed}")


def check(root, options):
    tree = [(n, t) for n, t in source.files(root, ("src", "include")) if n != HOME]
    known = known_functions(tree)
    for name, text in tree:
        yield from check_raw(name, text)
        for line, call, _, near in sites(name, text):
            if not near:
                yield name, line, f"{call} without a note `pairs: ` or `relaxed: `"
        for first, _, comment in source.comments(text):
            for partner in partners_of(comment):
                if partner not in known:
                    yield name, first, f"pairs: {partner}: there is no such function"
    if options.graph:
        print_graph(tree)


def function_at(functions, line):
    return next((name for name, first, last in functions if first <= line <= last), "-")


def print_graph(tree):
    edges = set()
    for name, text in tree:
        functions = list(source.functions(text))
        for line, call, ordered, near in sites(name, text):
            here = function_at(functions, line)
            for partner in {p for comment in near for p in partners_of(comment)}:
                if ordered:
                    edges.add((name, here, call, here if partner == "itself" else partner))
    print("| File | Function | Access | Pairs with |")
    print("|---|---|---|---|")
    for edge in sorted(edges):
        print("| {} | `{}` | `{}` | `{}` |".format(*edge))


def add_arguments(parser):
    parser.add_argument("--graph", action="store_true",
                        help="print the pairs as a markdown table")


if __name__ == "__main__":
    source.run(__doc__, check, add_arguments)
