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

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __u64[4]);
} numbers SEC(".maps");
extern int bpf_dynptr_from_skb(struct __sk_buff* skb, __u64 flags, struct bpf_dynptr* out) __ksym;
extern void* bpf_dynptr_slice(const struct bpf_dynptr* p, __u32 at, void* buffer, __u32 bytes) __ksym;
extern void* bpf_dynptr_slice_rdwr(const struct bpf_dynptr* p, __u32 at, void* buffer, __u32 bytes) __ksym;
#define BARRIER asm volatile("" ::: "memory")

// Linux 6.18 accepts all of those that are refused from here on: a function whose code it has not
// looked into writes to the buffer that a packet pointer points to ...
__noinline int writes_to_the_packet(struct __sk_buff* skb) {
    struct bpf_dynptr packet;
    char bytes[4] = {};
    bpf_dynptr_from_skb(skb, 0, &packet);
    bpf_dynptr_write(&packet, 0, bytes, 4, 0);
    return 0;
}
SEC("tc") REFUSED int packet_after_a_write(struct __sk_buff* skb) {
    void *data = (void*)(long)skb->data, *end = (void*)(long)skb->data_end;
    if (data + 4 > end) return 0;
    writes_to_the_packet(skb);
    return *(volatile char*)data;
}
SEC("tc") ACCEPTED int packet_looked_up_after_a_write(struct __sk_buff* skb) {
    void *data, *end;
    writes_to_the_packet(skb);
    data = (void*)(long)skb->data;
    end = (void*)(long)skb->data_end;
    return data + 4 > end ? 0 : *(volatile char*)data;
}

// ... and a slice is a pointer to the stack where the packet is not in one piece.
static __noinline void* slice_on_its_stack(struct bpf_dynptr* packet) {
    char buffer[16] = {};
    return bpf_dynptr_slice_rdwr(packet, 0, buffer, 16);
}
static __noinline void* slice_on_our_stack(struct bpf_dynptr* packet, void* buffer) {
    return bpf_dynptr_slice_rdwr(packet, 0, buffer, 16);
}
SEC("tc") REFUSED int slice_of_a_frame_that_is_gone(struct __sk_buff* skb) {
    struct bpf_dynptr packet;
    volatile char* slice;
    bpf_dynptr_from_skb(skb, 0, &packet);
    slice = slice_on_its_stack(&packet);
    if (slice) slice[3] = 4;
    return 0;
}
SEC("tc") ACCEPTED int slice_of_a_frame_that_stays(struct __sk_buff* skb) {
    struct bpf_dynptr packet;
    char buffer[16] = {};
    volatile char* slice;
    bpf_dynptr_from_skb(skb, 0, &packet);
    slice = slice_on_our_stack(&packet, buffer);
    if (slice) slice[3] = 4;
    return 0;
}
SEC("tc") REFUSED int slice_over_a_pointer(struct __sk_buff* skb) {
    struct bpf_dynptr packet;
    __u64 buffer[1] = {}, *slice, *value;
    int key = 0;
    value = bpf_map_lookup_elem(&numbers, &key);
    bpf_dynptr_from_skb(skb, 0, &packet);
    slice = bpf_dynptr_slice_rdwr(&packet, 0, buffer, 8);
    if (!value || !slice) return 0;
    *(__u64* volatile*)buffer = value;
    BARRIER;
    *slice = 0x1234567;
    BARRIER;
    return **(__u64* volatile*)buffer;
}
SEC("tc") REFUSED int slice_over_an_index(struct __sk_buff* skb) {
    struct bpf_dynptr packet;
    __u64 buffer[1] = {}, *slice, *value;
    int key = 0;
    value = bpf_map_lookup_elem(&numbers, &key);
    bpf_dynptr_from_skb(skb, 0, &packet);
    slice = bpf_dynptr_slice_rdwr(&packet, 0, buffer, 8);
    if (!value || !slice) return 0;
    *(volatile __u64*)buffer = 1;
    BARRIER;
    *slice = 0x1234567;
    BARRIER;
    return value[*(volatile __u64*)buffer];
}
