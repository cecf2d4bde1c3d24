// SPDX-License-Identifier: MIT
//
// fork, vfork, clone, clone3, set_tid_address, unshare: see fork.h. Makes all the parts first, where running out of
// memory is an ordinary error, then links them in one step under the locks. Leaves out: namespaces (EINVAL, as a Linux
// built without them), pids of the caller's choice (clone3's set_tid), cgroups, pidfds of single threads.
#include "kernel/linux/fork.h"
#include "kernel/linux/interval_timers.h"

#include "call_handlers.h"
#include "kernel/linux/fork_parts.h"
#include "kernel/linux/pidfd.h"

namespace gyre::linux {
namespace {

using namespace clone_flag;

constexpr uint64_t kKnown = kMemory | kFilesystem | kFiles | kHandlers | kPidfd | kPtrace | kVfork | kParent | kThread |
                            kSystemVSemaphores | kSetTls | kParentSetTid | kChildClearTid | kDetached | kUntraced |
                            kChildSetTid | kIo | kClearHandlers;

Status check_flags(const CallContext& context, const CloneRequest& request) {
    const uint64_t flags = request.flags;
    if (flags & ~kKnown) return fail(Error::InvalidArgument);
    if ((flags & kThread) && !(flags & kHandlers)) return fail(Error::InvalidArgument);
    if ((flags & kHandlers) && !(flags & kMemory)) return fail(Error::InvalidArgument);
    if ((flags & kHandlers) && (flags & kClearHandlers)) return fail(Error::InvalidArgument);
    // Init has no parent to share, and no child may become its sibling.
    if ((flags & kParent) && context.process.pid() == kInitPid) return fail(Error::InvalidArgument);
    if ((flags & kPidfd) && (flags & (kDetached | kThread))) return fail(Error::InvalidArgument);
    // As arch_prctl(2): the register that takes it faults on an address that is none.
    if ((flags & kSetTls) && request.tls >= kUserEnd) return fail(Error::NotPermitted);
    return {};
}

// The place in the tree of processes; the tree lock is held.
void link_process_locked(Process& caller, Process& process, uint64_t flags) GYRE_REQUIRES(g_tree_lock) {
    Process* parent = &caller;
    if (flags & kParent) {
        parent = caller.parent;
        process.exit_signal = caller.exit_signal;
    }
    process.parent = parent;
    ProcessParts::parent_pid(process).store(parent->pid(), std::memory_order_relaxed);
    process.has_subreaper_above = parent->has_subreaper_above || parent->is_subreaper;
    parent->children.push_back(process);
    join_group_locked(process, caller.group);
}

// Makes the new task visible to all. It cannot fail: what is born into a dying process dies with it.
void link(Process& caller, Task& task, bool is_new_process, uint64_t flags) {
    Process& process = task.process();
    SpinGuard tree(g_tree_lock);
    SpinGuard signal(caller.handlers().lock);
    PidSlot& slot = *ProcessParts::slot(task);
    if (is_new_process) {
        ProcessParts::pid(process) = slot.number();
        ProcessParts::slot(process) = ProcessParts::slot(task);
        process.leader_task = &task;
        link_process_locked(caller, process, flags);
        slot.process.store(&process, std::memory_order_release);
    } else if (caller.is_group_exiting) {
        task.thread().interrupt(Interruption::Kill);
    } else if (caller.stop_signal != 0) {
        // It stops with the others before its first instruction.
        task.thread().interrupt(Interruption::Stop);
    }
    process.tasks.push_back(task);
    ++process.live_tasks;
    process.memory_users.fetch_add(1, std::memory_order_relaxed);
    ProcessParts::task_count(process).fetch_add(1, std::memory_order_relaxed);
    slot.task.store(&task, std::memory_order_release);
}

void wait_for_vfork(Process& child) {
    // Only death ends it early; then the child lives on by itself (vfork(2)).
    (void)child.vfork_done.wait(Patience::forever().killable(), [&] {
        return !child.holds_vfork_parent.load(std::memory_order_acquire);
    });
}

}  // namespace

CallResult clone_task(CallContext& context, const CloneRequest& request) {
    const uint64_t flags = request.flags;
    TRY_VOID(check_flags(context, request));
    Task& caller = context.task;
    const bool is_new_process = (flags & kThread) == 0;

    TaskCharges charges;
    const bool ignores_limit = caller.credentials()->uid == 0 || caller.credentials().has(Capability::SysResource) ||
                               caller.credentials().has(Capability::SysAdmin);
    TRY_VOID(charges.take(caller.account(), context.process.job(), context.limit(kLimitProcesses), ignores_limit));
    UnbornTask unborn;
    if (is_new_process) TRY_VOID(unborn.make_process(context.process, request));
    NewPidfd pidfd;
    if (flags & kPidfd) {
        TRY_VOID(pidfd.install(context, unborn.new_process));
        const int32_t number = pidfd.number();
        TRY_VOID(user_memory::copy_out(request.pidfd, &number, sizeof(number)));
    }
    TRY_VOID(unborn.make_task(context, request));
    if (is_new_process && context.limit(kLimitCpu) != kUnlimited) TRY_VOID(watch_cpu_limit(*unborn.new_process));

    // From here on nothing fails.
    Ref<Process> process = std::move(unborn.new_process);
    Task& task = *unborn.task.leak();  // the list's reference now: dropped when the task leaves it
    charges.keep();
    pidfd.keep();
    const Pid tid = task.tid();
    Ref<Thread> thread(task.thread());
    link(context.process, task, is_new_process, flags);
    if (flags & kParentSetTid) (void)user_memory::copy_out(request.parent_tid, &tid, sizeof(tid));
    thread->start();
    if (flags & kVfork) wait_for_vfork(process ? *process : context.process);
    return tid;
}

CallResult sys_fork(CallContext& context) { return clone_task(context, {.exit_signal = kSigChild}); }

CallResult sys_vfork(CallContext& context) {
    return clone_task(context, {.flags = kVfork | kMemory, .exit_signal = kSigChild});
}

CallResult sys_clone(CallContext& context, uint64_t flags, uint64_t stack, UserOut<int32_t> parent_tid,
                     UserOut<int32_t> child_tid, uint64_t tls) {
    flags &= 0xffffffff;
    // The pidfd comes where the tid would (clone(2)), so one cannot have both.
    if ((flags & kPidfd) && (flags & kParentSetTid)) return fail(Error::InvalidArgument);
    return clone_task(context, {.flags = flags & ~kExitSignal,
                                .exit_signal = static_cast<int>(flags & kExitSignal),
                                .stack = stack,
                                .tls = tls,
                                .pidfd = parent_tid.address(),
                                .parent_tid = parent_tid.address(),
                                .child_tid = child_tid.address()});
}

CallResult sys_clone3(CallContext& context, UserIn<std::byte> arguments, size_t size) {
    constexpr size_t kFirstSize = 64, kMostSize = kPageSize;
    if (size > kMostSize) return fail(Error::ArgumentListTooLong);
    if (size < kFirstSize) return fail(Error::InvalidArgument);
    abi::CloneArguments given{};
    TRY_VOID(user_memory::copy_in(&given, arguments.address(), size < sizeof(given) ? size : sizeof(given)));
    // What a newer program says beyond our structure must be zero, else it asks for what we do not know.
    for (size_t at = sizeof(given); at < size; ++at)
        if (TRY(arguments.read(at)) != std::byte{0}) return fail(Error::ArgumentListTooLong);

    if (given.set_tid_size != 0 || given.set_tid != 0) return fail(Error::InvalidArgument);
    if (given.exit_signal > kSigLast) return fail(Error::InvalidArgument);
    if (given.flags & (kDetached | kExitSignal)) return fail(Error::InvalidArgument);
    if ((given.flags & (kThread | kParent)) && given.exit_signal != 0) return fail(Error::InvalidArgument);
    if ((given.stack == 0) != (given.stack_size == 0)) return fail(Error::InvalidArgument);
    if (given.stack != 0 && (given.stack >= kUserEnd || given.stack_size > kUserEnd - given.stack))
        return fail(Error::InvalidArgument);
    return clone_task(context, {.flags = given.flags,
                                .exit_signal = static_cast<int>(given.exit_signal),
                                .stack = given.stack + given.stack_size,
                                .tls = given.tls,
                                .pidfd = given.pidfd,
                                .parent_tid = given.parent_tid,
                                .child_tid = given.child_tid});
}

CallResult sys_set_tid_address(CallContext& context, UserOut<int32_t> tid) {
    context.task.clear_child_tid = tid.address();
    return context.task.tid();
}

CallResult sys_unshare(CallContext& context, uint64_t flags) {
    constexpr uint64_t kPossible = kThread | kFilesystem | kFiles | kHandlers | kMemory | kSystemVSemaphores;
    if (flags & ~kPossible) return fail(Error::InvalidArgument);
    // Threads, memory and handlers are not torn apart: allowed only where nothing is shared.
    if ((flags & (kThread | kHandlers | kMemory)) && context.process.task_count() != 1)
        return fail(Error::InvalidArgument);
    if ((flags & kFilesystem) && context.filesystem().reference_count() > 1)
        context.task.set_filesystem(TRY(context.filesystem().copy()));
    if (flags & kFiles) TRY_VOID(unshare_files(context.task));
    return 0;
}

}  // namespace gyre::linux
