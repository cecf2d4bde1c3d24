#!/bin/bash
# SPDX-License-Identifier: MIT
#
# debug_kernel.sh: builds a small Linux 6.12 with KASAN, lockdep, kmemleak and UBSAN from Debian's
# linux-source-6.12 into build/module/debug, once; prints that folder. Takes some 15 CPU minutes the
# first time. run.sh debug runs the suite and the fuzzer on it.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$root/build/module/debug
tree=$folder/linux
mkdir -p "$folder"
if [ ! -e "$folder/built" ]; then
    if [ ! -d "$tree" ]; then
        (cd "$folder" && apt-get download linux-source-6.12 >&2) ||
            { echo "debug_kernel.sh: cannot download linux-source-6.12 (network?)" >&2; exit 1; }
        dpkg-deb --fsys-tarfile "$folder"/linux-source-6.12_*.deb |
            tar -xO ./usr/src/linux-source-6.12.tar.xz | tar -xJ -C "$folder"
        rm -f "$folder"/linux-source-6.12_*.deb
        mv "$folder"/linux-source-6.12 "$tree"
    fi
    {
        make -C "$tree" tinyconfig
        cd "$tree"
        scripts/config -e 64BIT -e SMP -e PRINTK -e TTY -e SERIAL_8250 -e SERIAL_8250_CONSOLE \
            -e BINFMT_ELF -e BINFMT_SCRIPT -e BLK_DEV_INITRD -e DEVTMPFS -e TMPFS -e SHMEM \
            -e PROC_FS -e PROC_SYSCTL -e SYSFS -e SYSCTL -e NET -e UNIX -e INET -e MULTIUSER \
            -e FUTEX -e EPOLL -e EVENTFD -e SIGNALFD -e TIMERFD -e POSIX_TIMERS -e AIO \
            -e IO_URING -e ADVISE_SYSCALLS -e MEMBARRIER -e RSEQ -e HIGH_RES_TIMERS -e NO_HZ_IDLE \
            -e MODULES -e MODULE_UNLOAD -e KALLSYMS -e KPROBES -e SECCOMP -e SECCOMP_FILTER \
            -e NAMESPACES -e UTS_NS -e PID_NS -e USER_NS -e NET_NS -e IPC_NS -e AUDIT \
            -e DEBUG_KERNEL -e DEBUG_FS -e DEBUG_FS_ALLOW_ALL -e FTRACE -e ENABLE_DEFAULT_TRACERS \
            -e PREEMPT_VOLUNTARY -e HYPERVISOR_GUEST -e KVM_GUEST -e PARAVIRT -e ACPI -e PCI \
            -e KASAN -e KASAN_INLINE -e PROVE_LOCKING -e DEBUG_ATOMIC_SLEEP -e DEBUG_KMEMLEAK \
            -e UBSAN -e DEBUG_LIST -e DEBUG_OBJECTS -e DEBUG_OBJECTS_TIMERS -e DEBUG_OBJECTS_WORK \
            -e PROVE_RCU -e DETECT_HUNG_TASK -e DEBUG_INFO_NONE -e CC_OPTIMIZE_FOR_PERFORMANCE \
            -d CC_OPTIMIZE_FOR_SIZE -d SLUB_TINY -e SLUB -e SLUB_DEBUG -e KASAN_GENERIC -e STACKTRACE -d MODULE_SIG -d RANDOMIZE_BASE -d KERNEL_XZ -e KERNEL_GZIP
        make olddefconfig
        nice -n 15 make -j2 bzImage modules_prepare
        nice -n 15 make -j2 modules || true # for Module.symvers
    } >"$folder/log" 2>&1 || { tail -30 "$folder/log" >&2; exit 1; }
    touch "$folder/built"
fi
echo "$tree"
