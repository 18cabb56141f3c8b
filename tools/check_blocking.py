#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Blocking: everything blocks in src/park, by the means of src/platform. Elsewhere in src and in
the public headers no code names what can put a thread to sleep, or starts or joins one."""

import re

import source

ALLOWED = ("src/park/", "src/platform/")
BLOCKING = re.compile(r"""\b(?:
    \w*futex\w* | nanosleep | clock_nanosleep | usleep
  | (?:sleep|sched_yield|p?poll|p?select|pause)(?=\s*\() | epoll\w*
  | pthread_cond_\w*wait | pthread_(?:timed|try|clock)?join(?:_np)? | pthread_mutex_\w+
  | pthread_rwlock_\w+ | pthread_spin_\w+ | pthread_barrier_\w+ | pthread_create
  | sem_\w*wait | cnd_\w+ | mtx_\w+ | thrd_(?:create|join|sleep|yield)
)\b""", re.VERBOSE)


def check(root, _options):
    for name, text in source.files(root, ("src", "include")):
        if name.startswith(ALLOWED):
            continue
        code = source.code_only(text)
        for match in BLOCKING.finditer(code):
            yield (name, source.line_of(code, match.start()),
                   f"names {match.group()}: only src/park and src/platform block")
        for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*["<]([^">]*futex[^">]*)', text,
                                 re.MULTILINE):
            yield (name, source.line_of(text, match.start()),
                   f"includes {match.group(1)}: only src/park and src/platform block")


if __name__ == "__main__":
    source.run(__doc__, check)
