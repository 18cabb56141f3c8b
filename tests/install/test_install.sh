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
sed -i "s|^prefix=.*|prefix=$prefix|; s|^libdir=.*|libdir=$libdir|; s|^includedir=.*|includedir=$prefix/include|" \
    "$libdir/pkgconfig/thrum.pc"
export PKG_CONFIG_PATH="$libdir/pkgconfig"
cp "$here/prog.c" "$work/prog.c"
cd "$work"

expect() { # PROGRAM
    said=$(LD_LIBRARY_PATH=$libdir "$1")
    if [ "$said" != "42 from a thread" ]; then
        echo "FAILED: $1 said '$said'" >&2
        exit 1
    fi
}

cc prog.c $(pkg-config --cflags --libs thrum) -o with_pkg_config
expect ./with_pkg_config
cc prog.c $(pkg-config --cflags thrum) "$libdir/libthrum.a" -pthread -o with_archive
expect ./with_archive
if command -v c++ >/dev/null 2>&1; then
    cp prog.c prog.cpp
    c++ -std=c++17 prog.cpp $(pkg-config --cflags --libs thrum) -o with_cxx
    expect ./with_cxx
fi

mkdir package
cp "$here/CMakeLists.txt.in" package/CMakeLists.txt
cp prog.c package/
cmake -S package -B package/build -DCMAKE_PREFIX_PATH="$prefix" >"$work/cmake.log"
cmake --build package/build >>"$work/cmake.log"
expect package/build/shared
expect package/build/static
echo "installed, linked and run"
