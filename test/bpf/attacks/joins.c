// SPDX-License-Identifier: MIT
//
// Two ways meet that look alike but for what is owned, and only one of them may go on: which object a register
// holds, whether an iterator has come to its end, where the buffer of a slice lies.
#include "attack.h"

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} records SEC(".maps");

extern int bpf_iter_num_new(struct bpf_iter_num* it, int start, int end) __ksym;
extern int* bpf_iter_num_next(struct bpf_iter_num* it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num* it) __ksym;
extern int bpf_dynptr_from_skb(struct __sk_buff* skb, __u64 flags, struct bpf_dynptr* out) __ksym;
extern void* bpf_dynptr_slice_rdwr(const struct bpf_dynptr* packet, __u64 offset, void* buffer, __u64 size) __ksym;

#define TAKE(into) "r1 = %[records] ll; r2 = 8; r3 = 0; call %[bpf_ringbuf_reserve];" into " = r0;"
#define GIVE(from) "r1 = " from "; r2 = 0; call %[bpf_ringbuf_discard];"

// Of two records r6 is given back, then `change` has made r7 the other one or not, then that is given back.
#define TWO_RECORDS(change)                                                                                \
    "call %[bpf_get_prandom_u32]; r9 = r0;" TAKE("r6") "if r6 == 0 goto 9f;" TAKE("r7") "if r7 != 0 goto 1f;" \
    GIVE("r6") "9: r0 = 0; exit; 1:" change "2:" GIVE("r6") GIVE("r7") "r0 = 0; exit;"                       \
    ::__imm(bpf_get_prandom_u32), __imm(bpf_ringbuf_reserve), __imm(bpf_ringbuf_discard), __imm_addr(records) \
        : __clobber_all

SEC("tc") REFUSED ASSEMBLY void one_record_twice_if_zero(void) {
    asm volatile(TWO_RECORDS("r8 = r7; if r9 != 0 goto 2f; r7 = r6;"));
}
SEC("tc") REFUSED ASSEMBLY void one_record_twice_if_not_zero(void) {
    asm volatile(TWO_RECORDS("r8 = r7; if r9 == 0 goto 2f; r7 = r6;"));
}
SEC("tc") ACCEPTED ASSEMBLY void two_records_the_other_way_round(void) {
    asm volatile(TWO_RECORDS("if r9 == 0 goto 2f; r8 = r7; r7 = r6; r6 = r8;"));
}

// The second look finds nothing if the first did not; if it did, there may be more.
#define TWO_LOOKS(use)                                                                                          \
    "r1 = r10; r1 += -8; r2 = 0; r3 = 4; call %[bpf_iter_num_new]; r1 = r10; r1 += -8; call %[bpf_iter_num_next];" \
    "if r0 == 0 goto 1f; r0 = 0; 1: r1 = r10; r1 += -8; call %[bpf_iter_num_next]; if r0 == 0 goto 2f;" use         \
    "2: r1 = r10; r1 += -8; call %[bpf_iter_num_destroy]; r0 = 0; exit;"                                            \
    ::__imm(bpf_iter_num_new), __imm(bpf_iter_num_next), __imm(bpf_iter_num_destroy)                                \
        : __clobber_all

SEC("tc") REFUSED ASSEMBLY void second_look_of_an_iterator(void) { asm volatile(TWO_LOOKS("*(u64*)(r0 + 0) = r0;")); }
SEC("tc") ACCEPTED ASSEMBLY void second_look_that_reads(void) { asm volatile(TWO_LOOKS("r0 = *(u32*)(r0 + 0);")); }

// What is written through the slice may be the index.
static __always_inline int slice_of_one_of_two(struct __sk_buff* skb, int is_index_first) {
    struct bpf_dynptr packet;
    char bytes[64] = {};
    __u64 first[1] = {1}, second[1] = {1}, *slice;
    bpf_dynptr_from_skb(skb, 0, &packet);
    if (bpf_get_prandom_u32() == is_index_first)
        slice = bpf_dynptr_slice_rdwr(&packet, 0, first, 8);
    else
        slice = bpf_dynptr_slice_rdwr(&packet, 0, second, 8);
    if (!slice) return 0;
    *(volatile __u64*)first = 1;
    *(volatile __u64*)second = 1;
    barrier();
    *slice = 0x1234567;
    barrier();
    return *(volatile char*)(bytes + (is_index_first ? *(volatile __u64*)first : *(volatile __u64*)second));
}
SEC("tc") REFUSED int slice_over_the_first_index(struct __sk_buff* skb) { return slice_of_one_of_two(skb, 1); }
SEC("tc") REFUSED int slice_over_the_second_index(struct __sk_buff* skb) { return slice_of_one_of_two(skb, 0); }
