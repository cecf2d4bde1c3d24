// SPDX-License-Identifier: MIT
//
// On which CPUs a task may run, and where it is: sched_setaffinity(2), getcpu(2); and membarrier(2). Left out of the latter:
// the commands for self-modifying code and restartable sequences (EINVAL, and the query does not name them).
#include <algorithm>

#include "call_handlers.h"
#include "kernel/linux/schedule_rights.h"
#include "kernel/schedule/cpu.h"
#include "kernel/sync/epoch.h"

namespace gyre::linux {
namespace {

enum Barrier : int {
    kQuery = 0, kGlobal = 1, kGlobalExpedited = 2, kRegisterGlobalExpedited = 4, kPrivateExpedited = 8,
    kRegisterPrivateExpedited = 16, kGetRegistrations = 512,
};

}  // namespace

CallResult sys_sched_setaffinity(CallContext& context, int pid, uint32_t size, UserIn<std::byte> mask) {
    CpuSet wanted;
    TRY_VOID(user_memory::copy_in(&wanted.bits, mask.address(), std::min<size_t>(size, sizeof(wanted.bits))));
    const Ref<Task> task = TRY(find_scheduled_task(context, pid));
    if (!may_schedule(context, *task)) return fail(Error::NotPermitted);
    TRY_VOID(task->thread().set_affinity(wanted & online_cpus()));
    return 0;
}

CallResult sys_sched_getaffinity(CallContext& context, int pid, uint32_t size, UserOut<std::byte> mask) {
    if (size * 8 < online_cpu_count() || size % sizeof(uint64_t) != 0) return fail(Error::InvalidArgument);
    const Ref<Task> task = TRY(find_scheduled_task(context, pid));
    const CpuSet allowed = task->thread().affinity() & online_cpus();
    TRY_VOID(user_memory::copy_out(mask.address(), &allowed.bits, sizeof(allowed.bits)));
    return sizeof(allowed.bits);
}

CallResult sys_getcpu(CallContext&, UserOut<uint32_t> cpu, UserOut<uint32_t> node, uint64_t) {
    if (!cpu.is_null()) TRY_VOID(cpu.write(arch::this_cpu().number));
    if (!node.is_null()) TRY_VOID(node.write(0));
    return 0;
}

CallResult sys_membarrier(CallContext& context, int command, uint32_t flags, int) {
    if (flags != 0) return fail(Error::InvalidArgument);
    std::atomic<uint32_t>& registered = context.process.barrier_registrations;
    switch (command) {
        case kQuery:
            return kGlobal | kGlobalExpedited | kRegisterGlobalExpedited | kPrivateExpedited | kRegisterPrivateExpedited |
                   kGetRegistrations;
        case kRegisterGlobalExpedited:
        case kRegisterPrivateExpedited: registered.fetch_or(static_cast<uint32_t>(command)); return 0;
        case kGetRegistrations: return registered.load();
        case kPrivateExpedited:
            if ((registered.load() & kRegisterPrivateExpedited) == 0) return fail(Error::NotPermitted);
            [[fallthrough]];
        case kGlobal:
        case kGlobalExpedited:
            // Every CPU passes a switch of threads, which orders all that ran before against all after.
            if (online_cpu_count() > 1) epoch::synchronize();
            return 0;
        default: return fail(Error::InvalidArgument);
    }
}

}  // namespace gyre::linux
