// SPDX-License-Identifier: MIT
//
// Kernel objects that nothing keeps alive, handed to those who rely on it.
#include "attack.h"

#include <bpf/bpf_core_read.h>

extern struct task_struct* bpf_task_acquire(struct task_struct* p) __ksym;
extern void bpf_task_release(struct task_struct* p) __ksym;
extern void* bpf_rdonly_cast(const void* obj, __u32 btf_id) __ksym;

struct {
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, long);
} storage SEC(".maps");

__noinline int takes_a_task(struct task_struct* task __attribute__((btf_decl_tag("arg:trusted")))) {
    struct task_struct* held = bpf_task_acquire(task);
    if (held) bpf_task_release(held);
    return 0;
}
SEC("tp_btf/task_newtask") ACCEPTED int BPF_PROG(passes_its_argument, struct task_struct* task, u64 flags) {
    return takes_a_task(task);
}
SEC("tp_btf/task_newtask") REFUSED int BPF_PROG(passes_a_cast, struct task_struct* task, u64 flags) {
    return takes_a_task(bpf_rdonly_cast(task->last_wakee, bpf_core_type_id_kernel(struct task_struct)));
}
SEC("tp_btf/task_newtask") REFUSED int BPF_PROG(passes_a_moved_pointer, struct task_struct* task, u64 flags) {
    return takes_a_task((void*)task + 8);
}

// Outside of an RCU section a program that may sleep holds nothing by walking to it.
SEC("syscall") REFUSED int sleeps_and_walks(void* context) {
    struct task_struct* task = bpf_get_current_task_btf();
    bpf_task_storage_get(&storage, task->real_parent, 0, 0);
    return 0;
}
SEC("syscall") REFUSED int sleeps_and_walks_on(void* context) {
    struct task_struct* task = bpf_get_current_task_btf();
    bpf_task_storage_get(&storage, task->last_wakee, 0, 0);
    return 0;
}
SEC("syscall") ACCEPTED int sleeps_and_stays(void* context) {
    bpf_task_storage_get(&storage, bpf_get_current_task_btf(), 0, 0);
    return 0;
}

// Any trusted object in the place of a map, where the kernel's parameter has no type of its own.
extern void* bpf_arena_alloc_pages(void* map, void* addr, __u32 page_cnt, int node_id, __u64 flags) __ksym __weak;
SEC("iter.s/bpf_map") REFUSED int a_file_for_a_map(struct bpf_iter__bpf_map* context) {
    bpf_arena_alloc_pages(context->meta->seq, 0, 0, 0, 0);
    return 0;
}

// An exception unwinds its caller, who holds a record. Linux 6.18 accepts it.
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} records SEC(".maps");
__noinline int may_throw(struct __sk_buff* skb) {
    if (skb->len == 5) bpf_throw(0);
    return 0;
}
SEC("tc") REFUSED int calls_with_a_record(struct __sk_buff* skb) {
    void* record = bpf_ringbuf_reserve(&records, 8, 0);
    if (!record) return 0;
    may_throw(skb);
    bpf_ringbuf_discard(record, 0);
    return 0;
}
SEC("tc") ACCEPTED int calls_without_a_record(struct __sk_buff* skb) {
    void* record = bpf_ringbuf_reserve(&records, 8, 0);
    if (record) bpf_ringbuf_discard(record, 0);
    may_throw(skb);
    return 0;
}

// A pointer that nobody vouches for may be null, so to be equal to it proves nothing. Linux 6.18
// accepts it.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __u64);
} numbers SEC(".maps");
SEC("tc") REFUSED int equal_to_an_untrusted_null(struct __sk_buff* skb) {
    __u32 key = skb->len;
    void* null = 0;
    __u64 *untrusted, *value;
    asm volatile("" : "+r"(null));
    untrusted = bpf_rdonly_cast(null, 0);
    value = bpf_map_lookup_elem(&numbers, &key);
    if (value != untrusted) return 0;
    *value = 4;
    return 0;
}
