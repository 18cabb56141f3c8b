#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Blocking: everything blocks in src/park, by the means of src/platform. Elsewhere in src and in
the public headers no code names what can put a thread to sleep, or starts or joins one. And outside
src/platform no code of src names pthread_* functions, or what else a backend may replace: the ends
of the process, its number, clocks, allocation, mapping, system calls. The type pthread_t may
stay."""

import re

import source

ALLOWED = ("src/park/", "src/platform/")
BLOCKING = re.compile(r"""\b(?:
    \w*futex\w* | nanosleep | clock_nanosleep | usleep
  | (?:sleep|sched_yield|p?poll|p?select|pause)(?=\s*\() | epoll\w*
  | pthread_cond_\w*wait | pthread_(?:timed|try|clock)?join(?:_np)? | pthread_mutex_\w+
  | pthread_rwlock_\w+ | pthread_spin_\w+ | pthread_barrier_\w+ | pthread_create
  | th_ending_await | sem_\w*wait | suspend(?=\s*\() | cnd_\w+ | mtx_\w+ | thrd_(?:create|join|sleep|yield)
)\b""", re.VERBOSE)
PLATFORM = "src/platform/"
REPLACED = re.compile(r"""\b(?:
    pthread_(?!t\b)\w+ | PTHREAD_\w+
  | at_quick_exit | atexit | abort | _exit | _Exit | quick_exit | getpid | gettid | syscall
  | clock_gettime | gettimeofday | timespec_get | sigprocmask | mmap | munmap | mprotect
  | (?: exit | raise | kill | tgkill | time | v?fork | write | malloc | calloc | realloc
      | reallocarray | free | aligned_alloc | posix_memalign | strn?dup | v?asprintf
      | open_memstream )(?=\s*\()
)\b""", re.VERBOSE)


def check(root, _options):
    for name, text in source.files(root, ("src", "include")):
        code = source.code_only(text)
        if name.startswith("src/") and not name.startswith(PLATFORM):
            for match in REPLACED.finditer(code):
                yield (name, source.line_of(code, match.start()),
                       f"names {match.group()}: only src/platform does")
        if name.startswith(ALLOWED):
            continue
        for match in BLOCKING.finditer(code):
            yield (name, source.line_of(code, match.start()),
                   f"names {match.group()}: only src/park and src/platform block")
        for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*["<]([^">]*futex[^">]*)', text,
                                 re.MULTILINE):
            yield (name, source.line_of(text, match.start()),
                   f"includes {match.group(1)}: only src/park and src/platform block")


if __name__ == "__main__":
    source.run(__doc__, check)
