#!/bin/bash
# SPDX-License-Identifier: MIT
#
# debug_kernel.sh: builds a small Linux 6.12 with KASAN, lockdep, kmemleak and UBSAN from Debian's
# linux-source-6.12 into build/module/debug, once for each change of this file; prints that folder.
# Takes some 20 CPU minutes the first time; a build that was cut off goes on where it was.
# run.sh debug runs the suite and the fuzzer on it.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$root/build/module/debug
tree=$folder/linux
mkdir -p "$folder"
exec 8>"$folder/lock"
flock 8
recipe=$(sha256sum <"$0")
if [ "$(cat "$folder/built" 2>/dev/null)" = "$recipe" ]; then
    echo "$tree"
    exit 0
fi
rm -f "$folder/built"
if [ ! -e "$folder/unpacked" ]; then
    rm -rf "$tree"
    (cd "$folder" && apt-get download linux-source-6.12 >&2) ||
        { echo "debug_kernel.sh: cannot download linux-source-6.12 (network?)" >&2; exit 1; }
    dpkg-deb --fsys-tarfile "$folder"/linux-source-6.12_*.deb |
        tar -xO ./usr/src/linux-source-6.12.tar.xz | tar -xJ -C "$folder"
    rm -f "$folder"/linux-source-6.12_*.deb
    mv "$folder"/linux-source-6.12 "$tree"
    touch "$folder/unpacked"
fi

# What the suite needs of a machine.
wanted="64BIT SMP PRINTK TTY SERIAL_8250 SERIAL_8250_CONSOLE BINFMT_ELF BINFMT_SCRIPT
    BLK_DEV_INITRD DEVTMPFS TMPFS SHMEM PROC_FS PROC_SYSCTL SYSFS SYSCTL NET UNIX INET MULTIUSER
    FUTEX EPOLL EVENTFD SIGNALFD TIMERFD POSIX_TIMERS AIO IO_URING ADVISE_SYSCALLS MEMBARRIER RSEQ
    FILE_LOCKING INOTIFY_USER HIGH_RES_TIMERS NO_HZ_IDLE MODULES MODULE_UNLOAD KALLSYMS KPROBES
    SECCOMP SECCOMP_FILTER NAMESPACES UTS_NS PID_NS USER_NS NET_NS AUDIT CGROUPS MEMCG ACPI PCI
    PREEMPT_VOLUNTARY CC_OPTIMIZE_FOR_PERFORMANCE SLUB KERNEL_GZIP"
# What finds fault. Outline checks build faster and, where every instruction is translated, run as
# fast. The rings are vmalloc memory, so KASAN_VMALLOC counts most.
wanted="$wanted DEBUG_KERNEL DEBUG_FS DEBUG_FS_ALLOW_ALL FTRACE ENABLE_DEFAULT_TRACERS
    KASAN KASAN_GENERIC KASAN_OUTLINE KASAN_VMALLOC PROVE_LOCKING PROVE_RCU DEBUG_ATOMIC_SLEEP
    DEBUG_KMEMLEAK UBSAN DEBUG_LIST DEBUG_OBJECTS DEBUG_OBJECTS_TIMERS DEBUG_OBJECTS_WORK
    DEBUG_OBJECTS_FREE DETECT_HUNG_TASK SLUB_DEBUG STACKTRACE DEBUG_INFO_NONE BUG DEBUG_BUGVERBOSE
    INIT_STACK_NONE"
# What would only take time to build and to boot.
unwanted="CC_OPTIMIZE_FOR_SIZE SLUB_TINY KASAN_INLINE MODULE_SIG RANDOMIZE_BASE KERNEL_XZ VT INPUT
    SERIO HID HID_SUPPORT USB_SUPPORT WIRELESS WLAN ETHTOOL_NETLINK IPV6 THERMAL CPU_FREQ
    ACPI_AC ACPI_BATTERY ACPI_FAN ACPI_THERMAL ACPI_BUTTON ACPI_TABLE_UPGRADE MICROCODE INTEL_MEI
    UNIX98_PTYS LEGACY_PTYS NETWORK_FILESYSTEMS MAILBOX HYPERVISOR_GUEST X86_5LEVEL
    X86_KERNEL_IBT RD_GZIP RD_BZIP2 RD_LZMA RD_XZ RD_LZO RD_LZ4 RD_ZSTD CPU_ISOLATION UPROBE_EVENTS
    PERF_EVENTS_INTEL_UNCORE PERF_EVENTS_INTEL_RAPL PERF_EVENTS_INTEL_CSTATE X86_INTEL_PSTATE
    X86_AMD_PSTATE SERIAL_8250_PCI SERIAL_8250_EXAR SERIAL_8250_LPSS SERIAL_8250_MID
    SERIAL_8250_PERICOM PCIEASPM VGA_ARB SCHED_MC STRICT_DEVMEM INIT_STACK_ALL_ZERO"
has_all() { # what does not exist or has an unmet need is a mistake above
    local option
    for option in $wanted; do
        grep -q "^CONFIG_$option=y" .config || { echo "debug_kernel.sh: no $option"; return 1; }
    done
}
# Each step by its own &&: errexit does not reach into what is asked for its outcome.
# shellcheck disable=SC2046,SC2086
build() {
    date &&
        cd "$tree" &&
        make tinyconfig &&
        scripts/config $(printf -- '-e %s ' $wanted) $(printf -- '-d %s ' $unwanted) &&
        make olddefconfig &&
        has_all &&
        make -j2 bzImage modules_prepare &&
        make -j2 modules && # for Module.symvers
        date
}
(build) >"$folder/log" 2>&1 8>&- || { tail -30 "$folder/log" >&2; exit 1; }
echo "$recipe" >"$folder/built"
echo "$tree"
