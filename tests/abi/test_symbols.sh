#!/bin/sh
# SPDX-License-Identifier: MIT
# The shared library exports what the public headers declare and nothing else, under the version of
# src/thrum.map; the static library shows the same names and hides all others. What the objects share
# among themselves is called th_*, so that a name says who may use it.
set -eu
export LC_ALL=C
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What the headers declare: the compiler's own view, so that macros cannot mislead.
printf '#include <thrum.h>\n' >"$work/all.c"
cc -I"$root/include" -E -P "$work/all.c" | tr '\n' ' ' |
    grep -oE '__attribute__\(\(visibility\("default"\)\)\)[^;{]*[;{]' |
    grep -oE '\bthrum_[a-z0-9_]+ *(\(|__attribute__|;)' |
    sed -E 's/ *(\(|__attribute__|;)$//' | sort -u >"$work/declared"

nm -D --defined-only "$build/libthrum.so" | awk '$2 != "A" { print $3 }' | sed 's/@@.*//' |
    sort -u >"$work/shared"
nm --defined-only --extern-only "$build/libthrum.a" | awk 'NF == 3 { print $3 }' | sort -u >"$work/static"

status=0
for library in shared static; do
    if ! diff -u "$work/declared" "$work/$library"; then
        echo "FAILED: the $library library and the headers differ (- headers, + library)" >&2
        status=1
    fi
done
if nm -D --defined-only "$build/libthrum.so" | grep -v ' A ' | grep -qv '@@THRUM_0\.1$'; then
    echo "FAILED: a symbol is not under THRUM_0.1" >&2
    status=1
fi

find "$build" -path '*/thrum_objects.dir/*.o' -exec nm --defined-only --extern-only {} + |
    awk 'NF == 3 { print $3 }' | sort -u | comm -23 - "$work/declared" >"$work/internal"
if grep -vE '^(th_|DW\.ref\.)' "$work/internal" >&2; then # DW.ref.*: the compiler's
    echo "FAILED: these are shared among the objects, but are not called th_*" >&2
    status=1
fi
if [ ! -s "$work/declared" ] || [ ! -s "$work/internal" ]; then
    echo "FAILED: no symbols at all" >&2
    status=1
fi
echo "$(wc -l <"$work/declared") public symbols, $(wc -l <"$work/internal") internal ones"
exit $status
