// SPDX-License-Identifier: MIT
//
// Arenas: what may be done with an address that was cast into the kernel's view (r1 here), each verdict
// as Linux 6.18 gives it. Written in instructions, because compilers fold most of these away.
#include "features.h"

struct {
    __uint(type, 33);  // BPF_MAP_TYPE_ARENA, newer than Debian's header
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 10);
} arena SEC(".maps"), other SEC(".maps");

#define TO_KERNEL ".byte 0xbf, 0x11, 1, 0; .long 1;"
#define PROGRAM(name, verdict, ...)                                                    \
    SEC("syscall") verdict __attribute__((naked)) int name(void* context) {            \
        asm volatile("r1 = %[arena] ll; r1 = 8; r2 = 16;" TO_KERNEL __VA_ARGS__        \
                     "r0 = 0; exit;"                                                   \
                     :                                                                 \
                     : [arena] "i"(&arena), [other] "i"(&other),                       \
                       [comm] "i"(bpf_get_current_comm)                                \
                     : "r1");                                                          \
    }

PROGRAM(load, ACCEPTED,
        "r0 = *(u64*)(r1 + 0);")
PROGRAM(store_pointer, ACCEPTED,
        "*(u64*)(r1 + 8) = r10;")
PROGRAM(far_away, ACCEPTED,
        "r0 = *(u64*)(r1 + 32767);")
PROGRAM(multiplied, ACCEPTED,
        "r1 *= 3; r0 = *(u8*)(r1 + 0);")
PROGRAM(masked, ACCEPTED,
        "r1 &= 7; r0 = *(u8*)(r1 + 0);")
PROGRAM(half, ACCEPTED,
        "w1 += 7; r0 = *(u8*)(r1 + 0);")
PROGRAM(subtracted_from, ACCEPTED,
        "r2 -= r1; r0 = *(u8*)(r2 + 0);")
PROGRAM(plus_stack, ACCEPTED,
        "r1 += r10; r0 = *(u8*)(r1 + 0);")
PROGRAM(stack_plus, ACCEPTED,
        "r3 = r10; r3 += r1; r0 = *(u8*)(r3 + 0);")
PROGRAM(difference, ACCEPTED,
        "r3 = r1; r1 -= r3; r0 = *(u8*)(r1 + 0);")
PROGRAM(spilled, ACCEPTED,
        "*(u64*)(r10 - 8) = r1; r4 = *(u64*)(r10 - 8); r0 = *(u8*)(r4 + 0);")
PROGRAM(compared, ACCEPTED,
        "if r1 > 3 goto +1; r0 = *(u8*)(r1 + 0);")
PROGRAM(atomic_add, ACCEPTED,
        "r3 = 1; .byte 0xdb, 0x31, 0, 0; .long 1;")
PROGRAM(atomic_and, ACCEPTED,
        "r3 = 1; .byte 0xdb, 0x31, 0, 0; .long 0x50;")
PROGRAM(exchange, ACCEPTED,
        "r3 = 1; .byte 0xdb, 0x31, 0, 0; .long 0xe1;")
PROGRAM(compare_exchange, ACCEPTED,
        "r0 = 0; r3 = 1; .byte 0xdb, 0x31, 0, 0; .long 0xf1;")
PROGRAM(load_acquire, SINCE("6.15"),
        ".byte 0xdb, 0x10, 0, 0; .long 0x100;")
PROGRAM(sign_extended, SINCE("6.18"),
        ".byte 0x91, 0x10, 0, 0; .long 0;")
PROGRAM(to_user, ACCEPTED,
        ".byte 0xbf, 0x13, 1, 0; .long 0x10000; r3 += 1;")
PROGRAM(cast_number, ACCEPTED,
        ".byte 0xbf, 0x23, 1, 0; .long 1; r0 = *(u64*)(r3 + 0);")
PROGRAM(fetch_and, REFUSED("an atomic and, or, xor that fetches is not allowed on an arena"),
        "r3 = 1; .byte 0xdb, 0x31, 0, 0; .long 0x51;")
PROGRAM(fetch_xor_half, REFUSED("an atomic and, or, xor that fetches is not allowed on an arena"),
        "r3 = 1; .byte 0xc3, 0x31, 0, 0; .long 0xa1;")
PROGRAM(negated, REFUSED("is a number, not memory"),
        "r1 = -r1; r0 = *(u8*)(r1 + 0);")
PROGRAM(swapped, REFUSED("is a number, not memory"),
        "r1 = be64 r1; r0 = *(u8*)(r1 + 0);")
PROGRAM(half_moved, REFUSED("is a number, not memory"),
        "w3 = w1; r0 = *(u8*)(r3 + 0);")
PROGRAM(user_address, REFUSED("is a number, not memory"),
        ".byte 0xbf, 0x13, 1, 0; .long 0x10000; r0 = *(u64*)(r3 + 0);")
PROGRAM(no_such_space, REFUSED("sets reserved fields"),
        ".byte 0xbf, 0x13, 1, 0; .long 2;")
PROGRAM(cast_of_nothing, REFUSED("before it is written"),
        ".byte 0xbf, 0x73, 1, 0; .long 1;")
PROGRAM(to_helper, REFUSED("is an arena pointer, which this argument does not take"),
        "r2 = 16; call %[comm];")
PROGRAM(two_arenas, REFUSED("one arena only"),
        "r3 = %[other] ll;")

#define __arena __attribute__((address_space(1)))

// Global data of the arena, and an arena pointer as the argument of a global function.
int __arena counter;

__attribute__((noinline)) int add(int __arena* where __attribute__((btf_decl_tag("arg:arena"))), int much) {
    *where += much;
    return much;
}

SEC("syscall") ACCEPTED int global_data(void* context) {
    bpf_printk("%p", &arena);
    return add(&counter, 1) + counter;
}

SEC("syscall") ACCEPTED int any_number_to_global(void* context) {
    bpf_printk("%p", &arena);
    return add((int __arena*)4096, 1);
}
