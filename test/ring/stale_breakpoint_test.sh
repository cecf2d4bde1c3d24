#!/bin/sh
# SPDX-License-Identifier: MIT
# Whether stale_breakpoint.awk tells a fault of the machine from one of the kernel. Prints TAP.
set -eu
count=0
failures=0
expect() { # stale|other, name; the log on standard input
    count=$((count + 1))
    if awk -f "$(dirname "$0")/stale_breakpoint.awk"; then seen=stale; else seen=other; fi
    if [ "$seen" = "$1" ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
        failures=1
    fi
}
expect stale "a jump where the breakpoint was" <<'LOG'
[  207.7] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI
[  207.7] RIP: 0010:handle_softirqs+0xc3/0x2c0
[  207.7] Code: 04 bd 48 15 02 00 e9 <4d> 01 00 00 49 8b 45 00 ff d0 0f 1f 00
[  207.7] Code: 40 00 48 c7 cc <48> 3d 00 f0
LOG
expect stale "as Linux 6.1 words it" <<'LOG'
[    1.4] int3: 0000 [#1] PREEMPT SMP NOPTI
[    1.4] Code: 0f <1f> 44 00 00
LOG
expect other "a breakpoint that is there" <<'LOG'
[    1.4] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI
[    1.4] Code: 04 bd 48 cc <4d> 01 00 00
LOG
expect other "another fault" <<'LOG'
[    1.4] BUG: kernel NULL pointer dereference, address: 0000000000000000
[    1.4] Oops: Oops: 0002 [#1] PREEMPT SMP NOPTI
[    1.4] Code: 04 bd 48 15 02 00 e9 <4d> 01 00 00
LOG
expect other "a breakpoint without its bytes" <<'LOG'
[    1.4] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI
LOG
expect other "nothing" </dev/null
echo "1..$count"
exit $failures
