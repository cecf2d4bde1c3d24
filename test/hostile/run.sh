#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs a hostile program in a machine of 4 CPUs and passes its TAP on. A machine that panics, hangs or ends early prints no
# verdict of its own, so one is added here that fails.
#   run.sh [--debug] [--memory M] [--cpus N] PROGRAM [ARGUMENTS...]
# call_fuzz, fault_injection, exec_fuzz and exit_races run on the debug kernel (assertions, lock order); the others on the release kernel.
# HOSTILE_TIMEOUT_S bounds the machine's life (default: 180 seconds more than the first number among the arguments).
set -u
kernel='' memory=256M cpus=4
while :; do
    case ${1-} in
        --debug) kernel=--debug; shift ;;
        --memory) memory=$2; shift 2 ;;
        --cpus) cpus=$2; shift 2 ;;
        *) break ;;
    esac
done
[ $# -ge 1 ] || { echo "usage: run.sh [--debug] [--memory M] [--cpus N] PROGRAM [ARGUMENTS...]" >&2; exit 2; }
program=$1
shift
case $program in call_fuzz | fault_injection | exec_fuzz | exit_races) kernel=--debug ;; esac
seconds=${1-0}
case $seconds in '' | *[!0-9]*) seconds=0 ;; esac
limit=${HOSTILE_TIMEOUT_S:-$((seconds + 180))}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --verbose: when the kernel panics, its last words are in the comments.
timeout $((limit + 20)) "${GYRE:-gyre}" run --no-build --verbose $kernel --cpus "$cpus" --memory "$memory" --timeout "$limit" \
    -- "${GYRE_BUILD:-build}/host/guest/$program" "$@" > "$work/out" 2> "$work/errors" < /dev/null
status=$?
grep -v '^1\.\.' "$work/out"
tail -n 60 "$work/errors" | tr -d '\r' | sed 's/^/# /'
echo   # the log may end in the middle of a line
ran=$(grep -c -E '^(not )?ok ' "$work/out")
planned=$(sed -n 's/^1\.\.//p' "$work/out" | head -n 1)
verdict=ok
[ "$status" = 0 ] || verdict='not ok'
[ "$ran" = "${planned:-none}" ] || verdict='not ok'
[ "$ran" -gt 0 ] || echo 'TAP version 13'
echo "$verdict $((ran + 1)) - the machine lives ($program: status $status, $ran of ${planned:-no plan} cases)"
echo "1..$((ran + 1))"
[ "$verdict" = ok ]
