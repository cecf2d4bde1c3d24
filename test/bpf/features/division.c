// SPDX-License-Identifier: MIT
//
// What Linux 6.18 knows of a quotient: nothing; of one in 32 bits not even that its upper half is zero.
// And of a number that is 0 or -1, combined with a constant: it looks at both.
#include "features.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, char[64]);
} values SEC(".maps");

// The number is bounded in its lower half only, and used whole.
__attribute__((naked)) SEC("xdp") REFUSED("lower bound") int quotient_of_half(void) {
    asm volatile("r6 = *(u32 *)(r1 + 16); r1 = 0; *(u32 *)(r10 - 4) = r1; r2 = r10; r2 += -4; r1 = %[values] ll;"
                 "call %[lookup]; if r0 == 0 goto 1f; w6 /= 7; if w6 > 60 goto 1f; r0 += r6; r0 = *(u8 *)(r0 + 0);"
                 "1: r0 = 2; exit;" ::[values] "i"(&values), [lookup] "i"(1) : "memory");
}
__attribute__((naked)) SEC("xdp") ACCEPTED int quotient_cut_to_a_half(void) {
    asm volatile("r6 = *(u32 *)(r1 + 16); r1 = 0; *(u32 *)(r10 - 4) = r1; r2 = r10; r2 += -4; r1 = %[values] ll;"
                 "call %[lookup]; if r0 == 0 goto 1f; w6 /= 7; w6 = w6; if w6 > 60 goto 1f; r0 += r6; r0 = *(u8 *)(r0 + 0);"
                 "1: r0 = 2; exit;" ::[values] "i"(&values), [lookup] "i"(1) : "memory");
}
// A sign spread over all bits selects one of two constants; r2 was never written.
__attribute__((naked)) SEC("xdp") ACCEPTED int selected_by_and(void) {
    asm volatile("call 7; w1 = w0; w1 s>>= 31; w1 &= -134; if w1 s> -1 goto 1f; if w1 != -136 goto 1f; r1 = r2;"
                 "1: r0 = 2; exit;" ::: "memory");
}
__attribute__((naked)) SEC("xdp") ACCEPTED int selected_by_or(void) {
    asm volatile("call 7; r1 = r0; r1 s>>= 63; r1 |= 6; if r1 s< 0 goto 1f; if r1 == 6 goto 1f; r1 = r2;"
                 "1: r0 = 2; exit;" ::: "memory");
}
__attribute__((naked)) SEC("xdp") REFUSED("before it is written") int not_selected(void) {
    asm volatile("call 7; w1 = w0; w1 s>>= 30; w1 &= -134; if w1 s> -1 goto 1f; if w1 != -136 goto 1f; r1 = r2;"
                 "1: r0 = 2; exit;" ::: "memory");
}
