// SPDX-License-Identifier: MIT
//
// Exceptions: what a throw may leave behind, who may throw, and what a callback must look like.
#include "features.h"

extern void bpf_throw(__u64 cookie) __attribute__((section(".ksyms")));
extern void bpf_rcu_read_lock(void) __attribute__((section(".ksyms")));
extern void bpf_rcu_read_unlock(void) __attribute__((section(".ksyms")));
extern void bpf_preempt_disable(void) __attribute__((section(".ksyms")));
extern void bpf_preempt_enable(void) __attribute__((section(".ksyms")));

#define CALLBACK(name) __attribute__((btf_decl_tag("exception_callback:" #name)))

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} records SEC(".maps");

__attribute__((noinline)) int returns_cookie(__u64 cookie) { return (int)cookie & 1; }
__attribute__((noinline)) int returns_large(__u64 cookie) { return 64; }
__attribute__((noinline)) int takes_two(__u64 cookie, __u64 more) { return 0; }
__attribute__((noinline)) int takes_context(struct __sk_buff* skb) { return 0; }
__attribute__((noinline)) int throws_itself(__u64 cookie) {
    bpf_throw(cookie);
    return 0;
}
static __attribute__((noinline)) int is_static(__u64 cookie) {
    volatile int keep = (int)cookie;
    return keep;
}

static __attribute__((noinline)) int throws_static(int n) {
    if (n) bpf_throw(32);
    return 1;
}
__attribute__((noinline)) int throws_global(int n) {
    if (n) bpf_throw(32);
    return 1;
}
static int thrown_in_loop(__u32 i, void* context) {
    if (i == 3) bpf_throw(1);
    return 0;
}

SEC("tc") SINCE("6.7") int plain(struct __sk_buff* skb) {
    bpf_throw(7);
    return 1;
}
SEC("tc") ACCEPTED CALLBACK(returns_cookie) int with_callback(struct __sk_buff* skb) {
    return throws_static(skb->len) + throws_global(skb->len);
}
SEC("tc") ACCEPTED CALLBACK(returns_cookie) int callback_without_throw(struct __sk_buff* skb) {
    return 0;
}
SEC("tc") REFUSED("takes one number") CALLBACK(takes_two) int bad_count(struct __sk_buff* skb) {
    return throws_static(skb->len);
}
SEC("tc") REFUSED("takes one number") CALLBACK(takes_context) int bad_kind(struct __sk_buff* skb) {
    return throws_static(skb->len);
}
SEC("tc") REFUSED("is not a global function") CALLBACK(is_static)
int static_callback(struct __sk_buff* skb) {
    return throws_static(is_static(skb->len));
}
SEC("tc") REFUSED("several exception callbacks") CALLBACK(returns_cookie) CALLBACK(returns_large)
int two_callbacks(struct __sk_buff* skb) {
    return 0;
}
SEC("tc") REFUSED("is no function of the program") CALLBACK(nowhere)
int no_callback(struct __sk_buff* skb) {
    return 0;
}
SEC("tc") REFUSED("may not be called directly") CALLBACK(returns_cookie)
int calls_callback(struct __sk_buff* skb) {
    return returns_cookie(skb->len);
}
SEC("tc") REFUSED("may not leave a callback") CALLBACK(throws_itself)
int callback_throws(struct __sk_buff* skb) {
    return 0;
}
SEC("tc") REFUSED("may not leave a callback") int throw_in_loop(struct __sk_buff* skb) {
    bpf_loop(5, thrown_in_loop, 0, 0);
    return 0;
}
// What a throw returns must lie where the program's own values lie.
SEC("cgroup/dev") REFUSED("must return 0 to 1") int bad_value(void* context) {
    bpf_throw(64);
    return 0;
}
SEC("cgroup/dev") REFUSED("must return 0 to 1") CALLBACK(returns_large)
int bad_callback_value(void* context) {
    bpf_throw(1);
    return 0;
}
SEC("cgroup/dev") ACCEPTED CALLBACK(returns_cookie) int callback_makes_it_good(void* context) {
    bpf_throw(64);
    return 0;
}
SEC("tc") REFUSED("never released") int holds_reference(struct __sk_buff* skb) {
    void* record = bpf_ringbuf_reserve(&records, 8, 0);
    if (!record) return 0;
    throws_static(skb->len);
    bpf_ringbuf_discard(record, 0);
    return 0;
}
// Linux 6.18 does not look into global functions here, and would leak.
SEC("tc") REFUSED("never released") int holds_reference_in_global(struct __sk_buff* skb) {
    void* record = bpf_ringbuf_reserve(&records, 8, 0);
    if (!record) return 0;
    throws_global(skb->len);
    bpf_ringbuf_discard(record, 0);
    return 0;
}
SEC("tc") REFUSED("RCU read section is still open") int holds_rcu(struct __sk_buff* skb) {
    bpf_rcu_read_lock();
    throws_static(skb->len);
    bpf_rcu_read_unlock();
    return 0;
}
SEC("tc") REFUSED("preemption is still disabled") int holds_preemption(struct __sk_buff* skb) {
    bpf_preempt_disable();
    throws_static(skb->len);
    bpf_preempt_enable();
    return 0;
}
