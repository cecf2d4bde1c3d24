#!/bin/sh
# SPDX-License-Identifier: MIT
#
# BusyBox as an oracle: the same commands, run by the same binary, must say the same on Linux and on Gyre.
# Arguments are options for `gyre run` (--kernel and a Linux kernel compare Linux with Linux).
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
/bin/busybox sh "$here/run.sh" "$here/commands.txt" "$work/here" > "$work/linux" 2> "$work/linux-errors" || :
"${GYRE:-gyre}" run --no-build --cpus 2 --memory 512M "$@" --add "$here:/oracle" -- \
    /bin/sh /oracle/run.sh /oracle/commands.txt "$work/here" > "$work/gyre" 2> "$work/gyre-errors" || echo "# gyre run: status $?"
sed 's/^/# /' "$work/gyre-errors"
/bin/busybox awk -f "$here/compare.awk" "$work/linux" "$work/gyre"
