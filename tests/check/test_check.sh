#!/bin/sh
# SPDX-License-Identifier: MIT
# thrum_check, from outside the tree: programs that are built with pkg-config and with find_package,
# in C and in C++, get the verdict that their test deserves; what is printed can be replayed; wrong
# uses are told.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1
if [ ! -e "$build/libthrum_check.a" ]; then
    echo "SKIPPED: no explorer in this build"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset THRUM_SCHEDULE THRUM_DEADLOCK
failures=0
checked=0

fail() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

# ---- built as a user would ----

prefix=$work/prefix
cmake --install "$build" --prefix "$prefix" >"$work/install.log"
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name thrum-check.pc)")
export PKG_CONFIG_PATH
cd "$work"
cp "$here/verdicts.c" verdicts.c
cp "$here/verdicts.c" verdicts.cpp

# build COMPILER OUTPUT SOURCE OPTION...
build() {
    compiler=$1 output=$2 source=$3
    shift 3
    # shellcheck disable=SC2046 # pkg-config prints a list of words
    "$compiler" "$@" -c "$source" $(pkg-config --cflags thrum-check) -o one.o
    # shellcheck disable=SC2046
    "$compiler" one.o $(pkg-config --libs thrum-check) -o "$output"
}

programs=
for compiler in gcc clang; do
    command -v "$compiler" >/dev/null 2>&1 || continue
    build "$compiler" "$compiler-O0" verdicts.c -std=c11
    build "$compiler" "$compiler-O2" verdicts.c -O2 -std=c11
    programs="$programs ./$compiler-O0 ./$compiler-O2"
done
for compiler in g++ clang++; do
    command -v "$compiler" >/dev/null 2>&1 || continue
    build "$compiler" "$compiler-17" verdicts.cpp -O1 -std=c++17
    programs="$programs ./$compiler-17"
done
mkdir package
cat >package/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.18)
project(outside LANGUAGES C)
find_package(thrum 0.1 REQUIRED COMPONENTS check)
add_executable(verdicts ../verdicts.c)
target_link_libraries(verdicts thrum::check)
END
cmake -S package -B package/build -DCMAKE_PREFIX_PATH="$prefix" >cmake.log
cmake --build package/build >>cmake.log
programs="$programs package/build/verdicts"

# ---- verdicts ----

# run PROGRAM ARGUMENT...: status, verdict, executions, exhausted, preemptions, schedule.
run() {
    status=- verdict=- executions=- exhausted=- preemptions=- schedule=-
    checked=$((checked + 1))
    if ! "$@" >out 2>err; then
        fail "$* does not end well: $(tail -n 5 err)"
    fi
    read -r status verdict executions exhausted preemptions schedule <out || true
}

# finds VERDICT PROGRAM TEST: with a report, unless QUIET is set; the schedule found shows it again.
finds() {
    wanted=$1
    shift
    run "$@"
    if [ "$status $verdict" != "-2003 $wanted" ]; then
        fail "$*: status $status, $verdict, not $wanted"
        return
    fi
    found=$schedule
    [ "$preemptions" -le 2 ] || fail "$*: $preemptions preemptions"
    cp err report
    [ -n "${QUIET-}" ] || grep -qF "$found" report || fail "$*: the report does not name $found"
    run env QUIET=1 "$@" "$found"
    [ "$verdict $executions" = "$wanted 1" ] || fail "$* $found: $verdict in $executions executions"
    run env QUIET=1 THRUM_SCHEDULE="$found" "$@"
    [ "$verdict $executions" = "$wanted 1" ] || fail "THRUM_SCHEDULE=$found $*: $verdict"
    [ ! -s err ] || fail "THRUM_SCHEDULE=$found $*: quiet is not: $(cat err)"
}

# clean PROGRAM TEST
clean() {
    run "$@"
    [ "$status $verdict $exhausted $schedule" = "0 nothing 1 -" ] ||
        fail "$*: status $status, $verdict, exhausted: $exhausted, schedule $schedule"
}

for program in $programs; do
    case $program in # reports are made by other programs, which takes time
    ./gcc-O0 | ./g++-17 | package/*) unset QUIET ;;
    *) export QUIET=1 ;;
    esac
    for kind in assertion race livelock use-after-free leak misuse crash; do
        finds $kind "$program" $kind
    done
    finds deadlock "$program" deadlock
    if [ -z "${QUIET-}" ]; then
        grep -q 'calls thrum_lock_acquire  *verdicts\.c[p:]' report || fail "$program: where it locks"
        grep -q 'thrum: deadlock: 2 threads' report || fail "$program: what thrum says of a deadlock"
    fi
    finds assertion "$program" own-assertion
    finds assertion "$program" choice
    finds deadlock "$program" lost-wakeup
    clean "$program" clean
    clean "$program" allocation
    clean "$program" weak
    finds assertion env WEAK=1 "$program" weak
    finds assertion env FAILURES=1 "$program" allocation
    for strategy in pct random; do
        finds assertion env STRATEGY=$strategy "$program" assertion
    done
done

# ---- options and wrong uses ----

run "$program" clean
all=$executions
run env EXECUTIONS=3 "$program" clean
[ "$status $executions $exhausted" = "0 3 0" ] || fail "3 executions of $all: $executions were run"
clean "$program" nested
for wrong in nonsense '' -1; do
    run "$program" race "$wrong"
    [ "$status" = -22 ] || fail "the schedule '$wrong': status $status"
done
run "$program" null
[ "$status" = -22 ] || fail "no test at all: status $status"
cc -c verdicts.c -I"$prefix/include" -o unwatched.o
# shellcheck disable=SC2046
cc unwatched.o $(pkg-config --libs thrum-check) -o unwatched
run ./unwatched clean
[ "$status" = -22 ] || fail "compiled without -fsanitize=thread: status $status"

# ---- what the archive shows ----

nm --defined-only --extern-only "$build/libthrum_check.a" | awk 'NF == 3 { print $3 }' |
    sort >symbols
for name in thrum_check_with thrum_lock_acquire thrum_spawn_with; do
    grep -qx $name symbols || fail "the archive has no $name"
done
if grep -vE '^(thrum_|__tsan_|__wrap_|__assert_fail$)' symbols >&2; then
    fail "the archive shows these"
fi
if nm -D --defined-only "$build/libthrum.so" | grep -q thrum_check; then
    fail "the shared library has thrum_check"
fi

echo "$checked searches; programs:$programs"
[ $failures -eq 0 ]
