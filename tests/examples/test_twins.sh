#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/twins.md: every Python program and the C program after it are whole, and print the same.
set -u

build=$(cd "$1" && pwd) || exit 1
root=$(cd "$(dirname "$0")/../.." && pwd)
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

[ -e "$build/libthrum.so" ] || { echo "there is no libthrum"; exit 77; }
if grep -q 'THRUM_SANITIZE:STRING=..*' "$build/CMakeCache.txt"; then
    echo "the compiler here is not the sanitized library's"
    exit 77
fi
compiler=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
scratch=$(mktemp -d) && cd "$scratch" || exit 1
trap 'rm -rf "$scratch"' EXIT

# N.py and N.c for the Nth pair.
awk '/^```python$/ { n++; file = n ".py"; next }
     /^```c$/ { file = n ".c"; next }
     /^```$/ { file = "" }
     file != "" { print > file }
     END { print n }' "$root/docs/twins.md" > count

normal() {
    sed -e 's/^[0-9][0-9]:[0-9][0-9]:[0-9][0-9]: /TIME: /' -e 's/ message: [0-9]*/ message: N/' \
        -e 's/ (size=[0-9]*)$/ (size=N)/' | LC_ALL=C sort -u
}

compile() {
    libraries=
    for wanted in curl/curl.h:libcurl openssl/evp.h:libcrypto; do
        if grep -q "<${wanted%:*}>" "$1.c"; then
            libraries=$(pkg-config --libs "${wanted#*:}" 2> /dev/null) || return 1
        fi
    done
    # shellcheck disable=SC2086 # a list of words
    "$compiler" -std=c11 -Wall -Wextra -Werror -I "$root/include" "$1.c" -o "$1" -L "$build" \
        -Wl,-rpath,"$build" -lthrum -pthread $libraries || fail "pair $1 does not compile"
}

pairs=$(cat count)
[ "$pairs" -ge 7 ] || fail "docs/twins.md has $pairs pairs"
pair=1
while [ $pair -le "$pairs" ]; do
    if ! compile $pair; then
        echo "pair $pair: not compiled, a library is missing"
    elif "./$pair" > out 2>&1 < /dev/null; then
        normal < out > ours
        [ -s ours ] || fail "pair $pair prints nothing"
    else
        fail "pair $pair: status $?"
    fi
    if [ -x $pair ] && command -v python3 > /dev/null; then
        python3 -B $pair.py 2>&1 < /dev/null | normal > theirs
        diff theirs ours || fail "pair $pair: Python prints other lines"
    fi
    pair=$((pair + 1))
done

[ $failures -eq 0 ]
