// SPDX-License-Identifier: MIT
//
// Functions of the kernel whose return value programs may change, and those at which they may sleep.
// Linux lets the running machine's bpf(2) refuse these before its verifier looks, so that the words are
// from its source.
#include "features.h"

SEC("fmod_ret/bpf_modify_return_test") ACCEPTED int registered(void* context) { return 0; }
SEC("fmod_ret/security_inode_getattr") ACCEPTED int hook(void* context) { return 0; }
SEC("fmod_ret/__x64_sys_getpgid") ACCEPTED int system_call(void* context) { return 0; }
SEC("fmod_ret/tcp_sendmsg") REFUSED("may not modify what this function returns") int other(void* context) {
    return 0;
}
SEC("fentry/tcp_sendmsg") ACCEPTED int only_looks(void* context) { return 0; }
SEC("fentry.s/__x64_sys_getpgid") ACCEPTED int sleeps_at_call(void* context) { return 0; }
SEC("fentry.s/tcp_sendmsg") REFUSED("that may sleep cannot be attached") int sleeps_in_network(void* context) {
    return 0;
}
SEC("fexit/do_exit") REFUSED("never returns") int after_the_end(void* context) { return 0; }
SEC("fentry/do_exit") ACCEPTED int before_the_end(void* context) { return 0; }
SEC("fentry/migrate_disable") REFUSED("never called at") int calls_itself(void* context) { return 0; }
