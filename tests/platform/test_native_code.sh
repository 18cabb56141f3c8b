#!/bin/sh
# SPDX-License-Identifier: MIT
# The shims of src/platform cost nothing natively: every source, compiled as it is and compiled with
# the shims taken out of its text, gives the same instructions. Prints how many there are.
# It must be able to fail: one source is compiled with an instruction planted in a shim.
set -eu

build=$1
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cc=$(sed -n 's/^CMAKE_C_COMPILER:[^=]*=//p' "$build/CMakeCache.txt")
backend=$(sed -n 's/^THRUM_BACKEND:[^=]*=//p' "$build/CMakeCache.txt")
sanitize=$(sed -n 's/^THRUM_SANITIZE:[^=]*=//p' "$build/CMakeCache.txt")
if [ "${backend:-native}" != native ] || [ -n "$sanitize" ] || ! command -v objdump >/dev/null; then
    echo "skipped: needs a native build and objdump"
    exit 77
fi

# The bare tree: the same lines, so that __LINE__ is the same, without a call of a shim.
mkdir "$work/shims" "$work/bare"
cp -R "$root/src" "$root/include" "$work/shims"
cp -R "$root/src" "$root/include" "$work/bare"
find "$work/bare/src" -name '*.[ch]' -exec sed -i -E \
    -e 's/\(th_point\(\), (__atomic.*)\)$/\1/' -e 's/^( +)\(th_point\(\), /\1(/' \
    -e 's/th_limit\(([0-9]+U?), [0-9]+U?\)/\1/' -e 's/th_spin_limit\(([A-Z_]+|pauses|budget|th_pauses_per_us\(\))\)/\1/' \
    -e 's/if \(th_fault\(TH_FAULT_FUTEX\) \|\| th_chaos_cuts_wait\(&deadline\)\)/if (0)/' \
    -e 's/if \(th_fault\([A-Z_]+\)\)/if (0)/' -e 's/th_fault\([A-Z_]+\) \? NULL : //' \
    -e 's/^( +)th_chaos_after_create\(\);/\1/' {} +
if grep -rnE 'th_(point|limit|spin_limit|fault|chaos_cuts_wait|chaos_after_create)\(' "$work/bare/src" |
    grep -vE 'platform/(backend|chaos|fault|cpu)\.[ch]:'; then
    echo "FAILED: a shim that this test does not know"
    exit 1
fi

# instructions TREE FILE OPTION...: the code of a file, without addresses of the file itself
instructions() {
    tree=$1
    file=$2
    shift 2
    (cd "$work/$tree" && $cc -std=c17 -D_GNU_SOURCE -O2 -fPIC -fexceptions -fvisibility=hidden \
        -Iinclude -Isrc "$@" -c "$file" -o "$work/$tree.o")
    objdump -dr --no-show-raw-insn "$work/$tree.o" | sed 1,3d
}

files=0
total=0
differing=0
for file in "$root"/src/*/*.c; do
    file=src/${file#"$root"/src/}
    case $file in src/platform/chaos.c | src/platform/fault.c) continue ;; esac
    instructions shims "$file" >"$work/with"
    instructions bare "$file" >"$work/without"
    count=$(grep -cE '^ +[0-9a-f]+:\s[^R]' "$work/with" || true)
    files=$((files + 1))
    total=$((total + count))
    if ! cmp -s "$work/with" "$work/without"; then
        differing=$((differing + 1))
        echo "$file: differs"
        diff "$work/without" "$work/with" | head -n 10 || true
    fi
done

# Of chaos and fault themselves nothing is left.
for file in src/platform/chaos.c src/platform/fault.c; do
    instructions shims "$file" >"$work/with"
    if grep -qE '^ +[0-9a-f]+:' "$work/with"; then
        echo "$file: has code"
        differing=$((differing + 1))
    fi
done

cat >"$work/planted.h" <<'END'
#include "platform/backend.h"
static inline void planted(void) { __asm__ __volatile__("nop"); }
#undef th_point
#define th_point() planted()
END
instructions shims src/park/rawlock.c -include "$work/planted.h" >"$work/with"
instructions bare src/park/rawlock.c >"$work/without"
if cmp -s "$work/with" "$work/without"; then
    echo "FAILED: a planted instruction does not show"
    exit 1
fi

echo "$files sources, $total instructions with shims and without, $differing differ"
[ "$files" -gt 0 ] && [ "$total" -gt 1000 ] && [ "$differing" -eq 0 ]
