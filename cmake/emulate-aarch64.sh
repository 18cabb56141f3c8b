#!/bin/sh
# SPDX-License-Identifier: MIT
# emulate-aarch64.sh PROGRAM [ARGUMENT...]: run it under qemu-user, with the libraries of libc6:arm64.
# Of a test program, the cases that emulate-aarch64.skip names are left out; each is named.
set -eu

skip=$(dirname "$0")/emulate-aarch64.skip
export THRUM_TEST_TIME_FACTOR="${THRUM_TEST_TIME_FACTOR:-8}"
emulate() { qemu-aarch64 -L / "$@"; }

program=$1
name=$(basename "$program")
skipped=$(sed -n "s/^$name: //p" "$skip")
if [ $# -gt 1 ] || [ -z "$skipped" ]; then
    emulate "$@"
    exit
fi

cases=$(emulate "$program" --list)
output=$(mktemp)
trap 'rm -f "$output"' EXIT
status=0
echo "$skipped" >"$output"
while read -r case; do
    if ! echo "$cases" | grep -qxF "$case"; then
        echo "FAILED: $skip names \"$case\", which $name does not have"
        status=1
    fi
done <"$output"

passed=0 failed=0 left_out=0
while read -r case; do
    if echo "$skipped" | grep -qxF "$case"; then
        echo "skipped: $case"
        left_out=$((left_out + 1))
    elif emulate "$program" --filter "$case" >"$output" 2>&1 </dev/null; then
        passed=$((passed + 1))
    else
        cat "$output"
        failed=$((failed + 1))
        status=1
    fi
done <<CASES
$cases
CASES
echo "$name: $passed cases passed, $failed failed, $left_out skipped"
exit $status
