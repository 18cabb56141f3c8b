#!/bin/sh
# SPDX-License-Identifier: MIT
# hash_tree against sha256sum, on a tree with every kind of name and file.
set -u

hash_tree=$1/examples/hash_tree
case $hash_tree in /*) ;; *) hash_tree=$PWD/$hash_tree ;; esac
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

[ -x "$hash_tree" ] || { echo "there is no $hash_tree"; exit 77; }
command -v sha256sum > /dev/null || { echo "there is no sha256sum"; exit 77; }
scratch=$(mktemp -d) && cd "$scratch" || exit 1
trap 'chmod -R u+rwx "$scratch"; rm -rf "$scratch"' EXIT

# status EXPECTED ARGUMENT...: hash_tree, run so, ends with that status; see out and err.
status() {
    expected=$1
    shift
    "$hash_tree" "$@" > out 2> err < /dev/null
    actual=$?
    [ $actual -eq "$expected" ] || { fail "hash_tree $*: status $actual, not $expected"; cat err; }
}

# as_sha256sum DIR: the lines in out are those of sha256sum, in any order, and can be checked.
as_sha256sum() {
    find "$1" -type f -exec sha256sum {} + | LC_ALL=C sort > expected
    LC_ALL=C sort out | cmp - expected || fail "the lines for $1"
    [ ! -s out ] || sha256sum --quiet --check out || fail "sha256sum --check for $1"
}

# ---- a tree ----

mkdir -p tree/deep/er/still tree/empty tree/names tree/many
printf '' > tree/zero
printf 'abc' > tree/abc
head -c 3000000 /dev/urandom > tree/deep/er/still/big
head -c 131072 /dev/urandom > tree/deep/block
head -c 131073 /dev/urandom > tree/deep/block_and_a_byte
for name in 'with space' ' lead' 'trail ' '-dash' '*star' 'a"quote' "a'quote" 'back\slash' 'é'; do
    printf '%s' "$name" > "tree/names/$name"
done
newline=$(printf 'new\nline') tab=$(printf 'a\ttab') latin=$(printf 'latin\351')
for name in "$newline" "$tab" "$latin" 'both\'"$newline"; do
    printf '%s' "$name" > "tree/names/$name"
done
i=0
while [ $i -lt 600 ]; do
    echo $i > tree/many/$i
    i=$((i + 1))
done

for threads in 1 2 7; do
    status 0 --threads $threads tree
    as_sha256sum tree
    cp out first
    status 0 -t $threads tree
    cmp out first || fail "two runs in different orders"
done
grep -q '^hash_tree: 618 files' err || fail "the summary: $(cat err)"
[ "$(grep -c ' tree/names/' out)" -eq 13 ] || fail "all names"
grep -q '^\\[0-9a-f]*  tree/names/back\\\\slash$' out || fail "an escaped name"
[ "$(grep ' tree/abc$' out)" = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\
  tree/abc" ] || fail "the hash of abc"

status 0 --quiet tree/
as_sha256sum tree/
[ -s err ] && fail "--quiet is not"

# ---- comparing ----

status 0 --compare --threads 2 tree
as_sha256sum tree
grep -q '^hash_tree: speed-up over one thread: [0-9.]*$' err || fail "no speed-up: $(cat err)"
grep -q '1 thread: .* MB/s; 2 threads: .* MB/s$' err || fail "no MB/s: $(cat err)"

# ---- special trees ----

status 0 tree/empty
[ -s out ] && fail "lines for an empty directory"
status 0 tree/abc
as_sha256sum tree/abc

mkdir special
echo here > special/file
ln -s file special/link
ln -s nowhere special/dangling
ln -s loop special/loop
ln -s .. special/up
mkfifo special/fifo
status 0 special
as_sha256sum special
grep -q '^hash_tree: special/fifo: skipped, it is a fifo$' err || fail "the fifo: $(cat err)"
ln -s special by_link
status 0 by_link
[ "$(wc -l < out)" -eq 1 ] || fail "a link on the command line is followed"

# ---- what cannot be read ----

# Reading /proc/self/mem at 0 fails for everybody.
if [ -f /proc/self/mem ] && ! cat /proc/self/mem > /dev/null 2>&1; then
    status 1 /proc/self/mem
    grep -q '^hash_tree: /proc/self/mem: ' err || fail "a read error: $(cat err)"
    [ -s out ] && fail "a hash of what cannot be read"
fi

mkdir secret
echo a > secret/a
echo b > secret/b
mkdir secret/closed
echo c > secret/closed/c
chmod 000 secret/b secret/closed
user=
if cat secret/b > /dev/null 2>&1; then # root reads everything; somebody else does not
    user='setpriv --reuid=65534 --clear-groups'
    chmod 755 "$scratch"
fi
if [ -z "$user" ] || $user "$hash_tree" --help > /dev/null 2>&1; then
    $user "$hash_tree" secret > out 2> err
    [ $? -eq 1 ] || fail "unreadable files do not show in the status"
    grep -q '^hash_tree: secret/b: ' err || fail "an unreadable file: $(cat err)"
    grep -q '^hash_tree: secret/closed: ' err || fail "an unreadable directory: $(cat err)"
    sha256sum secret/a | cmp - out || fail "the rest is hashed"
else
    echo "this user reads everything: unreadable files are not tried"
fi
chmod 600 secret/b
chmod 700 secret/closed

# ---- trouble ----

status 2 missing
grep -q 'missing: No such file' err || fail "a missing directory: $(cat err)"
status 2 ''
status 2
status 2 tree special
status 2 --nonsense tree
for wrong in 0 -1 x 2x '' 99999; do
    status 2 --threads "$wrong" tree
done
status 0 --help
grep -q '^Usage: hash_tree' out || fail "no usage in --help"
if [ -w /dev/full ]; then
    "$hash_tree" tree > /dev/full 2> err
    [ $? -eq 2 ] || fail "a full disk"
    grep -q 'cannot be written' err || fail "a full disk is said: $(cat err)"
fi

# No threads to be had: the walk hashes by itself. (Root is not limited; --quiet has no bar.)
if command -v prlimit > /dev/null && $user prlimit --nproc=1 "$hash_tree" --help > /dev/null 2>&1; then
    $user prlimit --nproc=1 "$hash_tree" --threads 3 tree > out 2> err || fail "no threads: $(cat err)"
    as_sha256sum tree
fi

[ $failures -eq 0 ]
