#!/bin/sh
# SPDX-License-Identifier: MIT
# The tour: its options, what its chapters print, and that Python's own programs print the same.
set -u

tour=$1/examples/thrum-tour
tutorials=$(cd "$(dirname "$0")/tutorials" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset THRUM_DEADLOCK NO_COLOR
failures=0
unique=

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

[ -x "$tour" ] || { echo "there is no $tour"; exit 77; }

# status EXPECTED ARGUMENT...: the tour, run so, ends with that status.
status() {
    expected=$1
    shift
    "$tour" "$@" > "$scratch/out" 2> "$scratch/err" < /dev/null
    actual=$?
    [ $actual -eq "$expected" ] || fail "thrum-tour $*: status $actual, not $expected"
}

# The lines that a chapter's program prints, without times and numbers that vary; sorted, since
# threads may take turns in any order. What thrum itself remarks is left out.
normal() {
    grep -v '^thrum: ' |
        sed -e 's/^[0-9][0-9]:[0-9][0-9]:[0-9][0-9]: /TIME: /' \
            -e 's/^\(Elapse time: *\) [0-9.]*$/\1/' -e 's/ message: [0-9]*/ message: N/' \
            -e 's/ (size=[0-9]*)$/ (size=N)/' -e '/endless iterator/d' |
        LC_ALL=C sort ${unique:+-u}
}

# in_any_number COMMAND...: run it; how often a line comes does not matter.
in_any_number() {
    unique=-u
    "$@"
    unique=
}

program_of() {
    "$tour" --fast --chapter "$1" | sed -n -e '/^What was shown/q' -e 's/^    //p'
}

# same WHAT: $scratch/expected and $scratch/actual are equal.
same() {
    diff "$scratch/expected" "$scratch/actual" > "$scratch/diff" && return
    fail "$1"
    cat "$scratch/diff"
}

# prints CHAPTER: its program prints the lines on stdin.
prints() {
    normal > "$scratch/expected"
    program_of "$1" | normal > "$scratch/actual"
    same "the lines of chapter $1"
}

# as_python CHAPTER PROGRAM [WORD]: the chapter prints what the Python program prints.
as_python() {
    chapter=$1
    shift
    program_of "$chapter" | sed -e '/^first run$/d' -e '/^second run$/,$d' -e '/^x += 1 /d' |
        normal > "$scratch/actual"
    for _ in 1 2 3 4 5; do # Python's print writes the end of a line apart: lines may run together
        python3 -B "$tutorials/$1.py" ${2+"$2"} | normal > "$scratch/expected"
        cmp -s "$scratch/expected" "$scratch/actual" && return
    done
    same "chapter $chapter, compared with $*"
}

# ---- options ----

status 0 --help
grep -q '^Usage: thrum-tour' "$scratch/out" || fail "no usage in --help"
status 0 --list
chapters=$(wc -l < "$scratch/out")
[ "$chapters" -ge 37 ] || fail "--list has $chapters lines"
status 0 --fast --chapter 8 --chapter 3
grep -q '^2 of 2 chapters' "$scratch/out" || fail "two chapters were chosen"
for wrong in --nonsense --chapter=0 --chapter=x --chapter=1x --chapter= --chapter=99 chapter; do
    status 2 "$wrong"
    [ -s "$scratch/err" ] || fail "nothing is said of $wrong"
done

# ---- every chapter shows what it says ----

export TSAN_OPTIONS=atexit_sleep_ms=0:die_after_fork=0:halt_on_error=1
status 0 --fast
grep -q 'chapters showed what they say' "$scratch/out" || fail "no closing line"
grep 'NOT SHOWN' "$scratch/out" && fail "some chapters did not show what they say"
grep -q "$(printf '\033')" "$scratch/out" && fail "colour in a pipe"

# ---- the explorer's chapter: there is one exactly if its tests have been built ----

program_of "$chapters" > "$scratch/explored"
if [ -x "$1/examples/check_race" ]; then
    for finding in 'Yes: a data race' 'Yes: a lost update' 'No: all [0-9]* schedules'; do
        grep -q "^$finding" "$scratch/explored" || fail "chapter $chapters does not say $finding"
    done
else
    grep -q '^not in this build' "$scratch/explored" ||
        fail "chapter $chapters does not say what it lacks"
fi

# ---- the lines ----

prints 1 <<'END'
TIME: Main    : before creating thread
TIME: Main    : before running thread
TIME: Thread 1: starting
TIME: Main    : wait for the thread to finish
TIME: Main    : all done
TIME: Thread 1: finishing
END
prints 2 <<'END'
TIME: Main    : before creating thread
TIME: Main    : before running thread
TIME: Thread 1: starting
TIME: Main    : wait for the thread to finish
TIME: Main    : all done
END
prints 5 <<'END'
I am thread2. Going to sleep for 3 seconds
thread2 has woken up from sleep

hello
END
prints 7 <<'END'
TIME: Thread 0: starting
TIME: Thread 1: starting
TIME: Thread 0: finishing
TIME: Thread 2: starting
TIME: Thread 1: finishing
TIME: Thread 3: starting
TIME: Thread 2: finishing
TIME: Thread 3: finishing
and with 3 workers
TIME: Thread 0: starting
TIME: Thread 1: starting
TIME: Thread 2: starting
TIME: Thread 0: finishing
TIME: Thread 1: finishing
TIME: Thread 2: finishing
END
prints 10 <<'END'
42 / 6: 7
42 / 0: it failed: division by zero
42 / 2: it was cancelled
one that has run cannot be cancelled: right
END
prints 13 <<'END'
TIME: Testing update. Starting value is 0.
TIME: Thread 0: starting update
TIME: Thread 1: starting update
TIME: Thread 0: finishing update
TIME: Thread 1: finishing update
TIME: Testing update. Ending value is 1.
END

# ---- Python prints the same ----

if command -v python3 > /dev/null; then
    as_python 1 start
    as_python 2 start daemon
    as_python 3 start join
    as_python 4 hello
    as_python 5 hello join
    as_python 6 many
    as_python 7 executor
    as_python 8 squares
    as_python 9 futures
    as_python 10 failing
    as_python 11 five
    as_python 13 database
    as_python 15 database locked
    as_python 20 pipeline
    in_any_number as_python 22 queue_pipeline
    in_any_number as_python 26 timer
else
    echo "no python3: not compared with it"
fi

[ $failures -eq 0 ]
