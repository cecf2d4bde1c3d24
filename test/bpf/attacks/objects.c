// SPDX-License-Identifier: MIT
//
// Allocated objects: their locks, nodes and counts touched as plain memory, and a tree that changes
// while it is searched.
#include "attack.h"

struct item {
    long number;
    struct bpf_list_node in_list;
    struct bpf_rb_node in_tree;
    struct bpf_refcount count;
};
#define HIDDEN(name) SEC(".data." #name) __hidden __attribute__((aligned(8)))
HIDDEN(A) struct bpf_spin_lock lock;
HIDDEN(A) struct bpf_rb_root tree __contains(item, in_tree);
HIDDEN(A) struct bpf_list_head list __contains(item, in_list);

#define WITH_ITEM(body)                            \
    {                                              \
        struct item* item = bpf_obj_new(typeof(*item)); \
        if (!item) return 0;                       \
        body;                                      \
        bpf_obj_drop(item);                        \
        return 0;                                  \
    }

SEC("tc") ACCEPTED int writes_a_number(void* context) WITH_ITEM(item->number = 4)
SEC("tc") REFUSED int writes_a_list_node(void* context) WITH_ITEM(*(volatile __u64*)&item->in_list = 4)
SEC("tc") REFUSED int writes_a_tree_node(void* context) WITH_ITEM(*(volatile __u64*)&item->in_tree = 4)
SEC("tc") REFUSED int reads_a_tree_node(void* context) WITH_ITEM((void)*(volatile __u64*)&item->in_tree)
SEC("tc") REFUSED int writes_a_count(void* context) WITH_ITEM(*(volatile __u32*)&item->count = 1)
SEC("tc") REFUSED int adds_to_a_node(void* context) WITH_ITEM(__sync_fetch_and_add((__u64*)&item->in_tree, 4))
SEC("tc") REFUSED int writes_across_a_node(void* context) WITH_ITEM(*(volatile __u64*)((char*)&item->in_tree - 4) = 4)

static bool less(struct bpf_rb_node* a, const struct bpf_rb_node* b) { return a < b; }
static bool less_without_lock(struct bpf_rb_node* a, const struct bpf_rb_node* b) {
    bpf_spin_unlock(&lock);
    bpf_spin_lock(&lock);
    return 0;
}
static bool less_and_remove(struct bpf_rb_node* a, const struct bpf_rb_node* b) {
    struct bpf_rb_node* removed = bpf_rbtree_remove(&tree, a);
    if (removed) bpf_obj_drop(container_of(removed, struct item, in_tree));
    return 0;
}

#define ADD(less)                                    \
    {                                                \
        struct item* item = bpf_obj_new(typeof(*item)); \
        if (!item) return 0;                         \
        bpf_spin_lock(&lock);                        \
        bpf_rbtree_add(&tree, &item->in_tree, less); \
        bpf_spin_unlock(&lock);                      \
        return 0;                                    \
    }
SEC("tc") ACCEPTED int adds_to_a_tree(void* context) ADD(less)
SEC("tc") REFUSED int unlocks_while_it_searches(void* context) ADD(less_without_lock)
SEC("tc") REFUSED int removes_while_it_searches(void* context) ADD(less_and_remove)

SEC("tc") REFUSED int drops_under_the_lock(void* context) {
    struct item* item = bpf_obj_new(typeof(*item));
    struct bpf_list_node* node;
    long number;
    if (!item) return 0;
    bpf_spin_lock(&lock);
    bpf_list_push_front(&list, &item->in_list);
    node = bpf_list_pop_front(&list);
    if (node) bpf_obj_drop(container_of(node, struct item, in_list));
    number = item->number;
    bpf_spin_unlock(&lock);
    return number;
}
