#!/bin/sh
# SPDX-License-Identifier: MIT
# thrum-torture: its options, and that it finds the faults of its specimens. $1 is the build folder.
set -u

torture=$1/tests/torture/thrum-torture
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
failures=0

# expect STATUS ARGUMENT...: run it; its output goes to $out/stdout and $out/stderr.
expect() {
    expected=$1
    shift
    "$torture" "$@" >"$out/stdout" 2>"$out/stderr"
    status=$?
    if [ $status -ne "$expected" ]; then
        echo "thrum-torture $*: exit status $status, not $expected"
        cat "$out/stdout" "$out/stderr"
        failures=$((failures + 1))
    fi
}

# says FILE PATTERN: the file of the last run has a line that matches.
says() {
    if ! grep -Eq -- "$2" "$out/$1"; then
        echo "no \"$2\" in the $1 of the last run:"
        cat "$out/$1"
        failures=$((failures + 1))
    fi
}

expect 0 --help
says stdout '^usage: thrum-torture'
says stdout 'Exit status: 0 all passed'

expect 0 --list
for name in lock rlock condition semaphore bounded event barrier once thread local fork lifetime log \
    thousands mixed; do
    says stdout "^$name +[a-z0-9]"
done
if grep -q specimen "$out/stdout"; then
    echo "--list shows the specimens"
    failures=$((failures + 1))
fi

for wrong in --bogus "--scenario nothing" "--scenario lock,," "--seconds x" "--seconds -1" \
    "--threads 1" "--seed x" "--disturb rain" "--interval 0" "word"; do
    # shellcheck disable=SC2086 # a list of words
    expect 2 $wrong
    says stderr .
done

expect 0 --scenario lock,once --seconds 0.3 --interval 0.1 --seed 42 --threads 3
says stdout '^thrum-torture: seed 42, '
says stdout '^ +0\.1 s  lock +ops [1-9][0-9]*  rate [0-9]+/s .* lost 0 doubled 0 .* stuck 0$'
says stdout '^once +[1-9][0-9]* +0 .* passed$'
says stdout '^2 passed, 0 failed$'

expect 0 --scenario semaphore --seconds 0.2 --quiet --disturb none
if grep -q rate "$out/stdout"; then
    echo "--quiet prints status lines"
    failures=$((failures + 1))
fi
expect 0 --scenario event --seconds 0.2 --disturb signals,handler,affinity
says stdout 'signals [1-9]'

# A worker that waits for ever: the dump, and status 3.
expect 3 --scenario specimen-stuck --seconds 300 --patience 0.5 --seed 7
says stderr '^thrum-torture: STUCK: specimen-stuck-1 made no progress .* seed 7, phase running$'
says stderr '^counters: ops [1-9][0-9]* .* stuck 1$'
says stderr '^  specimen-stuck-1  tid [0-9]+  operations 101  idle [0-9.]+ s$'
says stderr '^  tid [0-9]+  specimen-s-1 +state [A-Z] .* wchan .* syscall .* stack'
says stdout '^0 passed, 1 failed$'

# An item that goes missing: status 1.
expect 1 --scenario specimen-lost --seconds 0.2
says stdout '^specimen-lost +[1-9][0-9]* +1 .* FAILED$'
says stdout '^0 passed, 1 failed$'

# A fault in one scenario does not keep the others from running.
expect 1 --scenario specimen-lost,lock --seconds 0.2
says stdout '^1 passed, 1 failed$'

[ $failures -eq 0 ]
