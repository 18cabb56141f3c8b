#!/bin/sh
# SPDX-License-Identifier: MIT
# A sample of the fault sweep, or all of it with THRUM_SWEEP_FULL=1; and the sweep can fail: with a
# limit of no time every run hangs. Skipped unless the build folder $1 is one of the fault backend.
set -u

sweep=$(dirname -- "$0")/sweep.py
command -v python3 >/dev/null || exit 77
python3 "$sweep" "$1"
status=$?
[ $status -eq 0 ] || exit $status
if python3 "$sweep" "$1" --program test_clock --kind futex --limit 0 >/dev/null; then
    echo "FAILED: a run that takes too long is not found"
    exit 1
fi
