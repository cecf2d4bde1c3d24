// SPDX-License-Identifier: MIT
//
// What a process's end means for those below it: children without a parent, groups that nobody could continue
// (setpgid(2), _exit(2), PR_SET_CHILD_SUBREAPER and PR_SET_PDEATHSIG of prctl(2)). All of it under the tree lock.
#include "kernel/linux/exit.h"
#include "kernel/linux/process_parts.h"
#include "kernel/linux/wait.h"

namespace gyre::linux {
namespace {

Process& new_parent_for_children_of(Process& process) GYRE_REQUIRES(g_tree_lock) {
    if (process.has_subreaper_above)
        for (Process* above = process.parent; above; above = above->parent)
            if (above->is_subreaper && above->state() == ProcessState::Alive && above->live_tasks > 0) return *above;
    return *process.pid_namespace().init;
}

void send_parent_death_signals(Process& child) {
    for (Task& task : child.tasks) {
        if (task.parent_death_signal == 0 || task.has_ended) continue;
        SignalInfo info{};
        info.signal = task.parent_death_signal;
        info.code = abi::kSiUser;
        (void)send_signal(task, info);
    }
}

bool has_stopped_member(const ProcessGroup& group) {
    for (const Process& member : group.members)
        if (member.is_stopped() && member.state() == ProcessState::Alive) return true;
    return false;
}

void send_to_group(ProcessGroup& group, int signal) {
    SignalInfo info{};
    info.signal = signal;
    info.code = abi::kSiKernel;
    (void)send_signal_to_group(group, info);
}

// `group` has just lost a member's parent that tied it to its session.
void hang_up_if_orphaned(ProcessGroup& group, const Process* ignoring) GYRE_REQUIRES(g_tree_lock) {
    if (!group.is_orphaned(ignoring) || !has_stopped_member(group)) return;
    send_to_group(group, kSigHup);
    send_to_group(group, kSigContinue);
}

}  // namespace

void reparent_children_locked(Process& process, Process::TaskList& reaped) {
    if (process.children.empty()) return;
    Process& heir = new_parent_for_children_of(process);
    while (!process.children.empty()) {
        Process& child = process.children.front();
        process.children.pop_front();
        heir.children.push_back(child);
        child.parent = &heir;
        ProcessParts::parent_pid(child).store(heir.pid(), std::memory_order_relaxed);
        child.exit_signal = kSigChild;
        send_parent_death_signals(child);
        if (child.state() == ProcessState::Zombie) {
            if (notify_parent_of_end_locked(child)) reap_locked(child, reaped);
        } else if (child.group != process.group && &child.group->session() == &process.group->session()) {
            hang_up_if_orphaned(*child.group, nullptr);
        }
    }
}

void hang_up_orphaned_groups_locked(Process& process) {
    // Our own group: we may have been its last tie to the rest of the session.
    const Process* parent = process.parent;
    if (!parent || !parent->group) return;
    const bool was_tie = parent->group != process.group && &parent->group->session() == &process.group->session();
    if (was_tie) hang_up_if_orphaned(*process.group, &process);
}

}  // namespace gyre::linux
