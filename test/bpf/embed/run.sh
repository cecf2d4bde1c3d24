#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs the verifier into an empty folder and builds the example against what lies there.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${GYRE_BUILD:-build}
scratch=$build/bpf/embed
echo "TAP version 13"
echo "1..3"
number=0
step() {
    number=$((number + 1))
    name=$1
    shift
    if "$@" > "$scratch/log" 2>&1; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        tail -20 "$scratch/log" | sed 's/^/# /'
        exit 1
    fi
}
rm -rf "$scratch" && mkdir -p "$scratch"
step "the package is installed" cmake --install "${BPF_HOST_BUILD:-$build/host}" --component bpf --prefix "$scratch/prefix"
step "the example is built with it" sh -c "cmake -S '$here' -B '$scratch/build' -DCMAKE_CXX_COMPILER=clang++-19 \
    -DCMAKE_PREFIX_PATH='$(cd "$scratch" && pwd)/prefix' && cmake --build '$scratch/build'"
step "the example runs" "$scratch/build/example"
