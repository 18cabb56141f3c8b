# SPDX-License-Identifier: MIT
"""What the checks share: finding files, reading C without comments and strings, reporting."""

import argparse
import pathlib
import re
import sys

KEYWORDS = {"if", "for", "while", "switch", "return", "sizeof", "defined", "do", "else", "case",
            "void", "int", "bool", "char", "unsigned", "long", "double", "size_t"}


def run(description, check, add_arguments=None):
    """Parse the command line, call check(root, options), print what it yields, and exit."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("root", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent,
                        help="the tree to check (default: the one this tool lies in)")
    if add_arguments is not None:
        add_arguments(parser)
    options = parser.parse_args()
    if not options.root.is_dir():
        parser.error(f"no such folder: {options.root}")
    findings = sorted(set(check(options.root, options)))
    for name, line, message in findings:
        print(f"{name}:{line}: {message}")
    sys.exit(1 if findings else 0)


def files(root, folders, suffixes=(".c", ".h")):
    """The C files below `folders`, as pairs (path relative to root, text), sorted."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")


TOKEN = re.compile(r'/\*.*?(?:\*/|\Z)|//(?:\\\n|[^\n])*|"(?:\\.|[^"\\\n])*"|'
                   r"'(?:\\.|[^'\\\n])*'", re.DOTALL)


def blank(text):
    """`text` with newlines kept and everything else a space."""
    return re.sub(r"[^\n]", " ", text)


def code_only(text):
    """`text` with comments, strings and characters blanked; every offset stays what it was."""
    def replace(match):
        token = match.group()
        if token[0] == "/":
            return blank(token)
        return token[0] + blank(token[1:-1]) + token[-1]
    return TOKEN.sub(replace, text)


def comments(text):
    """The comments of `text`, as triples (first line, last line, text)."""
    for match in TOKEN.finditer(text):
        if match.group()[0] == "/":
            yield (line_of(text, match.start()), line_of(text, match.end() - 1), match.group())


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def without_directives(code):
    """`code` with preprocessor directives blanked, continuation lines too."""
    return re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", lambda m: blank(m.group()), code, flags=re.MULTILINE)


def close_of(code, offset, pair="()"):
    """The offset of what closes the bracket at `offset`; -1 if nothing does."""
    depth = 0
    for i in range(offset, len(code)):
        depth += (code[i] == pair[0]) - (code[i] == pair[1])
        if depth == 0:
            return i
    return -1


NAME_AND_PARENTHESIS = re.compile(r"\(?\b([A-Za-z_]\w*)\b\)?\s*\(")


def functions(text):
    """The functions that `text` defines, as triples (name, first line, last line)."""
    code = without_directives(code_only(text))
    start, offset = 0, 0
    while offset < len(code):
        character = code[offset]
        if character in ";}":
            start = offset + 1
        elif character == "{":
            head = code[start:offset]
            if re.fullmatch(r'\s*extern\s+" +"\s*', head):
                start = offset = offset + 1
                continue
            end = close_of(code, offset, "{}")
            end = len(code) - 1 if end < 0 else end
            name = function_name(head)
            if name is not None:
                first = start + len(head) - len(head.lstrip())
                yield name, line_of(text, first), line_of(text, end)
                start = end + 1
            offset = end
        offset += 1


def function_name(head):
    """The function that a declaration's head declares, or None."""
    plain = re.sub(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)",
                   lambda m: blank(m.group()), head)
    plain = re.sub(r"^(\s*THRUM_(?:BEGIN|END)_DECLS\b)+", lambda m: blank(m.group()), plain)
    if "=" in plain or re.match(r"\s*typedef\b", plain):
        return None
    for match in NAME_AND_PARENTHESIS.finditer(plain):
        if match.group(1) not in KEYWORDS:
            return match.group(1)
    return None
