#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Parameters of the kernel's command line (Linux, admin-guide/kernel-parameters.rst): how much of the machine it uses, and what
# becomes of those that it does not know. The init of a machine of its own prints what it sees. Arguments are further
# options for `gyre run`.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
extra="$*"
echo "TAP version 13"

# sees NAME WANTED PARAMETERS SCRIPT: with the parameters, the script prints WANTED.
sees() {
    number=$((number + 1))
    # shellcheck disable=SC2086  # options, word by word
    "${GYRE:-gyre}" run --no-build --timeout 100 --cpus 4 --memory 256M $extra --kernel-args "$3" -- sh -c "$4" > "$work/out" 2> "$work/err"
    status=$?
    if [ "$status" = 0 ] && [ "$(cat "$work/out")" = "$2" ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        echo "# status $status; wanted: $2"
        head -c 1000 "$work/out" "$work/err" | sed 's/^/# /'
    fi
}

cpus='cd /sys/devices/system/cpu; echo $(nproc) $(grep -c ^processor /proc/cpuinfo) $(cat possible online offline)'
sees "all CPUs" "4 4 0-3 0-3" "" "$cpus"
sees "maxcpus=2" "2 2 0-3 0-1 2-3" "maxcpus=2" "$cpus"
sees "maxcpus=1" "1 1 0-3 0 1-3" "maxcpus=1" "$cpus"
sees "maxcpus=9 of 4" "4 4 0-3 0-3" "maxcpus=9" "$cpus"
sees "the last maxcpus= counts" "3 3 0-3 0-2 3" "maxcpus=1 maxcpus=3" "$cpus"
sees "maxcpus=0" "1 1 0 0" "maxcpus=0" "$cpus"
sees "nosmp" "1 1 0 0" "nosmp" "$cpus"
sees "nr_cpus=3" "3 3 0-2 0-2" "nr_cpus=3" "$cpus"
sees "two of three" "2 2 0-2 0-1 2" "nr_cpus=3 maxcpus=2" "$cpus"
sees "a maxcpus= that is none" "4
1" "maxcpus=many" 'nproc; dmesg | grep -c "Malformed early option .maxcpus"'

# What there is must lie below, and what is not taken by the kernel above half of it.
memory() { echo "set -- \$(grep ^MemTotal: /proc/meminfo); [ \$2 -le $1 ] && [ \$2 -ge $2 ] && echo fits || echo \$2"; }
sees "all memory" fits "" "$(memory 262144 200000)"
sees "mem=128M" fits "mem=128M" "$(memory 131072 110000)"
sees "mem=65536k" fits "mem=65536k" "$(memory 65536 48000)"
sees "mem=0x6000000" fits "mem=0x6000000" "$(memory 98304 80000)"
sees "more than there is" fits "mem=64G" "$(memory 262144 200000)"
sees "a program in what is left" "hello" "mem=64M" "dd if=/dev/zero of=/tmp/x bs=1M count=20 2> /dev/null && echo hello"
sees "a mem= that is none" "fits
1" "mem=much" "$(memory 262144 200000); dmesg | grep -c 'Malformed early option .mem'"

one='tr "\0" " " < /proc/1/cmdline | sed "s/ $//"; echo; tr "\0" "\n" < /proc/1/environ'
sees "nothing is passed on" "/init
HOME=/
TERM=linux" "" "$one"
sees "what is unknown goes to process 1" "/init single
HOME=/
TERM=vt100
answer=42
text=a b" "single TERM=vt100 answer=41 part.option=1 text=\"a b\" answer=42" "$one"
sees "with what stands behind --" "/init single -x y=z
HOME=/
TERM=linux" "single -- -x y=z" "$one"
sees "what stands before rdinit= is the loader's" "/init after
HOME=/
TERM=linux
kept=1" "before kept=1 rdinit=/init after" "$one"
sees "and is named in the log" "1 2 0" "single answer=42" \
    'echo $(dmesg | grep -c "Unknown kernel command line parameters") $(dmesg | grep -c -e "  single$" -e "  answer=42$") $(dmesg | grep -c "  quiet$")'
echo "1..$number"
