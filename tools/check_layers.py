#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Layers: src/LAYERS lists them bottom to top. A layer includes itself and those listed before it;
no two modules (x.c and x.h) include each other in a circle; public headers include nothing of src."""

import re

import source

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*["<]([^">]+)[">]', re.MULTILINE)


def includes(text):
    for match in INCLUDE.finditer(text):
        yield source.line_of(text, match.start()), match.group(1)


def read_layers(root):
    """The listed layers, each with the line that lists it."""
    layers = {}
    path = root / "src/LAYERS"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for number, line in enumerate(lines, 1):
        name = line.split("#")[0].strip()
        if name:
            layers.setdefault(name, number)
    return layers


def module_of(root, layers, name, included):
    """The path without suffix of the header that `name` includes, below root; None: not ours."""
    if included == "thrum.h" or included.startswith("thrum/"):
        module = "include/" + included
    elif included.split("/")[0] in layers:
        module = "src/" + included
    else:
        module = name.rsplit("/", 1)[0] + "/" + included
        if not (root / module).is_file():
            return None
    return re.sub(r"\.[ch]$", "", module)


def check_folders(root, layers):
    if not layers:
        yield "src/LAYERS", 1, "lists no layer"
    for folder in sorted(p.name for p in (root / "src").glob("*") if p.is_dir()):
        if folder not in layers and any((root / "src" / folder).rglob("*.[ch]")):
            yield "src/LAYERS", 1, f"does not list the layer src/{folder}"


def check_include(root, layers, name, line, included):
    order = list(layers)
    parts = name.split("/")
    if parts[0] == "include":
        inside = (root / "src" / included).is_file()
        if included.split("/")[0] in layers or inside or ".." in included.split("/"):
            yield name, line, f"a public header includes {included}, which is not public"
        return
    to = included.split("/")[0]
    if ".." in included.split("/"):
        yield name, line, f"includes {included}: name it from src/"
    elif "/" in included and to in order and len(parts) > 2 and parts[1] in order \
            and order.index(to) > order.index(parts[1]):
        yield name, line, f"{parts[1]} includes {included}: {to} is a layer above it"


def find_cycles(graph):
    """The modules of each strongly connected part with more than one member (Tarjan)."""
    index, low, stack, cycles = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            part = stack[stack.index(node):]
            del stack[-len(part):]
            if len(part) > 1:
                cycles.append(sorted(part))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return cycles


def check(root, _options):
    layers = read_layers(root)
    yield from check_folders(root, layers)
    graph, sites = {}, {}
    for name, text in source.files(root, ("src", "include")):
        module = re.sub(r"\.[ch]$", "", name)
        for line, included in includes(text):
            yield from check_include(root, layers, name, line, included)
            other = module_of(root, layers, name, included)
            if other is not None and other != module:
                graph.setdefault(module, {})[other] = True
                sites.setdefault((module, other), (name, line))
    for cycle in find_cycles(graph):
        for one in cycle:
            for other in graph[one]:
                if other in cycle:
                    yield *sites[one, other], "an include cycle: " + ", ".join(cycle)


if __name__ == "__main__":
    source.run(__doc__, check)
