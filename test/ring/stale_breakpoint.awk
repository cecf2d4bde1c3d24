# SPDX-License-Identifier: MIT
#
# stale_breakpoint.awk LOG: succeeds when Linux died of a breakpoint (int3) that its memory does not hold.
#
# Linux patches running code by way of a breakpoint. QEMU 7.2 without KVM may translate an instruction on one
# CPU while another writes it, and then go on executing what it has read. Linux prints the instruction bytes
# as they lie in memory, RIP in <>: behind a breakpoint that is really there the byte before is cc.
/int3: 0000 \[#/ { died = 1 }
died && /Code: / {
    is_stale = match($0, /[0-9a-f][0-9a-f] </) && substr($0, RSTART, 2) != "cc"
    exit
}
END { exit !is_stale }
