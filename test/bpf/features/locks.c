// SPDX-License-Identifier: MIT
//
// Locks that may fail and may be nested (bpf_res_spin_lock, Linux 6.15).
#include "features.h"

struct bpf_res_spin_lock {
    __u32 val;
};
struct guarded {
    struct bpf_res_spin_lock lock;
    int number;
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, int);
    __type(value, struct guarded);
} first SEC(".maps"), second SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, int);
    __type(value, __u64);
} numbers SEC(".maps");
struct once {
    struct bpf_spin_lock lock;
    int number;
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, int);
    __type(value, struct once);
} plain SEC(".maps");

extern int bpf_res_spin_lock(struct bpf_res_spin_lock* lock) __attribute__((section(".ksyms")));
extern void bpf_res_spin_unlock(struct bpf_res_spin_lock* lock) __attribute__((section(".ksyms")));
extern int bpf_res_spin_lock_irqsave(struct bpf_res_spin_lock* lock, unsigned long* flags)
    __attribute__((section(".ksyms")));
extern void bpf_res_spin_unlock_irqrestore(struct bpf_res_spin_lock* lock, unsigned long* flags)
    __attribute__((section(".ksyms")));
extern void bpf_local_irq_save(unsigned long* flags) __attribute__((section(".ksyms")));
extern void bpf_local_irq_restore(unsigned long* flags) __attribute__((section(".ksyms")));

static struct guarded* at(void* map, int key) { return bpf_map_lookup_elem(map, &key); }

SEC("tc") SINCE("6.15") int locked(struct __sk_buff* skb) {
    struct guarded* g = at(&first, 0);
    if (!g || bpf_res_spin_lock(&g->lock)) return 0;
    g->number++;
    bpf_res_spin_unlock(&g->lock);
    return 0;
}
SEC("raw_tp") REFUSED("a spin lock") int locked_by_tracing(void* context) {
    struct guarded* g = at(&first, 0);
    if (!g || bpf_res_spin_lock(&g->lock)) return 0;
    bpf_res_spin_unlock(&g->lock);
    return 0;
}
SEC("socket") REFUSED("a spin lock") int locked_by_filter(struct __sk_buff* skb) {
    struct guarded* g = at(&first, 0);
    if (!g || bpf_res_spin_lock(&g->lock)) return 0;
    bpf_res_spin_unlock(&g->lock);
    return 0;
}
SEC("tc") ACCEPTED int two_maps(struct __sk_buff* skb) {
    struct guarded *a = at(&first, 0), *b = at(&second, 0);
    if (!a || !b || bpf_res_spin_lock(&a->lock)) return 0;
    if (bpf_res_spin_lock(&b->lock)) {
        bpf_res_spin_unlock(&a->lock);
        return 0;
    }
    bpf_res_spin_unlock(&b->lock);
    bpf_res_spin_unlock(&a->lock);
    return 0;
}
SEC("tc") ACCEPTED int two_values(struct __sk_buff* skb) {
    struct guarded *a = at(&first, 0), *b = at(&first, 1);
    if (!a || !b || bpf_res_spin_lock(&a->lock)) return 0;
    if (!bpf_res_spin_lock(&b->lock)) bpf_res_spin_unlock(&b->lock);
    bpf_res_spin_unlock(&a->lock);
    return 0;
}
SEC("tc") REFUSED("held already") int twice(struct __sk_buff* skb) {
    struct guarded* g = at(&first, 0);
    if (!g || bpf_res_spin_lock(&g->lock)) return 0;
    if (!bpf_res_spin_lock(&g->lock)) bpf_res_spin_unlock(&g->lock);
    bpf_res_spin_unlock(&g->lock);
    return 0;
}
SEC("tc") REFUSED("opposite order") int crossed(struct __sk_buff* skb) {
    struct guarded *a = at(&first, 0), *b = at(&second, 0);
    if (!a || !b || bpf_res_spin_lock(&a->lock)) return 0;
    if (bpf_res_spin_lock(&b->lock)) {
        bpf_res_spin_unlock(&a->lock);
        return 0;
    }
    bpf_res_spin_unlock(&a->lock);
    bpf_res_spin_unlock(&b->lock);
    return 0;
}
SEC("tc") REFUSED("is still held") int never_released(struct __sk_buff* skb) {
    struct guarded* g = at(&first, 0);
    if (g) bpf_res_spin_lock(&g->lock);
    return 0;
}
SEC("tc") REFUSED("that is not held") int released_after_failure(struct __sk_buff* skb) {
    struct guarded* g = at(&first, 0);
    if (!g) return 0;
    bpf_res_spin_lock(&g->lock);
    bpf_res_spin_unlock(&g->lock);
    return 0;
}
SEC("tc") REFUSED("not the one that is held") int releases_another(struct __sk_buff* skb) {
    struct guarded *a = at(&first, 0), *b = at(&second, 0);
    if (!a || !b || bpf_res_spin_lock(&a->lock)) return 0;
    bpf_res_spin_unlock(&b->lock);
    return 0;
}
SEC("tc") REFUSED("points to no bpf_res_spin_lock") int beside_the_lock(struct __sk_buff* skb) {
    struct guarded* g = at(&first, 0);
    if (!g || bpf_res_spin_lock((void*)&g->number)) return 0;
    bpf_res_spin_unlock((void*)&g->number);
    return 0;
}
SEC("tc") REFUSED("points to no bpf_res_spin_lock") int of_a_map_without(struct __sk_buff* skb) {
    struct bpf_res_spin_lock* lock = (void*)at(&numbers, 0);
    if (lock && !bpf_res_spin_lock(lock)) bpf_res_spin_unlock(lock);
    return 0;
}
SEC("tc") REFUSED("does not point to a lock") int on_the_stack(struct __sk_buff* skb) {
    struct bpf_res_spin_lock lock = {};
    if (!bpf_res_spin_lock(&lock)) bpf_res_spin_unlock(&lock);
    return 0;
}
SEC("tc") REFUSED("only its own") int read_as_data(struct __sk_buff* skb) {
    struct guarded* g = at(&first, 0);
    return g ? (int)g->lock.val : 0;
}
SEC("tc") REFUSED("while a lock is held") int helper_under_lock(struct __sk_buff* skb) {
    struct guarded* g = at(&first, 0);
    if (!g || bpf_res_spin_lock(&g->lock)) return 0;
    g->number = (int)bpf_get_prandom_u32();
    bpf_res_spin_unlock(&g->lock);
    return 0;
}
SEC("tc") ACCEPTED int under_a_plain_lock(struct __sk_buff* skb) {
    struct guarded* g = at(&first, 0);
    struct once* o = (void*)at(&plain, 0);
    if (!g || !o) return 0;
    bpf_spin_lock(&o->lock);
    if (!bpf_res_spin_lock(&g->lock)) bpf_res_spin_unlock(&g->lock);
    bpf_spin_unlock(&o->lock);
    return 0;
}
SEC("tc") REFUSED("a second lock is taken") int over_a_plain_lock(struct __sk_buff* skb) {
    struct guarded* g = at(&first, 0);
    struct once* o = (void*)at(&plain, 0);
    if (!g || !o || bpf_res_spin_lock(&g->lock)) return 0;
    bpf_spin_lock(&o->lock);
    bpf_spin_unlock(&o->lock);
    bpf_res_spin_unlock(&g->lock);
    return 0;
}
SEC("tc") SINCE("6.15") int with_interrupts_off(struct __sk_buff* skb) {
    unsigned long flags;
    struct guarded* g = at(&first, 0);
    if (!g || bpf_res_spin_lock_irqsave(&g->lock, &flags)) return 0;
    bpf_res_spin_unlock_irqrestore(&g->lock, &flags);
    return 0;
}
SEC("tc") REFUSED("not the one that is held") int interrupts_stay_off(struct __sk_buff* skb) {
    unsigned long flags;
    struct guarded* g = at(&first, 0);
    if (!g || bpf_res_spin_lock_irqsave(&g->lock, &flags)) return 0;
    bpf_res_spin_unlock(&g->lock);
    return 0;
}
SEC("tc") REFUSED("while a lock is held") int restored_without_the_lock(struct __sk_buff* skb) {
    unsigned long flags;
    struct guarded* g = at(&first, 0);
    if (!g || bpf_res_spin_lock_irqsave(&g->lock, &flags)) return 0;
    bpf_local_irq_restore(&flags);
    return 0;
}
SEC("tc") REFUSED("without a lock") int restored_with_the_lock(struct __sk_buff* skb) {
    unsigned long flags, others;
    struct guarded* g = at(&first, 0);
    if (!g) return 0;
    bpf_local_irq_save(&others);
    if (!bpf_res_spin_lock_irqsave(&g->lock, &flags)) bpf_res_spin_unlock_irqrestore(&g->lock, &others);
    bpf_local_irq_restore(&others);
    return 0;
}
SEC("tc") REFUSED("no saved interrupt flag") int restored_after_failure(struct __sk_buff* skb) {
    unsigned long flags;
    struct guarded* g = at(&first, 0);
    if (!g || !bpf_res_spin_lock_irqsave(&g->lock, &flags)) {
        if (g) bpf_res_spin_unlock_irqrestore(&g->lock, &flags);
        return 0;
    }
    bpf_local_irq_restore(&flags);
    return 0;
}
SEC("tc") ACCEPTED int error_is_negative(struct __sk_buff* skb) {
    struct guarded* g = at(&first, 0);
    if (!g) return 0;
    int error = bpf_res_spin_lock(&g->lock);
    if (error) return error < 0 ? 0 : *(volatile char*)0;
    bpf_res_spin_unlock(&g->lock);
    return 0;
}

extern int bpf_stream_vprintk_impl(int stream, const char* format, const void* args, __u32 len, void* aux)
    __attribute__((section(".ksyms")));
SEC("tc") REFUSED("while a lock is held") int speaks_under_lock(struct __sk_buff* skb) {
    static const char format[] = "%d\n";
    __u64 number = 1;
    struct guarded* g = at(&first, 0);
    if (!g || bpf_res_spin_lock(&g->lock)) return 0;
    bpf_stream_vprintk_impl(1, format, &number, sizeof(number), 0);
    bpf_res_spin_unlock(&g->lock);
    return 0;
}
static __attribute__((noinline)) int take(struct guarded* g) { return bpf_res_spin_lock(&g->lock); }
static __attribute__((noinline)) int give(struct guarded* g) {
    bpf_res_spin_unlock(&g->lock);
    return 0;
}
SEC("tc") ACCEPTED int by_functions(struct __sk_buff* skb) {
    struct guarded* g = at(&first, 0);
    if (!g || take(g)) return 0;
    return give(g);
}
SEC("tc") ACCEPTED int in_a_loop(struct __sk_buff* skb) {
    for (int i = 0; i < 8; i++) {
        unsigned long flags;
        struct guarded* g = at(&first, i & 3);
        if (!g || bpf_res_spin_lock_irqsave(&g->lock, &flags)) continue;
        g->number++;
        bpf_res_spin_unlock_irqrestore(&g->lock, &flags);
    }
    return 0;
}
static int keeps(__u32 index, void* context) {
    struct guarded* g = at(&first, (int)index & 3);
    if (g) bpf_res_spin_lock(&g->lock);
    return 0;
}
SEC("tc") REFUSED("callback") int kept_by_a_callback(struct __sk_buff* skb) {
    bpf_loop(4, keeps, 0, 0);
    return 0;
}
