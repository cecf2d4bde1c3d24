#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Compiles the programs of test/bpf/features and puts them to the verifier, versions.c for each target.
#   features.sh [--kernel]    with --kernel the running kernel's verdicts count (needs bpf(2))
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${GYRE_BUILD:-build}
case $build in /*) ;; *) build=$(pwd)/$build ;; esac
score=${BPF_SCORE_DIR:-$build/host/test/bpf}/bpf_object_score
work=$build/bpf/features
mkdir -p "$work"
number=0
failed=0
echo "TAP version 13"
for source in "$here"/features/*.c; do
    name=$(basename "$source" .c)
    if ! clang-19 -g -O2 -Wall --target=bpf -mcpu=v3 -I"$here/features" -idirafter /usr/include/x86_64-linux-gnu -c "$source" \
        -o "$work/$name.o" > "$work/$name.log" 2>&1; then
        number=$((number + 1))
        echo "not ok $number - $name.c can be compiled"
        head -5 "$work/$name.log" | sed 's/^/# /'
    fi
done
# Renumbers the lines of several runs; the last of each is a summary.
run() {
    label=$1
    shift
    "$score" "$@" > "$work/run" 2>&1 || failed=1
    sed -n -e 's/^ok [0-9]* - /ok - /p' -e 's/^not ok [0-9]* - /not ok - /p' -e '/^# [^e]/p' "$work/run" > "$work/lines"
    grep -q '^# equal verdicts' "$work/run" || echo "not ok - $label" >> "$work/lines"
    while read -r line; do
        case $line in
        "ok - "*) number=$((number + 1)); echo "ok $number - $label ${line#ok - }" ;;
        "not ok - "*) number=$((number + 1)); echo "not ok $number - $label ${line#not ok - }" ;;
        *) echo "$line" ;;
        esac
    done < "$work/lines"
}
if [ "${1:-}" = --kernel ]; then
    run kernel --kernel --skip "$here/features/skip-kernel.txt" "$work/arena.o" "$work/exceptions.o" "$work/graph.o" "$work/irq.o" "$work/locks.o" \
        "$work/deferred.o" "$work/division.o" "$work/license.o" "$work/versions.o"
else
    run linux-6.18 "$work/arena.o" "$work/attach.o" "$work/exceptions.o" "$work/graph.o" "$work/irq.o" "$work/locks.o" "$work/deferred.o" "$work/division.o" \
        "$work/license.o" "$work/relocation.o"
    run extension --target-object "$work/replaced.o" "$work/extension.o"
    run traced --target-object "$work/replaced.o" "$work/traced.o"
    run module --module-btf "$work/module_types.o" "$work/module.o"
    run symbols --symbols "$here/features/symbols.txt" "$work/symbols.o"
    run linux-6.12 --target linux-6.12 "$work/arena.o"
    run config --kernel-config "$here/features/kernel.config" "$work/config.o"
    run config-missing --kernel-config "$here/features/kernel.config" "$work/config_missing.o"
    for target in linux-6.1 linux-6.12 linux-6.18; do
        run "$target" --target "$target" "$work/versions.o"
    done
fi
echo "1..$number"
exit $failed
