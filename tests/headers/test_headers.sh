#!/bin/sh
# SPDX-License-Identifier: MIT
# Every public header compiles alone and twice, as C11, C17 and C++17, with every compiler here, and
# the option macros work in both languages.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags="-Iinclude -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Werror -fsyntax-only"
checked=0

check() { # COMPILER LANGUAGE STANDARD FILE
    # shellcheck disable=SC2086 # lists of options
    if ! "$1" -x "$2" -std="$3" $flags ${5:-} "$4"; then
        echo "FAILED: $4 as $3 with $1" >&2
        exit 1
    fi
    checked=$((checked + 1))
}

compilers() {
    for one in "$@"; do
        if command -v "$one" >/dev/null 2>&1; then echo "$one"; fi
    done
}

for header in include/thrum.h include/thrum/*.h; do
    name=${header#include/}
    printf '#include <%s>\n#include <%s>\n' "$name" "$name" >"$work/one.c"
    for cc in $(compilers gcc clang); do
        check "$cc" c c11 "$work/one.c"
        check "$cc" c c17 "$work/one.c"
    done
    for cxx in $(compilers g++ clang++); do
        check "$cxx" c++ c++17 "$work/one.c"
    done
done

cat >"$work/uses.c" <<'USES'
#include <thrum.h>

static void *work(void *arg) { return arg; }
static bool always(void *arg) { return arg == nullptr_or_null; }

void uses(void);
void uses(void)
{
    static thrum_lock lock;
    static thrum_rlock rlock;
    static thrum_condition condition;
    static thrum_semaphore semaphore = THRUM_SEMAPHORE(1);
    thrum_thread *plain = thrum_thread_new(work, &lock);
    thrum_thread *named = thrum_spawn(work, &lock, .name = "n", .daemon = THRUM_DAEMON);
    thrum_thread_free(plain);
    thrum_thread_free(named);
    THRUM_HOLD(&rlock);
    thrum_with (&lock) {
        thrum_condition_wait_until(&condition, &lock, thrum_after(0.1));
        thrum_condition_wait_for_until(&condition, &rlock, always, nullptr_or_null, 0);
    }
    thrum_with (&semaphore)
        thrum_info("one %d", 1);
    thrum_log_config(.level = THRUM_LOG_INFO);
    thrum_log_config();
    thrum_warning("no arguments");
}
USES
cat >"$work/map.c" <<'MAP'
#include <thrum.h>

static void *work(void *arg) { return arg; }

int uses(thrum_executor *executor);
int uses(thrum_executor *executor)
{
    int a, b;
    return thrum_executor_map(executor, work, (void *[]){&a, &b}, 2, NULL) +
           thrum_executor_map_until(executor, work, (void *[]){&a, &b}, 2, NULL, 0, NULL);
}
MAP
for cc in $(compilers gcc clang); do # a macro only where the program is optimised
    check "$cc" c c11 "$work/map.c" -O0
    check "$cc" c c11 "$work/map.c" -O2
    check "$cc" c c11 "$work/uses.c" -Dnullptr_or_null=NULL
    check "$cc" c c11 tests/headers/contract.c
done
for cxx in $(compilers g++ clang++); do # designated initialisers are C++20, an extension before
    check "$cxx" c++ c++20 "$work/uses.c" "-Dnullptr_or_null=nullptr"
    check "$cxx" c++ c++17 "$work/uses.c" "-Dnullptr_or_null=nullptr -Wno-pedantic"
done
echo "$checked compilations"
