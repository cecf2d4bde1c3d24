#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# The first process of the machine that run.sh starts. Arguments come by the kernel command line:
# ring.part=TEXT (which cases, _ for a space), ring.run=suite|fuzz|soak|library|library-soak|bench, ring.seconds=N (fuzz and soaks).
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
mount -t debugfs debugfs /sys/kernel/debug
ifconfig lo 127.0.0.1 up
# A host that does not run this machine for twenty seconds makes the kernel see a lockup in whatever it
# was at. So its patience is a minute; what truly hangs meets a case's time limit, or that of run.sh.
[ ! -e /proc/sys/kernel/watchdog_thresh ] || echo 30 >/proc/sys/kernel/watchdog_thresh
echo 60 >/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout
part= run=suite seconds=20
for word in $(cat /proc/cmdline); do
    case $word in
    ring.part=*) part=$(echo "${word#ring.part=}" | tr _ ' ') ;;
    ring.run=*) run=${word#ring.run=} ;;
    ring.seconds=*) seconds=${word#ring.seconds=} ;;
    esac
done
echo "guest: Linux $(uname -r)"
# One CPU until here. QEMU 7.2 without KVM may go on executing a breakpoint that Linux has taken away again,
# if one CPU translates what another is patching, and Linux dies of it ("Oops: int3" where memory has none).
# Most patching is Linux's own, while it comes up, and insmod's, for the probes.
insmod /ksvc.ko || echo "guest: insmod failed"
for cpu in /sys/devices/system/cpu/cpu[1-9]*/online; do [ ! -e "$cpu" ] || echo 1 >"$cpu"; done
echo "guest: CPUs $(cat /sys/devices/system/cpu/online)"
case $run in
suite)
    (exec 9<>/dev/ksvc; rmmod ksvc 2>/dev/null && echo "guest: unloaded while in use")
    # First, for the suite's last case turns audit on, and from then on all calls step out.
    [ -n "$part" ] || { /ring_soak 5 | grep -v -e TAP -e '1\.\.1' >/tmp/soak
        grep -q '^ok' /tmp/soak && echo "guest: soaked"; sed 's/^/# /' /tmp/soak; }
    /ring_suite "$part"
    ;;
fuzz)
    echo 2 >/sys/module/ksvc/parameters/grace_ms # its processes do not live long
    /ring_fuzz "$seconds"
    ;;
soak) /ring_soak "$seconds" ;;
library) /ksvc_async_test --gtest_color=no ;;
library-soak) /ksvc-soak "$seconds" ;;
bench) /ring_bench ;;
esac
echo "guest: exit $?"
echo "guest: counters $(cat /sys/kernel/debug/ksvc/counters | tr '\n' ' ')"
sleep 1
if [ -e /sys/kernel/debug/kmemleak ]; then # twice: what is young is not reported at first
    for round in 1 2; do sleep 6; echo scan >/sys/kernel/debug/kmemleak; done
    grep -A12 -B3 ksvc /sys/kernel/debug/kmemleak | sed 's/^/guest: kernel says: leak: /'
fi
rmmod ksvc && echo "guest: unloaded"
if [ -e /proc/lockdep_stats ]; then # after its first complaint, or when out of memory, it is off
    grep -q 'debug_locks: *1' /proc/lockdep_stats || echo "guest: kernel says: lockdep is off"
    dmesg | grep -q 'KernelAddressSanitizer initialized' || echo "guest: kernel says: no KASAN"
fi
complaints='BUG|WARNING|Oops|general protection|Call Trace|UBSAN|KASAN|refcount|hung|stall|possible circular|suspicious|sleeping function'
dmesg | grep -E "$complaints" | sed 's/^/guest: kernel says: /'
dmesg | grep -m 3 -A 40 -E "$complaints" | sed 's/^/guest: in full: /'
echo "guest: done"
poweroff -f
