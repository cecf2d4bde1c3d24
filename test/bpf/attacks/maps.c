// SPDX-License-Identifier: MIT
//
// Values of maps: keys that look constant, and timers and work queues that are told a map other than
// the one they lie in. A work queue and a map without special fields crash Linux 6.18's verifier,
// so that pair must not be put before a running kernel and is not here.
#include "attack.h"

struct element {
    struct bpf_timer timer;
    struct bpf_wq queue;
};
struct inner {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, struct element);
} first SEC(".maps"), second SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __u32);
    __array(values, struct inner);
} outer SEC(".maps") = {.values = {&first, &second}};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __u64);
} numbers SEC(".maps");

#define LOOK_UP                                                                        \
    "r2 = r10; r2 += -8; r1 = %[numbers] ll; call %[bpf_map_lookup_elem];"             \
    "r0 = *(u64*)(r0 + 0); r0 = 0; exit;" ::__imm(bpf_get_prandom_u32),                \
        __imm(bpf_map_lookup_elem), __imm_addr(numbers) : __clobber_all

// The upper bytes of the key are whatever they were.
SEC("socket") REFUSED ASSEMBLY void key_of_one_known_byte(void) {
    asm volatile("call %[bpf_get_prandom_u32]; *(u64*)(r10 - 8) = r0; *(u8*)(r10 - 8) = 0;" LOOK_UP);
}
SEC("socket") REFUSED ASSEMBLY void key_of_two_known_bytes(void) {
    asm volatile("call %[bpf_get_prandom_u32]; *(u64*)(r10 - 8) = r0; *(u16*)(r10 - 8) = 1;" LOOK_UP);
}
SEC("socket") ACCEPTED ASSEMBLY void key_of_four_known_bytes(void) {
    asm volatile("call %[bpf_get_prandom_u32]; *(u64*)(r10 - 8) = r0; *(u32*)(r10 - 8) = 3;" LOOK_UP);
}
SEC("socket") REFUSED ASSEMBLY void key_behind_the_end(void) {
    asm volatile("*(u32*)(r10 - 8) = 4;" LOOK_UP);
}

static struct element* element_of(void* map) {
    int key = 0;
    return map ? bpf_map_lookup_elem(map, &key) : 0;
}
static void* map_at(int at) { return bpf_map_lookup_elem(&outer, &at); }

SEC("tc") REFUSED int timer_of_another_inner_map(void* context) {
    void *one = map_at(0), *other = map_at(1);
    struct element* e = element_of(one);
    if (e && other) bpf_timer_init(&e->timer, other, 1);
    return 0;
}
SEC("tc") ACCEPTED int timer_of_its_inner_map(void* context) {
    void* one = map_at(0);
    struct element* e = element_of(one);
    if (e) bpf_timer_init(&e->timer, one, 1);
    return 0;
}
SEC("tc") REFUSED int queue_of_another_inner_map(void* context) {
    void *one = map_at(0), *other = map_at(1);
    struct element* e = element_of(one);
    if (e && other) bpf_wq_init(&e->queue, other, 0);
    return 0;
}
SEC("tc") REFUSED int queue_of_another_map(void* context) {
    struct element* e = element_of(&first);
    if (e) bpf_wq_init(&e->queue, &second, 0);
    return 0;
}
SEC("tc") ACCEPTED int queue_of_its_map(void* context) {
    struct element* e = element_of(&first);
    if (e) bpf_wq_init(&e->queue, &first, 0);
    return 0;
}

// A number that is too far out on one way only: where the ways join, no range shows it any more.
#define FAR_ON_ONE_WAY(ways)                                                                     \
    "*(u32*)(r10 - 8) = 0; r2 = r10; r2 += -8; r1 = %[numbers] ll; call %[bpf_map_lookup_elem];" \
    "if r0 != 0 goto 1f; exit; 1: r7 = r0; call %[bpf_get_prandom_u32]; w6 = w0;"                \
    "call %[bpf_get_prandom_u32]; r9 = r0; w8 = 0;" ways                                         \
    "call %[bpf_get_prandom_u32]; r7 += r8; r1 = r10; r1 += -8; w2 = 8; r3 = r7;"                \
    "call %[bpf_probe_read_kernel]; r0 = 0; exit;" ::__imm(bpf_get_prandom_u32),                 \
        __imm(bpf_map_lookup_elem), __imm(bpf_probe_read_kernel), __imm_addr(numbers)            \
        : __clobber_all

SEC("raw_tp") REFUSED ASSEMBLY void far_number_on_one_way(void) {
    asm volatile(FAR_ON_ONE_WAY("if w6 s< 0 goto 2f; if w6 > 0x7f goto 3f; goto 4f;"
                                "2: w8 = w6; w8 += -0x7f; goto 4f; 3: w8 = 7; 4:"));
}
SEC("raw_tp") ACCEPTED ASSEMBLY void near_number_on_each_way(void) {
    asm volatile(FAR_ON_ONE_WAY("if w6 s< 0 goto 2f; if w6 > 0x7f goto 3f; goto 4f;"
                                "2: w8 = w6; w8 &= 0xffff; goto 4f; 3: w8 = 7; 4:"));
}
