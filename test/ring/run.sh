#!/bin/bash
# SPDX-License-Identifier: MIT
#
# run.sh SERIES [suite|fuzz|soak|library|library-soak|bench] [PART or SECONDS]: builds the module for Debian's kernel of that
# series (6.1, 6.12; debug: debug_kernel.sh), boots it in QEMU with busybox, the module and the test program, and prints
# TAP: the suite's cases and then what the machine itself has to show (no complaint of the kernel,
# no unloading while in use, unloading afterwards).
set -euo pipefail
series=$1
what=${2:-suite}
argument=${3:-}
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build/module
programs=${RING_PROGRAMS:-${GYRE_BUILD:-$root/build}/host/guest}
mkdir -p "$build"
# Suites run side by side: one at a time downloads and builds.
exec 9>"$build/lock"
flock 9
if [ "$series" = debug ]; then
    tree=$("$root/test/ring/debug_kernel.sh")
    version=debug
    image=$tree/arch/x86/boot/bzImage
else
    version=$("$root/test/ring/fetch_kernels.sh" "$series")
    tree=/usr/src/linux-headers-$version
    image=$build/kernels/$version/boot/vmlinuz-$version
fi

make -s -C "$root/module" KERNEL="$version" BUILD="$tree" OUT="$build/ko-$version" \
    >"$build/ko-$version.log" 2>&1 ||
    { cat "$build/ko-$version.log" >&2; exit 1; }
module=$(mktemp "$build/ksvc.XXXXXX")
cp "$build/ko-$version/ksvc.ko" "$module"
exec 9>&-

work=$(mktemp -d "$build/run.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root"/{bin,proc,sys,dev,tmp}
busybox=$(command -v busybox)
cp "$busybox" "$work/root/bin/busybox"
cp "$root/test/ring/guest_init.sh" "$work/root/init"
mv "$module" "$work/root/ksvc.ko"
for program in ring_suite ring_fuzz ring_soak ring_bench; do
    [ -e "$programs/$program" ] && cp "$programs/$program" "$work/root/"
done
[ -e "$work/root/ring_suite" ] || { echo "run.sh: no $programs/ring_suite" >&2; exit 1; }
case $what in
library) program=ksvc_async_test ;; # the library's unit tests, on the device where they know how
library-soak) program=ksvc-soak ;;
*) program='' ;;
esac
if [ -n "$program" ]; then # a program of the host: with what it is linked to
    program=${RING_LIBRARY:-${GYRE_BUILD:-$root/build}/host/ksvc}/$program
    [ -e "$program" ] || { echo "run.sh: no $program" >&2; exit 1; }
    cp "$program" "$work/root/"
    for library in $(ldd "$program" | grep -o '/[^ ]*'); do
        mkdir -p "$work/root$(dirname "$library")"
        cp -L "$library" "$work/root$library"
    done
fi
(cd "$work/root" && find . | "$busybox" cpio -o -H newc 2>/dev/null) >"$work/initramfs"

machine=(-smp "${RING_CPUS:-2}" -accel tcg,thread=multi)
# maxcpus: the others come once the module is in (guest_init.sh).
append="console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off cryptomgr.notests maxcpus=1 ring.run=$what"
case $what in
bench) # one instruction a nanosecond, so that the guest's clock counts instructions
    machine=(-smp 1 -accel tcg,thread=single -icount shift=0,sleep=off)
    append="$append nokaslr" ;;
fuzz | soak | library-soak) append="$append ring.seconds=${argument:-20}" ;;
*) append="$append ring.part=${argument// /_}" ;;
esac
# The debug kernel is some ten times slower.
patience=$([ "$series" = debug ] && echo 3600 || echo 400)
start() {
    timeout "${RING_TIMEOUT:-$patience}" qemu-system-x86_64 -machine q35 -cpu max -m "$([ "$series" = debug ] && echo 2048 || echo 512)" "${machine[@]}" \
        -display none -no-reboot -nodefaults -serial "file:$work/serial" \
        -kernel "$image" -initrd "$work/initramfs" \
        -append "$append" </dev/null || echo "# qemu: $?"
    tr -d '\r' <"$work/serial" >"$work/log"
}
start
for again in 1 2; do # what the machine got wrong says nothing of what runs on it
    awk -f "$root/test/ring/stale_breakpoint.awk" "$work/log" || break
    cp "$work/log" "$build/stale-$series-$what-$again.log"
    echo "# QEMU ran a breakpoint that memory did not hold any more (stale_breakpoint.awk): started again"
    start
done
cp "$work/log" "$build/last-$series-$what.log"

if [ "$what" = bench ]; then
    sed -n '/^guest: Linux/,/^guest: done/p' "$work/log"
    exit
fi
grep -aE '^(TAP version|ok |not ok |#)' "$work/log" || true
count=$(grep -acE '^(ok|not ok) ' "$work/log" || true)
failures=$(grep -ac '^not ok ' "$work/log" || true)
verdict() { # name, then a command that succeeds when all is well
    local name=$1
    shift
    count=$((count + 1))
    if "$@" >"$work/reason" 2>&1; then
        echo "ok $count - $name"
    else
        echo "not ok $count - $name"
        sed 's/^/# /' "$work/reason"
        failures=$((failures + 1))
    fi
}
says() { grep -aq "^guest: $1" "$work/log" || { tail -5 "$work/log"; return 1; }; }
says_not() { ! grep -a "^guest: $1" "$work/log"; }
if [ "$what" = library ]; then
    verdict "library: its tests pass" says 'exit 0$'
    verdict "library: they used the device" grep -aq '^guest: counters instances [1-9]' "$work/log"
fi
[ "$what$argument" != suite ] || verdict "soak: nothing lost, doubled or wrong in 5 s" says soaked
verdict "machine: Linux $version reached its end" says done
verdict "machine: unload is refused while in use" says_not "unloaded while in use"
verdict "machine: the module can be unloaded afterwards" says 'unloaded$'
verdict "machine: the kernel has no complaint" says_not "kernel says"
echo "1..$count"
[ "$failures" = 0 ]
