// SPDX-License-Identifier: MIT
//
// The calls that send signals (kill(2), tgkill(2), rt_sigqueueinfo(2), pidfd_send_signal(2)) and the permission for it.
#include <bit>

#include "call_handlers.h"
#include "kernel/linux/pidfd.h"
#include "kernel/linux/process_tree.h"
#include "kernel/linux/signal_parts.h"

namespace gyre::linux {
namespace {

bool may_kill(const Credentials& who, const Credentials& whom) {
    const CredentialValues &a = who.values(), &b = whom.values();
    return a.effective_uid == b.saved_uid || a.effective_uid == b.uid || a.uid == b.saved_uid || a.uid == b.uid ||
           who.has(Capability::Kill);
}

// Under the tree lock.
Status check_kill_locked(CallContext& context, Process& target, const Task& task, int signal) GYRE_REQUIRES(g_tree_lock) {
    if (&target == &context.process) return {};
    const Ref<Credentials> whom = task.credentials_reference();
    if (may_kill(context.credentials(), *whom)) return {};
    // A shell may always continue its own jobs.
    if (signal == kSigContinue && target.group && context.process.group &&
        &target.group->session() == &context.process.group->session())
        return {};
    return fail(Error::NotPermitted);
}

Status check_kill(CallContext& context, const Task& task, int signal) {
    SpinGuard tree(g_tree_lock);
    return check_kill_locked(context, task.process(), task, signal);
}

// Signal 0 only asks. Under the tree lock.
Status kill_locked(CallContext& context, Process& target, const SignalInfo& info) GYRE_REQUIRES(g_tree_lock) {
    if (!target.leader_task) return fail(Error::NoSuchProcess);  // reaped meanwhile
    TRY_VOID(check_kill_locked(context, target, *target.leader_task, info.signal));
    return info.signal == 0 ? Status() : send_signal(target, info);
}

Status kill_process(CallContext& context, Pid pid, const SignalInfo& info) {
    const Ref<Task> task = context.process.pid_namespace().find_task(pid);
    if (!task) return fail(Error::NoSuchProcess);
    if (info.signal != 0 && !is_signal_number(info.signal)) return fail(Error::InvalidArgument);
    SpinGuard tree(g_tree_lock);
    return kill_locked(context, task->process(), info);
}

Status kill_members_locked(CallContext& context, ProcessGroup* group, const SignalInfo& info) GYRE_REQUIRES(g_tree_lock) {
    if (!group) return fail(Error::NoSuchProcess);
    Status outcome = fail(Error::NoSuchProcess);
    bool has_succeeded = false;
    for (Process& member : group->members) {
        outcome = kill_locked(context, member, info);
        has_succeeded |= outcome.has_value();
    }
    return has_succeeded ? Status() : outcome;
}

Status kill_group(CallContext& context, Pid number, const SignalInfo& info) {
    SpinGuard tree(g_tree_lock);
    return kill_members_locked(
        context,
        number == 0 ? context.process.group.get() : find_group_locked(context.process.pid_namespace(), number), info);
}

// All but init and oneself.
Status kill_everybody(CallContext& context, const SignalInfo& info) {
    const PidNamespace& pids = context.process.pid_namespace();
    bool has_any = false;
    Status outcome;
    for (Ref<Process> target = pids.next_process(kInitPid + 1); target; target = pids.next_process(target->pid() + 1)) {
        if (target.get() == &context.process) continue;
        SpinGuard tree(g_tree_lock);
        const Status sent = kill_locked(context, *target, info);
        if (!sent && sent.error() == Error::NoSuchProcess) continue;
        has_any = true;
        if (sent || sent.error() != Error::NotPermitted) outcome = sent;
    }
    return has_any ? outcome : fail(Error::NoSuchProcess);
}

// `tgid` 0 or below: whichever process the task belongs to.
Status kill_task(CallContext& context, Pid tgid, Pid tid, const SignalInfo& info) {
    const Ref<Task> task = context.process.pid_namespace().find_task(tid);
    if (!task || (tgid > 0 && task->process().pid() != tgid)) return fail(Error::NoSuchProcess);
    if (info.signal != 0 && !is_signal_number(info.signal)) return fail(Error::InvalidArgument);
    TRY_VOID(check_kill(context, *task, info.signal));
    return info.signal == 0 ? Status() : send_signal(*task, info);
}

SignalInfo own_info(CallContext& context, int signal, int code) {
    return user_signal_info(signal, context.task, code);
}

// Information of the program's making: it may not look as if it came from kill(2) or the kernel, except to oneself.
Status check_claim(CallContext& context, Pid target, const SignalInfo& info) {
    if ((info.code >= 0 || info.code == abi::kSiTkill) && target != context.process.pid())
        return fail(Error::NotPermitted);
    return {};
}

Result<SignalInfo> read_info(int signal, UserIn<abi::SigInfo> from) {
    SignalInfo info = TRY(from.read()).info;
    info.signal = signal;
    return info;
}

CallResult to_call_result(const Status& status) {
    if (!status) return fail(status.error());
    return 0;
}

}  // namespace

Status check_kill(CallContext& context, Process& target, int signal) {
    SpinGuard tree(g_tree_lock);
    if (!target.leader_task) return fail(Error::NoSuchProcess);
    return check_kill_locked(context, target, *target.leader_task, signal);
}

CallResult sys_kill(CallContext& context, int pid, int signal) {
    const SignalInfo info = own_info(context, signal, abi::kSiUser);
    if (pid > 0) return to_call_result(kill_process(context, pid, info));
    if (pid == INT32_MIN) return fail(Error::NoSuchProcess);
    if (signal != 0 && !is_signal_number(signal)) return fail(Error::InvalidArgument);
    return to_call_result(pid == -1 ? kill_everybody(context, info) : kill_group(context, -pid, info));
}

CallResult sys_tkill(CallContext& context, int tid, int signal) {
    if (tid <= 0) return fail(Error::InvalidArgument);
    return to_call_result(kill_task(context, 0, tid, own_info(context, signal, abi::kSiTkill)));
}

CallResult sys_tgkill(CallContext& context, int tgid, int tid, int signal) {
    if (tgid <= 0 || tid <= 0) return fail(Error::InvalidArgument);
    return to_call_result(kill_task(context, tgid, tid, own_info(context, signal, abi::kSiTkill)));
}

CallResult sys_rt_sigqueueinfo(CallContext& context, int pid, int signal, UserIn<abi::SigInfo> info) {
    const SignalInfo given = TRY(read_info(signal, info));
    TRY_VOID(check_claim(context, pid, given));
    return to_call_result(kill_process(context, pid, given));
}

CallResult sys_rt_tgsigqueueinfo(CallContext& context, int tgid, int tid, int signal, UserIn<abi::SigInfo> info) {
    const SignalInfo given = TRY(read_info(signal, info));
    if (tgid <= 0 || tid <= 0) return fail(Error::InvalidArgument);
    TRY_VOID(check_claim(context, tid, given));
    return to_call_result(kill_task(context, tgid, tid, given));
}

CallResult sys_pidfd_send_signal(CallContext& context, int pidfd, int signal, UserIn<abi::SigInfo> info, uint32_t flags) {
    // PIDFD_SIGNAL_*: at most one of them; without one the process, as pidfds are of processes.
    constexpr uint32_t kThread = 1, kThreadGroup = 2, kProcessGroup = 4;
    if ((flags & ~(kThread | kThreadGroup | kProcessGroup)) || std::popcount(flags) > 1)
        return fail(Error::InvalidArgument);
    const Ref<Process> target = TRY(process_of_pidfd(context, pidfd));
    SignalInfo given;
    if (info.is_null()) {
        given = own_info(context, signal, flags == kThread ? abi::kSiTkill : abi::kSiUser);
    } else {
        given = TRY(info.read()).info;
        if (given.signal != signal) return fail(Error::InvalidArgument);
        TRY_VOID(check_claim(context, flags == kProcessGroup ? 0 : target->pid(), given));
    }
    if (signal != 0 && !is_signal_number(signal)) return fail(Error::InvalidArgument);
    Ref<Task> leader;
    {
        SpinGuard tree(g_tree_lock);
        if (!target->leader_task) return fail(Error::NoSuchProcess);  // its number may be another's by now
        if (flags == kProcessGroup) {
            ProcessGroup* group = find_group_locked(context.process.pid_namespace(), target->pid());
            return to_call_result(kill_members_locked(context, group, given));
        }
        if (flags != kThread) return to_call_result(kill_locked(context, *target, given));
        leader = Ref<Task>(*target->leader_task);
    }
    TRY_VOID(check_kill(context, *leader, signal));
    return to_call_result(signal == 0 ? Status() : send_signal(*leader, given));
}

}  // namespace gyre::linux
