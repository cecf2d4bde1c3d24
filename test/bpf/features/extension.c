// SPDX-License-Identifier: MIT
//
// Programs that replace functions of replaced.c. They are verified as classifiers (its type), called
// with the function's arguments.
#include "features.h"

SEC("freplace/plain") ACCEPTED int same(struct __sk_buff* skb, int n) { return (int)skb->len + n; }
SEC("freplace/plain") ACCEPTED int reads_packet(struct __sk_buff* skb, int n) {
    char* data = (char*)(long)skb->data;
    return data + 1 <= (char*)(long)skb->data_end ? data[0] : n;
}
SEC("freplace/plain") REFUSED("of the packet") int reads_beyond(struct __sk_buff* skb, int n) {
    return *(char*)(long)skb->data;
}
// The argument is any number: it bounds nothing.
SEC("freplace/plain") REFUSED("stack") int trusts_argument(struct __sk_buff* skb, int n) {
    char bytes[8] = {1};
    asm volatile("" : : "r"(bytes) : "memory");
    return bytes[n];
}
SEC("freplace/plain") REFUSED("changes packets") int changes_packets(struct __sk_buff* skb, int n) {
    return (int)bpf_skb_pull_data(skb, (__u32)n);
}
SEC("freplace/changes") ACCEPTED int may_change(struct __sk_buff* skb, int n) {
    return (int)bpf_skb_pull_data(skb, (__u32)n);
}
SEC("freplace/entry") ACCEPTED int whole_program(struct __sk_buff* skb) { return 0; }
SEC("freplace/plain") REFUSED("different numbers of arguments") int too_few(struct __sk_buff* skb) {
    return 0;
}
SEC("freplace/plain") REFUSED("different types") int wider(struct __sk_buff* skb, long n) { return 0; }
SEC("freplace/plain") REFUSED("different structures") int other_context(struct xdp_md* xdp, int n) {
    return 0;
}
SEC("freplace/is_static") REFUSED("static function") int of_static(struct __sk_buff* skb, int n) {
    return 0;
}
SEC("freplace/on_throw") REFUSED("exception callback") int of_callback(__u64 cookie) { return 0; }
SEC("freplace/nowhere") REFUSED("no function 'nowhere'") int of_nothing(struct __sk_buff* skb, int n) {
    return 0;
}
// A helper of another type than the target's.
SEC("freplace/plain") REFUSED("may not be called") int foreign_helper(struct __sk_buff* skb, int n) {
    return (int)bpf_sock_ops_cb_flags_set((void*)skb, 0);
}
