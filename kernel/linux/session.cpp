// SPDX-License-Identifier: MIT
//
// Process groups and sessions: setpgid(2), setsid(2) and what asks for them (credentials(7); POSIX job control).
#include "call_handlers.h"
#include "kernel/linux/exit.h"
#include "kernel/linux/process_parts.h"

namespace gyre::linux {
namespace {

// The process that goes by the number, the caller for 0. Errors: NoSuchProcess.
Result<Ref<Process>> find(CallContext& context, int pid) {
    if (pid == 0) return Ref<Process>(context.process);
    if (Ref<Process> process = context.process.pid_namespace().find_process(pid)) return process;
    // A thread's number stands for its process.
    if (const Ref<Task> task = context.process.pid_namespace().find_task(pid)) return Ref<Process>(task->process());
    return fail(Error::NoSuchProcess);
}

// A parent may move the caller to another group at any moment, so that even one's own is looked at under the tree lock.
Ref<Session> session_of(const Process& process) {
    SpinGuard tree(g_tree_lock);
    return Ref<Session>(process.group->session());
}

// What setpgid(2) allows; under the tree lock.
Status check_move_locked(CallContext& context, const Process& target) GYRE_REQUIRES(g_tree_lock) {
    if (target.state() != ProcessState::Alive) return fail(Error::NoSuchProcess);
    if (&target != &context.process) {
        if (target.parent != &context.process) return fail(Error::NoSuchProcess);
        if (&target.group->session() != &context.process.group->session()) return fail(Error::NotPermitted);
        if (target.has_execed) return fail(Error::AccessDenied);
    }
    if (target.group->session().leader == &target) return fail(Error::NotPermitted);
    return {};
}

}  // namespace

CallResult sys_setpgid(CallContext& context, int pid, int pgid) {
    if (pgid < 0) return fail(Error::InvalidArgument);
    const Pid wanted_pid = pid == 0 ? context.process.pid() : pid;
    const Pid wanted_group = pgid == 0 ? wanted_pid : pgid;
    const Ref<Process> target = context.process.pid_namespace().find_process(wanted_pid);
    if (!target) return fail(Error::NoSuchProcess);
    // Made before the lock, dropped when not needed. A setsid() of another thread in between makes check_move_locked() fail:
    // the target is older than the new session.
    Ref<ProcessGroup> fresh;
    if (wanted_group == target->pid())
        fresh = TRY(make_ref<ProcessGroup>(ProcessParts::slot(*target), session_of(context.process)));
    Ref<ProcessGroup> left;
    SpinGuard tree(g_tree_lock);
    TRY_VOID(check_move_locked(context, *target));
    if (target->group->id() == wanted_group) return 0;
    if (ProcessGroup* there = find_group_locked(context.process.pid_namespace(), wanted_group)) {
        if (&there->session() != &context.process.group->session()) return fail(Error::NotPermitted);
        fresh = Ref<ProcessGroup>(there);
    } else if (!fresh) {
        return fail(Error::NotPermitted);
    }
    left = leave_group_locked(*target);
    join_group_locked(*target, std::move(fresh));
    return 0;
}

CallResult sys_getpgid(CallContext& context, int pid) {
    if (pid == 0) return context.process.relations().group;
    return TRY(find(context, pid))->relations().group;
}

CallResult sys_getpgrp(CallContext& context) { return context.process.relations().group; }

CallResult sys_getsid(CallContext& context, int pid) {
    return TRY(find(context, pid))->relations().session;
}

CallResult sys_setsid(CallContext& context) {
    Process& process = context.process;
    Ref<Session> session = TRY(make_ref<Session>(ProcessParts::slot(process)));
    Ref<ProcessGroup> group = TRY(make_ref<ProcessGroup>(ProcessParts::slot(process), session));
    Ref<ProcessGroup> left;
    SpinGuard tree(g_tree_lock);
    // A group that goes by our number would become one of two sessions.
    if (find_group_locked(process.pid_namespace(), process.pid())) return fail(Error::NotPermitted);
    session->leader = &process;
    left = leave_group_locked(process);
    join_group_locked(process, std::move(group));
    return process.pid();
}

}  // namespace gyre::linux
