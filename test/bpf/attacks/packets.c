// SPDX-License-Identifier: MIT
//
// Packet pointers whose comparison with the end is decided by an earlier one.
#include "attack.h"

// Behind the end, then moved back before it: the second comparison may go either way. Linux 6.18
// takes it for decided and never looks at the other side.
SEC("xdp") REFUSED ASSEMBLY void behind_the_end_and_back(void) {
    asm volatile("r2 = *(u32*)(r1 + 0); r3 = *(u32*)(r1 + 4); r4 = r2; r4 += 8;"
                 "if r4 > r3 goto 1f; r0 = 0; exit; 1: r4 += -8; if r4 > r3 goto 2f;"
                 "r0 = *(u64*)(r5 + 0); exit; 2: r0 = 1; exit;" ::: __clobber_all);
}
SEC("xdp") REFUSED ASSEMBLY void at_the_end_and_back(void) {
    asm volatile("r2 = *(u32*)(r1 + 0); r3 = *(u32*)(r1 + 4); r4 = r2; r4 += 8;"
                 "if r4 >= r3 goto 1f; r0 = 0; exit; 1: r4 -= 8; if r4 >= r3 goto 2f;"
                 "r0 = *(u64*)(r5 + 0); exit; 2: r0 = 1; exit;" ::: __clobber_all);
}
SEC("xdp") ACCEPTED ASSEMBLY void behind_the_end_and_further(void) {
    asm volatile("r2 = *(u32*)(r1 + 0); r3 = *(u32*)(r1 + 4); r4 = r2; r4 += 8;"
                 "if r4 > r3 goto 1f; r0 = 0; exit; 1: r4 += 8; if r4 > r3 goto 2f;"
                 "r0 = 2; exit; 2: r0 = 1; exit;" ::: __clobber_all);
}
