// SPDX-License-Identifier: MIT
//
// The same as in attach.c, beside a symbol table (symbols.txt) that says more than the types: which
// functions there are, and at which errors may be injected.
#include "features.h"

extern const int bpf_prog_active __attribute__((section(".ksyms")));
extern const int runqueues __attribute__((section(".ksyms")));

SEC("fmod_ret/tcp_sendmsg") ACCEPTED int listed(void* context) { return 0; }
SEC("fentry.s/tcp_sendmsg") ACCEPTED int sleeps_where_listed(void* context) { return 0; }
SEC("fmod_ret/__x64_sys_getpgid") REFUSED("may not modify") int not_listed(void* context) { return 0; }
SEC("fentry.s/__x64_sys_getpgid") REFUSED("that may sleep") int sleeps_where_not_listed(void* context) { return 0; }
SEC("fmod_ret/security_inode_getattr") ACCEPTED int hook(void* context) { return 0; }
SEC("fentry/tcp_recvmsg") REFUSED("no such symbol") int compiled_away(void* context) { return 0; }
SEC("raw_tp") ACCEPTED int reads_variable(void* context) { return *(int*)bpf_this_cpu_ptr(&runqueues) == 0; }
SEC("raw_tp") REFUSED("no such symbol") int reads_none(void* context) {
    return *(int*)bpf_this_cpu_ptr(&bpf_prog_active) == 0;
}
