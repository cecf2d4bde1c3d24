#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Whether pages, handles, objects and threads in use return to where they were: the twin tests twice in one boot of the debug
# kernel; after the first round the caches are full, and in the second every group must leave as much as it found.
set -u
program=${GYRE_BUILD:-build}/host/guest/$1
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
timeout 420 "${GYRE:-gyre}" run --no-build --debug --verbose --cpus 2 --memory 512M --timeout 400 -- "$program" --accounting \
    2> "$errors" < /dev/null
status=$?
[ "$status" = 0 ] || { echo; echo "# gyre run: status $status"; tail -n 60 "$errors" | tr -d '\r' | sed 's/^/# /'; }
