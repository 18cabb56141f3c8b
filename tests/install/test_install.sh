#!/bin/sh
# SPDX-License-Identifier: MIT
# A program outside the tree builds against the installed library and runs: with pkg-config, shared
# and static, and with find_package; in C and, where there is a compiler, in C++.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1
if grep -q 'THRUM_SANITIZE:STRING=..*' "$build/CMakeCache.txt"; then
    echo "SKIPPED: a sanitized library is not installed"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
cmake --install "$build" --prefix "$prefix" >"$work/install.log"
libdir=$(dirname "$(find "$prefix" -name libthrum.so | head -n 1)")
export PKG_CONFIG_PATH="$libdir/pkgconfig"
version=$(sed -n 's/.*THRUM_VERSION_STRING "\(.*\)".*/\1/p' "$prefix/include/thrum/version.h")
[ "$(pkg-config --modversion thrum)" = "$version" ] || { echo "FAILED: the version of thrum.pc" >&2; exit 1; }
cp "$here/prog.c" "$work/prog.c"
cd "$work"

expect() { # PROGRAM
    said=$(LD_LIBRARY_PATH=$libdir "$1")
    if [ "$said" != "42 from a thread" ]; then
        echo "FAILED: $1 said '$said'" >&2
        exit 1
    fi
}

# shellcheck disable=SC2046 # pkg-config prints a list of words
cc prog.c $(pkg-config --cflags --libs thrum) -o with_pkg_config
expect ./with_pkg_config
# shellcheck disable=SC2046
cc prog.c $(pkg-config --cflags thrum) "$libdir/libthrum.a" -pthread -o with_archive
expect ./with_archive
languages=C
if command -v c++ >/dev/null 2>&1; then
    languages='C CXX'
    cp prog.c prog.cpp
    # shellcheck disable=SC2046
    c++ -std=c++17 prog.cpp $(pkg-config --cflags --libs thrum) -o with_cxx
    expect ./with_cxx
fi

mkdir package
cp "$here/CMakeLists.txt.in" package/CMakeLists.txt
cp prog.c package/
cp prog.c package/prog.cpp
cmake -S package -B package/build -DCMAKE_PREFIX_PATH="$prefix" -DOUTSIDE_LANGUAGES="$languages" \
    >"$work/cmake.log"
cmake --build package/build >>"$work/cmake.log"
for language in $languages; do
    expect "package/build/shared_$language"
    expect "package/build/static_$language"
done
echo "installed, linked and run: $languages"
