// SPDX-License-Identifier: MIT
//
// Limits and accounts: getrlimit(2), setrlimit, prlimit64, getrusage(2), times(2). Where each limit is obeyed stands with
// what it limits; here they are only kept.
#include "call_handlers.h"
#include "kernel/fs/file_table.h"
#include "kernel/linux/interval_timers.h"
#include "kernel/linux/process_parts.h"
#include "kernel/linux/usage.h"

namespace gyre::linux {
namespace {

// The address space obeys three of them by itself.
void tell_address_space(Process& process) {
    const Ref<AddressSpace> space = process.address_space_reference();
    if (!space) return;
    space->set_limits({.address_space_bytes = process.limit(kLimitAddressSpace),
                       .data_bytes = process.limit(kLimitData),
                       .stack_bytes = process.limit(kLimitStack)});
}

Status set_limit(CallContext& context, Process& process, int resource, abi::Rlimit limit) {
    if (limit.current > limit.most) return fail(Error::InvalidArgument);
    const bool may_raise = context.credentials().has(Capability::SysResource);
    if (resource == kLimitFiles && limit.most > FileTable::kMostDescriptors) return fail(Error::NotPermitted);
    if (limit.most > process.limit_pair(resource).most && !may_raise) return fail(Error::NotPermitted);
    TRY_VOID(process.set_limit(resource, limit));
    if (resource == kLimitCpu && (limit.current != kUnlimited || limit.most != kUnlimited))
        TRY_VOID(watch_cpu_limit(process));
    if (resource == kLimitAddressSpace || resource == kLimitData || resource == kLimitStack)
        tell_address_space(process);
    return {};
}

// prlimit(2): the same user in every respect, or CAP_SYS_RESOURCE.
Status check_other(CallContext& context, const Task& target) {
    const Credentials& own = context.credentials();
    const Ref<Credentials> theirs = target.credentials_reference();
    const CredentialValues& other = theirs->values();
    const bool is_same = own->uid == other.effective_uid && own->uid == other.saved_uid && own->uid == other.uid &&
                         own->gid == other.effective_gid && own->gid == other.saved_gid && own->gid == other.gid;
    if (!is_same && !own.has(Capability::SysResource)) return fail(Error::NotPermitted);
    return {};
}

UsageTotals thread_usage(const Task& task) {
    UsageTotals totals;
    totals.add(task);
    return totals;
}

}  // namespace

CallResult sys_getrlimit(CallContext& context, int resource, UserOut<abi::Rlimit> limit) {
    if (resource < 0 || resource >= kLimitCount) return fail(Error::InvalidArgument);
    TRY_VOID(limit.write(context.process.limit_pair(resource)));
    return 0;
}

CallResult sys_setrlimit(CallContext& context, int resource, UserIn<abi::Rlimit> limit) {
    const abi::Rlimit wanted = TRY(limit.read());
    if (resource < 0 || resource >= kLimitCount) return fail(Error::InvalidArgument);
    TRY_VOID(set_limit(context, context.process, resource, wanted));
    return 0;
}

CallResult sys_prlimit64(CallContext& context, int pid, int resource, UserIn<abi::Rlimit> limit,
                         UserOut<abi::Rlimit> old_limit) {
    abi::Rlimit wanted{};
    if (!limit.is_null()) wanted = TRY(limit.read());
    Ref<Process> process(context.process);
    if (pid != 0 && pid != context.process.pid()) {
        const Ref<Task> task = context.process.pid_namespace().find_task(pid);
        if (!task) return fail(Error::NoSuchProcess);
        if (&task->process() != &context.process) TRY_VOID(check_other(context, *task));
        process = Ref<Process>(task->process());
    }
    if (resource < 0 || resource >= kLimitCount) return fail(Error::InvalidArgument);
    const abi::Rlimit old = process->limit_pair(resource);
    if (!limit.is_null()) TRY_VOID(set_limit(context, *process, resource, wanted));
    if (!old_limit.is_null()) TRY_VOID(old_limit.write(old));
    return 0;
}

CallResult sys_getrusage(CallContext& context, int who, UserOut<abi::Rusage> usage) {
    constexpr int kSelf = 0, kChildren = -1, kThread = 1;
    switch (who) {
        case kSelf: TRY_VOID(usage.write(to_rusage(context.process.usage()))); break;
        case kChildren: TRY_VOID(usage.write(to_rusage(context.process.children_usage()))); break;
        case kThread: {
            UsageTotals totals = thread_usage(context.task);
            totals.most_resident_pages = context.address_space().usage().peak_resident_pages;
            TRY_VOID(usage.write(to_rusage(totals)));
            break;
        }
        default: return fail(Error::InvalidArgument);
    }
    return 0;
}

CallResult sys_times(CallContext& context, UserOut<abi::Tms> buffer) {
    if (!buffer.is_null()) {
        const UsageTotals own = context.process.usage(), children = context.process.children_usage();
        TRY_VOID(buffer.write({to_ticks(own.user_ns), to_ticks(own.system_ns), to_ticks(children.user_ns),
                               to_ticks(children.system_ns)}));
    }
    return to_ticks(arch::clock_now_ns());
}

}  // namespace gyre::linux
