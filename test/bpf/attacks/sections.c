// SPDX-License-Identifier: MIT
//
// What a section's name makes of a program: names of libbpf, names that only begin like one of them,
// and static functions, which large data paths put into sections of their own for tail calls.
#include "attack.h"

SEC("tc/tail")
ACCEPTED
static int mark_in_a_tail(struct __sk_buff *skb) {
    skb->mark = 1;  // only some types of program may write it
    return 0;
}

SEC("xdp/entry")
ACCEPTED
int queue_at_an_entry(struct xdp_md *ctx) { return ctx->rx_queue_index == 0 ? XDP_PASS : XDP_DROP; }

SEC("xdp/entry")
REFUSED
static int skb_field_in_xdp(struct __sk_buff *skb) {
    skb->mark = 1;
    return 0;
}

SEC("socket1")
ACCEPTED
int filter_with_a_number(struct __sk_buff *skb) { return skb->len; }

SEC("socket1")
REFUSED
int filter_that_marks(struct __sk_buff *skb) {
    skb->mark = 1;
    return 0;
}

SEC("xdp_drop_all")
ACCEPTED
int drop_all(struct xdp_md *ctx) { return XDP_DROP; }

SEC("cgroup_skb/ingress/first")
ACCEPTED
int first_of_a_cgroup(struct __sk_buff *skb) { return 1; }

SEC("cgroup_skb/ingress/first")
REFUSED
int too_large_for_a_cgroup(struct __sk_buff *skb) { return 7; }

SEC("tcpdump")
REFUSED
int no_such_type(struct __sk_buff *skb) { return 0; }
