#!/bin/sh
# SPDX-License-Identifier: MIT
# Format the C sources with clang-format; with --check, change nothing and fail if that would.
set -eu

usage() {
    echo "usage: tools/format.sh [--check] [ROOT]"
    echo "Formats the C sources below src, include, explorer, tests, examples and bench of ROOT"
    echo "(default: the tree it lies in). --check: say what is not formatted, change nothing, exit 1."
}

mode=-i
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
for argument in "$@"; do
    case $argument in
    --help | -h)
        usage
        exit 0
        ;;
    --check) mode='--dry-run --Werror' ;;
    -*)
        usage >&2
        exit 2
        ;;
    *) root=$argument ;;
    esac
done

cd "$root"
status=0
# shellcheck disable=SC2086 # the mode is a list of words
find src include explorer tests examples bench -name '*.[ch]' -exec clang-format --style=file $mode {} + ||
    status=1
exit $status
