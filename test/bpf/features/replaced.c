// SPDX-License-Identifier: MIT
//
// The program of which extension.c replaces functions and traced.c looks at them.
#include "features.h"

__attribute__((noinline)) int plain(struct __sk_buff* skb, int n) {
    volatile int keep = n;
    return keep;
}
__attribute__((noinline)) int changes(struct __sk_buff* skb, int n) {
    return (int)bpf_skb_pull_data(skb, (__u32)n);
}
static __attribute__((noinline)) int is_static(struct __sk_buff* skb, int n) {
    volatile int keep = n;
    return keep;
}
struct pair {
    int first, second;
};
__attribute__((noinline)) int takes_memory(struct pair* pair) { return pair ? pair->first : 0; }
__attribute__((noinline)) int on_throw(__u64 cookie) { return 0; }

SEC("tc") __attribute__((btf_decl_tag("exception_callback:on_throw"))) int entry(struct __sk_buff* skb) {
    struct pair pair = {1, 2};
    return takes_memory(&pair) + plain(skb, 1) + changes(skb, 2) + is_static(skb, 3);
}
