// SPDX-License-Identifier: MIT
//
// What came with which Linux, as programs: run for each target.
#include "features.h"

struct bpf_iter_num;
extern int bpf_iter_num_new(struct bpf_iter_num* it, int start, int end) __attribute__((section(".ksyms")));
extern int* bpf_iter_num_next(struct bpf_iter_num* it) __attribute__((section(".ksyms")));
extern void bpf_iter_num_destroy(struct bpf_iter_num* it) __attribute__((section(".ksyms")));
extern void bpf_rcu_read_lock(void) __attribute__((section(".ksyms")));
extern void bpf_rcu_read_unlock(void) __attribute__((section(".ksyms")));
extern void bpf_preempt_disable(void) __attribute__((section(".ksyms")));
extern void bpf_preempt_enable(void) __attribute__((section(".ksyms")));
extern int bpf_strlen(const char* text) __attribute__((section(".ksyms")));

SEC("tc") SINCE("6.2") int rcu_section(struct __sk_buff* skb) {
    bpf_rcu_read_lock();
    bpf_rcu_read_unlock();
    return 0;
}
SEC("tc") SINCE("6.4") int iterator(struct __sk_buff* skb) {
    __u64 it[1];
    bpf_iter_num_new((void*)it, 0, 10);
    while (bpf_iter_num_next((void*)it)) {
    }
    bpf_iter_num_destroy((void*)it);
    return 0;
}
SEC("tc") SINCE("6.10") int preemption(struct __sk_buff* skb) {
    bpf_preempt_disable();
    bpf_preempt_enable();
    return 0;
}
SEC("tc") SINCE("6.17") int length_of_text(struct __sk_buff* skb) { return bpf_strlen("text"); }
SEC("tc") SINCE("6.10") int process(struct __sk_buff* skb) { return (int)bpf_get_current_pid_tgid(); }
SEC("xdp") SINCE("6.16") int user(struct xdp_md* xdp) { return (int)bpf_get_current_uid_gid() & 1; }
SEC("raw_tp/sched_switch") SINCE("6.10") int cookie(void* context) {
    return (int)bpf_get_attach_cookie(context);
}
SEC("kprobe/nothing") ACCEPTED int old_cookie(void* context) { return (int)bpf_get_attach_cookie(context); }
SEC("netfilter") SINCE("6.4") int netfilter_program(void* context) { return 1; }
