#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Twin tests: the same binary on the host's Linux and on Gyre.
#   test.sh PROGRAM [options for gyre run...]
# The verdict on a case is Gyre's. A case that this host's Linux does not pass (a container that forbids something) is named in a
# comment; when Gyre passes where Linux does not, the case proves nothing, so more than a few of them are a failure of their own.
set -u
program=${GYRE_BUILD:-build}/host/guest/$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$program" > "$work/linux" 2> "$work/linux-errors" < /dev/null
timeout 400 "${GYRE:-gyre}" run --no-build --cpus 2 --memory 512M --timeout 380 "$@" -- "$program" \
    > "$work/gyre" 2> "$work/gyre-errors" < /dev/null || echo "# gyre run: status $?"
head -c 3000 "$work/gyre-errors" | sed 's/^/# /'
grep -v -e '^1\.\.' -e '^TAP' -e '^# start' -e '^# end' "$work/gyre"
cases=$(grep -c -E '^(not )?ok ' "$work/linux")
ran=$(grep -c -E '^(not )?ok ' "$work/gyre")
refused=$(grep -c '^not ok ' "$work/linux")
grep -A1 '^not ok ' "$work/linux" | sed 's/^/# this Linux: /'
plan=$((cases + 1))
if [ "$ran" != "$cases" ]; then
    echo "# $cases cases on Linux, $ran on Gyre"
    plan=$((cases + 2))   # the plan is not kept: the suite fails
fi
[ "$refused" -le 12 ] && verdict=ok || verdict='not ok'
echo "$verdict $((ran + 1)) - at most a few cases fail on this Linux ($refused of $cases)"
echo "1..$plan"
