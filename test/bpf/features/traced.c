// SPDX-License-Identifier: MIT
//
// Programs that are called before and after functions of replaced.c (fentry and fexit of BPF programs). The
// running machine's bpf(2) wants the target loaded, so that the words are from Linux's source.
#include "features.h"

struct sk_buff {
    unsigned int len;
} __attribute__((preserve_access_index));

SEC("fentry/plain") ACCEPTED int looks(__u64* context) { return 0; }
SEC("fexit/plain") ACCEPTED int looks_after(__u64* context) { return 0; }
SEC("fentry/entry") ACCEPTED int at_the_program(__u64* context) { return 0; }
// The context comes as the kernel has it, to be read only.
SEC("fentry/plain") ACCEPTED int reads_context(__u64* context) {
    struct sk_buff* skb = (void*)context[0];
    static volatile int seen;
    seen = (int)skb->len + (int)context[1];
    return 0;
}
SEC("fentry/plain") REFUSED("may only be read") int writes_context(__u64* context) {
    struct sk_buff* skb = (void*)context[0];
    skb->len = 0;
    return 0;
}
SEC("fexit/plain") ACCEPTED int reads_result(__u64* context) {
    static volatile int seen;
    seen = (int)context[2];
    return 0;
}
SEC("fentry/plain") REFUSED("no such argument") int reads_result_too_early(__u64* context) {
    static volatile int seen;
    seen = (int)context[2];
    return 0;
}
SEC("fexit/plain") REFUSED("no such argument") int reads_beyond(__u64* context) {
    static volatile int seen;
    seen = (int)context[3];
    return 0;
}
SEC("fentry/plain") REFUSED("must return 0") int returns_something(__u64* context) { return 1; }
SEC("fentry.s/plain") REFUSED("cannot be attached to a BPF program") int sleeps(__u64* context) { return 0; }
SEC("fmod_ret/plain") REFUSED("may not be modified") int modifies(__u64* context) { return 0; }
SEC("fentry/on_throw") REFUSED("exception callback") int of_callback(__u64* context) { return 0; }
SEC("fentry/is_static") ACCEPTED int number_of_static(__u64* context) {
    static volatile int seen;
    seen = (int)context[1];
    return 0;
}
SEC("fentry/is_static") REFUSED("static function") int pointer_of_static(__u64* context) {
    static volatile int seen;
    struct sk_buff* skb = (void*)context[0];
    seen = (int)skb->len;
    return 0;
}
SEC("fentry/takes_memory") REFUSED("something else than the context") int memory_is_not_handed_on(__u64* context) {
    static volatile int seen;
    seen = *(int*)context[0] + *(int*)(context[0] + 4);
    return 0;
}
// What the target does not have may be the kernel's.
SEC("fentry/tcp_sendmsg") ACCEPTED int of_the_kernel(__u64* context) { return 0; }
SEC("fentry/nowhere") REFUSED("no function 'nowhere'") int of_nothing(__u64* context) { return 0; }
