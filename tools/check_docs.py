#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Documentation: every function of include/thrum has a doc comment directly above. Unless that
begins with "Private:", it, like that of a documented macro with parameters, has @blocks, @thread,
@python, @since, a @param for each named parameter and for nothing else, and @return for a value."""

import re

import source

TAGS = ("blocks", "thread", "python", "since")
CPLUSPLUS = re.compile(r"^#ifdef __cplusplus\n(.*?)^#(?:else|endif)", re.MULTILINE | re.DOTALL)
NOT_A_TYPE = re.compile(r"\b(?:THRUM_API|static|inline|extern|__attribute__\s*\(\(.*?\)\)|"
                        r"THRUM_BEGIN_DECLS|THRUM_END_DECLS)\b|__extension__")
TYPE_WORDS = {"const", "void", "char", "int", "unsigned", "long", "short", "signed", "double",
              "float", "bool", "struct", "enum", "union", "restrict", "volatile"}


def doc_above(text, offset):
    """The doc comment that ends right before `offset`, or None."""
    before = text[:offset].rstrip()
    if not before.endswith("*/"):
        return None
    start = before.rfind("/*")
    comment = before[start:]
    return comment if comment.startswith("/**") and "@file" not in comment else None


def split_arguments(arguments):
    depth, parts = 0, [""]
    for character in arguments:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def parameter_name(argument):
    """The name in one parameter of a prototype, or None."""
    pointer = re.search(r"\(\s*\*+\s*(?:const\s+)?(\w+)", argument)
    if pointer:
        return pointer.group(1)
    words = re.findall(r"\w+|\*", re.sub(r"\[.*?\]", "", argument))
    if len(words) < 2 or words[-1] == "*" or words[-1] in TYPE_WORDS:
        return None
    return None if len(words) == 2 and words[0] in ("const", "struct", "enum") else words[-1]


def declarations(text):
    """Functions of a header: (offset, name, parameter names, returns a value)."""
    code = source.code_only(text)
    code = CPLUSPLUS.sub(lambda m: source.blank(m.group()), code)
    code = source.without_directives(code)
    code = re.sub(r"\bTHRUM_(?:BEGIN|END)_DECLS\b", lambda m: source.blank(m.group()), code)
    start = offset = 0
    while offset < len(code):
        if code[offset] in ";{":
            head = code[start:offset]
            name = source.function_name(head)
            if name is not None:
                yield describe(head, start, name)
            if code[offset] == "{":
                end = source.close_of(code, offset, "{}")
                offset = len(code) if end < 0 else end
                if name is None and not head.strip().startswith("extern"):
                    offset = (code + ";").find(";", offset)
            start = offset + 1
        offset += 1


def describe(head, start, name):
    offset = start + len(head) - len(head.lstrip())
    at = re.search(rf"\b{name}\b\)?\s*\(", head)
    opening = at.end() - 1
    arguments = head[opening + 1:source.close_of(head, opening)]
    names = [parameter_name(a) for a in split_arguments(arguments)]
    kind = NOT_A_TYPE.sub(" ", head[:at.start()]).replace("(", " ").split()
    return offset, name, [n for n in names if n], kind != ["void"]


def macros(text):
    """Documented macros with parameters: (offset, name, parameter names). Not initialisers, {...}:
    they call nothing."""
    for match in re.finditer(r"^#define (\w+)\(([^)]*)\)(?!\s*\\?\s*\{)", text, re.MULTILINE):
        if doc_above(text, match.start()):
            names = split_arguments(match.group(2))
            yield match.start(), match.group(1), [n for n in names if re.fullmatch(r"\w+", n)]


def problems(doc, parameters, returns):
    for tag in TAGS:
        if not re.search(rf"@{tag}\b", doc):
            yield f"no @{tag}"
    if returns and not re.search(r"@return\b", doc):
        yield "no @return"
    if returns is False and re.search(r"@return\b", doc):
        yield "@return of a function without value"
    documented = re.findall(r"@param\s+(\w+)", doc)
    for name in parameters:
        if name not in documented:
            yield f"no @param {name}"
    for name in documented:
        if name not in parameters:
            yield f"@param {name}: there is no such parameter"


def check(root, _options):
    for path, text in source.files(root, ("include/thrum",), (".h",)):
        found = [(*declaration,) for declaration in declarations(text)]
        # A macro is an initialiser, a constant or a statement as often as a value: no @return asked.
        found += [(*macro, None) for macro in macros(text)]
        for offset, name, parameters, returns in found:
            line = source.line_of(text, offset)
            doc = doc_above(text, offset)
            if doc is None:
                yield path, line, f"{name}: no doc comment directly above"
            elif not re.match(r"/\*\*\s*Private:", doc):
                for problem in problems(doc, parameters, returns):
                    yield path, line, f"{name}: {problem}"


if __name__ == "__main__":
    source.run(__doc__, check)
