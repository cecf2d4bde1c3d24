// SPDX-License-Identifier: MIT
//
// What loaders make of an object before the kernel sees it: CO-RE relocations that find nothing are no harm
// where they are not reached, hidden functions are static, and a map of maps is told what it holds.
#include "features.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

enum bpf_func_id___future {
    BPF_FUNC_of_tomorrow___future = 42000,
};
struct task_struct___future {
    int of_tomorrow;
} __attribute__((preserve_access_index));
struct no_such_thing {
    int number;
} __attribute__((preserve_access_index));

SEC("raw_tp/sched_switch") ACCEPTED int a_value_that_was_asked_for(void *ctx) {
    if (bpf_core_enum_value_exists(enum bpf_func_id___future, BPF_FUNC_of_tomorrow___future))
        return bpf_core_enum_value(enum bpf_func_id___future, BPF_FUNC_of_tomorrow___future);
    return 0;
}
SEC("raw_tp/sched_switch") REFUSED("enum bpf_func_id has no value BPF_FUNC_of_tomorrow") int a_value_that_was_not(void *ctx) {
    return bpf_core_enum_value(enum bpf_func_id___future, BPF_FUNC_of_tomorrow___future);
}
SEC("tp_btf/sched_switch") REFUSED("struct task_struct has no member of_tomorrow") int a_member(void **ctx) {
    struct task_struct___future *task = ctx[1];
    return task->of_tomorrow;
}
SEC("raw_tp/sched_switch") REFUSED("the kernel has no struct no_such_thing") int a_type(void *ctx) {
    struct no_such_thing *thing = (void *)bpf_get_current_task();
    return BPF_CORE_READ(thing, number);
}

int counter;
__hidden __attribute__((noinline)) void count(void) {
    counter++;
}
SEC("raw_tp/sched_switch") ACCEPTED int a_hidden_function(void *ctx) {
    count();
    return 0;
}
__attribute__((noinline)) void count_for_all(void) {
    counter++;
}
SEC("raw_tp/sched_switch") REFUSED("the global function count_for_all returns nothing") int a_global_function(void *ctx) {
    count_for_all();
    return 0;
}

struct {
    __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
    __uint(max_entries, 8);
    __uint(key_size, 4);
    __uint(value_size, 4);
} outer SEC(".maps");

SEC("raw_tp/sched_switch") REFUSED("the map outer holds maps, but nothing says of which kind") int a_map_of_what(void *ctx) {
    __u32 key = 0;
    __u32 *inner = bpf_map_lookup_elem(&outer, &key);
    if (inner)
        *inner = 1;
    return 0;
}
