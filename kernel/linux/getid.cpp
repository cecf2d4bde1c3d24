// SPDX-License-Identifier: MIT
//
// The calls that only say who one is: a few loads each.
#include "call_handlers.h"
#include "kernel/linux/context.h"

namespace gyre::linux {

CallResult sys_getpid(CallContext& context) { return context.process.pid(); }
CallResult sys_gettid(CallContext& context) { return context.task.tid(); }
CallResult sys_getppid(CallContext& context) { return context.process.parent_pid(); }
CallResult sys_getuid(CallContext& context) { return context.credentials()->uid; }
CallResult sys_getgid(CallContext& context) { return context.credentials()->gid; }
CallResult sys_geteuid(CallContext& context) { return context.credentials()->effective_uid; }
CallResult sys_getegid(CallContext& context) { return context.credentials()->effective_gid; }

CallResult sys_getresuid(CallContext& context, UserOut<uint32_t> ruid, UserOut<uint32_t> euid, UserOut<uint32_t> suid) {
    const Credentials& who = context.credentials();
    TRY_VOID(ruid.write(who->uid));
    TRY_VOID(euid.write(who->effective_uid));
    TRY_VOID(suid.write(who->saved_uid));
    return 0;
}

CallResult sys_getresgid(CallContext& context, UserOut<uint32_t> rgid, UserOut<uint32_t> egid, UserOut<uint32_t> sgid) {
    const Credentials& who = context.credentials();
    TRY_VOID(rgid.write(who->gid));
    TRY_VOID(egid.write(who->effective_gid));
    TRY_VOID(sgid.write(who->saved_gid));
    return 0;
}

CallResult sys_getgroups(CallContext& context, int count, UserOut<uint32_t> groups) {
    const std::span<const uint32_t> own = context.credentials().groups();
    if (count < 0) return fail(Error::InvalidArgument);
    if (count == 0) return static_cast<long>(own.size());
    if (own.size() > static_cast<size_t>(count)) return fail(Error::InvalidArgument);
    TRY_VOID(groups.write_all(own));
    return static_cast<long>(own.size());
}

}  // namespace gyre::linux
