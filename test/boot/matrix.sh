#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Boots every machine of {q35, microvm} x {1, 2, 4 CPUs} x {32 MiB, 512 MiB, 4 GiB} and lets a program
# inside say how many CPUs and how much memory it sees. Arguments are further options for `gyre run`.
set -u
number=0
echo "TAP version 13"
echo "1..19"

result() {  # ok or "not ok", name
    number=$((number + 1))
    echo "$1 $number - $2"
}

# The memory that the machine offers is less than what it has, by what firmware and kernel take.
check() {  # machine cpus memory(MiB)
    machine=$1 cpus=$2 memory=$3
    shift 3
    name="$machine, $cpus CPUs, $memory MiB"
    said=$("${GYRE:-gyre}" run --no-build --timeout 100 --machine "$machine" --cpus "$cpus" --memory "${memory}M" "$@" -- \
        /bin/sh -c 'nproc; grep ^MemTotal: /proc/meminfo; grep -c ^processor /proc/cpuinfo' 2>&1)
    status=$?
    seen_cpus=$(echo "$said" | sed -n 1p)
    seen_kib=$(echo "$said" | sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p')
    listed=$(echo "$said" | sed -n 3p)
    if [ "$status" = 0 ] && [ "$seen_cpus" = "$cpus" ] && [ "$listed" = "$cpus" ] &&
        [ "${seen_kib:-0}" -ge $((memory * 1024 * 3 / 4)) ] && [ "${seen_kib:-0}" -le $((memory * 1024)) ]; then
        result ok "$name"
    else
        result "not ok" "$name"
        echo "# status $status"
        echo "$said" | sed 's/^/# /'
    fi
}

for machine in q35 microvm; do
    for cpus in 1 2 4; do
        for memory in 32 512 4096; do check "$machine" "$cpus" "$memory" "$@"; done
    done
done
check q35 8 512 "$@"
