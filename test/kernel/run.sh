#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Boots the debug kernel with gyre.test=1: it runs its own tests, prints TAP on the serial line and ends
# QEMU with a status of its own (kernel/main.cpp: 0x31 is written to the debug-exit port when all is well).
#   run.sh MACHINE CPUS MEMORY [OPTIONS for QEMU]
set -u
machine=$1 cpus=$2 memory=$3
shift 3
log=$(mktemp)
trap 'rm -f "$log"' EXIT
accelerator=tcg
[ "$cpus" = 1 ] || accelerator=tcg,thread=multi
qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none -machine "$machine" \
    -global virtio-mmio.force-legacy=false -accel "$accelerator" -cpu max -smp "$cpus" -m "$memory" \
    -device isa-debug-exit,iobase=0xf4,iosize=4 -serial stdio \
    -kernel "${GYRE_BUILD:-build}/kernel-debug/gyre.elf" \
    -append "console=ttyS0 gyre.test=1 gyre.debug_exit=0xf4" "$@" < /dev/null
status=$?
[ "$status" = 99 ] && exit 0
echo "# QEMU ended with status $status (99: all passed, 101: some failed, 103: panic)"
exit 1
