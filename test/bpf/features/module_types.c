// SPDX-License-Identifier: MIT
//
// Stands for two modules of the kernel: queueing disciplines by programs and the module of the selftests,
// as far as their types go. Compiled like a program; of it only the types are read (--module-btf).
#define USED __attribute__((used))

struct task_struct;
struct cgroup;
struct sk_buff;
struct Qdisc;
struct netlink_ext_ack;

struct bpf_testmod_ops {
    int (*test_1)(void);
    int (*test_maybe_null)(int dummy, struct task_struct* task);
    int (*test_refcounted)(int dummy, struct task_struct* task);
    struct task_struct* (*test_return_ref_kptr)(int dummy, struct task_struct* task, struct cgroup* group);
    int data;
};
struct bpf_struct_ops_bpf_testmod_ops {
    struct bpf_testmod_ops data;
};
USED int bpf_testmod_ops__test_maybe_null(int dummy, struct task_struct* task__nullable) { return 0; }
USED int bpf_testmod_ops__test_refcounted(int dummy, struct task_struct* task__ref) { return 0; }
USED struct task_struct* bpf_testmod_ops__test_return_ref_kptr(int dummy, struct task_struct* task__ref,
                                                               struct cgroup* group) {
    return 0;
}
USED struct bpf_struct_ops_bpf_testmod_ops registered;

struct unknown_ops {
    int (*act)(int number);
};
struct bpf_struct_ops_unknown_ops {
    struct unknown_ops data;
};
USED struct bpf_struct_ops_unknown_ops registered_too;

struct bpf_sk_buff_ptr {
    struct sk_buff* skb;
};
struct Qdisc_ops;
struct bpf_struct_ops_Qdisc_ops {
    struct Qdisc_ops* data;
};
USED int Qdisc_ops__enqueue(struct sk_buff* skb__ref, struct Qdisc* sch, struct sk_buff** to_free) { return 0; }
USED struct sk_buff* Qdisc_ops__dequeue(struct Qdisc* sch) { return 0; }
USED void bpf_kfree_skb(struct sk_buff* skb) {}
USED void bpf_qdisc_skb_drop(struct sk_buff* skb, struct bpf_sk_buff_ptr* to_free_list) {}
USED struct bpf_struct_ops_Qdisc_ops registered_queues;

struct bpf_testmod_ctx {
    int usage;
};
USED struct bpf_testmod_ctx* bpf_testmod_ctx_create(int* err) { return 0; }
USED void bpf_testmod_ctx_release(struct bpf_testmod_ctx* ctx) {}
USED void function_of_unknown_rules(void) {}
