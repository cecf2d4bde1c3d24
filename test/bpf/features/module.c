// SPDX-License-Identifier: MIT
//
// Programs for structures and functions of modules (module_types.c), and arguments that a program owns from
// the start (Linux 6.15). The verdicts are from Linux's source: a kernel with the modules must run for others.
#include "features.h"

struct task_struct;
struct cgroup;
struct sk_buff {
    unsigned int len;
    char cb[48];
    __u64 tstamp;
} __attribute__((preserve_access_index));
struct Qdisc {
    unsigned int limit;
} __attribute__((preserve_access_index));
struct bpf_sk_buff_ptr;
struct bpf_testmod_ctx;

extern void bpf_task_release(struct task_struct* task) __attribute__((section(".ksyms")));
extern struct task_struct* bpf_task_acquire(struct task_struct* task) __attribute__((section(".ksyms")));
extern struct task_struct* bpf_task_from_pid(int pid) __attribute__((section(".ksyms")));
extern void bpf_kfree_skb(struct sk_buff* skb) __attribute__((section(".ksyms")));
extern void bpf_qdisc_skb_drop(struct sk_buff* skb, struct bpf_sk_buff_ptr* list) __attribute__((section(".ksyms")));
extern struct bpf_testmod_ctx* bpf_testmod_ctx_create(int* error) __attribute__((section(".ksyms")));
extern void bpf_testmod_ctx_release(struct bpf_testmod_ctx* ctx) __attribute__((section(".ksyms")));
extern void function_of_unknown_rules(void) __attribute__((section(".ksyms")));

struct bpf_testmod_ops {
    int (*test_1)(void);
    int (*test_maybe_null)(int dummy, struct task_struct* task);
    int (*test_refcounted)(int dummy, struct task_struct* task);
    struct task_struct* (*test_return_ref_kptr)(int dummy, struct task_struct* task, struct cgroup* group);
};
struct unknown_ops {
    int (*act)(int number);
};
struct Qdisc_ops {
    int (*enqueue)(struct sk_buff* skb, struct Qdisc* sch, struct sk_buff** to_free);
    struct sk_buff* (*dequeue)(struct Qdisc* sch);
} __attribute__((preserve_access_index));
struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} programs SEC(".maps");

SEC("struct_ops") ACCEPTED int plain(__u64* context) { return 0; }
SEC("struct_ops.s") ACCEPTED int plain_that_sleeps(__u64* context) { return 0; }

SEC("struct_ops") ACCEPTED int released(__u64* context) {
    bpf_task_release((void*)context[1]);
    return 0;
}
SEC("struct_ops") REFUSED("never released") int kept(__u64* context) { return 0; }
SEC("struct_ops") REFUSED("never released") int released_on_one_way(__u64* context) {
    if (context[0]) bpf_task_release((void*)context[1]);
    return 0;
}
SEC("struct_ops") REFUSED("has released this argument") int released_twice(__u64* context) {
    bpf_task_release((void*)context[1]);
    bpf_task_release((void*)context[1]);
    return 0;
}
SEC("struct_ops") REFUSED("may make no tail calls") int calls_on(__u64* context) {
    bpf_task_release((void*)context[1]);
    bpf_tail_call(context, &programs, 0);
    return 0;
}
static __attribute__((noinline)) int releases(__u64* context) {
    bpf_task_release((void*)context[1]);
    return 0;
}
SEC("struct_ops") ACCEPTED int released_by_a_function(__u64* context) { return releases(context); }
SEC("struct_ops") ACCEPTED int acquired_and_released(__u64* context) {
    struct task_struct* task = (void*)context[1];
    struct task_struct* again = bpf_task_acquire(task);
    if (again) bpf_task_release(again);
    bpf_task_release(task);
    return 0;
}

SEC("struct_ops") ACCEPTED __u64 returned(__u64* context) { return context[1]; }
SEC("struct_ops") ACCEPTED __u64 null_returned(__u64* context) {
    bpf_task_release((void*)context[1]);
    return 0;
}
SEC("struct_ops") REFUSED("the program must return 0") __u64 number_returned(__u64* context) {
    bpf_task_release((void*)context[1]);
    return 1;
}
SEC("struct_ops") REFUSED("that it owns") __u64 other_type_returned(__u64* context) {
    bpf_task_release((void*)context[1]);
    return context[2];
}
SEC("struct_ops") REFUSED("was moved") __u64 moved_and_returned(__u64* context) { return context[1] + 8; }
SEC("struct_ops") REFUSED("never released") __u64 another_returned(__u64* context) {
    struct task_struct* other = bpf_task_from_pid(1);
    if (!other) {
        bpf_task_release((void*)context[1]);
        return 0;
    }
    return (__u64)other;
}
SEC("struct_ops") REFUSED("may be null") int null_is_not_checked(__u64* context) {
    struct task_struct* again = bpf_task_acquire((void*)context[1]);
    if (again) bpf_task_release(again);
    return 0;
}
SEC("struct_ops") ACCEPTED int null_is_checked(__u64* context) {
    struct task_struct* task = (void*)context[1];
    struct task_struct* again = task ? bpf_task_acquire(task) : 0;
    if (again) bpf_task_release(again);
    return 0;
}
SEC("struct_ops") REFUSED("rules of struct unknown_ops are not known") int of_unknown_rules(__u64* context) { return 0; }

SEC("struct_ops") ACCEPTED int drops(__u64* context) {
    bpf_qdisc_skb_drop((void*)context[0], (void*)context[2]);
    return 1;
}
SEC("struct_ops") ACCEPTED int writes_a_packets_scratch(__u64* context) {
    struct sk_buff* skb = (void*)context[0];
    *(__u64*)&skb->cb[8] = 1;
    skb->tstamp = 1;
    bpf_kfree_skb(skb);
    return 1;
}
SEC("struct_ops") REFUSED("may only be read") int writes_the_kernels_scratch(__u64* context) {
    struct sk_buff* skb = (void*)context[0];
    *(__u32*)&skb->cb[0] = 1;
    bpf_kfree_skb(skb);
    return 1;
}
SEC("struct_ops") REFUSED("never released") int loses_the_packet(__u64* context) { return 1; }
SEC("struct_ops") REFUSED("by this member's programs") __u64 drops_at_the_wrong_place(__u64* context) {
    bpf_qdisc_skb_drop((void*)context[0], (void*)context[0]);
    return 0;
}

SEC("tc") ACCEPTED int own_object(struct __sk_buff* skb) {
    int error = 0;
    struct bpf_testmod_ctx* ctx = bpf_testmod_ctx_create(&error);
    if (ctx) bpf_testmod_ctx_release(ctx);
    return 0;
}
SEC("tc") REFUSED("never released") int own_object_lost(struct __sk_buff* skb) {
    int error = 0;
    bpf_testmod_ctx_create(&error);
    return 0;
}
SEC("tc") REFUSED("function_of_unknown_rules") int unknown_rules(struct __sk_buff* skb) {
    function_of_unknown_rules();
    return 0;
}

#define OPS SEC(".struct_ops.link") struct bpf_testmod_ops
OPS plain_ops = {.test_1 = (void*)plain, .test_maybe_null = (void*)null_is_checked,
                 .test_refcounted = (void*)released, .test_return_ref_kptr = (void*)returned};
OPS ops2 = {.test_1 = (void*)plain_that_sleeps, .test_maybe_null = (void*)null_is_not_checked,
            .test_refcounted = (void*)kept, .test_return_ref_kptr = (void*)null_returned};
OPS ops3 = {.test_refcounted = (void*)released_on_one_way, .test_return_ref_kptr = (void*)number_returned};
OPS ops4 = {.test_refcounted = (void*)released_twice, .test_return_ref_kptr = (void*)other_type_returned};
OPS ops5 = {.test_refcounted = (void*)calls_on, .test_return_ref_kptr = (void*)moved_and_returned};
OPS ops6 = {.test_refcounted = (void*)released_by_a_function, .test_return_ref_kptr = (void*)another_returned};
OPS ops7 = {.test_refcounted = (void*)acquired_and_released};
SEC(".struct_ops.link") struct unknown_ops unknown = {.act = (void*)of_unknown_rules};
SEC(".struct_ops.link") struct Qdisc_ops queue = {.enqueue = (void*)drops};
SEC(".struct_ops.link") struct Qdisc_ops queue2 = {.enqueue = (void*)writes_a_packets_scratch};
SEC(".struct_ops.link") struct Qdisc_ops queue3 = {.enqueue = (void*)writes_the_kernels_scratch};
SEC(".struct_ops.link") struct Qdisc_ops queue4 = {.enqueue = (void*)loses_the_packet, .dequeue = (void*)drops_at_the_wrong_place};
