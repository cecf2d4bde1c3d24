// SPDX-License-Identifier: MIT
//
// What programs under a licence that is not GPL compatible may not do, beside calling some helpers: read the
// kernel's objects by their types, and call its functions, even where the call is never reached.
#define LICENSE "Apache-2.0"
#include "features.h"

struct task_struct {
    int pid;
} __attribute__((preserve_access_index));
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

SEC("tp_btf/sched_switch") REFUSED("struct task_struct of the kernel may be read by programs under a GPL") int reads_an_object(__u64 *ctx) {
    struct task_struct *task = (struct task_struct *)ctx[1];
    return task->pid;
}
SEC("tp_btf/sched_switch") ACCEPTED int reads_its_arguments(__u64 *ctx) {
    return ctx[0] != 0 && ctx[1] != 0;
}
SEC("tp_btf/sched_switch") REFUSED("functions of the kernel may be called by programs under a GPL") int calls_a_function(__u64 *ctx) {
    bpf_rcu_read_lock();
    bpf_rcu_read_unlock();
    return 0;
}
