#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Programs as users build them: one C++ program linked statically, and linked dynamically with the host's loader and libraries
# carried along. Every case that the program prints is one; a program that ends otherwise is one more that failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gyre() { "${GYRE:-gyre}" run --no-build --timeout 100 --cpus 2 --memory 512M "$@"; }

echo "TAP version 13"
gyre -- "${GYRE_BUILD:-build}/host/guest/cpp_program" static > "$work/out" 2> "$work/err" < /dev/null
echo "status static $?" >> "$work/out"

# The loader and the libraries, at the paths that the program names.
g++ -std=c++20 -O1 -pthread "$here/cpp_program.cpp" -o "$work/dynamic" || exit 1
mkdir -p "$work/tree"
ldd "$work/dynamic" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$work/tree$(dirname "$library")"
    cp -L "$library" "$work/tree$library"
done
set --
for folder in "$work/tree"/*; do set -- "$@" --add "$folder:/${folder##*/}"; done
gyre "$@" -- "$work/dynamic" dynamic >> "$work/out" 2>> "$work/err" < /dev/null
echo "status dynamic $?" >> "$work/out"

awk '/^1\.\./ { next }
     /^status / { ++n; print ($3 == 0 ? "ok " : "not ok ") n " - " $2 ": ends with status 0"; next }
     /^(not )?ok / { ++n; sub(/ok [0-9]+/, "ok " n) }
     { print }
     END { print "1.." n }' "$work/out"
head -c 2000 "$work/err" | sed 's/^/# /'
