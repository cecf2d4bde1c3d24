// SPDX-License-Identifier: MIT
//
// Looking into lists and trees without taking anything out (Linux 6.16).
#include "features.h"

#define __kfunc __attribute__((section(".ksyms")))
#define __contains(name, node) __attribute__((btf_decl_tag("contains:" #name ":" #node)))
#define container(p, type, member) ((type*)((char*)(p) - __builtin_offsetof(type, member)))

struct bpf_rb_root { __u64 a, b; } __attribute__((aligned(8)));
struct bpf_rb_node { __u64 a, b, c, d; } __attribute__((aligned(8)));
struct bpf_list_head { __u64 a, b; } __attribute__((aligned(8)));
struct bpf_list_node { __u64 a, b, c; } __attribute__((aligned(8)));

extern struct bpf_rb_node* bpf_rbtree_root(struct bpf_rb_root* root) __kfunc;
extern struct bpf_rb_node* bpf_rbtree_left(struct bpf_rb_root* root, struct bpf_rb_node* node) __kfunc;
extern struct bpf_list_node* bpf_list_front(struct bpf_list_head* head) __kfunc;

struct leaf {
    struct bpf_rb_node node;
    __u64 key;
};
struct item {
    struct bpf_list_node node;
    __u64 key;
};

#define private(name) __attribute__((section(".bss." #name), visibility("hidden"), aligned(8)))
private(A) struct bpf_spin_lock lock;
private(A) struct bpf_rb_root tree __contains(leaf, node);
private(A) struct bpf_list_head list __contains(item, node);

// As functions, so that the types of what they take stand in the object.
static __attribute__((noinline)) long key_of_leaf(struct leaf* leaf) { return (long)leaf->key; }
static __attribute__((noinline)) long key_of_item(struct item* item) { return (long)item->key; }

SEC("tc") SINCE("6.16") long root_and_left(struct __sk_buff* skb) {
    long key = 0;
    bpf_spin_lock(&lock);
    struct bpf_rb_node* root = bpf_rbtree_root(&tree);
    if (root) {
        struct bpf_rb_node* left = bpf_rbtree_left(&tree, root);
        if (left) key = key_of_leaf(container(left, struct leaf, node));
    }
    bpf_spin_unlock(&lock);
    return key;
}
SEC("tc") SINCE("6.16") long front(struct __sk_buff* skb) {
    long key = 0;
    bpf_spin_lock(&lock);
    struct bpf_list_node* first = bpf_list_front(&list);
    if (first) key = key_of_item(container(first, struct item, node));
    bpf_spin_unlock(&lock);
    return key;
}
SEC("tc") REFUSED("the lock of this list or tree must be held") int without_lock(struct __sk_buff* skb) {
    return bpf_list_front(&list) != 0;
}
SEC("tc") REFUSED("may be null") long not_compared(struct __sk_buff* skb) {
    bpf_spin_lock(&lock);
    long key = key_of_item(container(bpf_list_front(&list), struct item, node));
    bpf_spin_unlock(&lock);
    return key;
}
SEC("tc") REFUSED("closed the section") long after_unlock(struct __sk_buff* skb) {
    bpf_spin_lock(&lock);
    struct bpf_rb_node* root = bpf_rbtree_root(&tree);
    bpf_spin_unlock(&lock);
    return root ? key_of_leaf(container(root, struct leaf, node)) : 0;
}
