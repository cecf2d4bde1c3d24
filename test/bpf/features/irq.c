// SPDX-License-Identifier: MIT
//
// Interrupts off and on again (Linux 6.14).
#include "features.h"

extern void bpf_local_irq_save(unsigned long* flags) __attribute__((section(".ksyms")));
extern void bpf_local_irq_restore(unsigned long* flags) __attribute__((section(".ksyms")));
extern int bpf_copy_from_user_str(void* to, __u32 size, const void* from, __u64 flags)
    __attribute__((section(".ksyms")));

SEC("tc") SINCE("6.14") int saved_and_restored(struct __sk_buff* skb) {
    unsigned long flags;
    bpf_local_irq_save(&flags);
    bpf_local_irq_restore(&flags);
    return 0;
}
SEC("tc") ACCEPTED int nested(struct __sk_buff* skb) {
    unsigned long outer, inner;
    bpf_local_irq_save(&outer);
    bpf_local_irq_save(&inner);
    bpf_local_irq_restore(&inner);
    bpf_local_irq_restore(&outer);
    return 0;
}
SEC("tc") REFUSED("opposite order") int crossed(struct __sk_buff* skb) {
    unsigned long outer, inner;
    bpf_local_irq_save(&outer);
    bpf_local_irq_save(&inner);
    bpf_local_irq_restore(&outer);
    bpf_local_irq_restore(&inner);
    return 0;
}
SEC("tc") REFUSED("interrupts are still off") int never_restored(struct __sk_buff* skb) {
    unsigned long flags;
    bpf_local_irq_save(&flags);
    return 0;
}
SEC("tc") REFUSED("interrupts are still off") int restored_on_one_way(struct __sk_buff* skb) {
    unsigned long flags;
    bpf_local_irq_save(&flags);
    if (skb->len) bpf_local_irq_restore(&flags);
    return 0;
}
SEC("tc") REFUSED("no saved interrupt flag") int restored_twice(struct __sk_buff* skb) {
    unsigned long flags;
    bpf_local_irq_save(&flags);
    bpf_local_irq_restore(&flags);
    bpf_local_irq_restore(&flags);
    return 0;
}
SEC("tc") REFUSED("no saved interrupt flag") int made_up(struct __sk_buff* skb) {
    unsigned long flags = 0x200;
    bpf_local_irq_restore(&flags);
    return 0;
}
SEC("tc") REFUSED("overwrite") int saved_twice(struct __sk_buff* skb) {
    unsigned long flags;
    bpf_local_irq_save(&flags);
    bpf_local_irq_save(&flags);
    return 0;
}
SEC("tc") REFUSED("stack|flag") int written_between(struct __sk_buff* skb) {
    unsigned long flags;
    bpf_local_irq_save(&flags);
    *(volatile unsigned long*)&flags = 0;
    bpf_local_irq_restore(&flags);
    return 0;
}
SEC("tc") REFUSED("stack") int in_map_memory(struct __sk_buff* skb) {
    static unsigned long flags;
    bpf_local_irq_save(&flags);
    bpf_local_irq_restore(&flags);
    return 0;
}
static int saves_in_loop(__u32 i, unsigned long* flags) {
    bpf_local_irq_save(flags);
    return 0;
}
SEC("tc") REFUSED("callback") int saved_in_callback(struct __sk_buff* skb) {
    unsigned long flags = 0;
    bpf_loop(1, saves_in_loop, &flags, 0);
    return 0;
}
SEC("tc") ACCEPTED int many_times(struct __sk_buff* skb) {
    for (int i = 0; i < 20; i++) {
        unsigned long flags;
        bpf_local_irq_save(&flags);
        bpf_local_irq_restore(&flags);
    }
    return 0;
}
SEC("syscall") REFUSED("may sleep") int sleeps(void* context) {
    char text[8];
    unsigned long flags;
    bpf_local_irq_save(&flags);
    bpf_copy_from_user_str(text, sizeof(text), context, 0);
    bpf_local_irq_restore(&flags);
    return 0;
}
