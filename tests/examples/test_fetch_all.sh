#!/bin/sh
# SPDX-License-Identifier: MIT
# fetch_all against a real web server, Apache's, that takes its time over each file: every file
# arrives as it is, and many are in flight at once.
set -u

fetch_all=$1/examples/fetch_all
case $fetch_all in /*) ;; *) fetch_all=$PWD/$fetch_all ;; esac
tutorials=$(cd "$(dirname "$0")/tutorials" && pwd)
server=$(command -v apache2 || command -v /usr/sbin/apache2)
modules=/usr/lib/apache2/modules
files=16 workers=8
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

[ -x "$fetch_all" ] || { echo "there is no $fetch_all"; exit 77; }
[ -n "$server" ] || { echo "there is no apache2 (Debian: apache2-bin)"; exit 77; }
for module in mpm_event authz_core env ratelimit; do
    [ -f $modules/mod_$module.so ] || { echo "apache2 has no mod_$module"; exit 77; }
done

scratch=$(mktemp -d) && chmod 755 "$scratch" || exit 1
pid=
trap '[ -z "$pid" ] || { kill $pid; wait $pid; }; rm -rf "$scratch"' EXIT

# ---- the files ----

mkdir -p "$scratch/www/slow"
echo ready > "$scratch/www/ready"
i=1
while [ $i -le $files ]; do # each is one block of what the server sends of it in 0.2 s, and more
    head -c $((10000 + i)) /dev/urandom > "$scratch/www/slow/$i"
    i=$((i + 1))
done

# ---- the server ----

# configure PORT: for a server in the foreground that needs no root. It notes when each request came
# and went, in milliseconds.
configure() {
    for module in mpm_event authz_core env ratelimit; do
        echo "LoadModule ${module}_module $modules/mod_$module.so"
    done
    cat <<END
ServerRoot "$scratch"
DefaultRuntimeDir "$scratch"
PidFile "$scratch/pid"
Mutex "fcntl:$scratch"
ServerName localhost
Listen 127.0.0.1:$1
User #65534
Group #65534
DocumentRoot "$scratch/www"
StartServers 1
ServerLimit 1
ThreadsPerChild 32
MaxRequestWorkers 32
ErrorLog "$scratch/error.log"
LogFormat "%{begin:msec}t %{end:msec}t %>s %U" times
CustomLog "$scratch/access.log" times
<Location /slow>
    SetOutputFilter RATE_LIMIT
    SetEnv rate-limit 40
</Location>
END
}

# serve PORT: start it there; false if it does not answer, most often because the port is taken.
serve() {
    configure "$1" > "$scratch/conf"
    "$server" -f "$scratch/conf" -D FOREGROUND 2> "$scratch/start.log" &
    pid=$!
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        "$fetch_all" -d "$scratch" "http://127.0.0.1:$1/ready" > /dev/null 2>&1 &&
            cmp -s "$scratch/ready" "$scratch/www/ready" && return 0
        kill -0 $pid 2> /dev/null || break
        sleep 0.25
    done
    kill $pid 2> /dev/null
    wait $pid
    pid=
    return 1
}

tries=0
port=$((20000 + $$ % 20000))
until serve $port; do
    tries=$((tries + 1))
    port=$((port + 37))
    [ $tries -lt 10 ] || {
        cat "$scratch/start.log" "$scratch/error.log"
        fail "the server does not start"
        exit 1
    }
done

# ---- fetching ----

i=1
while [ $i -le $files ]; do
    echo "http://127.0.0.1:$port/slow/$i"
    i=$((i + 1))
done > "$scratch/urls"

# fetch WORKERS: all slow files, with so many; leaves the summary in $scratch/err.
fetch() {
    rm -rf "$scratch/got" && mkdir "$scratch/got"
    : > "$scratch/access.log"
    "$fetch_all" --workers "$1" --directory "$scratch/got" - < "$scratch/urls" \
        > "$scratch/out" 2> "$scratch/err" || fail "fetch_all with $1 workers: status $?"
    cat "$scratch/err"
    diff -r "$scratch/www/slow" "$scratch/got" || fail "files as the server has them"
    [ "$(grep -c 'bytes  http' "$scratch/out")" -eq $files ] || fail "a line for each file"
    grep -q "^fetch_all: $files of $files files in " "$scratch/err" || fail "the summary"
}

at_a_time() { sed -n 's/.*, at most \([0-9]*\) at a time$/\1/p' "$scratch/err"; }
seconds() { sed -n 's/.* files in \([0-9.]*\) s,.*/\1/p' "$scratch/err"; }

# The most requests that were under way at once, as the server noted them.
overlap() {
    awk '{ print $1, 1; print $2, -1 }' "$scratch/access.log" | sort -n |
        awk '{ now += $2; if (now > most) most = now } END { print most + 0 }'
}

fetch 1
alone=$(seconds)
[ "$(at_a_time)" -eq 1 ] || fail "one worker, and $(at_a_time) at a time"

fetch $workers
together=$(seconds)
[ "$(at_a_time)" -le $workers ] || fail "$workers workers, and $(at_a_time) at a time"
[ "$(at_a_time)" -gt 1 ] || fail "$workers workers, and one at a time"
[ "$(overlap)" -gt 1 ] || fail "the server never had two requests at once"
[ "$(sort -u -k 4 "$scratch/access.log" | wc -l)" -eq $files ] || fail "each file asked for once"
[ "$(wc -l < "$scratch/access.log")" -eq $files ] || fail "$(wc -l < "$scratch/access.log") requests"
awk "BEGIN { printf \"%d workers: %.1f times as fast as one; the server saw %d at once\n\",
             $workers, $alone / $together, $(overlap) }"

# ---- Python does the same ----

if command -v python3 > /dev/null; then
    cp "$scratch/out" "$scratch/ours"
    (cd "$scratch/got" && python3 -B "$tutorials/fetch_all.py" $workers < "$scratch/urls") \
        > "$scratch/out" 2> "$scratch/err" || fail "Python's fetch_all: status $?"
    echo "Python: $(cat "$scratch/err")"
    sort "$scratch/out" > "$scratch/theirs"
    sort "$scratch/ours" | diff - "$scratch/theirs" || fail "lines as Python prints them"
fi

# ---- trouble ----

# status EXPECTED ARGUMENT...: fetch_all, run so, ends with that status.
status() {
    expected=$1
    shift
    "$fetch_all" --directory "$scratch/got" "$@" > "$scratch/out" 2> "$scratch/err" < /dev/null
    actual=$?
    [ $actual -eq "$expected" ] || fail "fetch_all $*: status $actual, not $expected"
}

rm -rf "$scratch/got" && mkdir "$scratch/got"
status 1 "http://127.0.0.1:$port/nowhere" "http://127.0.0.1:$port/ready"
grep -q '/nowhere: .*404' "$scratch/err" || fail "a missing file: $(cat "$scratch/err")"
grep -q 'fetch_all: 1 of 2 files' "$scratch/err" || fail "the rest is fetched"
[ "$(ls "$scratch/got")" = ready ] || fail "no file of what is missing"
status 1 "http://127.0.0.1:1/refused"
status 1 --directory "$scratch/nowhere" "http://127.0.0.1:$port/ready"
status 2
status 2 http://127.0.0.1/
status 2 --nonsense http://127.0.0.1/x
for wrong in 0 -1 x 2x '' 99999; do
    status 2 --workers "$wrong" http://127.0.0.1/x
done
status 0 --help
grep -q '^Usage: fetch_all' "$scratch/out" || fail "no usage in --help"

[ $failures -eq 0 ]
