// SPDX-License-Identifier: MIT
//
// Maps as tc's loader took them: plain numbers in a section, an inner map named by another's number.
#include "attack.h"

struct tc_map {
    __u32 type, key_size, value_size, max_entries, flags, id, pinning, inner_id, inner_index;
};

SEC("maps")
struct tc_map slots = {.type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 16, .max_entries = 8, .id = 3};

SEC("maps")
struct tc_map tables = {.type = BPF_MAP_TYPE_HASH_OF_MAPS, .key_size = 4, .value_size = 4, .max_entries = 8, .id = 4, .inner_id = 3};

static __always_inline __u64 *slot_of_table(void) {
    __u32 key = 1;
    void *table = bpf_map_lookup_elem(&tables, &key);
    return table ? bpf_map_lookup_elem(table, &key) : 0;
}

SEC("tc")
ACCEPTED
int reads_a_slot(struct __sk_buff *skb) {
    __u64 *slot = slot_of_table();
    return slot ? slot[1] & 1 : 0;
}

SEC("tc")
REFUSED
int reads_behind_a_slot(struct __sk_buff *skb) {
    __u64 *slot = slot_of_table();
    return slot ? slot[2] & 1 : 0;
}
